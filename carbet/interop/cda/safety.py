"""XML from outside, parsed without giving it anything: no DTD, no entity, no file, bounded."""

import re

from lxml import etree

LARGEST_DOCUMENT = 25 * 1024 * 1024
# Official examples have at most 9,000 elements and 30 levels.
MOST_ELEMENTS = 300_000
MOST_ATTRIBUTES = 600_000
DEEPEST = 90

_DECLARED = re.compile(rb"\s*<\?xml[^>]*?encoding\s*=\s*[\"']([A-Za-z0-9._-]{1,40})[\"']")
# Encodings in which "<" is the byte 60: what is looked for below cannot hide in them.
_ENCODINGS = frozenset(
    {
        "utf-8",
        "utf8",
        "us-ascii",
        "ascii",
        "iso-8859-1",
        "latin1",
        "latin-1",
        "iso-8859-15",
        "latin9",
        "windows-1252",
        "cp1252",
    }
)


class UnreadableDocument(ValueError):
    """What came cannot be read as a document; the text is a French sentence."""


def parse(data: bytes, *, largest: int = LARGEST_DOCUMENT) -> etree._Element:
    """Return the root of an XML document.

    Args:
        largest: how long it may be, in bytes.

    Raises:
        UnreadableDocument: too long, not well formed, with a DTD or an entity, too deep, too many
            elements, or in an encoding that is not expected.
    """
    if len(data) > largest:
        raise UnreadableDocument(
            f"Ce document pèse plus de {largest // 1024 // 1024} Mo : il n’est pas lu."
        )
    text = data.removeprefix(b"\xef\xbb\xbf")
    if not text.strip():
        raise UnreadableDocument("Ce document est vide.")
    _refuse_encoding(text)
    _refuse_doctype(text)
    if text.count(b"<") > 2 * MOST_ELEMENTS or text.count(b"=") > MOST_ATTRIBUTES:
        raise UnreadableDocument("Ce document contient trop d’éléments : il n’est pas lu.")
    parser = etree.XMLParser(
        resolve_entities=False,
        no_network=True,
        load_dtd=False,
        dtd_validation=False,
        # A PDF in a document is one text of several megabytes; the bounds are those above.
        huge_tree=True,
        remove_comments=True,
        remove_pis=True,
    )
    try:
        root = etree.fromstring(text, parser)
    except (etree.XMLSyntaxError, ValueError) as error:
        line = getattr(error, "lineno", None)
        where = f" (ligne {line})" if line else ""
        raise UnreadableDocument(f"Ce document XML est mal formé{where}.") from error
    _refuse_depth(root)
    return root


def _refuse_encoding(text: bytes) -> None:
    if text[:2] in (b"\xff\xfe", b"\xfe\xff") or b"\x00" in text[:4]:
        raise UnreadableDocument("Ce document n’est pas en UTF-8 : il n’est pas lu.")
    declared = _DECLARED.match(text[:400])
    if declared and declared.group(1).decode("ascii").lower() not in _ENCODINGS:
        raise UnreadableDocument("L’encodage annoncé par ce document n’est pas admis.")


def _refuse_doctype(text: bytes) -> None:
    """Look at what stands before the root element: a DTD can be nowhere else."""
    at = 0
    while True:
        at = text.find(b"<", at)
        if at < 0:
            raise UnreadableDocument("Ce fichier n’est pas un document XML.")
        if text.startswith(b"<?", at):
            end = text.find(b"?>", at)
        elif text.startswith(b"<!--", at):
            end = text.find(b"-->", at + 4)
        elif text.startswith(b"<!", at):
            raise UnreadableDocument("Un document CDA ne déclare ni DOCTYPE ni entité.")
        else:
            return
        if end < 0:
            raise UnreadableDocument("Ce document XML est mal formé.")
        at = end + 2


def _refuse_depth(root: etree._Element) -> None:
    depth = 0
    for event, _ in etree.iterwalk(root, events=("start", "end")):
        depth += 1 if event == "start" else -1
        if depth > DEEPEST:
            raise UnreadableDocument("Ce document est trop profond : il n’est pas lu.")
