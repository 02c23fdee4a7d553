"""Secure mail on a true server, with the keyboard: a letter comes, one is decided, one leaves."""

import email
import email.policy
import json
import re
import time
from datetime import date

import pytest
from playwright.sync_api import expect

from tests import mail_server as servers
from tests.journeys.test_alerts import GP, record_of

pytestmark = pytest.mark.journey
BOX = "yann.lebihan@cabinet.mssante.fr"
HOSPITAL = "medecine@hopital.mssante.fr"


def placide(*, ins: bool):
    """Return Georgette Placide as a hospital names her, with her INS or without."""
    from carbet.core import identifiers
    from carbet.interop import cda
    from carbet.steering.demonstration.following import FOLLOWED

    rows = json.loads(FOLLOWED.read_text(encoding="utf-8"))["persons"]
    row = next(each for each in rows if each["key"] == "georgette")
    born = date.fromisoformat(row["birth_date"])
    number = identifiers.make_ins(
        gender=row["gender"],
        year=born.year,
        month=born.month,
        birth_place=row["birth_place_code"],
        order=999,
    )
    held = (cda.Identifier("1.2.250.1.213.1.4.10", number),) if ins else ()
    return cda.Patient(
        identifiers=(*held, cda.Identifier("2.25.77", "IPP-77")),
        birth_family=row["birth_family"],
        birth_given=" ".join(row["birth_given"]),
        first_given=row["birth_given"][0],
        gender=row["gender"],
        birth_date=born,
        birth_place_code=row["birth_place_code"],
        birth_place_name=row["birth_place_name"],
    )


def letter(title, seed, *, ins=True):
    from carbet.interop.cda.tests import factories
    from carbet.interop.secure_mail.tests import mails

    said = factories.letter(seed=seed, title=title, patient=placide(ins=ins))
    return mails.mail(
        mails.archive(said), subject=f"XDM/1.0/DDM+{title} PLACIDE", sender=HOSPITAL, to=BOX
    )


@pytest.fixture
def gp(enter, post):
    """Return the doctor, whose mailbox is declared with its password."""
    if post is None:
        pytest.skip(servers.missing())
    someone = enter(GP)
    someone.go("/courrier/boites/")
    if not someone.page.get_by_role("rowheader").filter(has_text=BOX).count():
        someone.type(re.compile("^Adresse sécurisée"), BOX)
        someone.choose("Opérateur", "essai")
        someone.type(re.compile("^Mot de passe"), servers.password())
        someone.press("Déclarer la boîte")
        someone.sees("La boîte est déclarée")
    return someone


def soon(someone, address, text):
    """Look at a page until it says this: at most twenty seconds."""
    limit = time.monotonic() + 20
    someone.go(address)
    while text not in someone.page.content():
        assert time.monotonic() < limit, f"{text!r} never came to {address}"
        time.sleep(0.5)
        someone.page.goto(someone.house.url + address)


def test_a_discharge_letter_reaches_the_record(gp, post):
    # Given a doctor who follows a person, and whose mailbox is watched
    record = record_of(gp)
    # When the hospital sends its letter
    post.deliver(letter("Lettre de sortie du 20 novembre", 7_001), BOX, sender=HOSPITAL)
    # Then it is in the record, said to come by secure mail
    soon(gp, f"{record}documents/", "Lettre de sortie du 20 novembre")
    row = gp.page.get_by_role("row").filter(has_text="Lettre de sortie du 20 novembre")
    expect(row).to_contain_text("Reçu par messagerie sécurisée")


def test_what_is_not_sure_is_decided_in_the_tray_and_taken_back(gp, post):
    # Given a letter that names the person without her INS
    title = "Avis de cardiologie sans INS"
    post.deliver(letter(title, 7_002, ins=False), BOX, sender=HOSPITAL)
    soon(gp, "/courrier/", title)
    # When the doctor opens it
    gp.follow(re.compile(title))
    # Then the person is proposed, with what agrees
    gp.sees("Concorde")
    # When he files it
    gp.press("Classer ici")
    gp.sees("Le courrier est classé dans le dossier")
    gp.go(f"{record_of(gp)}documents/")
    gp.sees(title)
    # and takes it back
    gp.go("/courrier/?etat=filed")
    gp.follow(re.compile(title))
    gp.press("Remettre à classer")
    gp.sees("À qui est ce courrier")


def test_the_plan_leaves_to_the_nurse(gp, post):
    # Given the approved plan of a person, filed in her record
    record = record_of(gp)
    gp.go(f"{record}plan/versions/1/")
    gp.press("Classer dans les documents")
    gp.go(f"{record}documents/")
    gp.follow(re.compile("^Plan personnalisé"))
    # When the doctor sends it to the nurse
    gp.follow("Envoyer par messagerie sécurisée")
    gp.choose("De", BOX)
    gp.tick(re.compile("Solange Adélaïde"))
    gp.press("Envoyer")
    gp.sees("Le courrier part")
    # Then it has left, once, in the form that software reads
    sent = gp.page.get_by_role("row").filter(has_text="Plan personnalisé")
    limit = time.monotonic() + 20
    while "Parti" not in sent.first.inner_text():
        assert time.monotonic() < limit
        time.sleep(0.5)
        gp.page.reload()
    copies = [
        email.message_from_bytes(each, policy=email.policy.default)
        for each in post.mails("solange.adelaide@infirmier.mssante.example")
    ]
    [copy] = [each for each in copies if "Plan personnalisé" in each["Subject"]]
    assert re.fullmatch(
        r"XDM/1\.0/DDM\+Plan personnalisé.* CLET Georgette 19/05/1944", copy["Subject"]
    )
    assert next(copy.iter_attachments()).get_filename() == "IHE_XDM.zip"
