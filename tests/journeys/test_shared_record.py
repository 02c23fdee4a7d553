"""The shared record by the keyboard: a sheet deposited, a report looked up, read and filed."""

import re

import pytest

pytestmark = pytest.mark.journey

GP = "yann.lebihan@carbet.example"


def test_a_doctor_deposits_a_sheet_in_the_shared_record(enter):
    # Given the sheet of the circle, filed as a document
    gp = enter(GP)
    gp.go("/patients/?q=Placide")
    gp.follow(re.compile("Placide"))
    gp.follow("Documents")
    gp.press("Classer la fiche du cercle")
    gp.follow(re.compile("^Fiche du cercle|^Cercle de soins"))

    # When he deposits it, first without saying that the person was told
    gp.follow("Déposer au DMP")
    gp.sees("Bac à sable")
    gp.press("Déposer")
    gp.sees("Le dépôt demande que la personne soit informée")
    gp.tick(re.compile("^La personne est informée"))
    gp.press("Déposer")
    gp.sees("Le document part vers le DMP")

    # Then the page says that it is there, and by whom it was taken
    page = gp.page.url.removeprefix(gp.house.url)
    for _ in range(30):
        gp.go(page)
        if gp.page.get_by_text("Déposé", exact=True).count():
            break
        gp.page.wait_for_timeout(500)
    gp.sees("bac à sable")
    assert gp.page.get_by_role("button", name="Déposer").count() == 0


def test_a_doctor_finds_a_report_in_the_shared_record_and_files_it(enter):
    # Given a person whose shared record holds what others deposited
    gp = enter(GP)
    gp.go("/patients/")
    gp.follow(re.compile("^Georgette"))
    gp.follow("Documents")
    gp.follow("Consulter le DMP")
    gp.sees("Bac à sable")

    # When the doctor forgets to say at what title, then says it
    gp.press("Consulter le DMP")
    gp.sees("Dites à quel titre vous ouvrez ce DMP")
    gp.tick(re.compile("Suivi : la personne"))
    gp.press("Consulter le DMP")
    gp.sees("Radiographie du thorax")
    gp.seen.clear()  # the list stands at the address of the question
    gp.check()

    # Then it is read without being kept, and filed once
    gp.press("Lire : Radiographie du thorax")
    gp.sees("Ce document porte un fichier")
    gp.press("Classer dans le dossier")
    gp.sees("Document classé dans le dossier")
    gp.sees("Pris au DMP")
    gp.follow("Documents")
    gp.sees("Radiographie du thorax")
