"""The circle at work, at two browsers: invited, in, and out the same moment."""

import re

import pytest
from playwright.sync_api import expect

pytestmark = pytest.mark.journey

GP = "yann.lebihan@carbet.example"
NURSE = "solange.adelaide@carbet.example"
DOCTOR_OUTSIDE = "helene.dumont@carbet.example"
MONA = ("Mona", "Kourouman", ("2", "6", "1949"))
ROSITA = ("Rosita", "Sabajo", ("7", "11", "1953"))


def look_for(someone, given, family, birth):
    """Look for a person by the exact traits, as any professional may."""
    someone.go("/patients/trouver/")
    someone.type(re.compile("^Nom de naissance"), family)
    someone.type("Premier prénom de naissance", given)
    for part, text in zip(("Jour", "Mois", "Année"), birth, strict=True):
        someone.type(part, text)
    someone.press_in_main("Chercher")


def open_record(doctor, *traits):
    """Create the person's record, with her consent; return its address."""
    look_for(doctor, *traits)
    doctor.press(re.compile("Créer le dossier"))
    doctor.tick("Femme")
    doctor.tick(re.compile("Elle est d’accord"))
    doctor.press("Créer le dossier")
    doctor.sees("Accord recueilli")
    record = re.search(r"/patients/(\w+)/", doctor.page.url)
    assert record
    return f"/patients/{record.group(1)}/"


def test_a_guest_accepts_then_leaves_while_typing(enter):
    # Given a doctor and the person whose record he has just opened
    gp, nurse = enter(GP), enter(NURSE)
    home = open_record(gp, *MONA)

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


def test_who_manages_the_record_reviews_an_exceptional_entry(enter):
    # Given a record, and a doctor outside its circle
    gp, outside = enter(GP), enter(DOCTOR_OUTSIDE)
    home = open_record(gp, *ROSITA)
    assert outside.context.request.get(f"{outside.house.url}{home}").status == 404

    # When she breaks the glass and reads
    look_for(outside, *ROSITA)
    outside.press("Accès exceptionnel")
    outside.tick("Urgence vitale")
    outside.type("Explication", "Malaise sur la voie publique à Kourou")
    outside.press(re.compile("Ouvrir"))
    outside.go(home)
    outside.sees("Accès exceptionnel : encore")

    # Then it waits for the doctor who manages the record, with who and why; not for her
    outside.go("/acces-exceptionnels/")
    expect(outside.page.get_by_role("main")).not_to_contain_text("Rosita")
    gp.go(f"{home}acces/")
    gp.sees("Malaise sur la voie publique")
    gp.follow("Relire")
    entry = gp.page.locator(".card").filter(has_text="Rosita")
    expect(entry).to_contain_text("Hélène Dumont")
    expect(entry).to_contain_text("Malaise sur la voie publique à Kourou")

    # When he says what he thinks of it
    gp.reach(entry.get_by_label("Justifié"))
    gp.page.keyboard.press("Space")
    gp.reach(entry.get_by_label("Remarque"))
    gp.page.keyboard.type("Appelé par le SAMU, conduite adaptée.")
    gp.reach(entry.get_by_role("button", name="Enregistrer la relecture"))
    gp.page.keyboard.press("Enter")
    gp.sees("Accès relu")

    # Then nothing waits any more, and the log keeps who entered and what was thought
    expect(entry).to_have_count(0)
    gp.go(f"{home}acces/")
    gp.sees(re.compile("Relu .* par .*Le Bihan.*Justifié. Appelé par le SAMU"))
    expect(gp.page.get_by_role("link", name="Relire")).to_have_count(0)
