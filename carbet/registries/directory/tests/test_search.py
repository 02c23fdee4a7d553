"""The directory: found despite accents and a wrong letter, narrowed, said with dates."""

from datetime import UTC, datetime

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.urls import reverse

from carbet.core.identifiers import make_rpps
from carbet.registries.directory import queries
from carbet.registries.directory.choices import Category
from carbet.registries.directory.models import (
    Capacity,
    HealthcareService,
    Practitioner,
    PractitionerRole,
)

pytestmark = pytest.mark.django_db


@pytest.fixture
def gp(world, sign_in):
    return sign_in(world.accounts["gp"], role=world.roles["gp"])


def names(page):
    return [role.practitioner.family for role in page.rows]


@pytest.mark.parametrize(
    ("typed", "first"),
    [
        ("robeiri", "Robeiri"),
        ("ROBEYRI", "Robeiri"),
        ("ines robeiri", "Robeiri"),
        ("infirmiere matoury", "Robeiri"),
        ("kinesitherapeute", "Tianon"),
        ("le bihan", "Le Bihan"),
        ("kouyouri kourou", "Kouyouri"),
    ],
)
def test_a_professional_is_found_as_typed(world, typed, first):
    assert names(queries.search_roles(text=typed, now=world.now))[0] == first


def test_every_word_must_match(world):
    assert names(queries.search_roles(text="robeiri kourou", now=world.now)) == []


def test_who_left_is_not_found(world):
    role = world.roles["nurse"]
    role.ended_at = world.now
    role.save()
    assert names(queries.search_roles(text="robeiri", now=world.now)) == []


def test_filters_narrow(world):
    doctors = queries.search_roles(text="", now=world.now, profession="10", commune="97304")
    assert names(doctors) == ["Kouyouri"]


@pytest.mark.parametrize(
    ("typed", "first"),
    [("dac", "DAC Guyane"), ("cabinet larivo", "Cabinet du Larivot"), ("aide domicile", "Aide à")],
)
def test_a_structure_is_found_as_typed(world, typed, first):
    [nearest, *_] = queries.search_organizations(text=typed).rows
    assert nearest.name.startswith(first)


def many(world, number):
    for rank in range(number):
        practitioner = Practitioner.objects.create(
            rpps=make_rpps(rank),
            given="Jean",
            family=f"Nom{rank:03d}",
            search=f"jean nom{rank:03d}",
        )
        PractitionerRole.objects.create(
            practitioner=practitioner,
            organization=world.places["office"],
            profession="60",
            profession_label="Infirmière",
            category=Category.PARAMEDICAL,
        )


def statements(client, address, **parameters):
    with CaptureQueriesContext(connection) as captured:
        assert client.get(address, parameters).status_code == 200
    return [one["sql"] for one in captured if "SAVEPOINT" not in one["sql"]]


@pytest.mark.parametrize("number", [1, 40])
@pytest.mark.parametrize("parameters", [{}, {"q": "jean"}, {"quoi": "structures", "q": "dac"}])
def test_the_search_costs_the_same_whatever_is_found(world, gp, number, parameters):
    many(world, number)
    assert len(statements(gp, reverse("directory:search"), **parameters)) <= 8


def test_pages_follow_each_other(world, gp):
    many(world, 60)
    address = reverse("directory:search")
    seen = []
    for page in (1, 2, 3):
        answer = gp.get(address, {"q": "jean", "page": page})
        seen += names(answer.context["page"])
    assert len(seen) == len(set(seen)) == 60


def test_the_fragment_equals_the_page(world, gp):
    address = reverse("directory:search")
    page = gp.get(address, {"q": "robeiri"}).content.decode()
    fragment = gp.get(address, {"q": "robeiri"}, headers={"HX-Request": "true"}).content.decode()
    assert fragment.strip().startswith('<div id="results"')
    assert fragment.strip() in page


def test_wrong_filters_are_no_filters(gp):
    answer = gp.get(reverse("directory:search"), {"commune": "00000", "page": "-3", "quoi": "x"})
    assert answer.status_code == 200
    assert answer.context["page"].rows


def test_every_capacity_carries_its_date(world, gp):
    place = world.places["office"]
    Capacity.objects.create(
        organization=place,
        activity="Médecine",
        number=12,
        source="SAE",
        updated_at=datetime(2024, 12, 31, 12, tzinfo=UTC),
    )
    HealthcareService.objects.create(organization=place, name="Consultation sans rendez-vous")
    page = gp.get(reverse("directory:organization", args=[place.pk])).content.decode()
    for text in ("31/12/2024", "Consultation sans rendez-vous", "Le Bihan", "Synthétique"):
        assert text in page


def test_a_structure_costs_the_same_whatever_its_staff(world, gp):
    many(world, 40)
    address = reverse("directory:organization", args=[world.places["office"].pk])
    assert len(statements(gp, address)) <= 8


def test_a_professional_says_where_else_they_practise(world, gp):
    role = world.roles["nurse"]
    PractitionerRole.objects.create(
        practitioner=role.practitioner,
        organization=world.places["social"],
        profession="60",
        profession_label="Infirmière",
        category=Category.PARAMEDICAL,
    )
    page = gp.get(reverse("directory:role", args=[role.pk])).content.decode()
    assert "Service social de secteur" in page
    assert "nurse@test.mssante.example" in page


@pytest.mark.parametrize("name", ["organization", "role"])
def test_what_is_not_there_is_404(gp, name):
    assert gp.get(reverse(f"directory:{name}", args=[999_999])).status_code == 404


def test_a_person_does_not_browse_the_directory(world, sign_in):
    client = sign_in(world.accounts["claire"])
    assert client.get(reverse("directory:search")).status_code == 404
