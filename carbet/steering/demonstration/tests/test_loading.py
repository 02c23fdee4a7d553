"""The territory loads whole, once, and leaves every safeguard of the database as it was."""

from datetime import UTC, datetime
from io import StringIO

import pytest
from django.core.management import CommandError, call_command
from django.db import connections

from carbet.coordination.care_teams.choices import ConsentDecision
from carbet.coordination.care_teams.models import Consent
from carbet.coordination.support.queries import waiting_for as requests_waiting_for
from carbet.core import row_security
from carbet.registries.accounts.queries import demonstration_accounts
from carbet.registries.directory import synthetic
from carbet.registries.directory.access import actor_of_role
from carbet.registries.directory.models import Organization, Practitioner, PractitionerRole
from carbet.registries.patients import synthetic as persons
from carbet.registries.patients.models import Patient, PatientSearch
from carbet.registries.patients.queries import search_patients
from carbet.steering.demonstration import (
    activity,
    bulk,
    circles,
    crowd,
    following,
    loading,
    scheduling,
    support,
)
from carbet.steering.demonstration.story import story_roles

NOW = datetime(2026, 11, 22, 12, 0, tzinfo=UTC)
OWNER = bulk.OWNER

pytestmark = pytest.mark.django_db(transaction=True, databases=["default", OWNER])


def load(n: int, *, seed: int = 973) -> crowd.Loaded:
    return loading.load(persons_wanted=n, seed=seed, now=NOW, say=lambda text: None)


def owner(query: str, *values: object) -> list[tuple]:
    with connections[OWNER].cursor() as cursor:
        cursor.execute(query, values)
        return cursor.fetchall()


def count(table: str) -> int:
    return owner(f"SELECT count(*) FROM {table}")[0][0]


def safeguards() -> dict[str, list[tuple]]:
    """Return triggers, row security, indexes and constraints, as the catalogue has them."""
    return {
        "triggers": owner(
            "SELECT tgrelid::regclass::text, tgname, tgenabled FROM pg_trigger"
            " WHERE NOT tgisinternal ORDER BY 1, 2"
        ),
        "row security": owner(
            "SELECT relname, relrowsecurity, relforcerowsecurity FROM pg_class"
            " WHERE relkind = 'r' AND relnamespace = 'public'::regnamespace ORDER BY 1"
        ),
        "indexes": owner(
            "SELECT pg_get_indexdef(indexrelid), indisvalid FROM pg_index"
            " JOIN pg_class c ON c.oid = indrelid"
            " WHERE c.relnamespace = 'public'::regnamespace ORDER BY 1"
        ),
        "constraints": owner(
            "SELECT conrelid::regclass::text, conname, pg_get_constraintdef(oid), convalidated"
            " FROM pg_constraint WHERE connamespace = 'public'::regnamespace ORDER BY 1, 2"
        ),
    }


def test_a_first_load_brings_facts_people_and_circles():
    loaded = load(120)
    assert (loaded.persons, loaded.persons_found) == (120, 0)
    assert count("directory_commune") == 22
    assert count("patients_patient") == 120
    assert count("patients_patientsearch") == 120
    assert count("care_teams_careteam") == 120
    assert loaded.professionals >= 400
    assert 3 <= count("care_teams_careteamparticipant") / 120 <= 6
    assert count("notebook_note") > 120
    assert count("core_auditevent") == 1


def test_loading_again_adds_nothing_and_asking_more_adds_the_rest():
    load(60)
    before = {table: count(table) for table in ("patients_patient", "directory_practitioner")}
    again = load(60)
    assert (again.persons, again.persons_found) == (0, 60)
    assert {table: count(table) for table in before} == before
    more = load(100)
    assert (more.persons, more.persons_found) == (40, 60)
    assert count("patients_patient") == 100
    family = owner("SELECT birth_family FROM patients_patient ORDER BY id")
    expected = [person.birth_family for person in persons.persons(973, 100)]
    assert [row[0] for row in family] == expected


@pytest.mark.parametrize("bare", [False, True])
def test_safeguards_are_left_as_they_were(monkeypatch, bare):
    monkeypatch.setattr(crowd, "BARE_FROM", 1 if bare else 10**9)
    before = safeguards()
    load(30)
    assert safeguards() == before


def test_a_failure_leaves_nothing(monkeypatch):
    before = safeguards()

    def break_down(self: object) -> None:
        raise RuntimeError("the disk is full")

    monkeypatch.setattr(circles.PersonWriter, "flush", break_down)
    with pytest.raises(RuntimeError):
        load(30)
    assert count("patients_patient") == 0
    assert count("directory_commune") == 0
    assert safeguards() == before


def test_sequences_go_on_after_a_load():
    load(10)
    last = owner("SELECT max(id) FROM patients_patient")[0][0]
    following_id = owner("SELECT nextval(pg_get_serial_sequence('patients_patient', 'id'))")[0][0]
    assert following_id > last


def test_a_loaded_person_is_found_by_a_member_and_by_nobody_else():
    load(80)
    patient_id, role_id = owner(
        "SELECT patient_id, practitioner_role_id FROM care_teams_careteamparticipant"
        " WHERE role = 'PCP' ORDER BY id LIMIT 1"
    )[0]
    person = Patient.objects.using(OWNER).get(pk=patient_id)
    text = f"{person.birth_family} {person.birth_given[0]}"
    member = actor_of_role(role_id, now=NOW)
    with row_security.acting_as(member, now=NOW):
        assert patient_id in [
            found.pk for found in search_patients(actor=member, text=text, now=NOW)
        ]
    stranger = actor_of_role(
        PractitionerRole.objects.exclude(
            pk__in=[
                row[0]
                for row in owner(
                    "SELECT practitioner_role_id FROM care_teams_careteamparticipant"
                    " WHERE patient_id = %s AND practitioner_role_id IS NOT NULL",
                    patient_id,
                )
            ]
        )
        .order_by("pk")
        .first()
        .pk,
        now=NOW,
    )
    with row_security.acting_as(stranger, now=NOW):
        assert not Patient.objects.filter(pk=patient_id).exists()
        assert not PatientSearch.objects.filter(patient_id=patient_id).exists()


def test_real_establishments_keep_their_numbers_and_invented_ones_say_so():
    load(1)
    assert (
        Organization.objects.using(OWNER)
        .get(finess="970300026")
        .name.startswith("Centre hospitalier de Cayenne")
    )
    for row in Organization.objects.using(OWNER).filter(synthetic=True):
        assert row.finess == ""
    assert not Practitioner.objects.using(OWNER).filter(synthetic=False).exists()
    assert Organization.objects.using(OWNER).filter(purpose="dac").count() == 1


def test_the_story_has_its_accounts_and_the_persons_already_followed():
    load(5)
    opened = following.open_accounts(now=NOW)
    assert following.follow(now=NOW, opened=opened) == 12
    assert following.follow(now=NOW, opened=following.open_accounts(now=NOW)) == 0
    shown = {account.email: account.label for account in demonstration_accounts()}
    assert len(shown) == len(synthetic.STORY_PRACTITIONERS) + 2
    assert shown["yann.lebihan@carbet.example"].startswith("Yann Le Bihan")
    roles = story_roles()
    for key, least in (("gp", 10), ("coordinator", 5), ("nurse", 7), ("river_nurse", 2)):
        actor = actor_of_role(roles[key].pk, now=NOW)
        with row_security.acting_as(actor, now=NOW):
            assert Patient.objects.count() >= least, key
    for key in ("stranger", "former_member", "operator", "ars_agent"):
        actor = actor_of_role(roles[key].pk, now=NOW)
        with row_security.acting_as(actor, now=NOW):
            assert Patient.objects.filter(birth_family="Kerbrat").count() == 0, key
    # Each approved version is kept twice: whole, and without its medical needs.
    assert count("care_plans_careplanversion") == 6
    # Eight requests wait for Arya's day; a case ended; loading again adds nothing.
    assert support.load(now=NOW, opened=opened) == len(support.WAITING)
    assert support.load(now=NOW, opened=opened) == 0
    arya = actor_of_role(roles["coordinator"].pk, now=NOW)
    with row_security.acting_as(arya, now=NOW):
        waiting = list(requests_waiting_for(arya))
    assert len(waiting) == 8
    assert {request.urgency for request in waiting} == {"asap", "urgent", "routine"}
    assert sum(request.due_at < NOW for request in waiting) == 3
    # A round, slots, requests, a waiting list; loading again adds nothing.
    assert scheduling.load(now=NOW) == len(scheduling.PLANNED) + 4
    assert scheduling.load(now=NOW) == 0
    assert count("scheduling_slot") == 36
    assert (
        not Patient.objects.using(OWNER)
        .filter(birth_given__contains=["Claire"], birth_family="Sébastien")
        .exists()
    )


def test_a_year_of_activity_follows_those_who_agreed_once():
    load(60)
    following.open_accounts(now=NOW)
    agreed = Consent.objects.using(OWNER).filter(decision=ConsentDecision.GIVEN)
    persons_who_agreed = agreed.values("patient_id").distinct().count()
    before = count("support_supportrequest")
    activity.load(now=NOW)
    added = count("support_supportrequest") - before
    assert 0 < added <= persons_who_agreed
    assert count("support_case") > 0
    activity.load(now=NOW)
    assert count("support_supportrequest") == before + added


def test_the_command_says_what_it_did_in_french(settings):
    settings.DEMONSTRATION = False
    said = StringIO()
    call_command("load_territory", "--persons", "20", stdout=said)
    assert "20 / 20 personnes" in said.getvalue()
    assert "20 personnes, " in said.getvalue()
    said = StringIO()
    call_command("load_territory", "--persons", "20", stdout=said)
    assert "Rien à ajouter : 20 personnes sont là." in said.getvalue()
    with pytest.raises(CommandError, match="nombre de personnes"):
        call_command("load_territory", "--persons", "-1")
