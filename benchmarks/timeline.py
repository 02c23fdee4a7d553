"""Measure the timeline page of one person at 10, 1,000 and 20,000 items: flat, or not.

    nice .venv/bin/python -m benchmarks.timeline

In process, whole requests of a signed-in doctor (middleware, audit, row security, template), beside
a floor in the same run: the 26 latest notes of the same person read by their index. CPU time is
that of this process and of PostgreSQL, over first pages alone.
"""

import argparse
import os
import statistics
import time
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from benchmarks.processes import cpu_ms

ROOT = Path(__file__).resolve().parent.parent
SIZES = (10, 1_000, 20_000)
# A quarter each of notes, measures, documents and visits, an hour apart.
FILL_NOTES = """
INSERT INTO notebook_note (patient_id, author_role_id, author_name, occurred_at, recorded_at,
  gesture, kind, text, urgent, correction_reason)
SELECT %(patient)s, %(role)s, 'Banc', %(now)s - n * interval '2 hours', %(now)s, gen_random_uuid(),
       (ARRAY['OBS', 'GEN', 'INST', 'INTERV'])[1 + n %% 4],
       'Plaie propre, pansement refait, passage ' || n, n %% 50 = 0, ''
FROM generate_series(1, %(many)s) n
"""
FILL_MEASURES = """
INSERT INTO notebook_measure (patient_id, author_role_id, author_name, occurred_at, recorded_at,
  gesture, kind, value, status, comment)
SELECT %(patient)s, %(role)s, 'Banc', %(now)s - n * interval '2 hours' - interval '1 hour',
       %(now)s, gen_random_uuid(), '8867-4', 60 + n %% 40, 'final', ''
FROM generate_series(1, %(many)s) n
"""
FILL_DOCUMENTS = """
INSERT INTO documents_document (patient_id, author_role_id, author_name, recorded_at, updated_at,
  gesture, type, title, status, status_reason, category, confidentiality, visibility, attached_to,
  identifier_system, identifier_value, version)
SELECT %(patient)s, %(role)s, 'Banc', %(now)s - n * interval '2 hours' - interval '20 minutes',
       %(now)s - n * interval '2 hours', gen_random_uuid(), '11506-3', 'Lettre ' || n, 'current',
       '', 1, 'N', 'circle', '', '', '', 1
FROM generate_series(1, %(many)s) n
"""
FILL_VISITS = """
INSERT INTO scheduling_appointment (patient_id, author_role_id, author_name, status, kind,
  description, start, "end", overlap_accepted, awaits_author, patient_status, cancel_reason,
  cancel_comment, identifier_system, identifier_value, declared_by, said, open_to, created_at,
  updated_at, version, gesture)
SELECT %(patient)s, %(role)s, 'Banc', 'fulfilled', 'HH', 'Pansement',
       %(now)s - n * interval '2 hours' - interval '40 minutes',
       %(now)s - n * interval '2 hours' - interval '10 minutes', false, false, 'accepted', '', '',
       '', '', '', '{}', '{}', %(now)s - n * interval '2 hours', %(now)s - n * interval '2 hours',
       1, gen_random_uuid()
FROM generate_series(1, %(many)s) n
"""
FILLS = (FILL_NOTES, FILL_MEASURES, FILL_DOCUMENTS, FILL_VISITS)
TABLES = ("notebook_note", "notebook_measure", "documents_document", "scheduling_appointment")
COUNTED = "SELECT " + " + ".join(  # noqa: S608
    f"(SELECT count(*) FROM {table} WHERE patient_id = %(p)s)"  # noqa: S608
    for table in TABLES
)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=40)
    options = parser.parse_args()
    state = ROOT / "var" / "bench" / "timeline"
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
        postgres = int((server.data_dir / "postmaster.pid").read_text().split()[0])
        measure(options.rounds, postgres)


def measure(rounds: int, postgres: int) -> None:
    """Fill the notebook of three persons of one doctor and print what a page of each costs."""
    from django.db import connections
    from django.test import Client

    from carbet.core import clock, row_security
    from carbet.core.actor import internal
    from carbet.registries.directory.models import PractitionerRole
    from carbet.steering.demonstration.bulk import OWNER

    now = clock.now()
    with row_security.acting_as(internal("bench"), now=now):
        role = PractitionerRole.objects.filter(
            practitioner__account__email="yann.lebihan@carbet.example", ended_at__isnull=True
        )[0]
        persons = _persons(role.pk)
    with connections[OWNER].cursor() as cursor:
        for person, size in zip(persons, SIZES, strict=True):
            cursor.execute(COUNTED, {"p": person})
            missing = max(0, size - cursor.fetchone()[0])
            for fill in FILLS:
                cursor.execute(
                    fill, {"patient": person, "role": role.pk, "now": now, "many": missing // 4}
                )
        cursor.execute(f"ANALYZE {', '.join(TABLES)}")
    from benchmarks import prepare

    client = Client(
        headers={"cookie": f"carbet={prepare._session(role.pk)}"}, SERVER_NAME="localhost"
    )
    print(
        "| items | first page, CPU ms (app + DB) | first page p50 / p95 ms | far page p50"
        " | search p50 | floor p50 |"
    )
    for person in persons:
        print(_line(client, person, rounds, postgres), flush=True)


def _persons(role_id: int) -> list[int]:
    from carbet.coordination.care_teams.models import CareTeamParticipant

    held = CareTeamParticipant.objects.filter(practitioner_role_id=role_id, ended_at__isnull=True)
    return list(held.order_by("-patient_id").values_list("patient_id", flat=True)[: len(SIZES)])


def _line(client: Any, person: int, rounds: int, postgres: int) -> str:
    """Return what the pages of a person cost, turn by turn with the floor."""
    from django.db import connections
    from django.urls import reverse

    from carbet.core.identifiers import short_id

    page = reverse("notebook:list", args=[person])
    client.get(page)
    with connections["owner"].cursor() as cursor:
        cursor.execute(COUNTED, {"p": person})
        held = cursor.fetchone()[0]
        # Deep among the notes, where a whole page of everything still follows.
        cursor.execute(
            "SELECT id FROM notebook_note WHERE patient_id = %s"
            " ORDER BY occurred_at LIMIT 1 OFFSET %s",
            [person, held // 80],
        )
        old = cursor.fetchone()[0]
        cursor.execute("SELECT occurred_at FROM notebook_note WHERE id = %s", [old])
        moment = cursor.fetchone()[0]
    micros = (moment - datetime(1970, 1, 1, tzinfo=UTC)) // timedelta(microseconds=1)
    far = f"{page}?suite={micros}-n-{short_id(old)}"
    spent: dict[str, list[float]] = {page: [], far: [], f"{page}?q=pansements+proprès": []}
    floor: list[float] = []
    for turn in range(rounds + 1):
        for address, each in spent.items():
            before = time.perf_counter()
            answer = client.get(address)
            after = time.perf_counter()
            if answer.status_code != 200:
                raise SystemExit(f"{address}: {answer.status_code}")
            if turn:  # the first turn warms caches
                each.append((after - before) * 1000)
        before = time.perf_counter()
        with connections["owner"].cursor() as cursor:
            cursor.execute(
                "SELECT * FROM notebook_note WHERE patient_id = %s"
                " ORDER BY occurred_at DESC LIMIT 26",
                [person],
            )
            cursor.fetchall()
        if turn:
            floor.append((time.perf_counter() - before) * 1000)
    first, *others = spent.values()
    used = time.process_time(), cpu_ms(postgres)
    for _ in range(rounds):
        client.get(page)
    app = (time.process_time() - used[0]) * 1000 / rounds
    database = (cpu_ms(postgres) - used[1]) / rounds
    cells = [
        str(held),
        f"**{app + database:.1f}** ({app:.1f} + {database:.1f})",
        f"{statistics.median(first):.1f} / {sorted(first)[int(0.95 * len(first))]:.1f}",
        *(f"{statistics.median(each):.1f}" for each in others),
        f"{statistics.median(floor):.2f}",
    ]
    return f"| {' | '.join(cells)} |"


if __name__ == "__main__":
    main()
