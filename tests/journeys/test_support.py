"""From a request to the end of a case, what rules propose, what an emergency reads: no mouse."""

import re

import pytest
from playwright.sync_api import expect

pytestmark = pytest.mark.journey

ARYA = "arya.doerga@carbet.example"
RODOLPHE = "rodolphe.polydor@carbet.example"
GP = "yann.lebihan@carbet.example"
NURSE = "solange.adelaide@carbet.example"
DAUGHTER = "nadege.florimond@carbet.example"


def test_a_request_is_weighed_completed_accepted_handed_over_and_ended(enter):
    # Given Arya before her requests, the most urgent first, the late ones marked
    arya, nurse = enter(ARYA), enter(NURSE)
    arya.go("/demandes/")
    waiting = arya.page.locator("#requests .row")
    expect(waiting.first).to_contain_text("Sous 48 heures")
    expect(waiting.first).to_contain_text("Retard")

    # When she weighs one that the nurse sent
    arya.follow(re.compile("Ana Furtado"))
    arya.follow("Évaluer la complexité")
    arya.tick(re.compile("Deux hospitalisations"))
    arya.tick(re.compile("Aidant épuisé"))
    arya.tick(re.compile("Sans médecin traitant"))
    arya.press("Enregistrer")
    arya.sees("Situation complexe")
    arya.sees(re.compile(r"Deux hospitalisations .* \(\+2\)"))

    # and asks the nurse for more, who sees it by itself and answers
    nurse.go("/demandes/envoyees/")
    arya.follow("Demander un complément")
    arya.type("Ce qui manque", "Qui l’accompagne à l’hôpital ?")
    arya.press("Demander")
    arya.sees("Le délai s’arrête")
    line = nurse.page.locator("#sent .row").filter(has_text="Ana Furtado")
    expect(line).to_contain_text("Complément demandé", timeout=10_000)
    nurse._enter(line.get_by_role("link", name="Répondre"))
    nurse.sees("Qui l’accompagne à l’hôpital ?")
    nurse.type("Votre réponse", "Sa mère, avec le taxi conventionné.")
    accept = arya.page.get_by_role("button", name="Accepter la demande")
    arya.reach(accept)
    nurse.press("Envoyer la réponse")
    expect(arya.page.locator("#request")).to_contain_text("taxi conventionné", timeout=10_000)
    # what came took nothing from her hand: Enter does what it was about to do
    expect(accept).to_be_focused()

    # Then she accepts, notes the first contact, and hands the case over to Rodolphe
    arya.press("Accepter la demande")
    arya.follow("Noter le premier contact")
    arya.press("Enregistrer")
    arya.sees(re.compile("après la demande"))
    case = arya.page.url.removeprefix(arya.house.url)
    expect(nurse.page.locator("#request")).to_contain_text("Acceptée", timeout=10_000)
    arya.follow("Confier à un collègue")
    arya.choose("Confier à", "M. Rodolphe Polydor, coordonnateur de parcours")
    arya.type("Ce que la suite doit savoir", "Rappeler la mère jeudi.")
    arya.press("Confier le dossier")
    arya.sees(re.compile("Rappeler la mère jeudi"))
    arya.leave()

    # When Rodolphe, alerted, ends it, and opens it again
    rodolphe = enter(RODOLPHE)
    rodolphe.go(case)
    rodolphe.sees(re.compile("Rappeler la mère jeudi"))
    rodolphe.follow("Clore l’appui")
    rodolphe.tick("Relais pris par d’autres")
    rodolphe.type(re.compile("Pourquoi l’appui s’arrête"), "Le réseau asthme prend la suite.")
    rodolphe.press("Clore le dossier d’appui")
    rodolphe.sees("Dossier d’appui clos")
    rodolphe.page.goto(rodolphe.house.url + case)
    rodolphe.sees(re.compile("n’existe pas|introuvable", re.IGNORECASE))

    # Then the nurse reads why, and Rodolphe needs a new agreement to come back
    nurse.go(case)
    nurse.sees(re.compile("Le réseau asthme prend la suite"))
    rodolphe.go("/demandes/dossiers/?etat=clos")
    rodolphe.follow("Rouvrir")
    rodolphe.type("Pourquoi l’appui reprend", "Nouvelle crise.")
    rodolphe.press("Rouvrir le dossier")
    rodolphe.sees(re.compile("Recueillez l’accord"))
    rodolphe.tick("La personne elle-même")
    rodolphe.press("Rouvrir le dossier")
    rodolphe.sees("Dossier rouvert")


def test_a_daughter_is_asked_at_her_own_door_and_answers(enter):
    # Given the daughter who asked for help, and a coordinator
    nadege, rodolphe = enter(DAUGHTER), enter(RODOLPHE)
    nadege.go("/mon-dossier/")
    nadege.follow("Demander de l’aide")
    nadege.follow("Épuisement de l’aidant")

    # When he asks her for more
    rodolphe.go("/demandes/")
    rodolphe.follow(re.compile("Raymond Florimond"))
    rodolphe.follow("Demander un complément")
    rodolphe.type("Ce qui manque", "Accepterait-il un répit d’une semaine ?")
    rodolphe.press("Demander")

    # Then she sees it, answers, and he reads it
    box = nadege.page.locator("#request")
    expect(box).to_contain_text("a besoin d’une précision", timeout=10_000)
    nadege.follow("Répondre")
    nadege.type("Votre réponse", "Oui, si ma tante vient.")
    nadege.press("Envoyer")
    nadege.sees("Complément apporté")
    expect(rodolphe.page.locator("#request")).to_contain_text("si ma tante vient", timeout=10_000)


def test_a_rule_proposes_a_doctor_decides_and_an_emergency_reads_one_page(enter):
    # Given a weight that falls, seen by a rule that says why
    gp = enter(GP)
    gp.go("/")
    gp._enter(gp.page.get_by_role("link", name=re.compile("Eugène Mathurin")).first)
    record = re.search(r"/patients/\w+/", gp.page.url)
    assert record
    gp.go(f"{record.group()}signaux/")
    gp.sees("3,7 kg perdus en un mois : 63,5 kg, puis 59,8 kg (5,8 %). Seuil : 5 %.")

    # When the doctor sets it aside without a word, he is asked why; with one, it is kept
    gp.press("Écarter")
    gp.sees(re.compile("Dites ce qui est fait"))
    gp.type(re.compile("Ce qui est fait"), "Diurétique augmenté le 3, perte attendue.")
    gp.press("Écarter")
    gp.sees("Signal écarté")
    gp.sees("Diurétique augmenté le 3, perte attendue.")

    # When he says how the person lives and what an emergency must know
    gp.go(f"{record.group()}situation/decrire/")
    gp.tick("Fleuve (pirogue)")
    gp.type("Indications", "Dégrad Edmond, cabane bleue")
    gp.press("Enregistrer")
    gp.follow("Renseigner")
    gp.type("Allergies", "Iode")
    gp.press("Enregistrer")

    # Then one page says it all, and whom to call
    gp.follow("Fiche d’urgence")
    for text in ("Iode", "Dégrad Edmond, cabane bleue", "Léontine Mathurin"):
        gp.sees(re.compile(text))
