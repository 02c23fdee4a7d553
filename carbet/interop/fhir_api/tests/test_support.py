"""A software asks for support (ServiceRequest): accepted whole, or refused with the exact place."""

import base64
from datetime import timedelta

import pytest

from carbet.coordination.care_teams import operations as care_teams
from carbet.coordination.support import operations
from carbet.coordination.support.models import RequestFile, SupportRequest
from carbet.core import grants, row_security
from carbet.core.actor import Level, internal, organization_key
from carbet.core.models import AuditEvent
from tests.world import NOW

pytestmark = pytest.mark.django_db


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


def asked(patient, **given):
    return {
        "resourceType": "ServiceRequest",
        "identifier": [{"system": "https://dpi.example/demandes", "value": "42"}],
        "status": "active",
        "intent": "order",
        "priority": "urgent",
        "subject": {"reference": f"Patient/{patient.pk}"},
        "authoredOn": "2026-11-21",
        "reasonCode": [
            {
                "coding": [
                    {
                        "system": "http://localhost:8000/fhir/CodeSystem/motif-appui",
                        "code": "discharge",
                    }
                ],
                "text": "Sortie prévue vendredi",
            }
        ],
        "note": [{"text": "Vit seule, ne peut plus monter l’escalier."}],
    } | given


def everything(model, **filters):
    with row_security.acting_as(internal("test")):
        return list(model.objects.filter(**filters).order_by("pk"))


def places(answer):
    body = answer.json()
    assert body["resourceType"] == "OperationOutcome"
    return [issue["expression"][0] for issue in body["issue"]]


def test_a_request_is_addressed_once_and_its_course_is_read(world, system, patient, settings):
    settings.PUBLIC_URL = "http://localhost:8000"
    answer = system.post("/ServiceRequest", asked(patient))
    assert answer.status_code == 201, answer.content.decode()
    [row] = everything(SupportRequest)
    assert (row.urgency, row.reason, row.authored_on.isoformat()) == (
        "urgent",
        "discharge",
        "2026-11-21",
    )
    assert row.requester_organization_id == world.places["office"].pk
    assert "ne peut plus monter l’escalier" in row.text
    assert "Sortie prévue vendredi" in row.text
    kept = answer.json()
    assert kept["status"] == "active"
    assert kept["occurrencePeriod"]["end"] == "2026-11-29T12:00:00Z"
    assert kept["performer"][0]["display"] == "DAC Guyane"
    again = system.post("/ServiceRequest", asked(patient))
    assert (again.status_code, again["Location"]) == (200, answer["Location"])
    assert len(everything(SupportRequest)) == 1

    coordinator = world.actor("coordinator")
    operations.ask_information(
        actor=coordinator, now=world.later(hours=1), request=row, text="Qui l’aide ?"
    )
    read = system.get(f"/ServiceRequest/{kept['id']}").json()
    assert read["status"] == "on-hold"
    assert read["note"][-1]["text"] == "Complément demandé: Qui l’aide ?"
    assert read["meta"]["versionId"] != kept["meta"]["versionId"]
    operations.redirect_request(
        actor=coordinator, now=world.later(hours=1), request=row, reason="Le CLIC de Matoury"
    )
    found = system.get(f"/ServiceRequest?patient={patient.pk}&status=revoked").json()
    [entry] = found["entry"]
    assert entry["resource"]["note"][-1]["text"].endswith("Le CLIC de Matoury")
    assert everything(AuditEvent, operation="fhir.read", patient_id=patient.pk)


def test_what_it_joins_comes_with_it(system, patient):
    letter = base64.b64encode(b"Compte rendu en texte.\n").decode()
    answer = system.post(
        "/ServiceRequest",
        asked(
            patient,
            contained=[
                {
                    "resourceType": "DocumentReference",
                    "id": "cr",
                    "status": "current",
                    "content": [
                        {
                            "attachment": {
                                "contentType": "text/plain",
                                "title": "../cr.txt",
                                "data": letter,
                            }
                        }
                    ],
                }
            ],
            supportingInfo=[{"reference": "#cr"}],
        ),
    )
    assert answer.status_code == 201, answer.content.decode()
    [file] = everything(RequestFile)
    assert (file.name, file.media_type, file.size) == ("cr.txt", "text/plain", 23)


def test_a_role_of_the_structure_asks_by_its_rpps(world, system, patient):
    rpps = world.roles["gp"].practitioner.rpps
    requester = {"identifier": {"system": "https://rpps.esante.gouv.fr", "value": rpps}}
    answer = system.post("/ServiceRequest", asked(patient, requester=requester))
    assert answer.status_code == 201, answer.content.decode()
    [row] = everything(SupportRequest)
    assert (row.requester_id, row.source) == (world.roles["gp"].pk, "professional")


def test_who_is_unknown_is_kept_by_name_and_said(system, patient):
    answer = system.post("/ServiceRequest", asked(patient, requester={"display": "Dr Absent"}))
    assert answer.status_code == 201
    assert "X-Carbet-Warnings" in answer
    assert everything(SupportRequest)[0].requester_name == "Dr Absent"


@pytest.mark.parametrize(
    ("given", "place"),
    [
        ({"status": "completed"}, "ServiceRequest.status"),
        ({"intent": "plan"}, "ServiceRequest.intent"),
        ({"doNotPerform": True}, "ServiceRequest.doNotPerform"),
        ({"authoredOn": "2026-12-24"}, "ServiceRequest.authoredOn"),
        ({"authoredOn": "2026-11-22T12:00:01Z"}, "ServiceRequest.authoredOn"),
        ({"authoredOn": "2020-01-01"}, "ServiceRequest.authoredOn"),
        ({"subject": {"reference": "Patient/987654321"}}, "ServiceRequest.subject"),
        ({"subject": {"display": "Claire"}}, "ServiceRequest.subject"),
        ({"performer": [{"reference": "Organization/987654321"}]}, "ServiceRequest.performer[0]"),
        (
            {"performer": [{"reference": "Organization/1"}, {"reference": "Organization/2"}]},
            "ServiceRequest.performer[1]",
        ),
        ({"note": [{"text": "a" * 4001}]}, "ServiceRequest.note"),
        ({"requester": {"reference": "Practitioner/987654321"}}, "ServiceRequest.requester"),
        ({"supportingInfo": [{"reference": "#absent"}]}, "ServiceRequest.supportingInfo[0]"),
        (
            {
                "contained": [
                    {
                        "resourceType": "DocumentReference",
                        "id": "cr",
                        "status": "current",
                        "content": [{"attachment": {"url": "http://169.254.169.254/"}}],
                    }
                ],
                "supportingInfo": [{"reference": "#cr"}],
            },
            "ServiceRequest.contained[0].content[0].attachment",
        ),
        (
            {
                "contained": [
                    {
                        "resourceType": "DocumentReference",
                        "id": "cr",
                        "status": "current",
                        "content": [{"attachment": {"data": "AAAA"}}],
                    }
                ],
                "supportingInfo": [{"reference": "#cr"}],
            },
            "ServiceRequest.contained[0].content[0].attachment.data",
        ),
    ],
)
def test_a_refusal_says_the_exact_place_and_keeps_nothing(system, patient, given, place):
    answer = system.post("/ServiceRequest", asked(patient, **given))
    assert answer.status_code == 422, answer.content.decode()
    assert place in places(answer)
    assert not everything(SupportRequest)


@pytest.mark.parametrize(
    ("given", "place"),
    [
        ({"priority": "soon"}, "ServiceRequest.priority"),
        ({"status": None}, "ServiceRequest.status"),
        ({"authoredOn": "hier"}, "ServiceRequest.authoredOn"),
        ({"note": [{"text": "a\x00b"}]}, "ServiceRequest.note[0].text"),
        ({"surprise": 1}, "ServiceRequest.surprise"),
    ],
)
def test_a_wrong_shape_is_refused_before_anything(system, patient, given, place):
    answer = system.post("/ServiceRequest", asked(patient, **given))
    assert answer.status_code == 400, answer.content.decode()
    assert place in places(answer)


def test_all_that_is_wrong_is_said_at_once(system, patient):
    answer = system.post(
        "/ServiceRequest", asked(patient, status="draft", intent="plan", authoredOn="2027-01-01")
    )
    assert places(answer) == [
        "ServiceRequest.status",
        "ServiceRequest.intent",
        "ServiceRequest.authoredOn",
    ]


def test_without_a_recorded_agreement_nothing_leaves(world, system):
    patient = world.register()
    with row_security.acting_as(internal("test"), now=NOW, operation="test"):
        grants.grant(
            organization_key(world.places["office"].pk),
            patient_id=patient.pk,
            level=Level.WRITE,
            source="system",
            now=NOW,
        )
    answer = system.post("/ServiceRequest", asked(patient))
    assert (answer.status_code, places(answer)) == (422, ["ServiceRequest.subject"])
    assert "accord" in answer.json()["issue"][0]["diagnostics"]


def test_an_objection_is_told_at_the_subject(world, system, patient):
    care_teams.record_consent(
        actor=world.actor("gp"),
        now=world.later(minutes=1),
        patient=patient,
        decision="deny",
        given_by="person",
    )
    answer = system.post("/ServiceRequest", asked(patient))
    assert (answer.status_code, places(answer)) == (422, ["ServiceRequest.subject"])


def test_a_second_request_meets_the_one_that_waits(system, patient):
    assert system.post("/ServiceRequest", asked(patient)).status_code == 201
    other = asked(patient, identifier=[{"system": "https://dpi.example", "value": "43"}])
    answer = system.post("/ServiceRequest", other)
    assert (answer.status_code, places(answer)) == (409, ["ServiceRequest.subject"])
    assert len(everything(SupportRequest)) == 1


def test_who_only_reads_may_not_ask(world, make_system, patient):
    with row_security.acting_as(internal("test"), now=NOW, operation="test"):
        grants.grant(
            organization_key(world.places["nursing"].pk),
            patient_id=patient.pk,
            level=Level.READ,
            source="system",
            now=NOW - timedelta(days=1),
        )
    answer = make_system("nursing").post("/ServiceRequest", asked(patient))
    assert (answer.status_code, places(answer)) == (403, ["ServiceRequest.subject"])


def test_a_stranger_learns_nothing(stranger, system, patient):
    kept = system.post("/ServiceRequest", asked(patient)).json()
    assert stranger.get(f"/ServiceRequest/{kept['id']}").status_code == 404
    answer = stranger.post("/ServiceRequest", asked(patient))
    assert places(answer) == ["ServiceRequest.subject"]
    assert stranger.get("/ServiceRequest").status_code == 400
