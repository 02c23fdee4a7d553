"""Mails that come while worker, mail server and database are killed: each is filed once, or waits.

Small by default; `CARBET_FAULT_MAILS=2000 CARBET_FAULT_KILLS=200` for the whole.
"""

import base64
import os
import random
import signal
import smtplib
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path

import pytest

from carbet.core.supervisor import clear_remains
from tests import mail_server as servers
from tests.faults.test_running_house import ROOT, House

pytestmark = pytest.mark.fault
MAILS = int(os.environ.get("CARBET_FAULT_MAILS", "24"))
KILLS = int(os.environ.get("CARBET_FAULT_KILLS", "6"))
ADDRESS = "gp@cabinet.mssante.fr"
_SETTLE_SECONDS = 240 + MAILS / 2
_ARRANGE = f"""
import uuid
from tests import mail_server, world
from carbet.interop.cda.tests.factories import CLAIRE
from carbet.interop.secure_mail import operations
from carbet.registries.patients.choices import INS_TEST
from django.utils import timezone
w = world.build()
w.now = timezone.now()
w.circle("nurse", birth_family=CLAIRE.birth_family, birth_given=CLAIRE.birth_given.split(),
    ins=CLAIRE.ins.extension, ins_system=INS_TEST, ins_recovered=True, identity_checked=True)
operations.declare_mailbox(actor=w.actor("gp"), now=w.now, of_structure=False,
    address={ADDRESS!r}, username="", password=mail_server.password(), server="essai",
    gesture=uuid.uuid4())
"""


@dataclass
class PostalHouse(House):
    """A house that may speak to a mail server, invented persons allowed."""

    described: str = ""
    authorities: str = ""

    def environment(self) -> dict[str, str]:
        return super().environment() | {
            "CARBET_DEMONSTRATION": "1",
            "CARBET_MSS_SERVERS": self.described,
            "CARBET_MSS_AUTHORITIES": self.authorities,
            "CARBET_FILE_KEYS": "1:" + base64.b64encode(b"k" * 32).decode(),
        }

    def kill_worker(self) -> bool:
        """Kill the worker of this house, as a crash would; its supervisor starts another."""
        ours = f"CARBET_STATE_DIR={self.state}".encode()
        for entry in Path("/proc").glob("[0-9]*"):
            try:
                words = (entry / "cmdline").read_bytes().split(b"\0")
                if b"procrastinate" in words and ours in (entry / "environ").read_bytes():
                    os.kill(int(entry.name), signal.SIGKILL)
                    return True
            except OSError:
                continue
        return False

    def kill_database(self) -> bool:
        """Kill the PostgreSQL of this house, as a crash would; its supervisor starts it again."""
        number = self.server().process_id()
        if number is None:
            return False
        os.kill(number, signal.SIGKILL)
        return True


@pytest.fixture
def place():
    """Return a house and a mail server, both running."""
    if lacking := servers.missing():
        pytest.skip(lacking)
    with (
        tempfile.TemporaryDirectory(prefix="carbet-post-", ignore_cleanup_errors=True) as folder,
        tempfile.TemporaryDirectory(prefix="carbet-mails-", ignore_cleanup_errors=True) as state,
        servers.running(Path(folder)) as server,
    ):
        house = PostalHouse(Path(state), described=server.described, authorities=server.authorities)
        process = house.serve()
        try:
            subprocess.run(
                [sys.executable, "-m", "carbet", "manage", "shell", "-v", "0", "-c", _ARRANGE],
                cwd=ROOT, env=house.environment(), check=True, timeout=120,
            )  # fmt: skip
            yield house, server
        finally:
            process.send_signal(signal.SIGTERM)
            try:
                process.wait(40)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait(20)
            clear_remains(str(Path(state).resolve()))


def deliver(server, data):
    """Hand a mail over as another operator does: again and again until it is taken."""
    while True:
        try:
            server.deliver(data, ADDRESS)
        except (OSError, smtplib.SMTPException):
            time.sleep(0.2)
        else:
            return


def test_no_mail_is_lost_nor_filed_twice(place):
    from carbet.interop.cda.tests.factories import letter
    from carbet.interop.secure_mail.tests import mails

    house, server = place
    chance = random.Random(973)
    moments = sorted(chance.sample(range(MAILS), min(KILLS, MAILS)))
    killed = {"worker": 0, "server": 0, "database": 0}
    sent = set()
    for rank in range(MAILS):
        number = f"<{rank}@chu.mssante.fr>"
        # One in six is spoilt: it waits apart.
        good = rank % 6 != 5
        archive = mails.archive(letter(seed=10_000 + rank)) if good else b"PK\x03\x04"
        deliver(server, mails.mail(archive, message_id=number, to=ADDRESS))
        sent.add(number)
        if rank in moments:
            time.sleep(chance.random() * 1.5)
            kind = chance.choice(("worker", "server", "database"))
            if kind == "worker":
                killed[kind] += house.kill_worker()
            elif kind == "database":
                killed[kind] += house.kill_database()
            else:
                server.kill()
                server.start()
                killed[kind] += 1
    assert sum(killed.values()) >= min(KILLS, MAILS) / 2
    limit = time.monotonic() + _SETTLE_SECONDS
    said = "SELECT message_id, status FROM secure_mail_incomingmail ORDER BY id"
    while time.monotonic() < limit:
        rows = house.query(said)
        if len(rows) >= len(sent) and all(status != "waiting" for _, status in rows):
            break
        time.sleep(1)
    assert sorted(number for number, _ in rows) == sorted(sent)
    wanted = {
        number: "quarantined" if rank % 6 == 5 else "filed"
        for rank, number in ((int(each[1:].split("@")[0]), each) for each in sent)
    }
    assert dict(rows) == wanted
    filed = house.query(
        "SELECT count(*), count(DISTINCT identifier_value) FROM documents_document"
        " WHERE origin = 'mss'"
    )
    good = sum(status == "filed" for status in wanted.values())
    assert filed == [(good, good)]
    # Nothing is left in the inbox, nothing was deleted on the server.
    limit = time.monotonic() + 130
    while server.mails(ADDRESS) and time.monotonic() < limit:
        time.sleep(1)
    assert len(server.mails(ADDRESS, "Carbet-Recus")) >= MAILS
