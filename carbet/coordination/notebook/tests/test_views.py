"""The pages of the notebook, as each reader meets them."""

from datetime import timedelta
from uuid import uuid4

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.urls import reverse

from carbet.coordination.care_teams import operations as care_teams
from carbet.coordination.care_teams.models import CareTeamParticipant
from carbet.coordination.notebook import operations
from carbet.coordination.notebook.choices import MeasureKind
from carbet.coordination.notebook.models import Measure, Note
from carbet.core import clock, row_security
from carbet.core.actor import internal
from carbet.core.models import AuditEvent

pytestmark = pytest.mark.django_db


@pytest.fixture
def now(world, monkeypatch):
    """Stop the clock of requests at the moment of the world, which moves with `world.later`."""
    monkeypatch.setattr(clock, "now", lambda: world.now)
    return world.now


@pytest.fixture
def patient(world, now):
    return world.circle("nurse", "home_help").patient


@pytest.fixture
def open_as(world, sign_in):
    def open_as(key):
        return sign_in(world.accounts[key], role=world.roles[key])

    return open_as


def write(world, patient, key="nurse", **given):
    asked = {"text": "Va bien ce matin.", "gesture": uuid4()} | given
    return operations.write_note(actor=world.actor(key), now=world.now, patient=patient, **asked)


def address(name, patient, *rest):
    return reverse(f"notebook:{name}", args=[patient.pk, *rest])


def written(answer):
    """Return the notes and measures of a page, what happened in other rooms left out."""
    return [line for line in answer.context["lines"] if not line.href]


def everything(model, **filters):
    with row_security.acting_as(internal("test")):
        return list(model.objects.filter(**filters).order_by("pk"))


def leave(world, patient, key="nurse"):
    with row_security.acting_as(world.actor("gp"), now=world.now):
        participant = CareTeamParticipant.objects.select_related("care_team").get(
            patient_id=patient.pk, practitioner_role=world.roles[key]
        )
    care_teams.end_participation(
        actor=world.actor("gp"), now=world.later(minutes=1), participant=participant
    )


PAGES = ("list", "write", "measures", "measure")


@pytest.mark.parametrize("page", PAGES)
@pytest.mark.parametrize(
    ("key", "status"),
    [("gp", 200), ("secretary", 200), ("nurse", 200), ("other_gp", 404), ("coordinator", 404)],
)
def test_who_opens_which_page(world, patient, open_as, page, key, status):
    assert open_as(key).get(address(page, patient)).status_code == status


@pytest.mark.parametrize("page", ["correct", "withdraw"])
def test_only_its_author_mends_a_note(world, patient, open_as, page):
    note = write(world, patient)
    refused = open_as("gp").get(address(page, patient, note.pk), follow=True)
    assert "Seul son auteur" in refused.content.decode()
    assert open_as("nurse").get(address(page, patient, note.pk)).status_code == 200


def test_a_note_of_another_notebook_does_not_exist_here(world, patient, open_as):
    note = write(world, patient)
    other = world.circle("nurse", birth_family="Autre").patient
    client = open_as("nurse")
    for page in ("reply", "correct", "withdraw", "versions"):
        assert client.get(address(page, other, note.pk)).status_code == 404


def test_writing_comes_back_to_the_note(world, patient, open_as):
    client = open_as("nurse")
    gesture = str(uuid4())
    typed = {"text": "Toux\r\ndepuis hier 🌴", "kind": "OBS", "gesture": gesture}
    answer = client.post(address("write", patient), typed)
    again = client.post(address("write", patient), typed)
    [note] = everything(Note)
    assert note.text == "Toux\ndepuis hier 🌴"
    assert answer.status_code == again.status_code == 302
    assert answer.url == again.url
    page = client.get(answer.url).content.decode()
    assert "depuis hier 🌴" in page
    assert "Note enregistrée" in page


def test_a_refused_note_gives_its_text_back(world, patient, open_as):
    typed = {"text": "a" * 20_001, "kind": "OBS", "gesture": str(uuid4())}
    answer = open_as("nurse").post(address("write", patient), typed)
    assert answer.status_code == 422
    page = answer.content.decode()
    assert "20001 caractères" in page
    assert "a" * 20_001 in page
    assert not everything(Note)


def test_twenty_thousand_signs_hold_whatever_the_ends_of_lines(world, patient, open_as):
    text = "\r\n".join(["a" * 99] * 200)
    typed = {"text": text, "kind": "OBS", "gesture": str(uuid4())}
    assert open_as("nurse").post(address("write", patient), typed).status_code == 302
    assert len(everything(Note)[0].text) == 99 * 200 + 199


def test_a_form_that_served_with_another_text_is_sent_again_as_a_new_note(world, patient, open_as):
    client = open_as("nurse")
    gesture = str(uuid4())
    client.post(address("write", patient), {"text": "Un", "kind": "OBS", "gesture": gesture})
    answer = client.post(
        address("write", patient), {"text": "Deux", "kind": "OBS", "gesture": gesture}
    )
    assert answer.status_code == 422
    form = answer.context["form"]
    assert form["text"].value() == "Deux"
    assert form["gesture"].value() != gesture


def test_a_member_removed_while_typing_gets_the_text_back_and_nothing_else(world, patient, open_as):
    client = open_as("nurse")
    client.get(address("list", patient))
    leave(world, patient)
    typed = {"text": "Plaie du talon à revoir", "kind": "OBS", "gesture": str(uuid4())}
    answer = client.post(address("write", patient), typed)
    page = answer.content.decode()
    assert answer.status_code == 404
    assert "Plaie du talon à revoir" in page
    assert "Montgénie" not in page
    assert not everything(Note)
    assert client.get(address("list", patient)).status_code == 404


def test_a_member_removed_while_measuring_gets_the_values_back(world, patient, open_as):
    client = open_as("nurse")
    leave(world, patient)
    typed = {"systolic": "142", "diastolic": "86", "gesture": str(uuid4())}
    answer = client.post(address("measure", patient), typed)
    assert answer.status_code == 404
    assert "Tension, systolique : 142" in answer.content.decode()


def test_what_is_typed_is_shown_as_text(world, patient, open_as):
    write(world, patient, text="<script>alert(1)</script>\n**gras**")
    page = open_as("gp").get(address("list", patient)).content.decode()
    assert "&lt;script&gt;alert(1)&lt;/script&gt;" in page
    assert "<script>alert(1)" not in page


def test_a_correction_shows_the_former_version(world, patient, open_as):
    note = write(world, patient, text="Tension 14/8")
    client = open_as("nurse")
    typed = {"text": "Tension 15/8", "reason": "Faute de frappe", "seen": ""}
    answer = client.post(address("correct", patient, note.pk), typed)
    page = client.get(answer.url).content.decode()
    assert "Tension 15/8" in page
    assert "Tension 14/8" not in page
    versions = open_as("gp").get(address("versions", patient, note.pk)).content.decode()
    assert "Tension 14/8" in versions
    assert "Faute de frappe" in versions


def test_a_correction_on_an_old_version_keeps_what_was_typed(world, patient, open_as):
    note = write(world, patient)
    client = open_as("nurse")
    typed = {"text": "Premier", "reason": "a", "seen": ""}
    client.post(address("correct", patient, note.pk), typed)
    answer = client.post(address("correct", patient, note.pk), typed | {"text": "Second"})
    assert answer.status_code == 422
    assert "Second" in answer.content.decode()
    assert "entre-temps" in answer.content.decode()


def test_a_withdrawn_note_is_struck_with_its_reason(world, patient, open_as):
    note = write(world, patient)
    client = open_as("nurse")
    answer = client.post(address("withdraw", patient, note.pk), {"reason": "Mauvais dossier"})
    page = client.get(answer.url).content.decode()
    assert "entry-struck" in page
    assert "Mauvais dossier" in page
    assert client.post(address("withdraw", patient, note.pk), {"reason": "x"}).status_code == 422


def test_a_reply_stands_under_its_note(world, patient, open_as):
    note = write(world, patient)
    client = open_as("gp")
    typed = {"text": "Je passe demain", "gesture": str(uuid4())}
    client.post(address("reply", patient, note.pk), typed)
    [line] = written(client.get(address("list", patient)))
    assert [reply.text for reply in line.replies] == ["Je passe demain"]


def test_a_secretary_writes_for_the_doctor_and_it_shows(world, patient, open_as):
    client = open_as("secretary")
    typed = {"text": "Rendez-vous pris", "kind": "GEN", "gesture": str(uuid4())}
    answer = client.post(address("write", patient), typed)
    assert "Odile Fortin, pour Yann Le Bihan" in client.get(answer.url).content.decode()


def test_what_is_new_is_relative_to_the_previous_visit(world, patient, open_as):
    write(world, patient, text="Avant")
    gp = open_as("gp")
    first = gp.get(address("list", patient))
    assert [line.new for line in written(first)] == [False]
    world.later(hours=2)
    write(world, patient, text="Entre-temps")
    write(world, patient, "gp", text="La mienne")
    second = gp.get(address("list", patient))
    new = {line.text: line.new for line in written(second)}
    assert new == {"Avant": False, "Entre-temps": True, "La mienne": False}
    only_new = gp.get(address("list", patient), {"nouveau": "on"})
    assert {line.text for line in written(only_new)} == {"Entre-temps", "La mienne"}


def test_a_screen_that_refreshes_by_itself_hides_nothing_new(world, patient, open_as):
    gp = open_as("gp")
    gp.get(address("list", patient))
    world.later(hours=2)
    write(world, patient, text="Nouvelle")
    gp.get(address("list", patient), headers={"X-Carbet-Refresh": "1"})
    world.later(hours=1)
    lines = written(gp.get(address("list", patient)))
    assert next(line for line in lines if line.text == "Nouvelle").new


def test_filters(world, patient, open_as):
    write(world, patient, text="Observation")
    write(world, patient, "gp", text="Consigne", kind="INST", urgent=True)
    operations.record_measures(
        actor=world.actor("nurse"),
        now=world.now,
        patient=patient,
        values={MeasureKind.PAIN: (3,)},
        gesture=uuid4(),
    )
    client = open_as("nurse")

    def shown(**query):
        lines = written(client.get(address("list", patient), query))
        return sorted(line.text or line.value for line in lines)

    assert shown() == ["3", "Consigne", "Observation"]
    assert shown(type="INST") == ["Consigne"]
    assert shown(type=["INST", "mesures"]) == ["3", "Consigne"]
    assert shown(urgent="on") == ["Consigne"]
    assert shown(auteur=world.roles["nurse"].pk) == ["3", "Observation"]
    assert shown(type="???", auteur="x", suite="x-y-z") == ["3", "Consigne", "Observation"]


def test_pages_follow_each_other_without_gap_nor_repeat(world, patient, open_as):
    with row_security.acting_as(internal("test"), operation="test.fill"):
        common = {
            "patient": patient,
            "author_role": world.roles["nurse"],
            "author_name": "Inès",
            "recorded_at": world.now,
        }
        for number in range(30):
            at = world.now - timedelta(minutes=number // 3)
            Note.objects.create(text=f"n{number}", occurred_at=at, **common)
            Measure.objects.create(kind="29463-7", value=number + 1, occurred_at=at, **common)
    client = open_as("gp")
    seen, url = [], address("list", patient)
    while url:
        answer = client.get(url)
        context = answer.context
        for line in written(answer):
            seen += [one.text or one.value for one in line.together or (line,)]
        url = address("list", patient) + context["next"] if context["next"] else ""
    assert len(seen) == 60
    assert len(set(seen)) == 60


@pytest.mark.parametrize("count", [1, 30])
@pytest.mark.parametrize(
    ("page", "key"), [("list", "gp"), ("list", "secretary"), ("measures", "gp")]
)
def test_the_number_of_queries_does_not_grow(world, patient, open_as, count, page, key):
    for number in range(count):
        note = write(world, patient, text=f"n{number}")
        if number % 3 == 0:
            write(world, patient, "gp", text="réponse", replies_to=note)
        operations.record_measures(
            actor=world.actor("nurse"),
            now=world.later(minutes=1),
            patient=patient,
            values={MeasureKind.PAIN: (3,), MeasureKind.BLOOD_PRESSURE: (142, 86)},
            gesture=uuid4(),
        )
    client = open_as(key)
    with CaptureQueriesContext(connection) as captured:
        assert client.get(address(page, patient)).status_code == 200
    asked = [one["sql"] for one in captured if "SAVEPOINT" not in one["sql"]]
    assert len(asked) <= 8, asked


@pytest.mark.parametrize("urgent", ["", "on"])
def test_writing_asks_eight_statements_whoever_is_told(world, patient, open_as, urgent):
    client = open_as("nurse")
    typed = {"kind": "OBS", "text": "Va bien.", "urgent": urgent, "gesture": str(uuid4())}
    with CaptureQueriesContext(connection) as captured:
        assert client.post(address("write", patient), typed).status_code == 302
    control = ("SAVEPOINT", "RELEASE", "SELECT set_config(")
    asked = [one["sql"] for one in captured if not one["sql"].startswith(control)]
    assert any('"alerts_alert"' in sql for sql in asked)
    assert len(asked) <= 8, asked


def test_measures_accept_a_comma_and_refuse_at_the_field(world, patient, open_as):
    client = open_as("nurse")
    wrong = {"systolic": "14", "diastolic": "8", "weight": "abc", "gesture": str(uuid4())}
    answer = client.post(address("measure", patient), wrong)
    errors = answer.context["form"].errors
    assert answer.status_code == 422
    assert set(errors) == {"systolic", "diastolic", "weight"}
    assert "140" in errors["systolic"][0]
    right = {"systolic": "142", "diastolic": "86", "weight": "68,2", "gesture": str(uuid4())}
    assert client.post(address("measure", patient), right).status_code == 302
    assert [row.kind for row in everything(Measure)] == ["85354-9", "29463-7"]
    page = client.get(address("measures", patient)).content.decode()
    assert "142/86" in page
    assert "68,2" in page


def test_measures_of_one_visit_stand_on_one_line_and_each_writer_has_their_own(
    world, patient, open_as
):
    values = {MeasureKind.PAIN: (3,), MeasureKind.BLOOD_PRESSURE: (142, 86)}
    for key in ("nurse", "gp"):
        operations.record_measures(
            actor=world.actor(key), now=world.now, patient=patient, values=values, gesture=uuid4()
        )
    write(world, patient)
    lines = written(open_as("gp").get(address("list", patient)))
    assert sorted(len(line.together) for line in lines) == [0, 2, 2]


def test_an_empty_visit_is_not_recorded(world, patient, open_as):
    answer = open_as("nurse").post(address("measure", patient), {"gesture": str(uuid4())})
    assert answer.status_code == 422
    assert "au moins une mesure" in answer.content.decode()


def test_a_measure_in_error_asks_first(world, patient, open_as):
    [row] = operations.record_measures(
        actor=world.actor("nurse"),
        now=world.now,
        patient=patient,
        values={MeasureKind.WEIGHT: (68,)},
        gesture=uuid4(),
    )
    refused = open_as("gp").post(address("withdraw_measure", patient, row.pk), follow=True)
    assert "Seul son auteur" in refused.content.decode()
    assert everything(Measure)[0].status == "final"
    client = open_as("nurse")
    assert "68" in client.get(address("withdraw_measure", patient, row.pk)).content.decode()
    client.post(address("withdraw_measure", patient, row.pk))
    assert everything(Measure)[0].status == "entered-in-error"
    page = client.get(address("list", patient)).content.decode()
    assert "saisie par erreur" in page


def test_opening_the_notebook_is_traced_and_no_name_stands_in_the_title(world, patient, open_as):
    page = open_as("nurse").get(address("list", patient)).content.decode()
    title = page.split("<title>")[1].split("</title>")[0]
    assert "Montgénie" not in title
    [event] = everything(AuditEvent, operation="notebook.read")
    assert (event.patient_id, event.role_id) == (patient.pk, world.roles["nurse"].pk)


def test_pages_to_write_come_ready_to_be_sent(world, patient, open_as, now):
    """A page that is opened holds its key, and refuses nothing yet."""
    client = open_as("nurse")
    client.post(
        address("write", patient), {"text": "À revoir", "kind": "OBS", "gesture": str(uuid4())}
    )
    [note] = everything(Note)
    for page in (address("write", patient), address("reply", patient, note.pk)):
        form = client.get(page).context["form"]
        assert form["gesture"].value(), page
        assert not form.errors, page
