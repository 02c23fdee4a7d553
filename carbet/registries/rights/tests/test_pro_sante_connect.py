"""Signing in with Pro Santé Connect: the whole path, and every answer that must be refused."""

import time
from urllib.parse import parse_qsl, urlsplit

import pytest
import requests
from allauth.mfa.totp.internal.auth import TOTP
from allauth.socialaccount.models import SocialAccount
from django.urls import reverse

from carbet.core import row_security
from carbet.core.actor import internal
from carbet.core.identifiers import idnps_from_rpps
from carbet.core.models import AuditEvent

pytestmark = pytest.mark.django_db
START = "/compte/pro-sante-connect/"


def traced(operation):
    with row_security.acting_as(internal("test")):
        return list(AuditEvent.objects.filter(operation=operation).order_by("pk"))


def asked_of(answer):
    return dict(parse_qsl(urlsplit(answer["Location"]).query))


def choose(psc, location, who):
    """Do what the professional does at the provider; return where their browser is sent."""
    answer = requests.post(location, data={"qui": who}, allow_redirects=False, timeout=5)
    assert answer.status_code == 303, answer.text
    back = urlsplit(answer.headers["Location"])
    return f"{back.path}?{back.query}"


def idnps(world, key):
    return idnps_from_rpps(world.roles[key].practitioner.rpps)


def come(client, psc, world, key="gp", start=START):
    going = client.get(start)
    assert going.status_code == 302, going.content
    return client.get(choose(psc, going["Location"], idnps(world, key)))


def is_inside(client):
    return client.get(reverse("accounts:profile")).status_code == 200


def test_a_professional_comes_in_by_rpps_with_two_factors(client, psc, world):
    answer = come(client, psc, world)
    assert answer["Location"] == "/"
    assert client.get("/").status_code == 200
    assert "Le Bihan" in client.get("/").content.decode()
    link = SocialAccount.objects.get()
    assert link.user == world.accounts["gp"]
    assert set(link.extra_data["userinfo"]) == {"sub", "SubjectNameID"}
    assert [event.entity for event in traced("account.pro_sante_connect.link")] == [
        f"Account/{world.accounts['gp'].pk}"
    ]
    assert len(traced("account.sign_in")) == 1
    assert "Pro Santé Connect" in client.get(reverse("accounts:profile")).content.decode()


def test_the_second_time_links_nothing_more(client, psc, world):
    come(client, psc, world)
    client.post(reverse("account_logout"))
    come(client, psc, world)
    assert is_inside(client)
    assert SocialAccount.objects.count() == 1
    assert len(traced("account.pro_sante_connect.link")) == 1


def test_a_card_is_two_factors_even_where_a_code_is_set_up(client, psc, world):
    TOTP.activate(world.accounts["gp"], "JBSWY3DPEHPK3PXP")
    assert come(client, psc, world)["Location"] == "/"
    assert is_inside(client)


def test_the_question_carries_level_pkce_and_nonce(client, psc, world):
    first, second = asked_of(client.get(START)), asked_of(client.get(START))
    assert first["acr_values"] == "eidas1"
    assert set(first["scope"].split()) == {"openid", "scope_all"}
    assert first["code_challenge_method"] == "S256"
    assert first["redirect_uri"] == "http://localhost:8000/compte/pro-sante-connect/retour/"
    for name in ("nonce", "state", "code_challenge"):
        assert len(first[name]) >= 16
        assert first[name] != second[name]


def test_the_visitor_cannot_lower_the_question(client, psc, world):
    asked = asked_of(
        client.get(
            START,
            {
                "auth_params": "acr_values=eidas0&nonce=mine&code_challenge_method=plain",
                "scope": "offline_access",
                "process": "connect",
            },
        )
    )
    assert asked["acr_values"] == "eidas1"
    assert asked["nonce"] != "mine"
    assert asked["code_challenge_method"] == "S256"
    assert "offline_access" not in asked["scope"]


def test_one_is_led_on_to_where_one_was_going_but_not_out_of_the_house(client, psc, world):
    assert come(client, psc, world, start=f"{START}?next=/annuaire/")["Location"] == "/annuaire/"
    client.post(reverse("account_logout"))
    answer = come(client, psc, world, start=f"{START}?next=https://ailleurs.example/")
    assert answer["Location"] == "/"


CHEATS = {
    "a weaker level": ({"acr": "eidas0"}, "level"),
    "no level": ({"acr": None}, "level"),
    "a password alone": ({"amr": ["pwd"]}, "methods"),
    "no method": ({"amr": []}, "methods"),
    "methods that are no list": ({"amr": "pwd otp"}, "methods"),
    "another's nonce": ({"nonce": "0" * 32}, "nonce"),
    "no nonce": ({"nonce": None}, "nonce"),
    "another issuer": ({"iss": "https://ailleurs.example"}, "issuer"),
    "another audience": ({"aud": "another"}, "audience"),
    "one audience of many": ({"aud": ["carbet", "another"], "azp": None}, "audience"),
    "meant for another party": ({"azp": "another"}, "audience"),
    "expired": ({"exp": 1}, "expired"),
    "never expires": ({"exp": None}, "moments"),
    "of long ago": ({"iat": 1}, "moments"),
    "of tomorrow": ({"iat": int(time.time()) + 90_000}, "moments"),
    "no subject": ({"sub": ""}, "subject"),
    "signed by another": ({"other_key": 1}, "signature"),
    "not signed": ({"alg:none": 1}, "key"),
    "signed with the shared secret": ({"shared_secret": 1}, "key"),
    "an unknown key": ({"unknown_kid": 1}, "key"),
    "another access token": ({"at_hash": "0" * 22}, "access_token"),
    "another person at userinfo": ({"userinfo_sub": 1}, "subject"),
    "no SubjectNameID": ({"SubjectNameID": None}, "subject_name_id"),
    "an ADELI number": ({"SubjectNameID": "0123456789"}, "subject_name_id"),
    "an RPPS with a wrong key": ({"SubjectNameID": "899900000010"}, "subject_name_id"),
    "a SubjectNameID that is a list": ({"SubjectNameID": ["8"]}, "subject_name_id"),
}


@pytest.mark.parametrize("cheat", list(CHEATS))
def test_an_altered_answer_opens_nothing_and_is_traced(client, psc, world, cheat):
    psc.faults, code = CHEATS[cheat]
    answer = come(client, psc, world)
    assert answer.status_code == 403
    page = answer.content.decode()
    assert "Connexion par Pro Santé Connect impossible" in page
    assert "Revenir à la page de connexion" in page
    assert not is_inside(client)
    assert SocialAccount.objects.count() == 0
    (event,) = traced("account.pro_sante_connect.refuse")
    assert (event.reason, event.outcome) == (code, AuditEvent.Outcome.REFUSED)


def test_an_answer_serves_once_and_in_its_own_browser_only(client, psc, world):
    from django.test import Client

    going = client.get(START)
    back = choose(psc, going["Location"], idnps(world, "gp"))
    other = Client()
    assert other.get(back).status_code == 403
    assert not is_inside(other)
    assert client.get(back)["Location"] == "/"
    client.post(reverse("account_logout"))
    assert client.get(back).status_code == 403
    assert not is_inside(client)
    assert [event.reason for event in traced("account.pro_sante_connect.refuse")] == [
        "state",
        "state",
    ]


def test_a_code_of_someone_else_does_not_pass_in_my_answer(client, psc, world):
    """The verifier of PKCE is the browser's: a code stolen elsewhere is worth nothing here."""
    from django.test import Client

    victim = choose(psc, Client().get(START)["Location"], idnps(world, "nurse"))
    stolen = dict(parse_qsl(urlsplit(victim).query))["code"]
    mine = asked_of(client.get(START))["state"]
    answer = client.get(f"{START}retour/", {"code": stolen, "state": mine})
    assert answer.status_code == 502
    assert not is_inside(client)


def test_a_change_of_mind_comes_back_to_the_sign_in_page(client, psc, world):
    back = choose(psc, client.get(START)["Location"], "")
    answer = client.get(back, follow=True)
    assert answer.redirect_chain[-1][0] == reverse("account_login")
    assert "abandonnée" in answer.content.decode()
    assert traced("account.pro_sante_connect.refuse") == []


def test_a_provider_that_fails_is_said_in_words(client, psc, world):
    psc.faults = {"token_500": 1}
    answer = come(client, psc, world)
    assert answer.status_code == 502
    assert "ne répond pas" in answer.content.decode()


def test_a_provider_that_is_away_is_said_in_words(client, psc, world, settings):
    settings.PRO_SANTE_CONNECT |= {"discovery": "http://127.0.0.1:9/nothing"}
    answer = client.get(START)
    assert answer.status_code == 502
    assert "ne répond pas" in answer.content.decode()


def test_another_issuer_in_the_published_configuration_is_refused(client, psc, world, settings):
    settings.PRO_SANTE_CONNECT |= {"issuer": "https://ailleurs.example"}
    assert client.get(START).status_code == 403
    assert traced("account.pro_sante_connect.refuse")[0].reason == "issuer"


def test_whoever_has_no_professional_account_is_told_so_and_gets_none(client, psc, world):
    practitioner = world.roles["nurse"].practitioner
    practitioner.account = world.accounts["claire"]
    practitioner.save()
    answer = come(client, psc, world, "nurse")
    assert "aucun compte" in answer.content.decode()
    assert not is_inside(client)
    assert SocialAccount.objects.count() == 0
    assert traced("account.pro_sante_connect.refuse")[0].reason == "no_account"


def test_a_closed_account_stays_closed(client, psc, world):
    account = world.accounts["gp"]
    account.is_active = False
    account.save()
    assert come(client, psc, world)["Location"] == reverse("account_inactive")
    assert not is_inside(client)


def test_an_identity_tied_to_another_account_is_refused(client, psc, world):
    come(client, psc, world)
    client.post(reverse("account_logout"))
    SocialAccount.objects.update(user=world.accounts["nurse"])
    assert come(client, psc, world).status_code == 403
    assert not is_inside(client)
    assert traced("account.pro_sante_connect.refuse")[0].reason == "linked_elsewhere"


def test_signing_out_ends_the_session_at_the_provider_too(client, psc, world):
    come(client, psc, world)
    going = client.post(reverse("account_logout"))["Location"]
    assert going.startswith(f"{psc.issuer}/logout?")
    answer = requests.get(going, allow_redirects=False, timeout=5)
    assert answer.headers["Location"] == "http://localhost:8000/compte/connexion/"
    assert psc.logged_out == [f"f:bouchon:{idnps(world, 'gp')}"]
    assert not is_inside(client)


def test_whoever_signed_in_with_a_password_signs_out_here_only(client, psc, sign_in, world):
    sign_in(world.accounts["gp"])
    assert client.post(reverse("account_logout"))["Location"] == "/"


def test_the_button_says_that_it_is_a_stand_in(client, psc, settings):
    page = client.get("/compte/connexion/?next=/annuaire/").content.decode()
    assert "Pro Santé Connect (bouchon)" in page
    assert "pro-sante-connect/?next=/annuaire/" in page
    settings.PRO_SANTE_CONNECT |= {"stand_in": False}
    assert "bouchon" not in client.get("/compte/connexion/").content.decode().lower()


def test_without_registration_there_is_no_such_door(client, settings):
    settings.PRO_SANTE_CONNECT = None
    assert client.get(START).status_code == 404
    assert "Pro Santé Connect" not in client.get("/compte/connexion/").content.decode()


def test_the_stand_in_says_what_it_is_and_demands_what_the_true_one_demands(client, psc, world):
    going = client.get(START)["Location"]
    page = requests.get(going, timeout=5)
    assert "Ceci est un bouchon" in page.text
    for name, value in (
        ("acr_values", "eidas0"),
        ("code_challenge_method", "plain"),
        ("nonce", ""),
    ):
        address, _, query = going.partition("?")
        asked = dict(parse_qsl(query)) | {name: value}
        assert requests.get(address, params=asked, timeout=5).status_code == 400
