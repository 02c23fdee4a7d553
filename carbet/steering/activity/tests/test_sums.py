"""Sums follow any order of changes, and equal what is counted again another way."""

from collections import Counter
from datetime import UTC, date, datetime
from statistics import median_low
from zoneinfo import ZoneInfo

import pytest
from django.db import DatabaseError, connection, transaction
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from carbet.coordination.care_plans.models import CarePlan, CarePlanVersion
from carbet.coordination.support.models import Case, SupportRequest
from carbet.core import row_security
from carbet.registries.patients.models import Patient
from carbet.steering.activity import access, operations, queries
from carbet.steering.activity.tests import factories as make

pytestmark = pytest.mark.django_db

GUYANE = ZoneInfo("America/Cayenne")
KINDS = (
    *("ask", "accept", "open", "redirect", "close", "reopen"),
    *("weigh", "contact", "hand", "plan", "review", "move", "born", "refresh"),
)
DAYS = st.dates(date(2026, 1, 1), date(2026, 11, 20)).map(date.isoformat)
STEPS = st.tuples(
    st.sampled_from(KINDS),
    st.integers(0, 2),
    DAYS,
)


@pytest.fixture
def people(world):
    return [
        world.circle(birth_family=f"Personne{rank}", birth_date=date(1940 + 7 * rank, 5, 1)).patient
        for rank in range(3)
    ]


def play(world, patient, step, day):
    """Do one thing to a person, if it can be done where they stand."""
    waiting = SupportRequest.objects.filter(patient=patient, status="submitted").first()
    open_case = Case.objects.filter(patient=patient).exclude(status="finished").first()
    done = Case.objects.filter(patient=patient, status="finished").last()
    if step == "ask" and waiting is None:
        make.a_request(world, patient, day, reason="isolation" if day > "2026-06" else "home")
    elif step == "accept" and waiting and not open_case:
        make.a_case(world, patient, day, waiting)
    elif step == "open" and not open_case:
        make.a_case(world, patient, day)
    elif step == "redirect" and waiting:
        waiting.status, waiting.decided_at = "redirected", make.at(day)
        waiting.save()
    elif step == "close" and open_case:
        make.close(open_case, day, outcome="moved" if day > "2026-06" else "met")
    elif step == "weigh" and open_case:
        open_case.complexity_level, open_case.complexity_score = "very", int(day[-2:])
        open_case.save()
    elif step == "contact" and open_case:
        open_case.first_contact_at = make.at(day)
        open_case.save()
    elif step == "reopen" and done and not open_case:
        done.status, done.closed_at = "active", None
        done.save()
    elif step == "hand" and open_case:
        open_case.coordinator = world.roles["nurse"]
        open_case.save()
    elif step == "plan":
        make.a_plan(world, patient, day)
    elif step == "review":
        make.a_plan(world, patient, day, date.fromisoformat(day), approved=False)
    elif step == "move":
        Patient.objects.filter(pk=patient.pk).update(commune_id="97304")
    elif step == "born":
        Patient.objects.filter(pk=patient.pk).update(birth_date=date.fromisoformat(day))


@settings(
    max_examples=40,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)
@given(st.lists(STEPS, max_size=25), st.integers(1, 4))
def test_sums_are_those_of_a_count_from_nothing_after_any_order_of_changes(
    world, people, steps, most
):
    with transaction.atomic():
        for step, who, day in steps:
            if step == "refresh":
                operations.refresh_figures(actor=access.HOUSE, now=world.now, most=most)
            else:
                with make.writing(world.now):
                    play(world, people[who], step, day)
        make.follow(world.now, most=most)
        followed = make.sums()
        operations.rebuild_figures(actor=access.HOUSE, now=world.now)
        assert make.sums() == ([], [])
        make.follow(world.now)
        assert make.sums() == followed
        transaction.set_rollback(True)


def a_year(world):
    """Write a year of a team: nine persons, some in each state that a figure tells apart."""
    people = [
        world.circle(
            birth_family=f"Dossier{rank}",
            birth_date=date(1930 + 9 * rank, 1 + rank, 3),
            commune_id=("97307", "97302", "97311")[rank % 3],
        ).patient
        for rank in range(9)
    ]
    with make.writing(world.now):
        for rank, patient in enumerate(people):
            asked = f"2026-{3 + rank:02d}-02"
            request = make.a_request(
                world, patient, asked, reason=("home", "rights")[rank % 2], urgency="urgent"
            )
            if rank == 8:
                continue
            if rank == 7:
                request.status, request.decided_at = "redirected", make.at("2026-11-03")
                request.save()
                continue
            role = world.roles["nurse" if rank == 5 else "coordinator"]
            case = make.a_case(
                world, patient, f"2026-{3 + rank:02d}-05", request, coordinator=role,
                complexity_level=("simple", "very", "")[rank % 3],
                complexity_score=(4, 21, None)[rank % 3],
                first_contact_at=make.at(f"2026-{3 + rank:02d}-{5 + 3 * rank:02d}", 11),
            )  # fmt: skip
            if rank % 2 == 0:
                make.a_plan(world, patient, f"2026-{4 + rank:02d}-01", date(2026, 9 + rank // 2, 1))
            if rank in (1, 4):
                make.close(case, f"2026-{6 + rank:02d}-30", outcome=("met", "moved")[rank % 2])
        # At midnight in Greenwich the month has not turned in Cayenne.
        late = make.a_request(world, people[1], "2026-11-01", reason="other")
        SupportRequest.objects.filter(pk=late.pk).update(
            submitted_at=datetime(2026, 11, 1, 2, 0, tzinfo=UTC)
        )
    make.follow(world.now)
    return people


def month_of(moment):
    local = moment.astimezone(GUYANE)
    return date(local.year, local.month, 1)


def counted_again(world, month):
    """Count the tables of a month in plain Python, from the rows of the rooms below."""
    with row_security.acting_as(make.INTERNAL, now=world.now):
        requests = list(SupportRequest.objects.all())
        cases = list(Case.objects.all())
        patients = {each.pk: each for each in Patient.objects.all()}
        reviews = dict(CarePlan.objects.values_list("patient_id", "review_due_on"))
        versions = list(CarePlanVersion.objects.values_list("patient_id", "approved_at"))
    asked = {request.pk: request.submitted_at for request in requests}
    today = world.now.astimezone(GUYANE).date()
    end = datetime(month.year + month.month // 12, month.month % 12 + 1, 1, tzinfo=GUYANE)
    held = [
        case
        for case in cases
        if case.opened_at < end and (case.closed_at is None or case.closed_at >= end)
    ]
    running = [case for case in cases if case.closed_at is None]
    waiting = [request for request in requests if request.decided_at is None]
    delays = []
    contacts = [
        (case.first_contact_at - case.requested_at).days
        for case in cases
        if case.first_contact_at and month_of(case.first_contact_at) == month
    ]
    for case in cases:
        since = asked.get(case.request_id)
        after = [on for who, on in versions if who == case.patient_id and since and on >= since]
        if after and month_of(min(after)) == month:
            delays.append((min(after) - since).days)
    overdue = [case for case in running if (reviews.get(case.patient_id) or date.max) < today]
    return {
        "caseload": len(held),
        "demandes": Counter(month_of(request.submitted_at) for request in requests),
        "ouvertures": Counter(month_of(case.opened_at) for case in cases),
        "sorties": Counter(month_of(case.closed_at) for case in cases if case.closed_at),
        "motifs": Counter(r.reason for r in requests if month_of(r.submitted_at) == month),
        "reponses": Counter(
            r.status for r in requests if r.decided_at and month_of(r.decided_at) == month
        ),
        "coordination": Counter(str(case.coordinator_id) for case in held),
        "communes": Counter(patients[case.patient_id].commune_id for case in held),
        "ages": sorted(month.year - patients[case.patient_id].birth_date.year for case in held),
        "sorties-du-mois": Counter(
            case.outcome for case in cases if case.closed_at and month_of(case.closed_at) == month
        ),
        "complexite": Counter(case.complexity_level for case in held),
        "points": Counter(
            {
                str(role): sum(
                    case.complexity_score or 0 for case in held if case.coordinator_id == role
                )
                for role in {case.coordinator_id for case in held}
            }
        ),
        "contacts": contacts,
        "delays": delays,
        "late": sum(r.due_at.astimezone(GUYANE).date() < today for r in waiting),
        "waiting": len(waiting),
        "overdue": Counter(str(case.coordinator_id) for case in overdue),
        "undated": sum(reviews.get(case.patient_id) is None for case in running),
        "reviews": [on for case in running if (on := reviews.get(case.patient_id))],
        "teams": Counter(str(case.organization_id) for case in held),
    }


@pytest.mark.parametrize("month", [date(2026, 11, 1), date(2026, 10, 1), date(2026, 6, 1)])
def test_every_figure_equals_an_independent_count(world, month):
    a_year(world)
    again = counted_again(world, month)
    actor = world.actor("coordinator")
    with row_security.acting_as(actor, now=world.now):
        sheet = queries.sheet(scope=access.scope(actor), month=month, now=world.now)

    def shown(key):
        return {row.value: row.count for row in sheet.table(key).rows if row.count}

    series = {"demandes-par-mois": "demandes", "ouvertures-par-mois": "ouvertures"}
    for key, name in (series | {"sorties-par-mois": "sorties"}).items():
        wanted = {each.isoformat(): count for each, count in again[name].items() if each <= month}
        assert shown(key) == wanted, key
    for key in ("motifs", "reponses", "coordination", "communes", "complexite"):
        assert shown(key) == dict(again[key]), key
    assert shown("sorties") == dict(again["sorties-du-mois"])
    assert {row.value: row.beside[0] or 0 for row in sheet.table("coordination").rows} == dict(
        again["points"]
    )
    # The bands of delays as well.
    bands = {0: 2, 2: 7, 7: 15, 15: 30, 30: 60, 60: 9999}
    for key, found in (("premier-contact", again["contacts"]), ("premier-plan", again["delays"])):
        assert shown(key) == {
            str(low): many
            for low, high in bands.items()
            if (many := sum(low <= days < high for days in found))
        }
        assert sheet.table(key).total == len(found)
    # The bands of ages, written here once more.
    bands = {0: 18, 18: 40, 40: 60, 60: 75, 75: 85, 85: 95, 95: 999}
    assert shown("ages") == {
        str(low): found
        for low, high in bands.items()
        if (found := sum(low <= age < high for age in again["ages"]))
    }
    assert sheet.stats["caseload"] == again["caseload"] == sheet.table("ages").total
    assert sheet.table("file-active-par-mois").rows[-1].count == again["caseload"]
    if again["delays"]:
        middle = median_low(again["delays"])
        assert sheet.table("premier-plan").summary.startswith(f"Médiane : {middle} jour")
    assert shown("attente").get("retard", 0) == again["late"] == sheet.stats["late"]
    assert sheet.stats["waiting"] == again["waiting"] > 0
    assert shown("revisions-coordination") == dict(again["overdue"])
    assert sheet.stats["overdue"] == sum(again["overdue"].values()) > 0
    assert shown("revisions")["sans-date"] == again["undated"]
    # Reviews to come: this month (until the 30th), the two that follow, later.
    today = world.now.astimezone(GUYANE).date()
    bounds = {
        "retard": (date.min, today),
        "mois": (today, date(2026, 12, 1)),
        "trimestre": (date(2026, 12, 1), date(2027, 2, 1)),
        "plus-tard": (date(2027, 2, 1), date.max),
    }
    for value, (low, high) in bounds.items():
        due = sum(low <= on < high for on in again["reviews"])
        assert shown("revisions").get(value, 0) == due, value
    assert shown("attente").get("delai", 0) == again["waiting"] - again["late"]
    loads = [row.beside[0] for row in sheet.table("coordination").rows]
    mean = sum(loads) / len(loads) if loads else 0
    for row, load in zip(sheet.table("coordination").rows, loads, strict=True):
        assert abs(row.beside[1] - (load / mean - 1) * 100) <= 0.5 if sum(loads) else True
    for key, days in (("premier-contact", again["contacts"]), ("premier-plan", again["delays"])):
        assert sheet.table(key).median == (median_low(days) if days else None)
    assert {key: sheet.stats[key] for key in ("requested", "opened", "closed")} == {
        "requested": again["demandes"][month],
        "opened": again["ouvertures"][month],
        "closed": again["sorties"][month],
    }
    # Totals are those of the rows, and of what they cut.
    for table in sheet.tables:
        if table.definition.adds_up:
            assert table.total == sum(row.count for row in table.rows), table.definition.key
    assert {table.definition.key for table in sheet.tables} == COUNTED_AGAIN


# Each is counted again above; a figure that comes later is counted again or fails here.
COUNTED_AGAIN = {
    *("demandes-par-mois", "ouvertures-par-mois", "sorties-par-mois", "file-active-par-mois"),
    *("motifs", "reponses", "sorties", "coordination", "complexite", "ages", "communes"),
    *("premier-contact", "premier-plan", "attente", "revisions", "revisions-coordination"),
}


def test_the_territory_counts_every_team(world, monkeypatch):
    """What an agency would read without suppression is what is counted again over all teams."""
    a_year(world)
    with make.writing(world.now):
        elsewhere = Case.objects.exclude(status="finished").order_by("pk")[:2]
        for case in elsewhere:
            # The team that was asked is the one that opens.
            Case.objects.filter(pk=case.pk).update(organization=world.places["social"])
            asked = SupportRequest.objects.filter(pk=case.request_id)
            asked.update(addressee=world.places["social"])
    make.follow(world.now)
    monkeypatch.setattr(queries, "outside", lambda tables, stats, **_: (tables, stats))
    month, actor = date(2026, 11, 1), world.actor("agency")
    again = counted_again(world, month)
    with row_security.acting_as(actor, now=world.now):
        sheet = queries.sheet(scope=access.scope(actor), month=month, now=world.now)
    shown = {row.value: row.count for row in sheet.table("equipes").rows if row.count}
    assert shown == dict(again["teams"])
    assert len(shown) > 1
    assert sheet.stats["caseload"] == again["caseload"]
    for key in ("communes", "complexite", "motifs"):
        rows = {row.value: row.count for row in sheet.table(key).rows if row.count}
        assert rows == dict(again[key])
    assert {table.definition.key for table in sheet.tables} == (
        COUNTED_AGAIN - {"coordination", "revisions-coordination"} | {"equipes"}
    )


def test_the_stock_of_each_month_is_what_was_open_at_its_end(world):
    a_year(world)
    actor = world.actor("coordinator")
    with row_security.acting_as(actor, now=world.now):
        sheet = queries.sheet(scope=access.scope(actor), month=date(2026, 11, 1), now=world.now)
    for row in sheet.table("file-active-par-mois").rows:
        assert row.count == counted_again(world, date.fromisoformat(row.value))["caseload"], row


def test_the_list_behind_each_number_has_as_many_lines(world):
    a_year(world)
    with make.writing(world.now):
        for case in Case.objects.all():
            world_grants(world, case.patient_id)
        for request in SupportRequest.objects.all():
            world_grants(world, request.patient_id)
    actor, checked = world.actor("coordinator"), 0
    for month in (date(2026, 11, 1), date(2026, 6, 1)):
        with row_security.acting_as(actor, now=world.now):
            scope = access.scope(actor)
            sheet = queries.sheet(scope=scope, month=month, now=world.now)
            for table in sheet.tables:
                for row in table.rows:
                    found = queries.episodes(
                        scope=scope, definition=table.definition, value=row.value, month=month,
                        now=world.now, limit=100,
                    )  # fmt: skip
                    assert len(found) == row.count, (table.definition.key, row)
                    checked += bool(found)
    assert checked > 40


def world_grants(world, patient_id):
    from carbet.core import grants
    from carbet.core.actor import Level

    grants.grant(
        f"org:{world.places['dac'].pk}",
        patient_id=patient_id,
        level=Level.MANAGE,
        source="support_case",
        now=world.now,
    )


def test_what_a_carer_writes_waits_and_is_followed(world):
    patient = world.circle().patient
    make.follow(world.now)
    assert not make.waits()
    with make.writing(world.now):
        make.a_request(world, patient, "2026-11-02")
    assert make.waits()
    make.follow(world.now)
    assert not make.waits()
    # What steering does not read moves nothing.
    with make.writing(world.now):
        Patient.objects.filter(pk=patient.pk).update(phone="0694000000")
    assert not make.waits()


def test_only_its_team_and_the_house_read_sums_and_nobody_writes_them(world):
    patient = world.circle().patient
    with make.writing(world.now):
        make.a_request(world, patient, "2026-11-02")
        world_grants(world, patient.pk)
    make.follow(world.now)
    seen = {}
    for key in ("coordinator", "gp", "nurse", "agency", "operator"):
        with (
            row_security.acting_as(world.actor(key), now=world.now),
            connection.cursor() as cursor,
        ):
            cursor.execute(
                "SELECT (SELECT count(*) FROM activity_tally),"
                " (SELECT count(*) FROM activity_episode), (SELECT count(*) FROM activity_change)"
            )
            seen[key] = cursor.fetchone()
    assert seen.pop("coordinator") == (3, 1, 0)
    assert set(seen.values()) == {(0, 0, 0)}
    for table in ("activity_tally", "activity_episode", "activity_change"):
        with (
            pytest.raises(DatabaseError, match="permission denied"),
            transaction.atomic(),
            make.writing(world.now),
            connection.cursor() as cursor,
        ):
            cursor.execute(f"DELETE FROM {table}")
