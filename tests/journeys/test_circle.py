"""The circle at work, at two browsers: invited, in, and out the same moment."""

import re

import pytest
from playwright.sync_api import expect

pytestmark = pytest.mark.journey

GP = "yann.lebihan@carbet.example"
NURSE = "solange.adelaide@carbet.example"


def test_a_guest_accepts_then_leaves_while_typing(enter):
    # Given a doctor and the person whose record he has just opened
    gp, nurse = enter(GP), enter(NURSE)
    gp.follow("Trouver une personne")
    gp.type(re.compile("^Nom de naissance"), "Kourouman")
    gp.type("Premier prénom de naissance", "Mona")
    for part, text in zip(("Jour", "Mois", "Année"), ("2", "6", "1949"), strict=True):
        gp.type(part, text)
    gp.press_in_main("Chercher")
    gp.press(re.compile("Créer le dossier"))
    gp.tick("Femme")
    gp.tick(re.compile("Elle est d’accord"))
    gp.press("Créer le dossier")
    gp.sees("Accord recueilli")
    record = re.search(r"/patients/(\w+)/", gp.page.url)
    assert record
    home = f"/patients/{record.group(1)}/"

    # When he invites the nurse
    gp.go(f"{home}cercle/ajouter/")
    gp.type(re.compile("Nom, profession, structure"), "solange adelaide")
    expect(gp.page.get_by_role("radio", name=re.compile("Solange Adélaïde")).first).to_be_visible()
    gp.tick(re.compile("Solange Adélaïde"))
    gp.tick(re.compile("Lui demander d’abord"))
    gp.press("Ajouter au cercle")
    gp.sees("Sans réponse")

    # Then she sees whom it is about, and not the record, until she accepts
    assert nurse.context.request.get(f"{nurse.house.url}{home}cercle/").status == 404
    nurse.go("/invitations/")
    nurse.sees("Mona Kourouman")
    nurse.press("Accepter l’invitation")
    nurse.go(f"{home}cercle/")
    nurse.sees("Yann Le Bihan")

    # When she is writing and he ends her stay
    nurse.go(f"{home}cahier/notes/nouvelle/")
    nurse.type(re.compile("^Note"), "Plaie propre, pansement refait.")
    gp.go(f"{home}cercle/")
    gp.follow(re.compile("Mettre fin à la participation de .*Solange"))
    gp.tick("À la demande de la personne")
    gp.press("Mettre fin à la participation")
    gp.sees("ancien membre")

    # Then the record is closed to her at once, and her text is given back
    assert nurse.context.request.get(f"{nurse.house.url}{home}").status == 404
    nurse.press("Enregistrer la note")
    nurse.sees("Votre texte n’a pas été enregistré")
    nurse.sees("Plaie propre, pansement refait.")
