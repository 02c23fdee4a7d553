"""The structures and professionals of Claire’s story, row by row, found again by their keys."""

from datetime import datetime
from typing import Any

from carbet.core import names
from carbet.registries.directory import synthetic as directory
from carbet.registries.directory.models import (
    Delegation,
    Organization,
    Practitioner,
    PractitionerRole,
)
from carbet.steering.demonstration import rights
from carbet.steering.demonstration.bulk import OWNER
from carbet.steering.demonstration.facts import bring, organization_numbers


def load(*, now: datetime) -> None:
    """Write the structures and professionals of Claire’s story; she herself comes by the story."""
    bring(
        Organization,
        {
            (directory.ORGANIZATION_SYSTEM, structure.key): {
                "purpose": structure.purpose,
                "name": structure.name,
                "category_label": structure.category_label,
                "address_line": structure.address,
                "postal_code": structure.postal_code,
                "commune_id": structure.insee,
                "phone": structure.phone,
                "secure_email": f"{structure.key}@structure.mssante.example",
                "synthetic": True,
            }
            for structure in directory.STORY_ORGANIZATIONS
        },
        "identifier_system",
        "identifier_value",
    )
    places = organization_numbers(using=OWNER)
    roles = {person.key: _story_role(person, places) for person in directory.STORY_PRACTITIONERS}
    for person in directory.STORY_PRACTITIONERS:
        if person.delegates_for:
            Delegation.objects.using(OWNER).get_or_create(
                delegator=roles[person.delegates_for],
                delegate=roles[person.key],
                defaults={"started_at": now, "ended_at": now + rights.LASTING},
            )
    for person in directory.STORY_NEWCOMERS:
        _story_role(person, places)
    rights.let_in(roles, now=now, using=OWNER)


def _story_role(person: directory.StoryPractitioner, places: dict[str, int]) -> PractitionerRole:
    key: dict[str, Any] = (
        {"rpps": person.rpps}
        if person.rpps
        else {
            "identifier_system": directory.IDENTIFIER_SYSTEM,
            "identifier_value": person.identifier,
        }
    )
    practitioner, _ = Practitioner.objects.using(OWNER).get_or_create(
        **key,
        defaults={
            "civility": person.civility,
            "family": person.family,
            "given": person.given,
            "synthetic": True,
            "search": practitioner_search(person.given, person.family),
        },
    )
    profession = directory.professions()[person.profession]
    label = profession["feminine" if person.gender == "female" else "label"]
    role, _ = PractitionerRole.objects.using(OWNER).get_or_create(
        practitioner=practitioner,
        organization_id=places[person.organization],
        profession=person.profession,
        defaults={
            "profession_label": label,
            "category": profession["category"],
            "specialty": person.specialty,
            "specialty_label": directory.specialties().get(person.specialty, ""),
            "mode": person.mode,
            "secure_email": person.secure_email,
            "phone": directory.landline_phone(200 + person.serial),
        },
    )
    return role


def story_roles() -> dict[str, PractitionerRole]:
    """Return the roles of the story's professionals by key."""
    found: dict[str, PractitionerRole] = {}
    for person in directory.STORY_PRACTITIONERS:
        held = PractitionerRole.objects.select_related("practitioner", "organization")
        if person.rpps:
            held = held.filter(practitioner__rpps=person.rpps)
        else:
            held = held.filter(
                practitioner__identifier_system=directory.IDENTIFIER_SYSTEM,
                practitioner__identifier_value=person.identifier,
            )
        found[person.key] = held.get(profession=person.profession)
    return found


def practitioner_search(given: str, family: str) -> str:
    """Return the text in which a professional is looked for by name."""
    return names.comparison_form(f"{given} {family}").lower()[:220]
