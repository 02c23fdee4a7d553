"""Where the official examples are, when the machine has them: nothing of them is copied here."""

import os
from pathlib import Path

import pytest

DATA = Path(
    os.environ.get("CARBET_OFFICIAL_DATA", Path(__file__).parents[4].parent / "shared/data")
)
EXAMPLES = sorted((DATA / "cda" / "ExemplesCDA").glob("*.xml"))
SCHEMA = DATA / "cda" / "infrastructure" / "cda" / "CDA_extended.xsd"

# The executable rules of the minimal structure, with the engine that comes beside them.
SCHEMATRONS = DATA / "cda" / "schematrons"

needed = pytest.mark.skipif(
    not EXAMPLES, reason=f"les exemples officiels (CDA) ne sont pas dans {DATA}"
)


def example(name: str) -> bytes:
    """Return the bytes of one official example, or skip."""
    path = DATA / "cda" / "ExemplesCDA" / name
    if not path.exists():
        pytest.skip(f"{path} manque")
    return path.read_bytes()
