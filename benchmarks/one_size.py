"""Measure one size of territory: one JSON line a point and a turn, on standard output."""

import argparse
import contextlib
import json
import os
import re
import shutil
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from benchmarks.processes import cpu_ms, memory_mb

ROOT = Path(__file__).resolve().parent.parent
REQUESTS = 400
PAGES_PORT, FLOOR_PORT = 8171, 8172


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("persons", type=int)
    parser.add_argument("--seconds", type=int, default=5)
    parser.add_argument("--rounds", type=int, default=3)
    options = parser.parse_args()
    if shutil.which("wrk") is None:
        sys.exit("wrk manque : apt-get install wrk")
    state = ROOT / "var" / "bench" / str(options.persons)
    state.mkdir(parents=True, exist_ok=True)
    os.environ |= {
        "CARBET_STATE_DIR": str(state),
        "CARBET_DEMONSTRATION": "1",
        "CARBET_PORT": str(PAGES_PORT),
        "CARBET_PUBLIC_URL": f"http://localhost:{PAGES_PORT}",
        "DJANGO_SETTINGS_MODULE": "carbet.config.settings",
        "PYTHONPATH": str(ROOT),
    }
    from carbet.config.commands import database, serving

    with database.opened() as server:
        if server is None:
            sys.exit("DATABASE_URL est donnée : le banc mesure son propre PostgreSQL")
        database.migrate()
        database.load_territory(options.persons)
        serving.collect_static()
        points = _points()
        postgres = server.process_id()
        if postgres is None:
            sys.exit("PostgreSQL s'est arrêté")
        with (
            _granian("carbet.config.wsgi:application", PAGES_PORT) as pages,
            _granian("benchmarks.floor:application", FLOOR_PORT) as floor,
        ):
            for point in points:  # templates are compiled and statements planned on first use
                port = FLOOR_PORT if point["name"].startswith("floor") else PAGES_PORT
                _replay(point, port, connections=8, seconds=2)
            for _ in range(options.rounds):
                # Both sides take turns, so that a busy minute falls on both.
                for point in points:
                    peer = floor if point["name"].startswith("floor") else pages
                    port = FLOOR_PORT if peer is floor else PAGES_PORT
                    for connections in (1, 16):
                        result = _measure(point, port, connections, options.seconds, peer, postgres)
                        print(json.dumps({"persons": options.persons, **result}), flush=True)
            memory = {"pages": memory_mb(pages), "postgres": sum(memory_mb(postgres))}
            print(json.dumps({"persons": options.persons, "memory_mb": memory}), flush=True)


@contextlib.contextmanager
def _granian(target: str, port: int, *, interface: str = "wsgi") -> Iterator[int]:
    share = ("2", "--blocking-threads", "2") if interface == "wsgi" else ("1",)
    command = [
        *(sys.executable, "-m", "granian", "--interface", interface, target),
        *("--host", "127.0.0.1", "--port", str(port), "--workers", *share),
        *("--log-level", "error", "--workers-kill-timeout", "5"),
    ]
    environment = dict(os.environ)
    if "floor" in target:
        environment["DJANGO_SETTINGS_MODULE"] = "benchmarks.floor_settings"
    process = subprocess.Popen(command, cwd=ROOT, env=environment)
    try:
        for _ in range(300):
            with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", port)):
                break
            time.sleep(0.2)
        yield process.pid
    finally:
        process.terminate()
        process.wait(10)


def _measure(
    point: dict[str, Any], port: int, connections: int, seconds: int, peer: int, postgres: int
) -> dict[str, Any]:
    """Replay a point for some seconds and return what it cost."""
    before = cpu_ms(peer), cpu_ms(postgres)
    count, duration, size, errors, p50, p95 = _replay(
        point, port, connections=connections, seconds=seconds
    )
    after = cpu_ms(peer), cpu_ms(postgres)
    return {
        "name": point["name"],
        "connections": connections,
        "cpu_app": round((after[0] - before[0]) / max(count, 1), 3),
        "cpu_db": round((after[1] - before[1]) / max(count, 1), 3),
        "per_second": round(count / (duration / 1e6), 1),
        "p50": p50,
        "p95": p95,
        "bytes": round(size / max(count, 1)),
        "errors": errors,
        "requests": count,
        "queries": point.get("queries"),
    }


def _replay(
    point: dict[str, Any], port: int, *, connections: int, seconds: int
) -> tuple[float, ...]:
    """Return what wrk says: requests, microseconds, bytes, errors, p50 and p95 in milliseconds."""
    with tempfile.NamedTemporaryFile("w", suffix=".tsv") as file:
        file.write("\n".join(point["requests"]) + "\n")
        file.flush()
        answer = subprocess.run(
            [
                *("wrk", "-t1", f"-c{connections}", f"-d{seconds}s", "--timeout", "10s"),
                *("-s", str(ROOT / "benchmarks" / "replay.lua")),
                *(f"http://127.0.0.1:{port}", "--", file.name),
            ],
            capture_output=True,
            text=True,
            check=True,
        )
    found = re.search(r"RESULT (.*)", answer.stdout)
    if found is None:
        sys.exit(answer.stdout)
    return tuple(float(value) for value in found.group(1).split())


def _points() -> list[dict[str, Any]]:
    """Return what to replay; made by Django in a process of its own, which then leaves."""
    answer = subprocess.run(
        [sys.executable, "-m", "benchmarks.prepare", str(REQUESTS)],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )
    if answer.returncode:
        sys.exit(answer.stderr)
    return json.loads(answer.stdout.splitlines()[-1])


if __name__ == "__main__":
    main()
