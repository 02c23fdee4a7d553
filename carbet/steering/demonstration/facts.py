"""Real places and what they offer: communes, establishments, capacities and services.

They come row by row and are found again by their keys: what misses is added, the rest mended.
"""

from datetime import datetime
from typing import Any

from django.db import models
from django.utils import timezone

from carbet.registries.directory import synthetic as directory
from carbet.registries.directory.choices import OrganizationKind, Purpose
from carbet.registries.directory.models import (
    Capacity,
    Commune,
    HealthcareService,
    Organization,
)
from carbet.steering.demonstration.bulk import OWNER

SOURCE_OF_CAPACITIES = "SAE 2023 (DREES)"
INSTALLED = "01"

Key = tuple[Any, ...]


def bring(model: type[models.Model], rows: dict[Key, dict[str, Any]], *key: str) -> None:
    """Make the rows of `model` say what `rows` says, by key: add those that miss, mend the others.

    A handful of queries, whatever the number of rows; rows that are right are left alone.
    """
    found = {
        tuple(getattr(row, name) for name in key): row
        for row in model._default_manager.using(OWNER).filter(
            **{f"{key[0]}__in": {each[0] for each in rows}}
        )
    }
    missing, changed = [], []
    for each, values in rows.items():
        row = found.get(each)
        if row is None:
            missing.append(model(**dict(zip(key, each, strict=True)), **values))
        elif any(getattr(row, name) != value for name, value in values.items()):
            for name, value in values.items():
                setattr(row, name, value)
            changed.append(row)
    model._default_manager.using(OWNER).bulk_create(missing)
    if changed:
        names_changed = list(next(iter(rows.values())))
        model._default_manager.using(OWNER).bulk_update(changed, names_changed)


def load() -> None:
    """Write the communes, establishments, capacities and services, or mend them."""
    bring(
        Commune,
        {
            (row["insee"],): {
                "name": row["name"],
                "postal_codes": row["postal_codes"],
                "population": row["population"],
                "epci": row["epci"]["name"],
                "latitude": row["latitude"],
                "longitude": row["longitude"],
                "access": row["reach"],
                "river": row["river"] or "",
            }
            for row in directory.facts("communes")["communes"]
        },
        "code",
    )
    document = directory.facts("establishments")
    bring(
        Organization,
        {
            (row["finess"], OrganizationKind.LEGAL.value): _legal_entity(row)
            for row in document["legal_entities"]
        },
        "finess",
        "kind",
    )
    legal = dict(
        Organization.objects.using(OWNER)
        .filter(kind=OrganizationKind.LEGAL)
        .values_list("finess", "pk")
    )
    known, others = {}, {}
    for row in document["establishments"]:
        values = _site(row, legal)
        if row["finess"]:
            known[row["finess"], OrganizationKind.GEOGRAPHICAL.value] = values
        else:
            others[directory.ORGANIZATION_SYSTEM, row["key"]] = values
    bring(Organization, known, "finess", "kind")
    bring(Organization, others, "identifier_system", "identifier_value")
    sites = organization_numbers(using=OWNER)
    bring(
        Capacity,
        {
            (sites[row["key"]], f"{capacity['label']}, {unit}", INSTALLED, SOURCE_OF_CAPACITIES): {
                "number": number,
                "updated_at": _midnight(row["capacities_on"]),
            }
            for row in document["establishments"]
            for capacity in row["capacities"]
            for unit, number in (("lits", capacity["beds"]), ("places", capacity["places"]))
            if number
        },
        "organization_id",
        "activity",
        "status",
        "source",
    )
    bring(
        HealthcareService,
        {
            (sites[row["site"]], row["name"]): {
                "activity": row["activity"],
                "comment": row["comment"] or "",
                "synthetic": row["synthetic"],
            }
            for row in directory.facts("services")["services"]
        },
        "organization_id",
        "name",
    )


def _midnight(day: str) -> datetime:
    """Return when a day began in the territory."""
    return datetime.fromisoformat(day).replace(tzinfo=timezone.get_default_timezone())


def _legal_entity(row: dict[str, Any]) -> dict[str, Any]:
    return {
        "purpose": Purpose.HOSPITAL.value,
        "name": row["name"],
        "category_code": row["category_code"] or "",
        "category_label": row["category_label"] or "",
        "commune_id": row["insee"],
        "phone": row["phone"] or "",
    }


def _site(row: dict[str, Any], legal: dict[str, int]) -> dict[str, Any]:
    return {
        "purpose": row["purpose"],
        "part_of_id": legal.get(row["legal_finess"]),
        "name": row["name"],
        "category_code": row["category_code"] or "",
        "category_label": row["category_label"] or "",
        "address_line": row["address"] or "",
        "postal_code": row["postal_code"],
        "commune_id": row["insee"],
        "phone": row["phone"] or "",
        "synthetic": row["synthetic"],
    }


def organization_numbers(*, using: str) -> dict[str, int]:
    """Return the row numbers of establishments and of the story's structures, by key."""
    by_finess = {
        row["finess"]: row["key"]
        for row in directory.facts("establishments")["establishments"]
        if row["finess"]
    }
    story = {each.key for each in directory.STORY_ORGANIZATIONS} | {
        row["key"] for row in directory.facts("establishments")["establishments"]
    }
    found = Organization.objects.using(using).filter(kind=OrganizationKind.GEOGRAPHICAL)
    numbers = {
        by_finess[finess]: number
        for finess, number in found.filter(finess__in=by_finess).values_list("finess", "pk")
    }
    numbers.update(
        found.filter(
            identifier_system=directory.ORGANIZATION_SYSTEM, identifier_value__in=story
        ).values_list("identifier_value", "pk")
    )
    return numbers
