"""What can be asked of the front door: which regional services exist, for whom, in what state."""

import json
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

from django.urls import NoReverseMatch, reverse

from carbet.core.actor import Actor

_CATALOGUE = Path(__file__).parent / "data" / "services.json"
# The status of a service, in words, with its tone.
STATUSES = {
    "open": ("En service", "success"),
    "trial": ("À l’essai", "info"),
    "elsewhere": ("Hors de Carbet", "neutral"),
    "planned": ("En préparation", "warning"),
}


@dataclass(frozen=True, slots=True)
class Service:
    """A regional service: what it is, for whom, its state, how to get it."""

    key: str
    name: str
    icon: str
    summary: str
    audience: str
    status: str
    tone: str
    how: str
    href: str
    is_elsewhere: bool


def services(*, actor: Actor) -> list[Service]:
    """Return the services of the catalogue, each with its address where the actor may enter."""
    return [_service(row, actor) for row in _rows()]


@cache
def _rows() -> list[dict[str, Any]]:
    rows: list[dict[str, Any]] = json.loads(_CATALOGUE.read_text())
    return rows


def _service(row: dict[str, Any], actor: Actor) -> Service:
    words, tone = STATUSES[row["status"]]
    href = row.get("link", "")
    if "address" in row and ("capability" not in row or actor.can(row["capability"])):
        try:
            href = reverse(row["address"])
        except NoReverseMatch:
            href = ""
    return Service(
        key=row["key"],
        name=row["name"],
        icon=row["icon"],
        summary=row["summary"],
        audience=row["for"],
        status=words,
        tone=tone,
        how=row["how"],
        href=href,
        is_elsewhere="link" in row,
    )
