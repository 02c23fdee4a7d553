"""What a record is made of, in FHIR R4: one list, for a person and for the territory."""

from carbet.interop.exports.fhir.sections import (
    DIRECTORY,
    FILES,
    SECTIONS,
    Files,
    Section,
    bundle_entry,
    referred,
)

__all__ = ["DIRECTORY", "FILES", "SECTIONS", "Files", "Section", "bundle_entry", "referred"]
