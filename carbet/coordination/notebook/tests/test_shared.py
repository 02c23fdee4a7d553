"""Who sees a note, whom it calls, who has seen it, what it carries; and how it is found again."""

from datetime import timedelta
from decimal import Decimal
from io import BytesIO
from uuid import uuid4

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.urls import reverse
from PIL import Image

from carbet.coordination.alerts.choices import AlertKind
from carbet.coordination.alerts.models import Alert
from carbet.coordination.documents.rules.receiving import receive
from carbet.coordination.notebook import operations, queries, rules
from carbet.coordination.notebook.choices import MeasureKind
from carbet.coordination.notebook.models import Note, NoteFile, NoteReceipt
from carbet.coordination.notebook.queries import Filters
from carbet.coordination.tasks.models import Task
from carbet.core import clock, row_security
from carbet.core.actor import DataCategory, internal
from carbet.core.sharing import Visibility

pytestmark = pytest.mark.django_db
MEMBERS = {
    "role:1": ("Yann Le Bihan", "Le Bihan"),
    "role:2": ("Inès Robeiri", "Robeiri"),
    "org:3": ("Pharmacie du Larivot", ""),
}


@pytest.fixture
def patient(world, monkeypatch):
    monkeypatch.setattr(clock, "now", lambda: world.now)
    return world.circle("nurse", "physio").patient


@pytest.fixture
def open_as(world, sign_in):
    return lambda key: sign_in(world.accounts[key], role=world.roles[key])


def write(world, patient, key="nurse", **given):
    asked = {"text": "Va bien ce matin.", "gesture": uuid4()} | given
    return operations.write_note(actor=world.actor(key), now=world.now, patient=patient, **asked)


def address(name, patient, *rest):
    return reverse(f"notebook:{name}", args=[patient.pk, *rest])


def everything(model, **filters):
    with row_security.acting_as(internal("test")):
        return list(model.objects.filter(**filters).order_by("pk"))


def read(world, patient, key, **asked):
    actor = world.actor(key)
    with row_security.acting_as(actor, now=world.now):
        return queries.timeline(
            patient_id=patient.pk, filters=Filters(**asked), reader_role_id=actor.role_id
        )


@pytest.mark.parametrize(
    ("text", "called"),
    [
        ("Je préviens @Le Bihan ce soir.", {"role:1"}),
        ("@yann le bihan et @ROBEIRI", {"role:1", "role:2"}),
        ("@Ines Robeiri", {"role:2"}),
        ("@Pharmacie du Larivot : livraison ?", {"org:3"}),
        ("@Le", set()),
        ("Le Bihan, sans arobase", set()),
        ("écrire à yann@lebihan.example", set()),
        ("@Robeirix", set()),
        ("@" * 5000, set()),
    ],
)
def test_whom_a_text_calls(text, called):
    assert rules.called(text, MEMBERS) == called


def test_whoever_is_called_is_told_so_and_the_others_as_usual(world, patient):
    gp = world.roles["gp"]
    write(world, patient, called={gp.key: "Yann Le Bihan"})
    told = {(one.recipient, one.kind) for one in everything(Alert) if one.kind != "circle"}
    assert (gp.key, AlertKind.NOTE_MENTION) in told
    assert (gp.key, AlertKind.NOTE) not in told


@pytest.mark.parametrize(
    ("visibility", "called", "readers"),
    [
        (Visibility.CIRCLE, (), {"gp", "nurse", "physio", "secretary"}),
        (Visibility.CHOSEN, ("gp",), {"gp", "nurse", "secretary"}),
        (Visibility.CHOSEN, ("physio",), {"nurse", "physio"}),
    ],
)
def test_who_sees_a_note_its_reply_and_its_history(world, patient, visibility, called, readers):
    keys = {world.roles[key].key: key for key in called}
    note = write(world, patient, visibility=visibility, called=keys)
    write(world, patient, key=called[0] if called else "gp", replies_to=note, text="Réponse")
    for key in ("gp", "nurse", "physio", "secretary"):
        shown = read(world, patient, key)
        with row_security.acting_as(world.actor(key), now=world.now):
            versions = Note.pgh_event_model.objects.filter(pgh_obj_id=note.pk).exists()
        assert (bool(shown), versions) == (key in readers, key in readers), key
        if shown:
            assert [one.text for one in shown[0].replies] == ["Réponse"]


def test_a_note_for_chosen_members_needs_one(world, patient):
    with pytest.raises(operations.UnableToWriteNote, match="Cochez") as refusal:
        write(world, patient, visibility=Visibility.CHOSEN)
    assert refusal.value.field == "members"


def test_a_note_seen_is_kept_once_and_shown_to_its_author(world, patient, open_as):
    note = write(world, patient)
    gp = open_as("gp")
    page = gp.get(address("list", patient)).content.decode()
    assert "data-mark" in page
    for _ in range(2):
        gp.post(
            address("see", patient),
            {"notes": "1 zz 999999 " + page.split('name="notes" value="')[1].split('"')[0]},
        )
    [receipt] = everything(NoteReceipt)
    assert (receipt.note_id, receipt.role_id) == (note.pk, world.roles["gp"].pk)
    assert "data-mark" not in gp.get(address("list", patient)).content.decode()
    nurse = open_as("nurse")
    seen = nurse.get(address("seen", patient, note.pk)).content.decode()
    assert "Yann Le Bihan" in seen
    assert "Pas encore vue par" in seen


def test_nobody_says_for_another_that_a_note_was_seen(world, patient):
    note = write(world, patient)
    with (
        pytest.raises(Exception, match="row-level security"),
        row_security.acting_as(world.actor("physio"), now=world.now, operation="test"),
    ):
        NoteReceipt.objects.create(
            note=note,
            patient_id=patient.pk,
            role=world.roles["gp"],
            reader_name="Yann Le Bihan",
            seen_at=world.now,
        )


def photo():
    content, taken = BytesIO(), Image.Exif()
    taken[0x010F] = "Appareil de Solange"
    Image.new("RGB", (40, 30), "red").save(content, "JPEG", exif=taken)
    return SimpleUploadedFile("../../plaie<b>.jpg", content.getvalue(), "image/jpeg")


def test_a_note_carries_photos_that_are_seen_with_it(world, patient, open_as):
    client = open_as("nurse")
    typed = {"text": "La plaie ce matin.", "kind": "OBS", "gesture": str(uuid4())}
    assert client.post(address("write", patient), typed | {"files": photo()}).status_code == 302
    [tie] = everything(NoteFile)
    page = open_as("gp").get(address("list", patient)).content.decode()
    small = reverse("documents:small_view", args=[patient.pk, tie.document_id, 1])
    assert small in page
    assert "<b>" not in page
    kept = open_as("gp").get(reverse("documents:content", args=[patient.pk, tie.document_id, 1]))
    assert b"Appareil" not in b"".join(kept.streaming_content if kept.streaming else [kept.content])
    [found] = read(world, patient, "gp", files=True)
    assert [one.is_image for one in found.files] == [True]


@pytest.mark.parametrize(
    ("name", "content", "words"),
    [
        ("virus.exe", b"MZ\x90\0", "virus.exe"),
        ("photo.jpg", b"<svg onload=alert(1)>", "photo.jpg"),
        ("vide.pdf", b"", "vide.pdf"),
    ],
)
def test_a_file_that_is_refused_keeps_the_text_and_writes_nothing(
    patient, open_as, name, content, words
):
    typed = {"text": "À garder.", "kind": "OBS", "gesture": str(uuid4())}
    sent = typed | {"files": SimpleUploadedFile(name, content)}
    answer = open_as("nurse").post(address("write", patient), sent)
    assert answer.status_code == 422
    assert words in answer.content.decode()
    assert "À garder." in answer.content.decode()
    assert not everything(Note)


def test_a_double_click_keeps_one_note_and_its_file_once(patient, open_as):
    typed = {"text": "Une fois.", "kind": "OBS", "gesture": str(uuid4())}
    client = open_as("nurse")
    for _ in range(2):
        client.post(address("write", patient), typed | {"files": photo()})
    assert len(everything(Note)) == len(everything(NoteFile)) == 1


@pytest.mark.parametrize(
    ("asked", "found"),
    [
        ("œdème", True),
        ("oedeme", True),
        ("OEDÈMES", True),
        ("cheville", True),
        ("oed chev", True),
        ("genou", False),
        ("' & | ! :*", None),
    ],
)
def test_notes_are_found_by_their_words_accents_or_not(world, patient, asked, found):
    write(world, patient, text="Œdèmes des chevilles ce matin.")
    write(world, patient, text="Rien à dire.")
    shown = [one.text for one in read(world, patient, "gp", words=asked)]
    if found is None:
        assert len(shown) == 2  # no word was asked: nothing is filtered, nothing breaks
    else:
        assert shown == (["Œdèmes des chevilles ce matin."] if found else [])


def test_words_of_a_note_one_may_not_see_find_nothing(world, patient):
    write(world, patient, text="Confidence", visibility=Visibility.CHOSEN,
          called={world.roles["gp"].key: "Yann Le Bihan"})  # fmt: skip
    assert read(world, patient, "physio", words="confidence") == []
    assert read(world, patient, "gp", words="confidence")


@pytest.mark.parametrize(
    ("values", "doubtful"),
    [
        ({"weight": "250"}, True),
        ({"weight": "68"}, False),
        ({"height": "165", "waist": "92", "respiration": "16", "hba1c": "6,8"}, False),
        ({"respiration": "60"}, True),
    ],
)
def test_an_unusual_value_asks_before_it_is_kept(patient, open_as, values, doubtful):
    client = open_as("nurse")
    answer = client.post(address("measure", patient), values | {"gesture": str(uuid4())})
    assert answer.status_code == (422 if doubtful else 302)
    if doubtful:
        assert "Vérifiez, puis confirmez" in answer.content.decode()
        sure = values | {"gesture": str(uuid4()), "confirmed": "on"}
        assert client.post(address("measure", patient), sure).status_code == 302


def test_a_weight_far_from_the_last_one_asks(world, patient, open_as):
    operations.record_measures(
        actor=world.actor("nurse"), now=world.now, patient=patient,
        values={MeasureKind.WEIGHT: (Decimal(68),)}, gesture=uuid4(),
    )  # fmt: skip
    answer = open_as("nurse").post(
        address("measure", patient), {"weight": "86", "gesture": str(uuid4())}
    )
    assert answer.status_code == 422
    assert "dernier poids noté était de 68" in answer.content.decode()


def test_measures_are_shown_over_a_period_with_the_index_they_give(world, patient, open_as):
    for days, weight in ((400, 60), (20, 64), (0, 66)):
        operations.record_measures(
            actor=world.actor("nurse"), now=world.now, patient=patient,
            values={MeasureKind.WEIGHT: (Decimal(weight),), MeasureKind.HEIGHT: (Decimal(165),)},
            gesture=uuid4(), occurred_at=world.now - timedelta(days=days),
        )  # fmt: skip
    client = open_as("gp")
    whole = client.get(address("measures", patient)).content.decode()
    month = client.get(address("measures", patient) + "?periode=1m").content.decode()
    assert "Indice de masse corporelle" in whole
    assert "24,2" in whole  # 66 kg, 165 cm
    assert ">60<" in whole.replace("\n", "")
    assert ">60<" not in month.replace("\n", "")


@pytest.mark.parametrize(
    "asked", ["q=oedeme", "fichiers=on", "nouveau=on", "urgent=on", "type=OBS"]
)
def test_filters_ask_no_more_queries(world, patient, open_as, asked):
    for _ in range(12):
        note = write(world, patient, text="Œdème", urgent=True)
        write(world, patient, key="gp", replies_to=note)
    client = open_as("gp")
    with CaptureQueriesContext(connection) as captured:
        assert client.get(address("list", patient) + f"?{asked}").status_code == 200
    asked = [one["sql"] for one in captured if "SAVEPOINT" not in one["sql"]]
    assert len(asked) <= 8, asked


@pytest.mark.parametrize("visibility", [Visibility.CHOSEN, Visibility.CIRCLE])
def test_whoever_could_not_read_a_note_is_not_called_in_vain(world, visibility):
    patient = world.circle("nurse", "home_help").patient
    called = {world.roles["home_help"].key: "Rosa Pinas"}
    with pytest.raises(operations.UnableToWriteNote, match="Pas ouverte à : Rosa Pinas") as refusal:
        write(world, patient, visibility=visibility, called=called)
    assert refusal.value.field == "members"
    assert not everything(Note)
    social = {"visibility": visibility, "called": called, "category": DataCategory.SOCIAL}
    assert read(world, patient, "home_help") == []
    write(world, patient, **social)
    assert len(read(world, patient, "home_help")) == 1


def test_the_author_is_not_offered_and_a_refusal_stands_at_the_field(world, open_as, monkeypatch):
    monkeypatch.setattr(clock, "now", lambda: world.now)
    patient = world.circle("nurse", "home_help").patient
    client, nurse, help_ = open_as("nurse"), world.roles["nurse"].key, world.roles["home_help"].key
    for page in ("list", "write"):
        shown = client.get(address(page, patient)).content.decode()
        assert f'name="members" value="{help_}"' in shown
        assert f'name="members" value="{nurse}"' not in shown
    sent = {"text": "@Robeiri, plaie.", "kind": "OBS", "visibility": "chosen", "gesture": uuid4()}
    refused = client.post(address("write", patient), sent | {"members": [help_]})
    assert refused.status_code == 422
    form = refused.context["form"]
    assert "Pas ouverte à : Rosa Pinas" in form.errors["members"][0]
    assert form.has_options
    assert f'value="{help_}" data-name="Rosa Pinas" checked' in refused.content.decode()
    # A member whom the author cannot see is not named: the box is simply not there.
    world.circle("physio", birth_family="Ailleurs")
    unknown = client.post(
        address("write", patient), sent | {"members": [world.roles["physio"].key]}
    )
    assert unknown.status_code == 422
    assert "Tianon" not in unknown.content.decode()
    assert not everything(Note)


def test_a_reply_calls_nobody_who_does_not_see_what_it_answers(world, patient):
    gp, physio = world.roles["gp"], world.roles["physio"]
    note = write(world, patient, visibility=Visibility.CHOSEN, called={gp.key: "Yann Le Bihan"})
    with pytest.raises(operations.UnableToWriteNote, match="Marc Tianon"):
        write(world, patient, "gp", replies_to=note, called={physio.key: "Marc Tianon"})


def test_a_file_is_read_by_whoever_reads_its_note(world):
    patient = world.circle("nurse", "home_help").patient
    sent = photo()
    received = receive("plan.jpg", sent, sent.size)
    write(world, patient, category=DataCategory.SOCIAL, files=[received])
    [entry] = read(world, patient, "home_help")
    assert [file.title for file in entry.files] == ["plan"]


def test_advice_is_asked_of_somebody_who_sees_the_note(world, patient):
    physio = world.roles["physio"]
    chosen = {"visibility": Visibility.CHOSEN, "called": {physio.key: "Marc Tianon"}}
    write(world, patient, kind="DEM-AVIS", **chosen)
    assert [task.owner for task in everything(Task)] == [physio.key]


def test_an_unreadable_sign_is_refused_at_its_field(world, patient):
    with pytest.raises(operations.UnableToWriteNote, match="illisible") as refusal:
        write(world, patient, text="a\0b")
    assert refusal.value.field == "text"
