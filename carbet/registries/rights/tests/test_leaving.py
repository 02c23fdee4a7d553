"""An application is told that somebody left Carbet: OpenID Connect Back-Channel Logout 1.0."""

import threading
from datetime import timedelta
from http.server import BaseHTTPRequestHandler, HTTPServer
from urllib.parse import parse_qs

import jwt
import pytest
from django.core.management.utils import get_random_secret_key
from django.urls import reverse

from carbet.connectors import applications as connector
from carbet.core import outbox, row_security
from carbet.core.actor import internal
from carbet.core.models import OutboxMessage
from carbet.registries.accounts import operations as accounts
from carbet.registries.accounts.access import actor_of
from carbet.registries.directory.choices import EndReason
from carbet.registries.directory.models import PractitionerRole, Right
from carbet.registries.rights import operations, tasks
from carbet.registries.rights.models import Application, Entry
from carbet.registries.rights.tests.test_entering import BACK, HOME, Relying, answered

pytestmark = pytest.mark.django_db
HOUSE = internal("test")
LEAVES = "https://application.example/sortie"


@pytest.fixture
def let_in(world):
    def let_in(**options):
        wanted = {"name": "Imagerie", "address": HOME, "redirect_uri": BACK, "confirms": False}
        return operations.register_application(
            actor=world.actor("operator"), now=world.now, **(wanted | options)
        )

    return let_in


def messages():
    with row_security.acting_as(HOUSE):
        return list(OutboxMessage.objects.filter(topic="rights.logout").order_by("pk"))


def enter(world, sign_in, let_in, key="physio", **options):
    application = Relying(let_in(**({"logout_uri": LEAVES} | options)))
    browser = sign_in(world.accounts[key])
    assert "code" in answered(browser.get(application.question()))
    return application, browser


def leave_structure(world, browser, key):
    right = Right.objects.get(practitioner_role=world.roles[key])
    operations.end_right(
        actor=world.actor("operator"), now=world.now, right_id=right.pk, reason=EndReason.LEFT
    )


def departed(world, browser, key):
    PractitionerRole.objects.filter(pk=world.roles[key].pk).update(ended_at=world.now)
    operations.close_departed(actor=HOUSE, now=world.now + timedelta(minutes=5))


def everywhere(world, browser, key):
    account = world.accounts[key]
    accounts.sign_out_everywhere(actor=actor_of(account), now=world.now, account=account)


def renewed(world, browser, key):
    right = Right.objects.get(practitioner_role=world.roles[key])
    operations.renew_access(
        actor=world.actor("operator"), now=world.now, right_id=right.pk, words="Vu."
    )


@pytest.mark.parametrize(
    "leaving",
    [
        lambda world, browser, key: browser.post(reverse("account_logout")),
        leave_structure,
        departed,
        everywhere,
        renewed,
    ],
    ids=["signs out", "leaves", "departed", "everywhere", "renewed"],
)
def test_each_way_of_leaving_is_told_once(world, sign_in, let_in, leaving):
    enter(world, sign_in, let_in)
    _, browser = enter(world, sign_in, let_in, logout_uri="")  # asks nothing
    assert Entry.objects.count() == 1
    leaving(world, browser, "physio")
    (message,) = messages()
    assert message.payload == {
        "application": Application.objects.get(logout_uri=LEAVES).pk,
        "account": world.accounts["physio"].pk,
        "subject": str(world.accounts["physio"].subject),
    }
    assert not Entry.objects.exists()
    everywhere(world, browser, "physio")
    assert len(messages()) == 1


def test_whoever_keeps_another_right_is_still_in(world, sign_in, let_in):
    other = PractitionerRole.objects.create(
        practitioner=world.roles["physio"].practitioner,
        organization=world.places["office"],
        profession="70",
        profession_label="Masseur-Kinésithérapeute",
        category="paramedical",
    )
    world.let_in(other)
    application = Relying(let_in(logout_uri=LEAVES))
    browser = sign_in(world.accounts["physio"], role=world.roles["physio"])
    assert "code" in answered(browser.get(application.question()))
    leave_structure(world, browser, "physio")
    assert messages() == []
    assert Entry.objects.count() == 1


def test_what_is_said_is_signed_for_that_application_and_says_no_more(
    world, sign_in, let_in, monkeypatch, settings
):
    application, browser = enter(world, sign_in, let_in)
    browser.post(reverse("account_logout"))
    heard = []
    monkeypatch.setattr(
        connector, "say_left", lambda address, token: heard.append((address, token)) or 204
    )
    tasks.tell_application(messages()[0])
    ((address, token),) = heard
    assert address == LEAVES
    assert jwt.get_unverified_header(token)["typ"] == "logout+jwt"
    claims = application.claims(token)
    assert claims.keys() == {"iss", "sub", "aud", "iat", "exp", "jti", "events"}
    assert claims["sub"] == str(world.accounts["physio"].subject)
    assert claims["events"] == {"http://schemas.openid.net/event/backchannel-logout": {}}
    published = application.published
    assert published["backchannel_logout_supported"] is True


def test_an_application_closed_meanwhile_is_told_nothing(world, sign_in, let_in):
    _, browser = enter(world, sign_in, let_in)
    browser.post(reverse("account_logout"))
    operations.close_application(
        actor=world.actor("operator"), now=world.now, application_id=Application.objects.get().pk
    )
    with pytest.raises(outbox.CannotBeSent):
        tasks.tell_application(messages()[0])


@pytest.mark.parametrize("wrong", ["http://pirate.example/x", "https://*.example/", "x"])
def test_an_address_that_is_not_secure_is_refused(world, sign_in, wrong):
    client = sign_in(world.accounts["operator"])
    said = {"name": "Imagerie", "address": HOME, "redirect_uri": BACK, "logout_uri": wrong}
    assert client.post(reverse("rights:applications"), said).status_code == 422
    assert not Application.objects.exists()


class _Listener(BaseHTTPRequestHandler):
    answers = 204
    heard: list[str] = []

    def do_POST(self):
        body = self.rfile.read(int(self.headers["Content-Length"])).decode()
        self.heard.append(parse_qs(body)["logout_token"][0])
        self.send_response(self.answers)
        self.send_header("Location", "http://127.0.0.1:1/ailleurs")
        self.send_header("Content-Length", "0")
        self.end_headers()

    def log_message(self, *said):
        pass


@pytest.mark.parametrize(("status", "is_heard"), [(200, True), (204, True), (400, False),
                                                  (302, False), (500, False)])  # fmt: skip
def test_what_is_not_heard_is_told_again(status, is_heard):
    _Listener.answers, _Listener.heard = status, []
    served = HTTPServer(("127.0.0.1", 0), _Listener)
    thread = threading.Thread(target=served.handle_request, daemon=True)
    thread.start()
    token = get_random_secret_key()
    address = f"http://127.0.0.1:{served.server_address[1]}/sortie"
    try:
        if is_heard:
            assert connector.say_left(address, token) == status
        else:
            with pytest.raises(connector.NotHeard):
                connector.say_left(address, token)
    finally:
        thread.join(5)
        served.server_close()
    assert _Listener.heard == [token]
    with pytest.raises(OSError, match="refused"):
        connector.say_left(address, token)
