"""The front door: what waits for a professional; what is shared with a person or a relative."""

import uuid
from datetime import timedelta

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.urls import reverse

from carbet.coordination.care_teams import operations as care_teams
from carbet.coordination.care_teams.choices import GlassReason
from carbet.coordination.care_teams.models import RelatedPerson
from carbet.coordination.notebook import operations as notebook
from carbet.coordination.support import operations as support
from carbet.coordination.support.models import SupportRequest
from carbet.core import clock, grants, home, row_security
from carbet.core.actor import Level, internal
from carbet.registries.directory.models import Organization
from carbet.registries.patients.models import Patient

pytestmark = pytest.mark.django_db
HOME = "/"


@pytest.fixture
def as_role(world, sign_in):
    return lambda key: sign_in(world.accounts[key], role=world.roles.get(key))


def open_to(world, care_team, key, *, relative=False):
    patient = Patient(pk=care_team.patient_id)
    if relative:
        care_teams.add_related_person(
            actor=world.actor("gp"),
            now=world.now,
            care_team=care_team,
            family="Montgénie",
            given="Mireille",
            role="ECON",
            relationship="DAUC",
            phone="0694000000",
        )
        with row_security.acting_as(world.actor("gp"), now=world.now):
            relative = RelatedPerson.objects.get(patient_id=patient.pk)
    care_teams.open_to_person(
        actor=world.actor("gp"),
        now=world.now,
        patient=patient,
        account_id=world.accounts[key].pk,
        related_person=relative or None,
    )


def statements(client, address):
    with CaptureQueriesContext(connection) as captured:
        assert client.get(address).status_code == 200
    return [one["sql"] for one in captured if "SAVEPOINT" not in one["sql"]]


def chart(care_team):
    return reverse("charts:detail", args=[care_team.patient_id])


def opened(client):
    (shown,) = (each for each in client.get(HOME).context["aside"] if each.block.key == "patients")
    return [line.href for line in shown.lines]


def test_a_visitor_is_led_to_sign_in(client):
    answer = client.get(HOME)
    assert answer.status_code == 302
    assert reverse("account_login") in answer.headers["Location"]


@pytest.mark.parametrize("number", [1, 12])
@pytest.mark.parametrize("key", ["gp", "coordinator", "nurse"])
def test_my_day_costs_the_same_whatever_waits(world, as_role, key, number):
    for rank in range(number):
        care_team = world.circle("nurse", "coordinator", birth_family=f"Nom{chr(65 + rank)}")
        as_role(key).get(reverse("charts:detail", args=[care_team.patient_id]))
    assert len(statements(as_role(key), HOME)) == 7


def test_a_block_more_costs_no_query(world, as_role, monkeypatch):
    monkeypatch.setattr(home, "_blocks", dict(home._blocks))
    before = len(statements(as_role("gp"), HOME))
    home.add(
        home.Block(
            key="test",
            title="Structures du jour",
            icon="hospital",
            rows=lambda *, actor, now: Organization.objects.order_by("name", "pk").values(
                "pk", "name", "commune__name", "part_of__pk"
            ),
            line=lambda row, *, now: home.Line(title=row["name"], meta=(row["commune__name"],)),
        )
    )
    page = as_role("gp").get(HOME)
    (shown,) = (each for each in page.context["after"] if each.block.key == "test")
    assert [line.title for line in shown.lines] == sorted(
        place.name for place in world.places.values()
    )[: home.MOST]
    assert shown.count == "6+"
    assert "Structures du jour" in page.content.decode()
    assert len(statements(as_role("gp"), HOME)) == before


def test_a_block_that_can_find_nothing_says_so(world, as_role, monkeypatch):
    nothing = home.Block(
        key="nothing",
        title="Bloc vide",
        icon="check",
        rows=lambda *, actor, now: Organization.objects.none().values("pk"),
        line=lambda row, *, now: home.Line(title="?"),
        empty="Rien à faire.",
    )
    monkeypatch.setattr(home, "_blocks", {"nothing": nothing})
    assert "Rien à faire." in as_role("gp").get(HOME).content.decode()


def test_what_others_wrote_since_my_visit_is_new_and_what_i_wrote_is_not(world, as_role):
    care_team = world.circle("nurse")
    as_role("gp").get(chart(care_team))
    for key in ("nurse", "nurse", "gp"):
        notebook.write_note(
            actor=world.actor(key),
            now=clock.now() + timedelta(seconds=5),
            patient=Patient(pk=care_team.patient_id),
            text="Tout va bien.",
            gesture=uuid.uuid4(),
        )
    page = as_role("gp").get(HOME).content.decode()
    assert "2 nouveautés" in page


def test_regional_services_say_their_state_and_how_to_get_them(as_role):
    page = as_role("gp").get(reverse("services")).content.decode()
    for words in ("Annuaire régional", "En service", "À l’essai", "En préparation", "simulateur"):
        assert words in page
    assert reverse("support:mine") in page
    assert (
        reverse("support:mine")
        not in as_role("home_help").get(reverse("services")).content.decode()
    )


def test_urgent_alerts_come_first_then_the_day(world, as_role):
    care_team = world.circle("nurse")
    for urgent in (True, *[False] * 8):
        notebook.write_note(
            actor=world.actor("nurse"),
            now=world.now,
            patient=Patient(pk=care_team.patient_id),
            text="Que faire ?",
            urgent=urgent,
            gesture=uuid.uuid4(),
        )
        world.later(minutes=5)
    page = as_role("gp").get(HOME)
    shown = page.context["alerts"]
    assert [line.urgent for line in shown] == [True] + [False] * (len(shown) - 1)
    assert len(shown) > 1
    after = [each.block.key for each in page.context["after"]]
    assert after[0] == "agenda"
    assert after.index("agenda") < after.index("tasks")


def test_my_day_shows_alerts_and_what_i_opened(world, as_role):
    care_team = world.circle("nurse")
    nurse = as_role("nurse")
    nurse.get(reverse("charts:detail", args=[care_team.patient_id]))
    page = nurse.get(HOME).content.decode()
    assert "Cercle de soins" in page
    assert page.count("Claire Montgénie") == 2


def test_the_last_opened_comes_first_and_what_closed_is_gone(world, as_role):
    first, second = world.circle("nurse"), world.circle("nurse", birth_family="Autre")
    nurse = as_role("nurse")
    for care_team in (first, second):
        nurse.get(reverse("charts:detail", args=[care_team.patient_id]))
    assert opened(nurse) == [chart(second), chart(first)]
    with row_security.acting_as(world.actor("gp"), now=world.now):
        stay = second.participants.select_related("care_team").get(
            practitioner_role=world.roles["nurse"]
        )
    care_teams.end_participation(
        actor=world.actor("gp"), now=world.later(seconds=1), participant=stay
    )
    assert opened(as_role("nurse")) == [chart(first)]


def badges(client):
    (shown,) = (each for each in client.get(HOME).context["aside"] if each.block.key == "patients")
    return {line.href: line.badge for line in shown.lines}


@pytest.mark.parametrize("key", ["gp", "nurse", "home_help", "coordinator"])
def test_a_newcomer_finds_the_persons_of_their_circles_and_no_other(
    world, as_role, monkeypatch, key
):
    monkeypatch.setattr(clock, "now", lambda: world.now)
    mine = world.circle(*{key} - {"gp"}, birth_family="Aaron")
    other = world.circle(birth_family="Abel")
    shown = badges(as_role(key))
    assert shown[chart(mine)] == "Nouveau dossier"
    # The doctor opens every circle of this world.
    assert (chart(other) in shown) == (key == "gp")


def test_a_structure_s_persons_are_those_of_whoever_works_there(world, as_role):
    care_team = world.circle()
    care_teams.add_participant(
        actor=world.actor("gp"),
        now=world.now,
        care_team=care_team,
        organization=world.roles["home_help"].organization,
    )
    assert opened(as_role("home_help")) == [chart(care_team)]


def test_an_identity_alone_leads_to_no_record(world, as_role):
    care_team = world.circle()
    with row_security.acting_as(internal("test"), operation="test"):
        grants.grant(
            world.roles["coordinator"].key,
            patient_id=care_team.patient_id,
            level=Level.IDENTITY,
            source="support_request",
            now=world.now,
        )
    assert opened(as_role("coordinator")) == []


def test_who_came_long_ago_and_was_never_opened_is_said_so_after_what_is_new(
    world, as_role, monkeypatch
):
    monkeypatch.setattr(clock, "now", lambda: world.now)
    old = world.circle("nurse", birth_family="Aaron")
    seen = world.circle("nurse", birth_family="Bertrand")
    as_role("nurse").get(chart(seen))
    world.later(days=40)
    late = world.circle("nurse", birth_family="Zulémaro")
    nurse = as_role("nurse")
    shown = badges(nurse)
    assert list(shown) == [chart(late), chart(seen), chart(old)]
    assert list(shown.values()) == ["Nouveau dossier", "", ""]
    assert nurse.get(HOME).content.decode().count("jamais ouvert") == 1


def test_what_others_write_of_whom_one_never_opened_is_new_for_a_month(world, as_role, monkeypatch):
    monkeypatch.setattr(clock, "now", lambda: world.now)
    circles = [
        world.circle("nurse", birth_family=f"{letter}aaa", used_family="")
        for letter in "ABCDEFGHIJKLMNOPQRSTUVWXYZABCDEFGH"
    ]
    last = circles[25]  # the last by name: no page of names shows it
    world.later(days=40)
    notebook.write_note(
        actor=world.actor("nurse"),
        now=world.now,
        patient=Patient(pk=last.patient_id),
        text="Chute cette nuit.",
        urgent=True,
        gesture=uuid.uuid4(),
    )
    shown = badges(as_role("gp"))
    assert next(iter(shown.items())) == (chart(last), "1 nouveauté")
    assert len(shown) == home.MOST
    world.later(days=31)
    assert set(badges(as_role("gp")).values()) == {""}


def test_what_is_new_comes_before_what_was_opened_last_and_is_counted_up_to_ten(world, as_role):
    first, second = world.circle("nurse"), world.circle("nurse", birth_family="Autre")
    gp = as_role("gp")
    for care_team in (first, second):
        gp.get(chart(care_team))
    assert opened(gp) == [chart(second), chart(first)]
    for _ in range(12):
        notebook.write_note(
            actor=world.actor("nurse"),
            now=clock.now() + timedelta(seconds=5),
            patient=Patient(pk=first.patient_id),
            text="Tout va bien.",
            gesture=uuid.uuid4(),
        )
    assert badges(as_role("gp")) == {chart(first): "10+ nouveautés", chart(second): ""}


def test_what_one_may_not_read_is_not_new(world, as_role):
    care_team = world.circle("nurse", "home_help")
    as_role("home_help").get(chart(care_team))
    notebook.write_note(
        actor=world.actor("nurse"),
        now=clock.now() + timedelta(seconds=5),
        patient=Patient(pk=care_team.patient_id),
        text="Résultat de l’analyse.",
        gesture=uuid.uuid4(),
    )
    assert badges(as_role("home_help")) == {chart(care_team): ""}


def test_an_exceptional_access_waits_for_whoever_manages(world, as_role):
    care_team = world.circle()
    care_teams.break_glass(
        actor=world.actor("other_gp"),
        now=world.now,
        patient_id=care_team.patient_id,
        reason=GlassReason.EMERGENCY,
        explanation="Malaise sur la voie publique",
    )
    assert "Accès exceptionnels à relire" in as_role("gp").get(HOME).content.decode()
    assert "à relire" not in as_role("other_gp").get(HOME).content.decode()


def test_only_the_team_asked_has_requests_on_its_day(as_role):
    assert "Demandes d’appui à étudier" in as_role("coordinator").get(HOME).content.decode()
    assert "Demandes d’appui à étudier" not in as_role("gp").get(HOME).content.decode()


def test_a_person_comes_straight_to_their_record(world, as_role):
    care_team = world.circle("nurse")
    open_to(world, care_team, "claire")
    answer = as_role("claire").get(HOME, follow=True)
    page = answer.content.decode()
    assert answer.redirect_chain[-1][0] == reverse("portal:record", args=[care_team.patient_id])
    for text in ("Mon dossier", "Pas encore de plan approuvé", "Inès Robeiri", "D’accord"):
        assert text in page
    for text in ("Mes patients", "Annuaire"):
        assert text not in page


def test_a_relative_is_told_whose_record_it_is(world, as_role):
    care_team = world.circle()
    open_to(world, care_team, "daughter", relative=True)
    page = as_role("daughter").get(reverse("portal:records"), follow=True).content.decode()
    assert "Le dossier de <bdi>Claire Montgénie</bdi>" in page
    assert "en tant que proche" in page


def test_with_several_records_one_chooses(world, as_role):
    mine, other = world.circle(), world.circle(birth_family="Autre", used_family="Autre")
    open_to(world, mine, "daughter")
    open_to(world, other, "daughter", relative=True)
    page = as_role("daughter").get(reverse("portal:records")).content.decode()
    for care_team in (mine, other):
        assert reverse("portal:record", args=[care_team.patient_id]) in page


def test_a_person_without_record_is_told_what_to_do(as_role):
    assert (
        "Aucun dossier ne vous est ouvert"
        in as_role("claire").get(reverse("portal:records")).content.decode()
    )


def test_a_person_sees_who_opened_their_record(world, as_role):
    care_team = world.circle("nurse")
    open_to(world, care_team, "claire")
    as_role("nurse").get(reverse("charts:detail", args=[care_team.patient_id]))
    page = as_role("claire").get(reverse("portal:accesses", args=[care_team.patient_id]))
    assert "Inès Robeiri" in page.content.decode()
    assert "a ouvert le dossier" in page.content.decode()


@pytest.mark.parametrize("name", ["record", "accesses"])
def test_a_person_costs_few_queries(world, as_role, name):
    care_team = world.circle("nurse", "physio", "home_help")
    open_to(world, care_team, "claire")
    address = reverse(f"portal:{name}", args=[care_team.patient_id])
    assert len(statements(as_role("claire"), address)) <= 8


def test_nobody_reads_the_record_of_another(world, as_role):
    care_team = world.circle()
    open_to(world, care_team, "daughter")
    claire = as_role("claire")
    for name in ("record", "accesses"):
        address = reverse(f"portal:{name}", args=[care_team.patient_id])
        assert claire.get(address).status_code == 404


def test_nothing_professional_opens_to_a_person(world, as_role):
    care_team = world.circle()
    open_to(world, care_team, "claire")
    claire = as_role("claire")
    for address in (
        reverse("patients:list"),
        reverse("patients:find"),
        reverse("charts:detail", args=[care_team.patient_id]),
        reverse("care_teams:detail", args=[care_team.patient_id]),
        reverse("directory:search"),
    ):
        assert claire.get(address).status_code == 404
    with row_security.acting_as(internal("test")):
        assert Patient.objects.count() == 1


def test_a_daughter_asks_for_support_and_answers_without_reading_how_the_team_sorts(world, as_role):
    care_team = world.circle("nurse")
    open_to(world, care_team, "daughter", relative=True)
    daughter = as_role("daughter")
    daughter.post(
        reverse("portal:ask_support", args=[care_team.patient_id]),
        {
            "gesture": uuid.uuid4(),
            "addressee": world.places["dac"].pk,
            "reason": "caregiver",
            "text": "Mon père ne dort plus.",
            "urgency": "urgent",
            "agrees": "person",
        },
    )
    with row_security.acting_as(internal("test")):
        request = SupportRequest.objects.get()
    coordinator = {"actor": world.actor("coordinator"), "now": clock.now(), "request": request}
    support.triage_request(**coordinator, factors=["caregiver"])
    support.ask_information(**coordinator, text="Qui le relaie la nuit ?")
    page = daughter.get(reverse("portal:request", args=[request.pk])).content.decode()
    assert "Complément demandé" in page
    assert "Complexité" not in page
    address = reverse("portal:complete_request", args=[request.pk])
    assert "Qui le relaie la nuit ?" in daughter.get(address).content.decode()
    answer = daughter.post(address, {"text": "Personne."}, follow=True).content.decode()
    assert "Personne." in answer
    assert "À étudier" in answer


def test_a_professional_has_no_personal_record(as_role):
    assert as_role("gp").get(reverse("portal:records")).status_code == 404
