"""The circle of the CdS guide: posted whole, read back the same, refused whole when wrong."""

import copy
from datetime import date, datetime

import pytest

from carbet.coordination.care_teams import operations as care_teams
from carbet.coordination.care_teams.models import CareTeam, CareTeamParticipant, RelatedPerson
from carbet.core import row_security
from carbet.core.actor import Level, internal
from carbet.core.identifiers import idnps_from_rpps
from carbet.core.models import AccessGrant, AuditEvent
from carbet.interop.fhir_api.models import TransactionReceipt
from carbet.interop.fhir_api.tests.conftest import bundle
from carbet.registries.directory.models import Organization
from carbet.registries.patients.models import Patient
from tests.world import NOW

pytestmark = pytest.mark.django_db

INS = "urn:oid:1.2.250.1.213.1.4.8|123456789012212"
WHOLE = (
    f"/CareTeam?subject.identifier={INS}&_include=CareTeam:participant"
    "&_include=CareTeam:subject&_include=CareTeam:managingOrganization"
)
CARE_TEAM, PATIENT, RELATIVE, PLACE = range(4)


def rows():
    """Return how many rows of each kind there are, seen by the house itself."""
    with row_security.acting_as(internal("test")):
        models = (Patient, CareTeam, CareTeamParticipant, RelatedPerson, Organization, AccessGrant)
        return {model.__name__: model.objects.count() for model in models}


def resource(transaction, number):
    return transaction["entry"][number]["resource"]


def canonical(resources):
    """Return what resources mean: without our additions, addresses and ways of saying a moment."""
    names = {}
    for each in resources:
        names[f"{each['resourceType']}/{each['id']}"] = each["resourceType"]
    return {each["resourceType"]: simplified(each, names) for each in resources}


def simplified(value, names, name=""):
    if isinstance(value, dict):
        ours = ("id", "meta", "text", "language", "fullUrl", "display", "active", "type")
        return {key: simplified(each, names, key) for key, each in value.items() if key not in ours}
    if isinstance(value, list):
        return [simplified(each, names, name) for each in value]
    if name == "reference":
        return names["/".join(value.split("/")[-2:])]
    if name in ("start", "end") and "T" in value:
        return datetime.fromisoformat(value).timestamp()
    # Two versions of one nomenclature.
    return value.replace("CommuneOM", "Commune") if isinstance(value, str) else value


def contains(found, asked, at=""):
    """Fail where `found` does not say all that `asked` says."""
    if isinstance(asked, dict):
        for key, value in asked.items():
            assert key in found, f"{at}.{key} is lost"
            contains(found[key], value, f"{at}.{key}")
    elif isinstance(asked, list):
        for value in asked:
            assert value in found or any(_holds(each, value) for each in found), f"{at}: {value}"
    else:
        assert found == asked, at


def _holds(found, asked):
    try:
        contains(found, asked)
    except AssertionError:
        return False
    return True


def issues(answer):
    body = answer.json()
    assert body["resourceType"] == "OperationOutcome"
    assert answer["Content-Type"] == "application/fhir+json; charset=utf-8"
    return [(each["code"], each.get("expression", [""])[0]) for each in body["issue"]]


# --- Written, and read back ---------------------------------------------------------------------


def test_the_official_circle_reads_back_equal_in_meaning(system, official):
    posted = canonical([entry["resource"] for entry in official["entry"]])
    answer = system.post("", official)
    assert answer.status_code == 200
    assert answer.json()["type"] == "transaction-response"
    statuses = [entry["response"]["status"] for entry in answer.json()["entry"]]
    assert statuses == ["201 Created"] * 4
    found = system.get(WHOLE)
    read = canonical([entry["resource"] for entry in found.json()["entry"]])
    contains(read, posted)
    # Nothing was invented either: a participant more, a name more.
    assert len(read["CareTeam"]["participant"]) == len(posted["CareTeam"]["participant"])
    assert read["CareTeam"]["period"] == {"start": "2013-01-12"}


def test_each_location_answers(system, official):
    for entry in system.post("", official).json()["entry"]:
        location = entry["response"]["location"]
        found = system.get(f"/{location.split('/_history')[0]}")
        assert found.status_code == 200
        if "etag" in entry["response"]:
            assert found["ETag"] == entry["response"]["etag"]


def test_the_answer_is_traced_with_client_and_organization(system, world, official):
    system.post("", official)
    with row_security.acting_as(internal("test")):
        traced = AuditEvent.objects.filter(operation="fhir.transaction").get()
        patient = Patient.objects.get()
    assert (traced.client_id, traced.organization_id) == (
        system.client_id,
        world.places["office"].pk,
    )
    assert (traced.patient_id, traced.outcome) == (patient.pk, 0)


def test_what_is_not_kept_is_said(system, official):
    patient = resource(official, PATIENT)
    patient["maritalStatus"] = {"text": "marié"}
    patient["telecom"] = [{"system": "email", "value": "jacques@exemple.fr"}]
    entry = system.post("", official).json()["entry"][PATIENT]
    said = {each["expression"][0] for each in entry["response"]["outcome"]["issue"]}
    assert said == {
        "Bundle.entry[1].resource.maritalStatus",
        "Bundle.entry[1].resource.telecom[0]",
    }


def test_members_are_matched_by_national_numbers(system, world, official):
    nurse = world.roles["nurse"]
    place = nurse.organization
    place.finess = "970305637"
    place.save()
    practitioner = {
        "resourceType": "Practitioner",
        "id": "p",
        # Published examples put the IDNPS under the RPPS system: it is read.
        "identifier": [
            {
                "system": "https://rpps.esante.gouv.fr",
                "value": idnps_from_rpps(nurse.practitioner.rpps),
            }
        ],
    }
    organization = {
        "resourceType": "Organization",
        "id": "o",
        "identifier": [{"system": "urn:oid:1.2.250.1.71.4.2.2", "value": "1970305637"}],
        "name": "Peu importe",
    }
    role = {
        "resourceType": "PractitionerRole",
        "id": "r",
        "practitioner": {"reference": "Practitioner/p"},
        "organization": {"reference": "Organization/o"},
    }
    resource(official, CARE_TEAM)["participant"].append(
        {"member": {"reference": "PractitionerRole/r"}, "period": {"start": "2026-02"}}
    )
    official["entry"] += bundle(practitioner, organization, role)["entry"]
    answer = system.post("", official)
    assert answer.status_code == 200, answer.content.decode()
    statuses = [entry["response"]["status"][:3] for entry in answer.json()["entry"][4:]]
    assert statuses == ["200", "200", "200"]
    found = system.get(f"/CareTeam?participant=PractitionerRole/{nurse.pk}").json()["entry"]
    assert found[0]["resource"]["participant"][-1] == {
        "member": {"reference": f"PractitionerRole/{nurse.pk}"},
        "period": {"start": "2026-02"},
    }
    with row_security.acting_as(world.actor("nurse"), now=NOW):
        assert Patient.objects.get().birth_family == "Thobois"


def test_an_unknown_organization_is_declared_and_marked(system, official):
    system.post("", official)
    declared = Organization.objects.get(finess="970300026")
    assert declared.declared_by == system.client_id


def test_references_by_urn_and_by_identifier(system, official):
    official["entry"][PATIENT]["fullUrl"] = "urn:uuid:11111111-2222-4333-8444-555555555555"
    for number in (CARE_TEAM, RELATIVE):
        name = "subject" if number == CARE_TEAM else "patient"
        resource(official, number)[name] = {"reference": official["entry"][PATIENT]["fullUrl"]}
    resource(official, CARE_TEAM)["managingOrganization"] = [
        {
            "type": "Organization",
            "identifier": {"system": "https://finess.esante.gouv.fr", "value": "970300026"},
        }
    ]
    assert system.post("", official).status_code == 200


def test_resources_one_by_one(system, official):
    made = {}
    for number in (PLACE, PATIENT, RELATIVE, CARE_TEAM):
        each = copy.deepcopy(resource(official, number))
        text = copy.deepcopy(each)
        for name in ("subject", "patient"):
            if name in text:
                text[name] = {"reference": made["Patient"]}
        for stay in text.get("participant", []):
            stay["member"] = {"reference": made[stay["member"]["reference"].split("/")[0]]}
        for each_place in text.get("managingOrganization", []):
            each_place["reference"] = made["Organization"]
        answer = system.post(f"/{text['resourceType']}", text)
        assert answer.status_code == 201, answer.content.decode()
        made[text["resourceType"]] = answer["Location"].split("/fhir/")[1].split("/_history")[0]
    again = system.post("/Organization", resource(official, PLACE))
    assert (again.status_code, again["Location"].split("/fhir/")[1]) == (200, made["Organization"])


# --- Sent again ---------------------------------------------------------------------------------


def test_the_same_transaction_twice_is_carried_out_once(system, official):
    official["identifier"] = {"system": "urn:example:dpi", "value": "message-1"}
    first = system.post("", official)
    before = rows()
    again = system.post("", official)
    assert (again.status_code, again.json()) == (200, first.json())
    assert rows() == before
    resource(official, CARE_TEAM)["name"] = "Un autre cercle"
    other = system.post("", official)
    assert (other.status_code, issues(other)) == (409, [("conflict", "Bundle.identifier")])


def test_a_receipt_is_its_organization_s(system, stranger, official):
    official["identifier"] = {"system": "urn:example:dpi", "value": "message-1"}
    system.post("", official)
    assert stranger.post("", official).status_code == 409
    assert not TransactionReceipt.objects.exists()


def test_a_second_circle_is_refused(system, official):
    assert system.post("", official).status_code == 200
    before = rows()
    answer = system.post("", official)
    assert answer.status_code == 409
    assert issues(answer) == [("duplicate", "Bundle.entry[0].resource.subject")]
    assert rows() == before


def test_a_person_known_elsewhere_is_not_taken_over(system, stranger, official):
    system.post("", official)
    before = rows()
    answer = stranger.post("", official)
    assert answer.status_code == 409
    assert issues(answer)[0][0] == "duplicate"
    assert rows() == before


def test_the_same_ins_under_other_traits_is_a_conflict(system, official):
    system.post("", official)
    resource(official, PATIENT)["birthDate"] = "1990-01-01"
    answer = system.post("", official)
    assert (answer.status_code, issues(answer)) == (
        409,
        [("conflict", "Bundle.entry[1].resource.identifier")],
    )


def test_the_same_strict_traits_without_ins_are_not_registered_twice(system, world, official):
    world.register("other_gp", birth_family="Thobois", birth_given=["Jacques"], gender="male",
                   birth_date=date(1984, 10, 2), used_family="")  # fmt: skip
    answer = system.post("", official)
    assert (answer.status_code, issues(answer)) == (
        409,
        [("duplicate", "Bundle.entry[1].resource")],
    )


# --- Refused, whole -----------------------------------------------------------------------------


def no_start(transaction):
    del resource(transaction, CARE_TEAM)["participant"][1]["period"]["start"]
    resource(transaction, CARE_TEAM)["participant"][1]["period"]["end"] = "2030-01-01"


def no_period(transaction):
    del resource(transaction, CARE_TEAM)["participant"][0]["period"]


def unknown_member(transaction):
    member = resource(transaction, CARE_TEAM)["participant"][0]["member"]
    member["reference"] = "RelatedPerson/someone-else"


def absolute_member(transaction):
    member = resource(transaction, CARE_TEAM)["participant"][0]["member"]
    member["reference"] = "https://elsewhere.example/fhir/RelatedPerson/1"


def practitioner_member(transaction):
    practitioner = {"resourceType": "Practitioner", "id": "p", "name": [{"family": "X"}]}
    transaction["entry"] += bundle(practitioner)["entry"]
    resource(transaction, CARE_TEAM)["participant"][0]["member"]["reference"] = "Practitioner/p"


def wrong_key(transaction):
    resource(transaction, PATIENT)["identifier"][0]["value"] = "123456789012244"


def no_care_team(transaction):
    del transaction["entry"][CARE_TEAM]


def two_patients(transaction):
    transaction["entry"].append(copy.deepcopy(transaction["entry"][PATIENT]))
    transaction["entry"][-1]["fullUrl"] = "urn:uuid:00000000-0000-4000-8000-000000000000"


def unknown_role(transaction):
    resource(transaction, CARE_TEAM)["participant"][0]["role"] = [
        {"coding": [{"system": "http://snomed.info/sct", "code": "59058001"}]}
    ]


def ends_before(transaction):
    resource(transaction, CARE_TEAM)["participant"][1]["period"]["end"] = "2012-12-31"


def no_name(transaction):
    del resource(transaction, CARE_TEAM)["name"]


def no_relationship_role(transaction):
    del resource(transaction, RELATIVE)["relationship"][0]


def unknown_practitioner(transaction):
    practitioner = {
        "resourceType": "Practitioner",
        "id": "p",
        "identifier": [{"system": "https://rpps.esante.gouv.fr", "value": "10003461033"}],
    }
    transaction["entry"] += bundle(practitioner)["entry"]


def deleted(transaction):
    transaction["entry"][RELATIVE]["request"]["method"] = "DELETE"


def own_id(transaction):
    transaction["entry"][PATIENT]["request"] = {"method": "PUT", "url": "Patient/cds-example"}


def someone_else_s_condition(transaction):
    transaction["entry"][PATIENT]["request"]["ifNoneExist"] = "family=Montgénie"


WRONG = {
    no_start: (422, "required", "[0].resource.participant[1].period.start"),
    no_period: (422, "required", "[0].resource.participant[0].period.start"),
    unknown_member: (422, "not-found", "[0].resource.participant[0].member"),
    absolute_member: (422, "not-found", "[0].resource.participant[0].member"),
    practitioner_member: (422, "not-found", ""),
    wrong_key: (422, "value", "[1].resource.identifier[0].value"),
    no_care_team: (422, "required", ""),
    two_patients: (422, "required", ""),
    unknown_role: (422, "code-invalid", "[0].resource.participant[0].role[0]"),
    ends_before: (422, "invariant", "[0].resource.participant[1].period.end"),
    no_name: (422, "required", "[0].resource.name"),
    no_relationship_role: (422, "required", "[2].resource.relationship"),
    unknown_practitioner: (422, "not-found", "[4].resource.identifier"),
    deleted: (422, "not-supported", "[2].request.method"),
    own_id: (422, "value", "[1].request.url"),
    someone_else_s_condition: (422, "not-supported", "[1].request.ifNoneExist"),
}


@pytest.mark.parametrize("spoil", WRONG, ids=lambda spoil: spoil.__name__)
def test_refused_whole_and_precisely(system, official, spoil):
    status, code, where = WRONG[spoil]
    before = rows()
    spoil(official)
    answer = system.post("", official)
    assert answer.status_code == status, answer.content.decode()
    found = issues(answer)
    assert found[0][0] == code
    if where:
        assert found == [(code, f"Bundle.entry{where}")]
    assert rows() == before
    with row_security.acting_as(internal("test")):
        traced = AuditEvent.objects.filter(operation="fhir.transaction").get()
    assert (traced.outcome, traced.reason.split(", ")[0]) == (4, code)


def test_the_unmended_official_example_is_refused(system, official):
    """Its INS key is wrong (44, where 12 is right): the defect is the guide's."""
    wrong_key(official)
    answer = system.post("", official)
    assert issues(answer) == [("value", "Bundle.entry[1].resource.identifier[0].value")]
    assert "123456789012244" not in answer.content.decode()


def test_an_opposed_person_keeps_the_circle_closed(system, world, official):
    alone = official | {"entry": [official["entry"][PATIENT]]}
    assert system.post("/Patient", resource(alone, 0)).status_code == 201
    with row_security.acting_as(internal("test")):
        patient = Patient.objects.get()
    care_teams.record_consent(
        actor=internal("test"), now=NOW, patient=patient, decision="deny", given_by="person"
    )
    answer = system.post("", official)
    assert (answer.status_code, issues(answer)[0][0]) == (422, "business-rule")


# --- CVE row 4 and 9: a child of another parent, a condition that escapes ------------------------


def test_a_relative_of_another_person_is_no_member(system, official):
    """OpenEMR CVE-2026-25744, -25745, -27943: the id in the body is tied to its parent."""
    first = system.post("", official).json()["entry"]
    relative = first[RELATIVE]["response"]["location"].split("/_history")[0]
    other = copy.deepcopy(official)
    patient = resource(other, PATIENT)
    patient["identifier"] = [{"system": "urn:example:ipp", "value": "42"}]
    patient["extension"] = patient["extension"][1:]
    patient["name"][0]["family"] = "Autre"
    resource(other, CARE_TEAM)["identifier"][0]["value"] = "2"
    resource(other, CARE_TEAM)["participant"][0]["member"]["reference"] = relative
    del other["entry"][RELATIVE]
    before = rows()
    answer = system.post("", other)
    assert issues(answer) == [("not-found", "Bundle.entry[0].resource.participant[0].member")]
    assert rows() == before


def test_a_patient_of_another_organization_is_no_subject(system, stranger, official):
    """HAPI PR 5712, 3249: absolute and literal references stop at the same rows."""
    patient = system.post("/Patient", resource(official, PATIENT))["Location"]
    for reference in (patient.split("/_history")[0], patient.split("/fhir/")[1].split("/_")[0]):
        team = copy.deepcopy(resource(official, CARE_TEAM))
        team["subject"] = {"reference": reference}
        del team["participant"], team["managingOrganization"]
        answer = stranger.post("/CareTeam", team)
        assert issues(answer) == [("not-found", "CareTeam.subject")]
        assert system.post("/CareTeam", team).status_code in (201, 409)


# --- Brought to a new version -------------------------------------------------------------------


@pytest.fixture
def circle(system, official):
    """Return the address and the resource of the official circle, once written."""
    entry = system.post("", official).json()["entry"][CARE_TEAM]["response"]
    address = "/" + entry["location"].split("/_history")[0]
    return address, system.get(address).json()


def test_a_stay_ends_and_another_begins(system, circle):
    address, team = circle
    team["participant"][1]["period"]["end"] = "2026-11-01"
    team["participant"].append(
        {"member": team["participant"][1]["member"], "period": {"start": "2026-11-20"}}
    )
    answer = system.put(address, team, **{"If-Match": 'W/"1"'})
    assert answer.status_code == 200, answer.content.decode()
    assert answer["ETag"] == 'W/"2"'
    read = system.get(address).json()
    assert read["participant"] == team["participant"]
    assert read["meta"]["versionId"] == "2"


def test_the_version_read_must_be_said_and_right(system, circle):
    address, team = circle
    team["name"] = "Cercle renommé"
    assert system.put(address, team).status_code == 412
    assert system.put(address, team, **{"If-Match": 'W/"7"'}).status_code == 412
    assert system.get(address).json()["name"] != "Cercle renommé"


def test_a_stay_left_out_is_not_erased(system, circle):
    address, team = circle
    del team["participant"][0]
    answer = system.put(address, team, **{"If-Match": 'W/"1"'})
    assert (answer.status_code, issues(answer)) == (422, [("business-rule", "CareTeam")])
    assert len(system.get(address).json()["participant"]) == 2


def test_an_update_transaction(system, official, circle):
    address, team = circle
    team["status"] = "inactive"
    update = bundle(team, resource(official, PATIENT))
    update["entry"][0]["request"] = {"method": "PUT", "url": address[1:], "ifMatch": 'W/"1"'}
    assert system.post("", update).status_code == 200
    assert system.get(address).json()["status"] == "inactive"
    with row_security.acting_as(internal("test")):
        held = AccessGrant.objects.filter(source="participant", valid_until__gt=NOW)
        assert not held.exists()


def test_versions_and_history(system, circle):
    address, team = circle
    team["name"] = "Cercle renommé"
    team["participant"][1]["period"]["end"] = "2026-11-01"
    system.put(address, team, **{"If-Match": 'W/"1"'})
    first, second = (system.get(f"{address}/_history/{number}").json() for number in (1, 2))
    assert (first["name"], second["name"]) == (
        "Cercle de soins de Mr Jacques Thobois",
        "Cercle renommé",
    )
    assert first["participant"][1]["period"]["end"] == "2032-12-18T12:48:19.342Z"
    assert second["participant"][1]["period"]["end"] == "2026-11-01"
    history = system.get(f"{address}/_history").json()
    assert history["type"] == "history"
    assert [entry["resource"] for entry in history["entry"]] == [second, first]
    assert system.get(f"{address}/_history/3").status_code == 404


def test_only_who_manages_brings_it_to_a_new_version(system, make_system, world, official):
    member = make_system("nursing")
    with row_security.acting_as(internal("test"), operation="test"):
        place = Organization.objects.get(pk=world.places["nursing"].pk)
        place.finess = "970305637"
        place.save()
    resource(official, PLACE)["identifier"][0]["value"] = "970305637"
    entry = system.post("", official).json()["entry"][CARE_TEAM]["response"]
    address = "/" + entry["location"].split("/_history")[0]
    team = member.get(address).json()
    team["name"] = "Cercle pris"
    answer = member.put(address, team, **{"If-Match": 'W/"1"'})
    assert answer.status_code == 403, answer.content.decode()
    assert system.get(address).json()["name"] != "Cercle pris"
    with row_security.acting_as(internal("test")):
        held = AccessGrant.objects.get(grantee=f"org:{place.pk}")
    assert held.level == Level.WRITE
