"""A hospital sends by its real line: an admission, a return home, a wrong message to mend."""

import json
import re
import time
import uuid
from datetime import date, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from playwright.sync_api import expect

from tests.journeys.test_alerts import GP, NURSE

pytestmark = pytest.mark.journey
OPERATOR = "olivier.ringuet@carbet.example"
CAYENNE = ZoneInfo("America/Cayenne")
# Followed by the doctor and others; no other journey opens these records.
ADMITTED, NAME = "chue", "Xiong"
MISTOLD, OTHER_NAME = "aparecida", "Pantoja"


def movement(event, key, *, action="INSERT", number, stay, minutes, control=""):
    """Return a movement of this person, that happened so many minutes ago."""
    from carbet.core import identifiers
    from carbet.interop.hospital_feed.tests.messages import adt
    from carbet.steering.demonstration.following import FOLLOWED

    rows = json.loads(FOLLOWED.read_text(encoding="utf-8"))["persons"]
    row = next(each for each in rows if each["key"] == key)
    born = date.fromisoformat(row["birth_date"])
    ins = identifiers.make_ins(
        gender=row["gender"],
        year=born.year,
        month=born.month,
        birth_place=row["birth_place_code"],
        order=999,
    )
    at = datetime.now(CAYENNE) - timedelta(minutes=minutes)
    return adt(
        event,
        control=control or uuid.uuid4().hex,
        movement=number,
        action=action,
        at=f"{at:%Y%m%d%H%M%S}",
        stay=stay,
        ins=ins,
        number="",
        family=row["birth_family"],
        given=row["birth_given"][0],
        birth=f"{born:%Y%m%d}",
        sex="F" if row["gender"] == "female" else "M",
    )


@pytest.fixture
def send(house):
    """Return how a hospital sends a movement to this house, that acknowledges it."""
    from carbet.connectors.mllp import Client

    def send(event, key, **said):
        limit = time.monotonic() + 30
        while True:
            try:
                with Client("127.0.0.1", house.mllp_port, timeout=20) as line:
                    assert b"\rMSA|AA|" in line.send(movement(event, key, **said))
                    return
            except ConnectionRefusedError:
                # The house has just started: its listener is the last to.
                assert time.monotonic() < limit
                time.sleep(0.3)

    return send


@pytest.fixture
def stay():
    """Return the number of a stay that no other journey tells."""
    return uuid.uuid4().hex[:12]


def soon(someone, address, text):
    """Look at a page until its main part says this: at most twenty seconds."""
    limit = time.monotonic() + 20
    someone.go(address)
    while text not in someone.page.get_by_role("main").inner_text():
        assert time.monotonic() < limit, f"{text!r} never came to {address}"
        time.sleep(0.3)
        someone.page.goto(someone.house.url + address)


def test_who_cares_is_told_of_an_admission_and_visits_after_the_discharge(enter, send, stay):
    # Given a nurse of the circle
    nurse = enter(NURSE)
    nurse.page.goto(f"{nurse.house.url}/patients/?q={NAME}")
    link = nurse.page.get_by_role("link", name=re.compile(NAME)).first
    record = re.search(r"/patients/\w+/", link.get_attribute("href") or "").group(0)
    # When the hospital admits the person
    send("A01", ADMITTED, number=f"{stay}-1", stay=stay, minutes=90)
    # Then the circle is alerted, and the stay is in the record
    soon(nurse, "/alertes/", NAME)
    soon(nurse, f"{record}sejours/", "En cours")
    # When she leaves the hospital
    send("A03", ADMITTED, number=f"{stay}-2", stay=stay, minutes=5)
    soon(nurse, f"{record}sejours/", "Terminé")
    # Then the doctor has a visit to do within two days
    doctor = enter(GP)
    soon(doctor, "/taches/", NAME)
    row = doctor.page.get_by_role("listitem").filter(has_text=NAME).first
    expect(row).to_contain_text("48 h")


def test_a_wrong_message_is_mended_and_carried_out(enter, send, stay):
    # Given an admission whose action is misspelt, and a transfer that follows it
    wrong = {"stay": stay, "control": stay, "action": "INSRT"}
    send("A01", MISTOLD, number=f"{stay}-1", minutes=60, **wrong)
    send("A02", MISTOLD, number=f"{stay}-2", minutes=40, stay=stay, control=f"{stay}-after")
    # When the operator opens the one that stopped
    operator = enter(OPERATOR)
    soon(operator, "/exploitation/hopitaux/messages/", stay)
    row = operator.page.get_by_role("row").filter(has_text=stay)
    message = row.get_by_role("link", name="ADT^A01").get_attribute("href")
    soon(operator, message, "Derrière lui, de la même personne")
    operator.sees("ZBE-4 : INSERT, UPDATE ou CANCEL attendu")
    assert OTHER_NAME not in operator.page.content()
    # and writes the field anew
    operator.follow("Corriger un champ")
    operator.type("Nouvelle valeur du champ entier", "INSERT")
    operator.type("Raison", "faute de frappe du logiciel émetteur")
    operator.press("Corriger et rejouer")
    operator.sees("Le champ est corrigé")
    # Then it is carried out, and the one behind it too
    soon(operator, message, "Entrée enregistrée")
    soon(operator, "/exploitation/hopitaux/messages/?etat=done", f"{stay}-after")
