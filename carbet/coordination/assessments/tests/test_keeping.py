"""Questionnaires are written, imported, published, retired by those who keep them."""

from uuid import uuid4

import orjson
import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.urls import reverse

from carbet.coordination.assessments import library, operations
from carbet.coordination.assessments.choices import QuestionnaireStatus
from carbet.coordination.assessments.models import Questionnaire
from carbet.coordination.assessments.rules import editing
from carbet.core import clock, row_security
from carbet.core.actor import internal
from carbet.core.models import AuditEvent
from carbet.core.operation import UnableToAct

pytestmark = pytest.mark.django_db


@pytest.fixture
def open_as(world, sign_in, monkeypatch):
    monkeypatch.setattr(clock, "now", lambda: world.now)
    return lambda key: sign_in(world.accounts[key], role=world.roles[key])


@pytest.fixture
def draft(world):
    """Begin a questionnaire with one question and its rights."""
    row = operations.create_draft(
        actor=world.actor("coordinator"), now=world.now, title="Vie au fleuve", gesture=uuid4()
    )
    body = editing.with_question(
        row.definition,
        editing.Written("A-t-elle une pirogue ?", "choice", options="Oui = 0\nNon = 1"),
    )
    body = editing.described(body, title=row.title, description="", source="", rights="La région.")
    return write(world, row, editing.summed(body, wanted=True))


def write(world, row, body, **more):
    given = {"seen_revision": row.revision} | more
    return operations.write_draft(
        actor=world.actor("coordinator"), now=world.now, questionnaire=row, body=body, **given
    )


def publish(world, row, **more):
    given = {"seen_revision": row.revision} | more
    return operations.publish(
        actor=world.actor("coordinator"), now=world.now, questionnaire=row, **given
    )


def one(**filters):
    return Questionnaire.objects.get(**filters)


def test_from_a_title_to_a_questionnaire_that_is_asked(world, open_as, assess):
    client = open_as("coordinator")
    begun = client.post(
        reverse("assessments:create"), {"title": "Vie au fleuve", "gesture": str(uuid4())}
    )
    edit = begun.url
    number = one(title="Vie au fleuve").pk
    steps = [
        {
            "faire": "question",
            "text": "A-t-elle une pirogue ?",
            "kind": "choice",
            "options": "Oui = 0\nNon = 1",
            "required": "on",
        },
        {"faire": "question", "text": "Laquelle ?", "kind": "string", "only_if": "q1",
         "only_if_answer": "Oui"},
        {"faire": "total", "wanted": "on", "label": "Points", "least_0": "1", "words_0": "Isolée",
         "tone_0": "warning", "action_0": "Prévoir un transport"},
        {"faire": "entete", "title": "Vie au fleuve", "rights": "La région Guyane."},
    ]  # fmt: skip
    for seen, step in enumerate(steps, start=1):
        answer = client.post(edit, step | {"seen": seen})
        assert answer.status_code == 302, answer.content.decode()
    page = client.get(edit).content.decode()
    assert "A-t-elle une pirogue ?" in page
    tried = client.post(reverse("assessments:preview", args=[number]), {"q-q1": "r2"})
    assert "Prévoir un transport" in tried.content.decode()
    done = client.post(reverse("assessments:publish", args=[number]), {"seen": 5})
    assert done.status_code == 302
    assert one(pk=number).status == QuestionnaireStatus.ACTIVE
    with row_security.acting_as(internal("test")):
        kinds = AuditEvent.objects.values_list("operation", flat=True)
        assert {"questionnaire.create", "questionnaire.write", "questionnaire.publish"} <= set(
            kinds
        )


def test_a_draft_exists_for_those_who_keep_them_only(draft, open_as):
    client = open_as("nurse")
    assert client.get(reverse("assessments:preview", args=[draft.pk])).status_code == 404
    assert client.get(reverse("assessments:edit", args=[draft.pk])).status_code == 403
    assert "Vie au fleuve" not in client.get(reverse("assessments:library")).content.decode()


def test_nobody_else_keeps_questionnaires(world, draft):
    for act in (operations.renew, operations.retire):
        with pytest.raises(UnableToAct):
            act(actor=world.actor("gp"), now=world.now, questionnaire=draft)


def test_two_people_do_not_overwrite_each_other(world, draft):
    write(world, draft, editing.moved(draft.definition, "q1", by=1))
    with pytest.raises(operations.ChangedMeanwhile):
        write(world, draft, draft.definition)
    with pytest.raises(operations.ChangedMeanwhile):
        publish(world, draft)


def test_a_new_version_retires_the_one_before_and_answers_keep_theirs(world, draft, patient):
    first = publish(world, draft)
    response = operations.begin(
        actor=world.actor("nurse"), now=world.now, patient=patient, questionnaire=first,
        gesture=uuid4(),
    )  # fmt: skip
    actor = world.actor("coordinator")
    second = operations.renew(actor=actor, now=world.now, questionnaire=first)
    again = operations.renew(actor=actor, now=world.now, questionnaire=first)
    assert (second.pk, second.version, again.pk) == (second.pk, "2", second.pk)
    changed = editing.with_question(second.definition, editing.Written("Et le soir ?", "boolean"))
    publish(world, write(world, second, changed))
    assert one(pk=first.pk).status == QuestionnaireStatus.RETIRED
    assert one(pk=second.pk).status == QuestionnaireStatus.ACTIVE
    # What was begun before is finished with the questions of before.
    saved = operations.save(
        actor=world.actor("nurse"), now=world.now, response=response, answers={"q1": ["r2"]},
        seen_version=1, finished=True,
    )  # fmt: skip
    assert (saved.questionnaire_id, saved.scores) == (first.pk, {"total": "1"})


def test_a_published_questionnaire_never_changes(world, draft):
    row = publish(world, draft)
    with pytest.raises(operations.UnableToKeepQuestionnaire, match="plus un brouillon"):
        write(world, row, editing.without(row.definition, "q1"))


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (lambda body: editing.without(body, "q1"), "au moins une question"),
        (lambda body: body | {"copyright": ""}, "droits d’usage"),
        (
            lambda body: body | {"item": [{"linkId": "a", "type": "attachment", "text": "?"}]},
            "pas encore être publié",
        ),
    ],
)
def test_what_cannot_be_asked_is_not_published(world, draft, change, words):
    row = write(world, draft, change(draft.definition))
    with pytest.raises(operations.UnableToKeepQuestionnaire, match=words):
        publish(world, row)


def test_what_is_exported_is_imported_again(world, open_as, questionnaire):
    client = open_as("coordinator")
    exported = client.get(reverse("assessments:export", args=[questionnaire("aggir").pk]))
    assert exported["Content-Type"].startswith("application/fhir+json")
    body = orjson.loads(exported.content)
    assert body == next(one for one in library.files() if one["name"] == "aggir")
    body |= {"version": "9"}
    sent = SimpleUploadedFile("aggir.json", orjson.dumps(body))
    answer = client.post(reverse("assessments:import"), {"file": sent})
    assert answer.status_code == 302
    kept = one(url=body["url"], version="9")
    assert kept.definition == body | {"status": "draft"}
    assert client.get(reverse("assessments:edit", args=[kept.pk])).status_code == 200
    # The same version with other words is refused: what was answered to it would change.
    text = orjson.dumps(body | {"title": "Autre"}).decode()
    assert client.post(reverse("assessments:import"), {"text": text}).status_code == 422


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("", "Choisissez un fichier"),
        ("<Questionnaire/>", "pas du JSON"),
        ("[1, 2", "pas du JSON"),
        ("[]", "Ce n’est pas un Questionnaire"),
        ('{"resourceType": "Questionnaire"}', "Le titre manque"),
        (
            orjson.dumps(
                {
                    "resourceType": "Questionnaire",
                    "title": "Sans fin",
                    "item": [
                        {
                            "linkId": "a",
                            "type": "boolean",
                            "enableWhen": [
                                {"question": "a", "operator": "=", "answerBoolean": True}
                            ],
                        }
                    ],
                }
            ).decode(),
            "sa propre réponse",
        ),
        ("[" * 5000 + "]" * 5000, "JSON"),
    ],
)
def test_what_cannot_be_imported_is_said_and_leaves_nothing(open_as, text, words):
    before = Questionnaire.objects.count()
    answer = open_as("coordinator").post(reverse("assessments:import"), {"text": text})
    assert answer.status_code == 422
    assert words in answer.content.decode()
    assert Questionnaire.objects.count() == before


def test_a_mistake_in_a_question_is_said_at_its_field_and_nothing_is_lost(draft, open_as):
    client = open_as("coordinator")
    answer = client.post(
        reverse("assessments:edit", args=[draft.pk]),
        {"faire": "question", "text": "Et l’eau ?", "kind": "choice", "options": "", "seen": 2},
    )
    page = answer.content.decode()
    assert answer.status_code == 422
    assert "une par ligne" in page
    assert "Et l’eau ?" in page


def test_pages_ask_no_more_with_many(world, draft, open_as):
    for rank in range(30):
        operations.create_draft(
            actor=world.actor("coordinator"), now=world.now, title=f"Essai {rank}", gesture=uuid4()
        )
    client = open_as("coordinator")
    pages = [reverse("assessments:library"), reverse("assessments:edit", args=[draft.pk])]
    pages.append(reverse("assessments:preview", args=[draft.pk]))
    for page in pages:
        with CaptureQueriesContext(connection) as captured:
            assert client.get(page).status_code == 200
        asked = [query["sql"] for query in captured if "SAVEPOINT" not in query["sql"]]
        assert len(asked) <= 8, asked
