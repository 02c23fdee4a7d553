"""The pages of the messaging, as people and their mishaps reach them."""

import re
from uuid import uuid4

import brotli
import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.urls import reverse

from carbet.coordination.documents.tests.factories import PDF, TEXT, located_photo, received
from carbet.coordination.messaging import operations
from carbet.coordination.messaging.models import Attachment, Message, Participant, Thread
from carbet.coordination.messaging.tests.factories import everything, open_thread, read, send
from carbet.coordination.messaging.tests.test_operations import take_out_of_circle
from carbet.coordination.notebook.models import Note
from carbet.core import clock, drafts
from carbet.core.models import AuditEvent

pytestmark = pytest.mark.django_db

MOST_QUERIES = 8


@pytest.fixture
def patient(world, monkeypatch):
    monkeypatch.setattr(clock, "now", lambda: world.now)
    return world.circle("nurse", "home_help").patient


@pytest.fixture
def about(world, patient):
    return open_thread(world, "nurse", patient=patient, subject="Passages")


@pytest.fixture
def open_as(world, sign_in):
    return lambda key: sign_in(world.accounts[key], role=world.roles[key])


def address(name, thread, *rest):
    return reverse(f"messaging:{name}", args=[thread.pk, *rest])


def said(text="Oui, un jour sur deux.", **given):
    return {"text": text, "gesture": str(uuid4()), "seen": "1"} | given


def page_of(client, thread):
    answer = client.get(address("thread", thread))
    assert answer.status_code == 200
    return answer.content.decode()


# --- Writing -------------------------------------------------------------------------------------


def test_a_message_is_sent_and_the_other_reads_it(world, about, open_as):
    answer = open_as("nurse").post(address("send", about), said())
    assert answer.url == address("thread", about) + "#fin"
    page = page_of(open_as("gp"), about)
    assert "Oui, un jour sur deux." in page
    assert "Inès Robeiri" in page
    assert re.search(r"<title>\s*Discussion", page)


def test_the_receipt_and_the_last_reader_show(world, about, open_as):
    read(world, about)
    page = page_of(open_as("gp"), about)
    assert re.search(r"Lu par .*Inès Robeiri", page)
    assert re.search(r"Inès Robeiri</bdi> vient de lire", page)
    world.later(minutes=10)
    assert re.search(r"Dernière lecture : <bdi>Inès Robeiri", page_of(open_as("gp"), about))


def test_reading_a_page_marks_nothing_read(world, about, open_as):
    client = open_as("nurse")
    page = page_of(client, about)
    assert 'name="upto" value="1"' in page
    assert "data-seen" in page
    assert 'name="upto"' in page_of(client, about)
    assert client.post(address("mark_read", about), {"upto": "1"}).status_code == 302
    assert 'name="upto"' not in page_of(client, about)


def test_a_double_click_is_one_message(world, about, open_as):
    client, typed = open_as("nurse"), said()
    for _ in range(2):
        assert client.post(address("send", about), typed).status_code == 302
    assert len(everything(Message)) == 2


def test_two_tabs_with_one_draft_lose_nothing(world, about, open_as):
    # The second tab took up the draft of the first, its gesture included, then changed the text.
    client, typed = open_as("nurse"), said("Premier texte")
    client.post(address("send", about), typed)
    answer = client.post(address("send", about), typed | {"text": "Second texte"})
    page = answer.content.decode()
    assert answer.status_code == 422
    assert "Second texte</textarea>" in page
    assert "pas encore envoyé" in page
    renewed = re.search(r'name="gesture" value="([0-9a-f-]{36})"', page)[1]
    assert renewed != typed["gesture"]
    client.post(address("send", about), typed | {"text": "Second texte", "gesture": renewed})
    assert [line.text for line in everything(Message)][1:] == ["Premier texte", "Second texte"]


@pytest.mark.parametrize(
    ("typed", "sentence"),
    [
        ({"text": "  "}, "Écrivez votre message."),
        ({"text": "é" * 20_001}, "20001 caractères : un message en tient 20 000"),
        ({"gesture": "x"}, "Rechargez la page."),
        ({"seen": "-1"}, "0"),
    ],
)
def test_a_refusal_keeps_the_text_and_writes_nothing(world, about, open_as, typed, sentence):
    answer = open_as("nurse").post(address("send", about), said() | typed)
    page = answer.content.decode()
    assert answer.status_code == 422
    assert sentence in page
    assert (typed.get("text", "Oui, un jour") or "").strip() in page
    assert len(everything(Message)) == 1


def test_any_text_reads_as_it_was_typed_and_acts_as_nothing(world, about, open_as):
    client = open_as("nurse")
    text = "<script>alert(1)</script> 🌴👵🏽 ‏مرحبا " + "é" * 19_000
    client.post(address("send", about), said(text))
    page = page_of(client, about)
    assert "<script>alert" not in page
    assert "&lt;script&gt;" in page
    assert "‏مرحبا" in page
    assert everything(Message)[-1].text == text


def test_a_clock_that_goes_back_an_hour_changes_no_order(world, about, open_as):
    client = open_as("nurse")
    world.later(hours=2)
    client.post(address("send", about), said("Avant"))
    world.later(hours=-1)
    client.post(address("send", about), said("Après"))
    page = page_of(client, about)
    assert page.index(">Avant<") < page.index(">Après<")
    world.later(hours=1)
    # and the list of threads still holds it in its place.
    assert "Passages" in client.get(reverse("messaging:list")).content.decode()


@pytest.mark.parametrize("by_script", [False, True])
def test_a_member_removed_while_typing_gets_the_text_back(
    world, patient, about, open_as, by_script
):
    client = open_as("nurse")
    page_of(client, about)
    take_out_of_circle(world, patient, "nurse")
    headers = {"X-Carbet-Refresh": "1"} if by_script else {}
    typed = said("Texte long à ne pas perdre")
    answer = client.post(address("send", about), typed, headers=headers)
    assert answer.status_code == 404
    assert "Texte long à ne pas perdre" in answer.content.decode()
    assert len(everything(Message)) == 1
    closing = client.post(address("close", about), {"decision": "Ma décision"})
    assert closing.status_code == 404
    assert "Ma décision" in closing.content.decode()


def test_a_stranger_learns_nothing(world, about, open_as):
    client = open_as("far_nurse")
    for name in ("thread", "invite", "close", "leave"):
        answer = client.get(address(name, about))
        assert answer.status_code == 404
        assert "Passages" not in answer.content.decode()
    unknown = reverse("messaging:thread", args=[999_999])
    assert client.get(unknown).status_code == 404
    assert client.get(reverse("messaging:list")).content.decode().count("Passages") == 0


@pytest.mark.parametrize(
    ("given", "shown"), [("Inès 🌴", "Inès 🌴"), ("مريم", "مريم"), ("<b>Inès", "&lt;b&gt;Inès")]
)
def test_any_name_stands_apart_from_what_surrounds_it(world, patient, open_as, given, shown):
    practitioner = world.roles["nurse"].practitioner
    practitioner.given = given
    practitioner.save()
    thread = open_thread(world, "nurse", patient=patient)
    send(world, thread)
    page = page_of(open_as("gp"), thread)
    assert f"<bdi>{shown} Robeiri</bdi>" in page
    assert (
        f"<bdi>{shown} Robeiri</bdi>"
        in open_as("gp").get(reverse("messaging:list")).content.decode()
    )


# --- Files ---------------------------------------------------------------------------------------


def a_file(content=PDF, name="lettre.pdf"):
    return SimpleUploadedFile(name, content, content_type="text/html")


def test_a_file_goes_with_a_message_and_leaves_apart(world, about, open_as):
    client = open_as("nurse")
    typed = said("", files=[a_file(), a_file(located_photo(), "../../IMG.JPG")])
    assert client.post(address("send", about), typed).status_code == 302
    reader = open_as("gp")
    page = page_of(reader, about)
    letter, photo = everything(Attachment)
    assert letter.name in page
    assert reverse("messaging:small_view", args=[about.pk, photo.pk]) in page
    gone = reader.get(address("attachment", about, letter.pk))
    assert gone.getvalue() == PDF
    assert gone["Content-Disposition"] == 'attachment; filename="lettre.pdf"'
    assert gone["X-Content-Type-Options"] == "nosniff"
    assert gone["Content-Security-Policy"] == "default-src 'none'; sandbox"
    assert gone["Cache-Control"] == "no-store"
    shown = reader.get(address("attachment", about, photo.pk))
    assert shown["Content-Disposition"] == 'inline; filename="IMG.jpg"'
    assert b"secret" not in shown.getvalue()
    assert reader.get(address("small_view", about, photo.pk)).content.startswith(b"\xff\xd8\xff")
    assert reader.get(address("small_view", about, letter.pk)).status_code == 404
    opened = everything(AuditEvent, operation="messaging.attachment.open")
    assert {event.patient_id for event in opened} == {about.patient_id}
    assert "IMG.jpg" in reader.get(reverse("messaging:list")).content.decode()


def test_a_file_of_another_thread_does_not_exist_here(world, about, open_as):
    other = open_thread(world, "far_nurse")
    send(world, other, by="far_nurse", text="x")
    client = open_as("nurse")
    client.post(address("send", about), said("", files=[a_file()]))
    [file] = everything(Attachment)
    assert open_as("gp").get(address("attachment", other, file.pk)).status_code == 404
    assert open_as("far_nurse").get(address("attachment", about, file.pk)).status_code == 404


@pytest.mark.parametrize(
    ("files", "sentence"),
    [
        ([a_file(b"<svg onload=x>", "a.pdf")], "SVG"),
        ([a_file(b"MZ\x90\x00\x03", "facture.pdf.exe")], "facture.pdf.exe"),
        ([a_file(b"", "vide.pdf")], "vide"),
        ([a_file(), a_file(b"PK\x03\x04xx", "../../etc/pass\u202ewd.zip")], "passwd.zip"),
        ([a_file(name=f"{n}.pdf") for n in range(9)], "9 fichiers : 8 au plus"),
    ],
    ids=["svg", "program", "empty", "poisoned name", "too many"],
)
def test_a_refused_file_keeps_the_text_and_leaves_nothing(world, about, open_as, files, sentence):
    for file in files:
        file.seek(0)
    answer = open_as("nurse").post(address("send", about), said("Mon texte", files=files))
    page = answer.content.decode()
    assert answer.status_code == 422
    assert sentence in page
    assert "Mon texte</textarea>" in page
    assert len(everything(Message)) == 1
    assert not everything(Attachment)


def test_a_file_of_200_mb_is_refused_before_it_is_read_and_gives_the_text_back(
    world, about, open_as
):
    body = (
        b'--x\r\nContent-Disposition: form-data; name="text"\r\n\r\nMon texte\r\n'
        b'--x\r\nContent-Disposition: form-data; name="files"; filename="a.pdf"\r\n\r\n%PDF-'
    ) + b"x" * 300_000
    answer = open_as("nurse").generic(
        "POST",
        address("send", about),
        body,
        content_type="multipart/form-data; boundary=x",
        CONTENT_LENGTH=str(200 * 1024 * 1024),
    )
    assert answer.status_code == 413
    assert "Mon texte" in answer.content.decode()
    assert "200 Mo" in answer.content.decode()


# --- Lists, keeping, closing ---------------------------------------------------------------------


def test_a_thread_opens_about_a_person_from_the_record(world, patient, open_as):
    client = open_as("gp")
    path = reverse("messaging:create_about", args=[patient.pk])
    assert "Rosa Pinas" in client.get(path).content.decode()
    typed = said("Bonjour", to=[world.roles["nurse"].key], subject="Poids", files=[a_file()])
    answer = client.post(path, typed)
    [thread] = everything(Thread)
    assert answer.url == address("thread", thread) + "#fin"
    assert client.post(path, typed | {"files": [a_file()]}).url == answer.url
    assert len(everything(Thread)) == len(everything(Attachment)) == 1
    inside = client.get(reverse("messaging:of_patient", args=[patient.pk])).content.decode()
    assert "Poids" in inside


def test_a_refused_opening_keeps_all_that_was_typed(world, patient, open_as):
    path = reverse("messaging:create_about", args=[patient.pk])
    typed = said("Mon texte", subject="Mon objet", urgent="on")
    answer = open_as("gp").post(path, typed)
    page = answer.content.decode()
    assert answer.status_code == 422
    assert "Choisissez au moins un destinataire." in page
    assert "Mon texte" in page
    assert "Mon objet" in page
    assert not everything(Thread)


def test_teams_and_colleagues_are_looked_for_in_the_directory(world, patient, open_as):
    client = open_as("gp")
    found = client.get(reverse("messaging:recipients"), {"to_q": "robeiri"}).content.decode()
    assert world.roles["nurse"].key in found
    place = f"org:{world.places['nursing'].pk}"
    typed = said("Bonjour l’équipe", to=[place])
    assert client.post(reverse("messaging:create"), typed).status_code == 302
    assert place in {one.grantee for one in everything(Participant)}


@pytest.mark.parametrize("name", ["recipients", "create", "invite"])
def test_no_address_names_an_account(world, open_as, name):
    """Who has an account here is told by a record that one manages, never by its number."""
    account = world.accounts["claire"]
    where = address(name, open_thread(world, "nurse")) if name == "invite" else None
    where = where or reverse(f"messaging:{name}")
    asked = {"to": f"account:{account.pk}", "to_q": "robeiri", "search": "1"}
    client = open_as("gp")
    send = client.get if name == "recipients" else client.post
    page = send(where, asked).content.decode()
    assert str(account) not in page
    assert f"account:{account.pk}" not in page


@pytest.mark.parametrize(
    ("name", "field"), [("search", "q"), ("create", "to_q"), ("search", "avant")]
)
def test_signs_that_no_keyboard_makes_find_nothing(world, about, open_as, name, field):
    for text in ("pas\x00sages", "9" * 5000, "9" * 15 + "-1", "\N{GRINNING FACE}'\\|&!:*"):
        typed = {"q": "passages", "search": "1"} | {field: text}
        assert open_as("gp").post(reverse(f"messaging:{name}"), typed).status_code == 200


def test_muted_and_archived_are_said_and_undone(world, about, open_as):
    client = open_as("nurse")
    assert "count-hot" in client.get(reverse("messaging:count")).content.decode()
    client.post(address("mute", about))
    assert "En sourdine" in client.get(reverse("messaging:list")).content.decode()
    assert "count-hot" not in client.get(reverse("messaging:count")).content.decode()
    client.post(address("mute", about), {"non": "1"})
    client.post(address("archive", about))
    assert "Passages" not in client.get(reverse("messaging:list")).content.decode()
    assert "Passages" in client.get(reverse("messaging:list") + "?vue=archives").content.decode()
    client.post(address("archive", about), {"non": "1"})
    assert "Passages" in client.get(reverse("messaging:list")).content.decode()


def test_words_are_looked_for_in_the_body_never_in_the_address(world, about, open_as):
    client = open_as("nurse")
    found = client.post(reverse("messaging:search"), {"q": "espacés PASSAGE"}).content.decode()
    assert "Peut-on espacer les passages" in found
    assert address("thread", about) in found
    nothing = client.post(reverse("messaging:search"), {"q": "absent"}).content.decode()
    assert "Peut-on espacer" not in nothing
    stranger = open_as("far_nurse").post(reverse("messaging:search"), {"q": "passages"})
    assert "Peut-on espacer" not in stranger.content.decode()


def test_a_decision_closes_the_thread_and_stands_in_the_notebook(world, patient, about, open_as):
    client = open_as("gp")
    typed = {"decision": "On espace à un jour sur deux.", "closings": "0"}
    for _ in range(2):
        assert client.post(address("close", about), typed).url == address("thread", about) + "#fin"
    [note] = everything(Note)
    assert (note.text, note.patient_id) == ("On espace à un jour sur deux.", patient.pk)
    page = page_of(open_as("nurse"), about)
    assert "On espace à un jour sur deux." in page
    assert "Discussion close" in page
    late = open_as("nurse").post(address("send", about), said("Trop tard ?"))
    assert late.status_code == 422
    assert "Trop tard ?</textarea>" in late.content.decode()
    listed = open_as("nurse").get(reverse("messaging:list")).content.decode()
    assert "a clos la discussion : On espace" in listed
    notebook = open_as("gp").get(reverse("notebook:list", args=[patient.pk])).content.decode()
    assert "On espace à un jour sur deux." in notebook


# --- Weight and cost -----------------------------------------------------------------------------


def fill(world, about, lines):
    for number in range(lines):
        by = ("nurse", "gp")[number % 2]
        send(
            world, about, by=by, text=f"Message {number} : le pansement est propre, peu de douleur."
        )
        world.later(minutes=7)


@pytest.mark.parametrize("name", ["thread", "list", "of_patient", "search"])
def test_a_page_costs_the_same_however_much_was_said(world, patient, about, open_as, name):
    client = open_as("nurse")

    def ask():
        with CaptureQueriesContext(
            connection,
        ) as queries:
            if name == "search":
                answer = client.post(reverse("messaging:search"), {"q": "pansement"})
            elif name == "list":
                answer = client.get(reverse("messaging:list"))
            elif name == "of_patient":
                answer = client.get(reverse("messaging:of_patient", args=[patient.pk]))
            else:
                answer = client.get(address("thread", about))
        assert answer.status_code == 200
        return len([one for one in queries if "SAVEPOINT" not in one["sql"]])

    fill(world, about, 1)
    assert ask() <= MOST_QUERIES
    for _ in range(6):
        fill(world, open_thread(world, "nurse", patient=patient), 1)
    fill(world, about, 40)
    send(world, about, files=[received(PDF, "a.pdf"), received(PDF, "b.pdf")])
    assert ask() <= MOST_QUERIES


def test_a_thread_of_thirty_lines_weighs_what_a_bad_line_bears(world, about, open_as):
    fill(world, about, 40)
    client = open_as("nurse")
    whole = client.get(address("thread", about))
    assert whole.content.decode().count('class="bubble') == 30
    # Offline study, §6: a later screen in 5 KB; what a server affords live is quality 5.
    assert len(brotli.compress(whole.content, quality=5)) <= 5 * 1024
    assert (
        len(brotli.compress(client.get(reverse("messaging:list")).content, quality=5)) <= 5 * 1024
    )


def test_older_lines_come_by_pages(world, about, open_as):
    fill(world, about, 40)
    client = open_as("nurse")
    page = page_of(client, about)
    before = re.search(r"\?avant=(\d+)", page)[1]
    older = client.get(address("thread", about) + f"?avant={before}").content.decode()
    assert "Message 0 " in older
    assert "data-merge" not in older


# --- Drafts --------------------------------------------------------------------------------------


def test_the_key_of_drafts_is_told_to_its_account_only(world, about, open_as):
    page = page_of(open_as("nurse"), about)
    own, other = drafts.secret(world.actor("nurse")), drafts.secret(world.actor("gp"))
    assert own != other
    assert f'data-draft-key="{own}"' in page
    assert other not in page
    assert drafts.place(world.actor("nurse"), "thread", about.pk) in page
    assert client_cache(open_as("nurse"), about) == "no-store"


def client_cache(client, thread):
    return client.get(address("thread", thread))["Cache-Control"]


def test_a_participant_removed_by_who_opened_it_is_told(world, about, open_as):
    nurse = next(one for one in everything(Participant) if one.grantee == world.roles["nurse"].key)
    answer = open_as("gp").post(address("remove", about, nurse.pk), follow=True)
    assert "Inès Robeiri ne lit plus cette discussion." in answer.content.decode()
    assert open_as("nurse").get(address("thread", about)).status_code == 404
    with pytest.raises(operations.UnableToInvite):
        operations.remove_participant(
            actor=world.actor("gp"), now=world.now, thread=about, participant_id=nurse.pk
        )


def test_a_text_file_is_saved_never_shown(world, about, open_as):
    client = open_as("nurse")
    client.post(address("send", about), said("", files=[a_file(TEXT, "notes.html")]))
    [file] = everything(Attachment)
    gone = client.get(address("attachment", about, file.pk))
    assert gone["Content-Disposition"] == 'attachment; filename="notes.txt"'
    assert gone.getvalue() == TEXT
