"""An import of very many roles that is killed twice, taken up again, and then asked for changes.

    nice .venv/bin/python -m benchmarks.interrupted --roles 1000000

The true command (`carbet import annuaire`) reads a stand-in of the Annuaire Santé, both in
processes of their own. It is killed (SIGKILL) when half is read, taken up, killed again while it
puts in place, taken up to the end; then asked for what a thousand professionals and roles changed.
Each time it is killed, the rows of the directory are counted: there must be none.
"""

import argparse
import json
import multiprocessing
import os
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any

from benchmarks.imports import ROOT, TABLES, resources

LATER = "2099-01-01T00:00:00+00:00"


def serve(roles: int, changed: int, told: Connection) -> None:
    """Be the directory: whole, or only what changed, with how many pages were asked for."""
    from carbet.connectors.directory_stand_in import StandIn

    held: dict[str, Any] = dict(resources(roles))
    if changed:
        held = {kind: [] for kind in held} | {
            kind: [held[kind][n] | {"meta": {"lastUpdated": LATER}} for n in range(changed)]
            for kind in ("Practitioner", "PractitionerRole")
        }
        for each in held["Practitioner"]:
            each["name"] = [{"use": "usual", "family": "AUTRE", "given": ["Anne"]}]
        for each in held["PractitionerRole"]:
            each["telecom"] = [{"system": "phone", "value": "0594000000"}]
    with StandIn(held, key="k") as server:
        told.send(server.base)
        while told.recv() == "pages":
            told.send(len(server.requests))


class Source:
    """The directory outside, in a process of its own."""

    def __init__(self, roles: int, changed: int = 0) -> None:
        self.ours, theirs = multiprocessing.Pipe()
        self.process = multiprocessing.get_context("spawn").Process(
            target=serve, args=(roles, changed, theirs), daemon=True
        )
        self.process.start()
        self.base = self.ours.recv()

    def pages(self) -> int:
        self.ours.send("pages")
        found: int = self.ours.recv()
        return found

    def close(self) -> None:
        self.process.terminate()
        self.process.join()


class Watch(threading.Thread):
    """Watches what the command, and the fullest PostgreSQL process, hold for themselves, in MB."""

    def __init__(self, pid: int, postmaster: int) -> None:
        super().__init__(daemon=True)
        self.pid, self.postmaster = pid, postmaster
        self.importer = self.database = 0
        self.over = threading.Event()

    def run(self) -> None:
        while not self.over.wait(0.5):
            self.importer = max(self.importer, _private(self.pid))
            children = Path(f"/proc/{self.postmaster}/task/{self.postmaster}/children")
            for child in children.read_text().split():
                self.database = max(self.database, _private(int(child)))


def _private(pid: int) -> int:
    try:
        for line in Path(f"/proc/{pid}/status").read_text().splitlines():
            if line.startswith("RssAnon:"):
                return int(line.split()[1]) // 1024
    except OSError:
        pass
    return 0


def carried_out(
    base: str, postmaster: int, until: Callable[[float], bool] | None = None
) -> dict[str, Any]:
    """Run the command to its end, or kill it as soon as `until` (asked with its age) holds."""
    begun = time.monotonic()
    environment = os.environ | {"CARBET_ANNUAIRE_URL": base, "CARBET_ANNUAIRE_KEY": "k"}
    with subprocess.Popen(
        [sys.executable, "-m", "carbet", "import", "annuaire"],
        cwd=ROOT, env=environment, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
    ) as process:  # fmt: skip
        watch = Watch(process.pid, postmaster)
        watch.start()
        said: list[str] = []
        reader = threading.Thread(target=said.extend, args=(process.stdout or (),), daemon=True)
        reader.start()
        killed = False
        while process.poll() is None:
            time.sleep(0.5)
            if until is not None and until(time.monotonic() - begun):
                process.kill()
                killed = True
                break
        process.wait()
        watch.over.set()
        watch.join()
        reader.join()
    return {
        "seconds": round(time.monotonic() - begun, 1),
        "killed": killed,
        "status": process.returncode,
        "importer_mb": watch.importer,
        "database_mb": watch.database,
        "said": [line.strip() for line in said if " lus, " not in line][-12:],
    }


def main() -> None:
    """Kill, take up, ask again, and print what was seen as JSON."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--roles", type=int, default=1_000_000)
    parser.add_argument("--changed", type=int, default=1000)
    options = parser.parse_args()
    os.environ["CARBET_STATE_DIR"] = str(ROOT / "var" / "bench" / "interrupted")
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "carbet.config.settings")
    import psycopg

    from carbet.config.commands import database

    found: list[dict[str, Any]] = []
    with database.opened() as server:
        if server is None:
            raise SystemExit("DATABASE_URL est donnée : le banc mesure son propre PostgreSQL")
        database.migrate()
        postmaster = int((server.data_dir / "postmaster.pid").read_text().split()[0])
        with psycopg.connect(database.address("owner"), autocommit=True) as connection:
            connection.execute(
                "TRUNCATE directory_organization, directory_practitioner, directory_sourcerecord,"
                " directory_stagedrow, directory_importrun CASCADE"
            )

            def ask(statement: str) -> Any:
                row = connection.execute(statement).fetchone()  # type: ignore[call-overload]
                return row[0] if row else None

            def read() -> int:
                return int(ask("SELECT coalesce(max(read), 0) FROM directory_importrun"))

            def note(step: str, done: dict[str, Any], pages: int) -> None:
                told = {"step": step, **done, "pages": pages, "read": read()}
                told["rows"] = {
                    name: ask(f"SELECT count(*) FROM directory_{name}")  # noqa: S608 - ours
                    for name in TABLES
                }
                found.append(told)
                print(json.dumps(told, ensure_ascii=False), flush=True)

            merging = [0.0]

            def is_merging(age: float) -> bool:
                if read() < total:
                    return False
                merging[0] = merging[0] or age
                return age - merging[0] > options.roles / 10_000

            source = Source(options.roles)
            total = sum(len(held) for held in resources(options.roles).values())
            done = carried_out(source.base, postmaster, lambda age: read() > total // 2)
            note("killed, half read", done, source.pages())
            done = carried_out(source.base, postmaster, is_merging)
            note("taken up, killed while it puts in place", done, source.pages())

            def vacuum(age: float) -> bool:
                """Do what autovacuum does after a death: rows being written count as none."""
                for name in TABLES:
                    connection.execute(f"VACUUM (SKIP_LOCKED) directory_{name}")
                return False

            while (done := carried_out(source.base, postmaster, vacuum))["status"]:
                note("refused: the dead one's statement still runs", done, source.pages())
                time.sleep(5)
            note("taken up, to the end", done, source.pages())
            source.close()
            source = Source(options.roles, options.changed)
            note("changes only", carried_out(source.base, postmaster), source.pages())
            source.close()
    (ROOT / "benchmarks" / "last_interrupted.json").write_text(
        json.dumps(found, indent=1, ensure_ascii=False) + "\n"
    )


if __name__ == "__main__":
    main()
