"""Another application signs professionals in through Carbet: the whole code flow, and its refusals.

The application is a client of the library that the rest of the world uses (requests, PyJWT): it
discovers, asks with PKCE, exchanges, checks the signature, asks who it is, and leaves.
"""

import base64
import hashlib
import secrets
import time
from datetime import timedelta
from urllib.parse import parse_qsl, urlencode, urlsplit

import jwt
import pytest
from allauth.idp.oidc.models import Client as LibraryClient
from allauth.idp.oidc.models import Token
from django.test import Client
from django.urls import reverse

from carbet.core import row_security
from carbet.core.actor import internal
from carbet.core.identifiers import idnps_from_rpps
from carbet.core.models import AuditEvent
from carbet.registries.directory.models import Right
from carbet.registries.rights import operations
from carbet.registries.rights.models import Application

pytestmark = pytest.mark.django_db
BACK = "https://application.example/retour"
HOME = "https://application.example/"


class Relying:
    """A regional application, as its developer would write it."""

    def __init__(self, let_in):
        self.id, self.secret = let_in.application.client_id, let_in.secret
        self.verifier = secrets.token_urlsafe(48)
        self.state, self.nonce = secrets.token_urlsafe(16), secrets.token_urlsafe(16)
        self.server = Client()  # its own server: no cookie of the browser
        self.published = self.server.get("/.well-known/openid-configuration").json()

    def question(self, **changes):
        challenge = base64.urlsafe_b64encode(hashlib.sha256(self.verifier.encode()).digest())
        asked = {
            "response_type": "code",
            "client_id": self.id,
            "redirect_uri": BACK,
            "scope": "openid profile professional",
            "state": self.state,
            "nonce": self.nonce,
            "code_challenge": challenge.rstrip(b"=").decode(),
            "code_challenge_method": "S256",
        } | changes
        path = urlsplit(self.published["authorization_endpoint"]).path
        return f"{path}?{urlencode({k: v for k, v in asked.items() if v is not None})}"

    def exchange(self, code, **changes):
        basic = base64.b64encode(f"{self.id}:{changes.pop('secret', self.secret)}".encode())
        said = {
            "grant_type": "authorization_code",
            "code": code,
            "redirect_uri": BACK,
            "code_verifier": self.verifier,
        } | changes
        path = urlsplit(self.published["token_endpoint"]).path
        return self.server.post(path, said, headers={"authorization": f"Basic {basic.decode()}"})

    def claims(self, id_token):
        keys = self.server.get(urlsplit(self.published["jwks_uri"]).path).json()
        return jwt.decode(
            id_token,
            key=jwt.PyJWKSet.from_dict(keys)[jwt.get_unverified_header(id_token)["kid"]],
            algorithms=["RS256"],
            audience=self.id,
            issuer=self.published["issuer"],
        )

    def who(self, access_token):
        path = urlsplit(self.published["userinfo_endpoint"]).path
        return self.server.get(path, headers={"authorization": f"Bearer {access_token}"})


@pytest.fixture
def let_in(world):
    def let_in(**options):
        return operations.register_application(
            actor=world.actor("operator"),
            now=world.now,
            **({"name": "Télé-expertise", "address": HOME, "redirect_uri": BACK} | options),
        )

    return let_in


def traced(operation):
    with row_security.acting_as(internal("test")):
        return [
            (event.outcome, event.reason)
            for event in AuditEvent.objects.filter(operation=operation).order_by("pk")
        ]


def agree(browser, question, action="grant"):
    """Read the confirmation page as the professional does, and answer it."""
    page = browser.get(question)
    assert page.status_code == 200, page
    form = page.context["form"]
    return browser.post(
        urlsplit(question).path,
        {
            "request": form["request"].value(),
            "scopes": page.context["scopes"],
            "action": action,
        },
    )


def answered(response):
    assert response.status_code == 302
    assert response["Location"].startswith(BACK)
    return dict(parse_qsl(urlsplit(response["Location"]).query))


def test_the_whole_code_flow_with_pkce(world, sign_in, let_in):
    application = Relying(let_in())
    browser = sign_in(world.accounts["gp"])
    page = browser.get(application.question()).content.decode()
    assert "Entrer dans « Télé-expertise »" in page
    assert "votre numéro RPPS" in page
    answer = answered(agree(browser, application.question()))
    assert answer["state"] == application.state
    tokens = application.exchange(answer["code"])
    assert tokens.status_code == 200, tokens.content
    tokens = tokens.json()
    claims = application.claims(tokens["id_token"])
    assert claims["nonce"] == application.nonce
    who = application.who(tokens["access_token"]).json()
    assert who["sub"] == claims["sub"] == str(world.accounts["gp"].subject)
    assert (who["given_name"], who["family_name"]) == ("Yann", "Le Bihan")
    assert who["SubjectNameID"] == idnps_from_rpps(world.roles["gp"].practitioner.rpps)
    assert who["roles"] == [
        {
            "profession": "10",
            "label": "Médecin généraliste",
            "organization": "Cabinet du Larivot",
            "finess": "",
        }
    ]
    assert "refresh_token" not in tokens
    assert Token.objects.filter(type="rt").count() == 0
    assert traced("application.enter") == [(0, "")]


def test_whoever_is_not_signed_in_signs_in_first_and_is_led_on(world, client, let_in):
    question = Relying(let_in()).question()
    going = client.get(question)
    assert going["Location"].startswith(reverse("account_login"))
    page = client.get(going["Location"])
    # The last redirect of the sign-in form leaves the house: the browser is told that it may.
    assert "https://application.example" in page["Content-Security-Policy"]
    ordinary = client.get(reverse("account_login"))
    assert "application.example" not in ordinary["Content-Security-Policy"]


def test_without_a_second_factor_no_application_opens(world, sign_in, let_in):
    browser = sign_in(world.accounts["gp"], strong=False)
    application = Relying(let_in(confirms=False))
    assert browser.get(application.question())["Location"] == reverse("accounts:strengthen")
    silent = answered(browser.get(application.question(prompt="none")))
    assert silent["error"] == "login_required"


def test_without_an_open_right_no_application_opens(world, sign_in, let_in):
    application = Relying(let_in(confirms=False))
    browser = sign_in(world.accounts["physio"])
    Right.objects.filter(practitioner_role=world.roles["physio"]).update(
        ended_at=world.now - timedelta(days=1)
    )
    answer = browser.get(application.question())
    assert answer.status_code == 403
    assert "Aucune habilitation" in answer.content.decode()
    assert traced("application.enter") == [(4, "no_right")]


def test_a_person_cared_for_enters_no_professional_application(world, sign_in, let_in):
    browser = sign_in(world.accounts["claire"])
    assert browser.get(Relying(let_in(confirms=False)).question()).status_code == 403


def test_leaving_one_s_structure_closes_what_the_application_was_given(world, sign_in, let_in):
    application = Relying(let_in(confirms=False))
    browser = sign_in(world.accounts["physio"])
    code = answered(browser.get(application.question()))["code"]
    token = application.exchange(code).json()["access_token"]
    assert application.who(token).status_code == 200
    waiting = answered(browser.get(application.question()))["code"]
    Right.objects.filter(practitioner_role=world.roles["physio"]).update(
        ended_at=world.now - timedelta(days=1)
    )
    assert application.who(token).status_code == 401
    assert application.exchange(waiting).json()["error"] == "invalid_grant"


@pytest.mark.parametrize(
    ("changes", "error"),
    [
        ({"code_challenge": None}, "invalid_request"),
        ({"code_challenge_method": None}, "invalid_request"),
        ({"code_challenge_method": "plain"}, "invalid_request"),
        ({"code_challenge": "court"}, "invalid_request"),
        ({"response_type": "token"}, "unauthorized_client"),
        ({"response_type": "id_token"}, "unauthorized_client"),
        ({"scope": "openid fhir"}, "invalid_scope"),
        ({"scope": "profile"}, "invalid_scope"),
        ({"prompt": "none"}, "consent_required"),
        ({"prompt": "none login"}, "invalid_request"),
        ({"max_age": "-3"}, "invalid_request"),
        ({"max_age": "٣"}, "invalid_request"),
        ({"max_age": "9" * 400}, "invalid_request"),
        ({"claims": "{mal"}, "invalid_request"),
        ({"claims": "[1]"}, "invalid_request"),
        ({"claims": "[" * 5000}, "invalid_request"),
        ({"response_mode": "fragment"}, "invalid_request"),
        ({"response_mode": "form_post"}, "invalid_request"),
        ({"request": "eyJhbGciOiJub25lIn0.e30."}, "request_not_supported"),
        ({"request_uri": "https://pirate.example/"}, "request_uri_not_supported"),
    ],
)
def test_a_weak_question_goes_back_with_its_error(world, sign_in, let_in, changes, error):
    browser = sign_in(world.accounts["gp"])
    answer = browser.get(Relying(let_in()).question(**changes))
    assert answer.status_code == 302
    location = urlsplit(answer["Location"])
    said = dict(parse_qsl(location.query or location.fragment))
    assert answer["Location"].startswith(BACK)
    assert said["error"] in (error, "unsupported_response_type")
    assert "code" not in said
    # And the same question from an address that is not registered is sent nowhere.
    lost = Relying(let_in()).question(redirect_uri="https://pirate.example/", **changes)
    assert browser.get(lost).status_code == 400


@pytest.mark.parametrize(
    "changes",
    [
        {"redirect_uri": "https://ailleurs.example/retour"},
        {"redirect_uri": "https://application.example/retour/autre"},
        {"redirect_uri": None},
        {"client_id": "inconnu"},
        {"client_id": None},
    ],
)
def test_an_unknown_application_or_address_is_led_nowhere(world, sign_in, let_in, changes):
    browser = sign_in(world.accounts["gp"])
    answer = browser.get(Relying(let_in(confirms=False)).question(**changes))
    assert answer.status_code == 400
    assert "On ne peut pas entrer" in answer.content.decode()


def test_a_change_of_mind_gives_nothing(world, sign_in, let_in):
    browser = sign_in(world.accounts["gp"])
    said = answered(agree(browser, Relying(let_in()).question(), action="cancel"))
    assert said["error"] == "access_denied"
    assert Token.objects.count() == 0


@pytest.mark.parametrize(
    "changes",
    [
        {"code_verifier": "x" * 64},
        {"code_verifier": ""},
        {"redirect_uri": HOME},
        {"secret": "faux"},
    ],
)
def test_a_code_without_its_proofs_is_worth_nothing(world, sign_in, let_in, changes):
    application = Relying(let_in(confirms=False))
    browser = sign_in(world.accounts["gp"])
    code = answered(browser.get(application.question()))["code"]
    answer = application.exchange(code, **changes)
    assert answer.status_code in (400, 401)
    assert "access_token" not in answer.json()
    # And it is burnt.
    assert "access_token" not in application.exchange(code).json()


def test_a_code_serves_once_and_its_application_only(world, sign_in, let_in):
    application, other = Relying(let_in(confirms=False)), Relying(let_in(confirms=False))
    browser = sign_in(world.accounts["gp"])
    code = answered(browser.get(application.question()))["code"]
    assert application.exchange(code).status_code == 200
    assert application.exchange(code).json()["error"] == "invalid_grant"
    code = answered(browser.get(application.question()))["code"]
    other.verifier = application.verifier
    assert other.exchange(code).json()["error"] == "invalid_grant"


def test_a_code_that_comes_back_takes_its_token_along(world, sign_in, let_in):
    application = Relying(let_in(confirms=False))
    browser = sign_in(world.accounts["gp"])
    code = answered(browser.get(application.question()))["code"]
    token = application.exchange(code).json()["access_token"]
    other = application.exchange(answered(browser.get(application.question()))["code"]).json()
    assert application.exchange(code).status_code == 400
    assert application.who(token).status_code == 401
    assert application.who(other["access_token"]).status_code == 200
    assert traced("application.code.steal") == [(4, "")]


def test_every_answer_says_who_gives_it(world, sign_in, let_in, settings):
    browser = sign_in(world.accounts["gp"])
    led, asked = Relying(let_in(confirms=False)), Relying(let_in())
    for answer in (
        answered(browser.get(led.question())),
        answered(agree(browser, asked.question())),
        answered(agree(browser, asked.question(), action="cancel")),
        answered(browser.get(led.question(code_challenge=None))),
        answered(browser.get(led.question(scope="openid fhir"))),
    ):
        assert answer["iss"] == settings.PUBLIC_URL
        assert answer["state"] in (led.state, asked.state)


PASSWORD = "une pirogue sur le Maroni"


def comes(sign_in, account, *, at):
    """Sign in with a password of one's own, as of a moment."""
    account.set_password(PASSWORD)
    account.save()
    browser = sign_in(account)
    session = browser.session
    session["account_authentication_methods"] = [{"method": "mfa", "type": "totp", "at": at}]
    session["account_authentication_methods_user"] = str(account.pk)
    session.save()
    return browser


def test_whoever_came_too_long_ago_proves_themselves_again(world, sign_in, let_in):
    application = Relying(let_in(confirms=False))
    opened = int(time.time()) - 3600
    browser = comes(sign_in, world.accounts["gp"], at=opened)
    assert "code" in answered(browser.get(application.question(max_age="7200")))
    silent = answered(browser.get(application.question(max_age="60", prompt="none")))
    assert silent["error"] == "login_required"
    page = browser.get(application.question(max_age="60"))
    assert urlsplit(page["Location"]).path == reverse("account_reauthenticate")
    done = browser.post(page["Location"], {"password": PASSWORD})
    answer = answered(browser.get(done["Location"]))
    claims = application.claims(application.exchange(answer["code"]).json()["id_token"])
    assert claims["auth_time"] > opened + 3000


@pytest.mark.parametrize("way", ["everywhere", "password"])
def test_closing_one_s_other_sessions_takes_back_what_applications_hold(
    world, sign_in, let_in, way
):
    application = Relying(let_in(confirms=False))
    browser = comes(sign_in, world.accounts["gp"], at=int(time.time()))
    code = answered(browser.get(application.question()))["code"]
    token = application.exchange(code).json()["access_token"]
    if way == "everywhere":
        browser.post(reverse("accounts:sign_out_everywhere"))
    else:
        new = {"password1": "une autre pirogue, verte", "password2": "une autre pirogue, verte"}
        answer = browser.post(reverse("account_change_password"), {"oldpassword": PASSWORD} | new)
        assert answer.status_code == 302, answer.content.decode()
    assert application.who(token).status_code == 401


def test_a_closed_application_is_closed_for_all_it_was_given(world, sign_in, let_in):
    made = let_in(confirms=False)
    application = Relying(made)
    browser = sign_in(world.accounts["gp"])
    token = application.exchange(answered(browser.get(application.question()))["code"]).json()[
        "access_token"
    ]
    operations.close_application(
        actor=world.actor("operator"), now=world.now, application_id=made.application.pk
    )
    assert application.who(token).status_code == 401
    assert browser.get(application.question()).status_code == 400
    assert not LibraryClient.objects.filter(pk=application.id).exists()
    with pytest.raises(operations.UnableToRegisterApplication, match="déjà fermée"):
        operations.close_application(
            actor=world.actor("operator"), now=world.now, application_id=made.application.pk
        )


def test_a_token_of_a_person_opens_no_door_of_systems(world, sign_in, let_in):
    application = Relying(let_in(confirms=False))
    browser = sign_in(world.accounts["gp"])
    token = application.exchange(answered(browser.get(application.question()))["code"]).json()[
        "access_token"
    ]
    answer = Client().get("/fhir/Patient", headers={"authorization": f"Bearer {token}"})
    assert answer.status_code == 401


def test_the_application_asks_to_leave_and_the_person_decides(world, sign_in, let_in):
    application = Relying(let_in(confirms=False))
    browser = sign_in(world.accounts["gp"])
    tokens = application.exchange(answered(browser.get(application.question()))["code"]).json()
    path = urlsplit(application.published["end_session_endpoint"]).path
    asked = {
        "id_token_hint": tokens["id_token"],
        "post_logout_redirect_uri": HOME,
        "state": "fin",
    }
    page = browser.get(path, asked)
    assert "Se déconnecter aussi de Carbet" in page.content.decode()
    stay = browser.post(path, asked | {"action": "stay", "csrfmiddlewaretoken": "x"})
    assert stay["Location"] == f"{HOME}?state=fin"
    assert application.who(tokens["access_token"]).status_code == 401
    assert browser.get(reverse("home")).status_code == 200
    gone = browser.post(path, asked | {"action": "logout", "csrfmiddlewaretoken": "x"})
    assert gone["Location"] == f"{HOME}?state=fin"
    assert browser.get(reverse("home")).status_code == 302
    elsewhere = browser.get(path, asked | {"post_logout_redirect_uri": "https://pirate.example/"})
    assert elsewhere.status_code == 400


def test_signing_out_of_carbet_takes_back_what_applications_were_given(world, sign_in, let_in):
    application = Relying(let_in(confirms=False))
    browser = sign_in(world.accounts["gp"])
    token = application.exchange(answered(browser.get(application.question()))["code"]).json()[
        "access_token"
    ]
    browser.post(reverse("account_logout"))
    assert application.who(token).status_code == 401


def test_what_is_published_is_what_answers(client, settings):
    published = client.get("/.well-known/openid-configuration").json()
    assert published["issuer"] == settings.PUBLIC_URL
    assert published["code_challenge_methods_supported"] == ["S256"]
    assert published["response_types_supported"] == ["code"]
    assert published["backchannel_logout_session_supported"] is False
    assert published["request_uri_parameter_supported"] is False
    assert published["authorization_response_iss_parameter_supported"] is True
    for name, address in published.items():
        if name.endswith(("_endpoint", "_uri")):
            assert address.startswith(settings.PUBLIC_URL)
            assert client.get(urlsplit(address).path).status_code != 404, name


def test_the_region_declares_and_closes_applications_on_a_page(world, sign_in):
    client = sign_in(world.accounts["operator"])
    page = reverse("rights:applications")
    said = {"name": "Imagerie", "address": HOME, "redirect_uri": "http://pirate.example/x"}
    refused = client.post(page, said)
    assert refused.status_code == 422
    assert "https://" in refused.content.decode()
    for wrong in ("https://*.example/x", "https://a.example/#x", "javascript:alert(1)"):
        assert client.post(page, said | {"redirect_uri": wrong}).status_code == 422
    made = client.post(page, said | {"redirect_uri": BACK})
    application = Application.objects.get()
    assert application.client_id in made.content.decode()
    assert "montré qu’une fois" in made.content.decode()
    assert "montré qu’une fois" not in client.get(page).content.decode()
    assert "Imagerie" in client.get(reverse("home")).content.decode()
    client.post(reverse("rights:close_application", args=[application.pk]))
    client.get(page)  # which says that it is closed
    assert "Imagerie" not in client.get(reverse("home")).content.decode()
    assert sign_in(world.accounts["nurse"]).get(page).status_code == 403


UNREADABLE = {"client_id": "a\0b", "client_secret": "x", "token": "\0", "code": "\0"}


@pytest.mark.parametrize(
    ("path", "said"),
    [
        ("identity/o/api/token", {"grant_type": "authorization_code"} | UNREADABLE),
        ("identity/o/api/token", {"grant_type": "client_credentials"} | UNREADABLE),
        ("identity/o/api/token?x=%zz", {"grant_type": "client_credentials"}),
        ("identity/o/api/revoke", UNREADABLE),
        ("identity/o/api/revoke?x=%zz", UNREADABLE),
    ],
)
@pytest.mark.filterwarnings("ignore:Cache key contains characters")
def test_what_no_text_can_hold_is_a_wrong_request(client, path, said):
    answer = client.post(f"/{path}", said)
    assert (answer.status_code, answer.json()) == (400, {"error": "invalid_request"})


@pytest.mark.parametrize("query", ["client_id=%00", "client_id=%zz", "response_type=code&x=%25%"])
def test_a_broken_question_leads_nowhere(client, query):
    answer = client.get(f"/identity/o/authorize?{query}")
    assert answer.status_code == 400
    assert "n’est pas, ou n’est plus" in answer.content.decode()
