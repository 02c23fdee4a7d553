"""Pages of secure mail: what waits is decided, what left is followed, a mailbox is declared."""

import uuid

import pytest
from django.urls import reverse

from carbet.interop.cda.tests.factories import letter
from carbet.interop.secure_mail.models import IncomingMail, Mailbox
from carbet.interop.secure_mail.tests import mails
from carbet.interop.secure_mail.tests.test_receiving import CLAIRE, without_ins
from carbet.interop.secure_mail.tests.test_sending import HOSPITAL, leave, plan, send
from tests import mail_server as servers

pytestmark = pytest.mark.django_db
__all__ = ["plan"]


@pytest.fixture
def doctor(office, sign_in):
    return sign_in(office.world.accounts["gp"], role=office.world.roles["gp"])


@pytest.fixture
def waiting(office):
    """Return a mail whose document names Claire without INS."""
    [row] = office.receive(mails.mail(mails.archive(letter(patient=without_ins(CLAIRE)))))
    return row


def test_the_tray_proposes_and_somebody_decides_then_takes_it_back(office, doctor, waiting):
    tray = doctor.get(reverse("secure_mail:tray")).content.decode()
    assert "INS" in tray
    address = reverse("secure_mail:mail", args=[waiting.pk])
    page = doctor.get(address).content.decode()
    assert "RÉGIS CLAIRE MARIE 14/03/1951" in page
    assert "Concorde" in page
    filing = reverse("secure_mail:file", args=[waiting.pk])
    for _ in range(2):
        assert doctor.post(filing, {"patient": office.patient.pk}).status_code == 302
    [document] = office.papers()
    assert document.origin == "mss"
    assert office.mails()[0].status == "filed"
    doctor.post(reverse("secure_mail:reconsider", args=[waiting.pk]))
    assert office.mails()[0].status == "to_file"
    assert [each.status for each in office.papers()] == ["entered-in-error"]


def test_a_mail_is_not_filed_with_whom_it_contradicts_nor_with_a_stranger(office, doctor, waiting):
    other = office.world.circle(birth_family="Autre").patient
    filing = reverse("secure_mail:file", args=[waiting.pk])
    page = doctor.post(filing, {"patient": other.pk}, follow=True).content.decode()
    assert "n’est pas celui de cette personne" in page
    stranger = office.world.circle(by="other_gp", birth_family="Loin").patient
    assert doctor.post(filing, {"patient": stranger.pk}).status_code == 404
    for wrong in ("", "x", "9" * 30):
        assert doctor.post(filing, {"patient": wrong}).status_code == 302
    assert office.papers() == []


def test_a_mail_is_put_apart_or_sent_back_with_a_reason(office, doctor, waiting):
    address = reverse("secure_mail:decide", args=[waiting.pk])
    for reason in ("", "x", "x" * 301, "\x00" * 9):
        answer = doctor.post(address, {"decision": "return", "reason": reason})
        assert answer.status_code == 422, reason
        assert "id_reason_error" in answer.content.decode()
    doctor.post(address, {"decision": "quarantine", "reason": "Doute sur l’expéditeur"})
    assert office.mails()[0].status == "quarantined"
    doctor.post(address, {"decision": "return", "reason": "Personne inconnue ici"})
    assert office.mails()[0].status == "returned"
    leave(office)
    got = b"".join(office.server.mails(mails.SENDER))
    assert b"Personne inconnue ici" in got or b"UGVyc29ubmUgaW5jb25udWUgaWNp" in got
    assert len(office.work()) == 1
    # Settled: somebody who comes late is told.
    assert doctor.post(address, {"decision": "return", "reason": "Encore"}).status_code == 422


def test_a_letter_of_a_person_is_read_and_filed_by_hand(office, doctor):
    pdf = ("lettre.pdf", "application/pdf", b"%PDF-1.4\n%%EOF\n")
    [row] = office.receive(mails.mail(subject="Avis", files=(pdf,)))
    page = doctor.get(reverse("secure_mail:mail", args=[row.pk])).content.decode()
    assert "lettre.pdf" in page
    assert "Bonjour, voici un document." in page
    got = doctor.get(reverse("secure_mail:attachment", args=[row.pk, 1]))
    assert got.content == pdf[2]
    assert got["Content-Disposition"].startswith("attachment")
    assert doctor.get(reverse("secure_mail:attachment", args=[row.pk, 2])).status_code == 404
    found = doctor.post(reverse("secure_mail:mail", args=[row.pk]), {"q": "Régis"})
    assert "Classer ici" in found.content.decode()
    doctor.post(reverse("secure_mail:file", args=[row.pk]), {"patient": office.patient.pk})
    assert [each.title for each in office.papers()] == ["lettre.pdf"]


def test_what_waits_is_on_the_front_page_of_whoever_holds_the_mailbox(office, sign_in, waiting):
    address = reverse("secure_mail:mail", args=[waiting.pk])
    for key, shown in (("gp", True), ("secretary", True), ("nurse", False)):
        client = sign_in(office.world.accounts[key], role=office.world.roles[key])
        assert (address in client.get("/").content.decode()) is shown, key


@pytest.mark.parametrize("key", ["nurse", "other_gp", "operator", "home_help"])
def test_nobody_else_sees_a_mail(office, sign_in, waiting, key):
    client = sign_in(office.world.accounts[key], role=office.world.roles[key])
    for name in ("mail", "file", "decide", "reconsider"):
        address = reverse(f"secure_mail:{name}", args=[waiting.pk])
        assert client.post(address).status_code in (403, 404, 405), name
    assert client.get(reverse("secure_mail:mail", args=[waiting.pk])).status_code in (403, 404)


def test_the_secretary_files_for_her_doctor(office, sign_in, waiting):
    client = sign_in(office.world.accounts["secretary"], role=office.world.roles["secretary"])
    assert waiting.subject.removeprefix("XDM/1.0/DDM+") in (
        client.get(reverse("secure_mail:tray")).content.decode()
    )


def test_a_document_is_sent_from_its_page_and_followed(office, doctor, plan):
    page = doctor.get(reverse("documents:detail", args=[office.patient.pk, plan.pk]))
    address = reverse("secure_mail:send", args=[office.patient.pk, plan.pk])
    assert address in page.content.decode()
    said = {"mailbox": office.mailbox.pk, "recipients": HOSPITAL, "gesture": str(uuid.uuid4())}
    wrong = doctor.post(address, said | {"recipients": "x@y.mssante.fr"})
    assert wrong.status_code == 422
    assert "id_recipients_error" in wrong.content.decode()
    assert doctor.post(address, said).status_code == 302
    leave(office)
    for shown in (reverse("secure_mail:sent"), address):
        text = doctor.get(shown).content.decode()
        assert "Plan personnalisé" in text
        assert "Parti" in text


WRONG_BOXES = [
    ({"address": ""}, "address"),
    ({"address": "x" * 20_000}, "address"),
    ({"address": "a\x00@b.fr"}, "address"),
    ({"server": "ailleurs"}, "server"),
    ({"password": ""}, "password"),
    ({"password": "a\x00b"}, "password"),
    ({"owner": "structure"}, "owner"),
]


@pytest.mark.parametrize(("changes", "field"), WRONG_BOXES)
def test_a_wrong_mailbox_is_said_at_its_field(office, doctor, changes, field):
    said = {
        "owner": "role", "address": "n@b.mssante.fr", "server": "essai", "username": "",
        "password": "x", "gesture": str(uuid.uuid4()),
    } | changes  # fmt: skip
    answer = doctor.post(reverse("secure_mail:mailboxes"), said)
    assert answer.status_code == 422
    assert f"id_{field}_error" in answer.content.decode()


def test_a_mailbox_is_declared_collected_and_closed(office, doctor):
    said = {
        "owner": "role", "address": "n@b.mssante.fr", "server": "essai", "username": "",
        "password": servers.password(), "gesture": str(uuid.uuid4()),
    }  # fmt: skip
    address = reverse("secure_mail:mailboxes")
    for _ in range(2):
        assert doctor.post(address, said).status_code == 302
    with office.as_house():
        box = Mailbox.objects.get(address="n@b.mssante.fr")
    assert servers.password() not in doctor.get(address).content.decode()
    assert doctor.post(reverse("secure_mail:close", args=[box.pk])).status_code == 302
    assert "n@b.mssante.fr" not in doctor.get(address).content.decode()


@pytest.mark.parametrize("name", ["tray", "sent", "mailboxes"])
def test_pages_cost_the_same_however_many(
    office, doctor, plan, name, django_assert_max_num_queries
):
    address = reverse(f"secure_mail:{name}")
    for count in (1, 30):
        with office.as_house():
            IncomingMail.objects.bulk_create(
                IncomingMail(
                    mailbox=office.mailbox, owner=office.mailbox.owner, uid=n, uid_validity=1,
                    received_at=office.world.now, due_at=office.world.now, size=1,
                    digest=f"{count}-{n}", status="to_file", subject="XDM/1.0/DDM+Lettre",
                )
                for n in range(count)
            )  # fmt: skip
        for _ in range(count if name == "sent" else 0):
            send(office, plan)
        # Entering and leaving as the house, its savepoint and the test's, count for six.
        with django_assert_max_num_queries(8 + 6):
            assert doctor.get(address).status_code == 200
    if name != "mailboxes":
        assert b"avant=" in doctor.get(address).content
