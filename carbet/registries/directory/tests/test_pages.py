"""The page of a structure: what it offers, to whom, when, and beds that say what they are."""

from datetime import UTC, datetime

import pytest
from django.urls import reverse

from carbet.core import clock
from carbet.registries.directory.models import (
    Capacity,
    Closure,
    HealthcareService,
    OpeningHours,
    Term,
)

pytestmark = pytest.mark.django_db


@pytest.fixture
def page(world, sign_in, monkeypatch):
    """Return a function that gives the page of the support team's structure, in plain spaces."""
    monkeypatch.setattr(clock, "now", lambda: world.now)
    client = sign_in(world.accounts["gp"], role=world.roles["gp"])
    address = reverse("directory:organization", args=[world.places["dac"].pk])

    def page():
        return client.get(address).content.decode().replace("\u00a0", " ")

    return page


def test_a_service_says_to_whom_how_and_when(world, page):
    Term.objects.create(nomenclature="TRE_R210-X", code="A1", label="Injection de toxine")
    Term.objects.create(nomenclature="TRE_R213-X", code="32", label="Consultation")
    # Of another nomenclature, the same code is another thing.
    Term.objects.create(nomenclature="TRE_R212-X", code="A1", label="Scanner")
    service = HealthcareService.objects.create(
        organization=world.places["dac"], name="Rééducation", acts=["A1"], care_mode="32",
        age_low=18, age_high=150, zones=["97307"], phone="0594000000", appointment_required=True,
    )  # fmt: skip
    for day in range(1, 6):
        OpeningHours.objects.create(
            service=service, weekday=day, opens_at="08:00", closes_at="17:30"
        )
    Closure.objects.create(
        service=service, starts_on="2099-01-01", ends_on="2099-01-15", reason="Travaux"
    )
    Closure.objects.create(service=service, starts_on="2020-01-01", ends_on="2020-01-15")
    said = page()
    for words in (
        "Injection de toxine",
        "Consultation",
        "à partir de 18 ans",
        "Se déplace à : Matoury",
        "lundi au vendredi 8 h à 17 h 30",
        "Fermé à partir du 01/01/2099, réouverture le 15/01/2099 : Travaux",
        "Sur rendez-vous",
        "05 94 00 00 00",
    ):
        assert words in said, words
    assert "Scanner" not in said
    assert "2020" not in said


def test_beds_say_their_state_and_for_whom(world, page):
    row = {
        "organization": world.places["dac"],
        "activity": "Aile A",
        "source": "ROR national",
        "updated_at": world.now,
    }
    Capacity.objects.create(**row, status="01", number=15)
    Capacity.objects.create(**row, status="02", number=3, gender="01")
    Capacity.objects.create(**row, status="02", number=9, temporality="02", crisis_type="02")
    said = page()
    for words in (
        ">15 installés<",
        ">Disponible, femmes : 3<",
        "prévision, en situation de crise : 9",
    ):
        assert words in said, words
    Capacity.objects.create(**row, status="02", number=1)
    Capacity.objects.filter(status="01").update(updated_at=datetime(2023, 12, 31, 3, tzinfo=UTC))
    said = page()
    assert ">1 libre sur 15<" in said
    assert "installés" not in said
    Capacity.objects.filter(status="02", gender="").update(number=0, temporality="01")
    assert "Aucune place" in page()
    Capacity.objects.filter(status="02").delete()
    assert ">31/12/2023<" in page()  # only a day was said


def test_a_sensitive_unit_is_not_described(world, page):
    HealthcareService.objects.create(
        organization=world.places["dac"], name="Unité sensible", sensitive=True
    )
    assert "Unité sensible" not in page()
