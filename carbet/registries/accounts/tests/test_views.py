"""Signing in, strengthening, leaving: through the pages, as a browser does."""

import time

import pytest
from allauth.mfa.models import Authenticator
from allauth.mfa.recovery_codes.internal.auth import RecoveryCodes
from allauth.mfa.totp.internal.auth import format_hotp_value, hotp_value
from allauth.mfa.utils import decrypt
from django.test import Client
from django.urls import reverse

from carbet.core import row_security
from carbet.core.actor import internal
from carbet.core.clock import now as current_time
from carbet.core.models import AuditEvent
from carbet.registries.accounts import operations, queries, rules
from carbet.registries.accounts.choices import AccountKind
from carbet.registries.accounts.models import Account, AccountSession

pytestmark = pytest.mark.django_db
LOGIN = "/compte/connexion/"


def demonstration(email="doc@carbet.test", kind=AccountKind.PROFESSIONAL):
    return operations.create_demonstration_account(
        actor=internal("test"),
        now=current_time(),
        email=email,
        given="Yann",
        family="Le Bihan",
        label="Dr Yann Le Bihan, médecin",
        kind=kind,
    )


def sign_in(client, account, password=rules.DEMONSTRATION_PASSWORD):
    return client.post(LOGIN, {"login": account.email, "password": password})


def traced(operation):
    with row_security.acting_as(internal("test")):
        return list(AuditEvent.objects.filter(operation=operation))


def is_strong(client):
    return client.get(reverse("accounts:profile")).status_code == 200


def code_of(account, ahead=0):
    seed = decrypt(Authenticator.objects.get(user=account, type="totp").data["secret"])
    return format_hotp_value(hotp_value(seed, int(time.time()) // 30 + ahead))


def test_a_password_alone_leads_to_the_code_page(client):
    account = demonstration()
    response = sign_in(client, account)
    assert response["Location"] == reverse("mfa_authenticate")
    assert client.get(reverse("accounts:profile")).status_code == 302


def test_the_code_opens_the_house_and_is_traced(client):
    account = demonstration()
    sign_in(client, account)
    page = client.get(reverse("mfa_authenticate"))
    code = page.context["demonstration_code"]
    assert code in page.content.decode()
    response = client.post(reverse("mfa_authenticate"), {"code": code})
    assert response["Location"] == "/"
    assert is_strong(client)
    assert [event.account_id for event in traced("account.sign_in")] == [account.pk]


def test_a_wrong_code_is_refused_and_traced(client):
    account = demonstration()
    sign_in(client, account)
    response = client.post(reverse("mfa_authenticate"), {"code": "000000"})
    assert "Code incorrect" in response.content.decode()
    assert not is_strong(client)
    assert traced("account.second_factor.refuse")[0].outcome == AuditEvent.Outcome.REFUSED


def test_a_code_serves_once(client):
    account = demonstration()
    code = code_of(account)
    sign_in(client, account)
    client.post(reverse("mfa_authenticate"), {"code": code})
    client.post(reverse("account_logout"))
    sign_in(client, account)
    assert client.get(reverse("mfa_authenticate")).context["demonstration_code"] != code
    client.post(reverse("mfa_authenticate"), {"code": code})
    assert not is_strong(client)


@pytest.mark.parametrize("ahead", [-1, 0, 1])
def test_a_clock_half_a_minute_off_still_signs_in(client, ahead):
    account = demonstration()
    sign_in(client, account)
    client.post(reverse("mfa_authenticate"), {"code": code_of(account, ahead)})
    assert is_strong(client)


def test_five_wrong_codes_stop_the_sixth(client):
    account = demonstration()
    sign_in(client, account)
    for _ in range(5):
        client.post(reverse("mfa_authenticate"), {"code": "000000"})
    response = client.post(reverse("mfa_authenticate"), {"code": code_of(account)})
    assert "Trop d’essais" in response.content.decode()
    assert not is_strong(client)


@pytest.mark.django_db(transaction=True)
def test_enrolling_an_application_strengthens_the_session(client, world):
    account = world.accounts["gp"]
    response = sign_in(client, account, "mot de passe du carbet")
    assert response["Location"] == "/"
    assert client.get(reverse("accounts:profile"))["Location"] == reverse("accounts:strengthen")
    assert "seconde preuve" in client.get(reverse("accounts:strengthen")).content.decode()
    # Signed in a moment ago: the password is not asked again.
    page = client.get(reverse("mfa_activate_totp"))
    seed = page.context["form"].secret
    code = format_hotp_value(hotp_value(seed, int(time.time()) // 30))
    response = client.post(reverse("mfa_activate_totp"), {"code": code})
    assert response["Location"] == reverse("mfa_view_recovery_codes")
    assert client.get(response["Location"]).status_code == 200
    assert is_strong(client)
    kept = Authenticator.objects.get(user=account, type="totp").data["secret"]
    assert seed not in kept
    assert {event.reason for event in traced("account.second_factor.add")} == {
        "totp",
        "recovery_codes",
    }


def test_a_recovery_code_signs_in_once(client):
    account = demonstration()
    code = RecoveryCodes.activate(account).generate_codes()[0]
    for expected in (True, False):
        sign_in(client, account)
        client.post(reverse("mfa_authenticate"), {"code": code})
        assert is_strong(client) is expected
        client.post(reverse("account_logout"))


def test_recovery_codes_are_shown_on_a_get_that_may_write(client):
    account = demonstration()
    sign_in(client, account)
    client.post(reverse("mfa_authenticate"), {"code": code_of(account)})
    client.post(reverse("mfa_generate_recovery_codes"))
    page = client.get(reverse("mfa_view_recovery_codes"))
    assert page.status_code == 200


def test_a_professional_keeps_a_second_factor(client):
    account = demonstration()
    sign_in(client, account)
    client.post(reverse("mfa_authenticate"), {"code": code_of(account)})
    response = client.post(reverse("mfa_deactivate_totp"))
    assert response.status_code == 200
    assert "au moins un second facteur" in response.content.decode()
    assert Authenticator.objects.filter(user=account, type="totp").exists()


def test_a_person_signs_in_with_a_password(client):
    account = demonstration(kind=AccountKind.PERSON)
    assert sign_in(client, account)["Location"] == "/"
    assert is_strong(client)


def test_unknown_and_known_addresses_get_the_same_answer(client):
    account = demonstration()
    known = sign_in(client, account, "mauvais mot de passe")
    unknown = client.post(LOGIN, {"login": "personne@carbet.test", "password": "mauvais"})
    assert known.status_code == unknown.status_code == 200
    assert known.context["form"].errors == unknown.context["form"].errors
    entities = {event.entity for event in traced("account.sign_in.refuse")}
    assert f"Account/{account.pk}" in entities
    assert not any("personne" in entity for entity in entities)


def test_failures_are_limited_and_leave_a_bounded_trace(client):
    account = demonstration()
    for _ in range(12):
        response = sign_in(client, account, "mauvais mot de passe")
    assert "Trop d’essais" in response.content.decode()
    assert len(traced("account.sign_in.refuse")) == 5
    assert AccountSession.objects.count() == 0
    assert "Trop d’essais" in sign_in(client, account).content.decode()


def test_nobody_signs_up_nor_resets_by_mail(client):
    for path in ("/compte/signup/", "/compte/inscription", "/compte/password/reset/"):
        assert client.get(path).status_code == 404


def test_a_demonstration_account_is_closed_outside_of_a_demonstration(client, settings):
    account = demonstration(kind=AccountKind.PERSON)
    sign_in(client, account)
    assert is_strong(client)
    settings.DEMONSTRATION = False
    assert not is_strong(client)
    assert sign_in(client, account)["Location"] == reverse("account_inactive")
    assert queries.demonstration_accounts() == []
    assert queries.current_code(account) == ""


def test_the_sign_in_page_shows_demonstration_accounts_only_there(client, settings):
    account = demonstration()
    assert account.email in client.get(LOGIN).content.decode()
    settings.DEMONSTRATION = False
    assert account.email not in client.get(LOGIN).content.decode()


def test_sign_out_everywhere_ends_the_others_only(client, sign_in, world):
    account = world.accounts["gp"]
    other = Client()
    other.force_login(account, backend="allauth.account.auth_backends.AuthenticationBackend")
    sign_in(account)
    response = client.post(reverse("accounts:sign_out_everywhere"), follow=True)
    assert "1 autre session fermée" in response.content.decode()
    assert AccountSession.objects.filter(account=account).count() == 1
    assert other.get(reverse("accounts:profile"))["Location"].startswith(LOGIN)
    assert traced("account.sign_out_everywhere")[0].reason == "1 sessions"


def test_signing_out_is_traced_and_ends_the_session(client, sign_in, world):
    sign_in(world.accounts["gp"])
    client.post(reverse("account_logout"))
    assert AccountSession.objects.count() == 0
    assert len(traced("account.sign_out")) == 1


def test_the_profile_costs_few_queries(client, sign_in, world, django_assert_max_num_queries):
    sign_in(world.accounts["gp"], role=world.roles["gp"])
    with django_assert_max_num_queries(8):
        page = client.get(reverse("accounts:profile"))
    assert "Ce navigateur" in page.content.decode()


def test_creating_twice_is_one_account():
    assert demonstration().pk == demonstration().pk
    assert Account.objects.filter(email="doc@carbet.test").count() == 1
