"""The identity cell at its desk, keyboard only: a doubt, a collision, a merge undone."""

import re
import time

import pytest
from playwright.sync_api import expect

from carbet.connectors.mllp import Client

pytestmark = pytest.mark.journey

AGENT = "nadege.horth@carbet.example"
GP = "yann.lebihan@carbet.example"
SECOND_AGENT = "cedric.appolinaire@carbet.example"
NURSE = "solange.adelaide@carbet.example"
HERS, OF_HER_SISTER = "Diabète équilibré", "Pansement de la cheville gauche"


def main(someone):
    return someone.page.get_by_role("main")


def find(someone, name):
    someone.go("/patients/")
    someone.type(re.compile("Chercher|Rechercher"), name)
    someone.page.keyboard.press("Enter")
    someone.page.wait_for_load_state()


def test_a_doubtful_pair_is_decided_and_the_next_one_comes(enter):
    # Given two hospitals that know one man, his names misspelt by one of them
    agent = enter(AGENT)
    agent.go("/identites/")
    agent.follow(re.compile("MISI?E?DJAN"))

    # Then both are side by side, what differs is marked, and the machine says why it asks
    expect(main(agent).get_by_text("Différent").first).to_be_visible()
    expect(main(agent)).to_contain_text("Ce que dit la machine")
    expect(main(agent)).to_contain_text("même date de naissance", ignore_case=True)

    # When she says that they are one person
    asked = agent.page.url
    agent.type("Pourquoi", "Appel au service : même homme, même père")
    agent.press("Même personne")

    # Then it is decided, can be undone, and the next question is there
    agent.sees("Décidé : même personne")
    assert agent.page.url != asked
    agent.go("/identites/decisions/")
    expect(main(agent)).to_contain_text("Appel au service : même homme")


def test_a_collision_is_split_and_the_hospital_is_told(enter):
    # Given a number under which a hospital sent the traits of somebody else
    agent = enter(AGENT)
    agent.go("/identites/?nature=collision")
    agent.follow(re.compile("JOSEPH"))
    agent.sees("Deux personnes sous un numéro ?")
    expect(main(agent)).to_contain_text("ANATOLE")

    # When she says that they are two
    agent.type("Pourquoi", "Le service confirme : deux admissions le même jour")
    agent.press("Deux personnes : séparer")

    # Then each is somebody, the decision says so, and may be undone
    agent.sees("Décidé : personnes différentes")
    agent.go("/identites/decisions/")
    line = main(agent).get_by_role("listitem").filter(has_text="deux admissions")
    agent.reach(line.get_by_role("link").first)
    agent.page.keyboard.press("Enter")
    agent.page.wait_for_url("**/decisions/*/")
    expect(main(agent)).to_contain_text("JOSEPH")
    expect(main(agent)).to_contain_text("ANATOLE")
    expect(main(agent).get_by_role("button", name="Annuler la décision")).to_be_visible()


def test_a_merge_undone_three_weeks_later_gives_each_sister_her_notes(enter):
    # Given two sisters taken for one person three weeks ago, and whoever wrote for each
    gp, nurse = enter(GP), enter(NURSE)
    for someone in (gp, nurse):
        find(someone, "Lafontaine")
        expect(
            main(someone).get_by_role("link", name=re.compile("LAFONTAINE", re.IGNORECASE))
        ).to_have_count(1)
    gp.follow(re.compile("LAFONTAINE", re.IGNORECASE))
    expect(main(gp)).to_contain_text(HERS)
    expect(main(gp)).to_contain_text(OF_HER_SISTER)
    taken = gp.page.url

    # When the cell undoes it
    agent = enter(AGENT)
    agent.go("/identites/decisions/")
    # Other merges may be decided meanwhile.
    sisters = re.compile("Fusion.*LAFONTAINE", re.IGNORECASE | re.DOTALL)
    line = main(agent).get_by_role("listitem").filter(has_text=sisters)
    agent.reach(line.get_by_role("link").first)
    agent.page.keyboard.press("Enter")
    agent.page.wait_for_url("**/decisions/*/")
    agent.type("Pourquoi", "Deux sœurs : dates de naissance vérifiées")
    agent.press("Annuler la décision")
    agent.sees("Décision annulée")

    # Then each has her record and her notes, and nothing of the other
    gp.page.goto(taken)
    expect(main(gp)).to_contain_text(HERS)
    expect(main(gp)).not_to_contain_text(OF_HER_SISTER)
    find(nurse, "Lafontaine")
    nurse.follow(re.compile("LAFONTAINE", re.IGNORECASE))
    assert nurse.page.url != taken
    expect(main(nurse)).to_contain_text(OF_HER_SISTER)
    expect(main(nurse)).not_to_contain_text(HERS)


HIS_NOTE, HER_NOTE = "Asthme stable", "Prise de sang faite"
OF_HOSPITAL = "^^^CHC&1.2.250.1.973.1&ISO^PI"


def merge_asked(*, survivor, absorbed):
    """Return what a hospital sends to say that two of its numbers are one person (ADT A40)."""
    at = time.strftime("%Y%m%d%H%M%S")
    lines = (
        f"MSH|^~\\&|GAM|CHC|CARBET|DAC|{at}||ADT^A40^ADT_A39|J{time.time_ns()}|P|2.5^FRA^2.11",
        f"EVN||{at}||||{at}",
        f"PID|1||{survivor}{OF_HOSPITAL}||NIVREE^CELESTINE^CELESTINE^^^^L||19490702|F",
        f"MRG|{absorbed}{OF_HOSPITAL}",
    )
    return ("\r".join(lines) + "\r").encode()


def waits(agent, kind, name):
    """Open the question about this person, as soon as the worker has asked it."""
    limit = time.monotonic() + 20
    while True:
        agent.go(f"/identites/?nature={kind}")
        if main(agent).get_by_role("link", name=name).count():
            agent.follow(name)
            return
        assert time.monotonic() < limit, main(agent).inner_text()
        time.sleep(0.3)


def test_a_merge_that_a_hospital_asks_for_is_decided_by_people_and_the_notes_follow(enter, house):
    # Given a person under two numbers of a hospital, with two records here, each with its note
    gp = enter(GP)
    find(gp, "Dambrun")
    expect(main(gp).get_by_role("link", name=re.compile("DAMBRUN", re.IGNORECASE))).to_have_count(0)

    # When the hospital says, on its line, that the two numbers are one person
    with Client("127.0.0.1", house.mllp_port) as line:
        answer = line.send(merge_asked(survivor="803310", absorbed="803377"))
    assert b"\rMSA|AA|" in answer

    # Then nothing is merged before the identity cell says so
    agent = enter(AGENT)
    waits(agent, "domain", re.compile("NIVREE|NIVRÉE"))
    agent.sees("Demandé par l’établissement")
    agent.type("Pourquoi", "Nom d’épouse : livret de famille vu par le service")
    agent.press("Même personne")
    agent.sees("Décidé : même personne")

    # And two agents merge the two records, since both hold what carers wrote
    waits(agent, "records", re.compile("NIVREE|NIVRÉE|Nivrée"))
    agent.type("Pourquoi", "Nom d’épouse, même livret de famille")
    agent.press("Même personne")
    second = enter(SECOND_AGENT)
    waits(second, "records", re.compile("NIVREE|NIVRÉE|Nivrée"))
    second.sees("Deuxième avis")
    second.type("Pourquoi", "Je confirme : livret de famille")
    second.press("Même personne")
    second.sees("Décidé : même personne")

    # And whoever cares for her reads both notes in one record
    find(gp, "Nivrée")
    gp.follow(re.compile("NIVR[EÉ]E", re.IGNORECASE))
    expect(main(gp)).to_contain_text(HIS_NOTE)
    expect(main(gp)).to_contain_text(HER_NOTE)
