"""The agenda: two people race for a slot; a round is planned, put in order, printed; on a phone."""

import re

import pytest
from playwright.sync_api import expect

from tests.journeys.person import Someone

pytestmark = pytest.mark.journey

NURSE = "solange.adelaide@carbet.example"
HOME_HELP = "roselia.pereira@carbet.example"
GP = "yann.lebihan@carbet.example"


@pytest.fixture
def enter(browser, house):
    """Return a function that brings someone in, signed in, at their own browser."""
    came = []

    def enter(email, **options):
        someone = Someone(browser, house, **options)
        came.append(someone)
        someone.sign_in(email)
        return someone

    yield enter
    for someone in came:
        someone.leave()


def record_of(person: Someone, name: str) -> str:
    """Return the address of a record, found in one's own list."""
    person.go("/patients/")
    link = person.page.get_by_role("main").get_by_role("link", name=re.compile(name, re.IGNORECASE))
    href = link.first.get_attribute("href")
    assert href
    return "/".join(href.split("/")[:3]) + "/"


def test_two_people_race_for_a_slot_and_one_gets_it(enter):
    # Given a nurse and a home help who look at the same free slot of the doctor
    nurse, helper = enter(NURSE), enter(HOME_HELP)
    home = record_of(nurse, "Placide")
    nurse.go(f"{home}agenda/nouveau/")
    slot = nurse.page.locator('a[href*="creneau="]').first.get_attribute("href")
    assert slot
    for person in (nurse, helper):
        person.go(slot)
        person.sees("Créneau libre choisi")
        person.tick(re.compile("Le Bihan"))

    # When both take it
    nurse.press_in_main("Enregistrer")
    helper.press_in_main("Enregistrer")

    # Then one has it, and the other is told at once, with everything that was typed
    expect(nurse.page).to_have_url(re.compile(f"{home}agenda/$"))
    helper.sees(re.compile("vient d’être pris"))
    expect(helper.page.get_by_label(re.compile("Le Bihan"))).to_be_checked()

    # and the doctor answers what the nurse asked
    gp = enter(GP)
    gp.go("/agenda/demandes/")
    gp.sees("Solange Adélaïde")
    gp.press(re.compile("^Accepter"))
    gp.sees("Rendez-vous accepté")


def test_a_round_is_put_in_order_and_printed(enter):
    # Given the round of tomorrow, with less time than the way takes
    nurse = enter(NURSE)
    nurse.go("/agenda/?vue=jour")
    nurse.follow("Suivant")
    nurse.sees(re.compile(r"Trajet d’environ \d+ min pour"))
    rows = nurse.page.get_by_role("main").locator(".row-title")
    before = rows.all_inner_texts()
    assert len(before) >= 3

    # When she takes a visit before the one that precedes it
    nurse.press(re.compile(f"^Avant.*{re.escape(before[-1])}"))

    # Then it stands there, at its new hour
    assert rows.all_inner_texts()[-2] == before[-1]

    # and the sheet that she prints holds the round and nothing else
    nurse.page.emulate_media(media="print")
    expect(nurse.page.get_by_role("navigation", name="Menu principal")).to_be_hidden()
    expect(rows.first).to_be_visible()
    assert nurse.page.pdf().startswith(b"%PDF")


def test_a_visit_is_fixed_on_a_phone(enter):
    nurse = enter(NURSE, width=390, height=844)
    home = record_of(nurse, "Placide")
    # Alerts stay at hand at the bottom of a phone.
    bar = nurse.page.get_by_role("navigation", name="Menu principal")
    expect(bar.get_by_role("link", name="Alertes")).to_be_visible()
    nurse.go(f"{home}agenda/nouveau/")
    # What few visits need is folded.
    expect(nurse.page.get_by_label("Rythme")).to_be_hidden()
    nurse.tick(re.compile("Adélaïde"))
    nurse.page.get_by_label("Jour", exact=True).fill("2027-03-15")
    nurse.page.get_by_label("Heure", exact=True).fill("09:00")
    nurse.press_in_main("Enregistrer")
    expect(nurse.page).to_have_url(re.compile(f"{home}agenda/$"))
    # A second visit at the same hour is stopped before anything is written.
    nurse.go(f"{home}agenda/nouveau/")
    nurse.tick(re.compile("Adélaïde"))
    nurse.page.get_by_label("Jour", exact=True).fill("2027-03-15")
    nurse.page.get_by_label("Heure", exact=True).fill("09:15")
    nurse.press_in_main("Enregistrer")
    nurse.sees("Rien n’est encore enregistré")
    nurse.sees(re.compile("La personne a déjà un rendez-vous de 9 h à 9 h 30"))


def test_who_waits_is_given_a_date_read_in_a_calendar_and_told_when_it_falls(enter):
    # Given a nurse who asks the doctor to see somebody when he can
    nurse, gp = enter(NURSE), enter(GP)
    home = record_of(nurse, "Placide")
    gp.go("/agenda/demandes/")
    waits = (
        gp.page.get_by_role("main").get_by_role("listitem").filter(has_text="Avis sur la marche")
    )
    expect(waits).to_have_count(0)
    nurse.go(f"{home}agenda/attente/")
    nurse.tick(re.compile("Le Bihan"))
    nurse.type(re.compile("Objet"), "Avis sur la marche")
    nurse.press("Inscrire")

    # Then the doctor sees it without reloading, and fixes a date
    expect(waits).to_have_count(1)
    visit = waits.locator("a.row-title").get_attribute("href")
    assert visit
    gp.reach(waits.get_by_role("link", name=re.compile("Fixer une date")))
    gp.page.keyboard.press("Enter")
    gp.page.wait_for_url("**/deplacer/")
    gp.check()
    gp.page.get_by_label("Jour", exact=True).fill("2027-04-12")
    gp.page.get_by_label("Heure", exact=True).fill("14:00")
    gp.press_in_main("Enregistrer")
    gp.go("/agenda/demandes/")
    expect(waits).to_have_count(0)

    # and reads it in the calendar of his telephone: an hour, never a name nor why
    gp.go("/agenda/abonnement/")
    gp.press(re.compile("Créer une adresse|Changer d’adresse"))
    address = gp.page.get_by_role("main").locator("code").inner_text()
    feed = gp.page.request.get(address)
    assert feed.headers["content-type"].startswith("text/calendar")
    said = feed.text()
    assert "DTSTART" in said
    assert "20270412T" in said
    assert not re.search("placide|marche", said, re.IGNORECASE)

    # When the person is in hospital, the doctor cancels and says why
    gp.go(visit)
    gp.follow("Annuler le rendez-vous")
    gp.press_in_main("Annuler le rendez-vous")
    gp.sees(re.compile("motif|obligatoire", re.IGNORECASE))
    gp.choose("Motif", "Personne hospitalisée")
    gp.press_in_main("Annuler le rendez-vous")

    # Then the nurse reads why, and the calendar no longer holds it
    nurse.go(visit)
    nurse.sees("Personne hospitalisée")
    said = gp.page.request.get(address).text()
    assert "20270412T" not in said or "STATUS:CANCELLED" in said

    # and an address that is closed opens nothing any more
    gp.go("/agenda/abonnement/")
    gp.press("Fermer l’adresse")
    assert gp.page.request.get(address).status == 404
