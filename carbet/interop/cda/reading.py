"""A document read: its header, its sections, what is carried in it, its words for the search."""

import base64
import binascii
import re
from dataclasses import dataclass, field

from lxml import etree

from carbet.interop.cda import entries
from carbet.interop.cda import vocabulary as v
from carbet.interop.cda.header import Code, Header, code_of, read_header, text_of
from carbet.interop.cda.safety import LARGEST_DOCUMENT, UnreadableDocument, parse

MOST_MEDIA = 60
_DATA = re.compile(r"[^A-Za-z0-9+/=]")


@dataclass(frozen=True, slots=True)
class Media:
    """A file carried inside the document: a picture of a section, the PDF of a level-1 body."""

    identifier: str
    media_type: str
    data: bytes = field(repr=False)


@dataclass(slots=True)
class Section:
    """One section: its title, its narrative as it came, the tables of its entries, its sections."""

    title: str
    code: Code | None
    narrative: etree._Element | None
    tables: list[entries.Table]
    sections: list["Section"]


@dataclass(slots=True)
class Document:
    """A clinical document. A level-1 one has `body` (a PDF, a text, a picture) and no section."""

    header: Header
    sections: list[Section]
    media: dict[str, Media]
    body: Media | None
    root: etree._Element = field(repr=False)

    @property
    def tables(self) -> list[entries.Table]:
        """Every table of entries, in the order of the sections."""
        return [table for section in _walk(self.sections) for table in section.tables]


def read(data: bytes, *, largest: int = LARGEST_DOCUMENT) -> Document:
    """Read a clinical document, alone or inside its own style sheet ("auto-présentable").

    Args:
        largest: how long it may be, in bytes.

    Raises:
        UnreadableDocument: hostile, malformed, or no clinical document.
    """
    root = clinical_document(parse(data, largest=largest))
    words = _words_by_identifier(root)
    body = root.find("h:component/h:structuredBody", v.NS)
    return Document(
        header=read_header(root),
        sections=[] if body is None else _sections(body, words),
        media=_media(root),
        body=_body(root),
        root=root,
    )


def clinical_document(root: etree._Element) -> etree._Element:
    """Return the ClinicalDocument, which a document that presents itself holds inside.

    Raises:
        UnreadableDocument: there is none.
    """
    wanted = f"{{{v.V3}}}ClinicalDocument"
    if root.tag == wanted:
        return root
    found = next(root.iter(wanted), None)
    if found is None or not root.tag.endswith("}stylesheet"):
        raise UnreadableDocument("Ce fichier XML n’est pas un document CDA.")
    return found


def plain_text(document: Document) -> str:
    """Return the words of the document, for the full-text search: title, sections, level-1 text."""
    found = [document.header.title, document.header.type.label]
    for section in _walk(document.sections):
        found += [section.title, text_of(section.narrative)]
    if document.body is not None and document.body.media_type == "text/plain":
        found.append(document.body.data.decode("utf-8", "replace"))
    return "\n".join(filter(None, found)).replace("\x00", "")


def _walk(sections: list[Section]) -> list[Section]:
    return [each for section in sections for each in (section, *_walk(section.sections))]


def _sections(parent: etree._Element, words: dict[str, str]) -> list[Section]:
    return [
        Section(
            title=text_of(each.find("h:title", v.NS)),
            code=code_of(each.find("h:code", v.NS)),
            narrative=each.find("h:text", v.NS),
            tables=entries.tables(each, words),
            sections=_sections(each, words),
        )
        for each in parent.iterfind("h:component/h:section", v.NS)
    ]


def _words_by_identifier(root: etree._Element) -> dict[str, str]:
    """Return the words of each part of a narrative that entries refer to by its ID."""
    return {
        element.get("ID", ""): text_of(element)
        for text in root.iter(f"{{{v.V3}}}text")
        for element in text.iter()
        if isinstance(element.tag, str) and element.get("ID")
    }


def _media(root: etree._Element) -> dict[str, Media]:
    found: dict[str, Media] = {}
    for rank, each in enumerate(root.iter(f"{{{v.V3}}}observationMedia")):
        if rank >= MOST_MEDIA:
            break
        read_one = _carried(each.find("h:value", v.NS), each.get("ID") or f"piece-{rank + 1}")
        if read_one is not None:
            found[read_one.identifier] = read_one
    return found


def _body(root: etree._Element) -> Media | None:
    return _carried(root.find("h:component/h:nonXMLBody/h:text", v.NS), "")


def _carried(element: etree._Element | None, identifier: str) -> Media | None:
    """Return the bytes inside an element; what it only refers to outside is not fetched."""
    if element is None:
        return None
    text = element.text or ""
    if element.get("representation") == "B64":
        try:
            data = base64.b64decode(_DATA.sub("", text), validate=True)
        except binascii.Error as error:
            raise UnreadableDocument("Le contenu encodé dans ce document est abîmé.") from error
    else:
        data = text.encode()
    return Media(identifier, element.get("mediaType", "text/plain").lower(), data) if data else None
