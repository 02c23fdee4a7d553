"""The capability statement says what is served, and nothing that is not."""

import pytest
from django.urls import reverse

from carbet.interop.fhir_api.rules.registry import RESOURCES

pytestmark = pytest.mark.django_db


@pytest.fixture
def statement(client):
    answer = client.get("/fhir/metadata")
    assert answer.status_code == 200
    assert answer["Content-Type"] == "application/fhir+json; charset=utf-8"
    return answer.json()


def test_it_is_public_and_of_r4(statement):
    assert statement["resourceType"] == "CapabilityStatement"
    assert (statement["fhirVersion"], statement["kind"]) == ("4.0.1", "instance")
    assert {"status", "date", "format", "implementation"} <= statement.keys()


def test_the_token_address_it_names_exists(statement):
    [oauth] = statement["rest"][0]["security"]["extension"]
    [token] = oauth["extension"]
    assert token["valueUri"].endswith(reverse("idp:oidc:token"))


def test_each_promised_search_parameter_is_served(statement, system):
    values = {
        "token": "urn:x|a",
        "string": "Abc",
        "date": "2026-01-01",
        "reference": "{}/1",
        "number": "18",
        "quantity": "ge18",
        "uri": "urn:x",
        "_filter": "_lastUpdated ge 2026-01-01",
        "near": "4.9|-52.3|10|km",
        "near-insee-code": "97302|15|km",
    }
    for resource in statement["rest"][0]["resource"]:
        served = RESOURCES[resource["type"]]
        extra = "&_id=1" if served.asks_one_of else ""
        for parameter in resource["searchParam"]:
            targets = served.parameters[parameter["name"]].targets or ("Patient",)
            value = values.get(parameter["name"]) or values[parameter["type"]].format(targets[0])
            answer = system.get(f"/{resource['type']}?{parameter['name']}={value}{extra}")
            assert answer.status_code == 200, (parameter, answer.content.decode())
        for name, parameter in (("searchInclude", "_include"), ("searchRevInclude", "_revinclude")):
            for value in resource.get(name, ()):
                answer = system.get(f"/{resource['type']}?{parameter}={value}{extra or '&_id=1'}")
                assert answer.status_code == 200, value


def test_each_interaction_is_promised_or_refused(statement, system):
    for resource in statement["rest"][0]["resource"]:
        kind = resource["type"]
        promised = {each["code"] for each in resource["interaction"]}
        answers = {
            "read": system.get(f"/{kind}/1"),
            "vread": system.get(f"/{kind}/1/_history/1"),
            "history-instance": system.get(f"/{kind}/1/_history"),
            "search-type": system.get(f"/{kind}?_id=1"),
            "create": system.post(f"/{kind}", {}),
            "update": system.put(f"/{kind}/1", {}),
            "delete": system.send("DELETE", f"/{kind}/1", ""),
            "patch": system.send("PATCH", f"/{kind}/1", "{}"),
        }
        refused = {name for name, answer in answers.items() if answer.status_code == 405}
        assert refused == answers.keys() - promised
        for name in refused:
            assert answers[name].json()["resourceType"] == "OperationOutcome"


def test_what_is_not_served_is_not_found(system):
    for path in (
        "/Condition/1",
        "/Condition?code=1",
        "/Patient/1/$everything",
        "/a/b/c/d",
        "/x",
    ):
        answer = system.get(path)
        assert answer.status_code == 404, path
        assert answer.json()["resourceType"] == "OperationOutcome"
