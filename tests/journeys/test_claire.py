"""Claire's story, with the keyboard alone: with scripts, and again without any."""

import re
import time

import pytest
from playwright.sync_api import Locator, expect

from tests.journeys.person import Someone

pytestmark = pytest.mark.journey

GP = "yann.lebihan@carbet.example"
COORDINATOR = "arya.doerga@carbet.example"
NURSE = "solange.adelaide@carbet.example"
DOCTOR_OUTSIDE = "helene.dumont@carbet.example"
CLAIRE = "claire.florimond@carbet.example"


def alerts_of(person: Someone, kind: str, name: str) -> Locator:
    """Return the lines of a list of alerts that are of this kind and about this person."""
    lines = person.page.get_by_label("Liste des alertes").get_by_role("listitem")
    return lines.filter(has=person.page.get_by_role("button", name=kind, exact=True)).filter(
        has_text=name
    )


@pytest.mark.parametrize("scripts", [True, False], ids=["scripts", "no scripts"])
def test_claire_is_cared_for_together(enter, scripts):
    # Each pass has a Claire of its own: a person has one record only.
    family, year = ("Sébastien", "1951") if scripts else ("Amaranthe", "1962")

    # Given her doctor, who looks for her by her traits and does not find her
    gp = enter(GP, scripts=scripts)
    gp.follow("Trouver une personne")
    gp.type(re.compile("^Nom de naissance"), family)
    gp.type("Premier prénom de naissance", "Claire")
    for part, text in zip(("Jour", "Mois", "Année"), ("14", "03", year), strict=True):
        gp.type(part, text)
    gp.press_in_main("Chercher")
    gp.sees("Personne n’est connu sous ces traits")

    # When he creates her record, with her consent
    gp.press(re.compile("Créer le dossier"))
    gp.tick("Femme")
    gp.type(re.compile("^Nom utilisé"), "Florimond")
    gp.tick(re.compile("Elle est d’accord"))
    gp.press("Créer le dossier")
    gp.sees("Accord recueilli")
    record = re.search(r"/patients/(\w+)/", gp.page.url)
    assert record
    home = f"/patients/{record.group(1)}/"

    # and asks the DAC for support, while Arya looks at her requests
    arya = enter(COORDINATOR, scripts=scripts)
    arya.go("/demandes/")
    gp.go(f"{home}demande-d-appui/")
    gp.tick("Maintien à domicile")
    gp.type("Situation et besoins", "Hémiplégie, son mari s’épuise, chutes à domicile.")
    gp.press("Envoyer la demande")

    # Then Arya sees it, by itself when scripts run
    if not scripts:
        arya.go("/demandes/")
    begun = time.monotonic()
    request = arya.page.get_by_role("link", name=re.compile("Claire Florimond")).first
    expect(request).to_be_visible(timeout=10_000)
    assert time.monotonic() - begun < 10

    # When she accepts, she is in the circle and the record opens
    arya.follow(re.compile("Claire Florimond"))
    arya.press("Accepter la demande")
    arya.go(home)
    arya.sees("Accord recueilli")

    # and she adds the nurse from the directory
    arya.go(f"{home}cercle/ajouter/")
    arya.type(re.compile("Nom, profession, structure"), "solange adelaide")
    if not scripts:
        arya.press("Chercher")
    nurse_choice = arya.page.get_by_role("radio", name=re.compile("Solange Adélaïde")).first
    expect(nurse_choice).to_be_visible()
    arya.tick(re.compile("Solange Adélaïde"))
    arya.press("Ajouter au cercle")
    arya.sees("Solange Adélaïde")

    # and writes the first plan, and proposes it
    arya.go(f"{home}plan/")
    arya.press("Commencer le plan")
    arya.type(re.compile("^Besoin"), "Se déplacer en sécurité chez elle")
    arya.type(re.compile("^Objectif"), "Marcher jusqu’au jardin")
    arya.type(re.compile("^Action"), "Rééducation de la marche")
    arya.press("Ajouter au plan")
    arya.sees("Marcher jusqu’au jardin")
    arya.follow("Terminer et relire")
    arya.press("Proposer à l’approbation")
    arya.sees(re.compile("approbation", re.IGNORECASE))

    # Then the doctor approves, and the plan is a PDF
    gp.go(f"{home}plan/")
    gp.press("Approuver le plan")
    gp.sees(re.compile("Version 1"))
    pdf = gp.context.request.get(f"{gp.house.url}{home}plan/plan.pdf")
    assert pdf.status == 200
    assert pdf.body().startswith(b"%PDF-")

    # When the nurse writes an urgent note and a blood pressure
    gp.go("/alertes/")
    told = alerts_of(gp, "Note urgente", "Claire Florimond")
    before = told.count()
    nurse = enter(NURSE, scripts=scripts, width=390, height=844)
    nurse.go(f"{home}cahier/notes/nouvelle/")
    nurse.type("Note", "Chute ce matin dans la salle de bain, pas de plaie.")
    nurse.tick(re.compile("^Urgente"))
    nurse.press("Enregistrer la note")
    nurse.sees("Chute ce matin")

    # Then the doctor is alerted, by himself when scripts run
    if not scripts:
        gp.go("/alertes/")
    expect(told).to_have_count(before + 1, timeout=10_000)
    nurse.go(f"{home}mesures/saisir/")
    nurse.type("Tension, systolique", "165")
    nurse.type("Tension, diastolique", "90")
    nurse.press("Enregistrer les mesures")
    nurse.sees(re.compile("165"))

    # and finds both in the record, new since his last visit
    gp.go(home)
    gp.sees("Chute ce matin")

    # When the doctor opens Claire's own space, she reads her plan and who came
    gp.go(f"{home}cercle/espace-personnel/")
    gp.type("Adresse de son compte personnel", CLAIRE)
    gp.press("Ouvrir l’espace personnel")
    claire = enter(CLAIRE, scripts=scripts, width=390, height=844)
    claire.go(f"/mon-dossier/{record.group(1)}/")
    claire.sees("Marcher jusqu’au jardin")
    claire.go(f"/mon-dossier/{record.group(1)}/acces/")
    claire.sees("Arya Doerga")
    gp.go(f"{home}cercle/espace-personnel/")
    gp.press(re.compile("Fermer l’accès"))


def test_a_doctor_outside_enters_by_exception_and_everyone_knows(enter):
    # Given a person followed elsewhere, whose traits the doctor knows
    gp = enter(GP)
    gp.follow("Trouver une personne")
    gp.type(re.compile("^Nom de naissance"), "Exception")
    gp.type("Premier prénom de naissance", "Odette")
    for part, text in zip(("Jour", "Mois", "Année"), ("02", "05", "1960"), strict=True):
        gp.type(part, text)
    gp.press_in_main("Chercher")
    gp.press(re.compile("Créer le dossier"))
    gp.tick("Femme")
    gp.tick(re.compile("Elle est d’accord"))
    gp.press("Créer le dossier")
    record = re.search(r"/patients/(\w+)/", gp.page.url)
    assert record
    home = f"/patients/{record.group(1)}/"
    gp.go("/alertes/")

    # When a doctor of Kourou breaks the glass with a reason
    outside = enter(DOCTOR_OUTSIDE)
    answer = outside.page.goto(outside.house.url + home)
    assert answer
    assert answer.status == 404
    outside.go("/patients/trouver/")
    outside.type(re.compile("^Nom de naissance"), "Exception")
    outside.type("Premier prénom de naissance", "Odette")
    for part, text in zip(("Jour", "Mois", "Année"), ("02", "05", "1960"), strict=True):
        outside.type(part, text)
    outside.press_in_main("Chercher")
    outside.press("Accès exceptionnel")
    outside.tick("Urgence vitale")
    outside.type("Explication", "Malaise sur la voie publique à Kourou")
    outside.press(re.compile("Ouvrir"))

    # Then the record opens for a time, and her doctor is alerted at once
    outside.go(home)
    outside.sees(re.compile("exceptionnel", re.IGNORECASE))
    told = alerts_of(gp, "Accès exceptionnel", "Odette Exception")
    expect(told.first).to_be_visible(timeout=10_000)
