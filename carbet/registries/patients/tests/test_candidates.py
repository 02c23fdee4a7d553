"""Whoever may be the person described is found in the whole territory, by mistaken traits too."""

import datetime
from dataclasses import replace

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from carbet.core import row_security
from carbet.core.actor import ANONYMOUS_ACTOR, internal
from carbet.registries.matching import rules
from carbet.registries.matching.rules import Traits, Zone
from carbet.registries.patients import operations, queries
from carbet.registries.patients.models import PatientTraits
from carbet.registries.patients.rules import traits_of

pytestmark = pytest.mark.django_db

BORN = datetime.date(1987, 6, 14)
ASKED = Traits(
    birth_family="Zéphirin",
    birth_given=("Katiana", "Rose"),
    birth_date=BORN,
    gender="female",
    birth_place_code="97302",
)


@pytest.fixture
def katiana(world):
    return world.register(
        birth_family="Zéphirin",
        birth_given=["Katiana", "Rose"],
        used_family="Moksin",
        gender="female",
        birth_date=BORN,
        birth_place_code="97302",
    )


def found(world, traits, limit=10):
    with row_security.acting_as(world.actor("far_nurse"), now=world.now):
        return queries.find_candidates(traits, limit=limit)


MISTAKEN = {
    "as written": ASKED,
    "a letter wrong in each name": replace(
        ASKED, birth_family="Zephyrin", birth_given=("Ktiana", "Rose")
    ),
    "inverted": replace(ASKED, birth_family="Katiana", birth_given=("Zéphirin",)),
    "the used name": replace(ASKED, birth_family="Moksin", birth_given=("Katiana",)),
    "day and month": replace(ASKED, birth_date=datetime.date(1987, 6, 15)),
    "first of January": replace(ASKED, birth_date=datetime.date(1987, 1, 1)),
    "another place": replace(ASKED, birth_place_code="97311"),
    "year only": replace(ASKED, birth_date=datetime.date(1987, 1, 1), birth_date_precision="year"),
}


@pytest.mark.parametrize("traits", MISTAKEN.values(), ids=MISTAKEN)
def test_a_person_is_found_in_spite_of_mistakes(world, katiana, traits):
    [best, *_] = found(world, traits)
    assert best.patient_id == katiana.pk
    assert best.score.fields


def test_the_seam_gives_numbers_and_scores(world, katiana):
    with row_security.acting_as(world.actor("far_nurse"), now=world.now):
        [(patient_id, score), *_] = queries.candidates(ASKED, 5)
    assert patient_id == katiana.pk
    assert score.probability > 0.99


def test_nobody_is_found_for_who_is_absent_and_nobody_acts_for_nobody(world, katiana):
    stranger = replace(ASKED, birth_family="Abenté", birth_given=("Loïc",), gender="male")
    assert found(world, stranger) == []
    with row_security.acting_as(ANONYMOUS_ACTOR, now=world.now):
        assert queries.find_candidates(ASKED) == []


def test_two_persons_that_look_alike_are_told_apart_by_people(world, katiana):
    world.register(
        birth_family="Zéphirin",
        birth_given=["Katiana", "Rose"],
        gender="female",
        birth_date=BORN,
        birth_place_code="97302",
    )
    one, two = found(world, ASKED)
    assert {one.decision.zone, two.decision.zone} == {Zone.DOUBTFUL}
    assert "rival" in one.decision.reasons


def test_what_a_domain_wrote_finds_the_person_until_it_is_forgotten(world, katiana):
    written = replace(
        ASKED, birth_family="Ndjuka", birth_given=("Ketty",), birth_place_code="97311",
        birth_date=datetime.date(1979, 2, 3),
    )  # fmt: skip
    assert found(world, written) == []
    with row_security.acting_as(internal("test"), operation="test"):
        operations.write_traits(patient_id=katiana.pk, traits=written, source=41)
    [best] = found(world, written)
    assert (best.patient_id, best.source) == (katiana.pk, 41)
    with row_security.acting_as(internal("test"), operation="test"):
        operations.forget_traits(patient_id=katiana.pk, source=41)
    assert found(world, written) == []


def test_a_correction_changes_under_what_the_person_is_found(world, katiana):
    with row_security.acting_as(internal("test"), operation="test"):
        katiana.birth_family = "Ndjuka"
        katiana.used_family = ""
        operations.index(katiana)
        assert PatientTraits.objects.filter(patient=katiana).count() == 1
    [best, *_] = found(world, replace(traits_of(katiana)))
    assert best.score.level("name") == "equal"


@pytest.mark.parametrize("others", [0, 12])
def test_one_statement_however_many_look_alike(world, katiana, others):
    for number in range(others):
        world.register(
            birth_family="Zéphirin",
            birth_given=["Katiana", f"Rose{'abcdefghijkl'[number]}"],
            birth_date=BORN,
            birth_place_code="97302",
        )
    with CaptureQueriesContext(connection) as captured:
        with row_security.acting_as(world.actor("far_nurse"), now=world.now):
            candidates = queries.find_candidates(ASKED, limit=5)
    assert len(candidates) == min(5, others + 1)
    assert sum("patients_candidates" in query["sql"] for query in captured) == 1


def known_to(world, role, given, family, born=BORN, **more):
    with row_security.acting_as(world.actor(role), now=world.now):
        return queries.find_by_traits(
            actor=world.actor(role),
            family=family,
            given=given,
            birth_date=born,
            now=world.now,
            **more,
        )


def test_two_mistakes_still_show_who_is_known_and_why(world, katiana):
    [person] = known_to(world, "far_nurse", "Ktiana", "Zephyrin")
    assert person.patient_id == katiana.pk
    assert not person.open_to_actor
    assert "noms presque identiques" in person.alike
    assert "même date de naissance" in person.alike


def test_a_wrong_day_shows_who_is_known_and_what_differs_but_opens_nothing(world, katiana):
    [person] = known_to(world, "far_nurse", "Katiana", "Zéphirin", datetime.date(1987, 6, 15))
    assert person.birth_date == BORN
    assert any("un chiffre près" in words for words in (*person.alike, *person.unlike))
    assert person.proof == ""


def test_a_guess_shows_nobody(world, katiana):
    assert known_to(world, "far_nurse", "Anaïs", "Zéphirin", datetime.date(1960, 2, 3)) == []
    assert known_to(world, "far_nurse", "Katiana", "Abenté", datetime.date(1960, 2, 3)) == []


def test_a_telephone_tried_on_a_closed_record_is_not_confirmed(world):
    world.register(
        birth_family="Zéphirin", birth_given=["Katiana"], birth_date=BORN, phone="0639980001"
    )
    tried = replace(ASKED, phone="0639980001")
    [person] = known_to(world, "far_nurse", "Katiana", "Zéphirin", further=tried)
    assert person.alike
    assert not any("téléphone" in words for words in (*person.alike, *person.unlike))


def weighed(world, traits):
    """Return the numbers of whoever is weighed against these traits."""
    keys = rules.search_keys(rules.prepare(traits))
    with row_security.acting_as(world.actor("far_nurse"), now=world.now):
        with connection.cursor() as cursor:
            cursor.execute("SELECT patient_id FROM patients_candidates(%s, 80)", [keys])
            return {row[0] for row in cursor.fetchall()}


def test_who_shares_one_key_is_not_weighed_beside_who_shares_all(world, katiana):
    same_day = world.register(
        birth_family="Abenté",
        birth_given=["Katiana"],
        gender="female",
        birth_date=BORN,
        birth_place_code="97311",
    )
    assert weighed(world, ASKED) == {katiana.pk}
    far = replace(ASKED, birth_family="Ndjuka", birth_place_code="97304")
    assert weighed(world, far) == {katiana.pk, same_day.pk}


def test_who_holds_the_number_is_weighed_beside_who_has_every_trait(world, katiana):
    holder = world.register(
        birth_family="Abenté",
        birth_given=["Loïc"],
        gender="male",
        birth_date=datetime.date(1960, 2, 3),
    )
    held = replace(traits_of(holder), ins="260029730200123")
    with row_security.acting_as(internal("test"), operation="test"):
        operations.write_traits(patient_id=holder.pk, traits=held)
    assert weighed(world, ASKED) == {katiana.pk}
    assert weighed(world, replace(ASKED, ins=held.ins)) == {katiana.pk, holder.pk}
