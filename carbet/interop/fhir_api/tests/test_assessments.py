"""A software reads questionnaires and assessments, and sends answers: scored, or refused."""

from datetime import timedelta
from uuid import uuid4

import pytest

from carbet.coordination.assessments import operations
from carbet.coordination.assessments.models import Questionnaire, QuestionnaireResponse
from carbet.core import grants, row_security
from carbet.core.actor import Level, internal, organization_key
from carbet.core.models import AuditEvent
from carbet.interop.fhir_api.rules import structure
from tests.world import NOW

pytestmark = pytest.mark.django_db
URL = "urn:carbet:questionnaire:douleur-en"


@pytest.fixture
def patient(world):
    patient = world.circle("nurse").patient
    with row_security.acting_as(internal("test"), now=NOW, operation="test"):
        grants.grant(
            organization_key(world.places["office"].pk),
            patient_id=patient.pk,
            level=Level.WRITE,
            source="system",
            now=NOW - timedelta(days=1),
        )
    return patient


def everything():
    with row_security.acting_as(internal("test")):
        return list(QuestionnaireResponse.objects.order_by("pk"))


def form(name="adl-katz"):
    return Questionnaire.objects.get(url=f"urn:carbet:questionnaire:{name}", version="1.0.0")


def katz(patient, **given):
    """Return complete answers to Katz: the first option of every question."""
    definition = form().definition

    def answered(items):
        for item in items:
            if item["type"] == "group":
                yield {"linkId": item["linkId"], "item": list(answered(item["item"]))}
            elif item["type"] == "choice":
                coding = item["answerOption"][0]["valueCoding"]
                answer = {"valueCoding": {name: coding[name] for name in ("code",)}}
                yield {"linkId": item["linkId"], "answer": [answer]}

    return {
        "resourceType": "QuestionnaireResponse",
        "identifier": {"system": "https://dpi.example/evaluations", "value": "7"},
        "questionnaire": "urn:carbet:questionnaire:adl-katz|1.0.0",
        "status": "completed",
        "subject": {"reference": f"Patient/{patient.pk}"},
        "authored": "2026-11-21T10:00:00Z",
        "item": [node for node in answered(definition["item"]) if node.get("item", True)],
    } | given


def test_the_whole_library_is_read_in_the_shape_of_r4(system):
    found = system.get("/Questionnaire?status=active&_count=50").json()["entry"]
    assert len(found) >= 13
    for entry in found:
        resource = entry["resource"]
        issues = structure.check(resource, "Questionnaire", expected="Questionnaire")
        assert issues == []
    number = found[0]["resource"]["id"]
    assert system.get(f"/Questionnaire/{number}").json() == found[0]["resource"]
    version = found[0]["resource"]["meta"]["versionId"]
    told = system.get(f"/Questionnaire/{number}/_history").json()
    assert told["entry"][0]["resource"] == found[0]["resource"]
    assert system.get(f"/Questionnaire/{number}/_history/{version}").status_code == 200
    [one] = system.get(f"/Questionnaire?url={URL}&version=1.0.0").json()["entry"]
    assert one["resource"]["url"] == URL


def test_a_draft_is_no_one_s_to_read(world, system):
    row = operations.create_draft(
        actor=world.actor("coordinator"), now=world.now, title="Fleuve", gesture=uuid4()
    )
    assert system.get(f"/Questionnaire/{row.pk}").status_code == 404
    assert system.get(f"/Questionnaire/{row.pk}/_history").status_code == 404
    assert "entry" not in system.get("/Questionnaire?title=Fleuve").json()


def test_answers_are_scored_once_and_read_again(world, system, patient):
    answer = system.post("/QuestionnaireResponse", katz(patient))
    assert answer.status_code == 201, answer.content.decode()
    [row] = everything()
    assert row.scores["total"] == "6"
    assert row.author_organization_id == world.places["office"].pk
    kept = answer.json()
    assert structure.check(kept, "QuestionnaireResponse", expected="QuestionnaireResponse") == []
    assert kept["questionnaire"] == "urn:carbet:questionnaire:adl-katz|1.0.0"
    again = system.post("/QuestionnaireResponse", katz(patient))
    assert (again.status_code, again["Location"]) == (200, answer["Location"])
    assert len(everything()) == 1
    for query in (
        "status=completed",
        "authored=2026-11-21",
        "questionnaire=" + kept["questionnaire"],
    ):
        found = system.get(f"/QuestionnaireResponse?patient={patient.pk}&{query}").json()
        assert [each["resource"]["id"] for each in found["entry"]] == [kept["id"]], query
    nothing = system.get(f"/QuestionnaireResponse?patient={patient.pk}&questionnaire={URL}").json()
    assert "entry" not in nothing
    assert system.get(f"/QuestionnaireResponse/{kept['id']}/_history/1").json() == kept
    # What this house said goes back in, sent by itself.
    copy = {name: each for name, each in kept.items() if name not in ("id", "meta", "identifier")}
    assert system.post("/QuestionnaireResponse", copy).status_code == 201
    with row_security.acting_as(internal("test")):
        assert AuditEvent.objects.filter(operation="assessment.receive").count() == 3


def half_of(body):
    """Return answers without those of the last questions."""
    group = body["item"][0]
    return body | {"item": [group | {"item": group["item"][:3]}]}


def test_a_draft_is_finished_amended_then_withdrawn_by_whoever_sent_it(system, patient):
    # Given answers sent half way
    body = half_of(katz(patient, status="in-progress"))
    sent = system.post("/QuestionnaireResponse", body)
    assert sent.status_code == 201, sent.content.decode()
    path = "/QuestionnaireResponse/" + sent.json()["id"]
    whole = katz(patient, id=sent.json()["id"])

    # When they are finished, twice as a network has it, then amended
    done = system.put(path, whole, **{"If-Match": sent["ETag"]})
    assert (done.status_code, done.json()["status"]) == (200, "completed")
    again = system.put(path, whole, **{"If-Match": done["ETag"]})
    assert (again.status_code, again["ETag"]) == (200, done["ETag"])
    amended = system.put(
        path,
        whole | {"status": "amended", "authored": "2026-11-21T11:00:00Z"},
        **{"If-Match": done["ETag"]},
    )
    assert (amended.status_code, amended.json()["status"]) == (200, "amended")

    # Then the score is kept, each version is read, and what is withdrawn stays so
    [row] = everything()
    assert (row.scores["total"], row.version) == ("6", 3)
    gone = system.put(path, whole | {"status": "entered-in-error"}, **{"If-Match": amended["ETag"]})
    assert (gone.status_code, gone.json()["status"]) == (200, "entered-in-error")
    refused = system.put(path, whole | {"status": "amended"}, **{"If-Match": gone["ETag"]})
    assert refused.status_code == 422
    told = system.get(f"{path}/_history").json()["entry"]
    states = [entry["resource"]["status"] for entry in told]
    assert states == ["entered-in-error", "amended", "completed", "in-progress"]
    with row_security.acting_as(internal("test")):
        kept = AuditEvent.objects.filter(operation="assessment.receive_again")
        # The same answers again are traced, and change nothing.
        assert kept.count() == 4


@pytest.mark.parametrize(
    ("change", "version", "status", "place"),
    [
        ({"status": "in-progress"}, "1", 422, "status"),
        ({"status": "completed", "authored": "2026-11-20T10:00:00Z"}, "1", 422, "status"),
        ({"status": "preliminary"}, "1", 400, "status"),
        (half_of, "1", 422, "item"),
        ({"status": "amended", "questionnaire": f"{URL}|1.0.0"}, "1", 422, "questionnaire"),
        ({"status": "amended", "identifier": {"value": "8"}}, "1", 422, "identifier"),
        ({"status": "amended", "authored": "2027-01-01T10:00:00Z"}, "1", 422, "authored"),
        ({"status": "amended"}, "7", 412, ""),
        ({"status": "amended"}, "", 412, ""),
    ],
)
def test_a_wrong_change_of_answers_is_refused_at_its_place(
    system, patient, change, version, status, place
):
    sent = system.post("/QuestionnaireResponse", katz(patient)).json()
    path = f"/QuestionnaireResponse/{sent['id']}"
    match = {"If-Match": f'W/"{version}"'} if version else {}
    body = katz(patient, id=sent["id"])
    body = change(body | {"status": "amended"}) if callable(change) else body | change
    answer = system.put(path, body, **match)
    assert answer.status_code == status, answer.content.decode()
    said = answer.json()["issue"][0]["expression"][0]
    assert said == ".".join(filter(None, ("QuestionnaireResponse", place)))
    [row] = everything()
    assert (row.version, row.status) == (1, "completed")


def test_only_whoever_sent_answers_changes_them(world, system, make_system, stranger, patient):
    sent = system.post("/QuestionnaireResponse", katz(patient)).json()
    path = f"/QuestionnaireResponse/{sent['id']}"
    body = katz(patient, id=sent["id"], status="amended")
    match = {"If-Match": 'W/"1"'}
    assert stranger.put(path, body, **match).status_code == 404
    with row_security.acting_as(internal("test"), now=NOW, operation="test"):
        grants.grant(
            organization_key(world.places["far_office"].pk),
            patient_id=patient.pk,
            level=Level.WRITE,
            source="system",
            now=NOW - timedelta(days=1),
        )
    assert stranger.put(path, body, **match).status_code == 403
    assert [row.version for row in everything()] == [1]


def test_what_was_answered_here_is_read_by_its_version(world, system, patient):
    row = operations.begin(
        actor=world.actor("nurse"),
        now=world.now,
        patient=patient,
        questionnaire=form(),
        gesture=uuid4(),
    )
    assert system.get(f"/QuestionnaireResponse/{row.pk}").json()["status"] == "in-progress"


def test_a_stranger_sees_and_sends_nothing(stranger, system, patient):
    number = system.post("/QuestionnaireResponse", katz(patient)).json()["id"]
    assert stranger.get(f"/QuestionnaireResponse/{number}").status_code == 404
    assert stranger.get(f"/QuestionnaireResponse/{number}/_history").status_code == 404
    assert "entry" not in stranger.get(f"/QuestionnaireResponse?patient={patient.pk}").json()
    assert stranger.post("/QuestionnaireResponse", katz(patient)).status_code == 422
    assert len(everything()) == 1


def _first_answer(body):
    spot = body["item"][0]["item"][0]
    return spot["answer"][0]


def _wrong_code(body):
    _first_answer(body)["valueCoding"]["code"] = "jamais"


def _wrong_type(body):
    _first_answer(body).clear()
    body["item"][0]["item"][0]["answer"][0]["valueInteger"] = 3


def _twice(body):
    spot = body["item"][0]["item"][0]
    spot["answer"] = spot["answer"] * 2


def _unknown(body):
    body["item"][0]["item"][0]["linkId"] = "inconnu"


def _missing(body):
    del body["item"][0]["item"][0]


def _wrong_score(body):
    body["item"].append({"linkId": "total", "answer": [{"valueDecimal": 2}]})


@pytest.mark.parametrize(
    ("spoil", "place"),
    [
        (_wrong_code, "item[0].item[0].answer[0].valueCoding"),
        (_wrong_type, "item[0].item[0].answer[0].valueInteger"),
        (_twice, "item[0].item[0].answer[1]"),
        (_unknown, "item[0].item[0].linkId"),
        (_missing, "item"),
        (_wrong_score, "item[1].answer[0]"),
        (lambda body: body.update(authored="2027-01-01"), "authored"),
        (lambda body: body.update(questionnaire="urn:x|9"), "questionnaire"),
        (lambda body: body.update(status="entered-in-error"), "status"),
        (lambda body: body.update(subject={"reference": "Patient/999999"}), "subject"),
    ],
    ids=[
        "code",
        "type",
        "twice",
        "link",
        "missing",
        "score",
        "authored",
        "questionnaire",
        "status",
        "subject",
    ],
)
def test_what_is_wrong_is_refused_at_its_place(system, patient, spoil, place):
    body = katz(patient)
    spoil(body)
    answer = system.post("/QuestionnaireResponse", body)
    assert answer.status_code == 422, answer.content.decode()
    assert place in [
        issue["expression"][0].removeprefix("QuestionnaireResponse.")
        for issue in answer.json()["issue"]
    ]
    assert everything() == []


def test_other_answers_under_one_identifier_are_refused(system, patient):
    assert system.post("/QuestionnaireResponse", katz(patient)).status_code == 201
    [before] = everything()
    other = katz(patient)
    _first_answer(other)["valueCoding"]["code"] = _second_code()
    elsewhere = answers(patient, "douleur-en", [_integer("maintenant", 3)])
    for body in (other, elsewhere | {"identifier": other["identifier"]}):
        answer = system.post("/QuestionnaireResponse", body)
        assert answer.status_code == 409, answer.content.decode()
        [issue] = answer.json()["issue"]
        assert issue["expression"] == ["QuestionnaireResponse.identifier"]
    [after] = everything()
    assert (after.answers, after.version) == (before.answers, before.version)


@pytest.mark.parametrize(
    "change",
    [{"status": "in-progress"}, {"authored": "2026-11-20T10:00:00Z"}],
    ids=str,
)
def test_the_same_answers_said_otherwise_under_one_identifier_are_refused(system, patient, change):
    system.post("/QuestionnaireResponse", katz(patient))
    answer = system.post("/QuestionnaireResponse", katz(patient, **change))
    assert answer.status_code == 409, answer.content.decode()
    assert len(everything()) == 1


def test_a_sending_that_says_no_moment_is_repeated_later_without_harm(system, patient, monkeypatch):
    body = katz(patient)
    del body["authored"]
    assert system.post("/QuestionnaireResponse", body).status_code == 201
    monkeypatch.setattr("carbet.core.clock.now", lambda: NOW + timedelta(minutes=5))
    assert system.post("/QuestionnaireResponse", body).status_code == 200
    assert len(everything()) == 1


def _second_code():
    return form().definition["item"][0]["item"][0]["answerOption"][1]["valueCoding"]["code"]


def _integer(link_id, value):
    return {"linkId": link_id, "answer": [{"valueInteger": value}]}


def _chosen(link_id, code):
    return {"linkId": link_id, "answer": [{"valueCoding": {"code": code}}]}


def answers(patient, name, items):
    """Return unfinished answers to a questionnaire."""
    return katz(
        patient,
        questionnaire=f"urn:carbet:questionnaire:{name}|1.0.0",
        status="in-progress",
        item=items,
    )


def _weight(**quantity):
    node = {"linkId": "poids", "answer": [{"valueQuantity": quantity}]}
    return [{"linkId": "mesures", "item": [node]}]


@pytest.mark.parametrize(
    ("name", "items", "place"),
    [
        # enableWhen: where it hurts is asked of somebody who hurts.
        (
            "douleur-en",
            [
                _integer("maintenant", 0),
                {"linkId": "ou", "answer": [{"valueString": "Genou"}]},
            ],
            "item[1]",
        ),
        ("douleur-en", [_integer("pire", 4), _integer("maintenant", 3)], "item[1].linkId"),
        ("douleur-en", [_integer("pire", 4), _integer("pire", 5)], "item[1].linkId"),
        ("douleur-en", [_integer("maintenant", 11)], "item[0].answer[0].valueInteger"),
        # Out of its group.
        ("risque-chute", [_chosen("chute", "oui")], "item[0].linkId"),
        (
            "risque-chute",
            [{"linkId": "questions", "answer": [{"valueBoolean": True}]}],
            "item[0].answer[0]",
        ),
        (
            "denutrition",
            _weight(value=140, unit="lb", system="http://unitsofmeasure.org", code="[lb_av]"),
            "item[0].item[0].answer[0].valueQuantity",
        ),
        (
            "denutrition",
            _weight(value=60, comparator="<", unit="kg"),
            "item[0].item[0].answer[0].valueQuantity",
        ),
    ],
    ids=["enableWhen", "order", "twice", "bound", "group", "title", "unit", "comparator"],
)
def test_what_the_questionnaire_does_not_take_is_refused(system, patient, name, items, place):
    answer = system.post("/QuestionnaireResponse", answers(patient, name, items))
    assert answer.status_code == 422, answer.content.decode()
    told = [issue["expression"][0] for issue in answer.json()["issue"]]
    assert told == [f"QuestionnaireResponse.{place}"]
    assert everything() == []


def test_whoever_only_reads_sends_nothing(world, system):
    patient = world.circle("nurse").patient
    with row_security.acting_as(internal("test"), now=NOW, operation="test"):
        grants.grant(
            organization_key(world.places["office"].pk),
            patient_id=patient.pk,
            level=Level.READ,
            source="system",
            now=NOW - timedelta(days=1),
        )
    answer = system.post("/QuestionnaireResponse", katz(patient))
    assert answer.status_code == 403, answer.content.decode()
    assert answer.json()["issue"][0]["expression"] == ["QuestionnaireResponse.subject"]
    assert everything() == []


@pytest.mark.parametrize(
    "text", ["a\u0000b", "a\ud800b", "x" * 20000], ids=["null", "half", "long"]
)
@pytest.mark.parametrize("where", ["identifier", "author", "questionnaire", "code"])
def test_hostile_text_is_refused_and_never_breaks(system, patient, where, text):
    body = katz(patient)
    if where == "identifier":
        body["identifier"]["value"] = text
    elif where == "author":
        body["author"] = {"display": text}
    elif where == "questionnaire":
        body["questionnaire"] = text
    else:
        _first_answer(body)["valueCoding"]["code"] = text
    assert system.post("/QuestionnaireResponse", body).status_code in (400, 422)
    assert everything() == []
