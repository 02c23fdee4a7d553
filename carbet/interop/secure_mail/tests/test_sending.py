"""Documents that leave: to whom the directory knows, exact in form, once; and their receipts."""

import email
import email.policy
import uuid

import pytest
from django.core.exceptions import ImproperlyConfigured

from carbet.connectors import mssante
from carbet.coordination.documents import operations as documents
from carbet.coordination.documents.tests.factories import received
from carbet.core import tasks as core_tasks
from carbet.core.models import OutboxMessage
from carbet.interop import cda, xdm
from carbet.interop.cda.tests.factories import PDF
from carbet.interop.secure_mail import operations
from carbet.interop.secure_mail.models import OutgoingMail
from carbet.interop.secure_mail.operations.holding import account_of
from carbet.interop.secure_mail.rules import reading, writing
from carbet.interop.secure_mail.tests import mails
from carbet.registries.directory.fhir.reading.red_list import address_fingerprint
from carbet.registries.directory.models import SecureMailbox

pytestmark = pytest.mark.django_db
HOSPITAL = "chirurgie@chu.mssante.fr"


@pytest.fixture
def plan(office):
    """Return a plan of Claire, filed as a clinical document, and a hospital to write to."""
    SecureMailbox.objects.create(
        address=HOSPITAL, fingerprint=address_fingerprint(HOSPITAL),
        organization=office.world.places["dac"],
    )  # fmt: skip
    return documents.file_composed(
        actor=office.world.actor("gp"),
        now=office.world.now,
        patient=office.patient,
        pdf=PDF,
        kind="18776-5",
        title="Plan personnalisé de coordination",
        series="plan",
        gesture=uuid.uuid4(),
    )


def send(office, document, **changed):
    said = {
        "patient": office.patient,
        "document": document,
        "mailbox": office.mailbox,
        "recipients": [HOSPITAL],
        "to_patient": False,
        "gesture": uuid.uuid4(),
    } | changed
    return operations.send_document(actor=office.world.actor("gp"), now=office.world.now, **said)


def leave(office):
    """Send what waits, as the worker does. Return the rows of the outbox."""
    with office.as_house():
        waiting = list(OutboxMessage.objects.filter(topic__startswith="secure_mail."))
    for each in waiting:
        core_tasks.deliver(message_id=each.pk)
    with office.as_house():
        return list(OutboxMessage.objects.filter(topic__startswith="secure_mail."))


def row_of(office, row):
    with office.as_house():
        return OutgoingMail.objects.get(pk=row.pk)


def test_the_plan_leaves_once_exact_in_form(office, plan):
    row = send(office, plan)
    for _ in range(2):
        [message] = leave(office)
    assert (message.status, row_of(office, row).status) == ("sent", "sent")
    got = [each for each in office.server.mails(HOSPITAL) if row.message_id.encode() in each]
    assert len(got) == 1
    mail = email.message_from_bytes(got[0], policy=email.policy.default)
    assert mail["Subject"] == (
        "XDM/1.0/DDM+Plan personnalisé de coordination RÉGIS CLAIRE 14/03/1951"
    )
    assert mail["X-MSS-CODECDA"] == "18776-5"
    zipped, readable = list(mail.iter_attachments())
    assert zipped.get_filename() == "IHE_XDM.zip"
    assert readable.get_filename() == (
        "20261122_Plan personnalisé de coordination_RÉGIS_CLAIRE.pdf"
    )
    assert readable.get_content() == PDF
    [entry] = xdm.read(zipped.get_content()).entries
    assert cda.read(entry.data).header.patient.birth_family == "RÉGIS"
    # Our own copy comes back to the mailbox: it is no mail that came.
    assert office.work() == []


def test_the_same_gesture_is_one_mail(office, plan):
    gesture = uuid.uuid4()
    assert send(office, plan, gesture=gesture).pk == send(office, plan, gesture=gesture).pk


REFUSED = [
    ({"recipients": []}, "recipients"),
    ({"recipients": ["inconnu@chu.mssante.fr"]}, "recipients"),
    ({"recipients": ["cachee@chu.mssante.fr"]}, "recipients"),
    ({"recipients": ["279035121518989@patient.mssante.fr"]}, "recipients"),
    ({"recipients": [f"x{n}@chu.mssante.fr" for n in range(30)]}, "recipients"),
]


@pytest.mark.parametrize(("changed", "field"), REFUSED)
def test_who_the_directory_does_not_know_receives_nothing(office, plan, changed, field):
    SecureMailbox.objects.create(
        fingerprint=address_fingerprint("cachee@chu.mssante.fr"), red_list=True,
        organization=office.world.places["dac"],
    )  # fmt: skip
    with pytest.raises(operations.UnableToSend) as refusal:
        send(office, plan, **changed)
    assert refusal.value.field == field
    with office.as_house():
        assert not OutgoingMail.objects.exists()
        assert not OutboxMessage.objects.filter(topic="secure_mail.send").exists()


def test_the_person_s_mailbox_demands_a_qualified_identity(office, plan):
    row = send(office, plan, recipients=[], to_patient=True)
    assert row.recipients == ["251039730200722@patient.mssante.fr"]
    with office.as_house():
        office.patient.identity_checked = False
        office.patient.save()
    with pytest.raises(operations.UnableToSend):
        send(office, plan, to_patient=True)


def test_what_is_not_clinical_does_not_leave(office):
    document = documents.file_document(
        actor=office.world.actor("gp"), now=office.world.now, patient=office.patient,
        received=received(), gesture=uuid.uuid4(),
    )  # fmt: skip
    with pytest.raises(operations.UnableToSend):
        send(office, document)


def test_a_refusal_waits_and_is_sent_again_or_cancelled(office, plan, monkeypatch):
    def refuse(*_, **__):
        raise mssante.Denied("l’opérateur refuse ce courrier (550)")

    row = send(office, plan)
    with monkeypatch.context() as patched:
        patched.setattr(mssante, "send_once", refuse)
        [message] = leave(office)
    assert (message.status, row_of(office, row).status) == ("failed", "pending")
    gp = office.world.actor("gp")
    operations.retry_mail(actor=gp, now=office.world.now, mail=row)
    assert leave(office)[0].status == "sent"
    with pytest.raises(operations.UnableToSend):
        operations.cancel_mail(actor=gp, now=office.world.now, mail=row)
    other = send(office, plan)
    operations.cancel_mail(actor=gp, now=office.world.now, mail=other)
    leave(office)
    assert row_of(office, other).status == "cancelled"


def test_what_may_have_left_is_not_cancelled(office, plan, monkeypatch):
    from datetime import UTC, datetime, timedelta

    def doubt(*_, **__):
        raise mssante.Uncertain(datetime.now(UTC) + timedelta(hours=1))

    row = send(office, plan)
    monkeypatch.setattr(mssante, "send_once", doubt)
    [message] = leave(office)
    assert (message.status, message.attempts) == ("pending", 0)
    with pytest.raises(operations.UnableToSend, match="peut-être"):
        operations.cancel_mail(actor=office.world.actor("gp"), now=office.world.now, mail=row)


def answer(row, *, code="", sender=HOSPITAL, **changed):
    return writing.receipt(
        b"Subject: x\r\n\r\nb",
        **{
            "sender": sender,
            "to": row.mailbox.address,
            "message_id": f"<{uuid.uuid4().hex}@chu.mssante.fr>",
            "original_id": row.message_id,
            "original_subject": mails.SUBJECT,
            "code": code,
            "label": "Identifiant de patient inconnu" if code else "",
            "at": mails.AT,
        }
        | changed,
    )


@pytest.mark.parametrize(
    ("code", "label"), [("", "Intégré"), ("902", "Identifiant de patient inconnu")]
)
def test_a_receipt_is_shown_on_the_mail_that_it_answers(office, plan, code, label):
    row = send(office, plan)
    leave(office)
    [mail] = office.receive(answer(row, code=code))
    assert mail.status == "receipt"
    [said] = row_of(office, row).receipts
    assert (said["code"], said["label"], said["from"]) == (code, label, HOSPITAL)
    # From somebody to whom nothing was sent, it changes nothing.
    office.receive(answer(row, code="906", sender="intrus@ailleurs.mssante.fr"))
    assert len(row_of(office, row).receipts) == 1


def answers(mail, asked):
    receipt = reading.read(mail).receipt
    return receipt is not None and receipt.original == asked


@pytest.mark.parametrize(("seed", "code"), [(901, ""), (None, "906")])
def test_a_mail_that_asks_is_answered_once(office, seed, code):
    data = mails.discharge() if seed else mails.mail(b"PK\x03\x04")
    office.receive(data, data)
    asked = reading.heading(data).message_id
    leave(office)
    leave(office)
    # The box is every test's, and its files bear no order.
    [got] = [each for each in office.server.mails(mails.SENDER) if answers(each, asked)]
    # Its copy comes back to the mailbox: it is no mail that came.
    assert len(office.work()) == 1
    assert office.inbox("Carbet-Envoyes") == 1
    read = reading.read(got)
    assert read.receipt is not None
    assert read.receipt.original == asked
    assert read.receipt.code == code
    message = email.message_from_bytes(got, policy=email.policy.default)
    assert message.get_content_type() == "multipart/report"
    assert message.get_param("report-type") == "disposition-notification"
    parts = [part.get_content_type() for part in message.get_payload()]
    assert parts == ["text/plain", "message/disposition-notification", "text/rfc822-headers"]
    told = message.get_payload()[1].get_payload()[0]
    assert told["Final-Recipient"] == f"rfc822;{office.mailbox.address}"
    assert told["Disposition"].startswith("automatic-action/MDN-sent-automatically; processed")


@pytest.mark.parametrize("changed", [{"asks": False}, {"sender": ""}])
def test_who_does_not_ask_is_not_answered(office, changed):
    office.receive(mails.discharge(**changed))
    assert leave(office) == []


def test_no_mailbox_is_declared_without_a_key(office, settings):
    settings.CARBET_FILE_KEYS = []
    with pytest.raises(operations.UnableToHold) as refusal:
        operations.declare_mailbox(
            actor=office.world.actor("gp"), now=office.world.now, of_structure=False,
            address="autre@cabinet.mssante.fr", username="", password="x", server="essai",
            gesture=uuid.uuid4(),
        )  # fmt: skip
    assert refusal.value.field == "password"
    with pytest.raises(ImproperlyConfigured), office.as_house():
        account_of(office.mailbox)
