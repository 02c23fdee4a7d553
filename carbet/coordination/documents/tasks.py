"""What the worker does for documents: read the words of PDF files, for the search."""

import contextlib

from procrastinate.contrib.django import app

from carbet.coordination.documents import operations, queries
from carbet.coordination.documents.models import File
from carbet.coordination.documents.rules import pdf
from carbet.coordination.documents.rules.content import UnknownContent
from carbet.core import row_security
from carbet.core.actor import internal
from carbet.core.clock import now as current_time


@app.task(name="documents.read_words", queue="default", retry=2)
def read_words(file_id: int) -> None:
    """Read the words of a PDF in a process of its own; a spoilt one keeps no word."""
    reader, now = internal("lecture des fichiers"), current_time()
    with row_security.acting_as(reader, now=now):
        file = File.objects.filter(pk=file_id).first()
        if file is None:
            return
        with queries.content(file=file) as kept:
            data = kept.read()
    text = ""
    with contextlib.suppress(UnknownContent):
        text = pdf.words(data)
    operations.keep_words(actor=reader, now=now, file=file, text=text)
