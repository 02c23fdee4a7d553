"""Secure mail: the stand-in says what it is; the true client sends once, and deletes nothing."""

import smtplib
import threading
import uuid
from datetime import UTC, datetime, timedelta
from email.message import EmailMessage
from email.policy import SMTP

import pytest

from carbet.connectors import mssante
from carbet.connectors.mssante import client, sending
from tests import mail_server as servers

LETTER = mssante.Letter(key="invitation:1", to="a@b.mssante.fr", subject="S", body="B")


def test_a_demonstration_has_a_stand_in_that_says_so():
    first = mssante.send(LETTER, stand_in=True)
    assert first == mssante.send(LETTER, stand_in=True)
    assert first.carrier == mssante.STAND_IN


def test_elsewhere_nothing_is_sent_until_an_operator_is_connected():
    with pytest.raises(mssante.NotConnected):
        mssante.send(LETTER, stand_in=False)


@pytest.fixture
def account(mss):
    address = f"{uuid.uuid4().hex[:8]}@cabinet.mssante.fr"
    return mssante.Account(address, address, mssante.servers()["essai"], servers.password())


def envelope(account, to="dest@hopital.mssante.fr", body="Bonjour"):
    message = EmailMessage(policy=SMTP)
    message["From"], message["To"], message["Subject"] = account.address, to, "Essai"
    message["Message-ID"] = mssante.new_message_id(account.address, uuid.uuid4())
    message.set_content(body)
    return mssante.Envelope(message["Message-ID"], (to,), message.as_bytes())


def received(mss, mail, address="dest@hopital.mssante.fr"):
    return [each for each in mss.mails(address) if mail.message_id.encode() in each]


def test_a_mail_leaves_once_and_comes_back_to_its_sender(mss, account):
    mail = envelope(account)
    for _ in range(3):
        mssante.send_once(account, mail)
    assert len(received(mss, mail)) == 1
    assert len(received(mss, mail, account.address)) == 1
    assert mss.relayed.count(mail.message_id) == 1


def test_a_crash_after_the_operator_took_it_sends_nothing_twice(mss, account, monkeypatch):
    mail = envelope(account)

    def taken_then_killed(*given):
        client.submit(*given)
        raise KeyboardInterrupt

    monkeypatch.setattr(sending, "submit", taken_then_killed)
    with pytest.raises(KeyboardInterrupt):
        mssante.send_once(account, mail)
    monkeypatch.undo()
    mssante.send_once(account, mail)
    assert len(received(mss, mail)) == 1


def test_a_crash_before_the_operator_took_it_waits_then_sends(mss, account, monkeypatch):
    mail = envelope(account)
    monkeypatch.setattr(sending, "submit", lambda *_: (_ for _ in ()).throw(OSError("cut")))
    with pytest.raises(OSError, match="cut"):
        mssante.send_once(account, mail)
    monkeypatch.undo()
    with pytest.raises(mssante.Uncertain):
        mssante.send_once(account, mail)
    assert not received(mss, mail)
    mssante.send_once(account, mail, now=datetime.now(UTC) + timedelta(hours=2))
    assert len(received(mss, mail)) == 1


@pytest.mark.parametrize(
    "refusal", [smtplib.SMTPResponseException(451, "plus tard"), mssante.Denied()]
)
def test_a_refusal_that_is_said_leaves_no_doubt(mss, account, monkeypatch, refusal):
    mail = envelope(account)
    monkeypatch.setattr(sending, "submit", lambda *_: (_ for _ in ()).throw(refusal))
    with pytest.raises(type(refusal)):
        mssante.send_once(account, mail)
    monkeypatch.undo()
    mssante.send_once(account, mail)
    assert len(received(mss, mail)) == 1


def test_a_server_that_only_marks_what_goes_leaves_no_doubt(mss, account, monkeypatch):
    mail = envelope(account)
    with mssante.opened(account) as session:
        session.keep(client.SENDING, mail.data)
        monkeypatch.setattr(session._imap, "has_capability", lambda _: False)
        assert session.holds(client.SENDING, mail.message_id)
        session.forget_intent(mail.message_id)
        assert session.holds(client.SENDING, mail.message_id) is None


def test_a_wrong_password_is_said(mss, account):
    wrong = mssante.Account(account.address, account.username, account.server, "faux")
    with pytest.raises(mssante.Denied), mssante.opened(wrong):
        pass


def test_a_certificate_of_nobody_is_refused(mss, account, settings):
    settings.MSS_AUTHORITIES = ""
    with pytest.raises(OSError), mssante.opened(account):
        pass


def test_taking_a_mail_moves_it_and_deletes_nothing(mss, account):
    mss.deliver(b"Subject: S\r\nMessage-ID: <m-1@x>\r\n\r\nB\r\n", account.address)
    with mssante.opened(account) as session:
        [arrived] = session.arrivals()
        assert b"Message-ID: <m-1@x>" in session.content(arrived.uid)
        assert b"Message-ID" in session.content(arrived.uid, headers_only=True)
        assert len(session.arrivals()) == 1
        session.take(arrived.uid)
        assert session.arrivals() == []
        assert session.holds(client.TAKEN, "<m-1@x>")
    assert len(mss.mails(account.address, client.TAKEN)) == 1


def test_what_arrives_is_told_at_once(mss, account):
    stop, told = threading.Event(), []
    heard = threading.Semaphore(0)

    def tell():
        told.append(1)
        heard.release()

    watcher = threading.Thread(target=mssante.watch, args=(account, tell, stop))
    watcher.start()
    try:
        assert heard.acquire(timeout=10)
        mss.deliver(b"Subject: S\r\n\r\nB\r\n", account.address)
        assert heard.acquire(timeout=10)
    finally:
        stop.set()
        watcher.join(10)
    assert len(told) == 2


@pytest.mark.parametrize("text", ["", "a", "a=b", "a=b:1/c", "=b:1/c:2", "a=b:x/c:2"])
def test_a_setting_that_says_nothing_is_refused(text):
    with pytest.raises(ValueError):
        mssante.Server.parse(text)
