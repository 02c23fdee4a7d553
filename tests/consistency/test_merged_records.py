"""Two records of one person: merged by two agents, undone later, every row going back."""

import json
from contextlib import suppress
from datetime import date, timedelta

import pytest
from django.db import IntegrityError, connection, transaction
from django.urls import reverse

from carbet.coordination.care_plans.models import CarePlan, CarePlanVersion
from carbet.coordination.care_teams.access import opened
from carbet.coordination.care_teams.models import CareTeam, CareTeamParticipant, Invitation
from carbet.coordination.care_teams.queries import access_log
from carbet.coordination.detection.models import DetectedIssue
from carbet.coordination.notebook.models import Note
from carbet.coordination.scheduling.models import Appointment, AppointmentParticipant
from carbet.coordination.situations.models import EmergencyInformation, Situation
from carbet.coordination.support.models import (
    Case,
    CaseStep,
    RequestFile,
    RequestPiece,
    RequestStep,
    SupportRequest,
)
from carbet.core import audit, clock, grants, row_security
from carbet.core.actor import Level
from carbet.core.identifiers import short_id
from carbet.core.models import AccessGrant, AuditEvent
from carbet.interop.hospital_feed.models import Encounter
from carbet.interop.hospital_feed.models import Movement as FeedMovement
from carbet.registries.identity import operations, presenters, queries
from carbet.registries.identity.choices import PairKind, PairState
from carbet.registries.identity.models import LocalIdentity, Movement, Pair, Reconciliation
from carbet.registries.identity.tests.factories import HOUSE
from carbet.registries.patients import fhir as patients_fhir
from carbet.registries.patients import operations as patients_operations
from carbet.registries.patients import queries as patients_queries
from carbet.registries.patients.access import find_entered
from carbet.registries.patients.choices import INS_TEST
from carbet.registries.patients.models import Patient, PatientIdentifier
from tests.consistency import scene as scenes

pytestmark = pytest.mark.django_db


@pytest.fixture
def scene(world):
    """Two full records: Claire's, and another by mistake."""
    scene = scenes.build(world)
    scene.ids["other"] = scenes.build_other(scene)
    scene.ids["other_patient"] = _note(scene.ids["other"]["note_id"]).patient_id
    return scene


def _inside(now):
    return row_security.acting_as(HOUSE, now=now, operation="test")


def _note(pk):
    with row_security.acting_as(HOUSE):
        return Note.objects.get(pk=pk)


def everything(*persons):
    """Return every row of every table that hangs on these persons, as text."""
    with row_security.acting_as(HOUSE), connection.cursor() as cursor:
        cursor.execute("SELECT name, person, pk FROM identity_person_tables()")
        tables = [*cursor.fetchall(), ("core_accessgrant", "patient_id", "id")]
        tables.append(("patients_patient", "id", "id"))
        found = {}
        for name, person, pk in tables:
            cursor.execute(
                f"SELECT to_jsonb(t)::text FROM {name} t WHERE {person} = ANY (%s) ORDER BY {pk}",
                [list(persons)],
            )
            found[name] = [row[0] for row in cursor.fetchall()]
    return found


def assert_back(before, after):
    """Check that every row is as it was; a record, under a later version that says the same."""
    assert before.keys() == after.keys()
    for table, rows in before.items():
        if table != "patients_patient":
            assert after[table] == rows, table
            continue
        for was, now in zip(map(json.loads, rows), map(json.loads, after[table]), strict=True):
            assert now["version"] >= was["version"], "a version never comes back"
            assert now | {name: was[name] for name in ("version", "updated_at")} == was


def _stay_for_nothing(absorbed, survivor):
    """Return the rows left behind that no constraint keeps there, nor the row they hang on."""
    found = []
    with _inside(None), connection.cursor() as cursor:
        cursor.execute("SELECT name, person, pk FROM identity_person_tables() ORDER BY name")
        for name, person, pk in cursor.fetchall():
            cursor.execute(
                "SELECT a.attname, p.name, p.pk, p.person FROM pg_constraint c"
                " JOIN pg_attribute a ON a.attrelid = c.conrelid AND a.attnum = c.conkey[1]"
                " JOIN identity_person_tables() p ON p.oid = c.confrelid"
                " WHERE c.contype = 'f' AND c.conrelid = %s::regclass AND c.confrelid <> c.conrelid"
                " ORDER BY a.attname",
                [name],
            )
            hangs = "".join(
                f" OR EXISTS (SELECT 1 FROM {above} y WHERE y.{key} = t.{column}"
                f" AND y.{whose} = t.{person})"
                for column, above, key, whose in cursor.fetchall()
            )
            cursor.execute(
                f"SELECT t.{pk} FROM {name} t WHERE t.{person} = %s AND NOT (false{hangs})",
                [absorbed],
            )
            for (row,) in cursor.fetchall():
                with suppress(IntegrityError), transaction.atomic():
                    cursor.execute(f"UPDATE {name} SET {person} = {survivor} WHERE {pk} = {row}")
                    found.append((name, row))
    return found


def _meeting_nothing(world, patient_id):
    """Write on a record one row of each table of which rows may stay, that the other has not."""
    now, place = world.now, world.places["far_office"]
    own = {"patient_id": patient_id}
    letter = {"category": 1, "number": 1, "name": "a.pdf", "media_type": "application/pdf"}
    request = SupportRequest.objects.create(
        addressee=place, requester=world.roles["gp"], reason="home", submitted_at=now, **own
    )
    file = RequestFile.objects.create(
        request=request, size=4, digest="0", author_name="Yann", recorded_at=now, **letter, **own
    )
    case = Case.objects.create(
        organization=place, coordinator=world.roles["coordinator"], opened_at=now, **own
    )
    dated = {"recorded_at": now, "updated_at": now, "patient_class": "I"}
    stay = Encounter.objects.create(organization=place, number="2", **dated, **own)
    start, end = now + timedelta(days=9), now + timedelta(days=9, minutes=30)
    visit = Appointment.objects.create(
        status="booked", start=start, end=end, created_at=now, updated_at=now, **own
    )
    plan = CarePlan.objects.get(**own)
    return [
        request,
        file,
        RequestPiece.objects.create(file=file, rank=1, data=b"%PDF", **own),
        RequestStep.objects.create(request=request, kind="submitted", at=now, **own),
        case,
        CaseStep.objects.create(
            case=case,
            organization=place,
            kind="opened",
            at=now,
            coordinator=case.coordinator,
            **own,
        ),
        stay,
        FeedMovement.objects.create(
            encounter=stay, number="1", kind="A01", started_at=now, **dated, **own
        ),
        visit,
        AppointmentParticipant.objects.create(
            appointment=visit,
            practitioner_role=world.roles["nurse"],
            organization_id=world.roles["nurse"].organization_id,
            status="accepted",
            start=start,
            end=end,
            **own,
        ),
        DetectedIssue.objects.create(rule="pain", latest_at=now, identified_at=now, **own),
        Invitation.objects.create(
            practitioner_role=world.roles["other_gp"],
            invited_by=world.roles["gp"],
            invited_at=now,
            expires_at=now + timedelta(days=1),
            **own,
        ),
        CareTeamParticipant.objects.create(
            care_team=CareTeam.objects.get(**own),
            practitioner_role=world.roles["other_gp"],
            started_at=now,
            **own,
        ),
        CarePlanVersion.objects.create(
            care_plan=plan, number=2, content={}, approved_at=now, approved_by=plan.author, **own
        ),
    ]


def pair_of(scene, *records):
    """Ask about the two records, as the search for doubles does."""
    now = scene.world.now
    with _inside(now):
        found = LocalIdentity.objects.filter(
            patient_id__in=records or [scene.patient_id, scene.ids["other_patient"]]
        )
        first, second = found.order_by("pk")
        pair, _ = Pair.objects.get_or_create(
            first=first,
            second=second,
            defaults={"kind": PairKind.RECORDS, "risk": 2, "found_at": now},
        )
        assert (pair.kind, pair.state) == (PairKind.RECORDS, PairState.OPEN)
        return pair


def decide(scene, pair, agent="identity_agent", **more):
    return operations.decide(
        actor=scene.world.actor(agent),
        now=scene.world.now,
        pair_id=pair.pk,
        version=pair.version,
        verdict=more.pop("verdict", "same"),
        reason="Même pièce d’identité",
        **more,
    )


def merged(scene):
    pair = decide(scene, pair_of(scene))
    return decide(scene, pair, "second_agent")


def test_two_agents_are_needed_and_the_first_is_not_the_second(scene):
    pair = decide(scene, pair_of(scene))
    assert pair.state == PairState.PROPOSED
    with pytest.raises(operations.UnableToDecide, match="un autre agent"):
        decide(scene, pair)
    assert decide(scene, pair, "second_agent").state == PairState.SAME


def test_an_emergency_sheet_alone_needs_two_agents_who_are_told_of_it(scene, world):
    one, other = (world.register(birth_family=family, used_family="") for family in ("Une", "Deux"))
    with _inside(world.now):
        EmergencyInformation.objects.create(
            patient=other, allergies="Arachide", updated_at=world.now, updated_by_name="Inès"
        )
        assert "1 fiche d’urgence" in presenters.content(
            queries.contents(other.pk).counts[other.pk]
        )
    assert decide(scene, pair_of(scene, one.pk, other.pk)).state == PairState.PROPOSED


@pytest.mark.parametrize("stays", [0, 1])
def test_content_on_either_side_needs_two_agents(scene, world, stays):
    one, other = (world.register(birth_family=family, used_family="") for family in ("Une", "Deux"))
    with _inside(world.now):
        EmergencyInformation.objects.create(
            patient=one, allergies="Arachide", updated_at=world.now, updated_by_name="Inès"
        )
        rows = [LocalIdentity.objects.get(patient_id=each.pk) for each in (one, other)]
    pair = pair_of(scene, one.pk, other.pk)
    assert decide(scene, pair, keep=rows[stays].pk).state == PairState.PROPOSED


def test_the_second_agent_reads_which_record_was_to_stay_and_the_decision_says_both(
    scene, world, sign_in, monkeypatch
):
    monkeypatch.setattr(clock, "now", lambda: world.now)
    pair = pair_of(scene)
    pair = decide(scene, pair, keep=pair.second_id)
    agent = sign_in(world.accounts["second_agent"], role=world.roles["second_agent"])
    page = agent.get(reverse("identity:compare", args=[pair.pk])).content.decode()
    assert f'value="{pair.second_id}" checked' in page
    assert f'value="{pair.first_id}" checked' not in page
    # Confirmed without another choice, it is the one proposed.
    decided = decide(scene, pair, "second_agent")
    with _inside(world.now):
        decision = decided.reconciliation
        assert (decision.first_id, decision.second_id) == (pair.second_id, pair.first_id)
        by = [pair.proposed_by_name, decision.decided_by_name]
    assert len(set(by)) == 2
    page = agent.get(reverse("identity:decision", args=[decision.pk])).content.decode()
    assert all(name in page for name in by)
    assert "Décidée à deux" in page


def test_what_was_read_before_somebody_touched_it_is_not_decided_on(scene):
    pair = pair_of(scene)
    decide(scene, pair)
    with pytest.raises(operations.UnableToDecide, match="relisez"):
        decide(scene, pair, "second_agent")


def test_every_row_follows_and_the_circle_sees_it(scene):
    other = scene.ids["other_patient"]
    before = everything(other)
    merged(scene)
    # What stays cannot follow: one home, one plan a person, one stay of a number at a hospital.
    assert everything(other)["situations_situation"]
    assert _stay_for_nothing(other, scene.patient_id) == []
    assert len(before["notebook_note"]) == 2
    actor, now = scene.world.actor("nurse"), scene.world.now
    with row_security.acting_as(actor, now=now):
        notes = Note.objects.filter(patient_id=scene.patient_id)
        assert scene.ids["other"]["note_id"] in {note.pk for note in notes}
        assert find_entered(actor=actor, patient_ids=[other], now=now) == {}


def test_what_meets_nothing_follows_though_what_is_beside_it_stays(scene):
    with _inside(scene.world.now):
        rows = _meeting_nothing(scene.world, scene.ids["other_patient"])
    merged(scene)
    with _inside(scene.world.now):
        for row in rows:
            row.refresh_from_db()
    assert {row.patient_id for row in rows} == {scene.patient_id}, [
        row._meta.db_table for row in rows if row.patient_id != scene.patient_id
    ]


def test_into_an_empty_record_every_row_follows(scene, world):
    other = scene.ids["other_patient"]
    patient = world.register(birth_family="Neuve", used_family="")
    with _inside(world.now):
        empty = LocalIdentity.objects.get(patient_id=patient.pk)
    pair = decide(scene, pair_of(scene, other, patient.pk), keep=empty.pk)
    decide(scene, pair, "second_agent", keep=empty.pk)
    # The doctor had the key of both: the second one ended.
    assert {name for name, rows in everything(other).items() if rows} == {
        "patients_patient",
        "core_accessgrant",
    }


def test_two_visits_at_one_time_both_stay_in_the_agenda(scene, world):
    visit_id = scene.ids["other"]["appointment_id"]
    merged(scene)
    with row_security.acting_as(world.actor("nurse"), now=world.now):
        visit = Appointment.objects.get(pk=visit_id)
        parts = AppointmentParticipant.objects.filter(appointment=visit)
        assert [part.patient_id for part in parts] == [scene.patient_id]
    assert (visit.patient_id, visit.overlap_accepted) == (scene.patient_id, True)


def test_undone_three_weeks_later_every_row_is_where_it_was(scene):
    patient, other = scene.patient_id, scene.ids["other_patient"]
    before = everything(patient, other)
    pair = merged(scene)
    assert everything(patient, other) != before
    scene.world.later(days=21)
    operations.undo(
        actor=scene.world.actor("identity_agent"),
        now=scene.world.now,
        reconciliation_id=pair.reconciliation_id,
        reason="Deux sœurs",
    )
    assert_back(before, everything(patient, other))


def test_the_home_and_the_emergency_that_stay_are_read_beside_until_undone(
    scene, world, sign_in, monkeypatch
):
    monkeypatch.setattr(clock, "now", lambda: world.now)
    patient, other = scene.patient_id, scene.ids["other_patient"]
    with _inside(world.now):
        EmergencyInformation.objects.filter(patient_id=other).update(treatments="Anticoagulant")
        Situation.objects.filter(patient_id=other).update(directions="Dégrad Edmond")

    def read(key):
        """Return what a member reads on both pages, and how many rows of the other record."""
        client = sign_in(world.accounts[key], role=world.roles[key])
        pages = {
            client.get(reverse(f"situations:{name}", args=[patient])).content.decode()
            for name in ("detail", "sheet")
        }
        said = ("Cette personne avait un autre dossier", "Anticoagulant", "Dégrad Edmond")
        with row_security.acting_as(world.actor(key), now=world.now):
            rows = [
                kept.objects.filter(patient_id=other).count()
                for kept in (Situation, EmergencyInformation)
            ]
        return [all(text in page for page in pages) for text in said], rows

    assert read("home_help") == ([False, False, False], [0, 0])
    pair = merged(scene)
    assert read("gp") == ([True, True, True], [1, 1])
    # Who reads no medical data of the one reads none of the other.
    assert read("home_help") == ([True, False, True], [1, 0])
    with row_security.acting_as(world.actor("far_nurse"), now=world.now):
        assert not Situation.objects.filter(patient_id=other).exists()
        with connection.cursor() as cursor:
            cursor.execute("SELECT * FROM identity_absorbed(%s)", [patient])
            assert cursor.fetchall() == []
    operations.undo(
        actor=world.actor("identity_agent"),
        now=world.later(days=1),
        reconciliation_id=pair.reconciliation_id,
        reason="Deux sœurs",
    )
    assert read("home_help") == ([False, False, False], [0, 0])


def test_what_was_written_since_stays_on_the_record_that_stayed(scene, world):
    pair = merged(scene)
    now = world.later(days=2)
    with _inside(now):
        written = Note.objects.create(
            patient_id=scene.patient_id,
            author_role=world.roles["nurse"],
            author_name="Inès Robeiri",
            occurred_at=now,
            recorded_at=now,
            text="Après la fusion.",
        )
    operations.undo(
        actor=world.actor("identity_agent"),
        now=world.later(days=19),
        reconciliation_id=pair.reconciliation_id,
        reason="Deux sœurs",
    )
    assert _note(written.pk).patient_id == scene.patient_id
    assert _note(scene.ids["other"]["note_id"]).patient_id == scene.ids["other_patient"]


def test_whoever_left_meanwhile_does_not_come_back(scene, world):
    other = scene.ids["other_patient"]
    with _inside(world.now):
        grants.grant(
            world.roles["far_nurse"].key,
            patient_id=other,
            level=Level.WRITE,
            source="care_team",
            now=world.now,
        )
    pair = merged(scene)
    now = world.later(days=1)
    with _inside(now):
        moved = Movement.objects.filter(
            reconciliation=pair.reconciliation_id, table="core_accessgrant"
        )
        grant = AccessGrant.objects.filter(
            pk__in=moved.values("row_id"), patient_id=scene.patient_id
        ).first()
        AccessGrant.objects.filter(pk=grant.pk).update(valid_until=now)
    operations.undo(
        actor=world.actor("identity_agent"),
        now=world.later(days=1),
        reconciliation_id=pair.reconciliation_id,
        reason="Erreur",
    )
    with _inside(world.now):
        grant.refresh_from_db()
    assert (grant.patient_id, grant.valid_until) == (other, now)


def test_an_error_leaves_nothing(scene, monkeypatch):
    pair = decide(scene, pair_of(scene))
    before = everything(scene.patient_id, scene.ids["other_patient"])
    from carbet.registries.identity.operations import deciding

    def broken(*args, **more):
        raise RuntimeError

    monkeypatch.setattr(deciding, "_decided", broken)
    with pytest.raises(RuntimeError):
        decide(scene, pair, "second_agent")
    assert everything(scene.patient_id, scene.ids["other_patient"]) == before
    with _inside(scene.world.now):
        assert not Reconciliation.objects.filter(kind="merge").exists()


def collided(scene):
    """Write another person's traits over Claire's, and return what people are asked."""
    world = scene.world
    actor, now = world.actor("gp"), world.now
    with row_security.acting_as(actor, now=now):
        claire = find_entered(actor=actor, patient_ids=[scene.patient_id], now=now)[
            scene.patient_id
        ]
    patients_operations.update_patient(
        actor=actor,
        now=world.later(minutes=1),
        patient=claire,
        version=claire.version,
        changes={
            "birth_family": "Kwasi",
            "used_family": "",
            "birth_given": ["Johanes"],
            "gender": "male",
            "birth_date": date(1988, 11, 2),
        },
    )
    with _inside(world.now):
        return Pair.objects.get(second=None)


def test_a_record_that_became_another_person_is_split_with_what_is_theirs(scene, world):
    pair = collided(scene)
    with _inside(world.now):
        assert pair.kind == PairKind.COLLISION
        listed = queries.contents(listed=scene.patient_id).entries
    note_id = scene.ids["note_id"]
    assert ("notebook_note", note_id) in {(entry.table, entry.row_id) for entry in listed}
    decide(scene, pair, verdict="different", carried=[("notebook_note", note_id)])
    note = _note(note_id)
    with _inside(world.now):
        second = Patient.objects.get(pk=note.patient_id)
        assert (second.birth_family, second.birth_given) == ("Régis", ["Claire", "Marie"])
        assert second.pk != scene.patient_id
    actor = world.actor("nurse")
    with row_security.acting_as(actor, now=world.now):
        entered = find_entered(actor=actor, patient_ids=[second.pk], now=world.now)
    assert entered[second.pk].level == Level.WRITE
    # And back again, when that was the mistake.
    with _inside(world.now):
        pair.refresh_from_db()
    operations.undo(
        actor=world.actor("identity_agent"),
        now=world.later(days=1),
        reconciliation_id=pair.reconciliation_id,
        reason="Une seule personne",
    )
    assert _note(note_id).patient_id == scene.patient_id


@pytest.mark.parametrize("verdict", ["same", "different"])
def test_the_ins_of_a_record_of_two_persons_stays_here_until_decided(scene, world, verdict):
    pair = collided(scene)
    patients_operations.update_patient(
        actor=HOUSE,
        now=world.later(minutes=2),
        patient=_record(scene),
        version=_record(scene).version,
        changes={"ins_recovered": True, "identity_checked": True, "identity_attributes": []},
    )
    record = _record(scene)
    assert {"COLP", "DOUT"} <= set(record.identity_attributes)
    held = PatientIdentifier(system=INS_TEST, value="188110297311123")
    with _inside(world.now):
        held = PatientIdentifier.objects.filter(patient=record, system=INS_TEST).first() or held
        held.patient = record
        held.save()
        assert patients_queries.ins_that_leaves(patient=record) is None
        [told] = patients_fhir.resources(Patient.objects.filter(pk=record.pk))
        assert held.value not in str(told)
        pair.refresh_from_db()
    decide(scene, pair, verdict=verdict)
    after = _record(scene)
    assert (after.identity_attributes, after.version) == ([], record.version + 1)
    with _inside(world.now):
        assert patients_queries.ins_that_leaves(patient=after) == held
    if verdict == "different":
        with _inside(world.now):
            pair.refresh_from_db()
        undo(scene, pair)
        assert {"COLP", "DOUT"} <= set(_record(scene).identity_attributes)


def _record(scene):
    with _inside(scene.world.now):
        return Patient.objects.get(pk=scene.patient_id)


def undo(scene, pair):
    return operations.undo(
        actor=scene.world.actor("identity_agent"),
        now=scene.world.later(days=21),
        reconciliation_id=pair.reconciliation_id,
        reason="Deux sœurs",
    )


def test_what_was_traced_and_written_before_is_read_by_whoever_enters_until_undone(scene, world):
    """`gp` manages the survivor, and had no key of the other record."""
    other, note_id = scene.ids["other_patient"], scene.ids["other"]["note_id"]
    with _inside(world.now):
        versions = Note.pgh_event_model.objects.filter(pgh_obj_id=note_id).count()
        AccessGrant.objects.filter(patient_id=other, grantee=world.roles["gp"].key).update(
            valid_until=world.now
        )
        audit.write(
            [audit.event(world.actor("nurse"), "note.read", "R", now=world.now, patient_id=other)]
        )
    now = world.later(minutes=1)

    def read(key, now):
        with row_security.acting_as(world.actor(key), now=now), connection.cursor() as cursor:
            cursor.execute("SELECT identity_absorbed(%s)", [scene.patient_id])
            absorbed = [row[0] for row in cursor.fetchall()]
            traced = access_log(patient_id=scene.patient_id, absorbed=absorbed)
            return (
                Note.pgh_event_model.objects.filter(pgh_obj_id=note_id).count(),
                any(each.patient_id == other for each in traced),
                AuditEvent.objects.filter(patient_id=other, operation="note.read").exists(),
            )

    assert versions
    assert read("gp", now) == (0, False, False)
    pair = merged(scene)
    assert read("gp", world.now) == (versions + 1, True, True)
    assert read("far_nurse", world.now) == (0, False, False)
    undo(scene, pair)
    assert read("gp", world.now) == (0, False, False)


def test_every_history_follows_its_rows(db):
    """A history whose policy does not is one of a table that hangs on no person."""
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT e.relname FROM identity_person_tables() p"
            " JOIN pg_class e ON e.relname = p.name || 'event'"
            " JOIN pg_policy s ON s.polrelid = e.oid AND s.polname = 'may_select'"
            " WHERE pg_get_expr(s.polqual, s.polrelid) NOT LIKE '%pgh_obj_id%'"
        )
        assert cursor.fetchall() == []


def test_whoever_is_restricted_on_the_survivor_keeps_what_the_other_record_opened(scene, world):
    other, nurse = scene.ids["other_patient"], world.roles["far_nurse"].key
    with _inside(world.now):
        for patient_id, categories in ((scene.patient_id, 2), (other, 3)):
            grants.grant(
                nurse,
                patient_id=patient_id,
                level=Level.WRITE,
                source="care_team",
                categories=categories,
                now=world.now,
            )
    merged(scene)
    with row_security.acting_as(world.actor("far_nurse"), now=world.now):
        assert opened(patient_id=scene.patient_id) == 3
        assert Note.objects.filter(pk=scene.ids["other"]["note_id"]).exists()


def test_approved_plans_of_one_number_are_both_read(scene, world, sign_in, monkeypatch):
    monkeypatch.setattr(clock, "now", lambda: world.now)
    other = scene.ids["other_patient"]
    with _inside(world.now):
        kept = CarePlanVersion.objects.filter(patient_id=scene.patient_id).first()
        assert CarePlanVersion.objects.filter(patient_id=other, number=kept.number).exists()
    pair = merged(scene)
    client = sign_in(world.accounts["gp"], role=world.roles["gp"])
    page = client.get(reverse("care_plans:versions", args=[scene.patient_id])).content.decode()
    assert "Versions d’un autre dossier" in page
    one = reverse("care_plans:version", args=[scene.patient_id, kept.number])
    beside = f"{one}?dossier={short_id(other)}"
    assert beside in page
    assert "réuni à celui-ci" in client.get(beside).content.decode()
    assert "réuni à celui-ci" not in client.get(one).content.decode()
    assert client.get(f"{one}?dossier={short_id(scene.patient_id + 999)}").status_code == 404
    assert client.get(f"{one}?dossier=é").status_code == 404
    undo(scene, pair)
    assert client.get(beside).status_code == 404


def test_what_somebody_moved_since_stays_and_is_said(scene, world, sign_in, monkeypatch):
    monkeypatch.setattr(clock, "now", lambda: world.now)
    pair = merged(scene)
    third = world.circle("nurse", birth_family="Tierce").patient_id
    with _inside(world.now):
        Note.objects.filter(pk=scene.ids["other"]["note_id"]).update(patient_id=third)
    agent = sign_in(world.accounts["identity_agent"], role=world.roles["identity_agent"])
    url = reverse("identity:decision", args=[pair.reconciliation_id])
    page = agent.post(url, {"reason": "Deux sœurs"}, follow=True).content.decode()
    assert "Sauf une ligne, déplacée depuis" in page
    assert "Chaque ligne est revenue" not in page


def test_a_split_carries_home_and_stay_as_well(scene, world):
    with _inside(world.now):
        listed = {entry.table for entry in queries.contents(listed=scene.patient_id).entries}
    assert {
        "notebook_note",
        "situations_situation",
        "situations_emergencyinformation",
        "hospital_feed_encounter",
    } <= listed
    carried = [("situations_situation", Situation), ("hospital_feed_encounter", Encounter)]
    with _inside(world.now):
        rows = [kept.objects.filter(patient_id=scene.patient_id).first() for _, kept in carried]
        moves = FeedMovement.objects.filter(encounter=rows[1])
    pair = collided(scene)
    decide(
        scene,
        pair,
        verdict="different",
        carried=[(table, row.pk) for (table, _), row in zip(carried, rows, strict=True)],
    )
    with _inside(world.now):
        for row in rows:
            row.refresh_from_db()
        assert rows[0].patient_id == rows[1].patient_id != scene.patient_id
        assert {each.patient_id for each in moves.all()} == {rows[0].patient_id}


class TestWhoSees:
    def test_the_cell_and_the_domain_see_and_nobody_else(self, scene, world):
        from carbet.registries.identity.tests.factories import domain, told

        place = domain("chc", organization_id=world.places["nursing"].pk)
        told(place, "1")

        def seen(key):
            with row_security.acting_as(world.actor(key), now=world.now):
                return LocalIdentity.objects.filter(domain=place).count()

        assert [seen(key) for key in ("identity_agent", "nurse", "gp", "operator", "agency")] == [
            1,
            1,
            0,
            0,
            0,
        ]

    def test_the_cell_never_reads_what_is_written_of_care(self, scene, world):
        with row_security.acting_as(world.actor("identity_agent"), now=world.now):
            assert not Note.objects.exists()
            assert queries.contents(scene.patient_id).counts[scene.patient_id]
        with row_security.acting_as(world.actor("gp"), now=world.now):
            assert queries.contents(scene.patient_id).counts[scene.patient_id] == []
            assert queries.contents(listed=scene.patient_id).entries == []
