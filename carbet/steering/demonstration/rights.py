"""The rights of the story: everybody's, some soon to be looked at again, two requests that wait."""

from datetime import datetime, timedelta

from carbet.core import row_security
from carbet.core.actor import internal
from carbet.registries.accounts.models import Account
from carbet.registries.directory.models import PractitionerRole, Right
from carbet.registries.rights import operations
from carbet.registries.rights.models import RegistrationRequest
from carbet.steering.demonstration.bulk import OWNER

GIVEN = timedelta(days=200)
LASTING = timedelta(days=165)
# Whoever manages the rights of their structure, and whose right ends soon.
MANAGERS = ("gp", "nurse", "operator", "coordinator")
ENDING_SOON = ("former_member", "secretary")
# Who asks what, under whose structure.
ASKING = (
    ("gp", "Noémie", "Lalsie", "noemie.lalsie@carbet.example", "331", "Remplace Léa en décembre."),
    ("nurse", "Kenzo", "Apatou", "kenzo.apatou@carbet.example", "60", "Tournée du samedi."),
)


def let_in(roles: dict[str, PractitionerRole], *, now: datetime, using: str = OWNER) -> None:
    """Give each role of the story its right, unless it ever had one."""
    known = set(
        Right.objects.using(using)
        .filter(practitioner_role__in=roles.values())
        .values_list("practitioner_role_id", flat=True)
    )
    Right.objects.using(using).bulk_create(
        Right(
            practitioner_role=role,
            manages=key in MANAGERS,
            started_at=now - GIVEN,
            ended_at=now + (timedelta(days=18) if key in ENDING_SOON else LASTING),
            granted_by_name="Olivier Ringuet",
        )
        for key, role in roles.items()
        if role.pk not in known
    )


def load(roles: dict[str, PractitionerRole], *, now: datetime) -> None:
    """Ask to work in two structures, unless it was asked before."""
    house = internal("démonstration")
    for key, given, family, email, profession, words in ASKING:
        with row_security.acting_as(house, now=now):
            asked = RegistrationRequest.objects.filter(email=email).exists()
            taken = Account.objects.filter(email=email).exists()
        if not asked and not taken:
            operations.request_registration(
                actor=house,
                now=now,
                organization=roles[key].organization,
                given=given,
                family=family,
                email=email,
                profession=profession,
                words=words,
            )
