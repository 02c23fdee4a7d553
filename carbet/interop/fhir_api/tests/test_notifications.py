"""Event notification (NdE 3.0.0): subscribe, declare, be told; the published examples."""

import copy
import json
from datetime import date, timedelta
from uuid import uuid4

import pytest

from carbet.connectors import event_notifications
from carbet.coordination.alerts.models import Alert
from carbet.coordination.notebook import operations as notebook
from carbet.coordination.subscriptions import operations, queries, tasks
from carbet.coordination.subscriptions.models import CommunicationRequest, Subscription
from carbet.coordination.tasks.models import Task
from carbet.core import grants, row_security
from carbet.core.actor import ALL_DATA, DataCategory, Level, internal, organization_key
from carbet.core.models import AccessGrant, OutboxMessage
from carbet.core.tasks import deliver
from carbet.interop.fhir_api.tests.conftest import example
from tests.world import NOW

pytestmark = pytest.mark.django_db

HOUSE = internal("test")
NDE = "https://interop.esante.gouv.fr/ig/fhir/nde/StructureDefinition/"
PERSON = {
    "resourceType": "Patient",
    "name": [{"use": "official", "family": "Robert", "given": ["Langdon"]}],
    "gender": "male",
    "birthDate": "1960-03-20",
}


@pytest.fixture
def langdon(system):
    """Register the person of the published examples with the system that will subscribe."""
    answer = system.post("/Patient", PERSON)
    assert answer.status_code == 201, answer.content.decode()
    return int(answer["Location"].split("/")[-3])


@pytest.fixture
def sub1(langdon):
    return example("notification", "Subscription-sub1.json")


@pytest.fixture
def com1(langdon):
    return example("notification", "CommunicationRequest-com1.json")


def in_force(subscription: dict, code: str = "SOR", **channel: str) -> dict:
    """Return the published subscription as one that holds at the time of the tests."""
    text = copy.deepcopy(subscription)
    text.pop("end")
    text["criteria"] = f"CommunicationRequest?event-type={code}"
    for each in text["extension"]:
        if each["url"].endswith("event-type"):
            each["valueCodeableConcept"]["coding"][0]["code"] = code
    text["channel"] |= channel
    return text


def declaration(com1: dict, *, code: str = "SOR", at: str = "2026-11-22T10:00:00Z") -> dict:
    """Return the published event as its own declarant sends it (flow 3)."""
    text = {name: value for name, value in com1.items() if name not in ("basedOn", "medium")}
    text = copy.deepcopy(text)
    text.pop("recipient")
    text["extension"] = [
        each for each in text["extension"] if not each["url"].endswith("emission-time")
    ]
    for each in text["extension"]:
        if each["url"].endswith("event-type"):
            each["valueCodeableConcept"]["coding"][0]["code"] = code
        else:
            each["valueDateTime"] = at
    return text


def places(answer) -> list[str]:
    return [issue["expression"][0] for issue in answer.json()["issue"]]


def sent() -> list[OutboxMessage]:
    with row_security.acting_as(HOUSE, now=NOW):
        return list(OutboxMessage.objects.filter(topic="event.notify"))


def carry(message: OutboxMessage) -> OutboxMessage:
    deliver(message.pk)
    with row_security.acting_as(HOUSE, now=NOW):
        message.refresh_from_db()
    return message


# --- Published examples -------------------------------------------------------------------------


def test_the_published_subscription_is_kept_and_is_over(system, sub1, langdon):
    answer = system.post("/Subscription", sub1)
    assert answer.status_code == 201, answer.content.decode()
    kept = answer.json()
    assert answer["Location"].endswith(f"/Subscription/{kept['id']}")
    assert kept["meta"]["profile"] == [NDE + "nde-subscription"]
    # Its end, in 2020, is past: it is kept, stopped.
    assert (kept["status"], kept["end"]) == ("off", "2020-02-07T18:28:17Z")
    assert kept["channel"]["endpoint"] == "mailto:pierre.durand@aphp.fr"
    by_kind = {each["resourceType"]: each for each in kept["contained"]}
    # The published number is an IDNPS under the RPPS system: read, never written.
    assert by_kind["Practitioner"]["identifier"][0]["value"] == "01234567897"
    assert int(by_kind["Patient"]["id"]) == langdon
    assert system.get(f"/Subscription/{kept['id']}").json() == kept


def test_the_published_notification_declares_its_event_and_is_not_passed_on(system, sub1, com1):
    assert system.post("/Subscription", in_force(sub1)).status_code == 201
    answer = system.post("/CommunicationRequest", com1)
    assert answer.status_code == 201, answer.content.decode()
    kept = answer.json()
    assert kept["authoredOn"] == "2019-01-01T02:00:00Z"
    assert "CommunicationRequest.recipient not-supported" in answer["X-Carbet-Warnings"]
    assert sent() == []


def test_what_is_read_back_may_be_sent_again(system, sub1):
    kept = system.post("/Subscription", in_force(sub1)).json()
    answer = system.put(f"/Subscription/{kept['id']}", kept)
    assert answer.status_code == 200, answer.content.decode()
    again = answer.json()
    assert again["meta"]["versionId"] == "2"
    assert {**again, "meta": ""} == {**kept, "meta": ""}


# --- Subscribe, be told, stop -------------------------------------------------------------------


def test_a_discharge_reaches_the_subscriber_the_circle_and_the_list_of_tasks(
    system, make_system, world, com1, sub1, langdon
):
    with row_security.acting_as(HOUSE, now=NOW, operation="test"):
        for key, level in ((world.roles["gp"].key, Level.MANAGE), ("org:dac", Level.READ)):
            grantee = organization_key(world.places["dac"].pk) if key == "org:dac" else key
            grants.grant(grantee, patient_id=langdon, level=level, source="participant", now=NOW)
    hospital = make_system("dac")
    first = system.post("/Subscription", in_force(sub1)).json()
    event = hospital.post("/CommunicationRequest", declaration(com1))
    assert event.status_code == 201, event.content.decode()
    [message] = sent()
    assert carry(message).status == "sent"
    assert message.payload["carrier"] == "simulateur e-mail"
    with row_security.acting_as(HOUSE, now=NOW):
        row = Subscription.objects.get(pk=first["id"])
        assert (row.notified_count, row.patient_id) == (1, langdon)
        [alert] = Alert.objects.filter(kind="stay", recipient=world.roles["gp"].key)
        assert alert.patient_id == langdon
    # The same event again, after a lost answer, is one.
    again = hospital.post("/CommunicationRequest", declaration(com1))
    assert (again.status_code, again.json()["id"]) == (200, event.json()["id"])
    assert len(sent()) == 1


def test_after_a_discharge_somebody_of_the_circle_is_asked_for_a_visit(make_system, world, com1):
    care_team = world.circle(
        "nurse",
        birth_family="Robert",
        birth_given=["Langdon"],
        used_family="",
        gender="male",
        birth_date=date(1960, 3, 20),
    )
    with row_security.acting_as(HOUSE, now=NOW, operation="test"):
        grants.grant(
            organization_key(world.places["dac"].pk),
            patient_id=care_team.patient_id,
            level=Level.WRITE,
            source="participant",
            now=NOW,
        )
    hospital = make_system("dac")
    assert hospital.post("/CommunicationRequest", declaration(com1)).status_code == 201
    with row_security.acting_as(HOUSE, now=NOW):
        [task] = Task.objects.filter(patient_id=care_team.patient_id)
    assert task.text == operations.VISIT
    assert task.due_on.isoformat() == "2026-11-24"


def test_a_software_is_told_by_a_notification_without_what_happened(
    system, sub1, com1, settings, monkeypatch
):
    settings.EVENT_HOSTS = frozenset({"dpi.example"})
    hook = in_force(sub1, type="rest-hook", endpoint="https://dpi.example/fhir/nde")
    assert system.post("/Subscription", hook).status_code == 201
    assert system.post("/CommunicationRequest", declaration(com1)).status_code == 201
    left = []
    monkeypatch.setattr(
        event_notifications, "send", lambda said, stand_in: left.append(said) or _receipt()
    )
    [message] = sent()
    assert carry(message).status == "sent"
    [told] = left
    body = json.loads(told.body)
    assert told.endpoint == "https://dpi.example/fhir/nde"
    assert body["meta"]["profile"] == [NDE + "nde-notificationrequest"]
    assert body["payload"] == [{"contentString": "Sortie d'un patient de l'établissement de santé"}]
    assert body["basedOn"][0]["reference"].split("/")[-2] == "Subscription"
    assert body["recipient"][0]["extension"][0]["valueUrl"] == told.endpoint
    assert {each["resourceType"] for each in body["contained"]} == {
        "Patient",
        "Organization",
        "Practitioner",
    }


def _receipt():
    return event_notifications.Receipt("1", "dpi.example")


def test_other_types_and_other_persons_tell_nobody(system, sub1, com1):
    assert system.post("/Subscription", in_force(sub1, "ADM")).status_code == 201
    assert system.post("/CommunicationRequest", declaration(com1)).status_code == 201
    assert sent() == []
    assert system.post("/CommunicationRequest", declaration(com1, code="ADM")).status_code == 201
    assert len(sent()) == 1


def test_the_same_subscription_twice_is_one(system, sub1):
    first = system.post("/Subscription", in_force(sub1))
    again = system.post("/Subscription", in_force(sub1))
    assert (first.status_code, again.status_code) == (201, 200)
    assert first.json()["id"] == again.json()["id"]


def test_a_stopped_subscription_tells_nobody(system, sub1, com1):
    number = system.post("/Subscription", in_force(sub1)).json()["id"]
    assert system.post("/CommunicationRequest", declaration(com1)).status_code == 201
    for _ in range(2):
        answer = system.send("DELETE", f"/Subscription/{number}", "")
        assert answer.status_code == 200
    assert system.get(f"/Subscription/{number}").json()["status"] == "off"
    [message] = sent()
    carry(message)
    assert message.payload["carrier"].startswith("non envoyé")


def test_leaving_the_circle_stops_the_subscription_and_says_so(system, sub1, com1, world, langdon):
    system.post("/Subscription", in_force(sub1))
    system.post("/CommunicationRequest", declaration(com1))
    with row_security.acting_as(HOUSE, now=NOW, operation="test"):
        key = organization_key(world.places["office"].pk)
        for source in ("registration", "participant", "system"):
            grants.end(patient_id=langdon, source=source, now=NOW, grantee=key)
        assert not AccessGrant.objects.filter(
            patient_id=langdon, grantee=key, valid_until__isnull=True
        ).exists()
    operations.review(actor=HOUSE, now=NOW + timedelta(minutes=1))
    with row_security.acting_as(HOUSE, now=NOW):
        [row] = Subscription.objects.all()
        assert (row.status, row.stop_reason) == ("off", operations.LEFT)
        assert Alert.objects.filter(kind="subscription", recipient=key).count() == 1


@pytest.mark.parametrize(
    ("opened", "told"), [(ALL_DATA, True), (DataCategory.SOCIAL, False)], ids=["all", "social"]
)
def test_a_note_of_the_notebook_is_an_event_for_whoever_subscribed_and_may_read_it(
    system, sub1, world, opened, told
):
    care_team = world.circle("nurse", "home_help")
    patient_id = care_team.patient_id
    with row_security.acting_as(HOUSE, now=NOW, operation="test"):
        grants.grant(
            organization_key(world.places["office"].pk),
            patient_id=patient_id,
            level=Level.READ,
            source="participant",
            now=NOW,
            categories=opened,
        )
    asked = in_force(sub1, "NOT")
    asked["extension"][1]["valueReference"] = {"reference": f"Patient/{patient_id}"}
    answer = system.post("/Subscription", asked)
    assert answer.status_code == 201, answer.content.decode()
    now = world.later(minutes=1)
    nurse = world.actor("nurse")
    with row_security.acting_as(nurse, now=now):
        patient = care_team.patient
    notebook.write_note(
        actor=nurse, now=now, patient=patient, text="Chute ce matin.", gesture=uuid4()
    )
    assert operations.gather(actor=HOUSE, now=now) == 1
    assert operations.gather(actor=HOUSE, now=now) == 0
    with row_security.acting_as(HOUSE, now=now):
        [event] = CommunicationRequest.objects.all()
        assert list(queries.unseen(now=now)) == []
    assert (event.event_type, event.requester_name) == ("NOT", "Inès Robeiri")
    for key, seen in (("nurse", 1), ("home_help", 0)):
        with row_security.acting_as(world.actor(key), now=now):
            assert CommunicationRequest.objects.count() == seen
    assert len(sent()) == told
    for message in sent():
        carry(message)
        assert "Chute" not in tasks.BODY + str(message.payload)


# --- Refused, with the exact place --------------------------------------------------------------


def _without(url):
    def spoil(text):
        text["extension"] = [each for each in text["extension"] if not each["url"].endswith(url)]

    return spoil


def _set(path, value):
    def spoil(text):
        *parents, last = path
        for each in parents:
            text = text[each]
        text[last] = value

    return spoil


BAD_SUBSCRIPTIONS = [
    *(
        (_without(name), 422, f"Subscription.extension.where(url='{NDE}{name}')")
        for name in ("start", "subject", "declarant", "event-type", "subscriber")
    ),
    (_set(["contained"], []), 400, "Subscription.contained"),
    (lambda text: text.pop("contained"), 422, "Subscription.contained"),
    (lambda text: text.pop("criteria"), 400, "Subscription.criteria"),
    (lambda text: text.pop("reason"), 400, "Subscription.reason"),
    (lambda text: text.pop("channel"), 400, "Subscription.channel"),
    (_set(["status"], "error"), 422, "Subscription.status"),
    (_set(["status"], "demandé"), 400, "Subscription.status"),
    (_set(["criteria"], "Patient?name=x"), 422, "Subscription.criteria"),
    (_set(["criteria"], "CommunicationRequest?event-type=XXX"), 422, "Subscription.criteria"),
    (_set(["criteria"], "CommunicationRequest?event-type=ADM"), 422, "Subscription.criteria"),
    (_set(["criteria"], "CommunicationRequest"), 422, "Subscription.criteria"),
    (
        _set(["extension", 3, "valueCodeableConcept", "coding", 0, "code"], "SORTIE"),
        422,
        "Subscription.extension[3].valueCodeableConcept.coding[0].code",
    ),
    (
        _set(["extension", 3, "valueCodeableConcept", "coding", 0, "system"], "urn:x"),
        422,
        "Subscription.extension[3].valueCodeableConcept.coding",
    ),
    (
        _set(["extension", 1, "valueReference", "reference"], "#nobody"),
        422,
        "Subscription.extension[1].valueReference.reference",
    ),
    (
        _set(["extension", 1, "valueReference", "reference"], "#org1"),
        422,
        "Subscription.extension[1].valueReference.reference",
    ),
    (
        _set(["extension", 0, "valueDateTime"], "hier"),
        400,
        "Subscription.extension[0].valueDateTime",
    ),
    (_set(["end"], "2019-01-01T00:00:00Z"), 422, "Subscription.end"),
    (_set(["contained", 0, "birthDate"], "1955-02-30"), 400, "Subscription.contained[0].birthDate"),
    (_set(["contained", 0, "birthDate"], "1960-03-21"), 422, "Subscription.contained[0]"),
    (_set(["contained", 0, "gender"], "female"), 422, "Subscription.contained[0]"),
    (lambda text: text["contained"][0].pop("name"), 422, "Subscription.contained[0]"),
    (_set(["channel", "type"], "websocket"), 422, "Subscription.channel.type"),
    (_set(["channel", "endpoint"], "mailto:nobody"), 422, "Subscription.channel.endpoint"),
    (lambda text: text["channel"].pop("endpoint"), 422, "Subscription.channel.endpoint"),
    (_set(["channel", "header"], ["Authorization: x"]), 422, "Subscription.channel.header"),
    (
        _set(["channel"], {"type": "rest-hook", "endpoint": "https://10.0.0.1/x"}),
        422,
        "Subscription.channel.endpoint",
    ),
    (
        _set(["channel"], {"type": "rest-hook", "endpoint": "http://dpi.example/x"}),
        422,
        "Subscription.channel.endpoint",
    ),
    (_set(["unknown"], 1), 400, "Subscription.unknown"),
]


@pytest.mark.parametrize(("spoil", "status", "place"), BAD_SUBSCRIPTIONS)
def test_a_wrong_subscription_is_refused_at_its_place(system, sub1, settings, spoil, status, place):
    settings.EVENT_HOSTS = frozenset({"dpi.example"})
    spoil(sub1)
    answer = system.post("/Subscription", sub1)
    assert (answer.status_code, places(answer)[0]) == (status, place), answer.content.decode()
    with row_security.acting_as(HOUSE, now=NOW):
        assert not Subscription.objects.exists()


BAD_EVENTS = [
    (_without("event-type"), 422, f"CommunicationRequest.extension.where(url='{NDE}event-type')"),
    (_without("event-time"), 422, f"CommunicationRequest.extension.where(url='{NDE}event-time')"),
    (lambda text: text.pop("subject"), 422, "CommunicationRequest.subject"),
    (lambda text: text.pop("requester"), 422, "CommunicationRequest.requester"),
    (lambda text: text.pop("payload"), 422, "CommunicationRequest.payload"),
    (
        _set(["payload", 0], {"contentReference": {"reference": "#pat1"}}),
        422,
        "CommunicationRequest.payload[0].content[x]",
    ),
    (lambda text: text.pop("status"), 400, "CommunicationRequest.status"),
    (_set(["status"], "draft"), 422, "CommunicationRequest.status"),
    (_set(["requester", "reference"], "#pat1"), 422, "CommunicationRequest.requester.reference"),
    (lambda text: text.pop("contained"), 422, "CommunicationRequest.contained"),
    (_set(["contained", 1, "gender"], "female"), 422, "CommunicationRequest.contained[1]"),
]


@pytest.mark.parametrize(("spoil", "status", "place"), BAD_EVENTS)
def test_a_wrong_event_is_refused_at_its_place(system, com1, spoil, status, place):
    text = declaration(com1)
    spoil(text)
    answer = system.post("/CommunicationRequest", text)
    assert (answer.status_code, places(answer)[0]) == (status, place), answer.content.decode()
    with row_security.acting_as(HOUSE, now=NOW):
        assert not CommunicationRequest.objects.exists()


def test_an_event_to_come_is_refused(system, com1):
    answer = system.post("/CommunicationRequest", declaration(com1, at="2027-01-01T00:00:00Z"))
    assert answer.status_code == 422
    assert places(answer) == [f"CommunicationRequest.extension.where(url='{NDE}event-time')"]


def test_another_structure_neither_subscribes_nor_declares_nor_stops(system, stranger, sub1, com1):
    number = system.post("/Subscription", in_force(sub1)).json()["id"]
    assert stranger.post("/Subscription", in_force(sub1)).status_code == 422
    assert stranger.post("/CommunicationRequest", declaration(com1)).status_code == 422
    assert stranger.get(f"/Subscription/{number}").status_code == 404
    assert stranger.send("DELETE", f"/Subscription/{number}", "").status_code == 404
    text = in_force(sub1) | {"id": number}
    assert stranger.put(f"/Subscription/{number}", text).status_code in (404, 422)
    assert system.get(f"/Subscription/{number}").json()["status"] == "active"


def test_a_subscriber_known_here_and_outside_of_the_circle_is_refused(system, sub1, world):
    text = in_force(sub1)
    text["contained"][2]["identifier"][0]["value"] = world.roles["far_nurse"].practitioner.rpps
    answer = system.post("/Subscription", text)
    assert (answer.status_code, places(answer)) == (422, ["Subscription.contained[2]"])


def test_a_subscription_in_a_transaction_is_refused_at_its_place(system, sub1):
    entry = {"resource": sub1, "request": {"method": "POST", "url": "Subscription"}}
    bundle = {"resourceType": "Bundle", "type": "transaction", "entry": [entry]}
    answer = system.post("", bundle)
    assert answer.status_code == 422
    assert places(answer)[0] == "Bundle.entry[0].resource"


def test_an_update_says_the_version_it_read_or_is_refused(system, sub1):
    kept = system.post("/Subscription", in_force(sub1)).json()
    path = f"/Subscription/{kept['id']}"
    assert system.put(path, kept, **{"If-Match": 'W/"1"'}).status_code == 200
    assert system.put(path, kept, **{"If-Match": 'W/"1"'}).status_code == 412
