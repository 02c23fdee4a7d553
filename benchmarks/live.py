"""Measure live delivery: from the commit to each of 1, 100 and 500 connected users, and its screen.

    .venv/bin/python -m benchmarks.live

Each user has an account, a session and a stream of their own. "Everybody" is one commit that tells
all of them, the worst there is; "one" tells one of them, as an alert does, who then asks the page
server for the fragment it shows. The floor is a bare LISTEN on the same commits.
"""

import json
import os
import random
import subprocess
import sys
import time
from pathlib import Path
from statistics import quantiles
from typing import Any

from benchmarks.one_size import PAGES_PORT, _granian
from benchmarks.processes import cpu_ms

ROOT = Path(__file__).resolve().parent.parent
LIVE_PORT = 8173
SIZES = (1, 100, 500)
TO_ALL, TO_ONE = 30, 150


def main() -> None:
    state = ROOT / "var" / "bench" / "live"
    state.mkdir(parents=True, exist_ok=True)
    os.environ |= {
        "CARBET_STATE_DIR": str(state),
        "CARBET_DEMONSTRATION": "1",
        "CARBET_PORT": str(PAGES_PORT),
        "CARBET_PUBLIC_URL": f"http://localhost:{PAGES_PORT}",
        "DJANGO_SETTINGS_MODULE": "carbet.config.settings",
        "PYTHONPATH": str(ROOT),
    }
    import django

    django.setup()
    from carbet.config.commands import database, serving

    with database.opened():
        database.migrate()
        serving.collect_static()
        users = _users(max(SIZES))
        with (
            _granian("carbet.config.wsgi:application", PAGES_PORT),
            _granian("carbet.config.asgi:application", LIVE_PORT, interface="asgi") as server,
        ):
            print("| connected | told | deliveries | p50 | p95 | p99 ms | bare LISTEN p50 / p95 |")
            print("|---|---|---|---|---|---|---|")
            for size in SIZES:
                _measure(users[:size], server)
    print(f"\nLoad average during the run: {os.getloadavg()[0]:.1f} on {os.cpu_count()} cores.")


def _measure(users: list[tuple[str, str]], server: int) -> None:
    from carbet.config.asgi import conninfo

    client = subprocess.Popen(
        [sys.executable, "-m", "benchmarks.live_clients"],
        cwd=ROOT,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    if client.stdin is None or client.stdout is None:
        sys.exit("pas de tube vers les clients")
    given = {
        "sessions": [session for _, session in users],
        "live": LIVE_PORT,
        "pages": PAGES_PORT,
        "database": conninfo(),
    }
    client.stdin.write(json.dumps(given) + "\n")
    client.stdin.flush()
    if client.stdout.readline().strip() != "ready":
        sys.exit("les clients ne se sont pas connectés")
    keys, size = [key for key, _ in users], len(users)
    choose = random.Random(size)  # noqa: S311 - whom to tell, nothing secret
    committed: dict[str, int] = {}
    spent = cpu_ms(server)
    for number in range(TO_ALL):
        committed[f"all{size}.{number}"] = _tell(keys, f"all{size}.{number}")
        time.sleep(0.2)
    spent = cpu_ms(server) - spent
    for number in range(TO_ONE):
        committed[f"one{size}.{number}"] = _tell([choose.choice(keys)], f"one{size}.{number}")
        time.sleep(0.04)
    time.sleep(2)
    client.stdin.close()
    found = json.loads(client.stdout.readline())
    client.wait(10)
    for told, label in (("all", "everybody"), ("one", "one of them")):
        heard = _delays(found["heard"], committed, told)
        floor = _delays(found["floor"], committed, told)
        _say(size, label, heard, floor)
    _say(size, "one, to its fragment", _delays(found["shown"], committed, "one"), None)
    wanted = TO_ALL * size + TO_ONE
    cost = spent / (TO_ALL * size)
    print(f"<!-- {len(found['heard'])} of {wanted} heard; {cost:.3f} CPU ms a delivery -->")


def _tell(keys: list[str], kind: str) -> int:
    """Commit one event for these recipients; return the nanosecond just before the commit."""
    from carbet.core import live, row_security
    from carbet.core.actor import internal
    from carbet.core.clock import now

    with row_security.acting_as(internal("bench"), now=now(), operation="bench.live"):
        live.announce(keys, kind, now=now())
        return time.monotonic_ns()


def _delays(heard: list[list[Any]], committed: dict[str, int], told: str) -> list[float]:
    return sorted(
        (at - committed[kind]) / 1e6
        for kind, at in heard
        if kind.startswith(told) and kind in committed
    )


def _say(size: int, label: str, delays: list[float], floor: list[float] | None) -> None:
    p50, p95, p99 = _points(delays)
    bare = "{:.1f} / {:.1f}".format(*_points(floor)[:2]) if floor else "–"
    print(f"| {size} | {label} | {len(delays)} | {p50:.1f} | {p95:.1f} | {p99:.1f} | {bare} |")


def _points(delays: list[float]) -> tuple[float, float, float]:
    cuts = quantiles(delays, n=100) if len(delays) > 1 else delays * 99
    return cuts[49], cuts[94], cuts[98]


def _users(count: int) -> list[tuple[str, str]]:
    """Return (recipient key, session key) of so many persons who may listen."""
    from carbet.core.actor import account_key
    from carbet.registries.accounts.choices import AccountKind
    from carbet.registries.accounts.models import Account
    from carbet.registries.accounts.sessions import SessionStore

    found = []
    for number in range(count):
        email = f"live-{number}@carbet.test"
        account = Account.objects.filter(email=email).first()
        if account is None:
            account = Account.objects.db_manager("owner").create_user(
                email, kind=AccountKind.PERSON, given="Banc", family=str(number)
            )
        store = SessionStore()
        store["_auth_user_id"] = str(account.pk)
        store["_auth_user_backend"] = "allauth.account.auth_backends.AuthenticationBackend"
        store["_auth_user_hash"] = account.get_session_auth_hash()
        store.create()
        found.append((account_key(account.pk), str(store.session_key)))
    return found


if __name__ == "__main__":
    main()
