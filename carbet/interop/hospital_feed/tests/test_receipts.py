"""Receipts of business (ZAM): sent to whoever asked for one, read when they come."""

import uuid

import pytest
from django.urls import reverse

from carbet.connectors import dmp
from carbet.connectors.tests.test_mllp import serving
from carbet.coordination.documents.models import Document
from carbet.core import clock, row_security, tasks
from carbet.core.models import AuditEvent, OutboxMessage
from carbet.interop.cda.tests.factories import letter
from carbet.interop.hospital_feed import access, operations
from carbet.interop.hospital_feed import tasks as feed_tasks
from carbet.interop.hospital_feed.models import AwaitedReading
from carbet.interop.hospital_feed.rules import header as headers
from carbet.interop.hospital_feed.rules import reading, receipts
from carbet.interop.hospital_feed.tests.messages import msh, official
from carbet.interop.hospital_feed.tests.test_papers import mdm, replacing
from carbet.registries.patients.models import Patient

pytestmark = pytest.mark.django_db
ASKS = (
    "OBX|9|CWE|ACK_RECEPTION^Accusé de réception^MetaDMPMSS||Y^^expandedYes-NoIndicator||||||F|\r"
)
FOR_DMP = "OBX|8|CWE|DESTDMP^Destinataire DMP^MetaDMPMSS||Y^^expandedYes-NoIndicator||||||F|\r"
FOR_HODA = "PRT||UC||RCT^^participation|801234567897^Hoda^Adam||||||||||^^X.400^hoda@a.mssante.fr\r"


def asking(data, **changes):
    return mdm("T02", data, control="7", **changes) + (ASKS + FOR_HODA).encode()


@pytest.fixture
def heard():
    """Return what the sender of the documents heard, and what it answers."""
    return {"messages": [], "answer": "AA"}


@pytest.fixture
def awaiting(claire, heard):
    """Return the feed, its hospital awaiting receipts at a true MLLP server."""

    async def keep(arrivals):
        heard["messages"] += [each.frame.data for each in arrivals]
        return [f"MSH|^~\\&|\rMSA|{heard['answer']}|1\r".encode() for _ in arrivals]

    with serving(keep) as port:
        operations.close_route(
            actor=claire.world.actor("operator"), now=claire.world.now, route_id=claire.route.pk
        )
        operations.open_route(
            actor=claire.world.actor("operator"),
            now=claire.world.now,
            facility="CHC",
            organization=claire.hospital,
            receipts_to=f"127.0.0.1:{port}",
        )
        yield claire


def leave():
    """Send what waits to leave. Return its states."""
    with row_security.acting_as(access.HOUSE):
        numbers = list(OutboxMessage.objects.filter(topic="feed.receipt").values_list("pk"))
    for (number,) in numbers:
        tasks.deliver(message_id=number)
    with row_security.acting_as(access.HOUSE):
        rows = OutboxMessage.objects.filter(topic="feed.receipt")
        return list(rows.values_list("status", "last_error"))


def test_a_document_filed_is_acknowledged_once_to_whoever_asked(awaiting, heard):
    [row] = awaiting.send(asking(letter(seed=901)))
    assert row.status == "done"
    assert leave() == leave() == [("sent", "")]
    [data] = heard["messages"]
    said = headers.read(data, production=False)
    assert (said.fault, said.type, said.event, said.profile) == (
        None, "ZAM", "Z02", "2.1^CISIS_CDA_HL7_V2",
    )  # fmt: skip
    assert (said.application, said.facility, said.to_application, said.to_facility) == (
        "CARBET", "DAC", "GAM", "CHC",
    )  # fmt: skip
    message = reading.parse(data.decode())
    assert receipts.read(message, "Z02") == receipts.ReceiptRead(
        "7", "Accusé de réception MSSanté", True, ""
    )
    reader = message.all("OBX")[1]
    assert (reader.component(3), reader.component(4), reader.component(5, 4)) == (
        "DESTINATAIRE_MSS", "801234567897", "hoda@a.mssante.fr",
    )  # fmt: skip
    assert b"REGIS" not in data


def test_nobody_asked_or_nowhere_to_send_is_no_receipt(awaiting, claire):
    awaiting.send(mdm("T02", letter(seed=901), control="1"))
    assert leave() == []


def test_a_document_given_up_is_said_with_its_reason(awaiting, heard):
    [row] = awaiting.send(asking("abîmé!"))
    assert row.status == "dead"
    operations.abandon(
        actor=awaiting.world.actor("operator"),
        now=clock.now(),
        message_id=row.pk,
        reason="document illisible",
    )
    assert leave() == [("sent", "")]
    said = receipts.read(reading.parse(heard["messages"][0].decode()), "Z02")
    assert (said.original, said.accepted, said.error) == ("7", False, "document non intégré")


def test_what_the_hospital_refuses_waits_in_the_tray(awaiting, heard):
    heard["answer"] = "AR"
    awaiting.send(asking(letter(seed=901)))
    assert leave() == [("failed", "refusé par l’établissement (AR)")]


@pytest.fixture
def doctor(awaiting, sign_in, monkeypatch, settings, tmp_path):
    """Return the browser of the attending doctor, who deposits in the sandbox of the DMP."""
    world = awaiting.world
    monkeypatch.setattr(clock, "now", lambda: world.now)
    monkeypatch.setattr(tasks, "current_time", lambda: world.now)
    settings.DMP_SANDBOX = tmp_path / "dmp"
    with awaiting.as_house():
        Patient.objects.filter(pk=awaiting.patient.pk).update(
            ins_recovered=True, identity_checked=True
        )
    return sign_in(world.accounts["gp"], role=world.roles["gp"])


def deposit(feed, doctor):
    """Ask for the deposit of the last document, and let it leave."""
    with feed.as_house():
        document = Document.objects.order_by("pk").last()
    page = reverse("shared_record:deposit", args=[feed.patient.pk, document.pk])
    assert doctor.post(page, {"was_told": "on", "gesture": uuid.uuid4()}).status_code == 302
    with feed.as_house():
        message = OutboxMessage.objects.filter(topic=dmp.TOPIC).order_by("pk").last()
    tasks.deliver(message_id=message.pk)
    with feed.as_house():
        message.refresh_from_db()
    return message


def told(heard, event="Z01"):
    """Return the receipts that the hospital heard: what each says, its ERR-5 and its MSH-11."""
    leave()
    found = []
    for data in heard["messages"]:
        header, message = headers.read(data, production=False), reading.parse(data.decode())
        if header.event == event:
            err = message.first("ERR")
            why = [err.component(5, rank) for rank in (1, 3)] if err else []
            found.append((receipts.read(message, event), why, header.processing))
    return found


def test_what_the_shared_record_took_is_told_to_the_hospital_that_asked(awaiting, doctor, heard):
    awaiting.send(asking(letter(seed=901)) + FOR_DMP.encode())
    assert told(heard) == []
    assert deposit(awaiting, doctor).status == "sent"
    [(said, why, processing)] = told(heard)
    assert (said.original, said.accepted, why) == ("7", True, [])
    # The sandbox answered: a test, whatever the message was.
    assert processing == "T"
    assert len(told(heard, "Z02")) == 1
    with awaiting.as_house():
        traces = AuditEvent.objects.filter(operation="feed.tell_deposit")
        assert [each.patient_id for each in traces] == [awaiting.patient.pk]


def test_what_the_shared_record_refuses_is_told_with_its_code_then_what_it_takes(
    awaiting, doctor, heard, monkeypatch
):
    def refuses(*args, **kwargs):
        raise dmp.Refused(["XDSUnknownPatientId"], "une personne")

    awaiting.send(asking(letter(seed=901)) + FOR_DMP.encode())
    with monkeypatch.context() as refused:
        refused.setattr(dmp, "provide", refuses)
        message = deposit(awaiting, doctor)
    assert message.status == "failed"
    [(said, why, _)] = told(heard)
    assert (said.accepted, why) == (False, ["XDSUnknownPatientId", "DMPERRORCODE"])
    assert b"une personne" not in heard["messages"][-1]
    with row_security.acting_as(access.HOUSE, operation="test"):
        OutboxMessage.objects.filter(pk=message.pk).update(status="pending")
    tasks.deliver(message_id=message.pk)
    assert [each.accepted for each, _, _ in told(heard)] == [False, True]


def test_each_version_is_told_of_by_the_message_that_brought_it(awaiting, doctor, heard):
    awaiting.send(asking(letter(seed=901)) + FOR_DMP.encode())
    deposit(awaiting, doctor)
    later = mdm("T10", replacing(902, 901), control="8") + (ASKS + FOR_DMP).encode()
    awaiting.send(later)
    deposit(awaiting, doctor)
    assert [said.original for said, _, _ in told(heard)] == ["7", "8"]


@pytest.mark.parametrize("asked", ["", ASKS, FOR_DMP])
def test_who_did_not_ask_hears_nothing_of_the_shared_record(awaiting, doctor, heard, asked):
    awaiting.send(mdm("T02", letter(seed=901), control="7") + asked.encode())
    assert deposit(awaiting, doctor).status == "sent"
    assert told(heard) == []


def test_what_never_reached_the_shared_record_is_no_answer_of_its(
    awaiting, doctor, heard, monkeypatch
):
    def absent(*args, **kwargs):
        raise dmp.NotConnected("DMP non configuré")

    awaiting.send(asking(letter(seed=901)) + FOR_DMP.encode())
    monkeypatch.setattr(dmp, "provide", absent)
    assert deposit(awaiting, doctor).status == "failed"
    assert told(heard) == []


def test_what_left_has_left_though_telling_of_it_fails(awaiting, doctor, heard, monkeypatch):
    def fails(**kwargs):
        raise ValueError("x")

    awaiting.send(asking(letter(seed=901)) + FOR_DMP.encode())
    monkeypatch.setattr(operations.receipts, "tell_deposit", fails)
    assert deposit(awaiting, doctor).status == "sent"


def test_an_unreadable_answer_is_tried_again(awaiting, heard):
    heard["answer"] = ""
    awaiting.send(asking(letter(seed=901)))
    assert [status for status, _ in leave()] == ["pending"]


def test_a_receipt_goes_to_allowed_addresses_only(awaiting, heard, settings):
    settings.MLLP_ALLOWED = ["10.0.0.0/8"]
    awaiting.send(asking(letter(seed=901)))
    assert leave() == [("failed", "cette adresse n’est pas dans CARBET_MLLP_ALLOWED")]
    assert heard["messages"] == []


def zam(event="Z02", code="ACK_RECEPTION_MSS", original="7", answer="Y", more=""):
    return (
        msh(f"ZAM^{event}^ZAM_Z01", control="9").replace("|CARBET|DAC|", "|GAM|CHC|")
        + f"\rEVN||20261122110000\rOBX|1|CWE|{code}^x^AckMetierZAM|{original}"
        + f"|{answer}^^expandedYes-NoIndicator||||||F|\r{more}"
    ).encode()


NO = "ERR|||207^Application error^messageErrorCondition|E|DMPClosed^DMP fermé^DMPERRORCODE\r"
# What a receipt says, what becomes of it, where it is wrong, and the words kept.
RECEIPTS = [
    (zam(), "done", "", "Accusé de réception MSSanté du n°"),
    (zam("Z03", "ACK_LECTURE_MSS"), "done", "", "Accusé de lecture du n°"),
    (zam("Z01", "ACK_RECEPTION_DMP", answer="N", more=NO), "done", "", "non, DMP fermé"),
    (zam(original="8"), "ignored", "", "n’est pas passé par ici"),
    (zam("Z01"), "dead", "OBX-3", "ACK_RECEPTION_DMP attendu"),
    (zam(original=""), "dead", "OBX-4", "absent"),
    (zam(original="8" * 300), "dead", "OBX-4", "trop long"),
    (zam(answer="X"), "dead", "OBX-5", "Y ou N"),
    (zam(answer="N"), "dead", "ERR", "pourquoi"),
    (zam().split(b"OBX")[0], "dead", "OBX", "absent"),
]


@pytest.mark.parametrize(("data", "status", "place", "words"), RECEIPTS)
def test_a_receipt_is_joined_to_the_message_of_which_it_speaks(claire, data, status, place, words):
    [document] = claire.send(mdm("T02", letter(seed=901), control="7"))
    [row] = claire.send(data)
    assert (row.status, row.error_place) == (status, place)
    assert words in row.reason
    assert row.patient_id == (document.patient_id if status == "done" else None)


def test_the_official_receipt_of_reading_is_read(official_feed):
    official_feed.send(official("oru/ORU_R01_CR_Bio_INIT_N1_N3.hl7"))
    [row] = official_feed.send(official("oru/ZAM_Z0x_accuse_metier_lecture_MSS.hl7"))
    assert (row.status, row.patient_id) == ("done", official_feed.patient.pk)
    assert row.reason.startswith("Accusé de lecture du n°")


@pytest.mark.parametrize("address", ["10.1.2.3", "10.1.2.3:0", "10.1.2.3:70000", "a b:1", ":2576"])
def test_an_address_that_is_none_is_said_at_its_field(feed, address):
    with pytest.raises(operations.UnableToRoute) as refused:
        operations.open_route(
            actor=feed.world.actor("operator"),
            now=feed.world.now,
            facility="CHK",
            organization=feed.hospital,
            receipts_to=address,
        )
    assert refused.value.field == "receipts_to"


ASKS_READING = (
    "OBX|9|CWE|ACK_LECTURE_MSS^Accusé de lecture^MetaDMPMSS||Y^^expandedYes-NoIndicator||||||F|\r"
)


def test_whoever_asked_learns_once_that_a_carer_opened_the_document(awaiting, heard, sign_in):
    world = awaiting.world
    [row] = awaiting.send(mdm("T02", letter(seed=902), control="8") + ASKS_READING.encode())
    with awaiting.as_house():
        [document] = Document.objects.filter(patient_id=row.patient_id)
    feed_tasks.tell_readings(0)
    assert leave() == []
    doctor = sign_in(world.accounts["gp"], role=world.roles["gp"])
    address = reverse("documents:read", args=[row.patient_id, document.pk, 1])
    for _ in range(2):
        assert doctor.get(address).status_code == 200
        feed_tasks.tell_readings(0)
    assert leave() == [("sent", "")]
    [data] = heard["messages"]
    said = headers.read(data, production=False)
    assert (said.fault, said.type, said.event) == (None, "ZAM", "Z03")
    message = reading.parse(data.decode())
    assert receipts.read(message, "Z03").original == "8"
    reader = message.all("OBX")[1]
    assert reader.component(3) == "LECTEUR_MSS"
    assert reader.component(4) == f"8{world.roles['gp'].practitioner.rpps}"
    assert reader.component(5, 4) == world.roles["gp"].secure_email
    assert b"REGIS" not in data


def test_a_document_that_nobody_awaits_tells_nothing(awaiting, sign_in):
    [row] = awaiting.send(mdm("T02", letter(seed=903), control="9"))
    with awaiting.as_house():
        [document] = Document.objects.filter(patient_id=row.patient_id)
        assert not AwaitedReading.objects.exists()
    world = awaiting.world
    doctor = sign_in(world.accounts["gp"], role=world.roles["gp"])
    doctor.get(reverse("documents:read", args=[row.patient_id, document.pk, 1]))
    feed_tasks.tell_readings(0)
    assert leave() == []
