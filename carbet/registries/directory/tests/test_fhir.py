"""The directory in FHIR: national identifiers out and in, secure mailboxes, what is declared."""

import pytest

from carbet.core import fhir
from carbet.core.identifiers import idnps_from_rpps, make_rpps
from carbet.registries.directory import fhir as directory_fhir
from carbet.registries.directory.models import Organization, Practitioner, PractitionerRole

RPPS = make_rpps(1)


@pytest.mark.django_db
def test_a_professional_as_the_annuaire_says(world):
    gp = world.roles["gp"]
    [practitioner] = directory_fhir.practitioners(
        Practitioner.objects.filter(pk=gp.practitioner_id)
    )
    held = {each["system"]: each["value"] for each in practitioner["identifier"]}
    rpps = gp.practitioner.rpps
    assert held == {directory_fhir.IDNPS: "8" + rpps, directory_fhir.RPPS: rpps}
    assert practitioner["qualification"] == [
        {
            "code": {
                "coding": [{"system": directory_fhir.HEALTH_PROFESSIONS, "code": "10"}],
                "text": "Médecin généraliste",
            }
        }
    ]
    [role] = directory_fhir.roles(PractitionerRole.objects.filter(pk=gp.pk))
    assert role["practitioner"] == {"reference": f"Practitioner/{gp.practitioner_id}"}
    assert role["active"] is True
    [mailbox] = [each for each in role["telecom"] if each["system"] == "email"]
    assert mailbox["extension"][0]["valueCoding"]["code"] == "MSSANTE"


@pytest.mark.django_db
@pytest.mark.parametrize(
    ("kind", "code"), [("GEOGRAPHICAL-ENTITY", "FINEG"), ("LEGAL-ENTITY", "FINEJ")]
)
def test_a_structure_says_which_finess_it_is(kind, code):
    place = Organization.objects.create(name="CH", finess="970300026", kind=kind)
    [resource] = directory_fhir.organizations(Organization.objects.filter(pk=place.pk))
    kinds = {each["type"]["coding"][0]["code"]: each["value"] for each in resource["identifier"]}
    assert kinds == {"IDNST": "1970300026", code: "970300026"}
    found = Organization.objects.filter(
        directory_fhir.match_organizations(resource["identifier"][1:])
    )
    assert list(found) == [place]


@pytest.mark.parametrize(
    ("system", "value", "rpps"),
    [
        (directory_fhir.RPPS, RPPS, RPPS),
        (directory_fhir.IDNPS, idnps_from_rpps(RPPS), RPPS),
        (directory_fhir.RPPS, idnps_from_rpps(RPPS), RPPS),
        (directory_fhir.RPPS, RPPS[:-1] + str((int(RPPS[-1]) + 1) % 10), ""),
        (directory_fhir.IDNPS, "0123456789", ""),
        ("urn:other", RPPS, ""),
    ],
)
def test_rpps_is_read_wherever_it_is_written(system, value, rpps):
    assert directory_fhir.rpps_of(system, value) == rpps


def declared(**changes):
    resource = {
        "resourceType": "Organization",
        "identifier": [fhir.identifier(directory_fhir.FINESS, "970300026", type_code="FINEJ")],
        "name": "CH de Cayenne",
        "telecom": [{"system": "phone", "value": "0594395050"}],
    }
    return directory_fhir.read_organization(resource | changes, "Organization")


def test_a_declared_structure():
    read = declared()
    assert read.issues == []
    assert (read.fields["kind"], read.fields["finess"]) == ("LEGAL-ENTITY", "970300026")
    assert read.fields["phone"] == "0594395050"


@pytest.mark.parametrize(
    ("changes", "where"),
    [
        ({"name": ""}, "Organization.name"),
        ({"identifier": []}, "Organization.identifier"),
        (
            {"identifier": [{"system": directory_fhir.FINESS, "value": "970300027"}]},
            "Organization.identifier[0].value",
        ),
        ({"identifier": [{"value": "970300026"}]}, "Organization.identifier[0]"),
    ],
)
def test_a_structure_that_cannot_be_declared(changes, where):
    assert where in [issue.expression for issue in declared(**changes).issues]
