"""A GP deposits the sheet of a circle in the shared record, told and by the keyboard."""

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
