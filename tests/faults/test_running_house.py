"""The whole house, run as an operator runs it: killed piece by piece, saved, restored, examined."""

import http.client
import os
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import psycopg
import pytest

from carbet.core.embedded_postgres import Server
from carbet.core.supervisor import clear_remains

pytestmark = pytest.mark.fault
ROOT = Path(__file__).resolve().parent.parent.parent
BINARIES = os.environ.get("CARBET_TEST_PG_BIN")


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


@dataclass
class House:
    """A state folder of its own, two ports, and the commands run on them."""

    state: Path
    page_port: int = field(default_factory=free_port)
    live_port: int = field(default_factory=free_port)
    mllp_port: int = field(default_factory=free_port)

    def environment(self) -> dict[str, str]:
        kept = {
            name: value
            for name, value in os.environ.items()
            if not name.startswith(("CARBET_", "DATABASE_", "DJANGO_"))
        }
        given = {
            "CARBET_STATE_DIR": str(self.state),
            "CARBET_PORT": str(self.page_port),
            "CARBET_LIVE_PORT": str(self.live_port),
            "CARBET_MLLP_PORT": str(self.mllp_port),
        }
        return kept | given | ({"CARBET_PG_BIN": BINARIES} if BINARIES else {})

    def command(self, *arguments: str, **more: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [sys.executable, "-m", "carbet", *arguments],
            cwd=ROOT,
            env=self.environment() | more,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            timeout=240,
        )

    def serve(self) -> subprocess.Popen[bytes]:
        """Start the house; return when pages answer."""
        with open(self.state / "out", "wb") as out:
            process = subprocess.Popen(
                [sys.executable, "-m", "carbet", "serve"],
                cwd=ROOT,
                env=self.environment(),
                stdout=out,
                stderr=subprocess.STDOUT,
            )
        self.wait_for("est prêt")
        return process

    def wait_for(self, words: str, *, seconds: float = 240) -> None:
        limit = time.monotonic() + seconds
        while time.monotonic() < limit:
            if words in self.said():
                return
            time.sleep(0.05)
        raise AssertionError(f"never said {words!r}:\n{self.said()}")

    def said(self) -> str:
        return (self.state / "out").read_text()

    def answers(self) -> bool:
        connection = http.client.HTTPConnection("127.0.0.1", self.page_port, timeout=20)
        try:
            connection.request("GET", "/", headers={"Host": "localhost"})
            return connection.getresponse().status > 0
        except OSError:
            return False
        finally:
            connection.close()

    def answers_soon(self, *, seconds: float = 60) -> bool:
        limit = time.monotonic() + seconds
        while time.monotonic() < limit:
            if self.answers():
                return True
            time.sleep(0.1)
        return False

    def server(self) -> Server:
        return Server(
            self.state / "pgdata",
            self.state / "run",
            bin_dir=Path(BINARIES) if BINARIES else None,
        )

    def query(self, text: str, *, user: str = "postgres", seconds: float = 90) -> list[tuple]:
        """Ask the database, once it answers: killed, it comes back within seconds."""
        address = self.server().address(database="carbet", user=user)
        limit = time.monotonic() + seconds
        while True:
            try:
                connection = psycopg.connect(address, autocommit=True)
                break
            except psycopg.OperationalError:
                if time.monotonic() > limit:
                    raise
                time.sleep(0.1)
        with connection:
            cursor = connection.execute(text)
            return cursor.fetchall() if cursor.description else []

    def processes(self) -> dict[int, str]:
        """Return the live processes of this house: number and command line."""
        found = {}
        wanted = f"CARBET_STATE_DIR={self.state}".encode()
        for entry in Path("/proc").iterdir():
            try:
                if entry.name.isdigit() and wanted in (entry / "environ").read_bytes():
                    command = (entry / "cmdline").read_bytes().replace(b"\0", b" ").decode()
                    found[int(entry.name)] = command
            except OSError:
                continue
        return found

    def number_of(self, words: str) -> int:
        """Wait for the process with these words in its command; return the eldest's number."""
        limit = time.monotonic() + 90
        while time.monotonic() < limit:
            numbers = [number for number, line in self.processes().items() if words in line]
            if numbers:
                return min(numbers)
            time.sleep(0.05)
        raise AssertionError(f"no process for {words!r}")


@pytest.fixture(scope="module")
def house() -> Iterator[House]:
    state = Path(tempfile.mkdtemp(prefix="carbet-"))
    house = House(state)
    assert house.command("migrate").returncode == 0
    with house.server().running():
        house.query("CREATE TABLE proof (word text)", user="carbet_owner")
    yield house
    clear_remains(str(state.resolve()))
    house.server().stop()
    shutil.rmtree(state)


@pytest.fixture
def serving(house: House) -> Iterator[subprocess.Popen[bytes]]:
    process = house.serve()
    yield process
    process.terminate()
    process.wait(timeout=60)


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_stop_leaves_nothing(house, number):
    process = house.serve()
    house.number_of("procrastinate")
    process.send_signal(number)
    assert process.wait(timeout=60) == 0
    assert house.processes() == {}
    assert house.server().process_id() is None


@pytest.mark.parametrize("victim", ["carbet.config.wsgi", "procrastinate", "carbet.config.asgi"])
def test_a_killed_service_comes_back(house, serving, victim):
    killed = house.number_of(victim)
    os.kill(killed, signal.SIGKILL)
    limit = time.monotonic() + 90
    while killed in house.processes() and time.monotonic() < limit:
        time.sleep(0.05)
    assert house.number_of(victim) != killed
    assert house.answers_soon()


def test_a_killed_database_comes_back_with_all_that_was_committed(house, serving):
    house.query("INSERT INTO proof VALUES ('before the database died')")
    killed = house.server().process_id()
    os.kill(killed, signal.SIGKILL)
    house.wait_for("PostgreSQL : arrêt inattendu, relance", seconds=90)
    limit = time.monotonic() + 90
    while house.server().process_id() in (None, killed) and time.monotonic() < limit:
        time.sleep(0.1)
    assert house.answers_soon()
    assert ("before the database died",) in house.query("SELECT word FROM proof")


def test_after_everything_is_killed_the_next_start_finds_all(house):
    process = house.serve()
    house.query("INSERT INTO proof VALUES ('before all died')")
    house.number_of("procrastinate")
    process.kill()
    for number in house.processes():
        os.kill(number, signal.SIGKILL)
    os.kill(house.server().process_id(), signal.SIGKILL)
    process.wait()

    process = house.serve()
    assert house.answers()
    assert ("before all died",) in house.query("SELECT word FROM proof")
    process.terminate()
    assert process.wait(timeout=60) == 0
    assert house.processes() == {}


def test_a_killed_supervisor_leaves_ports_that_the_next_one_takes(house):
    process = house.serve()
    process.kill()
    process.wait()
    process = house.serve()
    process.terminate()
    assert process.wait(timeout=60) == 0
    assert house.processes() == {}


def test_a_second_start_says_where_the_first_answers(house, serving):
    second = house.command("serve")
    assert second.returncode == 1
    assert f"Carbet tourne déjà ici : http://localhost:{house.page_port}" in second.stdout


def test_a_port_taken_by_another_is_told_with_a_way_out(house):
    with socket.create_server(("127.0.0.1", house.page_port)):
        refused = house.command("serve")
    assert refused.returncode == 1
    assert f"Le port {house.page_port} est déjà pris" in refused.stdout
    assert "CARBET_PORT=" in refused.stdout


def test_doctor_finds_nothing_wrong_in_a_sound_house(house, serving):
    limit = time.monotonic() + 90
    while not house.query("SELECT id FROM procrastinate_workers") and time.monotonic() < limit:
        time.sleep(0.1)
    report = house.command("doctor")
    lines = [line for line in report.stdout.splitlines() if line.startswith("✗")]
    assert lines == []
    assert report.returncode == 0


def test_doctor_says_how_to_mend_an_application_role_that_escapes(house):
    with house.server().running():
        house.query("ALTER ROLE carbet_app BYPASSRLS")
    report = house.command("doctor")
    with house.server().running():
        house.query("ALTER ROLE carbet_app NOBYPASSRLS")
    assert report.returncode == 1
    assert "ALTER ROLE carbet_app NOSUPERUSER NOBYPASSRLS;" in report.stdout


def test_a_backup_restores_rows_rights_and_row_security(house, tmp_path):
    security = (
        "SELECT relname, relrowsecurity, relforcerowsecurity, relacl::text, relowner::regrole::text"
        " FROM pg_class WHERE relnamespace = 'public'::regnamespace ORDER BY 1"
    )
    file = tmp_path / "carbet.dump"
    with house.server().running():
        house.query("INSERT INTO proof VALUES ('saved')")
        before = house.query(security)
        assert house.command("backup", str(file)).returncode == 0
        house.query("INSERT INTO proof VALUES ('after the backup')")
    assert file.stat().st_mode & 0o777 == 0o600

    restored = house.command("restore", str(file))

    assert restored.returncode == 0, restored.stdout
    with house.server().running():
        words = house.query("SELECT word FROM proof")
        assert ("saved",) in words
        assert ("after the backup",) not in words
        assert house.query(security) == before
    assert house.command("doctor").returncode == 0


def test_a_bad_backup_changes_nothing(house, tmp_path):
    file = tmp_path / "bad.dump"
    file.write_bytes(b"not a backup")
    with house.server().running():
        house.query("INSERT INTO proof VALUES ('before a bad backup')")
    refused = house.command("restore", str(file))
    assert refused.returncode == 1
    with house.server().running():
        names = house.query("SELECT datname FROM pg_database WHERE datname LIKE 'carbet_restore%'")
        assert names == []
        assert ("before a bad backup",) in house.query("SELECT word FROM proof")


def test_a_server_named_by_its_address_is_prepared(house, tmp_path):
    """DATABASE_URL: the owner makes the application's role when it may, else says what to ask."""
    with house.server().running() as server:
        with psycopg.connect(server.address(), autocommit=True) as connection:
            connection.execute("CREATE ROLE dba LOGIN CREATEROLE")
            connection.execute("CREATE ROLE tenant LOGIN")
            connection.execute("CREATE DATABASE elsewhere OWNER dba")
            connection.execute("CREATE DATABASE small OWNER tenant")
            connection.execute("ALTER ROLE carbet_app RENAME TO carbet_app_aside")
        try:
            url = "postgresql://tenant@/small?host={0}"
            refused = house.command(
                "manage", "version", DATABASE_URL=url.format(house.state / "run")
            )
            assert refused.returncode == 1
            assert "CREATE ROLE carbet_app LOGIN NOSUPERUSER NOBYPASSRLS" in refused.stdout

            url = "postgresql://dba@/elsewhere?host={0}"
            made = house.command("manage", "version", DATABASE_URL=url.format(house.state / "run"))
            assert made.returncode == 0, made.stdout
            with psycopg.connect(server.address(), autocommit=True) as connection:
                role = "SELECT rolsuper, rolbypassrls FROM pg_roles WHERE rolname = 'carbet_app'"
                assert connection.execute(role).fetchall() == [(False, False)]
        finally:
            with psycopg.connect(server.address(), autocommit=True) as connection:
                connection.execute("DROP DATABASE elsewhere")
                connection.execute("DROP DATABASE small")
                connection.execute("DROP ROLE IF EXISTS carbet_app")
                connection.execute("DROP ROLE dba, tenant")
                connection.execute("ALTER ROLE carbet_app_aside RENAME TO carbet_app")
