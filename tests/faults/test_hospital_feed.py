"""Messages that come while listener, worker and database are killed: each is filed once, or waits.

Small by default; `CARBET_FAULT_MESSAGES=2000 CARBET_FAULT_KILLS=200` for the whole.
"""

import base64
import os
import random
import signal
import subprocess
import sys
import tempfile
import threading
import time
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from pathlib import Path

import pytest

from carbet.connectors.mllp import Client, NoAnswer
from carbet.core.supervisor import clear_remains
from tests.faults.test_running_house import ROOT, House

pytestmark = pytest.mark.fault
MESSAGES = int(os.environ.get("CARBET_FAULT_MESSAGES", "30"))
KILLS = int(os.environ.get("CARBET_FAULT_KILLS", "6"))
LINES = 3
_SETTLE_SECONDS = 300 + MESSAGES / 2
_ARRANGE = """
from django.utils import timezone
from carbet.interop.cda.tests.factories import CLAIRE
from carbet.interop.hospital_feed import operations
from carbet.registries.directory.models import Organization
from carbet.registries.patients.choices import INS_TEST
from tests import world
w = world.build()
w.now = timezone.now()
w.circle("nurse", birth_family=CLAIRE.birth_family, birth_given=CLAIRE.birth_given.split(),
    birth_date=CLAIRE.birth_date, gender=CLAIRE.gender,
    ins=CLAIRE.ins.extension, ins_system=INS_TEST, ins_recovered=True, identity_checked=True)
hospital = Organization.objects.create(name="Hopital", finess="970300026", synthetic=True)
operations.open_route(actor=w.actor("operator"), now=w.now, facility="CHC", organization=hospital)
"""
VICTIMS = ("listener", "worker", "database")


class ReceivingHouse(House):
    """A house that receives invented persons."""

    def environment(self) -> dict[str, str]:
        return super().environment() | {"CARBET_DEMONSTRATION": "1"}

    def kill(self, victim: str) -> bool:
        """Kill one of its processes, as a crash would; its supervisor starts another."""
        if victim == "database":
            number = self.server().process_id()
        else:
            words = {"listener": "carbet.config.mllp", "worker": "procrastinate"}[victim]
            found = [number for number, line in self.processes().items() if words in line]
            number = min(found, default=None)
        if number is None:
            return False
        with suppress(ProcessLookupError):
            os.kill(number, signal.SIGKILL)
            return True
        return False


@pytest.fixture
def house():
    with tempfile.TemporaryDirectory(prefix="carbet-feed-", ignore_cleanup_errors=True) as state:
        house = ReceivingHouse(Path(state))
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
            carried = base64.b64encode(letter(seed=20_000 + rank)).decode()
            lines = [
                msh("MDM^T02^MDM_T02", control=str(rank)), "EVN||20261122110000", pid(**claire),
                "PV1|1|N", "ORC|NW|", "OBR|1|||11490-0^Lettre^LN|",
                f"TXA|1|11490-0|TEXT|202611221100||||||||1.2.3.{20_000 + rank}|||||AU",
                f"OBX|1|ED|11490-0^Lettre^LN||^text^XML^Base64^{carried}||||||F|",
            ]  # fmt: skip
            return ("\r".join(lines) + "\r").encode(), "done"
    return adt("A01", **said, **claire), "done"


def deliver(house, data):
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


def test_no_message_is_lost_nor_carried_out_twice(house):
    chance = random.Random(973)
    made = {str(rank): message(rank) for rank in range(MESSAGES)}
    killed, over = Counter(), threading.Event()

    def kill_now_and_then():
        while sum(killed.values()) < KILLS:
            victim = VICTIMS[sum(killed.values()) % len(VICTIMS)]
            time.sleep(0.2 + chance.random())
            killed[victim] += house.kill(victim)
        over.set()

    killer = threading.Thread(target=kill_now_and_then)
    killer.start()
    with ThreadPoolExecutor(LINES) as lines:
        sent = []
        for number, (data, _) in made.items():
            sent.append(lines.submit(deliver, house, data))
            # The last ones are sent when the last one is killed.
            over.wait(0 if int(number) % LINES else KILLS * 1.0 / MESSAGES * LINES)
        for each in sent:
            each.result()
    killer.join()
    assert set(killed) == set(VICTIMS)

    limit = time.monotonic() + _SETTLE_SECONDS
    said = "SELECT control_id, status FROM hospital_feed_hospitalmessage ORDER BY id"
    rows = []
    while time.monotonic() < limit:
        with suppress(Exception):  # The database may still be coming back.
            rows = house.query(said)
            if len(rows) >= MESSAGES and not {"waiting", "blocked"} & {each for _, each in rows}:
                break
        time.sleep(1)
    assert Counter(number for number, _ in rows) == Counter(dict.fromkeys(made, 1))
    assert dict(rows) == {number: wanted for number, (_, wanted) in made.items()}
    letters = sum(int(number) % 5 == 2 for number in made)
    stays = sum(int(number) % 5 > 2 for number in made)
    counted = (
        "SELECT (SELECT count(*) FROM hospital_feed_rawmessage),"
        " (SELECT count(*) FROM hospital_feed_movement),"
        " (SELECT count(DISTINCT number) FROM hospital_feed_encounter),"
        " (SELECT count(*) FROM documents_document WHERE origin = 'hospital'),"
        " (SELECT count(*) FROM documents_file)"
    )
    assert house.query(counted) == [(MESSAGES, stays, stays, letters, letters)]
