"""The door to a record: the circle, delegated secretaries, glass broken; nobody else."""

from datetime import timedelta

import pytest

from carbet.coordination.alerts.models import Alert
from carbet.coordination.care_teams import access, operations
from carbet.coordination.care_teams.models import CareTeamParticipant
from carbet.core import row_security
from carbet.core.actor import Level, internal
from carbet.core.models import AuditEvent
from carbet.core.operation import UnableToAct
from carbet.registries.patients import queries
from carbet.registries.patients.models import Patient

pytestmark = pytest.mark.django_db


def enter(world, key, care_team, level=Level.READ):
    actor = world.actor(key)
    with row_security.acting_as(actor, now=world.now):
        return access.get_record(
            actor=actor, patient_id=care_team.patient_id, now=world.now, level=level
        )


def levels(world, care_team):
    found = {}
    for key in world.roles:
        try:
            found[key] = Level(enter(world, key, care_team).level).name
        except access.NoSuchRecord:
            found[key] = None
    return found


def test_only_the_circle_and_the_delegated_secretary_enter(world):
    care_team = world.circle("nurse", "home_help")
    expected = dict.fromkeys(world.roles) | {
        "gp": "MANAGE",
        "secretary": "MANAGE",
        "nurse": "WRITE",
        "home_help": "WRITE",
    }
    assert levels(world, care_team) == expected


def test_leaving_closes_the_record_at_once(world):
    care_team = world.circle("nurse")
    participant = next(
        p
        for p in access_participants(world, care_team)
        if p.practitioner_role_id == world.roles["nurse"].pk
    )
    operations.end_participation(
        actor=world.actor("gp"), now=world.later(hours=1), participant=participant
    )
    assert levels(world, care_team)["nurse"] is None


def access_participants(world, care_team):
    with row_security.acting_as(world.actor("gp"), now=world.now):
        return list(
            CareTeamParticipant.objects.filter(care_team=care_team).select_related("care_team")
        )


def test_a_refused_entry_is_traced(world):
    care_team = world.circle()
    with pytest.raises(access.NoSuchRecord):
        enter(world, "other_gp", care_team)
    # Outside a request the refusal rolls its own trace back; inside, the middleware keeps it.


def test_glass_opens_for_four_hours_and_tells_who_manages(world):
    care_team = world.circle("nurse")
    operations.break_glass(
        actor=world.actor("other_gp"),
        now=world.now,
        patient_id=care_team.patient_id,
        reason="emergency",
        explanation="Malaise sur la voie publique",
    )
    assert enter(world, "other_gp", care_team).sources == ["glass"]
    with row_security.acting_as(world.actor("gp"), now=world.now):
        assert [alert.kind for alert in Alert.objects.all()] == ["glass"]
    world.later(hours=4)
    with pytest.raises(access.NoSuchRecord):
        enter(world, "other_gp", care_team)


def test_who_may_not_break_the_glass(world):
    care_team = world.circle()
    with pytest.raises(UnableToAct):
        operations.break_glass(
            actor=world.actor("secretary"),
            now=world.now,
            patient_id=care_team.patient_id,
            reason="emergency",
            explanation="Je voudrais simplement regarder",
        )


def test_rows_of_another_person_do_not_exist_in_sql(world):
    care_team = world.circle()
    with row_security.acting_as(world.actor("other_gp"), now=world.now):
        assert not Patient.objects.exists()
        assert not CareTeamParticipant.objects.exists()
    with row_security.acting_as(internal("test")):
        assert Patient.objects.filter(pk=care_team.patient_id).exists()
        assert AuditEvent.objects.filter(patient_id=care_team.patient_id).exists()


def test_no_actor_sees_nothing(world):
    world.circle()
    assert not Patient.objects.exists()


def test_search_finds_only_mine_despite_a_wrong_letter(world):
    care_team = world.circle()
    found = {}
    for key in ("gp", "other_gp"):
        with row_security.acting_as(world.actor(key), now=world.now):
            found[key] = [
                person.pk
                for person in queries.search_patients(
                    actor=world.actor(key), text="montgenye clair", now=world.now
                )
            ]
    assert found == {"gp": [care_team.patient_id], "other_gp": []}


def test_exact_traits_are_known_to_all_who_may_find(world):
    care_team = world.circle()
    person = Patient(pk=care_team.patient_id)
    with row_security.acting_as(world.actor("other_gp"), now=world.now):
        from datetime import date

        [known] = queries.find_by_traits(
            actor=world.actor("other_gp"),
            family="REGIS",
            given="Claire",
            birth_date=date(1951, 3, 14),
            now=world.now,
        )
    assert (known.patient_id, known.open_to_actor) == (person.pk, False)
    assert world.now + timedelta(0) == world.now
