"""The questionnaires that come with Carbet: one file a version, in `data/`.

A version is never edited once released: what changes is a new file and a migration that calls
`load`. The former version is then retired, and keeps the answers it was given.
"""

from pathlib import Path
from typing import Any

import orjson
from django.utils import timezone

FOLDER = Path(__file__).parent / "data"


def files() -> list[dict[str, Any]]:
    """Return the FHIR Questionnaires of the library, by file name."""
    return [orjson.loads(path.read_bytes()) for path in sorted(FOLDER.glob("*.json"))]


def load(apps: Any, schema_editor: Any) -> None:
    """Add the versions that are not there yet, and retire those that a file says retired."""
    model = apps.get_model("assessments", "Questionnaire")
    now = timezone.now()
    for definition in files():
        retired = definition["status"] == "retired"
        model.objects.get_or_create(
            url=definition["url"],
            version=definition["version"],
            defaults={
                "title": definition["title"],
                "status": definition["status"],
                "definition": definition,
                "updated_at": now,
                "published_at": now,
                "retired_at": now if retired else None,
            },
        )
