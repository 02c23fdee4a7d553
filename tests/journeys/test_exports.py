"""A GP takes Claire's record out, and reads it where there is neither network nor Carbet."""

import json
import re
import zipfile

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import expect

from tests.journeys.person import STANDARDS

pytestmark = pytest.mark.journey

GP = "yann.lebihan@carbet.example"
NURSE = "solange.adelaide@carbet.example"


def test_a_doctor_takes_a_record_out_and_reads_it_offline(enter, tmp_path):
    # Given her doctor, in the documents of her record
    gp = enter(GP)
    gp.go("/patients/")
    gp.follow(re.compile("Florimond"))
    gp.follow("Documents")
    gp.follow("Exporter tout le dossier")

    # When he asks for it, first without saying why
    gp.press("Préparer l’archive")
    gp.sees("Ce champ est obligatoire")
    gp.type("Pourquoi", "Elle déménage et demande son dossier.")
    gp.press("Préparer l’archive")
    gp.sees("L’archive se prépare")
    record = re.search(r"/patients/(\w+)/", gp.page.url)
    assert record
    for _ in range(30):
        gp.go(f"/patients/{record.group(1)}/export/")
        if gp.page.get_by_role("link", name="Télécharger").count():
            break
        gp.page.wait_for_timeout(500)
    gp.sees("Prêt")
    with gp.page.expect_download() as coming:
        gp.reach(gp.page.get_by_role("link", name="Télécharger"))
        gp.page.keyboard.press("Enter")
    coming.value.save_as(tmp_path / "dossier.zip")

    # Then all is in it, and the page opens by itself
    with zipfile.ZipFile(tmp_path / "dossier.zip") as archive:
        assert archive.testzip() is None
        archive.extractall(tmp_path / "dossier")
        bundle = json.loads(archive.read("dossier.json"))
    kinds = {each["resource"]["resourceType"] for each in bundle["entry"]}
    assert {"Patient", "CareTeam", "DocumentReference", "Practitioner"} <= kinds
    # The page is looked at in the browser, which must reach nothing.
    asked = []
    gp.page.on("request", lambda request: asked.append(request.url))
    gp.page.goto((tmp_path / "dossier" / "dossier.html").as_uri())
    expect(gp.page.get_by_role("heading", level=1)).to_contain_text("Florimond")
    expect(gp.page.get_by_role("heading", name="Cahier de liaison")).to_be_visible()
    assert all(url.startswith("file:") for url in asked)
    found = Axe().run(gp.page, options={"runOnly": STANDARDS})
    assert found.response["violations"] == []

    # and nobody else has it
    nurse = enter(NURSE)
    nurse.go(f"/patients/{record.group(1)}/export/")
    assert nurse.page.get_by_role("link", name="Télécharger").count() == 0
