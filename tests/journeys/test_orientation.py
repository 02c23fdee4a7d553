"""A GP sends Claire where she needs to go; whoever keeps a structure counts its beds on a phone."""

import re

import pytest
from playwright.sync_api import expect

from tests.journeys.person import Someone

pytestmark = pytest.mark.journey

GP = "yann.lebihan@carbet.example"
NURSE = "solange.adelaide@carbet.example"
PLACES = re.compile(r"^Places de SSIAD\s*Soins")
KEEPER = "josta.pinas@carbet.example"


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


def test_a_doctor_orients_claire(enter):
    # Given her doctor, in her record
    gp = enter(GP)
    gp.go("/patients/")
    gp.follow(re.compile("Florimond"))
    gp.follow("Orientations")
    gp.sees("Trajets comptés depuis la commune de la personne")

    # When he looks for what she needs, in the words one says
    gp.type("Que cherchez-vous ?", "botox")
    gp.press_in_main("Chercher")
    gp.sees("injection de toxine botulique")
    assert "botox" not in gp.page.url
    gp.follow(re.compile("^Orienter ici"))
    gp.press("Enregistrer l’orientation")
    gp.sees("Dites pourquoi vous orientez cette personne")
    gp.type("Pourquoi", "Spasticité du bras droit, avis pour toxine.")
    gp.press("Enregistrer l’orientation")
    gp.sees("Orientation enregistrée et écrite dans le cahier")
    gp.sees("En attente de réponse")

    # Then her nurse reads it in the notebook, and says what became of it
    record = re.search(r"/patients/(\w+)/", gp.page.url)
    assert record
    nurse = enter(NURSE)
    nurse.go(f"/patients/{record.group(1)}/cahier/")
    nurse.sees(re.compile("Orientation vers Consultation spasticité"))
    nurse.sees(re.compile("Spasticité du bras droit"))
    nurse.go(f"/patients/{record.group(1)}/orientations/")
    nurse.follow(re.compile("Consultation spasticité"))
    nurse.tick("Prise en charge confirmée")
    nurse.type(re.compile("^Précision"), "Rendez-vous le 12.")
    nurse.press("Enregistrer la suite")
    nurse.sees("Suite enregistrée")

    # and it is on the doctor's page as well
    gp.go(f"/patients/{record.group(1)}/orientations/")
    gp.sees("Prise en charge confirmée")


@pytest.mark.parametrize("scripts", [True, False], ids=["scripts", "no scripts"])
def test_anyone_searches_with_the_keyboard(enter, scripts):
    gp = enter(GP, scripts=scripts)
    gp.follow("Orienter")
    gp.type("Que cherchez-vous ?", "kinesitherapeutte kourou")
    gp.press_in_main("Chercher")
    gp.sees(re.compile("trajets depuis Matoury"))
    gp.sees(re.compile("compris comme"))
    first = gp.page.get_by_role("main").locator("ol li").first
    expect(first).to_contain_text("Kourou")


def test_a_keeper_counts_beds_on_a_phone_in_two_gestures(enter):
    # Given Josta, whose day says that places wait to be counted, on her phone
    josta = enter(KEEPER, width=390, height=844)
    josta.sees("Lits et places à compter")
    josta.follow(re.compile("^SSIAD du Littoral"))
    beds = josta.page.url

    # When she types the number and saves: two gestures
    josta.type(PLACES, "7")
    josta.press("Enregistrer")

    # Then it is dated of now
    josta.sees("Compté. Tout le monde le voit dès maintenant.")
    width = josta.page.evaluate("document.documentElement.scrollWidth")
    assert width <= 390

    # and a doctor who searches sees it, seconds later
    gp = enter(GP)
    gp.go("/orienter/?q=ssiad+littoral")
    gp.sees(re.compile("7 disponibles"))
    gp.sees(re.compile("à l’instant|il y a 1 min"))

    # More than there are is refused at its line, and nothing is lost
    josta.page.goto(beds)
    josta.type(PLACES, "900")
    josta.press("Enregistrer")
    josta.sees(re.compile("900 libres pour 60 installés"))
