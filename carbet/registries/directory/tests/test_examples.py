"""Official examples are brought in and given back, element by element: what differs is told.

The differences that there are, and why:
- `id`, `meta.versionId`, `meta.lastUpdated`: ours;
- `text`: the narrative repeats the resource, and may show what the red list hides;
- references between resources: to our numbers, or logical when the other end never came; the
  second place of a service and the second service of a role are logical;
- `managingOrganization` of a place and `organization` of a role that say none (ROR): those of the
  services that they are tied to;
- `organization.reference` beside a structure told by its number alone (SAS): the one that bears it;
- a copy that a server cut (`_elements`), or a second one of the same number: refused, and told;
- `name` of an offer that came without one (SAS): named after its codes, or its structure.
"""

import json
from pathlib import Path

import pytest
from django.conf import settings

from carbet.core.actor import internal
from carbet.core.fhir import Json
from carbet.registries.directory import fhir, tasks
from carbet.registries.directory.models import (
    Capacity,
    HealthcareService,
    Location,
    Organization,
    Practitioner,
    PractitionerRole,
    SourceRecord,
)

pytestmark = pytest.mark.django_db

DATA = Path(settings.BASE_DIR).parent / "shared" / "data"
WRITERS = {
    "Organization": (fhir.organizations, Organization),
    "Practitioner": (fhir.practitioners, Practitioner),
    "PractitionerRole": (fhir.roles, PractitionerRole),
    "Location": (fhir.locations, Location),
    "HealthcareService": (fhir.healthcare_services, HealthcareService),
}
REFERENCES = {"partOf", "practitioner", "organization", "providedBy", "managingOrganization"}
LINKS = REFERENCES | {"location", "healthcareService"}


def bring_in(folder, *resources, source="annuaire"):
    for number, resource in enumerate(resources):
        (folder / f"{number:03d}.json").write_text(json.dumps(resource))
    wish = tasks.Wish(source=source, fresh=True, invented_numbers=True)
    return tasks.import_file(wish, folder, actor=internal("import"), say=lambda text: None)


def given_back(resource, source="annuaire"):
    kind = resource["resourceType"]
    record = SourceRecord.objects.get(source=source, kind=kind, source_id=resource["id"])
    write, model = WRITERS[kind]
    [found] = write(model.objects.filter(pk=record.target_id))
    return found


def without_differences(resource: Json) -> Json:
    kept = {n: v for n, v in resource.items() if n not in {"id", "text", "meta", *LINKS}}
    meta = resource.get("meta", {})
    return kept | {"meta": {n: v for n, v in meta.items() if n not in ("versionId", "lastUpdated")}}


def as_declared(original: Json, found: Json) -> Json:
    """Leave the profile out when the original says none: ours stands there."""
    told = without_differences(found)
    if "profile" not in original.get("meta", {}):
        told["meta"].pop("profile", None)
    return told


def official(name):
    path = DATA / name
    if not path.exists():
        pytest.skip(f"official example absent: {path}")
    return json.loads(path.read_text())


# The open copy ("DP") points to the professional and the structure of the restricted one.
@pytest.mark.parametrize("opened", [("", "", ""), ("DP", "DP", ""), ("", "", "DP")])
def test_the_examples_of_the_annuaire_come_back_whole(tmp_path, opened):
    names = ("Organization-158480", "Practitioner-334081", "PractitionerRole-1578230")
    originals = [
        official(f"annuaire/{name}{suffix}.json")
        for name, suffix in zip(names, opened, strict=True)
        if opened[0] != "DP" or name != names[2]
    ]
    run = bring_in(tmp_path, *originals)
    assert (run.created, run.rejected) == (len(originals), 0), list(run.lines.values())
    for original in originals:
        found = given_back(original)
        assert as_declared(original, found) == without_differences(original)
    if len(originals) == 3:
        role = given_back(originals[2])
        assert role["practitioner"]["reference"] == f"Practitioner/{given_back(originals[1])['id']}"
        assert role["organization"]["reference"] == f"Organization/{given_back(originals[0])['id']}"


@pytest.mark.parametrize(
    "name",
    [
        "annuaire/Organization-example-organization-fictive.json",
        "mss/Practitioner-mss-practitioner-bal-per-dupont.json",
    ],
)
def test_an_example_alone_comes_back_whole(tmp_path, name):
    original = official(name)
    run = bring_in(tmp_path, original)
    assert (run.created, run.rejected) == (1, 0)
    assert as_declared(original, given_back(original)) == without_differences(original)


def test_a_bundle_of_mailboxes_comes_in(tmp_path):
    bundle = official("mss/Bundle-mss-bundle-bal-per-full.json")
    run = bring_in(tmp_path, bundle)
    assert run.created == len(bundle["entry"])
    for entry in bundle["entry"]:
        original = entry["resource"]
        assert as_declared(original, given_back(original)) == without_differences(original)


ROR = "https://interop.esante.gouv.fr/ig/fhir/ror/StructureDefinition/"


def nos(name, code, display=""):
    system = f"https://mos.esante.gouv.fr/NOS/{name}/FHIR/{name.replace('_', '-')}"
    coding = {"system": system, "code": code}
    return {"coding": [coding | ({"display": display} if display else {})]}


def capacity(**changes):
    parts = {
        "capacityType": ("valueCodeableConcept", nos("JDV_J187-NatureCapacite-ROR", "01", "Lit")),
        "capacityStatus": ("valueCodeableConcept", nos("JDV_J188-TypeStatutCapacite-ROR", "02")),
        "temporalityCapacity": (
            "valueCodeableConcept",
            nos("JDV_J189-TemporaliteCapacite-ROR", "01"),
        ),
        "nbCapacity": ("valueInteger", 4),
        "capacitySourceType": (
            "valueCodeableConcept",
            nos("JDV_J193-TypeSourceCapacite-ROR", "03"),
        ),
        "capacityUpdateDate": ("valueDateTime", "2026-11-20T08:30:00-03:00"),
        "temporaryAssignement": (
            "valueCodeableConcept",
            nos("JDV_J195-AffectationTemporaire-ROR", "01"),
        ),
    } | changes
    return {
        "url": ROR + "ror-location-supported-capacity",
        "extension": [
            {"url": name, told[0]: told[1]} for name, told in parts.items() if told is not None
        ],
    }


def offer():
    """Return the parts of an offer as ME 3.0 shapes them, the shape of official examples."""
    place = {
        "resourceType": "Organization",
        "id": "5958",
        "meta": {"tag": [{"system": "https://mos.esante.gouv.fr/NOS/TRE_R30", "code": "03"}]},
        "identifier": [{"system": "https://finess.esante.gouv.fr", "value": "970300026"}],
        "name": "Centre hospitalier",
    }
    location = {
        "resourceType": "Location",
        "id": "5253",
        "meta": {"profile": [ROR + "ror-location"], "lastUpdated": "2026-11-20T10:00:00-03:00"},
        "extension": [
            {
                "url": ROR + "ror-commune-cog",
                "valueCodeableConcept": nos("TRE_R13-Commune", "97302"),
            },
            {"url": ROR + "ror-meta-creation-date", "valueDateTime": "2023-06-30T00:00:00.000Z"},
            capacity(),
            capacity(crisisType=("valueCodeableConcept", nos("JDV_J194-TypeCrise-ROR", "02"))),
        ],
        "type": [nos("TRE_R343-FonctionLieu", "001", "Hébergement")],
        "address": {"city": "Cayenne", "postalCode": "97300", "line": ["7 rue des Flamboyants"]},
        "managingOrganization": {"reference": "Organization/5958"},
    }
    service = {
        "resourceType": "HealthcareService",
        "id": "964",
        "meta": {"profile": [ROR + "ror-healthcareservice"]},
        "extension": [
            {"url": ROR + "ror-meta-creation-date", "valueDateTime": "2023-12-09T14:30:00+01:00"},
            {"url": ROR + "ror-healthcareservice-sensitive-unit", "valueBoolean": False},
            {
                "url": ROR + "ror-healthcareservice-patient-type",
                "extension": [
                    {
                        "url": "ageRange",
                        "valueRange": {"low": {"value": 18}, "high": {"value": 90}},
                    },
                    {
                        "url": "supportedPatientInfo",
                        "valueCodeableConcept": nos("TRE_R239-PublicPrisEnCharge", "01"),
                    },
                ],
            },
        ],
        # An object for a list of one, as the guide's own examples write it.
        "identifier": {"value": "ZZZ"},
        "providedBy": {"reference": "Organization/5958"},
        "location": [{"reference": "Location/5253"}],
        "type": nos("TRE_R227-ChampActivite", "01", "MCO"),
        "specialty": [nos("TRE_R211-ActiviteOperationnelle", "183", "Neurochirurgie")],
        "name": "Hospitalisation complète",
        "characteristic": [
            nos("TRE_R213-ModePriseEnCharge", "28", "Hospitalisation complète (HC)"),
            nos("TRE_R210-ActeSpecifique", "0320", "Neuromodulation")
            | {"extension": [{"url": ROR + "ror-act-type", "valueCode": "specificAct"}]},
        ],
        "availableTime": [
            {
                "availableStartTime": "09:00:00",
                "availableEndTime": "18:00:00",
                "extension": [
                    {"url": ROR + "ror-available-time-number-days-of-week", "valueInteger": "1"}
                ],
            }
        ],
        "notAvailable": [
            {"description": "Travaux", "during": {"start": "2026-12-01", "end": "2026-12-15"}}
        ],
    }
    return place, location, service


def test_an_offer_of_the_ror_comes_back_whole(tmp_path):
    originals = offer()
    run = bring_in(tmp_path, *originals, source="ror")
    assert (run.created, run.rejected) == (3, 0)
    for original in originals:
        found = given_back(original, "ror")
        assert as_declared(original, found) == without_differences(original)
    service = HealthcareService.objects.get(name="Hospitalisation complète")
    assert (service.care_mode, service.acts, service.activities) == ("28", ["0320"], ["183"])
    assert (service.age_low, service.age_high, service.publics) == (18, 90, ["01"])
    assert [hours.weekday for hours in service.hours.all()] == [1]
    assert [str(each.starts_on) for each in service.closures.all()] == ["2026-12-01"]
    [first, _] = service.location.capacities.order_by("pk")
    assert (first.type, first.status, first.number, first.source) == ("01", "02", 4, "ROR national")
    assert first.updated_at.isoformat() == "2026-11-20T11:30:00+00:00"


def test_a_rich_offer_of_the_ror_comes_back_whole(tmp_path):
    place, location, service = offer()
    years = {
        "system": "https://mos.esante.gouv.fr/NOS/TRE_R247-UcumUniteMesure/FHIR/TRE-R247-Ucum",
        "code": "a",
    }
    told = {
        "url": ROR + "ror-healthcareservice-contact-telecom",
        "extension": [
            {
                "url": ROR + "ror-telecom-communication-channel",
                "valueCodeableConcept": nos("TRE_R200-CanalCommunication", "2"),
            },
            {"url": "telecomAddress", "valueString": "0199999999"},
        ],
    }
    service |= {
        "identifier": [{"type": nos("TRE_R355-TypeIdentifiantOffre", "35"), "value": "03/99"}],
        "category": [nos("TRE_R244-CategorieOrganisation", "157", "Unité de gynécologie")],
        "characteristic": [nos("TRE_R253-TypeMaternite", "04"), nos("TRE_R238-Ouverture", "02")],
        "extension": [
            {
                "url": ROR + "ror-healthcareservice-patient-type",
                "extension": [
                    {
                        "url": "ageRange",
                        "valueRange": {
                            "low": {"value": 15} | years,
                            "high": {"value": 150} | years,
                        },
                    }
                ],
            },
            {"url": ROR + "ror-healthcareservice-contact", "extension": [told]},
        ],
        "availableTime": [
            {
                "extension": [
                    {"url": ROR + "ror-available-time-number-days-of-week", "valueInteger": rank},
                    {
                        "url": ROR + "ror-available-time-effective-opening-closing-date",
                        "valuePeriod": {"start": "2025-04-08", "end": "2027-04-07"},
                    },
                ],
                "daysOfWeek": [weekday],
                "availableStartTime": "00:00:00",
                "availableEndTime": "23:59:00",
            }
            for rank, weekday in ((1, "mon"), (7, "sun"))
        ],
    }
    run = bring_in(tmp_path, place, location, service, source="ror")
    assert run.rejected == 0, list(run.lines.values())
    assert as_declared(service, given_back(service, "ror")) == without_differences(service)
    row = HealthcareService.objects.get()
    assert (row.phone, row.age_low, row.age_high, row.category) == ("0199999999", 15, 150, "157")
    assert [
        (each.weekday, str(each.valid_from), str(each.valid_until))
        for each in row.hours.order_by("weekday")
    ] == [(1, "2025-04-08", "2027-04-08"), (7, "2025-04-08", "2027-04-08")]


@pytest.mark.parametrize("folder", ["CPTS", "SOS"])
def test_the_structures_and_places_of_the_sas_come_back_whole(tmp_path, folder):
    names = {
        "CPTS": (
            "Organization-ExampleOrgaCPTS1",
            "HealthcareService-ExampleHealthcareServiceCPTS1",
        ),
        "SOS": ("Organization-ExampleOrgaSOS1", "Location-1111111111", "Location-2222222222"),
    }[folder]
    originals = [official(f"agendas/sas/{name}.json") for name in names]
    run = bring_in(tmp_path, *originals, source="ror")
    assert (run.created, run.rejected) == (len(originals), 0), list(run.lines.values())
    for original in originals:
        found = as_declared(original, given_back(original, "ror"))
        expected = without_differences(original)
        if original["resourceType"] == "HealthcareService":
            # It says neither name nor code: it is called as the structure that carries it.
            assert "name" not in original
            expected["name"] = originals[0]["name"]
        assert found == expected


ACTIVITY = nos("TRE_R211-ActiviteOperationnelle", "183", "Neurochirurgie")
FIELD = nos("TRE_R227-ChampActivite", "01", "MCO")
CATEGORY = nos("TRE_R244-CategorieOrganisation", "157", "Unité de gynécologie")


@pytest.mark.parametrize(
    ("said", "name"),
    [
        ({"specialty": [ACTIVITY], "type": [FIELD], "category": [CATEGORY]}, "Neurochirurgie"),
        ({"type": [FIELD], "category": [CATEGORY]}, "MCO"),
        ({"category": [CATEGORY]}, "Unité de gynécologie"),
        ({"specialty": [{"text": "Plaies"}]}, "Plaies"),
        ({"providedBy": {"reference": "Organization/5958", "display": "CHC"}}, "CHC"),
        ({}, "Centre hospitalier"),
        ({"name": "  "}, "Centre hospitalier"),
    ],
)
def test_an_offer_without_a_name_is_named_after_what_it_says(tmp_path, said, name):
    place, *_ = offer()
    service = {
        "resourceType": "HealthcareService",
        "id": "77",
        "providedBy": {"reference": "Organization/5958"},
    } | said
    run = bring_in(tmp_path, place, service, source="ror")
    assert run.rejected == 0, list(run.lines.values())
    assert HealthcareService.objects.get().name == name
    assert given_back(service, "ror")["name"] == name
    # Again, nothing has changed.
    assert bring_in(tmp_path, place, service, source="ror").unchanged == 2


def test_a_role_of_the_sas_comes_back_whole(tmp_path):
    """It tells its structure by its number alone, and its address in a contained place."""
    originals = [
        official("agendas/sas/Practitioner-ExamplePractitioner.json"),
        official("agendas/sas/PractitionerRole-ExamplePractitionerRoleAgregateur.json"),
    ]
    run = bring_in(tmp_path, *originals, source="ror")
    assert (run.created, run.rejected) == (3, 0), list(run.lines.values())
    for original in originals:
        found = given_back(original, "ror")
        assert as_declared(original, found) == without_differences(original)
    role = given_back(originals[1], "ror")
    assert role["location"] == originals[1]["location"]
    assert role["organization"]["identifier"] == originals[1]["organization"]["identifier"]
    structure = Organization.objects.get()
    assert role["organization"]["reference"] == f"Organization/{structure.pk}"
    assert structure.city == originals[1]["contained"][0]["address"]["city"]


CABINET = "urn:oid:1.2.250.1.71.4.2.2"


def aggregated(**changes):
    """Return a professional and her role, in the shape of those of the SAS."""
    practitioner = {"resourceType": "Practitioner", "id": "p", "name": [{"family": "ESSAI"}]}
    role = {
        "resourceType": "PractitionerRole",
        "id": "r",
        "practitioner": {"reference": "Practitioner/p"},
        "organization": {"identifier": {"value": "410000000000015"}, "display": "Cabinet du Bac"},
        "code": [nos("TRE_G15-ProfessionSante", "60", "Infirmier")],
    }
    return practitioner, role | changes


def test_a_structure_told_by_its_number_is_found_or_made_once(tmp_path):
    practitioner, role = aggregated()
    other = role | {"id": "s"}
    run = bring_in(tmp_path, practitioner, role, other, source="ror")
    assert (run.created, run.rejected) == (4, 0), list(run.lines.values())
    made = Organization.objects.get()
    assert (made.name, made.identifier_value) == ("Cabinet du Bac", "410000000000015")
    assert bring_in(tmp_path, practitioner, role, other, source="ror").unchanged == 3
    # The directory that knows it completes it, and does not make another.
    known = {
        "resourceType": "Organization",
        "id": "77",
        "identifier": [{"system": CABINET, "value": "410000000000015"}],
        "name": "CABINET DU BAC ET DU FLEUVE",
    }
    folder = tmp_path / "known"
    folder.mkdir()
    bring_in(folder, known)
    assert Organization.objects.get().name == "CABINET DU BAC ET DU FLEUVE"
    assert PractitionerRole.objects.filter(organization=made).count() == 2


def test_a_structure_told_by_its_finess_is_the_one_that_we_have(tmp_path):
    place, *_ = offer()
    practitioner, role = aggregated(
        organization={"identifier": {"system": CABINET, "value": "1970300026"}}
    )
    run = bring_in(tmp_path, place, practitioner, role, source="ror")
    assert (run.created, run.rejected) == (3, 0), list(run.lines.values())
    assert PractitionerRole.objects.get().organization.finess == "970300026"


def test_a_role_that_tells_no_structure_waits(tmp_path):
    practitioner, role = aggregated(organization={"display": "Cabinet"})
    run = bring_in(tmp_path, practitioner, role, source="ror")
    assert (run.created, run.rejected) == (1, 1)


def test_the_former_address_of_finess_numbers_is_understood(tmp_path):
    place, *_ = offer()
    place["identifier"][0]["system"] = "http://finess.sante.gouv.fr"
    bring_in(tmp_path, place, source="ror")
    assert Organization.objects.get().finess == "970300026"
    assert given_back(place, "ror")["identifier"] == place["identifier"]


def test_a_national_number_under_the_type_of_a_finess_is_read(tmp_path):
    """The French core writes so the entity of its example."""
    place, *_ = offer()
    place["identifier"] = [
        {"type": {"coding": [{"code": "FINEJ"}]}, "system": CABINET, "value": "1970302022"}
    ]
    place["address"] = [{"city": "Cayenne", "postalCode": "97 300"}]
    run = bring_in(tmp_path, place, source="ror")
    assert run.rejected == 0, list(run.lines.values())
    found = Organization.objects.get()
    assert (found.finess, found.kind, found.postal_code) == ("970302022", "LEGAL-ENTITY", "97300")
    assert as_declared(place, given_back(place, "ror")) == without_differences(place)


def test_a_copy_that_was_cut_is_refused(tmp_path):
    place, *_ = offer()
    bring_in(tmp_path, place | {"alias": ["CHC"]}, source="ror")
    place["meta"]["tag"].append({"code": "SUBSETTED"})
    run = bring_in(tmp_path, place, source="ror")
    assert run.rejected == 1
    assert "partielle" in run.lines.get(outcome="rejected").reason
    assert Organization.objects.get().alias == "CHC"


def test_a_place_that_says_no_structure_has_the_one_of_its_services(tmp_path):
    """The ROR ties places to services alone, and counts men's and women's beds apart."""
    place, location, service = offer()
    location.pop("managingOrganization")
    location["extension"] += [
        capacity(
            genderCapacityAvailable=("valueCodeableConcept", nos("TRE_R332-GenreCapacite", gender))
        )
        for gender in ("01", "02")
    ]
    second = location | {"id": "5254"}
    run = bring_in(tmp_path, location, second, source="ror")
    assert (run.created, run.rejected) == (2, 0), list(run.lines.values())
    assert as_declared(location, given_back(location, "ror")) == without_differences(location)
    assert not Capacity.objects.filter(organization__isnull=False).exists()
    service["location"].append({"reference": "Location/5254", "display": "Aile B"})
    bring_in(tmp_path, place, location, second, service, source="ror")
    structure = Organization.objects.get()
    assert {each.organization for each in Location.objects.all()} == {structure}
    assert Capacity.objects.filter(organization=structure).count() == 8
    assert given_back(location, "ror")["extension"] == location["extension"]


@pytest.mark.parametrize(
    ("counted_on", "left"),
    [("2026-11-21T12:00:00Z", [("Ici", 7)]), ("2026-11-19T12:00:00Z", [("ROR national", 4)])],
)
def test_of_two_counts_of_free_beds_the_latest_stays(tmp_path, counted_on, left):
    place, location, service = offer()
    # The crisis beds that the example has besides are no count of today.
    location["extension"].pop()
    bring_in(tmp_path, place, location, service, source="ror")
    Capacity.objects.update(number=7, source="Ici", updated_at=counted_on)
    later = tmp_path / "later"
    later.mkdir()
    bring_in(later, location | {"description": "Relu"}, source="ror")
    assert list(Capacity.objects.values_list("source", "number")) == left


def test_links_after_the_first_come_back(tmp_path):
    place, location, service = offer()
    service["location"].append({"reference": "Location/5254", "display": "Aile B"})
    other = service | {"id": "965", "location": [{"reference": "Location/5253"}]}
    practitioner, role = aggregated(
        healthcareService=[
            {"reference": "HealthcareService/964"},
            {"reference": "HealthcareService/965"},
        ]
    )
    role.pop("organization")
    bring_in(tmp_path, place, location, service, other, practitioner, role, source="ror")
    [first, second] = given_back(service, "ror")["location"]
    assert first["reference"] == f"Location/{given_back(location, 'ror')['id']}"
    assert (second["identifier"]["value"], second["display"]) == ("5254", "Aile B")
    found = given_back(role, "ror")
    assert [each.get("identifier", {}).get("value") for each in found["healthcareService"]] == [
        None,
        "965",
    ]
    assert found["organization"]["reference"] == f"Organization/{given_back(place, 'ror')['id']}"


def test_a_name_that_comes_later_takes_the_place_of_ours(tmp_path):
    place, *_ = offer()
    service = {
        "resourceType": "HealthcareService",
        "id": "77",
        "providedBy": {"reference": "Organization/5958"},
    }
    bring_in(tmp_path, place, service, source="ror")
    bring_in(tmp_path, place, service | {"name": "Accueil"}, source="ror")
    assert HealthcareService.objects.get().name == "Accueil"
    bring_in(tmp_path, place, service | {"comment": "Fermé"}, source="ror")
    assert HealthcareService.objects.get().name == "Centre hospitalier"


def test_what_is_changed_here_speaks_over_what_came(tmp_path):
    place, *_ = offer()
    place["telecom"] = [{"system": "phone", "value": "0594000000", "rank": 1}]
    bring_in(tmp_path, place, source="ror")
    row = Organization.objects.get(finess="970300026")
    assert given_back(place, "ror")["telecom"][0]["rank"] == 1
    row.phone = "0594111111"
    row.save()
    assert given_back(place, "ror")["telecom"] == [{"system": "phone", "value": "0594111111"}]


@pytest.mark.parametrize(
    "part",
    [
        "capacityType",
        "capacityStatus",
        "temporalityCapacity",
        "nbCapacity",
        "capacitySourceType",
        "capacityUpdateDate",
        "temporaryAssignement",
    ],
)
def test_a_capacity_without_a_mandatory_part_is_refused(tmp_path, part):
    place, location, _ = offer()
    location["extension"][2] = capacity(**{part: None})
    run = bring_in(tmp_path, place, location, source="ror")
    assert (run.created, run.rejected) == (1, 1)
    assert part in run.lines.get(outcome="rejected").reason


METADATA = "https://interop.esante.gouv.fr/ig/fhir/annuaire/StructureDefinition/"


def mailbox(address, *, red):
    return {
        "system": "email",
        "value": address,
        "extension": [
            {
                "url": METADATA + "as-ext-mailbox-mss-metadata",
                "extension": [{"url": "listeRouge", "valueBoolean": red}],
            }
        ],
    }


def test_an_address_of_the_red_list_is_not_told_by_a_contact_either(tmp_path):
    """The ROR writes addresses in contacts of structures and in extensions of services."""
    hidden = "cachee@secret.mssante.fr"
    place, location, service = offer()
    place["contact"] = [
        {"name": {"text": "Accueil"}, "telecom": [{"system": "email", "value": hidden}]}
    ]
    service["extension"].append(
        {
            "url": ROR + "ror-healthcareservice-contact",
            "extension": [
                {
                    "url": ROR + "ror-healthcareservice-contact-telecom",
                    "extension": [{"url": "telecomAddress", "valueString": hidden}],
                }
            ],
        }
    )
    bring_in(tmp_path, place, location, service, source="ror")
    for original in (place, service):
        assert as_declared(original, given_back(original, "ror")) == without_differences(original)
    assert Organization.objects.get().secure_email == hidden
    assert HealthcareService.objects.get().secure_email == hidden
    other = place | {"id": "77", "contact": [], "telecom": [mailbox(hidden, red=True)]}
    bring_in(tmp_path, other)
    for original in (place, service):
        assert hidden not in json.dumps(given_back(original, "ror"))
    assert not HealthcareService.objects.exclude(secure_email="").exists()
    # Said again by the source, it stays hidden.
    again = (place | {"alias": ["Autre"]}, service | {"comment": "Autre"})
    bring_in(tmp_path, *again, source="ror")
    for original in (place, service):
        assert hidden not in json.dumps(given_back(original, "ror"))


def test_an_address_of_the_red_list_is_kept_nowhere(tmp_path, django_assert_num_queries):
    from django.apps import apps

    hidden, shown = "cachee@secret.mssante.fr", "montree@public.mssante.fr"
    place, *_ = offer()
    first = place | {"telecom": [mailbox(hidden, red=False), mailbox(shown, red=False)]}
    bring_in(tmp_path, first, source="ror")
    assert Organization.objects.get(finess="970300026").secure_email == hidden
    # Another source says that the same address is on the red list.
    other = place | {"id": "77", "telecom": [mailbox(hidden, red=True)]}
    bring_in(tmp_path, other)
    for model in apps.get_app_config("directory").get_models():
        for row in model._default_manager.values():
            assert hidden not in json.dumps(row, default=str), model
    assert shown in json.dumps(given_back(first, "ror"))
    assert hidden not in json.dumps(given_back(first, "ror"))
