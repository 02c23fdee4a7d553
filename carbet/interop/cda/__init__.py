"""Clinical documents of the CI-SIS (CDA release 2): read safely, checked, shown, written."""

from carbet.interop.cda.checking import Finding, findings, schema_errors
from carbet.interop.cda.entries import Table
from carbet.interop.cda.header import (
    TERRITORY,
    Author,
    Code,
    Encounter,
    Header,
    Identifier,
    Name,
    Organization,
    Patient,
    Period,
    Replaced,
    Service,
)
from carbet.interop.cda.narrative import to_html
from carbet.interop.cda.reading import Document, Media, Section, plain_text, read
from carbet.interop.cda.safety import LARGEST_DOCUMENT, UnreadableDocument
from carbet.interop.cda.writing import new_identifier, write_level_one

__all__ = [
    "LARGEST_DOCUMENT",
    "TERRITORY",
    "Author",
    "Code",
    "Document",
    "Encounter",
    "Finding",
    "Header",
    "Identifier",
    "Media",
    "Name",
    "Organization",
    "Patient",
    "Period",
    "Replaced",
    "Section",
    "Service",
    "Table",
    "UnreadableDocument",
    "findings",
    "new_identifier",
    "plain_text",
    "read",
    "schema_errors",
    "to_html",
    "write_level_one",
]
