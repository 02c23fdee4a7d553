"""Mails that come, by a true server: kept, read, filed by identity, or waiting; nothing lost."""

import dataclasses

import pytest
from django.urls import reverse
from hypothesis import given
from hypothesis import strategies as st

from carbet.coordination.alerts.models import Alert
from carbet.core.models import AuditEvent
from carbet.interop import cda
from carbet.interop.cda.tests.factories import CLAIRE, letter
from carbet.interop.secure_mail.models import Credential, IncomingMail
from carbet.interop.secure_mail.rules import reading
from carbet.interop.secure_mail.tests import mails
from tests import mail_server as servers

pytestmark = pytest.mark.django_db


def test_a_discharge_letter_reaches_the_record_and_the_circle(office):
    [row] = office.receive(mails.discharge())
    assert (row.status, row.reason, row.patient_id) == ("filed", "", office.patient.pk)
    [document] = office.papers()
    assert (document.type, document.origin, document.pk) == ("11490-0", "mss", *row.document_ids)
    with office.as_house():
        told = set(Alert.objects.filter(kind="document").values_list("recipient", flat=True))
        trace = AuditEvent.objects.get(operation="document.receive")
    assert told == {office.world.roles[each].key for each in ("gp", "nurse")}
    assert trace.agent_name == f"Messagerie sécurisée, {office.mailbox.address}"
    # Moved on its server once it is kept here, never deleted.
    assert (office.inbox(), office.inbox("Carbet-Recus")) == (0, 1)


def test_the_same_mail_twice_is_one(office):
    data = mails.discharge()
    office.receive(data)
    assert len(office.receive(data, b"X-Seen: twice\r\n" + data)) == 1
    # A crash after the row was written, before the mail was moved.
    assert len(office.papers()) == 1
    # Sent again under another number: another mail, the same document.
    rows = office.receive(mails.discharge())
    assert [(row.status, row.reason) for row in rows] == [
        ("filed", ""), ("filed", "Déjà dans le dossier."),
    ]  # fmt: skip
    assert len(office.papers()) == 1


def test_several_documents_of_one_person_are_filed(office):
    [row] = office.receive(mails.mail(mails.archive(letter(seed=1), letter(seed=2, title="Autre"))))
    assert (row.status, len(row.document_ids)) == ("filed", 2)


def other(**changed):
    return dataclasses.replace(CLAIRE, **changed)


def without_ins(person):
    return dataclasses.replace(person, identifiers=person.identifiers[1:])


ANOTHER = cda.Identifier("1.2.250.1.213.1.4.10", "279035121518989")
TWO = mails.rough_archive(
    letter(seed=1), letter(seed=2, patient=other(identifiers=(ANOTHER,), birth_family="AUTRE"))
)
BOMB = (
    b'<?xml version="1.0"?><!DOCTYPE a [<!ENTITY b "cc"><!ENTITY c "&b;&b;">]>'
    b'<ClinicalDocument xmlns="urn:hl7-org:v3">&c;</ClinicalDocument>'
)
OUTSIDE = (
    b'<?xml version="1.0"?><!DOCTYPE a [<!ENTITY b SYSTEM "file:///etc/passwd">]>'
    b'<ClinicalDocument xmlns="urn:hl7-org:v3">&b;</ClinicalDocument>'
)
LONG = letter().replace(b"</ClinicalDocument>", b" " * 50_000_000 + b"</ClinicalDocument>")
# What comes, what becomes of it, the code and a word of the reason.
CASES = {
    "without INS": (mails.archive(letter(patient=without_ins(CLAIRE))), "to_file", "903", "INS"),
    "unknown INS": (
        mails.archive(letter(patient=other(identifiers=(ANOTHER,)))), "to_file", "902", "INS",
    ),
    "another name": (
        mails.archive(letter(patient=other(birth_family="AUTRE"))), "quarantined", "904", "nom",
    ),
    "another sex": (
        mails.archive(letter(patient=other(gender="male"))), "quarantined", "904", "sexe",
    ),
    "two persons": (TWO, "to_file", "906", "plusieurs personnes"),
    "bomb": (mails.rough_archive(BOMB), "quarantined", "906", "DOCTYPE"),
    "external entity": (mails.rough_archive(OUTSIDE), "quarantined", "906", "DOCTYPE"),
    "wrong hash": (
        mails.rough_archive(letter(), digest="0" * 40), "quarantined", "906", "empreinte",
    ),
    "zip in zip": (
        mails.rough_archive(mails.archive(letter())), "quarantined", "906", "autre archive",
    ),
    "path": (
        mails.rough_archive(letter(), uri="../../../etc/passwd"), "quarantined", "906", "archive",
    ),
    "not a zip": (b"PK\x03\x04 nothing", "quarantined", "906", "zip"),
    "no document": (mails.rough_archive(b"<a/>"), "quarantined", "906", "CDA"),
    "too long": (mails.rough_archive(LONG), "quarantined", "906", "Mo"),
}  # fmt: skip


@pytest.mark.parametrize("name", CASES)
def test_what_is_wrong_waits_with_its_code_and_files_nothing(office, name):
    carried, status, code, word = CASES[name]
    [row] = office.receive(mails.mail(carried))
    assert (row.status, row.code) == (status, code), row.reason
    assert word in row.reason
    assert office.papers() == []
    assert (office.inbox(), office.inbox("Carbet-Recus")) == (0, 1)


@pytest.mark.parametrize("subject", ["Lettre de sortie", "XDM/1.0/DDM Lettre", "xdm/1.0/ddm+L", ""])
def test_an_archive_that_the_subject_does_not_announce_is_put_apart(office, subject):
    [row] = office.receive(mails.discharge(subject=subject))
    assert (row.status, row.code) == ("quarantined", "906")
    assert "XDM/1.0/DDM+" in row.reason


def test_a_letter_between_people_waits_for_somebody(office):
    pdf = ("lettre.pdf", "application/pdf", b"%PDF-1.4\n%%EOF\n")
    [row] = office.receive(mails.mail(subject="Avis demandé", files=(pdf,)))
    assert (row.status, row.code) == ("to_file", "")


def test_what_a_doctor_of_elsewhere_receives_is_not_filed_by_itself(office):
    with office.as_house():
        office.mailbox.practitioner_role = office.world.roles["far_nurse"]
        office.mailbox.owner = office.world.roles["far_nurse"].key
        office.mailbox.save()
    [row] = office.receive(mails.discharge())
    assert (row.status, office.papers()) == ("to_file", [])


def test_the_password_is_sealed_and_mails_too(office):
    office.receive(mails.discharge())
    with office.as_house():
        held = bytes(Credential.objects.get().data)
        raw = IncomingMail.objects.first()
    assert servers.password().encode() not in held
    assert raw is not None


def test_a_mail_made_to_break_its_reader_stops_nobody(office, doctor_page):
    nested = b"".join(
        b"Content-Type: multipart/mixed; boundary=b%d\r\n\r\n--b%d\r\n" % (n, n)
        for n in range(5000)
    )
    hostile = b"Subject: XDM/1.0/DDM+x\r\nMessage-ID: <n@x>\r\nFrom: a@b.fr\r\n" + nested
    rows = office.receive(hostile, mails.discharge())
    assert [row.status for row in rows] == ["quarantined", "filed"]
    assert doctor_page(rows[0]).status_code == 200


@given(st.binary(max_size=600), st.binary(max_size=200))
def test_nothing_breaks_the_reader(head, body):
    for data in (head + b"\r\n\r\n" + body, b"Content-Type: multipart/report;" + head + body):
        mail = reading.read(data)
        assert "\x00" not in mail.heading.subject + mail.heading.sender + mail.heading.message_id
        mail.heading.subject.encode()
        mail.text.encode()


@pytest.fixture
def doctor_page(office, sign_in):
    client = sign_in(office.world.accounts["gp"], role=office.world.roles["gp"])
    return lambda row: client.get(reverse("secure_mail:mail", args=[row.pk]))
