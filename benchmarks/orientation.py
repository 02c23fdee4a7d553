"""Measure « Vers qui orienter ? » at a million roles: time, and recall among the crowd.

    nice .venv/bin/python -m benchmarks.orientation --roles 1000000

Writes one line of figures a size, and those of a floor in the same run: twenty roles read by key.
"""

import argparse
import os
import statistics
import time
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parent.parent
CHUNK = 100_000

# Names, trades and places of the invented professionals, drawn again and again.
CROWD = """
WITH wanted AS (
  SELECT n, (n * 2654435761 %% 4294967291) AS draw FROM generate_series(%(first)s, %(last)s) n
), given AS (
  SELECT given, row_number() OVER () - 1 AS rank, count(*) OVER () AS many
  FROM (SELECT DISTINCT given FROM directory_practitioner WHERE identifier_system <> 'urn:bench') g
), family AS (
  SELECT family, row_number() OVER () - 1 AS rank, count(*) OVER () AS many
  FROM (SELECT DISTINCT family FROM directory_practitioner WHERE identifier_system <> 'urn:bench') f
), model AS (
  SELECT r.*, row_number() OVER (ORDER BY r.id) - 1 AS rank, count(*) OVER () AS many
  FROM directory_practitionerrole r JOIN directory_practitioner p ON p.id = r.practitioner_id
  WHERE r.ended_at IS NULL AND p.identifier_system <> 'urn:bench'
), added AS (
  INSERT INTO directory_practitioner (identifier_system, identifier_value, civility, family, given,
    active, synthetic, search)
  SELECT 'urn:bench', n, '', family, given, true, true, ''
  FROM wanted
  JOIN family ON family.rank = draw %% (SELECT many FROM family LIMIT 1)
  JOIN given ON given.rank = (draw / 7) %% (SELECT many FROM given LIMIT 1)
  RETURNING id, identifier_value::bigint AS n
)
INSERT INTO directory_practitionerrole (practitioner_id, organization_id, profession,
  profession_label, category, specialty, specialty_label, mode, secure_email, phone,
  identifier_system, identifier_value)
SELECT a.id, r.organization_id, r.profession, r.profession_label, r.category, r.specialty,
       r.specialty_label, r.mode, '', '', '', ''
FROM added a JOIN model r ON r.rank = a.n * 40503 %% (SELECT many FROM model LIMIT 1)
"""


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--roles", type=int, default=1_000_000)
    parser.add_argument("--rounds", type=int, default=3)
    options = parser.parse_args()
    state = ROOT / "var" / "bench" / "orientation"
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
        measure(0, options.rounds)
        fill(options.roles)
        measure(options.roles, options.rounds)


def fill(wanted: int) -> None:
    """Add roles up to `wanted`, and make the index again."""
    from django.db import connections, transaction

    from carbet.steering.demonstration.bulk import OWNER, quiet

    started = time.monotonic()
    with transaction.atomic(using=OWNER), connections[OWNER].cursor() as cursor:
        cursor.execute(
            "SELECT count(*) FROM directory_practitioner WHERE identifier_system = 'urn:bench'"
        )
        known = cursor.fetchone()[0]
        with quiet(
            cursor,
            ["directory_practitioner", "directory_practitionerrole"],
            bare=wanted - known > CHUNK,
        ):
            for first in range(known + 1, wanted + 1, CHUNK):
                last = min(first + CHUNK - 1, wanted)
                cursor.execute(CROWD, {"first": first, "last": last})
        filled = time.monotonic()
        if known < wanted:
            cursor.execute("SELECT orientation_rebuild()")
    with connections[OWNER].cursor() as cursor:
        cursor.execute("ANALYZE orientation_entry, orientation_word, directory_practitionerrole")
        cursor.execute(
            "SELECT count(*), pg_size_pretty(pg_total_relation_size('orientation_entry'))"
            " FROM orientation_entry"
        )
        entries, size = cursor.fetchone()
    print(
        f"{entries} entries, {size}: filled in {filled - started:.0f} s,"
        f" indexed in {time.monotonic() - filled:.0f} s",
        flush=True,
    )


def measure(roles: int, rounds: int) -> None:
    """Ask every question of the quality set, and print what it cost."""
    from django.db import connection

    from carbet.coordination.orientation import queries
    from carbet.core import clock, row_security
    from carbet.core.actor import internal
    from carbet.registries.directory.models import PractitionerRole
    from carbet.steering.demonstration.tests import quality

    now = clock.now()
    spent: dict[str, list[float]] = {}
    floor: list[float] = []
    keys = list(PractitionerRole.objects.values_list("pk", flat=True)[:20])
    with row_security.acting_as(internal("bench"), now=now):
        for turn in range(rounds + 1):
            for asked in quality.QUESTIONS:
                before = time.perf_counter()
                queries.search(text=asked["q"], now=now, origin=asked["from"])
                after = time.perf_counter()
                with connection.cursor() as cursor:
                    cursor.execute(
                        "SELECT * FROM directory_practitionerrole WHERE id = ANY (%s)", [keys]
                    )
                    cursor.fetchall()
                if turn:  # the first turn warms caches
                    spent.setdefault(asked["q"], []).append((after - before) * 1000)
                    floor.append((time.perf_counter() - after) * 1000)
        recall = [each.recall for each in quality.answers(now)]
    times: list[Any] = sorted(value for each in spent.values() for value in each)

    def at(part: float) -> float:
        return float(times[min(len(times) - 1, int(part * len(times)))])

    low = statistics.median(floor)
    print(
        f"{roles} roles added: p50 {at(0.5):.1f} ms, p95 {at(0.95):.1f} ms, most"
        f" {times[-1]:.1f} ms; floor {low:.2f} ms (p50 x{at(0.5) / low:.0f});"
        f" recall@5 {sum(recall) / len(recall):.3f} on {len(recall)} questions",
        flush=True,
    )
    slowest = sorted(spent.items(), key=lambda each: -statistics.median(each[1]))[:8]
    for question, each in slowest:
        print(f"   {statistics.median(each):6.1f} ms  {question}", flush=True)


if __name__ == "__main__":
    main()
