"""The notebook between two browsers: a photo, a doctor called by name, who has seen, a search."""

import io
import re

import pytest
from PIL import Image
from playwright.sync_api import Locator, expect

from tests.journeys.person import Someone
from tests.journeys.test_alerts import GP, NURSE, record_of

pytestmark = pytest.mark.journey
SOON = 5_000
# A screen says by itself, every four seconds, that what stays on it is seen.
SEEN = 12_000


def entry(person: Someone, text: str) -> Locator:
    """Return the entry of the timeline that says this."""
    timeline = person.page.get_by_role("region", name="Fil du cahier")
    return timeline.get_by_role("article").filter(has_text=text)


def test_a_nurse_calls_a_doctor_by_name_with_a_photo(enter):
    # Given a doctor who reads the notebook of a person
    gp = enter(GP)
    record = record_of(gp)
    gp.go(f"{record}cahier/")

    # When the nurse writes a note with a photo and calls him by name
    nurse = enter(NURSE)
    nurse.go(f"{record}cahier/notes/nouvelle/")
    nurse.type(re.compile("^Note"), "@Le Bihan œdème des chevilles à gauche, voir la photo")
    photo = io.BytesIO()
    Image.effect_noise((2600, 1900), 40).convert("RGB").save(photo, "JPEG")
    files = nurse.page.get_by_label(re.compile("^Photos et fichiers"))
    files.set_input_files(
        {"name": "cheville.jpg", "mimeType": "image/jpeg", "buffer": photo.getvalue()}
    )
    # Then the photo leaves smaller than it was taken
    nurse.page.wait_for_function(
        "size => document.querySelector('input[type=file]').files[0].size < size",
        arg=len(photo.getvalue()),
    )
    nurse.press_in_main("Enregistrer la note")

    # and he sees the note at once, with its photo, and that it is for him
    said = entry(gp, "œdème des chevilles")
    expect(said).to_be_visible(timeout=SOON)
    expect(said.get_by_role("img", name=re.compile("cheville"))).to_be_visible()
    expect(said).to_contain_text(re.compile("Yann Le Bihan"))

    # and the nurse sees, without a gesture of either, that he has seen it
    nurse.go(f"{record}cahier/")
    told = entry(nurse, "œdème des chevilles")
    expect(told.get_by_role("link", name=re.compile("^Vue par 1"))).to_be_visible(timeout=SEEN)

    # When he answers with the keyboard, she sees his answer at once
    gp.reach(said.get_by_role("link", name=re.compile("^Répondre")))
    gp.page.keyboard.press("Enter")
    gp.page.wait_for_url("**/repondre/")
    gp.check()
    gp.type(re.compile("^Réponse"), "Bas de contention, je passe demain")
    gp.press_in_main("Répondre")
    expect(told).to_contain_text("Bas de contention, je passe demain", timeout=SOON)

    # Then she finds the thread without accents, and who has seen it
    nurse.type("Mots cherchés", "oedeme cheville")
    nurse.page.keyboard.press("Enter")
    nurse.page.wait_for_url(re.compile("q=oedeme"))
    expect(entry(nurse, "œdème des chevilles")).to_have_count(1)
    nurse.follow(re.compile("^Vue par"))
    expect(nurse.page.get_by_role("row").filter(has_text="Yann Le Bihan")).to_be_visible()
