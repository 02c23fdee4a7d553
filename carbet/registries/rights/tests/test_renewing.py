"""A new way in for whoever lost theirs; what closes when the directory says that somebody left."""

import re
from datetime import timedelta

import pytest
from allauth.idp.oidc.models import Client, Token
from allauth.mfa.models import Authenticator
from allauth.mfa.totp.internal.auth import TOTP
from django.core.signing import TimestampSigner
from django.urls import reverse

from carbet.core import row_security
from carbet.core.actor import internal
from carbet.core.models import AuditEvent, OutboxMessage
from carbet.registries.accounts.models import Account, AccountSession
from carbet.registries.directory.models import Delegation, PractitionerRole, Right
from carbet.registries.rights import access, operations, tasks

pytestmark = pytest.mark.django_db
HOUSE = internal("test")
NEW = "une pirogue sur le Maroni"


@pytest.fixture
def manager(world):
    """Let the nurse manage the rights of her office."""
    world.roles["nurse"].rights.update(manages=True)
    return world.actor("nurse")


def right_of(world, key):
    return Right.objects.get(practitioner_role=world.roles[key])


def traced(operation):
    with row_security.acting_as(HOUSE):
        return list(AuditEvent.objects.filter(operation=operation))


def renew(world, actor, key="physio", words="Venu au bureau avec sa carte."):
    return operations.renew_access(
        actor=actor, now=world.now, right_id=right_of(world, key).pk, words=words
    )


def address(account):
    return reverse("rights:renewed", args=[access.renewal_of(account)])


def test_the_holder_begins_again_and_nothing_old_is_worth_anything(
    world, manager, sign_in, client, monkeypatch, settings
):
    settings.DEMONSTRATION = False
    account = world.accounts["physio"]
    TOTP.activate(account, "A" * 32)
    old = sign_in(account)
    Token.objects.create(
        type="at", user=account, hash="x", client=Client.objects.create(name="Application")
    )
    account = renew(world, manager)
    assert old.get(reverse("home")).status_code == 302
    assert not Authenticator.objects.filter(user=account).exists()
    assert not Token.objects.filter(user=account).exists()
    assert not AccountSession.objects.filter(account=account).exists()
    # What is written leads to the page, for the holder alone.
    letters = []
    monkeypatch.setattr(tasks.mail, "send", lambda said, **_: letters.append(said) or _Receipt())
    with row_security.acting_as(HOUSE):
        tasks.send_mail(OutboxMessage.objects.get(topic="rights.mail"))
    (letter,) = letters
    assert letter.to == account.email
    path = re.search(r"http\S+(/inscription/nouvel-acces/\S+)", letter.body)[1]
    assert client.get(path).status_code == 200
    assert client.post(path, {"password": "court", "again": "court"}).status_code == 422
    assert client.post(path, {"password": NEW, "again": NEW}).status_code == 302
    assert client.get(path).status_code == 404  # it serves once
    signed = client.post(reverse("account_login"), {"login": account.email, "password": NEW})
    assert signed.status_code == 302
    assert client.get(reverse("home"))["Location"] == reverse("accounts:strengthen")
    assert [event.reason for event in traced("account.renew")] == ["Venu au bureau avec sa carte."]
    # The manager never sees the link where mails leave.
    page = sign_in(world.accounts["nurse"]).get(
        reverse("rights:right", args=[right_of(world, "physio").pk])
    )
    assert "nouvel-acces" not in page.content.decode()


class _Receipt:
    message_id, carrier = "<1>", "test"


@pytest.mark.parametrize(
    ("key", "who", "words", "match"),
    [
        ("gp", "nurse", "Vu.", "cette structure"),
        ("physio", "physio", "Vu.", "cette structure"),
        ("nurse", "nurse", "Vu.", "autre gestionnaire"),
        ("operator", "operator", "Vu.", "autre gestionnaire"),
        ("physio", "nurse", "  ", "reconnu"),
    ],
)
def test_whose_access_one_may_not_renew_keeps_it(world, manager, key, who, words, match):
    before = world.accounts[key].password
    with pytest.raises(operations.UnableToRenew, match=match):
        renew(world, world.actor(who), key, words)
    assert Account.objects.get(pk=world.accounts[key].pk).password == before
    assert traced("account.renew") == []


def test_a_structure_does_not_renew_an_operator_of_the_platform(world, manager):
    Account.objects.filter(pk=world.accounts["physio"].pk).update(is_operator=True)
    with pytest.raises(operations.UnableToRenew, match="exploitants"):
        renew(world, manager)
    renew(world, world.actor("operator"))


def test_an_old_link_a_forged_one_or_an_earlier_one_opens_nothing(
    world, manager, client, monkeypatch
):
    account = renew(world, manager)
    first = address(account)
    assert client.get(first).status_code == 200
    assert client.get(first[:-3] + "x/").status_code == 404
    assert client.get(reverse("rights:renewed", args=["x"])).status_code == 404
    later = address(renew(world, manager))
    assert client.get(first).status_code == 404
    assert client.get(later).status_code == 200
    stamp = TimestampSigner.timestamp
    monkeypatch.setattr(TimestampSigner, "timestamp", lambda self: "1abcde")
    old = address(Account.objects.get(pk=account.pk))
    monkeypatch.setattr(TimestampSigner, "timestamp", stamp)
    assert client.get(old).status_code == 404
    Account.objects.filter(pk=account.pk).update(is_active=False)
    assert client.get(later).status_code == 404


def test_the_page_of_a_right_sends_it_and_a_demonstration_shows_it(
    world, manager, sign_in, settings
):
    settings.DEMONSTRATION = True
    client = sign_in(world.accounts["nurse"])
    page = reverse("rights:right", args=[right_of(world, "physio").pk])
    refused = client.post(page, {"geste": "renouveler", "how": ""})
    assert refused.status_code == 422
    assert "reconnu" in refused.content.decode()
    answer = client.post(page, {"geste": "renouveler", "how": "Vu."}, follow=True)
    assert "ouvrir le lien envoyé" in answer.content.decode()


# --- Whoever the directory no longer says at work there ---


@pytest.mark.parametrize("what", ["role", "practitioner", "organization"])
def test_a_right_does_not_open_again_with_the_role(world, sign_in, what):
    role = world.roles["gp"]
    client = sign_in(world.accounts["gp"])
    if what == "role":
        PractitionerRole.objects.filter(pk=role.pk).update(ended_at=world.now)
    elif what == "practitioner":
        type(role.practitioner).objects.filter(pk=role.practitioner_id).update(active=False)
    else:
        type(role.organization).objects.filter(pk=role.organization_id).update(active=False)
    # Shut at once, before anybody comes by.
    assert client.get("/patients/").status_code != 200
    assert operations.close_departed(actor=HOUSE, now=world.now + timedelta(minutes=1)) >= 1
    assert operations.close_departed(actor=HOUSE, now=world.now + timedelta(minutes=2)) == 0
    held = right_of(world, "gp")
    assert (held.end_reason, held.ended_by_name) == ("left", HOUSE.display_name)
    assert not AccountSession.objects.filter(account=world.accounts["gp"]).exists()
    assert not Delegation.objects.filter(
        delegator=role, ended_at__gt=world.now + timedelta(minutes=2)
    ).exists()
    # The next import takes the role up again: nobody is let in by that alone.
    PractitionerRole.objects.filter(pk=role.pk).update(ended_at=None)
    type(role.practitioner).objects.filter(pk=role.practitioner_id).update(active=True)
    type(role.organization).objects.filter(pk=role.organization_id).update(active=True)
    assert sign_in(world.accounts["gp"]).get("/patients/").status_code != 200


def test_nobody_else_is_closed(world):
    before = Right.objects.filter(ended_at__gt=world.now).count()
    assert operations.close_departed(actor=HOUSE, now=world.now) == 0
    assert Right.objects.filter(ended_at__gt=world.now).count() == before
