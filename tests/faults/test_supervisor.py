"""What is watched over is restarted when it dies, and nothing of it survives the watcher."""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from carbet.core.supervisor import MARK, clear_remains

pytestmark = pytest.mark.fault
ROOT = Path(__file__).resolve().parent.parent.parent

# A service that writes its number and its child's, and (stubborn) refuses to stop.
SERVICE = """
import os, signal, subprocess, sys, time
if sys.argv[2] == "stubborn":
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
child = subprocess.Popen(["sleep", "600"])
with open(sys.argv[1], "a") as file:
    file.write(f"{os.getpid()} {child.pid}\\n")
time.sleep(600)
"""
# Its guard cannot mend what it watches the first two times.
WATCHER = """
import sys
from carbet.core import supervisor
supervisor.PATIENCE_SECONDS = 1.0
program, written, mark, kind = sys.argv[1:]
tries = []
def guard():
    tries.append(1)
    if kind == "helpless" and len(tries) < 3:
        raise ValueError("la base ne repart pas")
    if kind == "helpless" and len(tries) == 3:
        print("la base est repartie", flush=True)
with supervisor.Supervisor(mark=mark, say=lambda text: print(text, flush=True)) as watcher:
    watcher.start(supervisor.Service("Essai", [sys.executable, "-c", program, written, kind]))
    watcher.watch(guard)
    print("ready", flush=True)
    watcher.run()
print("stopped", flush=True)
"""


@pytest.fixture
def watch(tmp_path):
    """Start a watcher; what it started is ended with the test whatever happens."""
    watchers = []

    def start(kind: str = "docile") -> tuple[subprocess.Popen[str], Path]:
        written = tmp_path / "numbers"
        command = [sys.executable, "-c", WATCHER, SERVICE, str(written), str(tmp_path), kind]
        process = subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, text=True)
        watchers.append(process)
        assert process.stdout.readline() == "ready\n"
        return process, written

    yield start
    for process in watchers:
        process.kill()
        process.wait()
        process.stdout.close()
    clear_remains(str(tmp_path))


def numbers(written: Path, lives: int) -> list[int]:
    """Wait for this many lives of the service; return the numbers of the last one."""
    deadline = time.monotonic() + 20
    while time.monotonic() < deadline:
        lines = written.read_text().splitlines() if written.exists() else []
        if len(lines) >= lives:
            return [int(word) for word in lines[-1].split()]
        time.sleep(0.05)
    raise AssertionError("the service did not start")


def lives(process_id: int) -> bool:
    try:
        return "\nState:\tZ" not in Path(f"/proc/{process_id}/status").read_text()
    except OSError:
        return False


def gone(process_ids: list[int], within: float = 10) -> bool:
    deadline = time.monotonic() + within
    while any(map(lives, process_ids)) and time.monotonic() < deadline:
        time.sleep(0.05)
    return not any(map(lives, process_ids))


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT, signal.SIGHUP])
@pytest.mark.parametrize("kind", ["docile", "stubborn"])
def test_a_stop_leaves_no_orphan(watch, number, kind):
    watcher, written = watch(kind)
    processes = numbers(written, lives=1)
    watcher.send_signal(number)
    assert watcher.wait(timeout=10) == 0
    assert not any(map(lives, processes))


def test_what_dies_is_restarted_and_its_children_are_ended(watch):
    watcher, written = watch()
    service, child = numbers(written, lives=1)
    os.kill(service, signal.SIGKILL)
    assert "Essai : arrêt inattendu (signal 9)" in watcher.stdout.readline()
    again = numbers(written, lives=2)
    assert again[0] != service
    assert not lives(child)


def test_a_guard_that_fails_is_heard_once_and_called_again(watch):
    watcher, written = watch("helpless")
    service, _ = numbers(written, lives=1)
    assert watcher.stdout.readline() == "la base ne repart pas\n"
    assert watcher.stdout.readline() == "la base est repartie\n"
    assert lives(service)


def test_a_killed_watcher_takes_its_services_along(watch):
    watcher, written = watch()
    service, _ = numbers(written, lives=1)
    watcher.kill()
    assert gone([service])


def test_the_next_watcher_clears_what_would_not_leave(watch, tmp_path):
    watcher, written = watch("stubborn")
    processes = numbers(written, lives=1)
    watcher.kill()
    watcher.wait()
    assert lives(processes[0])
    assert clear_remains(str(tmp_path)) == 2
    assert not any(map(lives, processes))


def test_others_are_never_cleared(tmp_path):
    environment = os.environ | {MARK: f"{tmp_path}-other"}
    other = subprocess.Popen(["sleep", "60"], env=environment)
    try:
        clear_remains(str(tmp_path))
        assert other.poll() is None
    finally:
        other.kill()
        other.wait()
