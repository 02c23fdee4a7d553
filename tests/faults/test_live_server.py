"""The live-event server, as a real process beside a real database that is cut under it."""

import contextlib
import http.client
import os
import signal
import socket
import subprocess
import sys
import time
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import quote

import psycopg
import pytest
from django.conf import settings
from django.db import connections, transaction
from django.test import Client

from carbet.core import live, row_security
from carbet.core.actor import internal
from carbet.core.clock import now
from carbet.core.live_server import MOST_SCREENS_AN_ACCOUNT
from carbet.registries.accounts.models import AccountSession
from tests import database, world

pytestmark = [pytest.mark.fault, pytest.mark.django_db(transaction=True)]
ROOT = Path(__file__).resolve().parents[2]
ORIGIN = "http://localhost:8000"
PATIENCE = 15


def free_port() -> int:
    with socket.socket() as trial:
        trial.bind(("127.0.0.1", 0))
        return trial.getsockname()[1]


@dataclass
class Server:
    """A running live-event server."""

    process: subprocess.Popen
    port: int

    def ask(self, session="", *, method="GET", path="/live", origin=ORIGIN, last=None):
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=PATIENCE)
        headers = {"Cookie": f"theme=dark; carbet={session}"} if session else {}
        headers |= {"Origin": origin} if origin else {}
        headers |= {"Last-Event-ID": str(last)} if last is not None else {}
        connection.request(method, path, headers=headers)
        return connection, connection.getresponse()

    def status(self, session="", **asked):
        connection, answer = self.ask(session, **asked)
        connection.close()
        return answer.status

    @contextlib.contextmanager
    def stream(self, session, *, last=None):
        connection, answer = self.ask(session, last=last)
        assert answer.status == 200, answer.status
        assert answer.headers["Content-Type"].startswith("text/event-stream")
        try:
            yield Stream(answer)
        finally:
            answer.close()
            connection.close()

    def wait(self, session="", status=200):
        limit = time.monotonic() + PATIENCE
        while time.monotonic() < limit:
            with contextlib.suppress(OSError, http.client.HTTPException):
                if self.status(session) == status:
                    return
            time.sleep(0.1)
        pytest.fail(f"the live server never answered {status}")


class Stream:
    """What a screen hears."""

    def __init__(self, answer):
        self.answer = answer

    def next(self):
        """Return the next event as (id, data), or None when the stream ends."""
        number = None
        while True:
            line = self.answer.readline().decode()
            if line == "":
                return None
            if line.startswith("id: "):
                number = int(line[4:])
            elif line.startswith("data: "):
                return number, line[6:].strip()


@pytest.fixture
def scene():
    return world.build()


@pytest.fixture
def session(scene):
    """Return a function that signs an account in and gives its session key."""

    def open_session(key="gp", *, strong=True):
        client = Client()
        client.force_login(
            scene.accounts[key], backend="allauth.account.auth_backends.AuthenticationBackend"
        )
        kept = client.session
        if strong:
            kept["account_authentication_methods"] = [{"method": "mfa", "at": 0}]
        kept.save()
        return kept.session_key

    return open_session


@contextlib.contextmanager
def running():
    """Run a live server on the test's database."""
    place = connections["default"].settings_dict
    url = (
        f"postgresql://{place['USER']}:{quote(place['PASSWORD'], safe='')}@/{place['NAME']}"
        f"?host={quote(place['HOST'], safe='')}"
    )
    port = free_port()
    command = [
        *(sys.executable, "-m", "granian", "--interface", "asgi", "carbet.config.asgi:application"),
        *("--host", "127.0.0.1", "--port", str(port), "--workers", "1"),
        *("--log-level", "warning", "--workers-kill-timeout", "5"),
    ]
    environment = os.environ | {
        "DJANGO_SETTINGS_MODULE": "carbet.config.settings",
        "DATABASE_URL": url,
        "DATABASE_APP_URL": url,
        "CARBET_SECRET_KEY": settings.SECRET_KEY,
        "CARBET_PUBLIC_URL": ORIGIN,
        "CARBET_LIVE_CHECK_SECONDS": "1",
    }
    process = subprocess.Popen(command, cwd=ROOT, env=environment)
    try:
        yield Server(process, port)
    finally:
        process.terminate()
        with contextlib.suppress(subprocess.TimeoutExpired):
            process.wait(10)
        process.kill()
        process.wait()


@pytest.fixture(scope="module")
def one_server(django_db_setup):
    with running() as server:
        yield server


@pytest.fixture
def server(one_server, scene):
    """Return the server once it hears this test's database: the copy is replaced after each."""
    # Without a session the answer is 401 once the database is heard, 503 before.
    one_server.wait(status=401)
    return one_server


def announce(*recipients, kind="note"):
    with row_security.acting_as(internal("test"), now=now(), operation="test.announce"):
        live.announce(recipients, kind, now=now())


def administrator():
    return psycopg.connect(database.administrator(), autocommit=True)


def test_a_commit_is_heard_by_its_recipient_only(server, session, scene):
    with server.stream(session()) as mine, server.stream(session("nurse")) as hers:
        announce(scene.roles["nurse"].key, kind="alert")
        announce(scene.roles["gp"].key, kind="note")
        assert mine.next()[1] == '{"kind": "note"}'
        assert hers.next()[1] == '{"kind": "alert"}'


def test_a_secretary_hears_for_the_doctor_and_a_structure_for_its_members(server, session, scene):
    with server.stream(session("secretary")) as stream:
        announce(scene.roles["gp"].key, kind="note")
        announce(f"org:{scene.places['office'].pk}", kind="alert")
        assert [stream.next()[1], stream.next()[1]] == ['{"kind": "note"}', '{"kind": "alert"}']


def test_what_is_rolled_back_is_never_heard(server, session, scene):
    with server.stream(session()) as stream:
        with transaction.atomic():
            announce(scene.roles["gp"].key, kind="undone")
            transaction.set_rollback(True)
        announce(scene.roles["gp"].key, kind="done")
        assert stream.next()[1] == '{"kind": "done"}'


def test_a_screen_that_comes_back_catches_up(server, session, scene):
    key = session()
    with server.stream(key) as stream:
        announce(scene.roles["gp"].key, kind="note")
        heard, _ = stream.next()
    announce(scene.roles["gp"].key, kind="alert")
    announce(scene.roles["nurse"].key, kind="secret")
    with server.stream(key, last=heard) as stream:
        found = {stream.next()[1], stream.next()[1]}
        assert '{"kind": "alert"}' in found
        assert '{"kind": "secret"}' not in found


def test_an_ended_session_ends_the_stream(server, session):
    key = session()
    with server.stream(key) as stream:
        AccountSession.objects.filter(session_key=key).delete()
        assert stream.next() is None
    assert server.status(key) == 401


def test_an_ended_role_hears_no_more(server, session, scene):
    with server.stream(session()) as stream:
        scene.roles["gp"].ended_at = now()
        scene.roles["gp"].save()
        assert stream.next() is None


@pytest.mark.parametrize("case", ["nobody", "invented", "weak"])
def test_who_may_not_listen_is_refused(server, session, case):
    key = {"nobody": "", "invented": "x" * 32}.get(case) or (
        session(strong=False) if case == "weak" else ""
    )
    assert server.status(key) == 401


def test_a_person_listens_without_second_factor(server, session, scene):
    with server.stream(session("claire", strong=False)) as stream:
        announce(f"account:{scene.accounts['claire'].pk}", kind="plan")
        assert stream.next()[1] == '{"kind": "plan"}'


def test_other_origins_paths_and_methods_are_refused(server, session):
    key = session()
    assert server.status(key, origin="https://ailleurs.example") == 403
    assert server.status(key, path="/compte") == 404
    assert server.status(key, method="POST") == 405
    connection, answer = server.ask(key)
    assert answer.headers["Access-Control-Allow-Origin"] == ORIGIN
    assert answer.headers["Access-Control-Allow-Credentials"] == "true"
    connection.close()


def test_one_account_opens_a_bounded_number_of_screens(server, session):
    key = session()
    with contextlib.ExitStack() as stack:
        for _ in range(MOST_SCREENS_AN_ACCOUNT):
            stack.enter_context(server.stream(key))
        assert server.status(key) == 429
        assert server.status(session("nurse")) == 200
    server.wait(key)


def test_a_database_that_goes_and_comes_back(server, session, scene):
    key = session()
    name = connections["default"].settings_dict["NAME"]
    with server.stream(key) as stream, administrator() as connection:
        connection.execute(f'ALTER DATABASE "{name}" ALLOW_CONNECTIONS false')
        try:
            connection.execute(
                "SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
                " WHERE datname = %s AND pid <> pg_backend_pid()",
                [name],
            )
            assert stream.next() is None
            asked, answer = server.ask(key)
            asked.close()
            assert answer.status == 503
            assert answer.headers["Retry-After"]
        finally:
            connection.execute(f'ALTER DATABASE "{name}" ALLOW_CONNECTIONS true')
    connections["default"].close()
    server.wait(key)
    with server.stream(key) as stream:
        announce(scene.roles["gp"].key, kind="back")
        assert stream.next()[1] == '{"kind": "back"}'


def test_connections_do_not_grow_with_screens(server, session):
    name = connections["default"].settings_dict["NAME"]
    with contextlib.ExitStack() as stack:
        for key in ("gp", "nurse", "coordinator", "secretary", "social_worker"):
            for _ in range(4):
                stack.enter_context(server.stream(session(key)))
        with administrator() as connection:
            held = connection.execute(
                "SELECT count(*) FROM pg_stat_activity WHERE datname = %s", [name]
            ).fetchone()
    # The test's own, the one that listens, two that look sessions up.
    assert held[0] <= 4


def test_a_stop_says_good_bye_to_open_screens(scene, session):
    with running() as server:
        server.wait(status=401)
        with server.stream(session()) as stream:
            server.process.send_signal(signal.SIGTERM)
            assert stream.next() is None
        assert server.process.wait(10) == 0
