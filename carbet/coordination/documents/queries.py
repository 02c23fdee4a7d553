"""What can be asked of documents: the list of a person, the files, their content."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from typing import BinaryIO

from django.contrib.postgres.search import SearchQuery
from django.db.models import Exists, OuterRef, Q, QuerySet, Subquery

from carbet.coordination.documents.models import Document, File, FileWords, Piece
from carbet.coordination.documents.rules import clinical
from carbet.coordination.documents.rules.words import asked
from carbet.core import pieces, sealing
from carbet.interop import cda
from carbet.registries.patients import queries as patients
from carbet.registries.patients.models import Patient

PAGE_SIZE = 25


@dataclass(frozen=True, slots=True)
class Position:
    """Where a page of documents ends."""

    recorded_at: datetime
    pk: int


def contradiction(person: cda.Patient, patient: Patient) -> str:
    """Return why a clinical document is not about this person, in French; else nothing."""
    held = [each.value for each in patients.identifiers_of(patient_id=patient.pk) if each.is_ins]
    return clinical.contradiction(
        person,
        ins=next(iter(held), ""),
        birth_family=patient.birth_family,
        birth_given=" ".join(patient.birth_given),
        birth_date=patient.birth_date,
    )


def documents(
    *,
    patient_id: int,
    limit: int = PAGE_SIZE,
    before: Position | None = None,
    types: Iterable[str] = (),
    words: str = "",
) -> list[Document]:
    """Return the documents of a person, the latest first, each with its latest file, in one query.

    Each carries `file_number`, `file_name`, `media_type`, `size` and `width`.
    """
    found = _with_file(Document.objects.filter(patient_id=patient_id))
    if types:
        found = found.filter(type__in=list(types))
    if words.strip():
        found = found.filter(_named(words) | _saying(words))
    if before is not None:
        found = found.filter(
            Q(recorded_at__lt=before.recorded_at)
            | Q(recorded_at=before.recorded_at, pk__lt=before.pk)
        )
    return list(found.order_by("-recorded_at", "-pk")[:limit])


def _named(words: str) -> Q:
    """Return the condition "every word stands in the title or in the author's name"."""
    condition = Q()
    for word in words.split()[:5]:
        condition &= Q(title__icontains=word) | Q(author_name__icontains=word)
    return condition


def _saying(words: str) -> Q:
    """Return the condition "a version of the file says all these words", by their beginning."""
    query = asked(words)
    if not query:
        return Q(pk__in=())
    saying = FileWords.objects.filter(
        document_id=OuterRef("pk"), words=SearchQuery(query, config="simple", search_type="raw")
    )
    return Q(Exists(saying))


def _with_file(found: QuerySet[Document]) -> QuerySet[Document]:
    latest = File.objects.filter(document_id=OuterRef("pk")).order_by("-number")
    return found.annotate(
        **{
            name: Subquery(latest.values(column)[:1])
            for name, column in (
                ("file_number", "number"),
                ("file_name", "name"),
                ("media_type", "media_type"),
                ("size", "size"),
                ("width", "width"),
            )
        }
    ).select_related("author_role__organization")


def files(*, document: Document) -> list[File]:
    """Return the versions of the file of a document, the latest first, in one query."""
    return list(File.objects.filter(document_id=document.pk).order_by("-number"))


def content(*, file: File) -> BinaryIO:
    """Return the bytes of a file, at their start; beyond a megabyte they wait on disk, nameless."""
    kept = Piece.objects.filter(file_id=file.pk, rank__gt=0).order_by("rank")
    rows = kept.values_list("rank", "data").iterator(chunk_size=4)
    return pieces.joined(rows, key=file.sealed_with, file_id=file.pk)


def small_view(*, file: File) -> bytes:
    """Return the small view of an image, or nothing."""
    data = Piece.objects.filter(file_id=file.pk, rank=0).values_list("data", flat=True).first()
    if data is None:
        return b""
    return sealing.opened(bytes(data), key=file.sealed_with, file_id=file.pk, rank=0)


def with_file(document: Document, files: list[File]) -> Document:
    """Return the document carrying its latest file, as `documents` does; asks nothing more."""
    latest = files[0]
    document.file_number, document.file_name = latest.number, latest.name
    document.media_type, document.size, document.width = (
        latest.media_type,
        latest.size,
        latest.width,
    )
    return document
