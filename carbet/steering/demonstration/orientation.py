"""An invented offer around the real one, rich enough that a search has something to answer."""

import json
from collections.abc import Iterator
from datetime import datetime, time, timedelta
from pathlib import Path
from typing import Any

from django.db import connections

from carbet.registries.directory import synthetic as directory
from carbet.registries.directory.choices import CapacityStatus
from carbet.registries.directory.models import (
    Capacity,
    HealthcareService,
    OpeningHours,
    Organization,
    Term,
)
from carbet.steering.demonstration.bulk import OWNER
from carbet.steering.demonstration.facts import bring

SOURCE = "Déclaré par la structure (démonstration)"
# Codes of ours, under the short name of the nomenclature whose place they take.
ACTS, EQUIPMENT = "TRE_R210-Demonstration", "TRE_R212-Demonstration"
PUBLICS, CARE_MODES = "TRE_R239-Demonstration", "TRE_R213-Demonstration"
_PLACE = "02"


def offer() -> dict[str, Any]:
    """Return the data file of the invented offer."""
    path = Path(__file__).parent / "data" / "offer.json"
    document: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
    return document


def load(*, now: datetime) -> None:
    """Write the invented structures with their services, hours and places, or mend them.

    What a structure has counted since is never written over.
    """
    document = offer()
    codes = _terms(document)
    bring(
        Organization,
        {
            (directory.ORGANIZATION_SYSTEM, row["key"]): {
                "purpose": row["purpose"],
                "name": row["name"],
                "category_label": row["category_label"],
                "commune_id": row["insee"],
                "postal_code": _postal_codes()[row["insee"]],
                "phone": directory.landline_phone(3000 + rank),
                "secure_email": f"{row['key']}@structure.mssante.example",
                "synthetic": True,
            }
            for rank, row in enumerate(document["structures"])
        },
        "identifier_system",
        "identifier_value",
    )
    places = dict(
        Organization.objects.using(OWNER)
        .filter(identifier_system=directory.ORGANIZATION_SYSTEM)
        .values_list("identifier_value", "pk")
    )
    bring(
        HealthcareService,
        {
            (places[row["key"]], service["name"]): {
                "activity": service["activity"],
                "comment": service.get("comment", ""),
                "acts": [codes[ACTS, act] for act in service["acts"]],
                "equipment": [codes[EQUIPMENT, each] for each in service["equipment"]],
                "publics": [codes[PUBLICS, service["public"]]],
                "care_mode": codes[CARE_MODES, service["care_mode"]],
                "zones": service.get("zones", []),
                "synthetic": True,
            }
            for row, service in _services(document)
        },
        "organization_id",
        "name",
    )
    _hours_and_places(document, places, now)


def index() -> None:
    """Make the search table again: the crowd is copied with triggers silenced."""
    with connections[OWNER].cursor() as cursor:
        cursor.execute("SELECT orientation_rebuild()")


def _services(document: dict[str, Any]) -> Iterator[tuple[dict[str, Any], dict[str, Any]]]:
    for row in document["structures"]:
        for service in row["services"]:
            yield row, service


def _postal_codes() -> dict[str, str]:
    return {row["insee"]: row["postal_codes"][0] for row in directory.facts("communes")["communes"]}


def _terms(document: dict[str, Any]) -> dict[tuple[str, str], str]:
    """Write the labels of the invented codes; return the codes by nomenclature and label."""
    labels: dict[tuple[str, str], str] = {}
    for _, service in _services(document):
        for nomenclature, said in (
            (ACTS, service["acts"]),
            (EQUIPMENT, service["equipment"]),
            (PUBLICS, [service["public"]]),
            (CARE_MODES, [service["care_mode"]]),
        ):
            for label in said:
                rank = sum(1 for known, _ in labels if known == nomenclature) + 1
                labels.setdefault((nomenclature, label), f"D{nomenclature[5:8]}{rank:03d}")
    bring(
        Term,
        {(nomenclature, code): {"label": label} for (nomenclature, label), code in labels.items()},
        "nomenclature",
        "code",
    )
    return labels


def _hours_and_places(document: dict[str, Any], places: dict[str, int], now: datetime) -> None:
    services = {
        (organization, name): pk
        for pk, organization, name in HealthcareService.objects.using(OWNER)
        .filter(organization_id__in=places.values(), synthetic=True)
        .values_list("pk", "organization_id", "name")
    }
    opened = set(
        OpeningHours.objects.using(OWNER)
        .filter(service_id__in=services.values())
        .values_list("service_id", flat=True)
    )
    counted = set(
        Capacity.objects.using(OWNER)
        .filter(service_id__in=services.values())
        .values_list("service_id", flat=True)
    )
    hours, capacities = [], []
    for row, service in _services(document):
        pk = services[places[row["key"]], service["name"]]
        if pk not in opened:
            hours += [
                OpeningHours(
                    service_id=pk, weekday=day, opens_at=_time(opens), closes_at=_time(closes)
                )
                for first, last, opens, closes in document["hours"][service["hours"]]
                for day in range(first, last + 1)
            ]
        room = service.get("places")
        if room and pk not in counted:
            capacities += [
                Capacity(
                    organization_id=places[row["key"]],
                    service_id=pk,
                    activity=room["activity"],
                    type=_PLACE,
                    temporality="01",
                    source_type="01",
                    temporary_assignment="01",
                    status=status,
                    number=number,
                    source=SOURCE,
                    updated_at=now - timedelta(hours=room["hours_ago"]),
                )
                for status, number in (
                    (CapacityStatus.INSTALLED, room["installed"]),
                    (CapacityStatus.AVAILABLE, room["available"]),
                )
            ]
    OpeningHours.objects.using(OWNER).bulk_create(hours)
    Capacity.objects.using(OWNER).bulk_create(capacities)


def _time(said: str) -> time | None:
    """Read an hour; the whole day has none."""
    return None if said in ("00:00", "24:00") else time.fromisoformat(said)
