"""A record taken out and read without network nor Carbet; a territory, between two operators."""

import gzip
import hashlib
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
OPERATOR = "olivier.ringuet@carbet.example"
SECOND_OPERATOR = "marie-laure.bellony@carbet.example"


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


def test_two_operators_take_the_territory_out(enter, tmp_path):
    # Given an operator who asks, saying why
    asker = enter(OPERATOR)
    reason = "Changement d’hébergeur, essai de reprise."
    asker.go("/exploitation/")
    asker.follow("Export du territoire")
    asker.type("Pourquoi", reason)
    asker.press("Demander un export")
    asker.sees("un autre exploitant doit l’accepter")
    asker.sees("Demandez à un autre exploitant")
    assert asker.page.get_by_role("button", name="Accepter").count() == 0

    # When another lets it, and the house reads
    other = enter(SECOND_OPERATOR)
    other.go("/exploitation/export/")
    row = other.page.get_by_role("row").filter(has_text=reason)
    other.reach(row.get_by_role("button", name="Accepter"))
    other.page.keyboard.press("Enter")
    expect(row).to_contain_text("Bellony")
    for _ in range(120):
        asker.go("/exploitation/export/")
        if asker.page.get_by_role("link", name="Ouvrir").count():
            break
        asker.page.wait_for_timeout(500)
    asker.follow("Ouvrir")

    # Then who asked takes every file, whose digest and lines are those of the manifest
    def take(link):
        with asker.page.expect_download() as coming:
            asker.reach(link)
            asker.page.keyboard.press("Enter")
        place = tmp_path / coming.value.suggested_filename
        coming.value.save_as(place)
        return place.read_bytes()

    manifest = json.loads(take(asker.page.get_by_role("link", name="Manifeste")))
    outputs = {each["url"].rstrip("/").rsplit("/", 1)[1]: each for each in manifest["output"]}
    assert {each["type"] for each in manifest["output"]} >= {"Patient", "CareTeam", "CarePlan"}
    names = [each for each in outputs if outputs[each]["type"] in ("Patient", "CareTeam")]
    for name in names:
        data = take(asker.page.get_by_role("link", name=f"{name}.ndjson.gz", exact=True))
        lines = gzip.decompress(data).splitlines()
        assert hashlib.sha256(data).hexdigest() == outputs[name]["extension"]["sha256"]
        assert len(lines) == outputs[name]["count"]
        assert {json.loads(line)["resourceType"] for line in lines} == {outputs[name]["type"]}

    # and the other, who let it, has none of it
    other.go("/exploitation/export/")
    assert other.page.get_by_role("link", name="Ouvrir").count() == 0
