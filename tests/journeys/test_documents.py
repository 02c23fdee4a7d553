"""Papers enter a record: files dropped together, and the pages of one photographed on a phone."""

import io
import re

import pytest
from PIL import Image, ImageDraw
from playwright.sync_api import expect

pytestmark = pytest.mark.journey

GP = "yann.lebihan@carbet.example"
NURSE = "solange.adelaide@carbet.example"
_DROP = """(box, files) => {
  const carried = new DataTransfer();
  for (const { name, type, size, text } of files)
    carried.items.add(new File([size ? new Uint8Array(size) : text], name, { type }));
  const said = { dataTransfer: carried, bubbles: true, cancelable: true };
  for (const kind of ["dragover", "drop"]) box.dispatchEvent(new DragEvent(kind, said));
}"""


def add_a_document(someone):
    someone.go("/patients/")
    someone.follow(re.compile("^Georgette"))
    someone.follow("Documents")
    someone.follow("Ajouter un document")


def test_files_dropped_together_are_filed_one_by_one(enter):
    gp = enter(GP)
    add_a_document(gp)
    place = gp.page.locator("[data-drop]")
    expect(place).to_contain_text("Déposez des fichiers ici")

    # A file too long is refused before it leaves.
    huge = {"name": "scanner.pdf", "type": "application/pdf", "size": 30 * 1024 * 1024}
    place.evaluate(_DROP, [huge])
    expect(gp.page.get_by_role("alert")).to_contain_text("« scanner.pdf » pèse 30 Mo")

    # Two come together, and one that is not what its name says is refused by its name.
    pdf = "%PDF-1.7\n1 0 obj<<>>endobj\ntrailer<<>>\n%%EOF\n"
    files = [
        {"name": "glycemies.txt", "type": "text/plain", "text": "1,10 g/L à jeun lundi"},
        {"name": "ordonnance.pdf", "type": "application/pdf", "text": "MZ\u0000\u0001 not a PDF"},
    ]
    place.evaluate(_DROP, files)
    gp.choose("Type de document", "Compte rendu de consultation ou de visite")
    gp.press("Classer le document")
    gp.sees(re.compile("ordonnance.pdf.* : "))
    place.evaluate(_DROP, [files[0], files[1] | {"text": pdf}])
    gp.press("Classer le document")
    for name in ("glycemies", "ordonnance"):
        expect(gp.page.get_by_role("link", name=re.compile(f"^{name}"))).to_be_visible()


def test_the_pages_of_a_paper_photographed_on_a_phone_make_one_document(enter):
    nurse = enter(NURSE, width=390, height=844)
    add_a_document(nurse)
    pages = []
    for number in (1, 2):
        page, held = Image.new("RGB", (1400, 2000), "white"), io.BytesIO()
        ImageDraw.Draw(page).text((200, 200), f"Ordonnance, page {number}", fill="black")
        page.save(held, "JPEG")
        pages.append(
            {"name": f"photo{number}.jpg", "mimeType": "image/jpeg", "buffer": held.getvalue()}
        )
    nurse.page.get_by_label(re.compile("^Fichiers")).set_input_files(pages)
    nurse.tick(re.compile("^Ces photos sont les pages"))
    nurse.type("Titre", "Ordonnance de sortie photographiée")
    nurse.choose("Type de document", "Compte rendu de consultation ou de visite")
    nurse.press("Classer le document")
    nurse.follow(re.compile("^Ordonnance de sortie photographiée"))
    nurse.sees("PDF")
    nurse.follow("Lire")
    expect(nurse.page.get_by_role("img", name=re.compile("^Page [12]"))).to_have_count(2)
