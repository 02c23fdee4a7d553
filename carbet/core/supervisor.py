"""Keep several processes alive together: restart what dies, stop everything, leave no orphan."""

import contextlib
import ctypes
import os
import signal
import subprocess
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

STOP_SIGNALS = {signal.SIGTERM, signal.SIGINT, signal.SIGHUP}
MARK = "CARBET_SUPERVISED_BY"
# A service that lived this long was well: its next death is forgiven as a first one.
SOUND_AFTER_SECONDS = 30.0
LONGEST_BACKOFF_SECONDS = 30.0
PATIENCE_SECONDS = 8.0
_PR_SET_PDEATHSIG = 1


@dataclass(frozen=True)
class Service:
    """One long-lived process: what a person calls it, and how it is started."""

    label: str
    command: Sequence[str]
    environment: Mapping[str, str] = field(default_factory=dict)


@dataclass
class _Life:
    service: Service
    process: subprocess.Popen[bytes]
    started_at: float
    deaths: int = 0
    due_at: float | None = None


class Supervisor:
    """Starts services, watches them until a stop signal, then stops them in seconds.

    Build it in the main thread before anything is started: it blocks the stop signals, so that one
    arriving at the worst moment waits for us instead of killing us and orphaning the others.
    """

    def __init__(self, *, mark: str, say: Callable[[str], None]) -> None:
        self._mark = mark
        self._say = say
        self._lives: list[_Life] = []
        self._guards: list[Callable[[], None]] = []
        self._complaint = ""
        self._libc = ctypes.CDLL(None, use_errno=True)
        self._former_mask = signal.pthread_sigmask(
            signal.SIG_BLOCK, STOP_SIGNALS | {signal.SIGCHLD}
        )

    def watch(self, guard: Callable[[], None]) -> None:
        """Call `guard` about once a second: it mends what is not our child.

        One that fails says why, once, and is called again: the services must not fall with it.
        """
        self._guards.append(guard)

    def start(self, service: Service) -> None:
        """Start a service; it is restarted whenever it dies."""
        self._lives.append(_Life(service, self._spawn(service), time.monotonic()))

    def stop_asked(self, *, within: float) -> bool:
        """Wait at most `within` seconds for a stop signal."""
        return self._wait(within) in STOP_SIGNALS

    def run(self) -> None:
        """Watch until a stop signal."""
        while self._wait(1.0) not in STOP_SIGNALS:
            self.tend()

    def tend(self) -> None:
        """Restart what died, when its turn has come."""
        for guard in self._guards:
            self._call(guard)
        now = time.monotonic()
        for life in self._lives:
            if life.due_at is None and life.process.poll() is not None:
                self._note_death(life, now)
            if life.due_at is not None and life.due_at <= now:
                life.process, life.started_at, life.due_at = self._spawn(life.service), now, None

    def died_early(self) -> list[str]:
        """Return the labels of the services that are not running now."""
        return [life.service.label for life in self._lives if life.process.poll() is not None]

    def stop(self) -> None:
        """Ask every service to stop, then oblige it; nothing of its group survives."""
        for life in self._lives:
            with contextlib.suppress(ProcessLookupError):
                life.process.send_signal(signal.SIGTERM)
        limit = time.monotonic() + PATIENCE_SECONDS
        for life in self._lives:
            with contextlib.suppress(subprocess.TimeoutExpired):
                life.process.wait(max(0.05, limit - time.monotonic()))
            _kill_group(life.process.pid)
            life.process.wait()
        self._lives.clear()

    def close(self) -> None:
        """Stop everything and give the signals back their usual meaning."""
        try:
            self.stop()
        finally:
            # A second Ctrl-C during the stop has nothing left to say.
            while signal.sigtimedwait(STOP_SIGNALS | {signal.SIGCHLD}, 0) is not None:
                pass
            signal.pthread_sigmask(signal.SIG_SETMASK, self._former_mask)

    def __enter__(self) -> "Supervisor":
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def _wait(self, seconds: float) -> int | None:
        received = signal.sigtimedwait(STOP_SIGNALS | {signal.SIGCHLD}, seconds)
        return None if received is None else received.si_signo

    def _call(self, guard: Callable[[], None]) -> None:
        try:
            guard()
        except Exception as error:  # noqa: BLE001 - the services must stand, whatever it is
            said = str(error) or type(error).__name__
            if said != self._complaint:
                self._say(said)
            self._complaint = said
        else:
            self._complaint = ""

    def _note_death(self, life: _Life, now: float) -> None:
        # Its own children may still hold the port or the database.
        _kill_group(life.process.pid)
        life.deaths = 1 if now - life.started_at > SOUND_AFTER_SECONDS else life.deaths + 1
        wait = min(2.0 ** (life.deaths - 1), LONGEST_BACKOFF_SECONDS)
        life.due_at = now + wait
        self._say(
            f"{life.service.label} : arrêt inattendu ({_how(life.process.returncode)}), "
            f"relance dans {wait:.0f} s"
        )

    def _spawn(self, service: Service) -> subprocess.Popen[bytes]:
        parent = os.getpid()

        def prepare() -> None:
            # Even if we are killed outright, the child is told to stop.
            self._libc.prctl(_PR_SET_PDEATHSIG, signal.SIGTERM)
            if os.getppid() != parent:
                os._exit(1)
            signal.pthread_sigmask(signal.SIG_SETMASK, [])

        return subprocess.Popen(
            list(service.command),
            stdin=subprocess.DEVNULL,
            env=os.environ | dict(service.environment) | {MARK: self._mark},
            # Its own group: a Ctrl-C is for us, and a group can be ended whole.
            start_new_session=True,
            preexec_fn=prepare,
        )


def clear_remains(mark: str) -> int:
    """End what a supervisor of the same mark left when it was killed; return how many."""
    remains = list(_marked(mark))
    for number, wait in ((signal.SIGTERM, 4.0), (signal.SIGKILL, 2.0)):
        for process_id in _marked(mark):
            with contextlib.suppress(ProcessLookupError):
                os.kill(process_id, number)
        limit = time.monotonic() + wait
        while any(True for _ in _marked(mark)) and time.monotonic() < limit:
            time.sleep(0.05)
    return len(remains)


def _marked(mark: str) -> Iterator[int]:
    wanted = f"{MARK}={mark}".encode()
    for entry in Path("/proc").iterdir():
        if not entry.name.isdigit() or int(entry.name) == os.getpid():
            continue
        with contextlib.suppress(OSError):
            # A zombie's environment is empty.
            if wanted in (entry / "environ").read_bytes().split(b"\0"):
                yield int(entry.name)


def _kill_group(group: int) -> None:
    with contextlib.suppress(ProcessLookupError, PermissionError):
        os.killpg(group, signal.SIGKILL)


def _how(code: int) -> str:
    return f"signal {-code}" if code < 0 else f"code {code}"
