"""Two professionals write to one another, two browsers at once; what goes wrong costs nothing."""

import re
import time

import pytest
from playwright.sync_api import Locator, expect

from tests.journeys.person import Someone

pytestmark = pytest.mark.journey

GP = "yann.lebihan@carbet.example"
NURSE = "solange.adelaide@carbet.example"
# What is written here is waited for this long: the live line is far quicker.
SOON = 5_000


def open_thread(gp: Someone, subject: str, text: str, *, to: str = "solange adelaide") -> str:
    """Open a thread with the keyboard and return its address."""
    gp.go("/messages/nouveau/")
    gp.type(re.compile("^Destinataires"), to)
    choice = gp.page.get_by_role("checkbox", name=re.compile("Solange Adélaïde")).first
    expect(choice).to_be_visible()
    gp.reach(choice)
    gp.page.keyboard.press("Space")
    gp.type(re.compile("^Objet"), subject)
    gp.type(re.compile("^Message"), text)
    gp.press_in_main("Envoyer")
    expect(gp.page.get_by_role("log")).to_contain_text(text)
    return re.sub(r"#.*", "", gp.page.url).removeprefix(gp.house.url)


def line(person: Someone, text: str) -> Locator:
    """Return the line of the thread that says this."""
    return person.page.get_by_role("log").get_by_role("listitem").filter(has_text=text)


def write(person: Someone, text: str) -> None:
    person.reach(person.page.get_by_label("Votre message"))
    person.page.keyboard.type(text)


def test_two_professionals_write_to_one_another(enter, tmp_path):
    # Given a nurse who looks at her messages, on a computer whose clock is an hour ahead
    nurse = enter(NURSE)
    nurse.page.clock.set_system_time(time.time() * 1000 + 3_600_000)
    nurse.go("/messages/")

    # When a doctor opens a thread with her
    gp = enter(GP)
    subject = "Passages du soir"
    place = open_thread(gp, subject, "Peut-on espacer les passages ?")

    # Then it comes to her list by itself, unread, and its count to the menu
    link = nurse.page.get_by_role("link", name=subject)
    expect(link).to_be_visible(timeout=SOON)
    expect(nurse.page.locator("#nav-messages")).to_contain_text(re.compile("non lue"))

    # and when she opens it, the doctor sees that she read it, and when
    nurse.follow(subject)
    expect(line(gp, "Peut-on espacer")).to_contain_text(
        re.compile("Lu par.*Solange Adélaïde"), timeout=SOON
    )
    expect(gp.page.locator("#thread-state")).to_contain_text(
        re.compile("Solange Adélaïde vient de lire")
    )

    # When she answers with the keyboard alone, in any script, the doctor sees it at once
    write(nurse, "Oui, un jour sur deux 🌴 مرحبا")
    begun = time.monotonic()
    nurse.page.keyboard.press("Control+Enter")
    expect(line(gp, "un jour sur deux 🌴 مرحبا")).to_be_visible(timeout=SOON)
    assert time.monotonic() - begun < 3
    expect(line(nurse, "un jour sur deux")).to_contain_text(
        re.compile("Lu par.*Yann Le Bihan"), timeout=SOON
    )
    expect(nurse.page.get_by_label("Votre message")).to_have_value("")
    expect(nurse.page.get_by_label("Votre message")).to_be_focused()

    # and her clock, an hour ahead, puts nothing out of order
    write(gp, "Alors à demain")
    gp.press_in_main("Envoyer")
    expect(line(nurse, "Alors à demain")).to_be_visible(timeout=SOON)
    said = nurse.page.locator("#messages .bubble").all_inner_texts()
    assert [each.split()[0] for each in said] == ["Peut-on", "Oui,", "Alors"]

    # When he joins a file, she sees it; one of 200 MB is refused before it leaves
    huge = tmp_path / "radio.pdf"
    with huge.open("wb") as sparse:
        sparse.truncate(200 * 1024 * 1024)
    letter = tmp_path / "<b>lettre\u202e.pdf"
    letter.write_bytes(b"%PDF-1.7\n%%EOF\n")
    gp.reach(gp.page.locator("summary", has_text="Joindre"))
    gp.page.keyboard.press("Enter")
    files = gp.page.get_by_label("Photos et fichiers, 25 Mo au plus chacun")
    files.set_input_files(huge)
    expect(gp.page.get_by_role("alert")).to_have_text("« radio.pdf » pèse 200 Mo : 25 Mo au plus.")
    files.set_input_files(letter)
    gp.press_in_main("Envoyer")
    expect(line(nurse, "b lettre.pdf").get_by_role("link")).to_be_visible(timeout=SOON)

    # When he closes with a decision, both see it, and the field is gone
    gp.follow("Clore")
    gp.type(re.compile("^Décision"), "Un jour sur deux dès lundi.")
    gp.press_in_main("Clore")
    expect(line(nurse, "Un jour sur deux dès lundi.")).to_be_visible(timeout=SOON)
    expect(nurse.page.get_by_label("Votre message")).to_have_count(0, timeout=SOON)
    assert place in nurse.page.url


def test_what_goes_wrong_while_writing_loses_and_doubles_nothing(enter, house):
    gp, nurse = enter(GP), enter(NURSE)
    place = open_thread(gp, "Pansement", "La plaie est-elle propre ?")
    nurse.page.on("dialog", lambda dialog: dialog.accept())
    nurse.go(place)

    # When the reply is lost after the server has written, and she sends again
    def lose(route):
        route.fetch()
        route.abort()

    nurse.page.route("**/ecrire/", lose)
    write(nurse, "Propre et sèche")
    nurse.page.keyboard.press("Control+Enter")
    nurse.sees("Pas de réseau")
    expect(nurse.page.get_by_label("Votre message")).to_have_value("Propre et sèche")
    nurse.page.unroute("**/ecrire/")
    nurse.page.keyboard.press("Control+Enter")
    expect(nurse.page.get_by_label("Votre message")).to_have_value("")

    # Then it is there once, also after a double press
    write(nurse, "Je repasse jeudi")
    nurse.page.keyboard.press("Control+Enter")
    nurse.page.keyboard.press("Control+Enter")
    expect(line(gp, "Je repasse jeudi")).to_have_count(1, timeout=SOON)
    expect(line(gp, "Propre et sèche")).to_have_count(1)

    # When she leaves the page in the middle of a sentence, it is found again, sealed meanwhile
    write(nurse, "Sa température de ce")
    nurse.page.wait_for_timeout(600)
    assert "température" not in kept(nurse)
    nurse.page.reload()
    expect(nurse.page.get_by_label("Votre message")).to_have_value("Sa température de ce")
    nurse.sees("Texte retrouvé sur cet appareil")
    nurse.check()
    assert len(nurse.page.evaluate(OPENED)["opened"]) == 1

    # When a second tab finds it too, and both send it, it is said once
    tab = nurse.context.new_page()
    tab.goto(house.url + place)
    expect(tab.get_by_label("Votre message")).to_have_value("Sa température de ce")
    tab.get_by_label("Votre message").press("Control+Enter")
    expect(tab.get_by_label("Votre message")).to_have_value("")
    nurse.page.get_by_label("Votre message").press("Control+Enter")
    expect(nurse.page.get_by_label("Votre message")).to_have_value("")
    expect(line(gp, "Sa température de ce")).to_have_count(1)

    # When her session ends in the middle of another, and a colleague signs in on the same device,
    # nothing of it is theirs
    write(nurse, "Encore un mot")
    nurse.page.wait_for_timeout(600)
    nurse.context.clear_cookies()
    nurse.sign_in(GP)
    nurse.go(place)
    expect(nurse.page.get_by_label("Votre message")).to_have_value("")
    assert nurse.page.evaluate(OPENED) == {"kept": 1, "opened": []}

    # When he signs out, nothing is left on the device, whatever is being written in any tab
    write(nurse, "Un mot de médecin")
    nurse.page.get_by_label("Mon compte").first.press("Enter")
    nurse.press("Se déconnecter")
    tab.get_by_label("Votre message").press_sequentially("Un mot de plus")
    tab.wait_for_timeout(600)
    tab.close()
    assert nurse.page.evaluate("indexedDB.databases().then(found => found.length)") == 0

    # When he removes her while she types, her text stays hers
    nurse.context.clear_cookies()
    nurse.sign_in(NURSE)
    nurse.go(place)
    write(nurse, "Je voulais ajouter ceci")
    gp.page.bring_to_front()
    gp.press(re.compile("Retirer .*Solange Adélaïde"))
    nurse.page.keyboard.press("Control+Enter")
    nurse.sees("Cette discussion ne vous est plus ouverte")
    expect(nurse.page.get_by_label("Votre message")).to_have_value("Je voulais ajouter ceci")
    expect(line(gp, "Je voulais ajouter ceci")).to_have_count(0)


# Everything of the drafts as it stands on the device: names and values.
KEPT = """async () => {
  const ask = (request) => new Promise((done) => {
    request.onsuccess = () => done(request.result);
  });
  const base = await ask(indexedDB.open("carbet-drafts"));
  const store = base.transaction("kept").objectStore("kept");
  const [names, values] = [await ask(store.getAllKeys()), await ask(store.getAll())];
  base.close();
  return { names, values };
}"""
SAID = f"""async () => {{
  const {{ names, values }} = await ({KEPT})();
  const read = (bytes) => ["utf-8", "utf-16"].map((code) => new TextDecoder(code).decode(bytes));
  return names + values.map((one) =>
    one instanceof CryptoKey ? "A KEY IS KEPT"
    : one.sealed ? [one.gesture, read(one.iv), read(one.sealed)] : read(one));
}}"""
# What the secret of the page that is open makes readable of what is kept: nothing of others.
OPENED = f"""async () => {{
  const {{ names, values }} = await ({KEPT})();
  const bytes = (text) => new TextEncoder().encode(text);
  const secret = bytes(document.querySelector("[data-draft-key]").dataset.draftKey);
  const how = {{
    name: "HKDF", hash: "SHA-256", info: bytes("draft"), salt: values[names.indexOf("salt")],
  }};
  const half = await crypto.subtle.importKey("raw", secret, "HKDF", false, ["deriveKey"]);
  const aes = {{ name: "AES-GCM", length: 256 }};
  const key = await crypto.subtle.deriveKey(how, half, aes, false, ["decrypt"]);
  const opened = [];
  for (const [rank, name] of names.entries()) {{
    const {{ iv, sealed }} = values[rank];
    if (!sealed) continue;
    const cipher = {{ name: "AES-GCM", iv, additionalData: bytes(name) }};
    await crypto.subtle.decrypt(cipher, key, sealed).then(() => opened.push(name), () => 0);
  }}
  return {{ kept: names.length - 1, opened }};
}}"""


def kept(person: Someone) -> str:
    """Return what somebody would read of the drafts who has the device open."""
    said = person.page.evaluate(SAID)
    assert "A KEY IS KEPT" not in said
    assert len(said) > 100
    return said


def test_messages_go_on_without_the_live_line_and_catch_up(enter, house):
    gp, nurse = enter(GP), enter(NURSE)
    place = open_thread(gp, "Garde", "Qui est de garde samedi ?")
    nurse.go(place)
    write(gp, "Avant la coupure")
    gp.page.keyboard.press("Control+Enter")
    expect(line(nurse, "Avant la coupure")).to_be_visible(timeout=SOON)

    # When the live server dies, what is sent is kept, and a reload shows it
    house.kill_live()
    write(gp, "Pendant la coupure")
    gp.page.keyboard.press("Control+Enter")
    expect(line(gp, "Pendant la coupure")).to_be_visible()
    nurse.page.reload()
    expect(line(nurse, "Pendant la coupure")).to_be_visible()
    write(nurse, "Moi, répond-elle")
    nurse.page.keyboard.press("Control+Enter")
    expect(line(nurse, "Moi, répond-elle")).to_be_visible()

    # Then, when it is back, the doctor's page catches up by itself
    expect(line(gp, "Moi, répond-elle")).to_be_visible(timeout=30_000)
