"""How a file is kept: cut in pieces, sealed, its words set apart for the search."""

from datetime import datetime

from django.db.models import Func, Value
from procrastinate.contrib.django import app

from carbet.coordination.care_teams import queries as care_teams
from carbet.coordination.documents.models import Document, File, FileWords, Piece
from carbet.coordination.documents.rules import clinical, content
from carbet.coordination.documents.rules.receiving import Received
from carbet.coordination.documents.rules.words import words_of
from carbet.core import live, pieces, sealing, sharing
from carbet.core.actor import DataCategory, Level
from carbet.core.append import append


def keep(
    document: Document,
    received: Received,
    *,
    number: int,
    author: str,
    now: datetime,
    reason: str = "",
) -> File:
    """Write the file in pieces: memory holds one at a time, whatever its size."""
    file = File(
        document=document,
        patient_id=document.patient_id,
        number=number,
        name=received.name,
        media_type=received.media_type,
        size=received.size,
        digest=received.digest,
        width=received.width,
        height=received.height,
        sealed_with=sealing.sealing_key(),
        reason=reason[:200],
        author_name=author[:200],
        recorded_at=now,
    )
    file.save(force_insert=True)
    kept = pieces.cut(received.content, key=file.sealed_with, file_id=file.pk, small=received.small)
    for rank, data in kept:
        append([Piece(file=file, patient_id=document.patient_id, rank=rank, data=data)])
    if received.media_type in (content.CDA, content.TEXT):
        received.content.seek(0)
        write_words(file, _words(received))
    elif received.media_type == content.PDF:
        # Read later, by another process: a PDF may take seconds.
        app.configure_task("documents.read_words", queue="default").defer(file_id=file.pk)
    return file


def write_words(file: File, text: str) -> None:
    """Set the words of a file apart for the search."""
    words: str | Func = words_of(text)
    vector = Func(
        Value("simple"),
        Value(words),
        function="to_tsvector",
        template="%(function)s(%(expressions)s)",
    )
    FileWords.objects.create(
        file=file, patient_id=file.patient_id, document_id=file.document_id, words=vector
    )


def refresh_screens(document: Document, *, now: datetime) -> None:
    """Tell the open screens of those who see a document that it changed."""
    readers = care_teams.keys_of_level(
        patient_id=document.patient_id,
        level=Level.READ,
        category=DataCategory(document.category),
    )
    live.announce(
        [
            key
            for key in readers
            if sharing.is_told(key, visibility=document.visibility, readers=document.readers)
        ],
        "document",
        now=now,
    )


def _words(received: Received) -> str:
    data = received.content.read()
    if received.media_type == content.TEXT:
        return data.decode("utf-8", "replace")
    try:
        return clinical.describe(data).words
    except clinical.UnreadableDocument:
        return ""
