"""The notebook in FHIR: notes (guide CdL 3.0.0), measures (guide MES 3.2.0), their files."""

from carbet.coordination.notebook.fhir.reading import (
    MeasureRead,
    NoteRead,
    read_measure,
    read_note,
)
from carbet.coordination.notebook.fhir.writing import (
    binaries,
    measures,
    note_versions,
    notes,
)

__all__ = [
    "MeasureRead",
    "NoteRead",
    "binaries",
    "measures",
    "note_versions",
    "notes",
    "read_measure",
    "read_note",
]
