"""What pages show of a document: its kind and weight in words, who filed it, what may be done."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date, datetime

from carbet.coordination.documents import access
from carbet.coordination.documents.choices import Confidentiality, DocumentStatus, Origin
from carbet.coordination.documents.models import Document, File
from carbet.coordination.documents.rules import content
from carbet.core.actor import Actor
from carbet.core.sharing import Visibility


@dataclass(frozen=True, slots=True)
class Shown:
    """One document as a page shows it, with the latest version of its file."""

    pk: int
    title: str
    type: str
    kind: str
    size: str
    number: int
    name: str
    is_image: bool
    made_on: date | None
    recorded_at: datetime
    author: str
    role: str
    place: str
    restricted: str
    visibility: str
    struck: bool
    struck_reason: str
    opens: bool
    may_mend: bool
    version: int
    origin: str
    superseded: bool
    reads: bool
    # A clinical document in force leaves by secure mail, for whoever writes here.
    sends: bool


def document(found: Document, *, actor: Actor, may_write: bool = False) -> Shown:
    """Return what is shown of a document that carries its latest file (`queries`)."""
    struck = found.status == DocumentStatus.ENTERED_IN_ERROR
    own = access.is_own(found, actor)
    role = found.author_role
    return Shown(
        pk=found.pk,
        title=found.title,
        type=found.get_type_display(),
        kind=content.KINDS.get(found.media_type, ("", "Fichier"))[1],
        size=content.write_size(found.size or 0),
        number=found.file_number or 1,
        name=found.file_name or "",
        is_image=found.width is not None,
        made_on=found.made_on,
        recorded_at=found.recorded_at,
        author=found.author_name,
        role=role.label if role else "",
        place=role.organization.name if role else "",
        restricted=""
        if found.confidentiality == Confidentiality.NORMAL
        else f"Confidentialité {found.get_confidentiality_display().lower()}",
        visibility=""
        if found.visibility == Visibility.CIRCLE
        else str(found.get_visibility_display()),
        struck=struck,
        struck_reason=found.status_reason,
        opens=not struck or own,
        may_mend=may_write and own and not struck,
        version=found.version,
        origin="" if found.origin == Origin.HERE else str(found.get_origin_display()),
        superseded=found.status == DocumentStatus.SUPERSEDED,
        reads=(not struck or own) and found.media_type in content.READ_HERE,
        sends=may_write
        and found.status == DocumentStatus.CURRENT
        and found.media_type == content.CDA,
    )


def documents(found: Iterable[Document], *, actor: Actor) -> list[Shown]:
    """Return what is shown of several documents."""
    return [document(each, actor=actor) for each in found]


@dataclass(frozen=True, slots=True)
class Version:
    """One version of a file, as shown."""

    number: int
    name: str
    kind: str
    size: str
    reason: str
    author: str
    recorded_at: datetime
    digest: str


def versions(files: Iterable[File]) -> list[Version]:
    """Return the versions of a file, as shown."""
    return [
        Version(
            each.number,
            each.name,
            content.KINDS.get(each.media_type, ("", "Fichier"))[1],
            content.write_size(each.size),
            each.reason,
            each.author_name,
            each.recorded_at,
            each.digest[:16],
        )
        for each in files
    ]
