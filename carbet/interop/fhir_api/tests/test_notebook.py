"""The notebook for other systems: notes (CdL 3.0.0) and measures (MES 3.2.0)."""

import base64
import copy
import io
import json

import pytest
from PIL import Image

from carbet.coordination.notebook.models import Measure, Note
from carbet.core.models import AuditEvent
from carbet.interop.fhir_api.tests.conftest import example
from carbet.interop.fhir_api.tests.test_agenda import everything, issue, person_of_the_office

pytestmark = pytest.mark.django_db
R234 = "https://mos.esante.gouv.fr/NOS/TRE_R234-TypeNote/FHIR/TRE-R234-TypeNote"
A07 = (
    "https://mos.esante.gouv.fr/NOS/TRE_A07-StatusVisibiliteDocument/FHIR"
    "/TRE-A07-StatusVisibiliteDocument"
)
URGENT = "https://interop.esante.gouv.fr/ig/fhir/cdl/StructureDefinition/cdl-ext-is-emergency"
TEXT = "Plaie propre ce matin, pansement refait. À revoir jeudi 🌿"


def data(content):
    return base64.b64encode(content if isinstance(content, bytes) else content.encode()).decode()


def photo():
    drawn = io.BytesIO()
    Image.new("RGB", (40, 30), "teal").save(drawn, "PNG")
    return drawn.getvalue()


@pytest.fixture
def patient(system, world):
    return person_of_the_office(world)


@pytest.fixture
def note(patient, world):
    """Return a note by the doctor of the office, as the software of his office says it."""
    return {
        "resourceType": "DocumentReference",
        "masterIdentifier": {"system": "urn:notes", "value": "n-1"},
        "status": "current",
        "type": {"coding": [{"system": R234, "code": "OBS"}]},
        "subject": {"reference": f"Patient/{patient.pk}"},
        "date": "2026-11-22T08:30:00-03:00",
        "author": [{"reference": f"PractitionerRole/{world.roles['gp'].pk}"}],
        "extension": [{"url": URGENT, "valueBoolean": True}],
        "securityLabel": [{"coding": [{"system": A07, "code": "INVISIBLE_PATIENT"}]}],
        "content": [{"attachment": {"contentType": "text/plain", "data": data(TEXT)}}],
    }


def observation(patient, code="29463-7", value=68.2, unit="kg", number="m-1", **said):
    return {
        "resourceType": "Observation",
        "identifier": [{"system": "urn:measures", "value": number}],
        "status": "final",
        "code": {"coding": [{"system": "http://loinc.org", "code": code}]},
        "subject": {"reference": f"Patient/{patient.pk}"},
        "effectiveDateTime": "2026-11-22T08:30:00-03:00",
        "valueQuantity": {
            "value": value,
            "unit": unit,
            "system": "http://unitsofmeasure.org",
            "code": unit,
        },
        **said,
    }


def created(answer):
    assert answer.status_code == 201, answer.content.decode()
    return "/" + "/".join(answer["Location"].split("/fhir/")[1].split("/")[:2])


def found(system, path):
    answer = system.get(path)
    assert answer.status_code == 200, answer.content.decode()
    return [each["resource"] for each in answer.json().get("entry", [])]


# --- Notes --------------------------------------------------------------------------------------


def test_a_note_comes_back_equal_in_meaning(system, note, world):
    path = created(system.post("/DocumentReference", note))
    kept = system.get(path).json()
    for name in ("masterIdentifier", "status", "extension", "subject"):
        assert kept[name] == note[name]
    assert kept["date"] == "2026-11-22T11:30:00Z"
    assert kept["type"]["coding"][0]["code"] == "OBS"
    assert kept["securityLabel"][0]["coding"][0]["code"] == "INVISIBLE_PATIENT"
    assert kept["author"][0]["reference"] == note["author"][0]["reference"]
    assert base64.b64decode(kept["content"][0]["attachment"]["data"]).decode() == TEXT
    [row] = everything(Note)
    assert (row.text, row.urgent, row.author_name) == (TEXT, True, "Yann Le Bihan")


def test_a_text_with_an_unreadable_sign_is_refused_at_its_place(system, note):
    note["content"][0]["attachment"]["data"] = data("a\0b")
    place = "DocumentReference.content[0].attachment.data"
    issue(system.post("/DocumentReference", note), 422, place)


def test_a_text_in_the_windows_encoding_is_read_and_said(system, note):
    # As the example of the CdL guide is.
    attachment = note["content"][0]["attachment"]
    attachment["data"] = base64.b64encode("Fatiguée.".encode("cp1252")).decode()
    answer = system.post("/DocumentReference", note)
    created(answer)
    assert "Windows-1252" in answer.content.decode()
    assert [row.text for row in everything(Note)] == ["Fatiguée."]


def test_a_retry_is_one_note_and_another_text_a_conflict(system, note):
    created(system.post("/DocumentReference", note))
    assert system.post("/DocumentReference", note).status_code == 200
    other = copy.deepcopy(note)
    other["content"][0]["attachment"]["data"] = data("Autre chose.")
    issue(system.post("/DocumentReference", other), 409, "DocumentReference.masterIdentifier")
    assert len(everything(Note)) == 1


def test_a_photo_is_kept_drawn_again_and_read_as_binary(system, stranger, note):
    note["content"].append(
        {"attachment": {"contentType": "image/png", "title": "../plaie", "data": data(photo())}}
    )
    kept = system.get(created(system.post("/DocumentReference", note))).json()
    attachment = kept["content"][1]["attachment"]
    assert "/" not in attachment["title"]
    path = attachment["url"].split("/fhir")[1]
    read = system.get(path)
    assert read.status_code == 200, read.content.decode()
    assert Image.open(io.BytesIO(base64.b64decode(read.json()["data"]))).size == (40, 30)
    assert stranger.get(path).status_code == 404


def test_a_reply_and_its_versions(system, note):
    path = created(system.post("/DocumentReference", note))
    answer = copy.deepcopy(note) | {
        "masterIdentifier": {"system": "urn:notes", "value": "n-2"},
        "relatesTo": [{"code": "appends", "target": {"reference": path[1:]}}],
    }
    reply = created(system.post("/DocumentReference", answer))
    assert system.get(reply).json()["relatesTo"] == answer["relatesTo"]
    number = path.split("/")[-1]
    mended = note | {"id": number}
    mended["content"] = [{"attachment": {"contentType": "text/plain", "data": data("Corrigé.")}}]
    issue(system.put(path, mended), 412, "DocumentReference")
    etag = system.get(path)["ETag"]
    assert system.put(path, mended, **{"If-Match": etag}).status_code == 200
    withdrawn = mended | {"status": "entered-in-error"}
    assert system.put(path, withdrawn, **{"If-Match": 'W/"2"'}).status_code == 200
    assert system.get(path).json()["status"] == "entered-in-error"
    first = system.get(f"{path}/_history/1").json()
    assert base64.b64decode(first["content"][0]["attachment"]["data"]).decode() == TEXT
    versions = found(system, f"{path}/_history")
    assert [each["meta"]["versionId"] for each in versions] == ["3", "2", "1"]
    assert system.get(f"{path}/_history/9").status_code == 404


def test_notes_are_sought_and_paged(system, stranger, note, patient, world):
    for number in range(3):
        note["masterIdentifier"] = {"system": "urn:notes", "value": f"n-{number}"}
        created(system.post("/DocumentReference", note))
    base = f"/DocumentReference?patient={patient.pk}"
    role = world.roles["gp"]
    for more, count in (
        ("", 3),
        ("&type=OBS", 3),
        (f"&type={R234}|GEN", 0),
        ("&date=2026-11-22", 3),
        ("&date=gt2026-11-22", 0),
        ("&_lastUpdated=ge2026-11-22", 3),
        (f"&author=PractitionerRole/{role.pk}", 3),
        (f"&author=Practitioner/{role.practitioner_id}", 3),
        ("&author=Organization/999", 0),
        ("&security-label=INVISIBLE_PATIENT", 3),
        ("&status=entered-in-error", 0),
        ("&identifier=urn:notes|n-1", 1),
    ):
        assert len(found(system, base + more)) == count, more
    page = system.get(f"{base}&_count=2").json()
    [onward] = [each["url"] for each in page["link"] if each["relation"] == "next"]
    assert len(found(system, onward.split("/fhir")[1])) == 1
    assert found(stranger, base) == []
    issue(system.get("/DocumentReference?type=OBS"), 400, "")
    kinds = {each["resourceType"] for each in found(system, base + "&_include=*")}
    assert kinds == {"DocumentReference", "Patient", "PractitionerRole"}


@pytest.mark.parametrize(
    ("change", "place"),
    [
        ({"docStatus": "final"}, "docStatus"),
        ({"custodian": {"display": "x"}}, "custodian"),
        ({"type": {"coding": [{"system": R234, "code": "XX"}]}}, "type"),
        ({"type": {"text": "Observation"}}, "type"),
        ({"date": "2031-01-01T00:00:00Z"}, "date"),
        ({"status": "superseded"}, "status"),
        ({"status": "entered-in-error"}, "status"),
        ({"subject": {"reference": "Patient/999999"}}, "subject"),
        ({"author": [{"reference": "PractitionerRole/999999"}]}, "author[0]"),
        ({"securityLabel": [{"coding": [{"system": A07, "code": "MASQUE_PS"}]}]},
         "securityLabel[0]"),
        ({"relatesTo": [{"code": "replaces", "target": {"reference": "DocumentReference/1"}}]},
         "relatesTo[0].code"),
        ({"relatesTo": [{"code": "appends", "target": {"reference": "DocumentReference/99999"}}]},
         "relatesTo[0].target"),
        ({"content": [{"attachment": {"contentType": "text/plain", "url": "http://h/x"}}]},
         "content[0].attachment.url"),
        ({"content": [{"attachment": {"contentType": "text/plain", "data": data(b"Fatigu\x81e")}}]},
         "content[0].attachment.data"),
        ({"content": [{"attachment": {"contentType": "image/png", "data": data(b"MZ\x00\x01")}}]},
         "content[0].attachment.data"),
        ({"content": [{"attachment": {"contentType": "text/plain", "data": data("é" * 20_001)}}]},
         "content[0].attachment.data"),
    ],
)  # fmt: skip
def test_a_wrong_note_is_refused_whole_at_its_place(system, note, change, place):
    issue(system.post("/DocumentReference", note | change), 422, f"DocumentReference.{place}")
    assert everything(Note) == []
    [refused] = everything(AuditEvent, operation="fhir.transaction")
    assert (refused.outcome, refused.entity) == (AuditEvent.Outcome.REFUSED, "DocumentReference")


def test_missing_elements_are_named(system, note):
    for name, status in (("type", 422), ("author", 422), ("subject", 422), ("content", 400)):
        wrong = {each: value for each, value in note.items() if each != name}
        issue(system.post("/DocumentReference", wrong), status, f"DocumentReference.{name}")


def test_another_structure_neither_reads_nor_writes(system, stranger, note):
    path = created(system.post("/DocumentReference", note))
    assert stranger.get(path).status_code == 404
    assert stranger.get(f"{path}/_history").status_code == 404
    note["masterIdentifier"]["value"] = "n-9"
    assert stranger.post("/DocumentReference", note).status_code == 422
    assert len(everything(Note)) == 1


# --- Transactions -------------------------------------------------------------------------------


@pytest.fixture
def published():
    """Return a transaction as the guide publishes it: its person, an author known by name only."""
    person = example("cahier-de-liaison", "Patient-0d920958-b596-4b91-af67-9bafc707820b.json")
    number = person["identifier"][0]["value"][:13]
    person["identifier"][0]["value"] = f"{number}{97 - int(number) % 97:02}"
    del person["text"]
    nurse = {"resourceType": "Practitioner", "id": "85652218", "name": [
        {"family": "Brooks", "given": ["Sophie"], "prefix": ["MME"]}]}  # fmt: skip
    role = {
        "resourceType": "PractitionerRole",
        "id": "f380b0fd",
        "practitioner": {"reference": "Practitioner/85652218"},
    }
    text = {
        "resourceType": "DocumentReference",
        "id": "04886b69",
        "status": "current",
        "type": {"coding": [{"system": R234, "code": "DEM-AVIS"}]},
        "subject": {"reference": f"Patient/{person['id']}"},
        "date": "2019-03-04T08:30:00+11:00",
        "author": [
            {"reference": "Practitioner/85652218"},
            {"reference": "PractitionerRole/f380b0fd", "display": "Mme Sophie Brooks (infirmier)"},
        ],
        "content": [
            {
                "attachment": {
                    "contentType": "text/plain",
                    "language": "fr",
                    "data": data("Maman est fatiguée. Elle n'a pas voulu sortir ce matin."),
                }
            }
        ],
    }
    return {
        "resourceType": "Bundle",
        "type": "transaction",
        "entry": [
            {
                "fullUrl": f"urn:uuid:{each['id']}",
                "resource": each,
                "request": {"method": "POST", "url": f"{each['resourceType']}/{each['id']}"},
            }
            for each in (text, role, nurse, person)
        ],
    }


def test_the_published_transaction_is_kept(system, published):
    answer = system.post("", published)
    assert answer.status_code == 200, answer.content.decode()
    told = answer.json()["entry"]
    assert [each["response"]["status"][:3] for each in told] == ["201", "200", "200", "201"]
    path = "/" + told[0]["response"]["location"].partition("/_history")[0]
    kept = system.get(path).json()
    assert kept["type"]["coding"][0]["code"] == "DEM-AVIS"
    assert "Sophie Brooks" in kept["author"][0]["display"]
    text = base64.b64decode(kept["content"][0]["attachment"]["data"]).decode()
    assert text.startswith("Maman est fatiguée")


def test_a_wrong_entry_undoes_the_whole_transaction(system, published):
    measure = {
        "resource": observation(type("P", (), {"pk": 1}), value=9_999) | {
            "subject": published["entry"][0]["resource"]["subject"]
        },
        "request": {"method": "POST", "url": "Observation"},
    }  # fmt: skip
    published["entry"].append(measure)
    answer = system.post("", published)
    issue(answer, 422, "Bundle.entry[4].resource.valueQuantity.value")
    assert everything(Note) == []


# --- Measures -----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("code", "value", "unit", "kept"),
    [
        ("29463-7", 68.2, "kg", (68.2, "kg")),
        ("8310-5", 37.5, "Cel", (37.5, "Cel")),
        ("2708-6", 97, "%", (97, "%")),
        ("59408-5", 97, "%", (97, "%")),
        ("8867-4", 72, "/min", (72, "/min")),
        ("8302-2", 1.72, "m", (172, "cm")),
        ("2339-0", 92, "mg/dL", (0.92, "g/L")),
        ("9843-4", 41, "cm", (41, "cm")),
        ("72514-3", 3, "1", (3, "1")),
    ],
)
def test_a_measure_comes_back_equal_in_meaning(system, patient, code, value, unit, kept):
    sent = observation(patient, code, value, unit)
    read = system.get(created(system.post("/Observation", sent))).json()
    assert (read["valueQuantity"]["value"], read["valueQuantity"]["code"]) == kept
    assert code in {each["code"] for each in read["code"]["coding"]}
    assert (read["identifier"], read["subject"]) == (sent["identifier"], sent["subject"])
    assert read["effectiveDateTime"] == "2026-11-22T11:30:00Z"
    found_by = f"/Observation?patient={patient.pk}&code=http://loinc.org|{code}"
    assert len(found(system, found_by)) == 1


def pressure(patient, systolic=107, diastolic=60):
    said = observation(patient, "85354-9", effectiveDateTime="2012-09-17")
    del said["valueQuantity"]
    said["component"] = [
        {
            "code": {"coding": [{"system": "http://loinc.org", "code": code}]},
            "valueQuantity": {"value": value, "code": "mm[Hg]", "unit": "mm[Hg]"},
        }
        for code, value in (("8462-4", diastolic), ("8480-6", systolic))
    ]
    return said


def test_a_blood_pressure_comes_back(system, patient):
    path = created(system.post("/Observation", pressure(patient)))
    read = system.get(path).json()
    assert [each["valueQuantity"]["value"] for each in read["component"]] == [107, 60]
    assert read["effectiveDateTime"] == "2012-09-17"
    for more, count in (("&category=vital-signs", 1), ("&category=laboratory", 0)):
        assert len(found(system, f"/Observation?patient={patient.pk}{more}")) == count
    gone = read | {"status": "entered-in-error"}
    assert system.put(path, gone, **{"If-Match": 'W/"1"'}).status_code == 200
    assert system.get(path).json()["status"] == "entered-in-error"


def test_wrong_measures_are_refused_at_their_place(system, patient):
    unknown = observation(patient, "1234-5")
    unit = observation(patient, unit="[lb_av]")
    far = observation(patient, value=990)
    half = pressure(patient)
    half["component"].pop()
    upside = pressure(patient, systolic=60, diastolic=107)
    timeless = observation(patient)
    del timeless["effectiveDateTime"]
    for wrong, place in (
        (unknown, "code"),
        (unit, "valueQuantity.code"),
        (far, "valueQuantity.value"),
        (half, "component"),
        (upside, "component[0].valueQuantity.value"),
        (timeless, "effective[x]"),
        (observation(patient, effectiveDateTime="2031-01-01"), "effective[x]"),
        (observation(patient, status="preliminary"), "status"),
    ):
        issue(system.post("/Observation", wrong), 422, f"Observation.{place}")
    assert everything(Measure) == []
    assert json.loads(system.post("/Observation", b"{").content)["issue"]
