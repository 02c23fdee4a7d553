"""`Patient/$ihe-pix`: the other numbers of one person, as IHE PIXm (ITI-83) writes it."""

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from carbet.core import grants, row_security
from carbet.core.actor import Level, internal, organization_key
from carbet.core.models import AuditEvent
from carbet.interop.fhir_api.choices import WRITE_SCOPE
from carbet.interop.fhir_api.tests.test_agenda import everything
from carbet.registries.identity import operations
from carbet.registries.identity.choices import CARBET
from carbet.registries.identity.models import IdentityDomain, LocalIdentity
from carbet.registries.identity.tests.factories import HOUSE, claire, domain, told
from tests.world import NOW

pytestmark = pytest.mark.django_db

RED, BLUE = "urn:oid:1.3.6.1.4.1.21367.13.20.1000", "urn:oid:1.3.6.1.4.1.21367.13.20.3000"
BLUE_URI = "https://blue.example/ipp"
HER = f"sourceIdentifier={RED}|IHERED-994"
NOT_FOUND = "sourceIdentifier Patient Identifier not found"
NO_AUTHORITY = "sourceIdentifier Assigning Authority not found"
NO_TARGET = "targetSystem not found"
BASE = "https://carbet.test/fhir"


@pytest.fixture(autouse=True)
def base(settings):
    settings.PUBLIC_URL = BASE.removesuffix("/fhir")


@pytest.fixture
def claire_there(world):
    """Claire: a record here, IHERED-994 in the office's own domain, IHEBLUE-994 in another."""
    red = domain("red", oid=RED[8:], organization_id=world.places["office"].pk)
    blue = domain("blue", oid=BLUE[8:], system=BLUE_URI)
    own = told(red, "IHERED-994")
    other = told(blue, "IHEBLUE-994")
    traits = claire()
    patient = world.register(
        birth_family=traits.birth_family,
        birth_given=list(traits.birth_given),
        gender=traits.gender,
        birth_date=traits.birth_date,
    )
    carbet = IdentityDomain.objects.get(slug=CARBET)
    for place, number in ((blue, other.number), (carbet, str(patient.pk))):
        operations.link(
            actor=HOUSE, now=NOW, domain=red, first=own.number, second=number, second_domain=place
        )
    return patient


@pytest.fixture
def opened(world, claire_there):
    """The office's software may enter the record of Claire."""
    with row_security.acting_as(internal("test"), now=NOW, operation="test"):
        grants.grant(
            organization_key(world.places["office"].pk),
            patient_id=claire_there.pk,
            level=Level.IDENTITY,
            source="test",
            now=NOW,
        )
    return claire_there


def pix(system, source, *targets):
    said = "".join(f"&targetSystem={each}" for each in targets)
    return system.get(f"/Patient/$ihe-pix?sourceIdentifier={source}{said}")


def parts(answer):
    assert answer.status_code == 200, answer.content
    body = answer.json()
    assert body["resourceType"] == "Parameters"
    numbers = [
        (each["valueIdentifier"]["system"], each["valueIdentifier"]["value"])
        for each in body.get("parameter", [])
        if each["name"] == "targetIdentifier"
    ]
    records = [
        each["valueReference"]["reference"]
        for each in body.get("parameter", [])
        if each["name"] == "targetId"
    ]
    return numbers, records


def issue(answer):
    [found] = answer.json()["issue"]
    return answer.status_code, found["severity"], found["code"], found["diagnostics"]


def test_an_open_record_gives_every_number_but_the_one_said(system, opened):
    numbers, records = parts(pix(system, f"{RED}|IHERED-994"))
    assert numbers == [(BLUE_URI, "IHEBLUE-994")]
    assert records == [f"{BASE}/Patient/{opened.pk}"]


@pytest.mark.parametrize("name", [BLUE, BLUE_URI])
def test_a_domain_is_said_by_its_oid_or_its_uri(system, opened, name):
    assert parts(pix(system, f"{name}|IHEBLUE-994"))[0] == [(RED, "IHERED-994")]
    assert parts(pix(system, f"{RED}|IHERED-994", name)) == ([(BLUE_URI, "IHEBLUE-994")], [])


def test_from_the_record_and_towards_it(system, opened):
    numbers, records = parts(pix(system, f"{BASE}|Patient/{opened.pk}"))
    assert set(numbers) == {(RED, "IHERED-994"), (BLUE_URI, "IHEBLUE-994")}
    assert records == []
    assert parts(pix(system, f"{RED}|IHERED-994", BASE)) == ([], [f"{BASE}/Patient/{opened.pk}"])


def test_its_own_number_gives_its_own_numbers_only_while_the_record_is_closed(system, claire_there):
    assert parts(pix(system, f"{RED}|IHERED-994")) == ([], [])


@pytest.mark.parametrize("source", [f"{BLUE}|IHEBLUE-994", f"{RED}|IHERED-994"])
def test_the_number_of_somebody_else_is_unknown_to_a_stranger(stranger, claire_there, source):
    unknown = (404, "error", "not-found", NOT_FOUND)
    assert issue(pix(stranger, source)) == unknown
    assert issue(pix(stranger, source.replace("994", "0"))) == unknown
    assert issue(pix(stranger, f"{BASE}|Patient/{claire_there.pk}")) == unknown


def test_an_absorbed_number_is_answered_by_the_one_that_stayed(system, world, opened):
    with row_security.acting_as(HOUSE, now=NOW, operation="test"):
        kept = LocalIdentity.objects.select_related("domain").get(number="IHERED-994")
    told(kept.domain, "IHERED-995")
    operations.merge_local(
        actor=HOUSE, now=NOW, domain=kept.domain, survivor="IHERED-994", absorbed="IHERED-995"
    )
    assert (RED, "IHERED-994") in parts(pix(system, f"{RED}|IHERED-995"))[0]
    assert (RED, "IHERED-995") not in parts(pix(system, f"{BLUE}|IHEBLUE-994"))[0]


@pytest.mark.parametrize(
    ("query", "status", "code", "said"),
    [
        (f"sourceIdentifier={RED}|0", 404, "not-found", NOT_FOUND),
        ("sourceIdentifier=urn:oid:1.2.3|4", 400, "code-invalid", NO_AUTHORITY),
        ("sourceIdentifier=994", 400, "code-invalid", NO_AUTHORITY),
        ("sourceIdentifier=|994", 400, "code-invalid", NO_AUTHORITY),
        (f"{HER}&targetSystem=urn:oid:1.2.3", 403, "code-invalid", NO_TARGET),
        (f"{HER}&targetSystem={BLUE}&targetSystem=urn:oid:9", 403, "code-invalid", NO_TARGET),
        (f"sourceIdentifier={RED}|", 400, "required", "valeur"),
        ("", 400, "required", "sourceIdentifier"),
        (f"sourceIdentifier={RED}|1&sourceIdentifier={RED}|2", 400, "required", "une fois"),
        (f"sourceIdentifier={RED}|1&other=2", 400, "not-supported", "Paramètre"),
        (f"sourceIdentifier={RED}|%00", 400, "value", "illisible"),
        (f"sourceIdentifier={RED}|{'9' * 20_000}", 400, "value", "longue"),
        (f"sourceIdentifier={BASE}|Patient/99999999999999999999", 404, "not-found", ""),
        (f"sourceIdentifier={BASE}|Patient/x", 404, "not-found", ""),
    ],
)
def test_what_is_wrong_is_said_as_ihe_writes_it(system, opened, query, status, code, said):
    found = issue(system.get(f"/Patient/$ihe-pix?{query}"))
    assert found[:3] == (status, "error", code)
    assert said in found[3]


def test_a_body_asks_the_same(system, opened):
    asked = {
        "resourceType": "Parameters",
        "parameter": [
            {"name": "sourceIdentifier", "valueString": f"{RED}|IHERED-994"},
            {"name": "targetSystem", "valueUri": BLUE},
        ],
    }
    assert parts(system.post("/Patient/$ihe-pix", asked))[0] == [(BLUE_URI, "IHEBLUE-994")]
    asked["parameter"][1] = {"name": "targetSystem", "valueUri": 3}
    assert issue(system.post("/Patient/$ihe-pix", asked))[:3] == (400, "error", "value")
    assert system.post("/Patient/$ihe-pix", {"resourceType": "Patient"}).status_code == 400
    assert system.put("/Patient/$ihe-pix", asked).status_code == 405


def test_an_ins_leaves_when_qualified_only(system, world, opened):
    system_of_ins, ins = "urn:oid:1.2.250.1.213.1.4.10", "260058815400233"
    for checked, expected in ((False, False), (True, True)):
        with row_security.acting_as(HOUSE, now=NOW, operation="test"):
            blue = LocalIdentity.objects.select_related("domain").get(number="IHEBLUE-994")
        operations.record_local_identity(
            actor=HOUSE,
            now=NOW,
            domain=blue.domain,
            number=blue.number,
            traits=claire(ins_recovered=True, identity_checked=checked),
            ins=ins,
            ins_system=system_of_ins,
        )
        numbers, _ = parts(pix(system, f"{RED}|IHERED-994"))
        assert ((system_of_ins, ins) in numbers) is expected
        assert (pix(system, f"{system_of_ins}|{ins}").status_code == 200) is expected


def test_from_a_doubtful_number_no_ins_is_told_were_it_of_another_of_hers(system, world, opened):
    system_of_ins, ins = "urn:oid:1.2.250.1.213.1.4.10", "260058815400233"
    with row_security.acting_as(HOUSE, now=NOW, operation="test"):
        found = LocalIdentity.objects.select_related("domain")
        blue, red = (found.get(number=number) for number in ("IHEBLUE-994", "IHERED-994"))
    operations.record_local_identity(
        actor=HOUSE,
        now=NOW,
        domain=blue.domain,
        number=blue.number,
        traits=claire(ins_recovered=True, identity_checked=True),
        ins=ins,
        ins_system=system_of_ins,
    )
    operations.mark_identity(
        actor=world.actor("identity_agent"),
        now=NOW,
        identity_id=red.pk,
        attribute="DOUT",
        reason="Usurpation signalée",
    )
    for source, expected in ((f"{RED}|IHERED-994", False), (f"{BLUE}|IHEBLUE-994", True)):
        numbers, _ = parts(pix(system, source))
        assert ((system_of_ins, ins) in numbers) is expected


def test_who_asks_is_known_and_traced(system, stranger, make_system, client, opened):
    pix(system, f"{RED}|IHERED-994")
    pix(stranger, f"{RED}|IHERED-994")
    done, refused = everything(AuditEvent, operation="fhir.pix")
    assert (done.patient_id, done.outcome) == (opened.pk, AuditEvent.Outcome.SUCCESS)
    assert (refused.patient_id, refused.outcome) == (None, AuditEvent.Outcome.REFUSED)
    assert "994" not in f"{done.reason}{done.entity}{refused.reason}{refused.entity}"
    assert client.get(f"/fhir/Patient/$ihe-pix?sourceIdentifier={RED}|1").status_code == 401
    writer = make_system("office", scopes=(WRITE_SCOPE,))
    assert pix(writer, f"{RED}|IHERED-994").status_code == 403


def test_few_queries(system, opened):
    with CaptureQueriesContext(connection) as captured:
        pix(system, f"{RED}|IHERED-994")
    assert len(captured) <= 8, [query["sql"][:80] for query in captured]


def test_how_to_answer_may_be_said_in_the_body(system, opened):
    """As in the request that IHE publishes (pixm-request-mohralice-red-to-blue)."""
    said = [
        {"name": "sourceIdentifier", "valueString": f"{RED}|IHERED-994"},
        {"name": "targetSystem", "valueString": BLUE},
        {"name": "_format", "valueString": "application/fhir+json"},
    ]
    answer = system.post("/Patient/$ihe-pix", {"resourceType": "Parameters", "parameter": said})
    assert parts(answer) == ([(BLUE_URI, "IHEBLUE-994")], [])
