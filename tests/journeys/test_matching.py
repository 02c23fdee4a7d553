"""Search before create: a person typed with two mistakes is not registered twice."""

import re

import pytest
from playwright.sync_api import expect

pytestmark = pytest.mark.journey

GP = "yann.lebihan@carbet.example"
CLAIRE = ("Élisabethine", "Claire", ("23", "08", "1949"))
MISTYPED = ("Elisabetine", "Clare", ("23", "08", "1949"))


def look_for(person, family, given, born):
    person.go("/patients/trouver/")
    person.type(re.compile("^Nom de naissance"), family)
    person.type("Premier prénom de naissance", given)
    for part, text in zip(("Jour", "Mois", "Année"), born, strict=True):
        person.type(part, text)
    person.press_in_main("Chercher")


def test_a_claire_typed_with_two_mistakes_is_not_created_twice(enter):
    # Given Claire, registered by her doctor
    gp = enter(GP)
    look_for(gp, *CLAIRE)
    gp.sees("Personne n’est connu sous ces traits")
    gp.press(re.compile("Créer le dossier"))
    gp.tick("Femme")
    gp.tick(re.compile("Elle est d’accord"))
    gp.press("Créer le dossier")
    gp.sees("Accord recueilli")

    # When somebody types her name and her given name with a mistake in each
    look_for(gp, *MISTYPED)

    # Then she is shown, with what agrees in words, and her record opens
    gp.sees("personne connue")
    said = gp.page.get_by_role("main")
    expect(said).to_contain_text("Concorde")
    expect(said).to_contain_text("noms presque identiques")
    expect(said).to_contain_text("même date de naissance")
    expect(said.get_by_role("link", name=re.compile("Ouvrir le dossier"))).to_be_visible()

    # and a record is not created without saying that it is somebody else
    gp.press(re.compile("Créer un nouveau dossier"))
    gp.tick("Femme")
    gp.tick(re.compile("Elle est d’accord"))
    gp.press("Créer le dossier")
    gp.sees("Une personne est déjà connue sous ces traits ou presque")
    expect(gp.page.get_by_role("link", name=re.compile("ouvrir son dossier"))).to_be_visible()
