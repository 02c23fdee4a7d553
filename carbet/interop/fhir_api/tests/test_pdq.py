"""Patient searches as IHE PDQm (ITI-78) writes them, among the persons open to who asks."""

import pytest

from carbet.core import row_security
from carbet.core.actor import internal
from carbet.interop.fhir_api.tests.test_match import katiana, open_to_office  # noqa: F401
from carbet.registries.identity import operations as identity
from carbet.registries.identity.choices import CARBET
from carbet.registries.identity.models import IdentityDomain
from carbet.registries.identity.tests.factories import HOUSE, claire, domain, told
from carbet.registries.patients.models import Patient
from tests.world import NOW

pytestmark = pytest.mark.django_db
WHO = "family=Z%C3%A9phirin&birthdate=1987-06-14"


@pytest.fixture
def her(world, katiana):  # noqa: F811
    with row_security.acting_as(internal("test"), now=NOW, operation="test"):
        for system, value in (("https://red.example", "R-1"), ("https://blue.example", "B-1")):
            katiana.identifiers.create(system=system, value=value, type_code="PI")
        Patient.objects.filter(pk=katiana.pk).update(
            phone="0694 12 34 56",
            city="Cayenne",
            postal_code="97300",
            address_line="3 rue des Palmes",
        )
    red = domain("green", oid="1.2.3.7")
    traits = claire(
        birth_family="Zéphirin",
        birth_given=("Katiana",),
        birth_date=katiana.birth_date,
        used_family="",
        mother_name="ROSE LAMA",
    )
    identity.link(
        actor=HOUSE,
        now=NOW,
        domain=red,
        first=told(red, "G-1", traits).number,
        second=str(katiana.pk),
        second_domain=IdentityDomain.objects.get(slug=CARBET),
    )
    return katiana


@pytest.mark.parametrize(
    ("also", "found"),
    [
        ("", 1),
        ("&given=Kati", 1),
        ("&given:exact=Kati", 0),
        ("&given:exact=Katiana", 1),
        ("&family:exact=Zephirin", 0),
        ("&family:exact=Z%C3%A9phirin", 1),
        ("&gender=female", 1),
        ("&gender=male", 0),
        ("&gender=male,female", 1),
        ("&active=true", 1),
        ("&active=false", 0),
        ("&active=peut-être", 0),
        ("&address-city=cayen", 1),
        ("&address-city:exact=cayenne", 0),
        ("&address-postalcode=973", 1),
        ("&address-postalcode=975", 0),
        ("&address:exact=3 rue des Palmes", 1),
        ("&address-country=FR", 1),
        ("&address-country=Suriname", 0),
        ("&address-country:exact=fr", 0),
        ("&address-country:exact=FR", 1),
        ("&address-state=guyane", 1),
        ("&address-state=974", 0),
        ("&address-state:exact=973", 1),
        ("&mothersMaidenName=lama", 1),
        ("&mothersMaidenName=Rose", 1),
        ("&mothersMaidenName=Doe", 0),
        ("&mothersMaidenName:exact=LAMA", 1),
        ("&mothersMaidenName:exact=lama", 0),
        ("&telecom=0694123456", 1),
        ("&telecom=phone|0694123456", 1),
        ("&telecom=email|0694123456", 0),
        ("&phone=0694123457", 0),
        ("&phone=nobody", 0),
        ("&_lastUpdated=ge2000-01-01", 1),
        ("&_lastUpdated=lt2000-01-01", 0),
        ("&identifier=https://red.example|R-1", 1),
        ("&identifier=https://red.example|R-2", 0),
        ("&identifier=https://red.example|R-1&identifier=https://blue.example|B-1", 1),
    ],
)
def test_every_criterion_narrows(system, her, also, found):
    answer = system.get(f"/Patient?{WHO}{also}")
    assert answer.status_code == 200, answer.content
    assert answer.json()["total"] == found
    assert len(answer.json().get("entry", [])) == found


def test_the_domains_asked_for_are_the_only_ones_told(system, her):
    domain("red", system="https://red.example")
    both = system.get(f"/Patient?{WHO}&identifier=https://red.example|,https://blue.example|")
    one = system.get(f"/Patient?{WHO}&identifier=https://red.example|")
    numbers = [
        [each["value"] for each in answer.json()["entry"][0]["resource"]["identifier"]]
        for answer in (both, one)
    ]
    assert numbers == [["R-1", "B-1"], ["R-1"]]


def test_a_domain_that_nobody_knows_is_said_as_ihe_writes_it(system, her):
    answer = system.get(f"/Patient?{WHO}&identifier=urn:oid:1.2.3|")
    assert answer.status_code == 404
    [issue] = answer.json()["issue"]
    told = (issue["severity"], issue["code"], issue["diagnostics"])
    assert told == ("warning", "not-found", "targetSystem not found")


@pytest.mark.parametrize(
    "query",
    ["family=Z%C3%A9phirin&gender=female", "identifier=https://red.example|", "gender=female",
     "address-city=Cayenne", "address-country=FR",
     "mothersMaidenName=LAMA", "telecom=0694123456", "active=true", "_lastUpdated=ge2000-01-01"],
)  # fmt: skip
def test_there_is_no_list_to_browse(system, her, query):
    answer = system.get(f"/Patient?{query}")
    assert answer.status_code == 400
    assert answer.json()["issue"][0]["code"] == "too-costly"


def test_a_stranger_finds_nobody(stranger, her):
    assert stranger.get(f"/Patient?{WHO}").json()["total"] == 0
    assert stranger.get("/Patient?identifier=https://red.example|R-1").json()["total"] == 0
