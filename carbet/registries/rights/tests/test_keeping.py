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
    assert sent() == ["received", "asked", "answered"]
    for name in ("registration.submit", "registration.approve", "right.grant", "account.open"):
        assert len(traced(name)) == 1, name


def test_the_same_request_twice_is_one(world, ask):
    first = ask()
    assert ask().pk == first.pk
    assert RegistrationRequest.objects.count() == 1
    assert sent() == ["received", "asked"]


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
    ending(world, "physio")
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


# --- Reviewing several at once, and who is reminded ---


def ending(world, *keys, days=20):
    Right.objects.filter(practitioner_role__in=[world.roles[key] for key in keys]).update(
        ended_at=world.now + timedelta(days=days)
    )


def test_a_review_keeps_some_and_closes_others_at_once(world, manager, sign_in):
    world.roles["former"] = PractitionerRole.objects.create(
        practitioner=Practitioner.objects.create(family="Partie", given="Lucie"),
        organization=world.places["nursing"],
        profession="60",
        profession_label="Infirmier",
        category="paramedical",
    )
    world.let_in(world.roles["former"])
    ending(world, "physio", "former", "nurse")
    stays, gone = right_of(world, "physio"), right_of(world, "former")
    client = sign_in(world.accounts["nurse"])
    page = client.get(reverse("rights:review")).content.decode()
    assert "jamais connecté" in page
    assert f"droit-{stays.pk}" in page
    # One's own is somebody else's to review.
    assert f"droit-{right_of(world, 'nurse').pk}" not in page
    said = {f"droit-{stays.pk}": "reste", f"droit-{gone.pk}": "quitte", "months": "6"}
    answer = client.post(reverse("rights:review"), said, follow=True).content.decode()
    assert "1 habilitation prolongée, 1 accès fermé." in answer
    stays.refresh_from_db()
    gone.refresh_from_db()
    assert stays.ended_at > world.now + timedelta(days=150)
    assert stays.reviewed_by_name
    assert gone.end_reason == "left"
    assert gone.ended_at < world.now + timedelta(days=10)
    assert len(traced("right.review_all")) == 1
    assert len(traced("right.end")) == 1


@pytest.mark.parametrize("case", ["own", "elsewhere", "nothing", "ended", "months"])
def test_a_review_that_cannot_be_whole_decides_nothing(world, manager, sign_in, case):
    ending(world, "physio", "nurse", "gp")
    stays = right_of(world, "physio")
    before = stays.ended_at
    said = {f"droit-{stays.pk}": "reste", "months": "12"}
    if case == "own":
        said |= {f"droit-{right_of(world, 'nurse').pk}": "reste"}
    elif case == "elsewhere":
        said |= {f"droit-{right_of(world, 'gp').pk}": "quitte"}
    elif case == "nothing":
        said = {f"droit-{stays.pk}": "", "droit-": "reste", "droit-x": "reste", "months": "12"}
    elif case == "ended":
        said |= {f"droit-{10**12}": "quitte"}
    else:
        said |= {"months": "48"}
    client = sign_in(world.accounts["nurse"])
    assert client.post(reverse("rights:review"), said).status_code == 422
    stays.refresh_from_db()
    assert stays.ended_at == before
    assert traced("right.review_all") == []


def test_a_review_never_shortens_and_shows_everybody_when_asked(world, manager, sign_in):
    held = right_of(world, "physio")
    before = held.ended_at
    client = sign_in(world.accounts["nurse"])
    page = reverse("rights:review")
    assert f"droit-{held.pk}" not in client.get(page).content.decode()
    assert f"droit-{held.pk}" in client.get(page, {"qui": "tous"}).content.decode()
    client.post(f"{page}?qui=tous", {f"droit-{held.pk}": "reste", "months": "3"})
    held.refresh_from_db()
    assert held.ended_at == max(before, held.ended_at)
    assert held.reviewed_at is not None


def test_the_review_costs_the_same_with_many_rights(
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
        page = client.get(reverse("rights:review"), {"qui": "tous"}).content.decode()
    assert "Les suivantes s’affichent" in page


def test_who_has_not_come_for_long_is_shown_apart(world, manager, sign_in):
    Right.objects.update(started_at=world.now - timedelta(days=200))
    Account.objects.filter(pk=world.accounts["physio"].pk).update(
        last_login=world.now - timedelta(days=120)
    )
    client = sign_in(world.accounts["nurse"])  # who comes, so
    page = client.get(reverse("rights:list"), {"vue": "sans-connexion"}).content.decode()
    physio, nurse = world.roles["physio"].practitioner, world.roles["nurse"].practitioner
    assert physio.family in page.partition("<main")[2]
    assert reverse("rights:right", args=[right_of(world, "nurse").pk]) not in page
    assert nurse.pk != physio.pk


def mails(what):
    with row_security.acting_as(HOUSE):
        return [
            m.payload
            for m in OutboxMessage.objects.filter(topic="rights.mail").order_by("pk")
            if m.payload["what"] == what
        ]


def test_whoever_manages_is_told_of_requests_at_once_and_of_reviews_every_week(world, manager, ask):
    ending(world, "physio", "nurse")
    ask()
    ask(email="autre@carbet.test")
    nurse, operator = world.accounts["nurse"].pk, world.accounts["operator"].pk
    assert [m["account"] for m in mails("asked")] == [nurse]
    assert operations.remind_managers(actor=HOUSE, now=world.now) == 2
    operations.remind_managers(actor=HOUSE, now=world.now)
    told = {m["account"]: (m["requests"], m["reviews"]) for m in mails("waits")}
    # Her own right is the region's to review.
    assert told == {nurse: (2, 1), operator: (0, 1)}
    world.later(days=7)
    operations.remind_managers(actor=HOUSE, now=world.now)
    assert len(mails("waits")) == 4


def test_where_nobody_manages_the_region_is_told(world, ask):
    ask()
    assert [m["account"] for m in mails("asked")] == [world.accounts["operator"].pk]


def test_what_a_manager_is_written_counts_and_names_nobody(
    world, manager, ask, settings, monkeypatch
):
    settings.DEMONSTRATION = True
    letters = []
    monkeypatch.setattr(
        tasks.mail, "send", lambda notice, **_: letters.append(notice) or _Receipt()
    )
    ending(world, "physio")
    ask()
    operations.remind_managers(actor=HOUSE, now=world.now)
    with row_security.acting_as(HOUSE):
        for message in OutboxMessage.objects.filter(topic="rights.mail").order_by("pk"):
            tasks.send_mail(message)
    _, asked, waits = letters
    assert asked.to == waits.to == world.accounts["nurse"].email
    assert "1 demande d’accès et 1 habilitation à revoir attendent votre décision" in waits.body
    assert reverse("rights:registrations") in asked.body
    for letter in letters:
        assert "Lalsie" not in letter.subject + letter.body
        assert world.roles["physio"].practitioner.family not in letter.subject + letter.body


def test_one_s_own_end_is_on_one_s_front_page(world, sign_in):
    client = sign_in(world.accounts["gp"])
    assert "Votre accès se termine bientôt" not in client.get(reverse("home")).content.decode()
    ending(world, "gp")
    assert "Votre accès se termine bientôt" in client.get(reverse("home")).content.decode()


def test_a_mail_names_nobody_and_leads_to_the_right_page(world, ask, settings, monkeypatch):
    settings.DEMONSTRATION = True
    letters = []
    monkeypatch.setattr(
        tasks.mail, "send", lambda notice, **_: letters.append(notice) or _Receipt()
    )
    asked = ask()
    with row_security.acting_as(HOUSE):
        message = OutboxMessage.objects.filter(topic="rights.mail").earliest("pk")
    tasks.send_mail(message)
    (letter,) = letters
    assert letter.to == "noemie@carbet.test"
    assert access.follow_up_of(asked) in letter.body
    assert "Lalsie" not in letter.body + letter.subject
    assert "noemie" not in str(message.payload)


class _Receipt:
    message_id, carrier = "<1>", "test"


@pytest.mark.parametrize("wrong", ["12345678901", "899900000010", "x" * 11, "123"])
def test_a_wrong_rpps_asks_for_nothing(world, ask, wrong):
    with pytest.raises(operations.UnableToRegister, match="RPPS"):
        ask(rpps=wrong)
    assert not RegistrationRequest.objects.exists()


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
    # Once more: the same one goes on, without a day between.
    longer = operations.give_delegation(
        actor=world.actor("nurse"),
        now=world.now,
        delegator=nurse,
        delegate_id=secretary.pk,
        months=12,
    )
    assert (longer.pk, longer.started_at) == (given.pk, given.started_at)
    assert longer.ended_at > given.ended_at
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
    assert "(prolonger)" in client.get(reverse("rights:mine")).content.decode()
    assert client.post(reverse("rights:mine"), form | {"months": "5"}).status_code == 422
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
