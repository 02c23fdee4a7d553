"""Who comes in: a token of a system, its scopes, and only the persons of its organization."""

import base64

import pytest
from allauth.idp.oidc.models import Token
from django.core.management import CommandError, call_command
from django.db import connection
from django.test.utils import CaptureQueriesContext

from carbet.coordination.care_plans.models import CarePlan, Goal, Need
from carbet.coordination.care_teams.choices import ConsentDecision, ConsentGiver
from carbet.coordination.care_teams.models import Consent
from carbet.core import row_security
from carbet.core.actor import internal
from carbet.core.models import AccessGrant, AuditEvent
from carbet.interop.fhir_api import queries
from carbet.interop.fhir_api.choices import READ_SCOPE, WRITE_SCOPE
from carbet.interop.fhir_api.rules.registry import RESOURCES
from carbet.interop.fhir_api.tests.conftest import System
from carbet.registries.directory.models import PractitionerRole, SystemClient
from tests.world import NOW

pytestmark = pytest.mark.django_db

PRIVATE = [kind for kind, resource in RESOURCES.items() if not resource.is_public]


@pytest.fixture
def written(system, official):
    """Return the addresses of the official circle, by type."""
    entries = system.post("", official).json()["entry"]
    locations = [entry["response"]["location"].split("/_history")[0] for entry in entries]
    found = {location.split("/")[0]: f"/{location}" for location in locations}
    visit = system.post("/Appointment", visit_of(found["Patient"].strip("/"), system.role))
    assert visit.status_code == 201, visit.content.decode()
    found |= {"Appointment": f"/Appointment/{visit.json()['id']}"}
    for kind, resource in notifying(found["Patient"].strip("/")).items():
        answer = system.post(f"/{kind}", resource)
        assert answer.status_code == 201, answer.content.decode()
        found[kind] = f"/{kind}/{answer.json()['id']}"
    for kind, resource in entries_of(found["Patient"].strip("/")).items():
        answer = system.post(f"/{kind}", resource)
        assert answer.status_code == 201, answer.content.decode()
        found[kind] = answer["Location"].split("/fhir")[1].split("/_history")[0]
    with row_security.acting_as(internal("test"), now=NOW, operation="test"):
        consent = Consent.objects.create(
            patient_id=int(found["Patient"].rpartition("/")[2]),
            decision=ConsentDecision.GIVEN,
            given_by=ConsentGiver.PERSON,
            recorded_by=PractitionerRole.objects.order_by("pk").first(),
            recorded_at=NOW,
        )
        found["Consent"] = f"/Consent/{consent.pk}"
        found |= plan_for(int(found["Patient"].rpartition("/")[2]))
    answer = system.post("/ServiceRequest", support_for(found["Patient"].strip("/")))
    assert answer.status_code == 201, answer.content.decode()
    found["ServiceRequest"] = f"/ServiceRequest/{answer.json()['id']}"
    [_, file] = system.get(found["DocumentReference"]).json()["content"]
    found["Binary"] = file["attachment"]["url"].split("/fhir")[1]
    return found


def plan_for(patient_id):
    """Write a plan of one goal and return their addresses."""
    author = PractitionerRole.objects.order_by("pk").first()
    plan = CarePlan.objects.create(
        patient_id=patient_id, author=author, updated_by=author, created_at=NOW, updated_at=NOW
    )
    need = Need.objects.create(care_plan=plan, patient_id=patient_id, text="Se déplacer")
    goal = Goal.objects.create(need=need, patient_id=patient_id, text="Marcher")
    return {"CarePlan": f"/CarePlan/{plan.pk}", "Goal": f"/Goal/{goal.pk}"}


def entries_of(person):
    """Return a note with a file and a measure about a person."""
    types = "https://mos.esante.gouv.fr/NOS/TRE_R234-TypeNote/FHIR/TRE-R234-TypeNote"
    text = {"contentType": "text/plain", "data": base64.b64encode(b"Plaie propre.").decode()}
    return {
        "DocumentReference": {
            "resourceType": "DocumentReference",
            "status": "current",
            "type": {"coding": [{"system": types, "code": "OBS"}]},
            "subject": {"reference": person},
            "author": [{"display": "Infirmière du service"}],
            "content": [{"attachment": text}, {"attachment": text | {"title": "suite"}}],
        },
        "Observation": {
            "resourceType": "Observation",
            "status": "final",
            "code": {"coding": [{"system": "http://loinc.org", "code": "29463-7"}]},
            "subject": {"reference": person},
            "effectiveDateTime": "2026-11-22T08:00:00-03:00",
            "valueQuantity": {"value": 68, "code": "kg"},
        },
        "QuestionnaireResponse": {
            "resourceType": "QuestionnaireResponse",
            "questionnaire": "urn:carbet:questionnaire:douleur-en|1.0.0",
            "status": "in-progress",
            "subject": {"reference": person},
        },
    }


def visit_of(person, role):
    """Return the declaration of a visit to a person."""
    return {
        "resourceType": "Appointment",
        "status": "booked",
        "start": "2026-11-23T09:00:00-03:00",
        "end": "2026-11-23T09:30:00-03:00",
        "participant": [
            {"actor": {"reference": person}, "status": "accepted"},
            {"actor": {"reference": f"PractitionerRole/{role.pk}"}, "status": "accepted"},
        ],
    }


def support_for(person):
    """Return a request for support about a person."""
    return {
        "resourceType": "ServiceRequest",
        "status": "active",
        "intent": "order",
        "subject": {"reference": person},
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
        "note": [{"text": "Vit seule."}],
    }


def notifying(person):
    """Return a subscription to the notes about a person, and the declaration of one."""
    nde = "https://interop.esante.gouv.fr/ig/fhir/nde/StructureDefinition/"
    types = "https://mos.esante.gouv.fr/NOS/TRE_R254-TypeEvenement/FHIR/TRE-R254-TypeEvenement"
    who, here = {"reference": "#o"}, {"reference": person}
    contained = [{"resourceType": "Organization", "id": "o", "name": "Cabinet"}]
    kind = {"coding": [{"system": types, "code": "NOT"}]}
    return {
        "Subscription": {
            "resourceType": "Subscription",
            "contained": contained,
            "extension": [
                {"url": f"{nde}start", "valueDateTime": "2026-01-01T00:00:00Z"},
                {"url": f"{nde}subject", "valueReference": here},
                {"url": f"{nde}declarant", "valueReference": who},
                {"url": f"{nde}event-type", "valueCodeableConcept": kind},
                {"url": f"{nde}subscriber", "valueReference": who},
            ],
            "status": "requested",
            "reason": "Suivi",
            "criteria": "CommunicationRequest?event-type=NOT",
            "channel": {"type": "email", "endpoint": "mailto:a@b.example"},
        },
        "CommunicationRequest": {
            "resourceType": "CommunicationRequest",
            "contained": contained,
            "extension": [
                {"url": f"{nde}event-type", "valueCodeableConcept": kind},
                {"url": f"{nde}event-time", "valueDateTime": "2026-11-22T10:00:00Z"},
            ],
            "status": "active",
            "subject": here,
            "payload": [{"contentString": "Note"}],
            "requester": who,
        },
    }


def refused(answer, status, code):
    assert answer.status_code == status
    assert answer["Content-Type"] == "application/fhir+json; charset=utf-8"
    assert answer.json()["issue"][0]["code"] == code


@pytest.mark.parametrize(
    "header",
    [
        "",
        "Bearer",
        "Bearer unknown",
        "Basic dXNlcjpwYXNz",
        "Bearer token-of-office-0 more",
        "Bearer " + "x" * 10_000,
        "Bearer tok\u00e9n",
    ],
)
def test_nobody_without_a_token_that_holds(client, system, written, header):
    anonymous = System(client, "")
    anonymous.headers = {"Authorization": header.encode().decode("latin-1")} if header else {}
    for path in (*written.values(), "/Patient?_id=1", "/Organization", "/CareTeam/1/_history"):
        answer = anonymous.get(path)
        refused(answer, 401, "login")
        assert answer["WWW-Authenticate"].startswith('Bearer realm="carbet-fhir"')
    refused(anonymous.post("", {}), 401, "login")
    refused(anonymous.post("/Patient", {}), 401, "login")


def test_an_expired_token_is_nobody(make_system):
    refused(make_system("office", expires_in=0).get("/Organization"), 401, "login")


def test_a_revoked_token_is_nobody(system):
    assert system.get("/Organization").status_code == 200
    Token.objects.all().delete()
    refused(system.get("/Organization"), 401, "login")


@pytest.mark.parametrize("closed", ["client", "organization"])
def test_a_closed_client_or_organization_is_nobody(system, world, closed):
    if closed == "client":
        SystemClient.objects.update(active=False)
    else:
        world.places["office"].active = False
        world.places["office"].save()
    refused(system.get("/Organization"), 401, "login")


def test_a_token_of_a_person_is_no_system(system, world):
    Token.objects.update(user=world.accounts["gp"])
    refused(system.get("/Organization"), 401, "login")


def test_a_session_is_no_system(sign_in, world):
    client = sign_in(world.accounts["gp"], role=world.roles["gp"])
    assert client.get("/fhir/Organization").status_code == 401


@pytest.mark.parametrize("scopes", [(), ("",), ("openid",), ("system/*.reader",), ("*",)])
def test_no_scope_is_nothing(make_system, scopes):
    """InterSystems HSDD-2316: an empty list of permissions is none."""
    system = make_system("office", scopes=scopes)
    refused(system.get("/Organization"), 403, "forbidden")
    refused(system.post("", {}), 403, "forbidden")


def test_each_scope_opens_its_own_side(make_system, official):
    reader = make_system("office", scopes=(READ_SCOPE,))
    writer = make_system("office", scopes=(WRITE_SCOPE,))
    refused(reader.post("", official), 403, "forbidden")
    refused(reader.put("/CareTeam/1", {}), 403, "forbidden")
    assert reader.get("/Organization").status_code == 200
    refused(writer.get("/Organization"), 403, "forbidden")
    assert writer.post("", official).status_code == 200


@pytest.mark.parametrize("kind", PRIVATE)
def test_another_organization_sees_no_person(system, stranger, written, kind):
    """OpenEMR CVE-2026-24487: no type forgets whose person it is."""
    path = written[kind]
    number = path.rpartition("/")[2]
    assert system.get(path).status_code == 200
    hidden, absent = stranger.get(path), stranger.get(f"/{kind}/999999")
    assert (hidden.status_code, hidden.content) == (absent.status_code, absent.content)
    refused(hidden, 404, "not-found")
    patient = written["Patient"].rpartition("/")[2]
    ins = "urn:oid:1.2.250.1.213.1.4.8|123456789012212"
    for query in (
        f"_id={number}",
        f"patient={patient}",
        f"subject={patient}",
        f"identifier={ins}",
        f"subject.identifier={ins}",
        "status=active",
        "family=Thobois&birthdate=1984-10-02",
        f"_id={patient}&_revinclude=CareTeam:subject",
        f"_id={number}&_include=CareTeam:subject",
    ):
        answer = stranger.get(f"/{kind}?{query}")
        assert answer.status_code in (200, 400, 405 if kind == "Binary" else 400)
        assert "entry" not in answer.json(), query


def test_every_served_type_is_in_the_proof_above():
    assert set(PRIVATE) == {
        *("CareTeam", "Patient", "RelatedPerson", "Appointment", "CarePlan", "Goal"),
        *("Subscription", "CommunicationRequest"),
        *("DocumentReference", "Observation", "Binary", "ServiceRequest"),
        *("QuestionnaireResponse", "Consent"),
    }
    assert set(queries.MODELS) == set(RESOURCES)


def test_history_is_closed_too(stranger, written):
    for path in ("/_history", "/_history/1"):
        refused(stranger.get(written["CareTeam"] + path), 404, "not-found")


def test_the_circle_closes_when_the_organization_leaves(make_system, system, world, written):
    assert system.get(written["Patient"]).status_code == 200
    with row_security.acting_as(internal("test"), now=NOW, operation="test"):
        AccessGrant.objects.filter(grantee=f"org:{world.places['office'].pk}").update(
            valid_until=NOW
        )
    refused(system.get(written["Patient"]), 404, "not-found")
    refused(system.get(written["CareTeam"]), 404, "not-found")


def test_every_reading_is_traced(system, stranger, written, world):
    patient = int(written["Patient"].rpartition("/")[2])
    with row_security.acting_as(internal("test")):
        before = AuditEvent.objects.count()
    system.get(written["Patient"])
    system.get("/CareTeam?status=active")
    system.get("/Organization?name=Cabinet")
    stranger.get(written["Patient"])
    with row_security.acting_as(internal("test")):
        traced = list(AuditEvent.objects.order_by("pk")[before:])
    assert [
        (each.operation, each.entity, each.patient_id, each.outcome, each.reason) for each in traced
    ] == [
        ("fhir.read", f"Patient/{patient}", patient, 0, ""),
        ("fhir.search", "CareTeam", patient, 0, "status"),
        ("fhir.search", "Organization", None, 0, "name"),
        ("fhir.read", f"Patient/{patient}", patient, 4, ""),
    ]
    assert {each.client_id for each in traced} == {system.client_id, stranger.client_id}
    assert traced[0].organization_id == world.places["office"].pk


def statements(act):
    """Return what was asked of PostgreSQL, the tests' own savepoints left out."""
    with CaptureQueriesContext(connection) as caught:
        assert act().status_code == 200
    return [each["sql"] for each in caught if "SAVEPOINT" not in each["sql"]]


def test_a_read_takes_three_statements(system, written):
    """Token and door, the resource, the trace; and the person, bytes or steps that it holds."""
    # A plan holds its circle, its members, its parts and its requests; a decision, those after it,
    # its writings and its exceptions; a person, the records that a merge joined.
    parts = {"CarePlan": 4, "Consent": 3} | dict.fromkeys(
        (
            *("Subscription", "CommunicationRequest", "Binary", "ServiceRequest"),
            *("Goal", "QuestionnaireResponse", "Patient"),
        ),
        1,
    )
    for kind in written:
        asked = len(statements(lambda kind=kind: system.get(written[kind])))
        assert asked == 3 + parts.get(kind, 0), kind


def test_a_search_takes_no_more_for_many(system, world, written):
    paths = {
        "/CareTeam?status=active&_include=CareTeam:participant&_include=CareTeam:subject": 7,
        "/Patient?family=Thobois&birthdate=1984-10-02": 5,
        "/PractitionerRole?role=10&_include=PractitionerRole:practitioner": 4,
    }
    assert {path: len(statements(lambda path=path: system.get(path))) for path in paths} == paths


# --- From the command line to the first reading --------------------------------------------------


def test_a_new_client_gets_a_token_and_reads(world, client, capsys):
    call_command(
        "create_system_client", organization=str(world.places["office"].pk), name="Mon logiciel"
    )
    said = dict(line.split(None, 1) for line in capsys.readouterr().out.splitlines()[:3])
    secret = f"{said['client_id']}:{said['client_secret']}"
    for scope, status in (("", 200), ("system/*.read", 200), ("openid", 400)):
        answer = client.post(
            "/identity/o/api/token",
            {"grant_type": "client_credentials"} | ({"scope": scope} if scope else {}),
            headers={"Authorization": f"Basic {base64.b64encode(secret.encode()).decode()}"},
        )
        assert answer.status_code == status, answer.content
        if status == 200:
            system = System(client, answer.json()["access_token"])
            Token.objects.update(expires_at=NOW.replace(year=NOW.year + 1))
            assert system.get("/Organization").status_code == 200
    answer = client.post(
        "/identity/o/api/token",
        {"grant_type": "client_credentials"},
        headers={"Authorization": f"Basic {base64.b64encode(b'x:y').decode()}"},
    )
    assert answer.status_code == 401


def test_a_client_needs_one_known_organization(world):
    with pytest.raises(CommandError, match="inconnue"):
        call_command("create_system_client", organization="970300026", name="Mon logiciel")
