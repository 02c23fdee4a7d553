"""`Patient/$match`: who a described person may be, as far as the system that asks may know."""

import datetime

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from carbet.core import grants, row_security
from carbet.core.actor import Level, internal, organization_key
from carbet.core.models import AuditEvent
from carbet.interop.fhir_api.choices import READ_SCOPE, WRITE_SCOPE
from carbet.interop.fhir_api.tests.test_agenda import everything
from tests.world import NOW

pytestmark = pytest.mark.django_db

GRADE = "http://hl7.org/fhir/StructureDefinition/match-grade"


@pytest.fixture
def open_to_office(world):
    """Return a function that opens the record of a person to the software of the office."""

    def open_record(patient):
        with row_security.acting_as(internal("test"), now=NOW, operation="test"):
            grants.grant(
                organization_key(world.places["office"].pk),
                patient_id=patient.pk,
                level=Level.READ,
                source="test",
                now=NOW,
            )
        return patient

    return open_record


@pytest.fixture
def katiana(world, open_to_office):
    return open_to_office(_katiana(world))


def _katiana(world):
    return world.register(
        birth_family="Zéphirin",
        birth_given=["Katiana", "Rose"],
        gender="female",
        birth_date=datetime.date(1987, 6, 14),
        birth_place_code="97302",
    )


def described(family="Zéphirin", given=("Katiana", "Rose"), born="1987-06-14", **more):
    patient = {
        "resourceType": "Patient",
        "name": [{"use": "official", "family": family, "given": list(given)}],
        "gender": "female",
        "birthDate": born,
    }
    return {name: value for name, value in (patient | more).items() if value is not None}


def asked(patient, **parameters):
    said = [{"name": "resource", "resource": patient}]
    for name, value in parameters.items():
        kind = "valueBoolean" if isinstance(value, bool) else "valueInteger"
        said.append({"name": name, kind: value})
    return {"resourceType": "Parameters", "parameter": said}


def grade(entry):
    [extension] = entry["search"]["extension"]
    assert extension["url"] == GRADE
    return extension["valueCode"]


def test_a_gender_that_the_french_profile_does_not_keep_is_no_fault(system, katiana):
    """As in the example that IHE PDQm publishes (ex-match-input-patient)."""
    answer = system.post("/Patient/$match", asked(described(gender="other")))
    assert answer.status_code == 200
    assert [each["resource"]["id"] for each in answer.json()["entry"]] == [str(katiana.pk)]


def test_the_same_traits_are_certain(system, katiana):
    answer = system.post("/Patient/$match", asked(described()))
    assert answer.status_code == 200
    bundle = answer.json()
    assert (bundle["type"], bundle["total"]) == ("searchset", 1)
    [entry] = bundle["entry"]
    assert entry["resource"]["id"] == str(katiana.pk)
    assert entry["search"]["mode"] == "match"
    assert entry["search"]["score"] > 0.99
    assert grade(entry) == "certain"


def test_a_mistake_is_probable_and_hidden_from_who_wants_certainty(system, katiana):
    mistaken = described("Zephyrin", ["Ktiana"])
    [entry] = system.post("/Patient/$match", asked(mistaken)).json()["entry"]
    assert grade(entry) in ("probable", "possible")
    assert 0.5 <= entry["search"]["score"] <= 1
    certain = system.post("/Patient/$match", asked(mistaken, onlyCertainMatches=True)).json()
    assert certain == {"resourceType": "Bundle", "type": "searchset", "total": 0}


def test_homonyms_are_both_shown_none_certain_best_first_and_counted(
    system, world, katiana, open_to_office
):
    open_to_office(
        world.register(
            birth_family="Zéphirin",
            birth_given=["Katiana"],
            gender="female",
            birth_date=datetime.date(1987, 6, 14),
            birth_place_code="97302",
        )
    )
    entries = system.post("/Patient/$match", asked(described())).json()["entry"]
    assert len(entries) == 2
    assert "certain" not in map(grade, entries)
    assert entries[0]["search"]["score"] >= entries[1]["search"]["score"]
    assert entries[0]["resource"]["id"] == str(katiana.pk)
    assert len(system.post("/Patient/$match", asked(described(), count=1)).json()["entry"]) == 1


def test_a_bare_patient_asks_as_well(system, katiana):
    assert system.post("/Patient/$match", described()).json()["total"] == 1


def test_of_a_closed_person_only_a_certain_one_is_said_to_be_known(stranger, katiana):
    answer = stranger.post("/Patient/$match", asked(described())).json()
    assert answer["total"] == 0
    [entry] = answer["entry"]
    assert entry["search"] == {"mode": "outcome"}
    assert "déjà connue" in entry["resource"]["issue"][0]["diagnostics"]
    said = str(answer)
    assert str(katiana.pk) not in said.split()
    assert "phirin" not in said
    near = stranger.post("/Patient/$match", asked(described("Zephyrin", ["Ktiana"])))
    assert near.json() == {"resourceType": "Bundle", "type": "searchset", "total": 0}


def test_nobody_is_invented(system, katiana):
    someone = described("Abenté", ["Loïc"], "1950-02-03")
    assert system.post("/Patient/$match", asked(someone)).json()["total"] == 0


def test_each_one_told_is_traced_and_the_asking_when_none(system, stranger, katiana):
    def traces():
        return [each.patient_id for each in everything(AuditEvent, operation="fhir.match")]

    system.post("/Patient/$match", asked(described()))
    assert traces() == [katiana.pk]
    stranger.post("/Patient/$match", asked(described("Abenté", ["Loïc"])))
    assert sorted(traces(), key=str) == sorted([katiana.pk, None], key=str)


BAD = [
    ({"resourceType": "Bundle"}, 400, "resourceType"),
    ({"resourceType": "Parameters"}, 400, "Parameters.parameter"),
    ({"resourceType": "Parameters", "parameter": []}, 400, "Parameters.parameter"),
    ({"resourceType": "Parameters", "parameter": ["x"]}, 400, "Parameters.parameter[0].name"),
    (asked(described(), count=0), 400, "Parameters.parameter[1].valueInteger"),
    (asked(described(), browse=5), 400, "Parameters.parameter[1].name"),
    (
        {"resourceType": "Parameters", "parameter": [{"name": "resource"}]},
        400,
        "Parameters.parameter[0]",
    ),
    (asked({"resourceType": "Practitioner"}), 400, "Parameters.parameter[0].resource"),
    (asked(described(born="1987-13-45")), 400, "Parameters.parameter[0].resource.birthDate"),
    (asked(described(born=None)), 422, "Parameters.parameter[0].resource.birthDate"),
    (asked(described(name=None)), 422, "Parameters.parameter[0].resource.name"),
    (
        asked(described("Z" * 300)),
        422,
        "Parameters.parameter[0].resource.name[0].family",
    ),
    (
        asked(described("Zé\u0000phirin")),
        400,
        "Parameters.parameter[0].resource.name[0].family",
    ),
]


@pytest.mark.parametrize(("body", "status", "place"), BAD, ids=[place for *_, place in BAD])
def test_bad_input_is_refused_with_its_place(system, body, status, place):
    answer = system.post("/Patient/$match", body)
    assert answer.status_code == status, answer.content.decode()
    assert answer.json()["resourceType"] == "OperationOutcome"
    assert place in str(answer.json()["issue"][0]["expression"])


def test_only_a_system_that_may_read_asks_and_only_by_post(system, make_system, katiana):
    assert system.get("/Patient/$match").status_code == 405
    writer = make_system("office", scopes=(WRITE_SCOPE,))
    assert writer.post("/Patient/$match", asked(described())).status_code == 403
    reader = make_system("office", scopes=(READ_SCOPE,))
    assert reader.post("/Patient/$match", asked(described())).status_code == 200
    reader.headers = {}
    assert reader.post("/Patient/$match", asked(described())).status_code == 401


def test_the_capability_says_it(client):
    rest = client.get("/fhir/metadata").json()["rest"][0]
    [patient] = [each for each in rest["resource"] if each["type"] == "Patient"]
    assert patient["operation"] == [
        {
            "name": "match",
            "definition": "http://hl7.org/fhir/OperationDefinition/Patient-match",
        },
        {
            "name": "$ihe-pix",
            "definition": "https://profiles.ihe.net/ITI/PIXm/OperationDefinition/IHE.PIXm.pix",
        },
    ]


@pytest.mark.parametrize("others", [0, 12])
def test_as_many_queries_however_many_look_alike(system, world, katiana, open_to_office, others):
    for number in range(others):
        open_to_office(
            world.register(
                birth_family="Zéphirin",
                birth_given=["Katiana", f"Rose{'abcdefghijkl'[number]}"],
                gender="female",
                birth_date=datetime.date(1987, 6, 14),
            )
        )
    with CaptureQueriesContext(connection) as captured:
        answer = system.post("/Patient/$match", asked(described()))
    assert answer.json()["total"] == min(5, others + 1)
    assert len(captured) <= 8, [query["sql"][:80] for query in captured]
