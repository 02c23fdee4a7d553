"""What is sent to harm, or by mistake: refused in FHIR, quickly, without a row nor a fault."""

import copy
import json
import time

import pytest

from carbet.interop.fhir_api.tests.test_transaction import PATIENT, issues, resource, rows

pytestmark = pytest.mark.django_db

FHIR = "application/fhir+json"


def deep(levels, opening, closing):
    return opening * levels + closing * levels


BODIES = {
    "empty": (b"", 415),
    "blank": (b"   ", 400),
    "not json": (b"resourceType=Bundle", 400),
    "a list": (b"[]", 400),
    "a number": (b"1", 400),
    "null": (b"null", 400),
    "cut": (b'{"resourceType":"Bundle","type":"transa', 400),
    "no type": (b"{}", 400),
    "5000 lists": (deep(5000, "[", "]").encode(), 400),
    "5000 objects": ((b'{"a":' * 5000) + b"1" + b"}" * 5000, 400),
    "900 extensions": (
        b'{"resourceType":"Bundle","type":"transaction","entry":[{"resource":{"resourceType":'
        b'"Patient",'
        + b'"extension":[{"url":"a",' * 400
        + b'"valueCode":"a"'
        + b"}]" * 400
        + b"}}]}",
        400,
    ),
    "a key twice": (b'{"resourceType":"Bundle","type":"transaction","type":"batch"}', 400),
    "NaN": (b'{"resourceType":"Bundle","type":"transaction","total":NaN}', 400),
    "Infinity": (b'{"resourceType":"Bundle","type":"transaction","total":-Infinity}', 400),
    "1e400": (b'{"resourceType":"Bundle","type":"transaction","total":1e400}', 400),
    "a huge integer": (
        b'{"resourceType":"Bundle","type":"transaction","total":' + b"9" * 400 + b"}",
        400,
    ),
    "a byte order mark": (b'\xef\xbb\xbf{"resourceType":"Bundle","type":"transaction"}', 400),
    "UTF-16": ('{"resourceType":"Bundle","type":"transaction"}'.encode("utf-16"), 400),
    "latin 1": ('{"resourceType":"Bundle","type":"transaction","a":"é"}'.encode("latin-1"), 400),
    "half a surrogate": (b'{"resourceType":"Bundle","type":"\\ud800"}', 400),
    "NUL": (b'{"resourceType":"Bundle","type":"transaction\\u0000"}', 400),
    "an unknown type": (b'{"resourceType":"Observation"}', 400),
    "a type that is no text": (b'{"resourceType":{"a":1}}', 400),
    "a batch": (b'{"resourceType":"Bundle","type":"batch"}', 400),
    "an empty transaction": (b'{"resourceType":"Bundle","type":"transaction"}', 422),
    "an empty entry list": (b'{"resourceType":"Bundle","type":"transaction","entry":[]}', 400),
    "null entries": (b'{"resourceType":"Bundle","type":"transaction","entry":[null]}', 400),
    "an entity": (
        b'<?xml version="1.0"?><!DOCTYPE a [<!ENTITY b SYSTEM "file:///etc/passwd">]><a>&b;</a>',
        400,
    ),
    "a transaction in a transaction": (
        b"""{"resourceType":"Bundle","type":"transaction","entry":[{"resource":{"resourceType":
        "Bundle","type":"transaction"},"request":{"method":"POST","url":"Bundle"}}]}""",
        422,
    ),
}


@pytest.mark.parametrize("name", BODIES)
def test_a_hostile_body_is_refused(system, name):
    body, status = BODIES[name]
    began = time.process_time()
    answer = system.post("", body)
    assert time.process_time() - began < 2
    assert answer.status_code == status, answer.content.decode()
    assert issues(answer)


@pytest.mark.parametrize(
    "kind",
    [
        "application/fhir+xml",
        "application/xml",
        "text/xml",
        "text/plain",
        "multipart/form-data; boundary=x",
        "application/x-www-form-urlencoded",
        "application/fhir+json; charset=iso-8859-1",
        "",
    ],
)
def test_another_content_type_is_never_parsed(system, official, kind):
    """HAPI CVE-2026-55471: no XML is read at this door, with an entity or without."""
    answer = system.post("", official, kind=kind)
    assert (answer.status_code, issues(answer)[0][0]) == (415, "not-supported")


def test_a_compressed_body_is_refused(system, official):
    answer = system.post("", official, **{"Content-Encoding": "gzip"})
    assert answer.status_code == 415


@pytest.mark.parametrize("kind", ["application/json", "application/fhir+json;charset=UTF-8"])
def test_the_ways_of_saying_json(system, kind):
    assert system.post("", {}, kind=kind).status_code == 400


class NeverRead:
    """A body that fails the test when somebody reads it."""

    def read(self, *args):
        raise AssertionError("a body too long was read")

    readline = read


@pytest.mark.parametrize("length", [2 * 1024 * 1024 + 1, 10_000_000, 10**15, -1, "abc", "²"])
def test_a_long_body_is_refused_before_it_is_read(system, length):
    """Orthanc, nine flaws before 1.12.11: the size is bounded before any work."""
    answer = system.client.post(
        "/fhir",
        data=b"{}",
        content_type=FHIR,
        headers=system.headers,
        CONTENT_LENGTH=str(length),
        **{"wsgi.input": NeverRead()},
    )
    assert (answer.status_code, issues(answer)[0][0]) == (413, "too-long")


def test_a_body_of_unknown_length_is_refused(system, official):
    answer = system.post("", official, **{"Transfer-Encoding": "chunked"})
    assert (answer.status_code, issues(answer)) == (411, [("not-supported", "")])


def test_a_long_refusal_stays_short(system):
    entries = [{"resource": {"resourceType": "Patient", f"x{n}": n}} for n in range(5000)]
    answer = system.post("", {"resourceType": "Bundle", "type": "transaction", "entry": entries})
    assert answer.status_code == 400
    assert len(issues(answer)) == 20


def test_many_entries_are_refused(system, official):
    official["entry"] += [official["entry"][PATIENT]] * 300
    answer = system.post("", official)
    assert (answer.status_code, issues(answer)) == (422, [("too-costly", "Bundle.entry")])


# --- Values -------------------------------------------------------------------------------------

VALUES = {
    ("birthDate",): ["1955-02-30", "0000-01-01", "9999-12-31", "55-02-03", "1955-13", "", None,
                     19550203, "1955-02-03T00:00:00Z", "１９５５-02-03", ["1955-02-03"]],
    ("gender",): ["F", "Female", "", None, 1, True, "other"],
    ("active",): ["true", 1, None, {}],
    ("name",): [{}, [], [{}], None, "Thobois", [None], [[]]],
    ("name", 0, "family"): ["", " ", None, 1, ["a"], "a\u0000b", "\u0007", "x" * 5000],
    ("name", 0, "given"): [[], "Jacques", [None], [""], [1]],
    ("identifier", 0, "value"): ["", "1", "12345678901221", "1234567890122122", "１２３", None],
    ("identifier", 0, "system"): ["", "not a uri", None, "urn:oid:1.2.250.1.213.1.4.8 "],
    ("identifier", 0, "use"): ["real", "OFFICIAL"],
    ("extension",): [[{"url": "a"}], [{"valueCode": "a"}], [{"url": "a", "valueCode": "b",
                     "valueString": "c"}], [{"url": "a", "valueFoo": 1}]],
    ("resourceType",): ["patient", "Observation", "", None],
    ("id",): ["a/b", "x" * 65, "", "../../etc/passwd"],
    ("telecom",): [[{"system": "pigeon"}], [{"rank": 0}], [{"rank": 1.5}], [{"rank": 10**12}]],
    ("unknown",): [1],
    ("modifierExtension",): [[{"url": "urn:not", "valueBoolean": True}]],
    ("implicitRules",): ["urn:rules"],
    ("contained",): [[{"resourceType": "Observation"}], [1]],
    ("deceasedBoolean",): [True, "no"],
    ("deceasedDateTime",): ["2020-01-01", "hier"],
    ("_birthDate",): [1, [], {"value": 2}],
}  # fmt: skip


@pytest.mark.parametrize("path", VALUES, ids=lambda path: ".".join(map(str, path)))
def test_a_wrong_value_is_refused_where_it_stands(system, official, path):
    before = rows()
    for value in VALUES[path]:
        spoilt = copy.deepcopy(official)
        *way, last = path
        place = resource(spoilt, PATIENT)
        for step in way:
            place = place[step]
        place[last] = value
        answer = system.post("", spoilt)
        assert answer.status_code in (400, 422), (value, answer.content.decode())
        for _, where in issues(answer):
            assert where.startswith("Bundle.entry[1].resource"), (value, where)
    assert rows() == before


def test_a_name_of_an_element_is_never_an_expression(system, official):
    resource(official, PATIENT)["a].b() or true"] = 1
    answer = system.post("", official)
    assert issues(answer) == [("structure", "Bundle.entry[1].resource")]


def test_pieces_of_markup_and_sql_are_only_text(system, official):
    for text in (
        "'); DROP TABLE patients_patient; --",
        "<script>alert(1)</script>",
        "${7*7}{{7*7}}",
    ):
        patient = resource(copy.deepcopy(official), PATIENT)
        patient["identifier"] = [{"system": "urn:example:ipp", "value": text}]
        patient["name"][0]["family"] = text
        patient["extension"] = []
        del patient["extension"]
        location = system.post("/Patient", patient)["Location"].split("/fhir")[1].split("/_h")[0]
        read = system.get(location).json()
        assert (read["name"][0]["family"], read["identifier"][0]["value"]) == (text, text)


# --- Addresses and headers ----------------------------------------------------------------------


NO_NUMBERS = [
    "0", "-1", "01", "1 or 1=1", "1%00", "٣", "9223372036854775808", "99999999999999999999999",
    "a", "1.0", "1e3", "%2e%2e%2fetc", "null", "' OR '1'='1", "x" * 300,
]  # fmt: skip


def test_an_id_that_is_none_of_ours_is_not_found(system):
    for number in NO_NUMBERS:
        for kind in ("Patient", "CareTeam", "Organization", "%00"):
            for path in (f"/{kind}/{number}", f"/{kind}/{number}/_history"):
                assert system.get(path).status_code in (404, 405), path
        assert system.get(f"/CareTeam/1/_history/{number}").status_code == 404
        assert system.put(f"/CareTeam/{number}", {}).status_code in (400, 404)
    assert system.post("/%00", {}).status_code == 404


@pytest.mark.parametrize(
    ("accept", "status"),
    [
        ("application/fhir+json", 200),
        ("application/json", 200),
        ("*/*", 200),
        ("text/html,application/xhtml+xml,*/*;q=0.8", 200),
        ("", 200),
        ("application/fhir+xml", 406),
        ("text/xml", 406),
        ("text/html", 406),
    ],
)
def test_what_is_accepted(system, accept, status):
    assert system.get("/Organization?_id=1", Accept=accept).status_code == status


def test_the_format_asked_in_the_address(system):
    assert system.get("/Organization?_format=json").status_code == 200
    assert system.get("/Organization?_format=application/fhir%2Bjson").status_code == 200
    assert system.get("/Organization?_format=xml").status_code == 406


def test_a_parameter_is_not_ignored_where_it_means_nothing(system):
    assert system.get("/Organization/1?_elements=name").status_code == 400


@pytest.mark.parametrize("method", ["PUT", "DELETE", "PATCH"])
def test_methods_that_are_not_served(system, method):
    for path in ("", "/Patient", "/metadata", "/CareTeam/_search"):
        answer = system.send(method, path, "{}")
        assert answer.status_code in (404, 405), path
        assert issues(answer)


def test_a_fault_is_said_in_fhir_and_undone(system, official, monkeypatch):
    monkeypatch.setattr(
        "carbet.interop.fhir_api.operations.care_teams.receive_care_team",
        lambda **named: 1 / 0,
    )
    before = rows()
    answer = system.post("", official)
    assert (answer.status_code, issues(answer)) == (500, [("exception", "")])
    assert "division" not in answer.content.decode()
    assert rows() == before


def test_a_lost_database_is_said_in_fhir(system, monkeypatch):
    from django.db import OperationalError

    def lost(**named):
        raise OperationalError("server closed the connection")

    monkeypatch.setattr("carbet.interop.fhir_api.queries.read", lost)
    answer = system.get("/Patient/1")
    assert (answer.status_code, answer["Retry-After"]) == (503, "5")
    assert issues(answer) == [("transient", "")]


def test_json_of_refusals_is_french_and_short(system):
    [issue] = system.post("", b" ").json()["issue"]
    assert json.dumps(issue, ensure_ascii=False) == (
        '{"severity": "error", "code": "structure",'
        ' "diagnostics": "Le corps de la requête est vide."}'
    )
