"""Proven by Pro Santé Connect without an account: one's rights are asked, the structure decides."""

from datetime import timedelta
from urllib.parse import urlsplit

import pytest
import requests
from allauth.mfa.totp.internal.auth import TOTP
from allauth.socialaccount.models import SocialAccount
from django.urls import reverse

from carbet.core import clock
from carbet.core.actor import ANONYMOUS_ACTOR
from carbet.core.identifiers import make_rpps
from carbet.registries.accounts.models import Account, AccountSession
from carbet.registries.directory.models import Practitioner, PractitionerRole, Right
from carbet.registries.rights import access, operations
from carbet.registries.rights.models import RegistrationRequest
from carbet.registries.rights.tests.test_pro_sante_connect import CHEATS, come, is_inside, traced

pytestmark = pytest.mark.django_db
REGISTER = "/inscription/"


@pytest.fixture
def newcomer(world):
    """Return a midwife whom the directory knows, in two structures, without an account."""
    practitioner = Practitioner.objects.create(
        rpps=make_rpps(4242), civility="Mme", given="Noémie", family="Lalsie", synthetic=True
    )
    for place in ("office", "nursing"):
        PractitionerRole.objects.create(
            practitioner=practitioner,
            organization=world.places[place],
            profession="50",
            profession_label="Sage-Femme",
            category="medical",
        )
    return practitioner


@pytest.fixture
def arrive(psc, world, newcomer, client):
    """Bring the midwife back from Pro Santé Connect; return the answer."""
    world.roles["newcomer"] = newcomer.roles.first()
    psc.holders += (type(psc.holders[0])(f"8{newcomer.rpps}", "Lalsie", "Noémie", "newcomer"),)
    return lambda at=client: come(at, psc, world, "newcomer")


def asked(world, place="office", **more):
    return {
        "structure": world.places[place].pk,
        "email": "Noemie@Carbet.test",
        "profession": "50",
    } | more


def manager_of(world, place):
    """Return somebody who manages the rights of a structure."""
    role = next(each for each in world.roles.values() if each.organization == world.places[place])
    Right.objects.filter(practitioner_role=role).update(manages=True)
    key = next(key for key, each in world.roles.items() if each == role)
    return world.actor(key)


def test_who_is_in_the_directory_asks_proven_is_accepted_and_comes_in(
    client, arrive, world, newcomer, settings
):
    settings.DEMONSTRATION = False
    assert arrive()["Location"] == REGISTER
    assert not is_inside(client)
    assert [event.entity for event in traced("account.pro_sante_connect.prove")] == [
        f"Practitioner/{newcomer.pk}"
    ]
    page = client.get(REGISTER).content.decode()
    for words in ("Identité prouvée", "Mme Noémie Lalsie", newcomer.rpps):
        assert words in page
    for place in ("office", "nursing"):
        assert f"structure={world.places[place].pk}&amp;profession=50" in page
    one = client.get(REGISTER, {"structure": world.places["office"].pk, "profession": "50"})
    form = one.context["form"]
    assert set(form.fields) == {"email", "profession", "words"}
    assert '<option value="50" selected>' in one.content.decode()
    answer = client.post(REGISTER, asked(world)).content.decode()
    assert "sans mot de passe" in answer
    held = RegistrationRequest.objects.get()
    assert (held.given, held.family, held.rpps) == ("Noémie", "Lalsie", newcomer.rpps)
    assert held.proven_at is not None
    assert held.account is None
    # Nothing is open before the structure answers.
    assert not Right.objects.filter(practitioner_role__practitioner=newcomer).exists()
    assert arrive()["Location"] == REGISTER
    again = client.get(REGISTER)
    assert "En attente de la structure" in again.content.decode()
    # What waits for an answer is not offered again.
    assert [role.organization for role in again.context["roles"]] == [world.places["nursing"]]
    operations.approve_registration(
        actor=manager_of(world, "office"), now=clock.now(), registration_id=held.pk, months=12
    )
    assert "Votre accès est ouvert" in client.get(REGISTER).content.decode()
    follow_up = client.get(reverse("rights:follow_up", args=[access.follow_up_of(held)]))
    assert reverse("rights:pro_sante_connect") in follow_up.content.decode()
    assert arrive()["Location"] == "/"
    assert is_inside(client)
    newcomer.refresh_from_db()
    assert newcomer.account.email == "noemie@carbet.test"
    assert SocialAccount.objects.get().user == newcomer.account
    right = Right.objects.get(practitioner_role__practitioner=newcomer)
    # The role that the directory had, not another one.
    assert right.practitioner_role.organization == world.places["office"]
    assert newcomer.roles.count() == 2


def test_the_structure_reads_that_the_identity_is_proven(client, arrive, world, sign_in):
    arrive()
    client.post(REGISTER, asked(world, "nursing"))
    held = RegistrationRequest.objects.get()
    manager_of(world, "nursing")
    manager = sign_in(world.accounts["nurse"])
    one = reverse("rights:registration", args=[held.pk])
    assert "Prouvée par Pro Santé Connect" in manager.get(one).content.decode()
    assert "Identité prouvée" in manager.get(reverse("rights:registrations")).content.decode()


def test_a_request_typed_by_hand_is_not_proven(client, world, newcomer):
    client.post(
        REGISTER, asked(world, given="Noémie", family="Lalsie", rpps=newcomer.rpps, proven_at="1")
    )
    assert RegistrationRequest.objects.get().proven_at is None


def test_nothing_typed_changes_who_was_proven(client, arrive, world, newcomer):
    arrive()
    other = world.roles["gp"].practitioner
    client.post(REGISTER, asked(world, given="Yann", family="Le Bihan", rpps=other.rpps))
    held = RegistrationRequest.objects.get()
    assert (held.family, held.rpps) == ("Lalsie", newcomer.rpps)


def test_who_is_proven_takes_the_place_of_whoever_typed_the_same_address(
    client, arrive, world, newcomer
):
    client.post(REGISTER, asked(world, given="Faux", family="Nom"))
    arrive()
    client.post(REGISTER, asked(world))
    held = RegistrationRequest.objects.get()
    assert (held.given, held.rpps, held.proven_at is not None) == ("Noémie", newcomer.rpps, True)
    # And nobody unproven takes it back.
    from django.test import Client

    Client().post(REGISTER, asked(world, given="Faux", family="Nom"))
    held.refresh_from_db()
    assert (held.given, held.rpps) == ("Noémie", newcomer.rpps)


def test_who_is_proven_never_takes_the_request_of_an_account(client, arrive, world, newcomer):
    """The address typed may be another's: their own request stays as they made it."""
    account = world.accounts["far_nurse"]
    operations.request_registration(
        actor=ANONYMOUS_ACTOR,
        now=clock.now(),
        organization=world.places["office"],
        given="",
        family="",
        email="",
        profession="50",
        account=account,
    )
    arrive()
    client.post(REGISTER, asked(world, email=account.email))
    held = RegistrationRequest.objects.get()
    assert (held.account, held.rpps, held.proven_at) == (account, "", None)


def test_a_profession_that_the_directory_alone_knows_may_be_asked_for_one_s_own_role(
    client, arrive, world, newcomer
):
    PractitionerRole.objects.filter(practitioner=newcomer).update(
        profession="98", profession_label="Conseiller en génétique"
    )
    arrive()
    assert client.post(REGISTER, asked(world, profession="98")).status_code == 200
    held = RegistrationRequest.objects.get()
    actor = manager_of(world, "office")
    right = operations.approve_registration(
        actor=actor, now=clock.now(), registration_id=held.pk, months=3
    )
    assert right.practitioner_role.label == "Conseiller en génétique"


def test_a_profession_that_is_neither_known_nor_one_s_own_is_refused(client, arrive, world):
    arrive()
    assert client.post(REGISTER, asked(world, profession="98")).status_code == 422
    assert not RegistrationRequest.objects.exists()


def test_a_proof_serves_for_half_an_hour_in_its_own_browser(
    client, arrive, world, newcomer, monkeypatch
):
    from django.test import Client

    arrive()
    assert Client().get(REGISTER).context["proven"] is None
    assert client.get(REGISTER).context["proven"] == newcomer
    later = clock.now() + timedelta(minutes=31)
    monkeypatch.setattr(clock, "now", lambda: later)
    assert client.get(REGISTER).context["proven"] is None
    client.post(REGISTER, asked(world, given="Noémie", family="Lalsie"))
    assert RegistrationRequest.objects.get().proven_at is None


def test_a_proof_serves_no_more_once_one_left_the_directory_or_has_an_account(
    client, arrive, world, newcomer
):
    arrive()
    for change in ({"active": False}, {"active": True, "account": world.accounts["claire"]}):
        Practitioner.objects.filter(pk=newcomer.pk).update(**change)
        assert client.get(REGISTER).context["proven"] is None


@pytest.mark.parametrize("cheat", list(CHEATS))
def test_an_altered_answer_proves_nobody(client, arrive, psc, world, cheat):
    psc.faults, code = CHEATS[cheat]
    assert arrive().status_code == 403
    assert client.get(REGISTER).context["proven"] is None
    assert traced("account.pro_sante_connect.prove") == []
    assert [event.reason for event in traced("account.pro_sante_connect.refuse")] == [code]


def test_a_number_that_the_directory_does_not_know_proves_nobody(client, arrive, newcomer):
    Practitioner.objects.filter(pk=newcomer.pk).update(active=False)
    answer = arrive()
    assert answer.status_code == 403
    assert "aucun compte" in answer.content.decode()
    assert client.get(REGISTER).context["proven"] is None


def test_leaving_forgets_the_proof_and_ends_the_session_there(client, arrive, psc):
    arrive()
    going = client.post(reverse("rights:leave_proof"))["Location"]
    assert going.startswith(f"{psc.issuer}/logout?")
    assert urlsplit(requests.get(going, allow_redirects=False, timeout=5).headers["Location"])
    assert client.get(REGISTER).context["proven"] is None


def test_who_is_signed_in_by_card_asks_proven_too(client, psc, world):
    come(client, psc, world)
    client.post(REGISTER, {"structure": world.places["nursing"].pk, "profession": "10"})
    assert RegistrationRequest.objects.get().proven_at is not None


def test_who_is_signed_in_by_password_asks_as_before(client, world, sign_in):
    client = sign_in(world.accounts["gp"])
    client.post(REGISTER, {"structure": world.places["nursing"].pk, "profession": "10"})
    assert RegistrationRequest.objects.get().proven_at is None


def test_the_card_of_another_does_not_change_who_is_signed_in(client, psc, world, sign_in):
    client = sign_in(world.accounts["nurse"])
    assert come(client, psc, world, "gp").status_code == 403
    assert traced("account.pro_sante_connect.refuse")[0].reason == "other_account"
    assert SocialAccount.objects.count() == 0
    assert client.session["_auth_user_id"] == str(world.accounts["nurse"].pk)


# --- The link, on « Mon compte » ---


def with_other_ways(account):
    TOTP.activate(account, "JBSWY3DPEHPK3PXP")
    return account


def test_my_account_says_since_when_it_is_tied_and_to_which_number(client, psc, world):
    come(client, psc, world)
    page = client.get(reverse("accounts:profile")).content.decode()
    assert world.roles["gp"].practitioner.rpps in page
    assert "Délier Pro Santé Connect" in page
    assert "aujourd’hui" in page


def test_untied_the_card_opens_nothing_until_it_is_tied_again_from_inside(
    client, psc, world, sign_in
):
    gp = with_other_ways(world.accounts["gp"])
    other = sign_in(gp)
    come(client, psc, world)
    answer = client.post(reverse("rights:unlink"), follow=True).content.decode()
    assert "délié" in answer
    assert "Lier Pro Santé Connect" in answer
    assert SocialAccount.objects.count() == 0
    assert len(traced("account.pro_sante_connect.unlink")) == 1
    # The other sessions are closed, this one goes on.
    assert is_inside(client)
    assert AccountSession.objects.filter(account=gp).count() == 1
    client.post(reverse("account_logout"))
    refused = come(client, psc, world)
    assert refused.status_code == 403
    assert "délié" in refused.content.decode()
    assert not is_inside(client)
    assert traced("account.pro_sante_connect.refuse")[0].reason == "unlinked"
    # Signed in otherwise, one ties it again.
    inside = sign_in(gp)
    tied = come(inside, psc, world, start="/compte/pro-sante-connect/?next=/compte/")
    assert tied["Location"] == "/compte/"
    assert Account.objects.get(pk=gp.pk).provider_unlinked_at is None
    inside.post(reverse("account_logout"))
    assert come(other, psc, world)["Location"] == "/"


def test_a_session_without_second_factor_ties_nothing_again(client, psc, world):
    gp = world.accounts["gp"]
    Account.objects.filter(pk=gp.pk).update(provider_unlinked_at=clock.now())
    client.force_login(gp)
    assert come(client, psc, world).status_code == 403
    assert SocialAccount.objects.count() == 0


@pytest.mark.parametrize("way", ["password", "factor"])
def test_the_only_way_in_is_not_given_up(client, psc, world, way):
    gp = world.accounts["gp"]
    if way == "password":
        with_other_ways(gp)
        gp.set_unusable_password()
        gp.save()
    come(client, psc, world)
    page = client.get(reverse("accounts:profile")).content.decode()
    assert ("Choisir un mot de passe" in page) == (way == "password")
    answer = client.post(reverse("rights:unlink"), follow=True).content.decode()
    assert "seule façon d’entrer" in answer
    assert SocialAccount.objects.count() == 1
    if way == "password":
        # The way out that the sentence names is open.
        chosen = "une pirogue sur le Maroni"
        client.post(reverse("account_set_password"), {"password1": chosen, "password2": chosen})
        assert is_inside(client)
        client.post(reverse("rights:unlink"))
        assert SocialAccount.objects.count() == 0


def test_what_is_not_tied_cannot_be_untied(world, sign_in):
    client = sign_in(world.accounts["gp"])
    assert "n’est pas lié" in client.post(reverse("rights:unlink"), follow=True).content.decode()


def test_a_person_cared_for_has_no_such_card(client, psc, world, sign_in):
    page = sign_in(world.accounts["claire"]).get(reverse("accounts:profile")).content.decode()
    assert "Pro Santé Connect" not in page
    assert sign_in(world.accounts["claire"]).post(reverse("rights:unlink")).status_code == 404
