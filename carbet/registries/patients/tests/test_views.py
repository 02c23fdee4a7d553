"""Pages of identities: mine, found despite a wrong letter, found before creating, corrected."""

from datetime import date

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.urls import reverse

from carbet.core import row_security
from carbet.core.models import AuditEvent
from carbet.registries.patients import queries
from carbet.registries.patients.models import Patient

pytestmark = pytest.mark.django_db
TRAITS = {
    "birth_family": "Regis",
    "birth_given": "Claire",
    "birth_date_0": "14",
    "birth_date_1": "3",
    "birth_date_2": "1951",
}


@pytest.fixture
def gp(world, sign_in):
    return sign_in(world.accounts["gp"], role=world.roles["gp"])


def statements(client, address, **parameters):
    with CaptureQueriesContext(connection) as captured:
        assert client.get(address, parameters).status_code == 200
    return [one["sql"] for one in captured if "SAVEPOINT" not in one["sql"]]


def people(world, number):
    for rank in range(number):
        world.register(birth_family=f"Nom{chr(65 + rank // 26)}{chr(65 + rank % 26)}")


def test_my_patients_are_listed_in_order_page_by_page(world, gp):
    people(world, 30)
    first = gp.get(reverse("patients:list"))
    page = first.context["people"]
    assert len(page) == 25
    assert not first.context["previous"]
    second = gp.get(reverse("patients:list"), {"apres": first.context["next"]})
    assert len(second.context["people"]) == 5
    assert page[-1].birth_family < second.context["people"][0].birth_family
    assert not second.context["next"]
    back = gp.get(reverse("patients:list"), {"avant": second.context["previous"]})
    assert back.context["people"] == page
    assert not back.context["previous"]


def test_nobody_sees_the_patients_of_another(world, sign_in):
    people(world, 2)
    other = sign_in(world.accounts["other_gp"], role=world.roles["other_gp"])
    assert "Aucun dossier" in other.get(reverse("patients:list")).content.decode()


@pytest.mark.parametrize("number", [1, 25])
def test_the_list_costs_the_same_whatever_its_length(world, gp, number):
    people(world, number)
    assert len(statements(gp, reverse("patients:list"))) <= 8


def test_a_name_is_found_despite_a_wrong_letter_and_stays_out_of_the_address(world, gp):
    world.circle()
    answer = gp.post(reverse("patients:search"), {"q": "montgenye clair"})
    assert "Claire Montgénie" in answer.content.decode()
    assert answer.request["QUERY_STRING"] == ""


def test_the_fragment_equals_the_page(world, gp):
    world.circle()
    page = gp.post(reverse("patients:search"), {"q": "montgenie"}).content.decode()
    fragment = gp.post(
        reverse("patients:search"), {"q": "montgenie"}, headers={"HX-Request": "true"}
    ).content.decode()
    assert fragment.strip().startswith('<div id="people"')
    assert fragment.strip() in page


def test_one_letter_shows_the_list(world, gp):
    world.circle()
    assert gp.post(reverse("patients:search"), {"q": "m"}).context["people"]


def test_nobody_found_offers_creation(world, gp):
    answer = gp.post(reverse("patients:find"), TRAITS)
    page = answer.content.decode()
    assert "Personne n’est connu sous ces traits" in page
    assert "Créer le dossier" in page


def test_a_person_of_mine_opens(world, gp):
    care_team = world.circle()
    page = gp.post(reverse("patients:find"), TRAITS).content.decode()
    assert reverse("charts:detail", args=[care_team.patient_id]) in page


@pytest.mark.parametrize(("who", "offered"), [("other_gp", True), ("social_worker", False)])
def test_a_known_person_who_is_not_mine_says_so(world, sign_in, who, offered):
    care_team = world.circle()
    client = sign_in(world.accounts[who], role=world.roles[who])
    page = client.post(reverse("patients:find"), TRAITS).content.decode()
    assert "qui ne vous est pas ouvert" in page
    glass = reverse("care_teams:break_glass", args=[care_team.patient_id])
    assert (glass in page) is offered


def test_a_search_by_traits_is_traced_on_the_person_found(world, sign_in):
    care_team = world.circle()
    sign_in(world.accounts["other_gp"], role=world.roles["other_gp"]).post(
        reverse("patients:find"), TRAITS
    )
    with row_security.acting_as(world.actor("gp"), now=world.now):
        trace = AuditEvent.objects.get(operation="patient.find")
    assert (trace.patient_id, trace.role_id) == (care_team.patient_id, world.roles["other_gp"].pk)


@pytest.mark.parametrize(
    ("wrong", "sentence"),
    [
        ({"birth_date_0": "31", "birth_date_1": "2"}, "Cette date n’existe pas"),
        ({"birth_date_1": ""}, "Indiquez aussi le mois"),
        ({"birth_date_2": "51"}, "quatre chiffres"),
        ({"birth_date_2": "2051"}, "dans le futur"),
        ({"birth_date_2": "1801"}, "plus de 125 ans"),
        ({"birth_family": "Régis2"}, "des lettres"),
    ],
)
def test_wrong_traits_are_said_at_their_field(gp, wrong, sentence):
    answer = gp.post(reverse("patients:find"), TRAITS | wrong)
    assert answer.status_code == 422
    assert sentence in answer.content.decode()


def test_the_home_help_may_not_search_the_territory(world, sign_in):
    client = sign_in(world.accounts["home_help"], role=world.roles["home_help"])
    assert client.get(reverse("patients:find")).status_code == 403


def correction(patient, **changes):
    return {
        "version": patient.version,
        "birth_family": patient.birth_family,
        "birth_given": ", ".join(patient.birth_given),
        "gender": patient.gender,
        "birth_date_0": "14",
        "birth_date_1": "3",
        "birth_date_2": "1951",
        "used_family": patient.used_family,
        "language": "fr",
        "commune": "97307",
        "city": "Matoury",
        "postal_code": "97351",
    } | changes


def reload(world, patient):
    with row_security.acting_as(world.actor("gp"), now=world.now):
        return Patient.objects.get(pk=patient.pk)


def test_a_correction_keeps_the_former_version_and_says_who(world, gp):
    patient = world.register()
    address = reverse("patients:correct", args=[patient.pk])
    answer = gp.post(address, correction(patient, phone="0694 11 22 33"))
    assert answer.status_code == 302
    assert reload(world, patient).phone == "0694112233"
    page = gp.get(reverse("patients:versions", args=[patient.pk])).content.decode()
    assert "Téléphone" in page
    assert page.count("Yann Le Bihan") >= 2


def test_a_correction_on_a_former_version_is_refused(world, gp):
    patient = world.register()
    address = reverse("patients:correct", args=[patient.pk])
    gp.post(address, correction(patient, phone="0694112233"))
    answer = gp.post(address, correction(patient, phone="0694445566"))
    assert answer.status_code == 422
    assert "modifiée entre-temps" in answer.content.decode()
    assert reload(world, patient).phone == "0694112233"


def test_a_strict_trait_changed_unties_the_ins(world, gp):
    patient = world.register(ins_recovered=True, identity_checked=True)
    changed = correction(patient, birth_family="Regisse", identity_checked="on")
    gp.post(reverse("patients:correct", args=[patient.pk]), changed)
    assert reload(world, patient).identity_status == "VALI"


def test_a_birth_date_may_be_known_by_its_year_only(world, gp):
    patient = world.register()
    changed = correction(patient, birth_date_0="", birth_date_1="")
    gp.post(reverse("patients:correct", args=[patient.pk]), changed)
    found = reload(world, patient)
    assert (found.birth_date, found.birth_date_precision) == (date(1951, 1, 1), "year")


def test_strangers_find_no_identity(world, sign_in):
    patient = world.register()
    client = sign_in(world.accounts["other_gp"], role=world.roles["other_gp"])
    for name in ("detail", "correct", "versions"):
        assert client.get(reverse(f"patients:{name}", args=[patient.pk])).status_code == 404


def test_the_page_says_what_the_status_means_and_names_nobody_in_its_title(world, gp):
    patient = world.register()
    page = gp.get(reverse("patients:detail", args=[patient.pk])).content.decode()
    assert "Identité provisoire" in page
    title = page[page.index("<title>") : page.index("</title>")]
    assert "Claire" not in title


def test_the_order_of_names_ignores_accents_and_case(world):
    for name in ("Zoé", "émile", "Dupont"):
        world.register(birth_family=name, used_family="")
    with row_security.acting_as(world.actor("gp"), now=world.now):
        page = queries.my_patients(actor=world.actor("gp"), now=world.now)
    assert [person.birth_family for person in page.persons] == ["Dupont", "émile", "Zoé"]
