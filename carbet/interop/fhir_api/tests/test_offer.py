"""The offer by FHIR: what each parameter finds, what is brought beside, what is never told."""

from datetime import UTC, datetime, timedelta
from urllib.parse import urlencode

import pytest

from carbet.interop.fhir_api.tests.test_search import found
from carbet.registries.directory.models import (
    Capacity,
    Closure,
    Commune,
    Endpoint,
    HealthcareService,
    Location,
    Organization,
    Practitioner,
    PractitionerRole,
    SecureMailbox,
)
from tests.world import NOW

pytestmark = pytest.mark.django_db

NOS = "https://mos.esante.gouv.fr/NOS"
R211 = f"{NOS}/TRE_R211-ActiviteOperationnelle/FHIR/TRE-R211-ActiviteOperationnelle"
R213 = f"{NOS}/TRE_R213-ModePriseEnCharge/FHIR/TRE-R213-ModePriseEnCharge"
R48 = f"{NOS}/TRE_R48-DiplomeEtatFrancais/FHIR/TRE-R48-DiplomeEtatFrancais"
R66 = f"{NOS}/TRE_R66-CategorieEtablissement/FHIR/TRE-R66-CategorieEtablissement"
R253 = f"{NOS}/TRE_R253-TypeMaternite/FHIR/TRE-R253-TypeMaternite"
AS = "https://interop.esante.gouv.fr/ig/fhir/annuaire/StructureDefinition/"
R210 = f"{NOS}/TRE_R210-ActeSpecifique/FHIR/TRE-R210-ActeSpecifique"


@pytest.fixture
def offer(world):
    """Write one offer of a hospital: its entity, its site, a place with beds, a service, a role."""
    Commune.objects.filter(pk="97302").update(latitude=4.9372, longitude=-52.3260)
    Commune.objects.filter(pk="97311").update(latitude=5.5039, longitude=-54.0289)
    entity = Organization.objects.create(
        name="CH (entité)", kind="LEGAL-ENTITY", finess="970302022"
    )
    site = Organization.objects.create(
        name="Centre hospitalier", alias="CHC", finess="970300026", part_of=entity, region="03",
        category_code="355", sector="SA01", siret="26973302800022", city="CAYENNE",
        address_line="AV ALEXIS BLAISE", postal_code="97306", commune_id="97302",
        identifiers=["https://finess.esante.gouv.fr|970300026"],
        kept={"annuaire": {"extension": {"if": "", "as": [
            {"url": AS + "as-ext-data-trace", "extension": [
                {"url": "systeme-information", "valueCode": "FINESS"},
                {"url": "autorite-enregistrement",
                 "valueCodeableConcept": {"coding": [{"code": "ARS"}]}},
            ]},
            {"url": AS + "as-ext-organization-pharmacy-licence", "valueString": "973-01"},
        ]}}},
    )  # fmt: skip
    SecureMailbox.objects.create(
        organization=site, address="accueil@ch.mssante.fr", fingerprint="1"
    )
    place = Location.objects.create(
        organization=site, name="Bâtiment A", function="001", insee="97302", commune_id="97302",
        city="Cayenne", postal_code="97300", region="03", identifiers=["urn:x|L1"],
    )  # fmt: skip
    Capacity.objects.create(
        organization=site, location=place, activity="Chirurgie", type="01", status="02",
        temporality="01", number=4, source="ROR", updated_at=datetime(2026, 11, 20, tzinfo=UTC),
    )  # fmt: skip
    service = HealthcareService.objects.create(
        organization=site, location=place, name="Hospitalisation de neurochirurgie", field="01",
        category="05", activities=["183"], care_mode="28", acts=["0320"], publics=["01"],
        age_low=18, age_high=90, zones=["97302"], psychiatric_sectors=["973G01"], region="03",
        identifiers=["|ZZZ"],
        kept={"ror": {"characteristic": {
            "if": "", "as": [{"coding": [{"system": R253, "code": "04"}]}]
        }}},
    )  # fmt: skip
    hidden = HealthcareService.objects.create(
        organization=site, name="Unité sensible", sensitive=True, activities=["183"],
        location=Location.objects.create(organization=site, name="Lieu caché", commune_id="97302"),
    )  # fmt: skip
    Closure.objects.create(service=service, starts_on="2026-12-01", ends_on="2026-12-15")
    role = PractitionerRole.objects.create(
        practitioner=world.roles["gp"].practitioner, organization=site, healthcare_service=service,
        profession="10", profession_label="Médecin", category="medical", specialty="SM26",
        skills=["SM26"], function="FON-01", identifier_system="urn:r", identifier_value="R1",
        secure_email="gp@ch.mssante.fr",
    )  # fmt: skip
    endpoint = Endpoint.objects.create(
        organization=site, name="FHIR du CH", connection_type="hl7-fhir-rest",
        address="https://ch.example/fhir", identifiers=["urn:e|E1"],
    )  # fmt: skip
    return {
        "entity": entity.pk, "site": site.pk, "place": place.pk, "service": service.pk,
        "role": role.pk, "endpoint": endpoint.pk, "hidden": hidden.pk,
        "hidden_place": hidden.location_id, "practitioner": role.practitioner_id,
    }  # fmt: skip


FINDS = {
    "Organization": (
        "site",
        {
            "identifier=https://finess.esante.gouv.fr|970300026": True,
            "identifier=urn:oid:1.2.250.1.71.4.2.2|1970300026": True,
            "identifier=970300026": True,
            "identifier=26973302800022": True,
            "identifier-type=FINEG&name=centre": True,
            "identifier-type=FINEJ&name=centre": False,
            "name=hospitalier": True,
            "name=chc": True,
            "active=true&name=chc": True,
            "active=false": False,
            "type=355": True,
            f"type={R66}|355": True,
            f"type={NOS}/TRE_R02-SecteurActivite/FHIR/TRE-R02-SecteurActivite|355": False,
            "type=SA01": True,
            "partof=Organization/{entity}": True,
            "partof.identifier=https://finess.esante.gouv.fr|970302022": True,
            "partof:Organization.name=entité": True,
            "address=alexis": True,
            "address-line=blaise": True,
            "address-city=cay&name=chc": True,
            "address-city=yenne": False,
            "address-city:contains=yenne&name=chc": True,
            "address-city:exact=CAYENNE": True,
            "address-city:exact=Cayenn": False,
            "name:exact=CHC": True,
            "name:exact=chc": False,
            "name:contains=hospi": True,
            "partof._lastUpdated=ge2020-01-01": True,
            "_lastUpdated=ge2020-01-01T08:00&name=chc": True,
            "_lastUpdated=lt2020-01-01T08:00:00": False,
            '_filter=address-postalcode eq "97300" or "97306"': True,
            '_filter=name eq "chc" and address-city ne "Kourou"': True,
            "address-postalcode=973&name=chc": True,
            "address-insee=97302&name=chc": True,
            "mailbox-mss=accueil@ch": True,
            "mailbox-mss=autre@ch": False,
            "_tag=03": True,
            "_tag=01": False,
            f"_profile={AS}as-organization": True,
            "_profile=urn:other": False,
            "_has:HealthcareService:organization:specialty=183": True,
            "_has:HealthcareService:organization:specialty=184": False,
            "_has:PractitionerRole:organization:role=10": True,
            "_has:PractitionerRole:organization:role=60": False,
            "_has:Location:organization:capacity-status=02": True,
            "data-information-system=FINESS": True,
            "data-information-system=RPPS": False,
            "data-registration-authority=ARS": True,
            "pharmacy-licence=973-01": True,
            "pharmacy-licence=973-02": False,
        },
    ),
    "Location": (
        "place",
        {
            "identifier=urn:x|L1": True,
            "identifier=L1": True,
            "identifier=urn:y|L1": False,
            "name=bâtiment": True,
            "status=active&name=bât": True,
            "status=inactive": False,
            "type=001": True,
            "organization={site}": True,
            "organization.name=centre": True,
            "address-city=cayenne": True,
            "address-postalcode=97300": True,
            "commune-cog=97302": True,
            "commune-cog=97311": False,
            "near=4.93|-52.33|10|km": True,
            "near=5.5|-54.02|100|km": False,
            "near=5.5|-54.02|250|km": True,
            "near-insee-code=97302|15|km": True,
            "near-insee-code=97311|15|km": False,
            "near-insee-code=97311|250000|m": True,
            "near-insee-code=99999|15|km": False,
            "capacity-status=02": True,
            "capacity-status=01": False,
            "capacity-type=01": True,
            "temporality-capacity=01": True,
            "nb-capacity=4": True,
            "nb-capacity=gt4": False,
            "_has:HealthcareService:location:specialty=183": True,
            "_has:HealthcareService:location:specialty=184": False,
            "nb-capacity=ge1": True,
            "capacity-update-date=ge2026-11-19": True,
            "capacity-update-date=lt2026-11-19": False,
            "_tag=03": True,
        },
    ),
    "HealthcareService": (
        "service",
        {
            "identifier=ZZZ": True,
            "name=neuro": True,
            "active=true&name=neuro": True,
            "organization=Organization/{site}": True,
            "organization.identifier=https://finess.esante.gouv.fr|970300026": True,
            "organization.type=355": True,
            "organization:Organization.address-city=cayenne": True,
            "organization.partof={entity}": True,
            "location={place}": True,
            "location.near-insee-code=97302|15|km": True,
            "location.near-insee-code=97311|15|km": False,
            "location.commune-cog=97302": True,
            "location.capacity-status=02": True,
            "service-category=05": True,
            "service-type=01": True,
            "service-type=05": False,
            "specialty=183": True,
            f"specialty={R211}|183": True,
            f"specialty={R213}|183": False,
            "characteristic=28": True,
            f"characteristic={R213}|28": True,
            f"characteristic={R210}|28": False,
            f"characteristic={R210}|0320": True,
            f"characteristic={R210}|0320,{R210}|0001": True,
            f"characteristic={R210}|0320&characteristic={R213}|28": True,
            f"characteristic={R210}|0320&characteristic={R213}|29": False,
            "patient-type=01": True,
            "intervention-zone=97302": True,
            "psychiatric-sector=973G01": True,
            "notavailable-closing-reopeningdate=2026-12-15": True,
            "notavailable-closing-reopeningdate=gt2026-12-15": False,
            "notavailable-closing-reopeningdate=ge2026-12": True,
            f"characteristic={R253}|04": True,
            f"characteristic={R253}|05": False,
            "age-range-low=ge18": True,
            "age-range-low=lt18": False,
            "age-range-high=90||a": True,
            "_has:PractitionerRole:service:specialty=SM26": True,
            '_filter=specialty eq 183 and (name co "neuro" or active eq false)': True,
            "_filter=specialty eq 184 or not(name co neuro)": False,
            f"_filter=characteristic eq {R210}|0320 and specialty ne 184": True,
            "_filter=specialty ne 183": False,
            f"_filter=(specialty eq {R211}|184 or {R211}|183) and active eq true": True,
            "_filter=specialty eq 184 or 185": False,
            "_filter=specialty eq 184 or active eq true": True,
            "_filter=organization._lastUpdated ge 2020-01-01T15:00": True,
            "_filter=age-range-low ge 18 and location.commune-cog eq 97302": True,
            "_filter=age-range-low lt 18": False,
            "_filter=_lastUpdated ge 2020-01-01 and _has:PractitionerRole:service:role eq 10": True,
            "_has:PractitionerRole:service:specialty=SM01": False,
            "_tag=03": True,
        },
    ),
    "PractitionerRole": (
        "role",
        {
            "identifier=urn:r|R1": True,
            "identifier=urn:s|R1": False,
            "active=true&identifier=R1": True,
            "active=false": False,
            "service={service}": True,
            "service.specialty=183": True,
            "specialty=SM26": True,
            "specialty=SM01": False,
            "role=FON-01": True,
            f"role={NOS}/TRE_R21-Fonction/FHIR/TRE-R21-Fonction|FON-01": True,
            "organization.name=hospitalier": True,
            "organization.address-city=cayenne": True,
            "practitioner.family=Le Bihan&organization={site}": True,
            "practitioner.name=yann&organization={site}": True,
            "mailbox-mss=gp@ch": True,
        },
    ),
    "Endpoint": (
        "endpoint",
        {
            "identifier=urn:e|E1": True,
            "name=fhir": True,
            "status=active": True,
            "status=off": False,
            "organization={site}": True,
            "organization.name=centre": True,
            "connection-type=hl7-fhir-rest": True,
            "connection-type=dicom-wado-rs": False,
        },
    ),
}  # fmt: skip


@pytest.mark.parametrize("kind", FINDS)
def test_each_parameter_finds_what_it_says(system, offer, kind):
    key, queries = FINDS[kind]
    one = f"{kind}/{offer[key]}"
    wrong = {
        query: expected
        for query, expected in queries.items()
        if (one in found(system.get(f"/{kind}?{query.format(**offer)}"))) is not expected
    }
    assert not wrong


@pytest.mark.parametrize(
    "said",
    [
        "", "specialty", "specialty eq", "specialty eq 183 and", "(specialty eq 183",
        "specialty eq 183)", "specialty eq 183 specialty eq 184", 'name co "neuro',
        "specialty gt 183", "name gt neuro", "specialty eq 183 or", "nothing eq 1",
        "_filter eq 1", "age-range-low ge x", "organization.name eq x",
        "(" * 30 + "active eq true" + ")" * 30, " or ".join(["active eq true"] * 30),
        "not active eq true", "organization.name.x co y", "x" * 3000,
    ],
)  # fmt: skip
def test_a_filter_that_cannot_be_served_is_refused(system, said):
    answer = system.get(f"/HealthcareService?{urlencode({'_filter': said})}")
    assert answer.status_code == 400
    assert answer.json()["issue"][0]["diagnostics"].startswith("_filter : ")


def test_the_standard_call_of_the_ror_brings_the_whole_offer(system, offer):
    answer = system.get(
        "/HealthcareService?_tag=03&_include=HealthcareService:organization"
        "&_include:iterate=Organization:partof&_include=HealthcareService:location"
        "&_revinclude=PractitionerRole:service&_include=PractitionerRole:practitioner&_total=accurate"
    )
    assert found(answer) == [f"HealthcareService/{offer['service']}"]
    assert answer.json()["total"] == 1
    assert set(found(answer, "include")) == {
        f"Organization/{offer['site']}",
        f"Organization/{offer['entity']}",
        f"Location/{offer['place']}",
        f"PractitionerRole/{offer['role']}",
        f"Practitioner/{offer['practitioner']}",
    }


def test_the_call_of_capacities_brings_dated_beds_and_their_service(system, offer):
    answer = system.get("/Location?_tag=03&_revinclude=HealthcareService:location")
    assert found(answer, "include") == [f"HealthcareService/{offer['service']}"]
    [place] = [
        each["resource"] for each in answer.json()["entry"] if each["search"]["mode"] == "match"
    ]
    [beds] = [each for each in place["extension"] if each["url"].endswith("supported-capacity")]
    parts = {each["url"]: each for each in beds["extension"]}
    assert parts["nbCapacity"]["valueInteger"] == 4
    assert parts["capacityUpdateDate"]["valueDateTime"].startswith("2026-11-20T00:00:00")


def test_inclusions_of_the_annuaire(system, offer):
    answer = system.get(
        f"/Organization?_id={offer['site']}&_revinclude=PractitionerRole:organization"
        "&_revinclude=HealthcareService:organization&_include=*"
    )
    assert set(found(answer, "include")) == {
        f"Organization/{offer['entity']}",
        f"PractitionerRole/{offer['role']}",
        f"HealthcareService/{offer['service']}",
    }
    for path, links, beside in (
        ("Organization?_id={site}", "_revinclude=PractitionerRole:*", ["PractitionerRole/{role}"]),
        (
            "PractitionerRole?_id={role}",
            "_include=PractitionerRole:*",
            [
                "Practitioner/{practitioner}",
                "Organization/{site}",
                "HealthcareService/{service}",
            ],
        ),
    ):
        answer = system.get(f"/{path}&{links}".format(**offer))
        assert set(found(answer, "include")) == {each.format(**offer) for each in beside}
    answer = system.get(f"/Practitioner?_id={offer['practitioner']}&_revinclude=PractitionerRole:*")
    assert f"PractitionerRole/{offer['role']}" in found(answer, "include")
    for links in ("_revinclude=*", "_revinclude=Patient:*", "_include=Location:*"):
        assert system.get(f"/Organization?_id={offer['site']}&{links}").status_code == 400


def test_a_sensitive_unit_is_told_to_no_system(system, offer):
    assert system.get(f"/HealthcareService/{offer['hidden']}").status_code == 404
    assert system.get(f"/Location/{offer['hidden_place']}").status_code == 404
    beside = "_revinclude=HealthcareService:organization&_revinclude=Location:organization"
    for path in (
        "/HealthcareService?name=sensible",
        "/Location?name=caché",
        f"/Organization?_id={offer['site']}&{beside}",
        "/HealthcareService?location.name=caché",
    ):
        said = system.get(path).content.decode()
        assert "Unité sensible" not in said
        assert "Lieu caché" not in said
    assert system.get("/HealthcareService?_summary=count").json()["total"] == 1


def test_a_mailbox_of_the_red_list_is_never_told(system, offer):
    SecureMailbox.objects.create(organization_id=offer["site"], fingerprint="2", red_list=True)
    answer = system.get(f"/Organization/{offer['site']}")
    mailboxes = [each["value"] for each in answer.json()["telecom"] if each["system"] == "email"]
    assert mailboxes == ["accueil@ch.mssante.fr"]


def test_totals(system, world, offer):
    count = Organization.objects.count()
    said = system.get("/Organization?_total=accurate&_count=3").json()
    assert (said["total"], len(said["entry"])) == (count, 3)
    assert "total" not in system.get("/Organization?_total=none&_count=3").json()
    assert "total" not in system.get("/Organization?_count=3").json()
    for query in ("_summary=count", "_count=0"):
        said = system.get(f"/Organization?{query}").json()
        assert said["total"] == count
        assert "entry" not in said
    following = system.get("/Organization?_total=accurate&_count=3").json()["link"][1]["url"]
    assert system.get(following.split("/fhir")[1]).json()["total"] == count


@pytest.mark.parametrize(
    ("sort", "key"),
    [
        ("_id", lambda each: int(each["id"])),
        ("name", lambda each: (each["name"], int(each["id"]))),
        ("name,-_id", lambda each: (each["name"], -int(each["id"]))),
        ("_lastUpdated", lambda each: (each["meta"]["lastUpdated"], int(each["id"]))),
    ],
)
def test_pages_follow_the_order_asked_and_lose_nothing(system, world, offer, sort, key):
    for number in range(7):
        row = Organization.objects.create(name=f"Sémaphore {number % 3}")
        Organization.objects.filter(pk=row.pk).update(updated_at=NOW - timedelta(days=number % 4))
    for asked, backwards in (
        (sort, False),
        (",".join(f"-{each}" for each in sort.split(",")), True),
    ):
        asked = asked.replace("--", "")
        address, read, pages = f"/Organization?_sort={asked}&_count=3&name=sémaphore", [], 0
        while address:
            answer = system.get(address).json()
            read += [each["resource"] for each in answer["entry"]]
            links = {each["relation"]: each["url"] for each in answer["link"]}
            address = "/" + links["next"].rpartition("/")[2] if "next" in links else ""
            pages += 1
        assert (len(read), pages) == (7, 3)
        if not backwards:
            assert read == sorted(read, key=key)
        else:
            names = sort.split(",")[0]
            said = {"_id": lambda each: int(each["id"]), "name": lambda each: each["name"],
                    "_lastUpdated": lambda each: each["meta"]["lastUpdated"]}[names]  # fmt: skip
            told = [said(each) for each in read]
            assert told == sorted(told, reverse=True)


def test_a_place_stands_where_its_beds_were_last_counted(system, offer):
    late = Location.objects.create(name="Bâtiment B")
    Location.objects.update(updated_at=NOW - timedelta(days=9))
    Capacity.objects.create(
        location=late, activity="Lits", status="02", number=1, source="ROR", updated_at=NOW
    )
    first = found(system.get("/Location?_sort=-_lastUpdated&_count=1"))
    assert first == [f"Location/{late.pk}"]


def test_what_changed_since(system, offer):
    HealthcareService.objects.filter(pk=offer["service"]).update(
        updated_at=NOW - timedelta(days=400)
    )
    recent = (NOW - timedelta(days=1)).date()
    one = f"HealthcareService/{offer['service']}"
    assert one not in found(system.get(f"/HealthcareService?_lastUpdated=ge{recent}"))
    assert found(system.get(f"/HealthcareService?_lastUpdated=lt{recent}")) == [one]


def test_a_change_of_beds_is_a_change_of_the_place(system, offer):
    path = f"/Location/{offer['place']}"
    Location.objects.filter(pk=offer["place"]).update(updated_at=NOW - timedelta(days=400))
    first = system.get(path)
    later = NOW + timedelta(hours=1)
    Capacity.objects.update(number=3, updated_at=later)
    again = system.get(path, **{"If-None-Match": first["ETag"]})
    assert again.status_code == 200
    assert again.json()["meta"]["versionId"] > first.json()["meta"]["versionId"]
    day = later.date()
    assert f"Location/{offer['place']}" in found(system.get(f"/Location?_lastUpdated=ge{day}"))
    assert f"Location/{offer['place']}" not in found(system.get(f"/Location?_lastUpdated=lt{day}"))


def test_a_reading_is_conditional(system, offer):
    path = f"/HealthcareService/{offer['service']}"
    first = system.get(path)
    assert first.status_code == 200
    assert system.get(path, **{"If-None-Match": first["ETag"]}).status_code == 304
    assert system.get(path, **{"If-Modified-Since": first["Last-Modified"]}).status_code == 304
    later = HealthcareService.objects.get(pk=offer["service"])
    later.updated_at = later.updated_at + timedelta(seconds=5)
    HealthcareService.objects.filter(pk=later.pk).update(updated_at=later.updated_at)
    for header in ({"If-None-Match": first["ETag"]}, {"If-Modified-Since": first["Last-Modified"]}):
        again = system.get(path, **header)
        assert again.status_code == 200
        assert again["ETag"] != first["ETag"]


@pytest.mark.parametrize(
    "query",
    [
        "Location?near=x|y|10|km", "Location?near=4.9", "Location?near=95|0|10|km",
        "Location?near=4|-52|-1|km", "Location?near=4|-52|nan|km", "Location?near=4|-52|1e9|km",
        "Location?near-insee-code=97302|15|mi", "Location?nb-capacity=beaucoup",
        "HealthcareService?age-range-low=dix",
        "Organization?partof=Patient/1", "HealthcareService?organization.secret=1",
        "HealthcareService?_include=Patient:organization", "Organization?_total=exact",
        "Organization?_summary=text", "Endpoint?address=x", "Organization?_sort=type",
        "Organization?_sort=", "Organization?_sort=name,name,name,name",
        "Organization?_sort=--name",
        "PractitionerRole?_sort=name", "Organization?_lastUpdated=ge2026-11-27T25:00",
    ],
)  # fmt: skip
def test_what_makes_no_sense_is_refused_with_an_outcome(system, world, query):
    answer = system.get(f"/{query}")
    assert answer.status_code == 400
    assert answer.json()["resourceType"] == "OperationOutcome"


def test_a_page_of_services_costs_as_many_queries_at_one_and_at_many(
    system, offer, django_assert_max_num_queries
):
    path = (
        "/HealthcareService?_include=HealthcareService:organization&_revinclude=PractitionerRole:service"
        "&_include=HealthcareService:location&_include:iterate=Organization:partof&_count=50"
        "&_total=accurate"
    )
    with django_assert_max_num_queries(10) as few:
        system.get(path)
    HealthcareService.objects.bulk_create(
        HealthcareService(
            organization_id=offer["site"], location_id=offer["place"], name=f"S{n}",
            identifiers=[f"urn:n|{n}"],
        )
        for n in range(45)
    )  # fmt: skip
    with django_assert_max_num_queries(len(few)):
        assert len(found(system.get(path))) == 46


def test_qualifications_of_the_annuaire(system, world):
    gp = world.roles["gp"].practitioner
    Practitioner.objects.filter(pk=gp.pk).update(
        qualification_codes=["TRE_R48-DiplomeEtatFrancais|DE05"], profession="10"
    )
    for query, expected in (
        (f"qualification-code={R48}|DE05", True),
        (f"qualification-code={R48}|DE01", False),
        ("qualification-code=10", True),
        ("active=true&family=Le Bihan", True),
        ("identifier-type=RPPS&family=Le Bihan", True),
        ("identifier-type=IDNPS&family=Le Bihan", True),
        ("identifier-type=ADELI&family=Le Bihan", False),
    ):
        assert (f"Practitioner/{gp.pk}" in found(system.get(f"/Practitioner?{query}"))) is expected
