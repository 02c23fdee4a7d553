"""Measure steering: its pages over a territory of facts, and what it costs to keep sums up to date.

    nice .venv/bin/python -m benchmarks.steering --persons 100000
    nice .venv/bin/python -m benchmarks.steering --persons 500000 --twins    # a million

Persons, requests, cases and plans that miss are copied in (COPY); an event is a dated fact that a
figure counts: asked, answered, opened, met, planned, closed. In process, whole requests
(middleware, audit, row security, templates), beside the physical limit in the same run: one scan
of the facts, what a page costs at the least without sums. Then an assessment is saved.
"""

import argparse
import json
import os
import random
import statistics
import time
import uuid
from collections.abc import Callable
from datetime import date, datetime, timedelta
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parent.parent
LAST = ROOT / "benchmarks" / "last_steering.json"
TEAMS, YEARS = 4, 8
COORDINATORS = 15
# Fewer and larger than by the minute: each batch writes most sums again.
BATCH = 140_000
SCAN = "SELECT count(*), count(*) FILTER (WHERE closed_at IS NULL) FROM activity_episode"
COUNT_EVENTS = (
    "SELECT count(*), sum(num_nonnulls(CASE WHEN request_id IS NOT NULL THEN requested_at END,"
    " decided_at, opened_at, contact_at, plan_at, closed_at)) FROM activity_episode"
)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--persons", type=int, default=1_000_000)
    parser.add_argument("--rounds", type=int, default=20)
    parser.add_argument("--twins", action="store_true", help="double episodes and sums, once")
    options = parser.parse_args()
    state = ROOT / "var" / "bench" / "steering"
    state.mkdir(parents=True, exist_ok=True)
    os.environ |= {
        "CARBET_STATE_DIR": str(state),
        "CARBET_DEMONSTRATION": "1",
        "DJANGO_SETTINGS_MODULE": "carbet.config.settings",
    }
    from carbet.config.commands import database

    with database.opened() as server:
        if server is None:
            raise SystemExit("DATABASE_URL est donnée : le banc mesure son propre PostgreSQL")
        database.migrate()
        database.load_territory(300)
        import django

        django.setup()
        from django.core.management import call_command

        call_command("collectstatic", interactive=False, verbosity=0)
        found = {"persons": options.persons, **fill(options.persons)}
        if options.twins:
            found["persons"] = twin()
        found |= measure(options.rounds)
    LAST.write_text(json.dumps(found, indent=1, ensure_ascii=False) + "\n")
    print(json.dumps(found, indent=1, ensure_ascii=False))


# --- The territory -------------------------------------------------------------------------------


def fill(persons: int) -> dict[str, Any]:
    """Copy in the facts that miss, then let the sums follow them all. Return what it took."""
    from django.db import connections, transaction

    from carbet.core import clock
    from carbet.steering.activity import access, operations
    from carbet.steering.demonstration.bulk import OWNER

    said: dict[str, Any] = {}
    with connections[OWNER].cursor() as cursor:
        cursor.execute("SELECT count(*) FROM patients_patient WHERE birth_family = 'Banc'")
        missing = persons - cursor.fetchone()[0]
    if missing > 0:
        before = time.perf_counter()
        with transaction.atomic(using=OWNER), connections[OWNER].cursor() as cursor:
            _copy(cursor, missing, clock.now())
        said["copy_s"] = round(time.perf_counter() - before, 1)
    with connections[OWNER].cursor() as cursor:
        for table in ("patients_patient", "support_supportrequest", "support_case",
                      "care_plans_careplan", "care_plans_careplanversion"):  # fmt: skip
            cursor.execute(f"ANALYZE {table}")
        # Triggers were silent during the copy: they would have written this.
        cursor.execute(
            "INSERT INTO activity_change (patient_id) SELECT id FROM patients_patient"
            " WHERE birth_family = 'Banc' AND NOT EXISTS ("
            "  SELECT 1 FROM activity_episode e WHERE e.patient_id = patients_patient.id)"
        )
    before, taken = time.perf_counter(), 0
    with connections["default"].cursor() as cursor:
        cursor.execute("SET statement_timeout = 0")
    while many := operations.refresh_figures(actor=access.HOUSE, now=clock.now(), most=BATCH):
        taken += many
    said["count_all_s"] = round(time.perf_counter() - before, 1)
    said["count_person_ms"] = round(said["count_all_s"] * 1000 / max(taken, 1), 3)
    with connections[OWNER].cursor() as cursor:
        cursor.execute("ANALYZE activity_tally, activity_episode")
    return said


def _copy(cursor: Any, persons: int, now: datetime) -> None:
    """Write two episodes for each person over eight years, and a plan with its approved version."""
    from carbet.coordination.care_plans.models import CarePlan, CarePlanVersion
    from carbet.coordination.support.choices import Complexity, Outcome, RequestReason
    from carbet.coordination.support.models import Case, SupportRequest
    from carbet.registries.directory.models import Commune
    from carbet.registries.patients.models import Patient
    from carbet.steering.demonstration.bulk import NULL, Numbers, Target, quiet

    draw = random.Random(12)  # noqa: S311 - repeatable
    people = Target(
        Patient, "id", "birth_family", "birth_given", "gender", "birth_date", "commune_id",
        "created_at", "updated_at",
    )  # fmt: skip
    requests = Target(
        SupportRequest, "id", "patient_id", "source", "requester_id", "addressee_id", "reason",
        "text", "status", "submitted_at", "due_at", "decided_at", "decided_by_id", "gesture",
    )  # fmt: skip
    cases = Target(
        Case, "patient_id", "organization_id", "request_id", "coordinator_id", "status",
        "requested_at", "opened_at", "first_contact_at", "closed_at", "outcome",
        "complexity_level", "complexity_score", "complexity_factors",
    )  # fmt: skip
    plans = Target(
        CarePlan, "id", "patient_id", "status", "author_id", "review_due_on", "created_at",
        "updated_at",
    )  # fmt: skip
    versions = Target(
        CarePlanVersion, "patient_id", "care_plan_id", "number", "content", "approved_at",
        "approved_by_id",
    )  # fmt: skip
    targets = [people, requests, cases, plans, versions]
    numbers = {model: Numbers(cursor, model) for model in (Patient, SupportRequest, CarePlan)}
    teams = _teams(cursor)
    communes = list(Commune.objects.values_list("code", flat=True))
    reasons, outcomes = list(RequestReason.values), list(Outcome.values)
    levels = list(Complexity.values)
    moment = now.isoformat()
    with quiet(cursor, [target.table for target in targets], bare=True):
        for rank in range(persons):
            patient, plan = numbers[Patient].take(), numbers[CarePlan].take()
            born = date(draw.randint(1925, 2020), draw.randint(1, 12), 1)
            people.add(
                str(patient), "Banc", "{Synthétique}", ("female", "male")[rank % 2],
                born.isoformat(), communes[int(len(communes) * draw.random() ** 2)], moment, moment,
            )  # fmt: skip
            team, roles = teams[int(TEAMS * draw.random() ** 2)]
            first = now - timedelta(days=draw.randint(200, YEARS * 365), hours=draw.randint(0, 23))
            for episode, asked in enumerate((first, first + timedelta(days=draw.randint(90, 190)))):
                request, role = numbers[SupportRequest].take(), str(draw.choice(roles))
                answered = asked + timedelta(hours=draw.randint(4, 200))
                opened = draw.random() < 0.95
                closed = opened and (episode == 0 or draw.random() < 0.75)
                requests.add(
                    str(request), str(patient), "professional", role, str(team),
                    draw.choice(reasons), "Banc", "accepted" if opened else "redirected",
                    asked.isoformat(), (asked + timedelta(days=7)).isoformat(),
                    answered.isoformat(), role, str(uuid.UUID(int=request)),
                )  # fmt: skip
                if opened:
                    ends = min(answered + timedelta(days=draw.randint(20, 80)), now)
                    cases.add(
                        str(patient), str(team), str(request), role,
                        "finished" if closed else "active", asked.isoformat(),
                        answered.isoformat(),
                        (answered + timedelta(hours=draw.randint(1, 300))).isoformat(),
                        ends.isoformat() if closed else NULL,
                        draw.choice(outcomes) if closed else "",
                        draw.choice(levels), str(draw.randint(1, 30)), "{}",
                    )  # fmt: skip
            review = (now + timedelta(days=draw.randint(-90, 200))).date()
            plans.add(
                str(plan), str(patient), "active", str(roles[0]), review.isoformat(), moment, moment
            )
            for number in (1, 2):
                approved = first + timedelta(days=draw.randint(10, 60) + 185 * (number - 1))
                versions.add(
                    str(patient), str(plan), str(number), "{}", min(approved, now).isoformat(),
                    str(roles[0]),
                )  # fmt: skip
            if rank % 20_000 == 19_999 or rank == persons - 1:
                for target in targets:
                    target.flush(cursor)
        for each in numbers.values():
            each.give_back(cursor)


def _teams(cursor: Any) -> list[tuple[int, list[int]]]:
    """Return teams, the one of the story first, with those who coordinate in each."""
    from carbet.steering.demonstration.story import story_roles

    own = story_roles()["coordinator"]
    cursor.execute(
        "SELECT id FROM directory_practitionerrole WHERE ended_at IS NULL ORDER BY id LIMIT %s",
        [TEAMS * COORDINATORS],
    )
    roles = [row[0] for row in cursor.fetchall()]
    cursor.execute(
        "SELECT id FROM directory_organization WHERE id <> %s ORDER BY id LIMIT %s",
        [own.organization_id, TEAMS - 1],
    )
    places = [own.organization_id, *(row[0] for row in cursor.fetchall())]
    return [
        (place, roles[rank * COORDINATORS : (rank + 1) * COORDINATORS])
        for rank, place in enumerate(places)
    ]


def twin() -> int:
    """Give each person a twin in what pages read, episodes and sums. Return how many have them.

    Twins have neither a record nor requests: what pages and lists read is doubled, nothing else.
    """
    from django.db import connections

    from carbet.steering.activity.migrations._sql import EPISODE

    kept = EPISODE.removeprefix("id, ")
    shifted = kept
    for name in ("patient_id", "request_id", "case_id"):
        shifted = shifted.replace(name, f"{name} + 1000000000 AS {name}", 1)
    with connections["owner"].cursor() as cursor:
        cursor.execute(
            f"CREATE TEMP TABLE twin AS SELECT {shifted} FROM activity_episode e"  # noqa: S608
            " WHERE patient_id < 1000000000 AND NOT EXISTS (SELECT 1 FROM activity_episode o"
            "  WHERE o.patient_id = e.patient_id + 1000000000)"
        )
        cursor.execute(
            f"INSERT INTO activity_episode ({kept}) SELECT * FROM twin"  # noqa: S608
        )
        cursor.execute(
            "INSERT INTO activity_tally"
            " (organization_id, figure, dimension, on_day, value, count, points)"
            " SELECT e.organization_id, a.figure, a.dimension, a.on_day, a.value, count(*),"
            " sum(a.points) FROM activity_episode e, LATERAL activity_adds(e) a"
            " WHERE e.patient_id IN (SELECT patient_id FROM twin)"
            " GROUP BY 1, 2, 3, 4, 5"
            " ON CONFLICT (organization_id, figure, dimension, on_day, value) DO UPDATE"
            " SET count = activity_tally.count + EXCLUDED.count,"
            "     points = activity_tally.points + EXCLUDED.points"
        )
        cursor.execute("VACUUM ANALYZE activity_tally, activity_episode")
        cursor.execute("SELECT count(DISTINCT patient_id) FROM activity_episode")
        return int(cursor.fetchone()[0])


# --- The measures --------------------------------------------------------------------------------


def measure(rounds: int) -> dict[str, Any]:
    """Return what pages, files, one minute's changes and an assessment cost, in milliseconds."""
    from django.db import connections
    from django.test import Client
    from django.urls import reverse

    from benchmarks import prepare
    from carbet.core import clock
    from carbet.steering.activity.choices import Section
    from carbet.steering.demonstration.story import story_roles

    with connections["owner"].cursor() as cursor:
        cursor.execute(COUNT_EVENTS)
        episodes, events = cursor.fetchone()
        cursor.execute("SELECT count(*) FROM activity_tally")
        sums = cursor.fetchone()[0]
    found: dict[str, Any] = {"episodes": episodes, "events": int(events), "sums": sums}
    clients = {
        name: Client(
            headers={"cookie": f"carbet={prepare._session(role)}"}, SERVER_NAME="localhost"
        )
        for name, role in (("team", story_roles()["coordinator"].pk), ("agency", _agency()))
    }
    month = f"{clock.now():%Y-%m}"
    pages = {
        f"{name}, {section.label}": (client, reverse("activity:section", args=[section]))
        for name, client in clients.items()
        for section in Section
    }
    for name, client in clients.items():
        pages[f"{name}, XLSX"] = client, reverse("activity:xlsx")
        pages[f"{name}, PDF"] = (
            client,
            reverse("activity:report_pdf") + f"?mois={month}",
        )
    pages["team, list behind a number"] = (
        clients["team"], reverse("activity:list") + "?chiffre=communes&valeur=97302",
    )  # fmt: skip
    spent: dict[str, list[float]] = {name: [] for name in (*pages, "scan")}
    for turn in range(rounds + 1):
        for name, (client, address) in pages.items():
            if name.endswith(("XLSX", "PDF")) and turn > rounds // 4:
                continue
            took = _took(lambda client=client, address=address: _get(client, address))
            if turn:  # the first turn warms caches
                spent[name].append(took)
        if turn <= rounds // 4:
            spent["scan"].append(_took(_scan))
    scan = statistics.median(spent["scan"])
    found["pages"] = {
        name: {**_said(each), "of a scan": round(statistics.median(each) / scan, 3)}
        for name, each in spent.items()
    }
    found["a minute of changes"] = _follow(rounds, scan)
    found["assessment saved"] = _assess(rounds * 5)
    return found


def _took(act: Callable[[], None]) -> float:
    before = time.perf_counter()
    act()
    return (time.perf_counter() - before) * 1000


def _said(spent: list[float]) -> dict[str, float]:
    ordered = sorted(spent)
    return {
        "p50": round(statistics.median(ordered), 1),
        "p95": round(ordered[min(len(ordered) - 1, int(0.95 * len(ordered)))], 1),
    }


def _get(client: Any, address: str) -> None:
    answer = client.get(address)
    if answer.status_code != 200:
        raise SystemExit(f"{address}: {answer.status_code}")


def _scan() -> None:
    from django.db import connections

    with connections["owner"].cursor() as cursor:
        cursor.execute("SET max_parallel_workers_per_gather = 0")
        cursor.execute("SET enable_indexonlyscan = off; SET enable_indexscan = off")
        cursor.execute(SCAN)
        cursor.fetchall()


def _agency() -> int:
    """Return a role of an agency, made the first time."""
    from django.utils import timezone

    from carbet.registries.directory.choices import Category, OrganizationKind
    from carbet.registries.directory.models import Organization, Practitioner, PractitionerRole

    now = timezone.now()
    place, _ = Organization.objects.using("owner").get_or_create(
        identifier_system="https://carbet.example/banc",
        identifier_value="agence",
        defaults={
            "kind": OrganizationKind.LEGAL, "purpose": "agency", "name": "Agence du banc",
            "synthetic": True, "updated_at": now,
        },
    )  # fmt: skip
    person, _ = Practitioner.objects.using("owner").get_or_create(
        identifier_system="https://carbet.example/banc",
        identifier_value="agent",
        defaults={
            "family": "Banc", "given": "Agent", "synthetic": True, "search": "agent banc",
            "updated_at": now,
        },
    )  # fmt: skip
    role, _ = PractitionerRole.objects.using("owner").get_or_create(
        practitioner=person,
        organization=place,
        defaults={
            "profession": "ARS", "profession_label": "Chargé de mission",
            "category": Category.ADMINISTRATIVE, "started_on": date(2020, 1, 1), "updated_at": now,
        },
    )  # fmt: skip
    return int(role.pk)


def _follow(rounds: int, scan: float) -> dict[str, Any]:
    """Return what it takes the sums to follow a hundred cases that moved, committed each turn."""
    from django.db import connections

    from carbet.core import clock
    from carbet.steering.activity import access, operations

    spent = []
    for turn in range(rounds):
        with connections["owner"].cursor() as cursor:
            cursor.execute("ALTER TABLE support_case NO FORCE ROW LEVEL SECURITY")
            cursor.execute(
                "UPDATE support_case SET first_contact_at = first_contact_at + interval '1 hour'"
                " WHERE id IN (SELECT id FROM support_case WHERE id > %s ORDER BY id LIMIT 100)",
                [turn * 1000],
            )
            cursor.execute("ALTER TABLE support_case FORCE ROW LEVEL SECURITY")
        spent.append(_took(lambda: operations.refresh_figures(actor=access.HOUSE, now=clock.now())))
    return {**_said(spent), "of a scan": round(statistics.median(spent) / scan, 3)}


def _assess(rounds: int) -> dict[str, Any]:
    """Return what saving an assessment costs, and one insertion with its commit beside it."""
    from django.db import connections
    from django.test import Client
    from django.urls import reverse

    from benchmarks import prepare
    from carbet.coordination.assessments.models import Questionnaire
    from carbet.coordination.care_teams.models import CareTeamParticipant
    from carbet.core import clock, row_security
    from carbet.core.actor import internal
    from carbet.steering.demonstration.story import story_roles

    role = story_roles()["gp"].pk
    client = Client(headers={"cookie": f"carbet={prepare._session(role)}"}, SERVER_NAME="localhost")
    with row_security.acting_as(internal("bench"), now=clock.now()):
        patient = CareTeamParticipant.objects.filter(
            practitioner_role_id=role, ended_at__isnull=True
        )[0].patient_id
        questionnaire = Questionnaire.objects.filter(url__endswith="mini-gds").first()
        if questionnaire is None:
            raise SystemExit("mini-GDS manque")
    fields = {
        "q-triste": "oui", "q-vide": "non", "q-heureux": "oui", "q-desesperee": "non", "seen": "1",
        "authored_at": f"{clock.now():%Y-%m-%dT00:00}", "fait": "terminer",
    }  # fmt: skip
    spent, floor = [], []
    with connections["owner"].cursor() as cursor:
        cursor.execute("CREATE TABLE IF NOT EXISTS bench_floor (id bigserial PRIMARY KEY, a text)")
    for turn in range(rounds):
        begun = client.post(
            reverse("assessments:begin", args=[patient]),
            {"questionnaire": questionnaire.pk, "gesture": str(uuid.uuid4())},
        )
        before = time.perf_counter()
        answer = client.post(begun.url, fields)
        took = (time.perf_counter() - before) * 1000
        if answer.status_code != 302:
            raise SystemExit(f"{begun.url}: {answer.status_code}")
        with connections["owner"].cursor() as cursor:
            least = _took(
                lambda: cursor.execute("INSERT INTO bench_floor (a) VALUES (repeat('a', 500))")
            )
        if turn >= 5:
            spent.append(took)
            floor.append(least)
    ratio = statistics.median(spent) / statistics.median(floor)
    return {**_said(spent), "floor": _said(floor), "of an insertion": round(ratio, 1)}


if __name__ == "__main__":
    main()
