"""A structure whose page somebody keeps, and three quarters of the filling indicator."""

from datetime import datetime, timedelta

from django.db import transaction

from carbet.core import row_security
from carbet.core.actor import internal
from carbet.registries.directory.choices import CapacityStatus
from carbet.registries.directory.models import Capacity, HealthcareService, Term
from carbet.registries.offer import operations
from carbet.registries.offer.models import Completeness, Keeper
from carbet.registries.offer.rules import filling
from carbet.steering.demonstration.story import story_roles

HOUSE = internal("demonstration")
# Codes of ours, under the short name of the nomenclature whose place they take.
TERMS = {
    ("TRE_R227-Demonstration", "D227001"): "Sanitaire",
    ("TRE_R227-Demonstration", "D227002"): "Médico-social",
    ("TRE_R227-Demonstration", "D227003"): "Ville",
    ("TRE_R211-Demonstration", "D211001"): "Soins infirmiers à domicile",
    ("TRE_R211-Demonstration", "D211002"): "Hébergement de personnes âgées",
    ("TRE_R211-Demonstration", "D211003"): "Consultation spécialisée",
    ("TRE_R211-Demonstration", "D211004"): "Accompagnement à la vie quotidienne",
}


def load(*, now: datetime) -> None:
    """Write it once; what was counted and described since is never written over."""
    quarter = filling.quarter_of(now.date())
    with transaction.atomic(), row_security.acting_as(HOUSE, now=now, operation="demonstration"):
        for (nomenclature, code), label in TERMS.items():
            Term.objects.get_or_create(
                nomenclature=nomenclature, code=code, defaults={"label": label}
            )
        _keep_a_page(now)
        measured = Completeness.objects.filter(quarter=quarter).exists()
    if measured:
        return
    for days in (180, 90):
        operations.measure_completeness(actor=HOUSE, now=now - timedelta(days=days))
    with transaction.atomic(), row_security.acting_as(HOUSE, now=now, operation="demonstration"):
        HealthcareService.objects.filter(
            synthetic=True, care_mode__gt="", organization__purpose__in=("office", "home_care")
        ).update(field="D227003", activities=["D211003"])
    operations.measure_completeness(actor=HOUSE, now=now)


def _keep_a_page(now: datetime) -> None:
    nurse = story_roles()["ssiad_nurse"]
    place = nurse.organization
    service, made = HealthcareService.objects.get_or_create(
        organization=place,
        name="Soins infirmiers à domicile du littoral",
        defaults={
            "activity": "Soins infirmiers à domicile",
            "zones": ["97302", "97307", "97309"],
            "synthetic": True,
        },
    )
    if made:
        yesterday = now - timedelta(hours=26)
        for activity, installed, available in (
            ("Places de SSIAD", 60, 4),
            ("Places de SSIAD renforcé", 10, 1),
        ):
            for status, number in (
                (CapacityStatus.INSTALLED, installed),
                (CapacityStatus.AVAILABLE, available),
            ):
                Capacity.objects.create(
                    organization=place,
                    service=service,
                    activity=activity,
                    type="02",
                    temporality="01",
                    source_type="01",
                    temporary_assignment="01",
                    status=status,
                    number=number,
                    source="Déclaré par la structure (démonstration)",
                    updated_at=yesterday,
                )
    Keeper.objects.get_or_create(
        practitioner_role=nurse,
        organization=place,
        ended_at=None,
        defaults={"started_at": now, "named_by": "Région (démonstration)"},
    )
