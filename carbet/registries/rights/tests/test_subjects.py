"""By what name applications know somebody: one that says nothing and never changes."""

from importlib import import_module
from uuid import UUID

import pytest
from allauth.idp.oidc.models import Token
from django.db import connections
from django.urls import reverse

from carbet.connectors import applications as connector
from carbet.registries.accounts.models import Account
from carbet.registries.rights import tasks
from carbet.registries.rights.adapter import ApplicationAdapter
from carbet.registries.rights.models import Application, Entry
from carbet.registries.rights.tests.test_entering import Relying, answered
from carbet.registries.rights.tests.test_leaving import LEAVES, enter, let_in, messages

__all__ = ["let_in"]
pytestmark = pytest.mark.django_db


def come_in(application, browser):
    code = answered(browser.get(application.question()))["code"]
    tokens = application.exchange(code).json()
    return application.claims(tokens["id_token"])["sub"], tokens["access_token"]


def test_a_subject_says_nothing_and_is_the_same_each_time_for_each_application(
    world, sign_in, let_in
):
    gp = world.accounts["gp"]
    first = Relying(let_in())
    said, _ = come_in(first, sign_in(gp))
    assert UUID(said).version == 4
    assert str(gp.pk) != said
    Account.objects.filter(pk=gp.pk).update(email="autre@carbet.test")
    gp.set_password("une autre pirogue")
    gp.save()
    again, _ = come_in(first, sign_in(gp))
    assert again == said
    subjects = set(Account.objects.values_list("subject", flat=True))
    assert len(subjects) == Account.objects.count()


def test_a_token_given_before_subjects_still_names_whom_it_named(world, sign_in, let_in):
    application = Relying(let_in())
    _, token = come_in(application, sign_in(world.accounts["gp"]))
    former = str(world.accounts["gp"].pk)
    Token.objects.by_value(token).update(data={"sub": former})
    assert application.who(token).json()["sub"] == former


def test_what_was_signed_before_subjects_still_leads_to_its_account(world):
    gp = world.accounts["gp"]
    library = ApplicationAdapter()
    assert library.get_user_by_sub(None, str(gp.pk)) == gp
    assert library.get_user_by_sub(None, str(gp.subject)) == gp


@pytest.mark.parametrize("sub", ["", "x", "9" * 40, "0", "²", "' OR 1=1", "-1", "1" * 32])
def test_a_subject_of_nobody_leads_to_nobody(world, sub):
    assert ApplicationAdapter().get_user_by_sub(None, sub) is None


def test_a_closed_account_has_no_subject(world):
    gp = world.accounts["gp"]
    Account.objects.filter(pk=gp.pk).update(is_active=False)
    for sub in (str(gp.pk), str(gp.subject)):
        assert ApplicationAdapter().get_user_by_sub(None, sub) is None


@pytest.mark.parametrize("kept", ["the entry's", "the number"])
def test_an_application_is_told_under_the_name_that_it_knows(
    world, sign_in, let_in, monkeypatch, kept
):
    heard = []
    monkeypatch.setattr(connector, "say_left", lambda address, token: heard.append(token) or 204)
    application, browser = enter(world, sign_in, let_in)
    former = str(world.accounts["physio"].pk)
    if kept == "the entry's":
        Entry.objects.update(subject=former)
    browser.post(reverse("account_logout"))
    message = messages()[0]
    if kept == "the number":
        del message.payload["subject"]
    tasks.tell_application(message)
    assert application.claims(heard[0])["sub"] == former


@pytest.mark.django_db(transaction=True, databases=["default", "owner"])
def test_an_upgrade_keeps_the_names_under_which_tokens_and_entries_were_given(world):
    gp = world.accounts["gp"]
    application = Application.objects.create(
        client_id="x", name="X", address=LEAVES, registered_at=world.now
    )
    Entry.objects.create(account=gp, application=application, entered_at=world.now)
    for number, data in enumerate((None, {"email": "a@b.test"}, {})):
        Token.objects.create(user=gp, type="at", hash=f"h{number}", data=data)
    Token.objects.create(user=None, type="at", hash="house")
    migration = import_module("carbet.registries.rights.migrations.0004_subjects")
    with connections["owner"].cursor() as cursor:
        cursor.execute(migration.ENTRIES)
        cursor.execute(migration.TOKENS)
    assert Entry.objects.get().subject == str(gp.pk)
    said = dict(Token.objects.values_list("hash", "data"))
    assert said["h0"] == {"sub": str(gp.pk)}
    assert said["h1"] == {"sub": str(gp.pk), "email": "a@b.test"}
    assert said["h2"] == {"sub": str(gp.pk)}
    assert said["house"] is None
