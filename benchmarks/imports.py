"""How long it takes to import very many roles, and how much memory, beside the least it can take.

    .venv/bin/python -m benchmarks.imports --roles 100000

A stand-in of the Annuaire Santé, in a process of its own, gives an organization for ten roles,
as many professionals as roles, and the roles, by pages. The floor is the least that anybody
does: fetch the same pages and copy each resource as JSON into a bare table. The limit of
PostgreSQL comes last: a plain COPY of the very rows that the import made, into tables that have
the same columns and indexes.
"""

import argparse
import json
import multiprocessing
import os
import resource
import sys
import threading
import time
from collections.abc import Iterator, Sequence
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parent.parent
LAST = ROOT / "benchmarks" / "last_imports.json"
RATIO_OF_ORGANIZATIONS = 10
TABLES = ("organization", "practitioner", "practitionerrole", "endpoint", "sourcerecord")


class Many(Sequence[Any]):
    """As many resources as asked, each made when it is asked for."""

    def __init__(self, count: int, make: Any) -> None:
        self.count, self.make = count, make

    def __len__(self) -> int:
        return self.count

    def __getitem__(self, asked: Any) -> Any:
        if isinstance(asked, slice):
            return [self.make(number) for number in range(*asked.indices(self.count))]
        return self.make(asked)


def resources(roles: int) -> dict[str, Sequence[Any]]:
    """Return the invented directory of so many roles."""
    from carbet.core.identifiers import make_rpps

    organizations = max(1, roles // RATIO_OF_ORGANIZATIONS)
    nos = "https://mos.esante.gouv.fr/NOS"
    profession = f"{nos}/TRE_G15-ProfessionSante/FHIR/TRE-G15-ProfessionSante"
    meta = {"lastUpdated": "2026-01-01T00:00:00+00:00"}

    def organization(number: int) -> dict[str, Any]:
        return {
            "resourceType": "Organization",
            "id": f"org-{number}",
            "meta": meta,
            "identifier": [{"system": "https://rppsrang.esante.gouv.fr", "value": f"F{number}"}],
            "active": True,
            "name": f"Cabinet {number}",
            "telecom": [{"system": "phone", "value": f"0594{number:06d}"}],
            "address": [{"city": "CAYENNE", "postalCode": "97300"}],
        }

    def practitioner(number: int) -> dict[str, Any]:
        return {
            "resourceType": "Practitioner",
            "id": f"pra-{number}",
            "meta": meta,
            "identifier": [
                {"system": "https://rpps.esante.gouv.fr", "value": make_rpps(number, prefix="99")}
            ],
            "active": True,
            "name": [{"use": "usual", "family": f"NOM{number}", "given": ["Anne"]}],
            "qualification": [{"code": {"coding": [{"system": profession, "code": "60"}]}}],
        }

    def role(number: int) -> dict[str, Any]:
        genre = f"{nos}/TRE_R22-GenreActivite/FHIR/TRE-R22-GenreActivite"
        return {
            "resourceType": "PractitionerRole",
            "id": f"rol-{number}",
            "meta": meta,
            "identifier": [{"system": "https://annuaire.sante.fr", "value": f"R{number}"}],
            "active": True,
            "practitioner": {"reference": f"Practitioner/pra-{number}"},
            "organization": {"reference": f"Organization/org-{number % organizations}"},
            "code": [{"coding": [{"system": genre, "code": "GENR01"}]}],
            "telecom": [{"system": "email", "value": f"nom{number}@essai.mssante.fr"}],
        }

    return {
        "Organization": Many(organizations, organization),
        "Practitioner": Many(roles, practitioner),
        "HealthcareService": [],
        "PractitionerRole": Many(roles, role),
    }


def serve(roles: int, page_size: int, told: Connection) -> None:
    """Be the stand-in, in a process of its own."""
    from carbet.connectors.directory_stand_in import StandIn

    with StandIn(resources(roles), page_size=page_size) as server:
        told.send(server.base)
        server.wait()


def pages(directory: Any) -> Iterator[list[Any]]:
    """Give the resources of each page."""
    for kind in directory.kinds:
        following = directory.first(kind, None)
        while following:
            page = directory.page(following)
            yield page.resources
            following = page.next


class Memory(threading.Thread):
    """Watches the memory that a process holds for itself, in MB, until told to stop."""

    def __init__(self, pid: int) -> None:
        super().__init__(daemon=True)
        self.status, self.peak, self.over = Path(f"/proc/{pid}/status"), 0, threading.Event()

    def run(self) -> None:
        while not self.over.wait(0.25):
            for line in self.status.read_text().splitlines():
                if line.startswith("RssAnon:"):
                    self.peak = max(self.peak, int(line.split()[1]) // 1024)


def copied(address: str) -> tuple[float, int]:
    """Return the seconds of a plain COPY of the rows in place, and how many rows that was.

    The target tables have the same columns, defaults and indexes, and are logged like ours.
    """
    import psycopg

    seconds, rows = 0.0, 0
    with psycopg.connect(address) as source, psycopg.connect(address, autocommit=True) as target:
        for name in TABLES:
            table = f"directory_{name}"
            target.execute(f"CREATE TABLE plain_{name} (LIKE {table} INCLUDING ALL)")
            try:
                begun = time.monotonic()
                with (
                    source.cursor().copy(f"COPY {table} TO STDOUT (FORMAT binary)") as given,
                    target.cursor() as cursor,
                ):
                    with cursor.copy(f"COPY plain_{name} FROM STDIN (FORMAT binary)") as taken:
                        for piece in given:
                            taken.write(piece)
                    rows += cursor.rowcount
                seconds += time.monotonic() - begun
            finally:
                target.execute(f"DROP TABLE plain_{name}")
    return seconds, rows


def cpu_seconds() -> float:
    """Return the CPU seconds that this process and its PostgreSQL process have used."""
    from django.db import connection

    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_backend_pid()")
        [pid] = cursor.fetchone()
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return time.process_time() + (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def floor(directory: Any) -> float:
    """Return the seconds of fetching the same pages and copying them as JSON into a bare table."""
    import orjson
    from django.db import connection

    begun = time.monotonic()
    with connection.cursor() as cursor:
        cursor.execute("SET statement_timeout = 0")
        cursor.execute("CREATE TEMP TABLE bare (resource jsonb)")
        with cursor.copy("COPY bare FROM STDIN") as copy:
            for page in pages(directory):
                for each in page:
                    copy.write_row((orjson.dumps(each).decode(),))
        cursor.execute("DROP TABLE bare")
    return time.monotonic() - begun


def measure(roles: int, page_size: int, address: str, *, once: bool) -> dict[str, Any]:
    """Import so many roles for the first time and, unless `once`, all again; then copy them."""
    import django

    django.setup()
    from carbet.connectors.annuaire_sante import Directory, Key
    from carbet.core.actor import internal
    from carbet.registries.directory import tasks
    from carbet.registries.directory.operations import imports

    ours, theirs = multiprocessing.Pipe()
    server = multiprocessing.get_context("spawn").Process(
        target=serve, args=(roles, page_size, theirs), daemon=True
    )
    server.start()
    directory = Directory(base=ours.recv(), credentials=Key("k"))
    found: dict[str, Any] = {"roles": roles, "page_size": page_size}
    before = cpu_seconds()
    found["floor_s"] = floor(directory)
    found["floor_cpu_s"] = cpu_seconds() - before
    from django.db import connection

    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_backend_pid()")
        memory = Memory(cursor.fetchone()[0])
    memory.start()
    merged: list[float] = []
    merge = imports.merge_import

    def timed(**named: Any) -> Any:
        begun = time.monotonic()
        try:
            return merge(**named)
        finally:
            merged.append(time.monotonic() - begun)

    imports.merge_import = timed  # type: ignore[assignment]
    wishes = [("first", tasks.Wish(source="annuaire", fresh=True, everything=True))]
    if not once:
        wishes.append(("again", tasks.Wish(source="annuaire", everything=True)))
    try:
        for name, wish in wishes:
            begun, before = time.monotonic(), cpu_seconds()
            run = tasks.import_directory(
                wish, directory, actor=internal("benchmark"), say=lambda text: None
            )
            found[f"{name}_s"] = time.monotonic() - begun
            found[f"{name}_cpu_s"] = cpu_seconds() - before
            found[f"{name}_merge_s"] = merged[-1]
            found[f"{name}_counts"] = [run.created, run.changed, run.unchanged, run.rejected]
            found[f"{name}_rss_mb"] = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024
            found[f"{name}_database_mb"] = memory.peak
            LAST.write_text(json.dumps(found, indent=1) + "\n")
    finally:
        memory.over.set()
        imports.merge_import = merge
        server.terminate()
        server.join()
    found["copy_s"], found["copy_rows"] = copied(address)
    return found


def row(found: dict[str, Any]) -> str:
    """Return one row of the table."""
    resources_ = sum(found["first_counts"])
    again = f"{found['again_cpu_s']:.0f}" if "again_cpu_s" in found else "–"
    return (
        f"| {found['roles']:,} | {resources_:,} | {found['first_s'] / 60:.1f}"
        f" ({found['first_merge_s'] / 60:.1f}) | {found['first_cpu_s']:.0f}"
        f" | {found['first_cpu_s'] / resources_ * 1000:.2f}"
        f" | {found['first_s'] / found['floor_s']:.1f}"
        f" | {found['first_cpu_s'] / found['floor_cpu_s']:.1f}"
        f" | {found['first_merge_s'] / found['copy_s']:.1f} | {again}"
        f" | {found['first_rss_mb']} + {found['first_database_mb']} |"
    ).replace(",", " ")


def main() -> None:
    """Measure on a database of its own, and print the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--roles", type=int, default=100_000)
    parser.add_argument("--page-size", type=int, default=50)
    parser.add_argument("--once", action="store_true", help="do not import all again")
    options = parser.parse_args()
    state = ROOT / "var" / "bench" / "imports"
    os.environ["CARBET_STATE_DIR"] = str(state)
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "carbet.config.settings")
    import psycopg

    from carbet.config.commands import database

    with database.opened():
        database.migrate()
        owner = database.address("owner")
        with psycopg.connect(owner, autocommit=True) as connection:
            connection.execute(
                "TRUNCATE directory_organization, directory_practitioner, directory_sourcerecord,"
                " directory_stagedrow, directory_importrun CASCADE"
            )
        found = measure(options.roles, options.page_size, owner, once=options.once)
    LAST.write_text(json.dumps(found, indent=1) + "\n")
    print(
        "| roles | resources | minutes (merge) | CPU s | CPU ms a resource | clock × floor"
        " | CPU × floor | merge × COPY | all again, CPU s | peak memory, MB (+ PostgreSQL) |"
    )
    print("|---|---|---|---|---|---|---|---|---|---|")
    print(row(found))


if __name__ == "__main__":
    sys.path.insert(0, str(ROOT))
    main()
