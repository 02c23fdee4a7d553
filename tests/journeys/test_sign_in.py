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
