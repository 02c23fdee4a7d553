"""Mails and hospital messages that come while all is killed: each is filed once, or waits.

Worker, listener, mail server, database and one of its sessions are killed outright, in turn, at
random moments of one run. Small by default; the whole, a quarter of an hour:

    CARBET_FAULT_ITEMS=2000 CARBET_FAULT_KILLS=200 python -m pytest -n 0 -s \
        tests/faults/test_mails_and_messages.py

`CARBET_FAULT_SEED` draws other moments; what was killed is printed.
"""

import base64
import os
import random
import signal
import smtplib
import subprocess
import sys
import tempfile
import threading
import time
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

import psycopg
import pytest

from carbet.connectors.mllp import Client, NoAnswer
from carbet.core.supervisor import clear_remains
from tests import mail_server as servers
from tests.faults.test_running_house import ROOT, House

pytestmark = pytest.mark.fault
# Half are mails, half are messages.
ITEMS = int(os.environ.get("CARBET_FAULT_ITEMS", "48"))
KILLS = int(os.environ.get("CARBET_FAULT_KILLS", "10"))
SEED = int(os.environ.get("CARBET_FAULT_SEED", "973"))
ADDRESS = "gp@cabinet.mssante.fr"
LINES = 3
_SETTLE_SECONDS = 300 + ITEMS / 2
_ARRANGE = f"""
import uuid
from django.utils import timezone
from carbet.interop.cda.tests.factories import CLAIRE
from carbet.interop.hospital_feed import operations as feed
from carbet.interop.secure_mail import operations as mail
from carbet.registries.directory.models import Organization
from carbet.registries.patients.choices import INS_TEST
from tests import mail_server, world
w = world.build()
w.now = timezone.now()
w.circle("nurse", birth_family=CLAIRE.birth_family, birth_given=CLAIRE.birth_given.split(),
    birth_date=CLAIRE.birth_date, gender=CLAIRE.gender,
    ins=CLAIRE.ins.extension, ins_system=INS_TEST, ins_recovered=True, identity_checked=True)
mail.declare_mailbox(actor=w.actor("gp"), now=w.now, of_structure=False,
    address={ADDRESS!r}, username="", password=mail_server.password(), server="essai",
    gesture=uuid.uuid4())
hospital = Organization.objects.create(name="Hopital", finess="970300026", synthetic=True)
feed.open_route(actor=w.actor("operator"), now=w.now, facility="CHC", organization=hospital)
"""
VICTIMS = ("listener", "worker", "database", "mail server", "session")
_WORDS = {"listener": "carbet.config.mllp", "worker": "procrastinate"}


@dataclass
class ReceivingHouse(House):
    """A house that receives invented persons, by mail and by its listener."""

    post: servers.MailServer | None = None

    def environment(self) -> dict[str, str]:
        return super().environment() | {
            "CARBET_DEMONSTRATION": "1",
            "CARBET_MSS_SERVERS": self.post.described,
            "CARBET_MSS_AUTHORITIES": self.post.authorities,
            "CARBET_FILE_KEYS": "1:" + base64.b64encode(b"k" * 32).decode(),
        }

    def kill(self, victim: str) -> bool:
        """Kill one of its processes, as a crash would; its supervisor starts another."""
        if victim == "mail server":
            self.post.kill()
            self.post.start()
            return True
        if victim == "database":
            number = self.server().process_id()
        elif victim == "session":
            number = self._session()
        else:
            found = [each for each, line in self.processes().items() if _WORDS[victim] in line]
            number = min(found, default=None)
        if number is None:
            return False
        with suppress(ProcessLookupError):
            os.kill(number, signal.SIGKILL)
            return True
        return False

    def _session(self) -> int | None:
        """Return the process of PostgreSQL that serves one of the house's connections."""
        address = self.server().address(database="carbet", user="postgres")
        with suppress(psycopg.OperationalError):
            with psycopg.connect(address, autocommit=True, connect_timeout=2) as connection:
                row = connection.execute(
                    "SELECT pid FROM pg_stat_activity WHERE backend_type = 'client backend'"
                    " AND pid <> pg_backend_pid() ORDER BY state_change DESC LIMIT 1"
                ).fetchone()
            return row[0] if row else None
        return None


@pytest.fixture
def house():
    """Return a house and its mail server, both running."""
    if lacking := servers.missing():
        pytest.skip(lacking)
    with (
        tempfile.TemporaryDirectory(prefix="carbet-post-", ignore_cleanup_errors=True) as folder,
        tempfile.TemporaryDirectory(prefix="carbet-all-", ignore_cleanup_errors=True) as state,
        servers.running(Path(folder)) as post,
    ):
        house = ReceivingHouse(Path(state), post=post)
        process = house.serve()
        try:
            subprocess.run(
                [sys.executable, "-m", "carbet", "manage", "shell", "-v", "0", "-c", _ARRANGE],
                cwd=ROOT, env=house.environment(), check=True, timeout=120,
            )  # fmt: skip
            yield house
        finally:
            process.send_signal(signal.SIGTERM)
            try:
                process.wait(60)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait(20)
            clear_remains(str(Path(state).resolve()))


def mail(rank):
    """Return a mail and what must become of it; one in six is spoilt, and waits apart."""
    from carbet.interop.cda.tests.factories import letter
    from carbet.interop.secure_mail.tests import mails

    good = rank % 6 != 5
    archive = mails.archive(letter(seed=10_000 + rank)) if good else b"PK\x03\x04"
    data = mails.mail(archive, message_id=f"<{rank}@chu.mssante.fr>", to=ADDRESS)
    return data, "filed" if good else "quarantined"


def message(rank):
    """Return a message and what must become of it: a stay, a letter, or a wait for somebody."""
    from carbet.interop.cda.tests.factories import CLAIRE, letter
    from carbet.interop.hospital_feed.tests.messages import adt, msh, pid

    claire = {
        "ins": CLAIRE.ins.extension, "number": "", "family": CLAIRE.birth_family,
        "given": CLAIRE.birth_given, "birth": f"{CLAIRE.birth_date:%Y%m%d}",
        "sex": "F" if CLAIRE.gender == "female" else "M",
    }  # fmt: skip
    said = {"control": str(rank), "movement": f"M{rank}", "stay": f"S{rank}"}
    match rank % 5:
        case 0:
            # Nobody here bears this number.
            return adt("A01", **said, number=f"9{rank}", ins="", family="INCONNUE"), "held"
        case 1:
            # Its action is none: somebody mends it.
            return adt("A01", **said, number=f"8{rank}", ins="", action="INSRT"), "dead"
        case 2:
            carried = base64.b64encode(letter(seed=50_000 + rank)).decode()
            lines = [
                msh("MDM^T02^MDM_T02", control=str(rank)), "EVN||20261122110000", pid(**claire),
                "PV1|1|N", "ORC|NW|", "OBR|1|||11490-0^Lettre^LN|",
                f"TXA|1|11490-0|TEXT|202611221100||||||||1.2.3.{20_000 + rank}|||||AU",
                f"OBX|1|ED|11490-0^Lettre^LN||^text^XML^Base64^{carried}||||||F|",
            ]  # fmt: skip
            return ("\r".join(lines) + "\r").encode(), "done"
    return adt("A01", **said, **claire), "done"


def post_mail(house, data):
    """Hand a mail over as another operator does: again and again until it is taken."""
    while True:
        try:
            house.post.deliver(data, ADDRESS)
        except (OSError, smtplib.SMTPException):
            time.sleep(0.2)
        else:
            return


def send_message(house, data):
    """Send a message as a hospital does: the same again, until it is acknowledged."""
    while True:
        try:
            with Client("127.0.0.1", house.mllp_port, timeout=30) as line:
                answer = line.send(data)
        except (OSError, NoAnswer):
            time.sleep(0.2)
        else:
            assert b"\rMSA|AA|" in answer
            return


class Killer(threading.Thread):
    """Kills one of the victims after the other, at random moments, until it killed enough."""

    def __init__(self, house):
        super().__init__()
        self.house, self.chance = house, random.Random(SEED)
        self.killed, self.over, self.stopped = Counter(), threading.Event(), False

    def run(self):
        turn = 0
        while sum(self.killed.values()) < KILLS and not self.stopped:
            time.sleep(0.1 + self.chance.random())
            victim = VICTIMS[turn % len(VICTIMS)]
            limit = time.monotonic() + 10
            # One that the last kill took along comes back first.
            while not (killed := self.house.kill(victim)) and time.monotonic() < limit:
                time.sleep(0.1)
            self.killed[victim] += killed
            turn += 1
        self.over.set()

    @property
    def part(self):
        return sum(self.killed.values()) / KILLS


def paced(killer, share):
    """Wait until as much was killed as was sent: the last ones come at the last kill."""
    while killer.part < share and not killer.over.is_set():
        time.sleep(0.05)


def settled(house, text, wanted, unsettled):
    """Return the rows of a statement (number, status) once they are all there and decided."""
    limit = time.monotonic() + _SETTLE_SECONDS
    rows = []
    while time.monotonic() < limit:
        with suppress(psycopg.Error):  # The database may still be coming back.
            rows = house.query(text)
            if len(rows) >= wanted and not unsettled & {status for _, status in rows}:
                break
        time.sleep(1)
    return rows


def test_nothing_is_lost_nor_done_twice(house):
    begun = time.monotonic()
    mails = {f"<{rank}@chu.mssante.fr>": mail(rank) for rank in range(ITEMS // 2)}
    told = {str(rank): message(rank) for rank in range(ITEMS // 2)}
    killer = Killer(house)
    killer.start()
    try:
        with ThreadPoolExecutor(LINES) as posted, ThreadPoolExecutor(LINES) as lines:
            given = []
            for rank, (posting, sending) in enumerate(
                zip(mails.values(), told.values(), strict=True)
            ):
                paced(killer, rank / len(mails))
                given.append(posted.submit(post_mail, house, posting[0]))
                given.append(lines.submit(send_message, house, sending[0]))
            for each in given:
                each.result()
    finally:
        killer.stopped = True
        killer.join()
    sending = time.monotonic() - begun
    sys.stdout.write(f"\nseed {SEED}: {dict(killer.killed)}, {ITEMS} sent in {sending:.0f} s\n")
    assert sum(killer.killed.values()) >= KILLS
    if len(VICTIMS) <= KILLS:
        assert all(killer.killed[victim] for victim in VICTIMS)

    said = "SELECT message_id, status FROM secure_mail_incomingmail ORDER BY id"
    rows = settled(house, said, len(mails), {"waiting"})
    assert Counter(number for number, _ in rows) == Counter(dict.fromkeys(mails, 1))
    assert dict(rows) == {number: wanted for number, (_, wanted) in mails.items()}

    said = "SELECT control_id, status FROM hospital_feed_hospitalmessage ORDER BY id"
    rows = settled(house, said, len(told), {"waiting", "blocked"})
    assert Counter(number for number, _ in rows) == Counter(dict.fromkeys(told, 1))
    assert dict(rows) == {number: wanted for number, (_, wanted) in told.items()}

    filed = sum(wanted == "filed" for _, wanted in mails.values())
    letters = sum(int(number) % 5 == 2 for number in told)
    stays = sum(int(number) % 5 > 2 for number in told)
    counted = (
        "SELECT (SELECT count(*) FROM hospital_feed_rawmessage),"
        " (SELECT count(*) FROM hospital_feed_movement),"
        " (SELECT count(DISTINCT number) FROM hospital_feed_encounter),"
        " (SELECT count(*) FROM documents_document WHERE origin = 'hospital'),"
        " (SELECT count(*) FROM documents_document WHERE origin = 'mss'),"
        " (SELECT count(DISTINCT identifier_value) FROM documents_document),"
        " (SELECT count(*) FROM documents_file)"
    )
    whole = letters + filed
    assert house.query(counted) == [(len(told), stays, stays, letters, filed, whole, whole)]
    # Nothing is left in the inbox, nothing was deleted on the server.
    limit = time.monotonic() + 130
    while house.post.mails(ADDRESS) and time.monotonic() < limit:
        time.sleep(1)
    assert house.post.mails(ADDRESS) == []
    assert len(house.post.mails(ADDRESS, "Carbet-Recus")) >= len(mails)
    sys.stdout.write(f"all settled after {time.monotonic() - begun:.0f} s\n")
