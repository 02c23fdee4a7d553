"""A file as a page shows it: a clinical document by its sections, a PDF by its pages, a text."""

from dataclasses import dataclass, field
from functools import partial
from html import escape

from django.utils.safestring import SafeString, mark_safe

from carbet.coordination.documents.rules import content, pdf
from carbet.core.templatetags.carbet import moment as written_moment
from carbet.interop import cda

MOST_PAGES = 20
MOST_TEXT = 200_000
_LEVELS = {"N": "Normale", "R": "Restreinte", "V": "Très restreinte"}


@dataclass(frozen=True, slots=True)
class TableShown:
    """One table; each cell comes with the name of its column, which a phone shows beside it."""

    title: str
    columns: tuple[str, ...]
    rows: list[list[tuple[str, str]]]


@dataclass(frozen=True, slots=True)
class SectionShown:
    """One section: its title, its narrative already safe, its tables."""

    title: str
    html: SafeString
    tables: list[TableShown]


@dataclass(slots=True)
class Reading:
    """What is shown of one version of a file.

    `pages` are the numbers of the pages to draw, of the file itself or of the piece `part` in it;
    `pieces` are the files carried inside: (number, label).
    """

    facts: list[tuple[str, str]] = field(default_factory=list)
    sections: list[SectionShown] = field(default_factory=list)
    text: str = ""
    pages: range = range(0)
    more_pages: int = 0
    part: int | None = None
    picture: int | None = None
    pieces: list[tuple[int, str]] = field(default_factory=list)
    unreadable: str = ""


def reading(data: bytes, media_type: str, *, address: str | None) -> Reading:
    """Return what is shown of a file.

    Args:
        address: where its pieces are drawn, to which the number of one is appended; None where
            they have none, and are only named.
    """
    shown = Reading()
    try:
        if media_type == content.CDA:
            _clinical(shown, data, address)
        elif media_type == content.PDF:
            _pages(shown, data)
        elif media_type == content.TEXT:
            shown.text = data[:MOST_TEXT].decode("utf-8-sig", "replace")
        else:
            shown.unreadable = "Ce type de fichier ne s’affiche pas ici : téléchargez-le."
    except (content.UnknownContent, cda.UnreadableDocument) as refusal:
        shown.unreadable = str(refusal)
    return shown


def carried(document: cda.Document) -> list[cda.Media]:
    """Return the files inside a clinical document, the body first: their order is their number."""
    return ([document.body] if document.body else []) + list(document.media.values())


def _clinical(shown: Reading, data: bytes, address: str | None) -> None:
    document = cda.read(data)
    pieces = carried(document)
    numbers = {media.identifier: number for number, media in enumerate(pieces)}
    picture = partial(_picture, pieces=pieces, numbers=numbers, address=address)
    shown.facts = _facts(document.header)
    shown.sections = [_section(each, picture) for each in _walk(document.sections)]
    shown.pieces = [
        (number, content.KINDS.get(media.media_type, ("", "Fichier"))[1])
        for number, media in enumerate(pieces)
        if not media.media_type.startswith("image/") and media.media_type != "text/plain"
    ]
    body = document.body
    if body is None:
        return
    if body.media_type == content.PDF:
        shown.part = 0
        _pages(shown, body.data)
    elif body.media_type.startswith("image/"):
        shown.picture = 0
    elif body.media_type == "text/plain":
        shown.text = body.data[:MOST_TEXT].decode("utf-8", "replace")


def _pages(shown: Reading, data: bytes) -> None:
    count = pdf.count(data)
    shown.pages = range(1, min(count, MOST_PAGES) + 1)
    shown.more_pages = max(0, count - MOST_PAGES)


def _walk(sections: list[cda.Section]) -> list[cda.Section]:
    return [each for section in sections for each in (section, *_walk(section.sections))]


def _section(section: cda.Section, picture: partial[str]) -> SectionShown:
    narrative = section.narrative
    html = "" if narrative is None else cda.to_html(narrative, picture=picture)
    label = section.code.label if section.code else ""
    tables = [
        TableShown(
            each.title,
            each.columns,
            [list(zip(each.columns, row, strict=True)) for row in each.rows],
        )
        for each in section.tables
    ]
    # Made of a closed list of elements, every word escaped (`interop.cda.narrative`).
    return SectionShown(section.title or label or "Section", mark_safe(html), tables)  # noqa: S308


def _picture(
    identifier: str, *, pieces: list[cda.Media], numbers: dict[str, int], address: str | None
) -> str:
    number = numbers.get(identifier)
    if number is None:
        return ""
    label = content.KINDS.get(pieces[number].media_type, ("", "Fichier"))[1]
    if address is None:
        return f"<em>{escape(label)} {number + 1}</em>"
    where = f"{escape(address)}{number}/"
    if pieces[number].media_type.startswith("image/"):
        return f'<img class="photo" loading="lazy" src="{where}" alt="Image du document">'
    return f'<a href="{where}">{escape(label)} {number + 1}</a>'


def _facts(header: cda.Header) -> list[tuple[str, str]]:
    person = header.patient
    born = person.birth_date.strftime("%d/%m/%Y") if person.birth_date else ""
    named = " ".join(filter(None, (person.birth_family, person.first_given or person.birth_given)))
    facts = [
        ("Personne", ", ".join(filter(None, (named, born)))),
        ("Type", header.type.label or header.type.code),
        ("Écrit le", written_moment(header.effective_at) if header.effective_at else ""),
        ("Auteur", "; ".join(map(_professional, header.authors))),
        ("Responsable", _professional(header.legal_authenticator)),
        ("Destinataires", "; ".join(map(_professional, header.recipients))),
        ("Conservé par", header.custodian.name if header.custodian else ""),
        ("Confidentialité", _LEVELS.get(header.confidentiality, header.confidentiality)),
        ("Version de l’auteur", str(header.version)),
    ]
    return [(term, said) for term, said in facts if said]


def _professional(author: cda.Author | None) -> str:
    if author is None:
        return ""
    place = author.organization.name if author.organization else ""
    what = author.specialty.label if author.specialty else ""
    return ", ".join(dict.fromkeys(filter(None, (str(author), what, place))))
