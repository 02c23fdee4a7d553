"""What reading is given, what it gives, and how it says that it cannot."""

from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from carbet.core.fhir import Json

KINDS = (
    "Organization",
    "Practitioner",
    "Location",
    "HealthcareService",
    "PractitionerRole",
    "Endpoint",
)
LONGEST_ID = 64


@dataclass(frozen=True)
class Context:
    """What reading must know: the communes of the territory, the moment, how strict to be."""

    now: datetime
    # The postal codes of each INSEE code of the territory.
    communes: dict[str, list[str]]
    # Official examples bear invented numbers, whose key is wrong.
    invented_numbers: bool = False
    source_system: str = ""


@dataclass
class Said:
    """A resource as read: our columns, its links, what is kept beside, what hangs on it.

    `attached`: rows of other tables, under "mailboxes", "hours", "closures", "capacities", "terms".
    """

    kind: str
    source_id: str
    label: str = ""
    said_at: datetime | None = None
    fields: dict[str, Any] = field(default_factory=dict)
    references: dict[str, Json] = field(default_factory=dict)
    kept: Json = field(default_factory=dict)
    attached: dict[str, list[Json]] = field(default_factory=dict)
    digest: str = ""


class UnableToRead(Exception):
    """A resource cannot be kept; the sentence says why, in French, without any address."""

    def __init__(self, reason: str, *, kind: str = "", source_id: str = "") -> None:
        super().__init__(reason)
        self.reason = reason
        self.kind = kind
        self.source_id = source_id
        # Fingerprints of its mailboxes on the red list: hidden even so.
        self.hidden: list[str] = []
