"""The pages of steering: what a team sees, what the agency does not, and what they cost."""

import csv
import io

import pytest
from django.urls import reverse

from carbet.core import row_security
from carbet.core.models import AuditEvent
from carbet.steering.activity import presenters
from carbet.steering.activity.choices import BY_KEY, DEFINITIONS, Section
from carbet.steering.activity.tests import factories as make
from carbet.steering.activity.tests.test_sums import a_year, world_grants

pytestmark = pytest.mark.django_db

PAGES = [reverse("activity:section", args=[section]) for section in Section.values]


@pytest.fixture
def arya(world, sign_in):
    return sign_in(world.accounts["coordinator"], role=world.roles["coordinator"])


@pytest.fixture(autouse=True)
def at_noon(world, monkeypatch):
    monkeypatch.setattr("carbet.core.clock.now", lambda: world.now)


def many(world, number, commune="97307"):
    """Open that many cases of the team this month."""
    found = []
    for rank in range(number):
        name = f"Foule{commune}{rank}"
        patient = world.circle(used_family=name, commune_id=commune).patient
        with make.writing(world.now):
            request = make.a_request(world, patient, "2026-11-02")
            make.a_case(world, patient, "2026-11-05", request)
            world_grants(world, patient.pk)
        found.append(patient)
    make.follow(world.now)
    return found


def test_each_page_says_its_figures_with_their_definitions(world, arya):
    a_year(world)
    for page in PAGES:
        text = arya.get(page).content.decode()
        assert "DAC Guyane, novembre 2026" in text
        for definition in DEFINITIONS:
            if page.endswith(f"/{definition.section.value}/") and definition.key != "equipes":
                assert definition.title in text
                assert definition.sentence.replace("'", "&#x27;") in text
    text = arya.get(PAGES[1]).content.decode()
    assert "<svg" in text
    assert "Arya Sampaio" in text
    assert 'data-label="Nombre"' in text


@pytest.mark.parametrize("page", [*PAGES, f"{reverse('activity:list')}?chiffre=communes"])
def test_a_page_asks_the_same_queries_whatever_it_counts(
    world, arya, page, django_assert_max_num_queries
):
    many(world, 1)
    arya.get(page)
    with django_assert_max_num_queries(8) as few:
        arya.get(page)
    many(world, 12, "97302")
    with django_assert_max_num_queries(8) as more:
        arya.get(page)
    assert len(few) == len(more)


def test_a_number_leads_to_the_persons_that_it_counts(world, arya):
    patients = many(world, 3)
    page = arya.get(PAGES[1]).content.decode()
    link = f"{reverse('activity:list')}?chiffre=communes&amp;mois=2026-11&amp;valeur=97307"
    assert f'<a href="{link}">3</a>' in page
    listed = arya.get(link.replace("&amp;", "&")).content.decode()
    for patient in patients:
        assert str(patient) in listed
    assert "Le chiffre compte 3" in listed
    assert "Foule" not in listed.partition("</title>")[0]


def test_what_has_closed_to_the_team_is_counted_and_not_named(world, arya):
    kept, gone = many(world, 2)
    with make.writing(world.now):
        from carbet.core import grants

        grants.end(patient_id=gone.pk, source="support_case", now=world.now)
    world.later(minutes=1)
    page = arya.get(f"{reverse('activity:list')}?chiffre=communes").content.decode()
    assert str(kept) in page
    assert str(gone) not in page
    assert "1 ne vous est pas, ou plus, ouvert : il est compté sans être nommé." in page


@pytest.mark.parametrize(
    "query",
    [
        "?chiffre=x",
        "?chiffre=equipes",
        "?chiffre=communes&valeur=zz",
        "?chiffre=ages&valeur=%00",
    ],
)
def test_a_list_that_nothing_counts_does_not_exist(world, arya, query):
    assert arya.get(reverse("activity:list") + query).status_code == 404


@pytest.mark.parametrize(
    "month", ["2026-13", "x", "2026-11-01", "9999-01", "0001-01", "٢٠٢٦-٠١", "%00", "-", "2026-1"]
)
def test_a_month_that_is_none_shows_this_one(world, arya, month):
    for page in (PAGES[0], reverse("activity:csv")):
        answer = arya.get(f"{page}?mois={month}")
        assert answer.status_code == 200
    assert "novembre 2026" in arya.get(f"{PAGES[0]}?mois={month}").content.decode()


def test_a_past_month_shows_what_was_open_then(world, arya):
    many(world, 2)
    assert "DAC Guyane, octobre 2026" in arya.get(f"{PAGES[1]}?mois=2026-10").content.decode()
    assert "Rien à compter" in arya.get(f"{PAGES[1]}?mois=2026-10").content.decode()


def test_the_agency_reads_the_territory_without_small_numbers_nor_names(world, sign_in):
    many(world, 7, "97302")
    many(world, 6, "97304")
    many(world, 3, "97307")
    client = sign_in(world.accounts["agency"], role=world.roles["agency"])
    text = client.get(PAGES[1]).content.decode()
    assert "Guyane, novembre 2026" in text
    assert "Arya" not in text
    assert "Foule" not in text
    assert "chiffre=" not in text
    rows = {
        row["Valeur"]: row["Nombre"]
        for row in read(client.get(reverse("activity:csv")))
        if row["Chiffre"] == "File active, par commune"
    }
    told = {name: rows[name] for name in ("Cayenne", "Kourou", "Matoury", "Total")}
    assert told == {"Cayenne": "n. c.", "Kourou": "6", "Matoury": "n. c.", "Total": "16"}
    assert rows["Saint-Laurent-du-Maroni"] == "0"
    assert client.get(reverse("activity:list") + "?chiffre=communes").status_code == 403


def test_the_agency_reads_nothing_of_fewer_than_five(world, sign_in):
    many(world, 4)
    client = sign_in(world.accounts["agency"], role=world.roles["agency"])
    table = read(client.get(reverse("activity:csv")))
    assert {row["Nombre"] for row in table if row["Nombre"].isdigit()} == {"0"}
    for page in PAGES:
        text = client.get(page).content.decode()
        assert ">4<" not in text
        assert presenters.UNTOLD in text


@pytest.mark.parametrize("reader", ["coordinator", "agency"])
def test_each_first_number_leads_to_its_definition(world, sign_in, reader):
    """By its list, which says it at the top, or by its table where there is no list."""
    many(world, 7)
    client = sign_in(world.accounts[reader], role=world.roles[reader])
    text = client.get(PAGES[0]).content.decode()
    for label, key in (
        ("Dossiers en cours", "file-active-par-mois"),
        ("Demandes en attente", "attente"),
        ("Plans en retard", "revisions"),
        ("Sorties dans le mois", "sorties-par-mois"),
    ):
        link = text[: text.index(label)].rpartition('href="')[2].partition('"')[0]
        page = client.get(link.replace("&amp;", "&").partition("#")[0]).content.decode()
        assert key in link
        assert f'id="{key}"' in page or f"<h1>{BY_KEY[key].title}" in page.replace("\n", "")
        assert BY_KEY[key].sentence in page


def test_openings_are_not_told_where_exits_would_give_them_away(world, sign_in):
    """What is open now, less what was open a month before, is openings less exits."""
    patients = many(world, 8)
    with make.writing(world.now):
        from carbet.coordination.support.models import Case

        for case in Case.objects.filter(patient__in=patients[:2]):
            make.close(case, "2026-11-20")
    make.follow(world.now)
    client = sign_in(world.accounts["agency"], role=world.roles["agency"])
    rows = read(client.get(reverse("activity:csv")))
    november = {row["Chiffre"]: row["Nombre"] for row in rows if row["Valeur"] == "2026-11"}
    assert november["Dossiers ouverts, mois par mois"] == "n. c."
    assert november["Sorties, mois par mois"] == "n. c."
    assert november["File active en fin de mois"] == "6"
    answers = [row["Nombre"] for row in rows if row["Chiffre"] == "Réponses données"]
    assert answers[:-1] == ["n. c."] * 3


def test_a_carer_who_steers_nothing_has_no_such_page(world, sign_in):
    client = sign_in(world.accounts["nurse"], role=world.roles["nurse"])
    for page in (*PAGES, reverse("activity:csv"), reverse("activity:list")):
        assert client.get(page).status_code == 403
    assert "Pilotage" not in client.get("/").content.decode()


def test_reading_and_taking_away_are_traced(world, arya):
    many(world, 1)
    for page in (PAGES[0], f"{reverse('activity:list')}?chiffre=communes", reverse("activity:csv")):
        arya.get(page)
    with row_security.acting_as(make.INTERNAL, now=world.now):
        traced = AuditEvent.objects.filter(operation__startswith="activity.", role_id__isnull=False)
        found = set(traced.values_list("operation", "entity"))
    assert found == {
        ("activity.figures", "2026-11"),
        ("activity.list", "communes"),
        ("activity.export", "2026-11.csv"),
    }


def test_a_name_is_never_a_formula_in_a_spreadsheet(world, arya):
    many(world, 1)
    with make.writing(world.now):
        practitioner = world.roles["coordinator"].practitioner
        practitioner.given, practitioner.civility = "=HYPERLINK(1)", ""
        practitioner.save()
    values = {row["Valeur"] for row in read(arya.get(reverse("activity:csv")))}
    assert "'=HYPERLINK(1) Sampaio" in values
    assert not [value for value in values if value.startswith("=")]


def test_figures_that_are_behind_say_so(world, arya):
    many(world, 1)
    assert "Chiffres à jour" in arya.get(PAGES[0]).content.decode()
    patient = world.circle(birth_family="Nouvelle").patient
    with make.writing(world.now):
        make.a_request(world, patient, "2026-11-03")
    assert "en cours de calcul" in arya.get(PAGES[0]).content.decode()


def read(answer):
    """Return the lines of a CSV answer."""
    text = answer.content.decode("utf-8-sig")
    return list(csv.DictReader(io.StringIO(text), delimiter=";"))


def test_the_list_goes_on_page_by_page(world, arya, monkeypatch):
    monkeypatch.setattr("carbet.steering.activity.queries.PAGE", 4)
    patients = many(world, 9)
    address, seen = f"{reverse('activity:list')}?chiffre=communes", []
    while address:
        text = arya.get(address).content.decode()
        seen += [str(patient) for patient in patients if str(patient) in text]
        _, _, rest = text.partition('rel="next"')
        address = ""
        if rest:
            link = text[: text.index('rel="next"')].rpartition('href="')[2].partition('"')[0]
            address = reverse("activity:list") + link.replace("&amp;", "&")
    assert len(seen) == 9 == len(set(seen))
