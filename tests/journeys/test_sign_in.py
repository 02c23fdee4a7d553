"""A professional comes in through the stand-in for Pro Santé Connect and leaves, by keyboard."""

import os
import re
from pathlib import Path

import pytest

from tests.journeys.person import Someone

pytestmark = pytest.mark.journey


@pytest.mark.parametrize("width", [1366, 390])
def test_a_doctor_signs_in_and_out_with_pro_sante_connect(browser, house, width):
    pictures = os.environ.get("CARBET_PICTURES")
    folder = Path(pictures) / str(width) if pictures else None
    doctor = Someone(browser, house, width=width, height=768, pictures=folder)

    # Given a doctor at the sign-in page, whose button says that it is a stand-in
    doctor.go("/compte/connexion/")
    doctor.sees("Bouchon de démonstration")

    # When he changes his mind there, he comes back
    doctor.follow(re.compile("Pro Santé Connect"))
    doctor.sees("Ceci est un bouchon")
    doctor.press("Annuler")
    doctor.sees("abandonnée")

    # When he goes on, he is inside, and no code is asked
    doctor.follow(re.compile("Pro Santé Connect"))
    doctor.press(re.compile("Yann Le Bihan"))
    doctor.sees("Ma journée")
    assert "/connexion" not in doctor.page.url

    # Then his account says how he came in, and leaving ends the provider's session too
    doctor.go("/compte/")
    doctor.sees("Pro Santé Connect")
    doctor.page.get_by_label("Mon compte").first.press("Enter")
    with doctor.page.expect_request(re.compile(r"/logout\?.*id_token_hint=")):
        doctor.press("Se déconnecter")
    doctor.sees("Bouchon de démonstration")
    doctor.go("/patients/")
    assert "/connexion" in doctor.page.url
    doctor.leave()


@pytest.mark.parametrize(
    ("name", "scripts"),
    [("Élodie Mathurin", True), ("Ruben Constant", False)],
    ids=["scripts", "no scripts"],
)
def test_whom_the_directory_knows_asks_for_their_rights_with_their_card(
    browser, house, name, scripts
):
    # Given a midwife whom the directory knows, and who has no account
    pictures = os.environ.get("CARBET_PICTURES")
    folder = Path(pictures) / "proven" if pictures else None
    midwife = Someone(browser, house, width=390, height=844, scripts=scripts, pictures=folder)
    midwife.go("/compte/connexion/")
    midwife.follow(re.compile("Pro Santé Connect"))
    midwife.press(re.compile(name))

    # When she comes back proven, she says where she works, and nothing else of herself
    midwife.sees("Identité prouvée")
    midwife.check()
    midwife.follow(re.compile("Cabinet médical du Larivot"))
    assert midwife.page.get_by_label("Nom d’exercice").count() == 0
    midwife.type(re.compile("^Adresse électronique"), f"{name.split()[1].lower()}@carbet.example")
    midwife.press("Envoyer la demande")
    midwife.sees("Votre demande est transmise")
    midwife.check()

    # Then whoever manages the office reads that she is proven, and lets her in
    doctor = Someone(browser, house, scripts=scripts, pictures=folder)
    doctor.sign_in("yann.lebihan@carbet.example")
    doctor.go("/habilitations/demandes/")
    doctor.follow(name)
    doctor.sees("Prouvée par Pro Santé Connect")
    doctor.press("Accepter")
    doctor.sees(f"{name} peut désormais travailler")
    doctor.leave()

    # And her card opens her account, which says so
    midwife.follow("suivre la demande")
    midwife.sees("Demande acceptée")
    midwife.follow(re.compile("Se connecter avec Pro Santé Connect"))
    midwife.press(re.compile(name))
    midwife.sees("Ma journée")
    midwife.go("/compte/")
    midwife.sees("Délier ce compte")
    midwife.leave()
