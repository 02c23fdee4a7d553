"""Told in time: two browsers at once, an alert nobody reads, a task answered, a server killed."""

import os
import re
import time

import pytest
from playwright.sync_api import Page, expect

from tests.journeys.person import Someone

pytestmark = pytest.mark.journey

GP = "yann.lebihan@carbet.example"
COORDINATOR = "arya.doerga@carbet.example"
NURSE = "solange.adelaide@carbet.example"
# Followed in the demonstration by these three, among others.
PERSON = "Georgette Placide"


# A full page drops its last line when a new one comes: what tells is an address never seen.
NOTE_WHEN_IT_COMES = """() => {
  const lines = () => [...document.querySelectorAll('main li')]
    .filter((line) => line.textContent.includes('Note urgente'))
    .map((line) => line.querySelector('a')?.href);
  const before = new Set(lines());
  new MutationObserver(() => {
    if (lines().some((line) => !before.has(line))) window.cameAt ??= Date.now();
  }).observe(document.body, { childList: true, subtree: true });
}"""


@pytest.fixture
def enter(browser, house):
    """Return a function that brings someone in, signed in, at their own browser."""
    came = []

    def enter(email, **options):
        someone = Someone(browser, house, **options)
        came.append(someone)
        someone.sign_in(email)
        return someone

    yield enter
    for someone in came:
        someone.leave()


def record_of(someone: Someone) -> str:
    """Return the address of the person's record, from the list of one's patients."""
    someone.page.goto(f"{someone.house.url}/patients/?q=Placide")
    link = someone.page.get_by_role("link", name=re.compile(PERSON)).first
    found = re.search(r"/patients/\w+/", link.get_attribute("href") or "")
    assert found
    return found.group(0)


def followed(page: Page) -> list[str]:
    """Return the addresses of the follow-ups of the person's urgent notes, the newest first."""
    lines = page.get_by_label("Liste des alertes").get_by_role("listitem")
    told = lines.filter(has_text="Note urgente").filter(has_text=PERSON)
    links = told.get_by_role("link", name=re.compile("Suivi"))
    return [str(link.get_attribute("href")) for link in links.all()]


def write_urgently(someone: Someone, record: str, text: str) -> None:
    someone.go(f"{record}cahier/notes/nouvelle/")
    someone.type("Note", text)
    someone.tick(re.compile("^Urgente"))
    someone.reach(someone.page.get_by_role("button", name="Enregistrer la note"))
    with someone.page.expect_response(lambda answer: answer.request.method == "POST"):
        someone.page.keyboard.press("Enter")


def test_an_urgent_note_reaches_the_second_browser_and_climbs_when_nobody_reads_it(enter):
    # Given a doctor who looks at his alerts
    gp = enter(GP)
    gp.go("/alertes/")
    known = set(followed(gp.page))
    gp.page.evaluate(NOTE_WHEN_IT_COMES)

    # When the nurse writes an urgent note, in her own browser
    nurse = enter(NURSE)
    write_urgently(nurse, record_of(nurse), "Essoufflée au moindre effort ce matin.")
    written = time.time()

    # Then he sees it within a second, without reloading (longer on a machine that is busy)
    soon = time.monotonic() + 10
    while not gp.page.evaluate("window.cameAt ?? 0") and time.monotonic() < soon:
        gp.page.wait_for_timeout(50)
    (new,) = set(followed(gp.page)) - known
    seen = gp.page.evaluate("window.cameAt") / 1000
    assert seen - written < max(1, os.getloadavg()[0] / (os.cpu_count() or 1))

    # and while nobody reads it, its follow-up shows it climb, step by step
    gp.go(new)
    steps = gp.page.locator("#alert")
    expect(steps).to_contain_text("Alerte envoyée")
    expect(steps).to_contain_text("Sans lecture", timeout=30_000)

    # until he says that he takes care of it, and everyone told knows
    gp.press("Je m’en occupe")
    gp.sees(re.compile("s’en occupe"))


def test_a_task_is_refused_with_its_reason_then_done(enter):
    # Given a nurse who looks at her tasks
    nurse = enter(NURSE, width=390, height=844)
    nurse.go("/taches/")

    # When the doctor asks her for something
    gp = enter(GP)
    record = record_of(gp)
    gp.go(f"{record}taches/nouvelle/")
    gp.type("Ce qui est à faire", "Retirer les fils jeudi")
    owner = gp.page.get_by_label("Demandé à")
    name = owner.locator("option").filter(has_text="Solange Adélaïde").first.inner_text()
    gp.choose("Demandé à", name)
    gp.press("Demander")

    # Then it appears on her screen, and she refuses it with a reason
    asked = nurse.page.get_by_role("link", name="Retirer les fils jeudi").first
    expect(asked).to_be_visible(timeout=5000)
    nurse.follow("Retirer les fils jeudi")
    nurse.press("Refuser")
    nurse.sees(re.compile("Dites pourquoi"))
    nurse.type("Un mot", "En congé jeudi")
    nurse.press("Refuser")
    nurse.sees("Refusée")

    # The doctor reads why, and she can still open it again and say it done
    gp.go("/taches/?vue=terminees")
    gp.sees(re.compile("En congé jeudi"))
    nurse.press("Rouvrir")
    nurse.press("C’est fait")
    nurse.sees("Faite")
    gp.go("/taches/?vue=terminees")
    gp.sees("Faite")

    # and which software is told of what happens to this person can be read too
    gp.go(f"{record}abonnements/")
    gp.sees("Aucun logiciel abonné")


def test_with_the_live_server_killed_pages_work_and_screens_catch_up(enter, house):
    # Given a doctor who looks at his alerts
    gp, nurse = enter(GP), enter(NURSE)
    gp.go("/alertes/")
    known = set(followed(gp.page))
    record = record_of(nurse)

    # When the live server dies, and an urgent note is written at once
    house.kill_live()
    write_urgently(nurse, record, "Chute dans le jardin, consciente.")

    # Then a page that is reloaded shows it
    again = gp.context.new_page()
    again.goto(f"{house.url}/alertes/")
    (new,) = set(followed(again)) - known
    again.close()

    # and the screen that stayed open catches up by itself
    expect(gp.page.locator(f"main li a[href='{new}']").first).to_be_visible(timeout=60_000)
