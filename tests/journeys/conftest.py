"""A real house for the journeys: the demonstration, as a newcomer starts it, and real browsers."""

import base64
import os
import re
import signal
import socket
import subprocess
import sys
import tempfile
import time
import urllib.request
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Playwright, sync_playwright

from tests import mail_server

ROOT = Path(__file__).resolve().parents[2]
CHROMIUM = os.environ.get("CARBET_CHROMIUM", "/usr/bin/chromium")
ARGUMENTS = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]


@dataclass(frozen=True)
class House:
    """Where the demonstration answers, the password of its accounts, its process."""

    url: str
    password: str
    live_port: int
    mllp_port: int

    def kill_live(self) -> None:
        """Kill the live server of this house, as a crash would; its supervisor starts another."""
        killed = 0
        for entry in Path("/proc").glob("[0-9]*/cmdline"):
            try:
                words = entry.read_bytes().split(b"\0")
            except OSError:
                continue
            if b"asgi" in words and str(self.live_port).encode() in words:
                os.kill(int(entry.parent.name), signal.SIGKILL)
                killed += 1
        assert killed


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@pytest.fixture(scope="session")
def post() -> Iterator[mail_server.MailServer | None]:
    """Run a true mail server for the house, nothing where the machine has none."""
    if mail_server.missing():
        yield None
        return
    # Not in the folder of pytest, that each other run closes again to the users of the server.
    with (
        tempfile.TemporaryDirectory(prefix="carbet-post-", ignore_cleanup_errors=True) as folder,
        mail_server.running(Path(folder)) as server,
    ):
        yield server


@pytest.fixture(scope="session")
def house(tmp_path_factory, post) -> Iterator[House]:
    """Start `carbet demo` in an empty state folder, as after a fresh clone."""
    state = tmp_path_factory.mktemp("house")
    pages, live, mllp = _free_port(), _free_port(), _free_port()
    environment = {
        key: value
        for key, value in os.environ.items()
        if not key.startswith(("CARBET_", "DATABASE_", "DJANGO_", "PYTEST_"))
    }
    environment |= {
        "CARBET_STATE_DIR": str(state),
        "CARBET_PORT": str(pages),
        "CARBET_LIVE_PORT": str(live),
        "CARBET_MLLP_PORT": str(mllp),
        # What nobody reads climbs within seconds.
        "CARBET_ESCALATION_MINUTES": "0.05 0.05",
        "CARBET_PSC_PORT": str(_free_port()),
    }
    if post is not None:
        environment |= {
            "CARBET_MSS_SERVERS": post.described,
            "CARBET_MSS_AUTHORITIES": post.authorities,
            "CARBET_FILE_KEYS": "1:" + base64.b64encode(b"k" * 32).decode(),
        }
    log = state / "demo.log"
    with log.open("w") as output:
        process = subprocess.Popen(
            [sys.executable, "-m", "carbet", "demo"],
            cwd=ROOT,
            env=environment,
            stdout=output,
            stderr=subprocess.STDOUT,
        )
    try:
        limit = time.monotonic() + 300
        while "Ctrl-C" not in log.read_text():
            assert process.poll() is None, log.read_text()
            assert time.monotonic() < limit, log.read_text()
            time.sleep(0.3)
        urllib.request.urlopen(f"http://localhost:{pages}/sante", timeout=30).close()
        password = re.search(r"mot de passe de tous : (\S+)\)", log.read_text())
        assert password, log.read_text()
        yield House(f"http://localhost:{pages}", password.group(1), live, mllp)
    finally:
        process.send_signal(signal.SIGINT)
        process.wait(30)


@pytest.fixture(scope="session")
def playwright() -> Iterator[Playwright]:
    with sync_playwright() as started:
        # Playwright's loop would make Django refuse ordinary queries in the tests that follow.
        yield started


@pytest.fixture(scope="session")
def browser(playwright: Playwright) -> Iterator[Browser]:
    if not Path(CHROMIUM).exists():
        pytest.skip(f"{CHROMIUM} manque : make test l’installe")
    started = playwright.chromium.launch(executable_path=CHROMIUM, args=ARGUMENTS)
    yield started
    started.close()


@pytest.fixture
def enter(browser: Browser, house: House):
    """Return a function that brings someone in, signed in, at their own browser."""
    from tests.journeys.person import Someone

    came = []

    def enter(email, **options):
        someone = Someone(browser, house, **options)
        came.append(someone)
        someone.sign_in(email)
        return someone

    yield enter
    for someone in came:
        someone.leave()
