"""Requests, approval, review, end, delegation: what changes, what is traced, what leaves."""

from datetime import timedelta

import pytest
from allauth.idp.oidc.models import Client, Token
from django.urls import reverse

from carbet.core import row_security
from carbet.core.actor import internal
from carbet.core.identifiers import make_rpps
from carbet.core.models import AuditEvent, OutboxMessage
from carbet.registries.accounts.choices import AccountKind
from carbet.registries.accounts.models import Account, AccountSession
from carbet.registries.directory.models import (
    Delegation,
    Practitioner,
    PractitionerRole,
    Right,
)
from carbet.registries.rights import access, operations, queries, tasks
from carbet.registries.rights.models import RegistrationRequest

pytestmark = pytest.mark.django_db
HOUSE = internal("test")


def traced(operation):
    with row_security.acting_as(HOUSE):
        return list(AuditEvent.objects.filter(operation=operation))


def sent():
    with row_security.acting_as(HOUSE):
        return [m.payload["what"] for m in OutboxMessage.objects.filter(topic="rights.mail")]


@pytest.fixture
def manager(world):
    """Let the nurse manage the rights of her office."""
    world.roles["nurse"].rights.update(manages=True)
    return world.actor("nurse")


@pytest.fixture
def ask(world):
    def ask(**said):
        fields = {
            "given": "Noémie",
            "family": "Lalsie",
            "email": "noemie@carbet.test",
            "profession": "60",
            "organization": world.places["nursing"],
        }
        return operations.request_registration(actor=HOUSE, now=world.now, **(fields | said))

    return ask


def approve(world, manager, asked, **options):
    return operations.approve_registration(
        actor=manager,
        now=world.now,
        registration_id=asked.pk,
        **({"months": 12} | options),
    )


# --- Asking and answering ---


def test_an_accepted_request_opens_an_account_a_role_and_a_right_that_ends(world, manager, ask):
    right = approve(world, manager, ask())
    role = right.practitioner_role
    account = role.practitioner.account
    assert (account.email, account.has_usable_password()) == ("noemie@carbet.test", False)
    assert (role.organization, role.profession) == (world.places["nursing"], "60")
    assert world.now < right.ended_at <= world.now + timedelta(days=366)
    assert list(queries.open_roles(account_id=account.pk, now=world.now)) == [role]
    assert sent() == ["received", "answered"]
    for name in ("registration.submit", "registration.approve", "right.grant", "account.open"):
        assert len(traced(name)) == 1, name


def test_the_same_request_twice_is_one(world, ask):
    first = ask()
    assert ask().pk == first.pk
    assert RegistrationRequest.objects.count() == 1
    assert sent() == ["received"]


def test_a_request_is_answered_once(world, manager, ask):
    asked = ask()
    approve(world, manager, asked)
    with pytest.raises(operations.UnableToSettle, match="déjà reçu"):
        approve(world, manager, asked)
    with pytest.raises(operations.UnableToSettle, match="déjà reçu"):
        operations.refuse_registration(
            actor=manager, now=world.now, registration_id=asked.pk, reason="Non"
        )
    assert Right.objects.filter(practitioner_role__practitioner__family="Lalsie").count() == 1


def test_a_refusal_says_why_and_opens_nothing(world, manager, ask):
    asked = ask()
    with pytest.raises(operations.UnableToSettle, match="pourquoi"):
        operations.refuse_registration(
            actor=manager, now=world.now, registration_id=asked.pk, reason=" "
        )
    operations.refuse_registration(
        actor=manager, now=world.now, registration_id=asked.pk, reason="Pas de chez nous"
    )
    assert not Account.objects.filter(email="noemie@carbet.test").exists()
    assert [event.reason for event in traced("registration.refuse")] == ["Pas de chez nous"]


@pytest.mark.parametrize("who", ["gp", "far_nurse", "agency"])
def test_only_those_who_manage_that_structure_answer(world, ask, who):
    world.roles[who].rights.update(manages=True)
    with pytest.raises(operations.UnableToSettle, match="décidez pas"):
        approve(world, world.actor(who), ask())


def test_the_region_answers_everywhere(world, ask):
    assert approve(world, world.actor("operator"), ask()).granted_by_name == "Nadia Exploit"


def test_a_number_under_another_name_is_refused_before_anyone_looks(world, ask):
    rpps = world.roles["gp"].practitioner.rpps
    with pytest.raises(operations.UnableToRegister, match="n’est pas au nom"):
        ask(rpps=rpps)


def test_a_known_professional_keeps_their_one_account(world, manager, ask):
    """An impostor who types somebody's name, number and another address gains nothing."""
    known = world.roles["far_nurse"].practitioner
    right = approve(
        world,
        manager,
        ask(rpps=known.rpps, family=known.family, given=known.given, email="autre@carbet.test"),
    )
    assert right.practitioner_role.practitioner == known
    assert right.practitioner_role.practitioner.account == world.accounts["far_nurse"]
    assert not Account.objects.filter(email="autre@carbet.test").exists()


def test_an_address_of_somebody_else_opens_nothing(world, manager, ask):
    for email in ("gp@carbet.test", "claire@carbet.test"):
        with pytest.raises(operations.UnableToSettle, match="autre personne"):
            approve(world, manager, ask(email=email))
    assert Practitioner.objects.filter(family="Lalsie").count() == 0


def test_a_newcomer_known_by_number_is_tied_to_the_directory(world, manager, ask):
    known = Practitioner.objects.create(
        rpps=make_rpps(910_000), family="Lalsie", given="Noémie", search="noemie lalsie"
    )
    right = approve(world, manager, ask(rpps=known.rpps))
    assert right.practitioner_role.practitioner == known


def test_whoever_asks_does_not_answer_themselves(world, ask):
    world.roles["nurse"].rights.update(manages=True)
    asked = ask(account=world.accounts["nurse"], profession="70")
    with pytest.raises(operations.UnableToSettle, match="autre personne"):
        approve(world, world.actor("nurse"), asked)


@pytest.mark.parametrize("by", ["email", "rpps"])
def test_nor_by_asking_signed_out(world, manager, ask, by):
    own = world.roles["nurse"].practitioner
    said = {"email": "nurse@carbet.test"} if by == "email" else {"rpps": own.rpps}
    asked = ask(family=own.family, given=own.given, profession="10", **said)
    with pytest.raises(operations.UnableToSettle, match="autre personne"):
        approve(world, manager, asked)
    assert PractitionerRole.objects.filter(practitioner=own).count() == 1


def test_an_error_leaves_nothing(world, manager, ask):
    asked = ask()
    with pytest.raises(operations.UnableToKeepRight, match="durée"):
        approve(world, manager, asked, months=600)
    assert not Account.objects.filter(email="noemie@carbet.test").exists()
    asked.refresh_from_db()
    assert asked.status == "submitted"
    assert traced("registration.approve") == []


# --- Lasting and ending ---


def right_of(world, key):
    return Right.objects.get(practitioner_role=world.roles[key])


def test_a_right_that_ends_closes_the_next_page(world, sign_in):
    client = sign_in(world.accounts["physio"])
    assert client.get(reverse("home")).status_code == 200
    right_of(world, "physio")
    Right.objects.filter(practitioner_role=world.roles["physio"]).update(
        ended_at=world.now - timedelta(days=1)
    )
    assert "/role/" in client.get(reverse("home"))["Location"]
    page = client.get(reverse("directory:choose_role")).content.decode()
    assert "Demander l’accès à une structure" in page


def test_leaving_a_structure_closes_access_at_once(world, manager, sign_in, client):
    physio = sign_in(world.accounts["physio"])
    assert physio.get(reverse("home")).status_code == 200
    application = Client.objects.create(id="an-application", name="Autre")
    Token.objects.create(type="at", hash="x", client=application, user=world.accounts["physio"])
    right = right_of(world, "physio")
    operations.end_right(actor=manager, now=world.now, right_id=right.pk, reason="left")
    assert "/connexion/" in physio.get(reverse("home"))["Location"]
    assert AccountSession.objects.filter(account=world.accounts["physio"]).count() == 0
    assert Token.objects.filter(user=world.accounts["physio"]).count() == 0
    right.refresh_from_db()
    assert (right.ended_at, right.end_reason) == (world.now, "left")
    assert right.ended_by_name == "Inès Robeiri"
    assert len(traced("right.end")) == 1


def test_a_doctor_who_leaves_takes_the_secretary_s_delegation_along(world):
    secretary = world.actor("secretary")
    assert world.roles["gp"].key in secretary.grantees
    operations.end_right(
        actor=world.actor("operator"),
        now=world.later(minutes=1),
        right_id=right_of(world, "gp").pk,
        reason="left",
    )
    assert Delegation.objects.get().ended_at == world.now


def test_a_delegation_of_a_closed_right_opens_nothing_even_before_it_is_ended(world, sign_in):
    """The door itself asks whether the delegator's right is open."""
    client = sign_in(world.accounts["secretary"])
    team = world.circle("nurse")
    page = reverse("charts:detail", args=[team.patient_id])
    assert client.get(page).status_code == 200
    Right.objects.filter(practitioner_role=world.roles["gp"]).update(
        ended_at=world.now - timedelta(days=1)
    )
    assert client.get(page).status_code == 404


def test_with_another_right_one_stays_signed_in(world, manager, sign_in):
    second = PractitionerRole.objects.create(
        practitioner=world.roles["physio"].practitioner,
        organization=world.places["dac"],
        profession="70",
        profession_label="Kinésithérapeute",
        category="paramedical",
    )
    world.let_in(second)
    client = sign_in(world.accounts["physio"], role=world.roles["physio"])
    operations.end_right(
        actor=manager, now=world.now, right_id=right_of(world, "physio").pk, reason="left"
    )
    assert AccountSession.objects.filter(account=world.accounts["physio"]).exists()
    # Only one is left: the house works under that one.
    assert client.get(reverse("home")).status_code == 200


def test_a_withdrawal_says_why(world, manager):
    right = right_of(world, "physio")
    with pytest.raises(operations.UnableToKeepRight, match="pourquoi"):
        operations.end_right(
            actor=manager, now=world.now, right_id=right.pk, reason="withdrawn", words=""
        )
    with pytest.raises(operations.UnableToKeepRight, match="raison"):
        operations.end_right(actor=manager, now=world.now, right_id=right.pk, reason="replaced")


@pytest.mark.parametrize("who", ["gp", "far_nurse", "secretary"])
def test_nobody_touches_the_rights_of_another_structure(world, who):
    world.roles[who].rights.update(manages=True)
    right = right_of(world, "physio")
    for act in (
        lambda: operations.end_right(
            actor=world.actor(who), now=world.now, right_id=right.pk, reason="left"
        ),
        lambda: operations.review_right(
            actor=world.actor(who), now=world.now, right_id=right.pk, months=12
        ),
        lambda: operations.let_manage(
            actor=world.actor(who), now=world.now, right_id=right.pk, manages=True
        ),
    ):
        with pytest.raises(operations.UnableToKeepRight, match="décidez pas"):
            act()


def test_one_s_own_right_is_reviewed_by_somebody_else(world, manager):
    with pytest.raises(operations.UnableToKeepRight, match="autre gestionnaire"):
        operations.review_right(
            actor=manager, now=world.now, right_id=right_of(world, "nurse").pk, months=12
        )
    right = operations.review_right(
        actor=manager, now=world.now, right_id=right_of(world, "physio").pk, months=3
    )
    assert right.reviewed_by_name == "Inès Robeiri"
    assert right.ended_at < world.now + timedelta(days=93)


def test_one_s_right_under_another_role_is_one_s_own_too(world, manager):
    other = PractitionerRole.objects.create(
        practitioner=world.roles["nurse"].practitioner,
        organization=world.places["nursing"],
        profession="70",
        category="paramedical",
        started_on=world.now.date(),
    )
    right = Right.objects.create(
        practitioner_role=other, started_at=world.now, ended_at=world.now + timedelta(days=20)
    )
    with pytest.raises(operations.UnableToKeepRight, match="autre gestionnaire"):
        operations.review_right(actor=manager, now=world.now, right_id=right.pk, months=12)


def test_whoever_loses_management_decides_no_more(world, manager):
    operations.let_manage(
        actor=world.actor("operator"),
        now=world.now,
        right_id=right_of(world, "nurse").pk,
        manages=False,
    )
    assert not world.actor("nurse").can("rights.manage")


def test_those_whose_right_ends_are_told_once_for_each_end(world):
    Right.objects.filter(practitioner_role=world.roles["gp"]).update(
        ended_at=world.now + timedelta(days=20)
    )
    assert operations.remind_of_ends(actor=HOUSE, now=world.now) == 1
    assert operations.remind_of_ends(actor=HOUSE, now=world.now) == 0
    operations.review_right(
        actor=world.actor("operator"),
        now=world.now,
        right_id=right_of(world, "gp").pk,
        months=3,
    )
    world.later(days=80)
    assert operations.remind_of_ends(actor=HOUSE, now=world.now) == 1


def test_a_mail_names_nobody_and_leads_to_the_right_page(world, ask, settings, monkeypatch):
    settings.DEMONSTRATION = True
    letters = []
    monkeypatch.setattr(
        tasks.mail, "send", lambda notice, **_: letters.append(notice) or _Receipt()
    )
    asked = ask()
    with row_security.acting_as(HOUSE):
        message = OutboxMessage.objects.get(topic="rights.mail")
    tasks.send_mail(message)
    (letter,) = letters
    assert letter.to == "noemie@carbet.test"
    assert access.follow_up_of(asked) in letter.body
    assert "Lalsie" not in letter.body + letter.subject
    assert "noemie" not in str(message.payload)


class _Receipt:
    message_id, carrier = "<1>", "test"


# --- Delegation ---


def test_a_professional_delegates_to_the_secretary_for_a_time(world):
    nurse = world.roles["nurse"]
    secretary = world.roles["secretary"]
    with pytest.raises(operations.UnableToDelegate, match="secrétariat"):
        operations.give_delegation(
            actor=world.actor("nurse"),
            now=world.now,
            delegator=nurse,
            delegate_id=secretary.pk,
            months=3,
        )
    secretary.organization = nurse.organization
    secretary.save()
    given = operations.give_delegation(
        actor=world.actor("nurse"),
        now=world.now,
        delegator=nurse,
        delegate_id=secretary.pk,
        months=3,
    )
    assert nurse.key in world.actor("secretary").grantees
    assert given.ended_at > world.now
    with pytest.raises(operations.UnableToDelegate, match="secrétariat"):
        operations.give_delegation(
            actor=world.actor("nurse"),
            now=world.now,
            delegator=nurse,
            delegate_id=secretary.pk,
            months=3,
        )
    operations.end_delegation(actor=world.actor("nurse"), now=world.now, delegation=given)
    with pytest.raises(operations.UnableToDelegate, match="déjà terminée"):
        operations.end_delegation(actor=world.actor("nurse"), now=world.now, delegation=given)


def test_nobody_delegates_for_somebody_else(world):
    with pytest.raises(operations.UnableToDelegate, match="pour cette personne"):
        operations.give_delegation(
            actor=world.actor("physio"),
            now=world.now,
            delegator=world.roles["gp"],
            delegate_id=world.roles["secretary"].pk,
            months=3,
        )


# --- Pages ---


def test_a_stranger_asks_is_accepted_and_chooses_a_password(world, manager, client, settings):
    page = client.get(reverse("rights:register"), {"q": "infirmier matoury"}).content.decode()
    place = world.places["nursing"]
    assert place.name in page
    said = {
        "structure": place.pk,
        "given": "Noémie",
        "family": "Lalsie",
        "email": "Noemie@Carbet.test",
        "profession": "60",
    }
    refused = client.post(reverse("rights:register"), said | {"rpps": "12345678901"})
    assert refused.status_code == 422
    assert "pas un numéro RPPS" in refused.content.decode()
    assert "Lalsie" in refused.content.decode()
    settings.DEMONSTRATION = False
    answer = client.post(reverse("rights:register"), said)
    assert "Votre demande est transmise" in answer.content.decode()
    asked = RegistrationRequest.objects.get()
    follow_up = reverse("rights:follow_up", args=[access.follow_up_of(asked)])
    assert follow_up not in answer.content.decode()
    assert "En attente" in client.get(follow_up).content.decode()
    approve(world, manager, asked)
    assert "Choisir votre mot de passe" in client.get(follow_up).content.decode()
    weak = {"password": "court", "again": "court"}
    assert client.post(follow_up, weak).status_code == 422
    good = {"password": "une pirogue sur le Maroni", "again": "une pirogue sur le Maroni"}
    assert client.post(follow_up, good | {"again": "autre"}).status_code == 422
    assert client.post(follow_up, good)["Location"] == reverse("account_login")
    # The same page is worth nothing a second time.
    other = {"password": "une autre pirogue ici", "again": "une autre pirogue ici"}
    assert client.post(follow_up, other)["Location"] == follow_up
    account = Account.objects.get(email="noemie@carbet.test")
    assert account.check_password(good["password"])
    assert account.kind == AccountKind.PROFESSIONAL


@pytest.mark.parametrize("forged", ["1", "1.", "1.abc", "z" * 200])
def test_a_forged_follow_up_address_does_not_exist(world, client, ask, forged):
    ask()
    assert client.get(reverse("rights:follow_up", args=[forged])).status_code == 404


def test_the_author_takes_a_request_back(world, manager, client, ask):
    asked = ask()
    follow_up = reverse("rights:follow_up", args=[access.follow_up_of(asked)])
    client.post(follow_up, {"retirer": "oui"})
    assert "Demande retirée" in client.get(follow_up).content.decode()
    with pytest.raises(operations.UnableToSettle):
        approve(world, manager, asked)


def test_the_manager_s_pages_answer_review_and_end(world, manager, sign_in, ask):
    asked = ask()
    client = sign_in(world.accounts["nurse"])
    assert "Noémie Lalsie" in client.get(reverse("home")).content.decode()
    assert "Noémie Lalsie" in client.get(reverse("rights:registrations")).content.decode()
    one = reverse("rights:registration", args=[asked.pk])
    assert client.post(one, {"reponse": "refuser", "reason": ""}).status_code == 422
    assert client.post(one, {"months": "12"})["Location"] == reverse("rights:registrations")
    held = Right.objects.get(practitioner_role__practitioner__family="Lalsie")
    page = reverse("rights:right", args=[held.pk])
    assert client.post(page, {"geste": "prolonger", "months": "3"}).status_code == 302
    assert client.post(page, {"geste": "retirer", "words": ""}).status_code == 422
    assert client.post(page, {"geste": "retirer", "words": "Fin de mission"}).status_code == 302
    assert "Fin de mission" in client.get(page).content.decode()
    ended = client.get(reverse("rights:list"), {"vue": "terminees"}).content.decode()
    assert "Noémie Lalsie" in ended
    assert "Yann Le Bihan" not in ended


def test_another_structure_s_rights_do_not_exist(world, manager, sign_in, ask):
    asked = ask(organization=world.places["office"])
    client = sign_in(world.accounts["nurse"])
    other = Right.objects.get(practitioner_role=world.roles["gp"])
    for name, number in (("right", other.pk), ("registration", asked.pk)):
        assert client.get(reverse(f"rights:{name}", args=[number])).status_code == 404


def test_the_list_costs_the_same_with_many_rights(
    world, manager, sign_in, django_assert_max_num_queries
):
    for number in range(40):
        role = PractitionerRole.objects.create(
            practitioner=Practitioner.objects.create(family=f"F{number}", given="G"),
            organization=world.places["nursing"],
            profession="60",
            profession_label="Infirmier",
            category="paramedical",
        )
        world.let_in(role)
    client = sign_in(world.accounts["nurse"])
    with django_assert_max_num_queries(7):
        page = client.get(reverse("rights:list")).content.decode()
    seen, following = page.count("/habilitations/"), page
    assert "suite=" in following
    import html
    import re

    pages, numbers = 0, set()
    url = reverse("rights:list")
    while url and pages < 5:
        text = client.get(url).content.decode()
        # Alone: a token of the page may hold such letters too.
        numbers |= set(re.findall(r"\bF\d{1,2}\b", text))
        found = re.search(r'href="(\?[^"]*suite=[^"]*)"', text)
        url = reverse("rights:list") + html.unescape(found[1]) if found else ""
        pages += 1
    assert (pages, len(numbers)) == (2, 40)
    assert seen


def test_the_export_has_everything_and_no_formula(world, manager, sign_in):
    practitioner = world.roles["physio"].practitioner
    practitioner.family = "=cmd()"
    practitioner.save()
    client = sign_in(world.accounts["nurse"])
    answer = client.get(reverse("rights:export"))
    text = answer.content.decode("utf-8")
    assert text.startswith("\ufeffNom;Prénom;RPPS")
    assert ";Inès;" in text
    assert "'=cmd()" in text
    assert "Le Bihan" not in text
    assert "attachment" in answer["Content-Disposition"]
    assert len(traced("right.export")) == 1
    region = sign_in(world.accounts["operator"]).get(reverse("rights:export")).content.decode()
    assert "Le Bihan" in region
    # Whom the secretary acts for is part of what an audit asks.
    assert "Yann Le Bihan (" in region


def test_one_sees_delegates_and_leaves_by_oneself(world, sign_in):
    client = sign_in(world.accounts["gp"])
    page = client.get(reverse("rights:mine")).content.decode()
    assert "Odile Fortin" in page
    delegation = Delegation.objects.get()
    other = sign_in(world.accounts["physio"])
    gone = reverse("rights:end_delegation", args=[delegation.pk])
    assert other.post(gone).status_code == 404
    client = sign_in(world.accounts["gp"])
    assert client.post(gone).status_code == 302
    form = {"delegate": world.roles["secretary"].pk, "months": "6"}
    assert client.post(reverse("rights:mine"), form).status_code == 302
    assert client.post(reverse("rights:mine"), form).status_code == 422
    right = Right.objects.get(practitioner_role=world.roles["gp"])
    client.post(reverse("rights:leave", args=[right.pk]))
    assert "/connexion/" in client.get(reverse("home"))["Location"]


def test_the_region_takes_a_delegation_back(world, sign_in):
    right = Right.objects.get(practitioner_role=world.roles["gp"])
    region = sign_in(world.accounts["operator"])
    delegation = Delegation.objects.get()
    gone = reverse("rights:end_delegation", args=[delegation.pk])
    assert gone in region.get(reverse("rights:right", args=[right.pk])).content.decode()
    answer = region.post(gone, {"habilitation": str(right.pk)})
    assert answer.status_code == 302
    assert answer["Location"] == reverse("rights:right", args=[right.pk])
    assert "Personne n’agit pour cette personne" in region.get(answer["Location"]).content.decode()
