"""A person in FHIR: what FR Core asks, what may leave, what is read of what others write."""

from datetime import UTC, date, datetime

import pytest

from carbet.core import fhir
from carbet.registries.patients import fhir as patients_fhir
from carbet.registries.patients.choices import INS_DEMO, INS_NIR, INS_TEST

NOW = datetime(2026, 11, 22, 12, tzinfo=UTC)
INS = "279035121518989"
ROW = {
    "id": 7,
    "birth_family": "Régis",
    "birth_given": ["Claire", "Marie"],
    "used_family": "Montgénie",
    "used_given": "",
    "gender": "female",
    "birth_date": date(1951, 3, 14),
    "birth_date_precision": "day",
    "birth_place_code": "97302",
    "birth_place_name": "Cayenne",
    "ins_recovered": True,
    "identity_checked": True,
    "identity_attributes": [],
    "address_line": "",
    "postal_code": "97351",
    "city": "Matoury",
    "commune_id": "97307",
    "phone": "0694000000",
    "language": "fr",
    "active": True,
    "deceased_on": None,
    "updated_at": NOW,
    "version": 2,
    "identifiers_held": [
        {"system": "urn:example:ipp", "value": "42", "type_code": "PI"},
        {"system": INS_NIR, "value": INS, "type_code": "INS-NIR"},
    ],
}


def written(**changes):
    return patients_fhir.resource(ROW | changes)


def status(resource):
    [reliability] = fhir.extensions(resource, patients_fhir.RELIABILITY)
    return fhir.extensions(reliability, "identityStatus")[0]["valueCoding"]["code"]


def read(resource):
    found = patients_fhir.read(resource, "Patient", now=NOW)
    return found.traits, [
        (issue.code, issue.expression) for issue in found.issues if issue.severity == "error"
    ]


def test_what_fr_core_patient_ins_asks():
    patient = written()
    assert patient["meta"]["profile"] == [patients_fhir.PROFILE_INS]
    official = next(name for name in patient["name"] if name["use"] == "official")
    assert (official["family"], official["given"]) == ("Régis", ["Claire"])
    assert fhir.extensions(official, patients_fhir.BIRTH_GIVEN)[0]["valueString"] == "Claire Marie"
    [place] = fhir.extensions(patient, patients_fhir.BIRTH_PLACE)
    assert fhir.insee_code(place["valueAddress"]) == "97302"
    assert (patient["gender"], patient["birthDate"]) == ("female", "1951-03-14")
    officials = [each for each in patient["identifier"] if each["use"] == "official"]
    assert [each["system"] for each in officials] == [INS_NIR]  # fr-core-2


@pytest.mark.parametrize(
    ("recovered", "checked", "published", "rniv"),
    [
        (False, False, "PROV", "PROV"),
        (False, True, "PROV", "VALI"),
        (True, False, "PROV", "RECUP"),
        (True, True, "VALI", "QUAL"),
    ],
)
def test_statuses_are_said_in_each_vocabulary(settings, recovered, checked, published, rniv):
    axes = {"ins_recovered": recovered, "identity_checked": checked}
    assert status(written(**axes)) == published
    settings.CARBET_FHIR_IDENTITY_STATUS = patients_fhir.STATUS_RNIV
    assert status(written(**axes)) == rniv
    traits, errors = read(
        written(**axes)
        | {"identifier": [fhir.identifier(INS_NIR, INS, use="official", type_code="INS-NIR")]}
    )
    assert (traits["ins_recovered"], traits["identity_checked"], errors) == (recovered, checked, [])


@pytest.mark.parametrize(
    ("changes", "leaves"),
    [
        ({}, True),
        ({"identity_checked": False}, False),
        ({"ins_recovered": False}, False),
        ({"identity_attributes": ["DOUT"]}, False),
        ({"identity_attributes": ["FICT"]}, False),
        ({"identity_attributes": ["HOMD"]}, True),
    ],
)
def test_the_ins_leaves_only_for_a_qualified_identity(changes, leaves):
    patient = written(**changes)
    systems = [each["system"] for each in patient["identifier"]]
    assert (INS_NIR in systems, INS in str(patient)) == (leaves, leaves)
    assert "urn:example:ipp" in systems
    assert patient["meta"]["profile"] == [
        patients_fhir.PROFILE_INS if leaves else patients_fhir.PROFILE
    ]


def test_a_qualified_identity_without_ins_is_not_said_valid():
    held = ROW["identifiers_held"][:1]
    assert status(written(identifiers_held=held)) == "PROV"  # fr-core-1


def test_a_partial_birth_date_stays_partial():
    assert written(birth_date_precision="year")["birthDate"] == "1951"
    traits, errors = read(written() | {"birthDate": "1951-03"})
    assert (traits["birth_date"], traits["birth_date_precision"]) == (date(1951, 3, 1), "month")
    assert errors == []


def test_born_abroad():
    patient = written(birth_place_code="99416", birth_place_name="Oiapoque")
    [place] = fhir.extensions(patient, patients_fhir.BIRTH_PLACE)
    assert fhir.extensions(place["valueAddress"], fhir.INSEE_CODE)[0]["valueCoding"] == {
        "system": fhir.COUNTRIES,
        "code": "99416",
    }


@pytest.mark.parametrize("system", [INS_TEST, INS_DEMO])
def test_an_ins_of_test_is_refused_in_production(settings, system):
    patient = written() | {"identifier": [fhir.identifier(system, INS)]}
    settings.DEMONSTRATION = True
    assert read(patient)[1] == []
    settings.DEMONSTRATION = False
    assert read(patient)[1] == [("value", "Patient.identifier[0].system")]


def test_a_wrong_key_is_refused_at_its_place_without_the_number():
    patient = written() | {"identifier": [fhir.identifier(INS_NIR, "123456789012244")]}
    found = patients_fhir.read(patient, "Patient", now=NOW)
    [issue] = [issue for issue in found.issues if issue.code == "value"]
    assert issue.expression == "Patient.identifier[0].value"
    assert "123456789012244" not in issue.diagnostics


def test_what_looks_like_an_ins_and_is_none():
    nss = fhir.identifier(INS_NIR, INS, type_code="NH", types=fhir.HL7_IDENTIFIER_TYPES)
    dead = fhir.identifier("urn:oid:1.2.250.1.213.1.4.2", "1234567890123456789012")
    former = fhir.identifier(INS_NIR, INS, use="old")
    patient = written() | {"identifier": [nss, dead, former]}
    traits, errors = read(patient | {"extension": []})
    assert (traits["ins"], traits["identifiers_given"], errors) == ("", [], [])


def test_recovered_without_an_ins_is_a_contradiction():
    patient = written(identifiers_held=[])
    [reliability] = fhir.extensions(patient, patients_fhir.RELIABILITY)
    reliability["extension"][0]["valueCoding"] = fhir.coding(patients_fhir.STATUS_RNIV, "QUAL")
    assert read(patient)[1] == [("business-rule", "Patient")]


def test_given_names_listed_apart():
    name = {"use": "official", "family": "Régis", "given": ["Marie Claire"]}
    listed = fhir.extension(patients_fhir.BIRTH_GIVEN, valueString="Marie Claire Anne Jeanne")
    traits, _ = read(written() | {"name": [name | {"extension": [listed]}]})
    assert traits["birth_given"] == ["Marie Claire", "Anne", "Jeanne"]
    other = fhir.extension(patients_fhir.BIRTH_GIVEN, valueString="Anne Jeanne")
    _, errors = read(written() | {"name": [name | {"extension": [other]}]})
    assert errors == [("value", "Patient.name[0].extension")]


def test_the_mobile_phone_is_kept_and_the_others_are_said_not_to_be():
    telecom = [
        {"system": "phone", "value": "0594 1", "use": "home", "rank": 1},
        {"system": "phone", "value": "0694 2", "use": "mobile", "rank": 2},
        {"system": "email", "value": "a@b.fr"},
    ]
    found = patients_fhir.read(written() | {"telecom": telecom}, "Patient", now=NOW)
    assert found.traits["phone"] == "0694 2"
    assert [issue.expression for issue in found.issues] == [
        "Patient.telecom[0]",
        "Patient.telecom[2]",
    ]


@pytest.mark.parametrize(
    ("spoil", "where"),
    [
        ({"name": []}, "Patient.name"),
        ({"name": [{"use": "usual", "family": "A", "given": ["B"]}]}, "Patient.name"),
        ({"name": [{"use": "official", "given": ["B"]}]}, "Patient.name[0].family"),
        ({"name": [{"use": "official", "family": "A"}]}, "Patient.name[0].given"),
        ({"gender": "other"}, "Patient.gender"),
        ({"birthDate": "2027-01-01"}, "Patient.birthDate"),
        ({"birthDate": None}, "Patient.birthDate"),
        ({"active": False}, "Patient.active"),
        ({"deceasedBoolean": True}, "Patient"),
        (
            {"name": [{"use": "official", "family": "A" * 101, "given": ["B"]}]},
            "Patient.name[0].family",
        ),
    ],
)
def test_what_cannot_be_registered(spoil, where):
    assert where in [expression for _, expression in read(written() | spoil)[1]]
