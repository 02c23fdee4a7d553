"""E-mail, SMS and push: the stand-in says what it is, the true client speaks as it should."""

import json
import threading
from http.server import BaseHTTPRequestHandler, HTTPServer

import pytest
from django.core import mail as outgoing

from carbet.connectors import event_notifications, http, mail, sms

NOTICE = mail.Notice(key="alert:1", to="a@b.example", subject="Carbet", body="Bonjour")
TEXT = sms.Text(key="alert:1", to="0694000000", text="Carbet : une alerte vous attend.")


@pytest.fixture
def gateway(settings):
    """Run a gateway that answers the status it is told to, and keeps what it received."""

    class Gateway(BaseHTTPRequestHandler):
        status, seen = 200, []

        def do_POST(self):
            body = self.rfile.read(int(self.headers["Content-Length"]))
            Gateway.seen.append((dict(self.headers), body))
            self.send_response(Gateway.status)
            if Gateway.status == 302:
                self.send_header("Location", "/elsewhere")
            self.end_headers()
            self.wfile.write(b'{"id": "m-1"}')

        def log_message(self, *_): ...

    server = HTTPServer(("127.0.0.1", 0), Gateway)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    settings.SMS_URL = f"http://127.0.0.1:{server.server_port}/sms"
    settings.SMS_TOKEN = "t"
    yield Gateway
    server.shutdown()
    server.server_close()


@pytest.mark.parametrize(("connector", "message"), [(mail, NOTICE), (sms, TEXT)])
def test_the_stand_in_names_itself_and_answers_the_same_twice(connector, message):
    first = connector.send(message, stand_in=True)
    assert first == connector.send(message, stand_in=True)
    assert first.carrier == connector.STAND_IN


@pytest.mark.parametrize(("connector", "message"), [(mail, NOTICE), (sms, TEXT)])
def test_not_set_up_is_said(settings, connector, message):
    settings.EMAIL_HOST = settings.SMS_URL = ""
    with pytest.raises(connector.NotConnected):
        connector.send(message, stand_in=False)


def test_an_email_carries_the_same_number_at_each_attempt(settings):
    settings.EMAIL_HOST = "smtp.example"
    settings.EMAIL_BACKEND = "django.core.mail.backends.locmem.EmailBackend"
    outgoing.outbox = []
    for _ in range(2):
        mail.send(NOTICE, stand_in=False)
    numbers = {message.extra_headers["Message-ID"] for message in outgoing.outbox}
    assert len(outgoing.outbox) == 2
    assert len(numbers) == 1


def test_a_text_message_is_sent_once_for_the_gateway(gateway):
    receipt = sms.send(TEXT, stand_in=False)
    assert receipt.message_id == "m-1"
    headers, body = gateway.seen[-1]
    assert json.loads(body) == {"to": "0694000000", "text": TEXT.text}
    assert headers["Authorization"] == "Bearer t"
    sms.send(TEXT, stand_in=False)
    assert gateway.seen[-1][0]["Idempotency-Key"] == headers["Idempotency-Key"]


@pytest.mark.parametrize(
    ("status", "error"), [(422, sms.Refused), (500, ConnectionError), (302, ConnectionError)]
)
def test_what_the_gateway_refuses(gateway, status, error):
    gateway.status = status
    before = len(gateway.seen)
    with pytest.raises(error):
        sms.send(TEXT, stand_in=False)
    # A redirection is not followed.
    assert len(gateway.seen) == before + 1


@pytest.mark.parametrize(
    ("status", "error"),
    [
        (201, None),
        (422, event_notifications.Refused),
        (302, event_notifications.Refused),
        (429, ConnectionError),
        (503, ConnectionError),
    ],
)
def test_software_is_notified_once_and_its_refusal_is_final(gateway, settings, status, error):
    gateway.status = status
    told = event_notifications.Notification("event:1:2", settings.SMS_URL, b"{}")
    before = len(gateway.seen)
    if error:
        with pytest.raises(error):
            event_notifications.send(told, stand_in=False)
    else:
        assert event_notifications.send(told, stand_in=False).carrier == "127.0.0.1"
    assert len(gateway.seen) == before + 1
    assert gateway.seen[-1][0]["Content-Type"].startswith("application/fhir+json")
    assert event_notifications.send(told, stand_in=True).carrier == event_notifications.STAND_IN


def test_the_answer_read_is_bounded(gateway, settings):
    status, answer = http.post(settings.SMS_URL, b"{}", headers={})
    assert (status, answer) == (200, b'{"id": "m-1"}')
