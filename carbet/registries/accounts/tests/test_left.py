"""A form sent once the session has ended: kept sealed, given back to its author only."""

from datetime import timedelta

import pytest
from django.core.cache import cache
from django.urls import reverse
from django.utils import timezone

from carbet.registries.accounts.models import AccountSession
from carbet.registries.accounts.sessions import LEFT_COOKIE

pytestmark = pytest.mark.django_db
TEXT = "Une longue note\nsur deux lignes"


@pytest.fixture
def late(world, sign_in):
    """Return a browser whose session has just ended, and where its form went."""
    client = sign_in(world.accounts["nurse"])
    AccountSession.objects.update(expire_date=timezone.now() - timedelta(minutes=1))
    return client


def send(client, **headers):
    # A page that only takes POST, so that coming back to it would be a dead end.
    return client.post(reverse("patients:search"), {"q": TEXT, "tag": ["a", "b"]}, headers=headers)


def test_what_was_typed_comes_back_after_the_sign_in(world, sign_in, late):
    answer = send(late)
    assert answer["Location"] == f"{reverse('account_login')}?next={reverse('accounts:left')}"
    kept = late.cookies[LEFT_COOKIE]
    assert kept["httponly"]
    assert kept["samesite"] == "Lax"
    number = kept.value.partition(".")[0]
    assert "longue note" not in cache.get(f"accounts.left:{number}")
    back = sign_in(world.accounts["nurse"])
    page = back.get(reverse("accounts:left")).content.decode()
    assert "Une longue note<br>sur deux lignes" in page
    assert f'action="{reverse("patients:search")}"' in page
    assert page.count('name="tag"') == 2
    assert "csrfmiddlewaretoken" in page
    sent = back.post(reverse("patients:search"), {"q": TEXT, "reprise": "1"})
    assert sent.status_code < 400
    assert cache.get(f"accounts.left:{number}") is None


def test_nobody_else_finds_it_at_the_same_browser(world, sign_in, late):
    send(late)
    other = sign_in(world.accounts["gp"])
    assert other.get(reverse("accounts:left"))["Location"] == "/"


@pytest.mark.parametrize("cookie", ["", "x", "x.y", "é.é", "." * 300])
def test_a_forged_cookie_finds_nothing(world, sign_in, cookie):
    client = sign_in(world.accounts["nurse"])
    client.cookies[LEFT_COOKIE] = cookie
    assert client.get(reverse("accounts:left"))["Location"] == "/"


def test_another_key_opens_nothing(world, sign_in, late):
    send(late)
    number = late.cookies[LEFT_COOKIE].value.partition(".")[0]
    client = sign_in(world.accounts["nurse"])
    client.cookies[LEFT_COOKIE] = f"{number}.{'A' * 43}="
    assert client.get(reverse("accounts:left"))["Location"] == "/"


def test_it_can_be_given_up(world, sign_in, late):
    send(late)
    client = sign_in(world.accounts["nurse"])
    assert client.post(reverse("accounts:left"))["Location"] == "/"
    assert client.get(reverse("accounts:left"))["Location"] == "/"


def test_who_had_no_session_is_led_to_sign_in_and_nothing_is_kept(client, world):
    answer = send(client)
    assert reverse("patients:search").strip("/") in answer["Location"]
    assert LEFT_COOKIE not in client.cookies


def test_a_fragment_leads_the_whole_page_to_the_sign_in(late):
    answer = send(late, **{"hx-request": "true"})
    assert answer.status_code == 204
    assert answer["HX-Redirect"].startswith(reverse("account_login"))


def test_too_long_a_form_is_not_kept(late):
    late.post(reverse("patients:search"), {"q": "x" * 70_000})
    assert LEFT_COOKIE not in late.cookies
