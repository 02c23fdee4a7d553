"""What we write has the shape of FHIR R4, and read again says the same."""

from datetime import UTC, date, datetime, timedelta

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from carbet.coordination.care_teams import fhir as care_teams_fhir
from carbet.coordination.care_teams.choices import ParticipantRole
from carbet.core import fhir
from carbet.core.identifiers import make_ins
from carbet.interop.fhir_api.rules import structure
from carbet.interop.fhir_api.rules.registry import RESOURCES
from carbet.interop.fhir_api.tests.conftest import example
from carbet.registries.patients import fhir as patients_fhir
from carbet.registries.patients.choices import INS_NIR, Language

NOW = datetime(2026, 11, 22, 12, tzinfo=UTC)
NAMES = st.text(
    st.characters(categories=["Lu", "Ll"], max_codepoint=0x17F), min_size=1, max_size=20
)
TEXTS = st.from_regex(r"[A-Za-zÀ-ÿ0-9'’-]{1,20}", fullmatch=True)
DATES = st.dates(date(1900, 1, 1), date(2026, 11, 21))
PRECISIONS = st.sampled_from(["day", "month", "year"])


@st.composite
def patients(draw):
    """Return a row of a person whose identity is qualified, or not."""
    precision = draw(PRECISIONS)
    born = draw(DATES)
    if precision != "day":
        born = born.replace(day=1)
    if precision == "year":
        born = born.replace(month=1)
    qualified = draw(st.booleans())
    gender = draw(st.sampled_from(["male", "female"]))
    ins = make_ins(gender=gender, year=born.year, month=born.month, birth_place="97302",
                   order=draw(st.integers(1, 990)))  # fmt: skip
    identifiers = [{"system": "urn:example:ipp", "value": draw(TEXTS), "type_code": "PI"}]
    if qualified:
        identifiers.append({"system": INS_NIR, "value": ins, "type_code": "INS-NIR"})
    used = draw(st.booleans())
    return {
        "id": draw(st.integers(1, 2**40)),
        "birth_family": draw(NAMES),
        "birth_given": draw(st.lists(NAMES, min_size=1, max_size=4)),
        "used_family": draw(NAMES) if used else "",
        "used_given": draw(NAMES) if used else "",
        "gender": gender,
        "birth_date": born,
        "birth_date_precision": precision,
        "birth_place_code": draw(st.sampled_from(["", "97302", "99416", "2A004"])),
        "birth_place_name": draw(st.sampled_from(["", "Cayenne", "Oiapoque"])),
        "ins_recovered": qualified,
        "identity_checked": qualified,
        "identity_attributes": [],
        "address_line": draw(st.sampled_from(["", "12 rue des Manguiers"])),
        "postal_code": draw(st.sampled_from(["", "97351"])),
        "city": draw(st.sampled_from(["", "Matoury"])),
        "commune_id": draw(st.sampled_from([None, "97307"])),
        "phone": draw(st.sampled_from(["", "0694000000"])),
        "language": draw(st.sampled_from(Language.values)),
        "active": True,
        "deceased_on": None,
        "updated_at": NOW,
        "version": 3,
        "identifiers_held": identifiers,
    }


@settings(max_examples=80, deadline=None)
@given(patients())
def test_a_person_reads_back_the_same(row):
    resource = patients_fhir.resource(row)
    assert structure.check(resource, "Patient") == []
    read = patients_fhir.read(resource, "Patient", now=NOW)
    assert [issue for issue in read.issues if issue.severity == "error"] == []
    said = {name: read.traits[name] for name in read.traits if name in row}
    if "address_line" not in said:
        said |= {"address_line": "", "postal_code": "", "city": ""}
    assert said == {name: row[name] for name in said}
    assert bool(read.traits["ins"]) is row["ins_recovered"]
    assert [value for _, value, _ in read.traits["identifiers_given"]] == [
        row["identifiers_held"][0]["value"]
    ]


@st.composite
def stays(draw):
    """Return a row of a stay, its moments said more or less precisely."""

    def moment():
        precision = draw(st.sampled_from(["instant", "day", "month", "year"]))
        text = draw(
            st.datetimes(datetime(1990, 1, 1), datetime(2025, 1, 1))  # noqa: DTZ001 - the zone is Hypothesis's
        )
        if precision == "instant":
            said = text.replace(microsecond=text.microsecond // 1000 * 1000).isoformat() + "Z"
        else:
            said = fhir.cut(text.date().isoformat(), precision)
        return fhir.span(said)

    start, end = moment(), moment()
    member = draw(st.sampled_from(["practitioner_role_id", "organization_id", "related_person_id"]))
    row = dict.fromkeys(("practitioner_role_id", "organization_id", "related_person_id"))
    row[member] = draw(st.integers(1, 10**9))
    row["role"] = draw(st.sampled_from(["", *ParticipantRole.values]))
    row |= {"started_at": start.start, "started_precision": start.precision}
    row |= {"ended_at": None, "ended_precision": "instant"}
    if draw(st.booleans()) and end.end > start.start + timedelta(days=400):
        row["ended_at"] = end.start if end.precision == "instant" else end.end
        row["ended_precision"] = end.precision
    return row


@settings(max_examples=80, deadline=None)
@given(st.lists(stays(), max_size=4))
def test_a_circle_reads_back_the_same(held):
    row = {
        "id": 1,
        "patient_id": 2,
        "status": "active",
        "name": "Cercle",
        "identifier_system": "urn:x",
        "identifier_value": "1",
        "started_at": fhir.span("2013-01").start,
        "started_precision": "month",
        "ended_at": None,
        "ended_precision": "instant",
        "managing_organization_id": 7,
        "updated_at": NOW,
        "version": 1,
    }
    resource = care_teams_fhir.care_team(row, held)
    assert structure.check(resource, "CareTeam") == []
    read = care_teams_fhir.read_care_team(resource, "CareTeam", now=NOW)
    assert read.issues == []
    assert resource["period"] == {"start": "2013-01"}
    names = ("role", "started_at", "started_precision", "ended_at", "ended_precision")
    assert [{name: getattr(stay, name) for name in names} for stay in read.stays] == [
        {name: stay[name] for name in names} for stay in held
    ]


@settings(max_examples=200, deadline=None)
@given(
    st.recursive(
        st.none() | st.booleans() | st.integers() | st.text(max_size=5) | st.floats(),
        lambda inner: (
            st.lists(inner, max_size=3)
            | st.dictionaries(
                st.sampled_from(
                    [
                        "resourceType",
                        "name",
                        "identifier",
                        "extension",
                        "url",
                        "period",
                        "_birthDate",
                    ]
                )
                | st.text(max_size=4),
                inner,
                max_size=4,
            )
        ),
        max_leaves=20,
    ),
    st.sampled_from(sorted(RESOURCES)),
)
def test_any_json_is_checked_without_a_fault(value, kind):
    body = {"resourceType": kind} | (value if isinstance(value, dict) else {"name": value})
    assert all(issue.expression for issue in structure.check(body, kind))


@pytest.mark.parametrize(
    ("area", "name"),
    [
        ("fr-core-patient", "Patient-FRCorePatientExample.json"),
        ("cercle-de-soins", "Patient-cds-patient-example.json"),
        ("cercle-de-soins", "CareTeam-cds-careteam-example.json"),
        ("cercle-de-soins", "RelatedPerson-cds-relatedperson-example.json"),
        ("annuaire", "Organization-158480.json"),
        ("annuaire", "Organization-158480DP.json"),
        ("annuaire", "Organization-example-organization-fictive.json"),
        ("annuaire", "Practitioner-334081.json"),
        ("annuaire", "Practitioner-334081DP.json"),
        ("annuaire", "PractitionerRole-1578230.json"),
        ("annuaire", "PractitionerRole-1578230DP.json"),
    ],
)
def test_published_examples_have_the_right_shape(area, name):
    resource = example(area, name)
    assert structure.check(resource, resource["resourceType"]) == []


@pytest.mark.parametrize(
    ("spoil", "where"),
    [
        ({"gender": "F"}, "Patient.gender"),
        ({"birthDate": "1955-02-30"}, "Patient.birthDate"),
        ({"name": {"family": "A"}}, "Patient.name"),
        ({"contact": [{"name": {"familly": "A"}}]}, "Patient.contact[0].name.familly"),
        ({"deceasedBoolean": True, "deceasedDateTime": "2020"}, "Patient.deceasedDateTime"),
        ({"link": [{"type": "refer"}]}, "Patient.link[0].other"),
        ({"telecom": [{"rank": 0}]}, "Patient.telecom[0].rank"),
        ({"text": {"status": "generated"}}, "Patient.text.div"),
    ],
)
def test_the_place_of_what_is_wrong(spoil, where):
    issues = structure.check({"resourceType": "Patient"} | spoil, "Patient")
    assert [issue.expression for issue in issues] == [where]
