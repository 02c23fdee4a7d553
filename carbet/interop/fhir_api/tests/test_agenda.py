"""The agenda for other systems: GAP 3.0.0 and SAS, searches, bookings, one slot for one of two."""

import copy
import threading
from urllib.parse import quote, urlsplit

import pytest
from django.db import connection
from django.test import Client

from carbet.coordination.care_teams import operations as care_teams
from carbet.coordination.scheduling.models import Appointment, Slot
from carbet.core import row_security
from carbet.core.actor import internal
from carbet.core.models import AuditEvent
from carbet.interop.fhir_api.tests.conftest import System, example
from carbet.registries.directory.models import Practitioner
from tests.world import NOW

pytestmark = pytest.mark.django_db
HERE = "https://exampleserver.org/fhir/"
SM54 = (
    "https://mos.esante.gouv.fr/NOS/TRE_R38-SpecialiteOrdinale/FHIR/TRE-R38-SpecialiteOrdinale|SM54"
)
IDNPS = "urn:oid:1.2.250.1.71.4.2.1"


def everything(model, **criteria):
    with row_security.acting_as(internal("test"), now=NOW):
        return list(model.objects.filter(**criteria).order_by("pk"))


def replaced(value, addresses):
    """Return a published example whose references lead to resources of this house."""
    if isinstance(value, dict):
        return {name: replaced(each, addresses) for name, each in value.items()}
    if isinstance(value, list):
        return [replaced(each, addresses) for each in value]
    return addresses.get(value, value) if isinstance(value, str) else value


def own_actors(world):
    role = world.roles["gp"]
    return {
        f"{HERE}PractitionerRole/1": f"PractitionerRole/{role.pk}",
        f"{HERE}Practitioner/1": f"Practitioner/{role.practitioner_id}",
    }


def person_of_the_office(world):
    """Return a person whose record is open to the structure of the system."""
    circle = world.circle("nurse")
    care_teams.add_participant(
        actor=world.actor("gp"),
        now=NOW,
        care_team=circle,
        organization=world.places["office"],
    )
    return circle.patient


def entries(answer, kind):
    assert answer.status_code == 200, answer.content.decode()
    found = [each["resource"] for each in answer.json().get("entry", [])]
    return [each for each in found if each["resourceType"] == kind]


def issue(answer, status, expression):
    assert answer.status_code == status, answer.content.decode()
    said = answer.json()
    assert said["resourceType"] == "OperationOutcome"
    assert said["issue"][0]["diagnostics"]
    assert said["issue"][0].get("expression", [""])[0] == expression


@pytest.fixture
def schedule(system, world):
    """Return the agenda of Dr Le Bihan, as the software of his office says it."""
    answer = system.post(
        "/Schedule",
        {
            "resourceType": "Schedule",
            "identifier": [{"system": "urn:agendas", "value": "45"}],
            "active": True,
            "actor": [{"reference": f"PractitionerRole/{world.roles['gp'].pk}"}],
        },
    )
    assert answer.status_code == 201, answer.content.decode()
    return f"Schedule/{answer.json()['id']}"


def a_slot(schedule, *, hour=14, number="451", **said):
    return {
        "resourceType": "Slot",
        "identifier": [{"system": "urn:slots", "value": number}],
        "schedule": {"reference": schedule},
        "status": "free",
        "start": f"2026-11-24T{hour:02}:00:00-03:00",
        "end": f"2026-11-24T{hour:02}:15:00-03:00",
        **said,
    }


@pytest.fixture
def slot(system, schedule):
    answer = system.post("/Slot", a_slot(schedule))
    assert answer.status_code == 201, answer.content.decode()
    return f"Slot/{answer.json()['id']}"


def booking(slot, *, number="1", status="booked", **said):
    return {
        "resourceType": "Appointment",
        "identifier": [{"system": "urn:bookings", "value": number}],
        "status": status,
        "slot": [{"reference": slot}],
        "participant": [],
        **said,
    } | (
        {}
        if "participant" in said
        else {"participant": [{"type": [{"text": "Régulation"}], "status": "accepted"}]}
    )


# --- The published examples ---------------------------------------------------------------------


def test_the_published_agenda_slots_and_request_of_gap(system, world):
    said = replaced(example("agendas", "gap/Schedule-example.json"), own_actors(world))
    kept = system.post("/Schedule", said)
    assert kept.status_code == 201, kept.content.decode()
    assert kept["Location"].endswith(f"/fhir/Schedule/{kept.json()['id']}")
    assert kept.json()["extension"] == said["extension"]
    assert kept.json()["specialty"] == said["specialty"]
    again = system.post("/Schedule", said)
    assert (again.status_code, again.json()["id"]) == (200, kept.json()["id"])

    # From 8 to 20 on the clock of Paris, by quarters of an hour.
    found = entries(
        system.get(
            "/Slot?_include=Slot:schedule&_include=Schedule:actor&start=ge2020-11-09&start=le2020-11-10"
            f"&schedule.actor:PractitionerRole.specialty={quote(SM54)}&status=free&_count=1000"
        ),
        "Slot",
    )
    assert found == []  # the specialty of the professional is what the directory says
    world.roles["gp"].specialty = "SM54"
    world.roles["gp"].save()
    answer = system.get(
        "/Slot?_include=Slot:schedule&_include=Schedule:actor&start=ge2020-11-09&start=le2020-11-10"
        f"&schedule.actor:PractitionerRole.specialty={quote(SM54)}"
        "&schedule.actor:PractitionerRole.address=Matoury&status=free&_count=1000"
    )
    found = entries(answer, "Slot")
    assert len(found) == 48
    assert answer.json()["total"] == 48
    assert found[0]["start"] == "2020-11-09T04:00:00-03:00"
    assert [each["id"] for each in entries(answer, "Schedule")] == [kept.json()["id"]]
    assert [each["id"] for each in entries(answer, "PractitionerRole")] == [
        str(world.roles["gp"].pk)
    ]

    person = person_of_the_office(world)
    addresses = own_actors(world) | {
        f"{HERE}Patient/1": f"Patient/{person.pk}",
        f"{HERE}Slot/example": f"Slot/{found[5]['id']}",
    }
    request = replaced(
        example("agendas", "gap/Appointment-example-req-appointment.json"), addresses
    )
    asked = system.post("/Appointment", request)
    assert asked.status_code == 201, asked.content.decode()
    told = asked.json()
    assert (told["status"], told["start"]) == ("proposed", found[5]["start"])
    for name in ("identifier", "serviceType", "specialty", "priority", "created", "extension"):
        assert told[name] == request[name]
    assert {part["actor"]["reference"]: part["status"] for part in told["participant"]} == {
        f"Patient/{person.pk}": "accepted",
        f"PractitionerRole/{world.roles['gp'].pk}": "needs-action",
        f"Practitioner/{world.roles['gp'].practitioner_id}": "needs-action",
    }
    assert system.get(f"/Slot/{found[5]['id']}").json()["status"] == "busy-tentative"
    found = entries(
        system.get(
            "/Appointment?identifier=http://example.org/sampleappointment-identifier|123&priority=5&created=2019-01-02"
        ),
        "Appointment",
    )
    assert [each["id"] for each in found] == [told["id"]]


@pytest.mark.parametrize("name", ["PSIndiv1", "PSIndiv2", "PSIndiv3", "CPTS1", "SOS1", "SOS2"])
def test_the_published_slots_of_sas_come_back_whole(system, schedule, name):
    said = example("agendas", f"sas/Slot-ExampleSlot{name}.json")
    said["schedule"] = {"reference": schedule}
    kept = system.post("/Slot", said)
    assert kept.status_code == 201, kept.content.decode()
    for element in ("serviceType", "specialty", "appointmentType", "comment", "status"):
        assert kept.json().get(element) == said.get(element)
    assert kept.json()["meta"]["security"] == said["meta"]["security"]


def asked_by(bundle):
    """Return the query of a published answer."""
    link = example("agendas", f"sas/{bundle}.json")["link"][0]["url"]
    return urlsplit(link).query


def test_the_platform_of_sas_finds_and_books_a_professional_s_slot(system, world, schedule):
    query = asked_by("Bundle-ExampleBundleCPTS1")
    rpps = f"8{world.roles['gp'].practitioner.rpps}"
    said = example("agendas", "sas/Slot-ExampleSlotCPTS1.json") | {
        "schedule": {"reference": schedule}
    }
    assert system.post("/Slot", said).status_code == 201
    query = query.replace("810002909371", rpps).replace("+", "%2B")
    answer = system.get(f"/Slot?{query}")
    [found] = entries(answer, "Slot")
    assert found["comment"] == said["comment"]
    assert len(entries(answer, "Schedule")) == len(entries(answer, "Practitioner")) == 1
    assert entries(system.get(f"/Slot?{query.replace(rpps, '8' + '1' * 11)}"), "Slot") == []

    taken = example("agendas", "sas/Appointment-1.json")
    taken["participant"][0]["actor"]["identifier"]["value"] = rpps
    taken |= {"start": said["start"], "end": said["end"]}
    booked = system.post("/Appointment", taken)
    assert booked.status_code == 201, booked.content.decode()
    assert booked.json()["status"] == "booked"
    assert booked.json()["slot"] == [{"reference": f"Slot/{found['id']}"}]
    assert booked.json()["extension"] == taken["extension"]
    assert entries(system.get(f"/Slot?{query}"), "Slot") == []


def test_the_platform_of_sas_declares_what_was_booked_elsewhere(system, world):
    """The published booking as it is: no slot of ours, a professional of this office."""
    taken = example("agendas", "sas/Appointment-1.json")
    held = taken["participant"][0]["actor"]["identifier"]["value"]
    # The published number has no valid key: of nobody, it is refused at its place.
    issue(system.post("/Appointment", taken), 422, "Appointment.participant[0].actor")
    # An example that was let in bears it apart, and is found.
    Practitioner.objects.filter(pk=world.roles["gp"].practitioner_id).update(
        rpps=None, identifier_system="https://rpps.esante.gouv.fr", identifier_value=held[1:]
    )
    answer = system.post("/Appointment", taken)
    assert answer.status_code == 201, answer.content.decode()
    assert answer.json()["status"] == "booked"
    assert system.post("/Appointment", taken).status_code == 200
    [row] = everything(Appointment)
    assert row.patient_id is None


def test_the_query_of_sos_medecins(system, world, schedule):
    query = asked_by("Bundle-ExampleBundleAgregateurSOS").replace("+", "%2B")
    world.places["office"].identifier_system = "urn:oid:1.2.250.1.71.4.2.2"
    world.places["office"].identifier_value = "334173748400020"
    world.places["office"].save()
    for name in ("SOS1", "SOS2"):
        said = example("agendas", f"sas/Slot-ExampleSlot{name}.json")
        assert system.post("/Slot", said | {"schedule": {"reference": schedule}}).status_code == 201
    late = a_slot(schedule)
    assert system.post("/Slot", late).status_code == 201
    answer = system.get(f"/Schedule?{query}")
    assert [each["id"] for each in entries(answer, "Schedule")] == [schedule.split("/")[1]]
    # Those of the days asked for, and no other.
    assert len(entries(answer, "Slot")) == 2


# --- Booking ------------------------------------------------------------------------------------


def test_a_slot_is_booked_once(system, make_system, slot):
    other = make_system("far_office")
    assert system.post("/Appointment", booking(slot)).status_code == 201
    issue(other.post("/Appointment", booking(slot, number="2")), 409, "Appointment.slot")
    # The same again, its answer lost on the way, is the same appointment.
    again = system.post("/Appointment", booking(slot))
    assert again.status_code == 200
    assert len(everything(Appointment)) == 1
    assert system.get(f"/{slot}").json()["status"] == "busy"
    [event] = everything(AuditEvent, operation="appointment.declare", outcome="0")[:1]
    assert event.entity.startswith("Appointment/")


def test_a_slot_given_back_is_free_again(system, slot):
    kept = system.post("/Appointment", booking(slot)).json()
    gone = booking(slot, status="cancelled", cancelationReason={"coding": [{"code": "pat"}]})
    condition = quote("urn:bookings|1")
    answer = system.put(f"/Appointment?identifier={condition}", gone)
    assert answer.status_code == 200, answer.content.decode()
    assert answer.json()["id"] == kept["id"]
    assert (answer.json()["status"], answer.json()["meta"]["versionId"]) == ("cancelled", "2")
    assert answer.json()["cancelationReason"]["coding"][0]["code"] == "pat"
    assert system.get(f"/{slot}").json()["status"] == "free"
    assert system.post("/Appointment", booking(slot, number="2")).status_code == 201


def test_a_conditional_update_of_nothing_creates(system, slot):
    answer = system.put(
        f"/Appointment?identifier={quote('urn:bookings|9')}", booking(slot, number="9")
    )
    assert answer.status_code == 201
    moved = booking(
        slot,
        number="9",
        start="2026-11-25T10:00:00-03:00",
        end="2026-11-25T10:15:00-03:00",
        participant=[],
    )
    moved.pop("slot")
    moved["participant"] = answer.json()["participant"]
    answer = system.put(f"/Appointment?identifier={quote('urn:bookings|9')}", moved)
    assert answer.status_code == 200, answer.content.decode()
    assert answer.json()["start"] == "2026-11-25T10:00:00-03:00"
    assert system.get(f"/{slot}").json()["status"] == "free"


def test_without_a_slot_only_its_own_structure_speaks_for_a_professional(make_system, world):
    """Anybody else asks, whatever they declare."""
    declared = {
        "resourceType": "Appointment",
        "status": "booked",
        "start": "2026-11-24T10:00:00-03:00",
        "end": "2026-11-24T10:15:00-03:00",
        "participant": [
            {
                "actor": {"reference": f"PractitionerRole/{world.roles['gp'].pk}"},
                "status": "accepted",
            }
        ],
    }
    assert make_system("office").post("/Appointment", declared).json()["status"] == "booked"
    told = copy.deepcopy(declared) | {
        "start": "2026-11-24T11:00:00-03:00",
        "end": "2026-11-24T11:15:00-03:00",
    }
    answer = make_system("far_office").post("/Appointment", told)
    assert (answer.status_code, answer.json()["status"]) == (201, "proposed")
    issue(make_system("office").post("/Appointment", declared), 409, "Appointment.start")


def test_an_agenda_is_kept_by_its_own_structure(make_system, world, schedule, slot):
    stranger = make_system("far_office")
    said = {
        "resourceType": "Schedule",
        "actor": [{"reference": f"PractitionerRole/{world.roles['gp'].pk}"}],
    }
    issue(stranger.post("/Schedule", said), 403, "Schedule")
    issue(stranger.post("/Slot", a_slot(schedule, hour=16, number="7")), 403, "Slot")
    number = schedule.split("/")[1]
    issue(stranger.put(f"/{schedule}", said | {"id": number}), 403, "Schedule")
    assert stranger.send("DELETE", f"/{schedule}", "").status_code == 403
    assert stranger.get(f"/{slot}").status_code == 200


def test_an_agenda_ends_and_keeps_what_was_booked(system, schedule, slot):
    assert system.post("/Slot", a_slot(schedule, hour=16, number="8")).status_code == 201
    assert system.post("/Appointment", booking(slot)).status_code == 201
    assert system.send("DELETE", f"/{schedule}", "").status_code == 200
    assert system.get(f"/{schedule}").json()["active"] is False
    assert sorted(each.status for each in everything(Slot)) == ["busy", "entered-in-error"]


def test_availability_brings_slots_and_takes_the_free_ones_back(system, world):
    def said(*hours):
        return {
            "resourceType": "Schedule",
            "identifier": [{"system": "urn:agendas", "value": "46"}],
            "actor": [{"reference": f"PractitionerRole/{world.roles['gp'].pk}"}],
            "extension": [
                {
                    "url": "https://hl7.fr/ig/fhir/core/StructureDefinition/fr-core-schedule-availability-time",
                    "extension": [
                        {"url": "type", "valueCoding": {"code": kind}},
                        {"url": "start", "valueDateTime": f"2026-11-24T{start:02}:00:00-03:00"},
                        {"url": "end", "valueDateTime": f"2026-11-24T{end:02}:00:00-03:00"},
                    ],
                }
                for kind, start, end in hours
            ]
            + [
                {
                    "url": "https://hl7.fr/ig/fhir/core/StructureDefinition/fr-core-service-type-duration",
                    "extension": [
                        {"url": "duration", "valueDuration": {"value": 30, "code": "min"}}
                    ],
                }
            ],
        }

    kept = system.post("/Schedule", said(("free", 8, 10), ("busy", 9, 10))).json()
    assert [each.start.hour for each in everything(Slot)] == [11, 11]
    first = everything(Slot)[0]
    assert system.post("/Appointment", booking(f"Slot/{first.pk}")).status_code == 201
    answer = system.put(f"/Schedule?identifier={quote('urn:agendas|46')}", said(("free", 14, 15)))
    assert (answer.status_code, answer.json()["id"]) == (200, kept["id"])
    assert [each.status for each in everything(Slot)] == [
        "busy",
        "entered-in-error",
        "free",
        "free",
    ]


# --- What is refused ----------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("change", "status", "place"),
    [
        ({"status": "maybe"}, 400, "Appointment.status"),
        ({"participant": []}, 400, "Appointment.participant"),
        ({"start": "2026-11-24 14:00"}, 400, "Appointment.start"),
        ({"start": "2026-11-24"}, 400, "Appointment.start"),
        ({"nonsense": 1}, 400, "Appointment.nonsense"),
        ({"start": "2026-11-24T14:00:00-03:00"}, 422, "Appointment.end"),
        (
            {"start": "2026-11-24T14:15:00-03:00", "end": "2026-11-24T14:00:00-03:00"},
            422,
            "Appointment.end",
        ),
        (
            {"start": "2026-11-24T18:00:00-03:00", "end": "2026-11-24T18:15:00-03:00"},
            422,
            "Appointment.start",
        ),
        ({"slot": [{"reference": "Slot/999999"}]}, 422, "Appointment.slot[0]"),
        ({"slot": [{"reference": "https://elsewhere.example/Slot/1"}]}, 422, "Appointment.slot[0]"),
        ({"slot": [{"reference": "Slot/1"}, {"reference": "Slot/2"}]}, 422, "Appointment.slot[1]"),
        (
            {"participant": [{"actor": {"reference": f"{HERE}Patient/1"}, "status": "accepted"}]},
            422,
            "Appointment.participant[0].actor",
        ),
        (
            {
                "participant": [
                    {
                        "actor": {"identifier": {"system": IDNPS, "value": "899999999999"}},
                        "status": "accepted",
                    }
                ]
            },
            422,
            "Appointment.participant[0].actor",
        ),
        ({"identifier": [{"system": "urn:x"}]}, 422, "Appointment.identifier[0]"),
        ({"description": "x" * 201}, 422, "Appointment.description"),
        ({"comment": "x" * 30_000}, 422, "Appointment"),
    ],
)
def test_what_is_wrong_is_said_at_its_place(system, slot, change, status, place):
    issue(system.post("/Appointment", booking(slot) | change), status, place)
    assert everything(Appointment) == []
    assert everything(Slot)[0].status == "free"


def test_what_is_agreed_has_a_time(system, world):
    said = booking("Slot/1")
    said.pop("slot")
    said["participant"] = [
        {"actor": {"reference": f"PractitionerRole/{world.roles['gp'].pk}"}, "status": "accepted"}
    ]
    issue(system.post("/Appointment", said), 422, "Appointment.start")
    said["status"] = "proposed"
    assert system.post("/Appointment", said).status_code == 201


@pytest.mark.parametrize(
    ("path", "status"),
    [
        ("/Appointment?date=ge2026-01-01", 400),  # nobody lists everybody's appointments
        ("/Appointment?status=booked", 400),
        ("/Slot?start=soon", 400),
        ("/Slot?schedule.actor:PractitionerRole.location.near=here", 400),
        ("/Slot?schedule.actor:PractitionerRole.location.near=4.9|-52.3|20|km", 200),
        ("/Slot?_sort=start", 400),
        ("/Slot?_include=Slot:schedule:Evil", 400),
        ("/Schedule?_has:Patient:x:y=1", 400),
        ("/Appointment?practitioner.identifier=" + quote(f"{IDNPS}|810000000000"), 200),
    ],
)
def test_searches_that_are_too_wide_or_wrong(system, slot, path, status):
    assert system.get(path).status_code == status


def test_a_person_s_visit_is_closed_to_whom_her_record_is(system, stranger, world):
    person = person_of_the_office(world)
    said = {
        "resourceType": "Appointment",
        "status": "booked",
        "start": "2026-11-24T10:00:00-03:00",
        "end": "2026-11-24T10:15:00-03:00",
        "participant": [
            {"actor": {"reference": f"Patient/{person.pk}"}, "status": "accepted"},
            {
                "actor": {"reference": f"PractitionerRole/{world.roles['gp'].pk}"},
                "status": "accepted",
            },
        ],
    }
    issue(stranger.post("/Appointment", said), 422, "Appointment.participant[0].actor")
    kept = system.post("/Appointment", said)
    assert kept.status_code == 201, kept.content.decode()
    [found] = entries(system.get(f"/Appointment?patient={person.pk}"), "Appointment")
    assert found == kept.json()
    assert entries(stranger.get(f"/Appointment?patient={person.pk}"), "Appointment") == []
    actor = world.roles["gp"].pk
    assert (
        entries(stranger.get(f"/Appointment?actor=PractitionerRole/{actor}"), "Appointment") == []
    )
    [event] = everything(
        AuditEvent, operation="fhir.search", entity="Appointment", patient_id=person.pk
    )
    assert event.patient_id == person.pk
    # Somebody who is not in her circle is not written in it from outside.
    said["participant"][1]["actor"]["reference"] = f"PractitionerRole/{world.roles['other_gp'].pk}"
    issue(system.post("/Appointment", said), 422, "Appointment.participant")


# --- Two at once --------------------------------------------------------------------------------


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize("named", [True, False])
def test_of_two_systems_that_race_for_a_slot_exactly_one_gets_it(system, make_system, slot, named):
    """Real threads, real transactions: one is answered 201, every other 409."""
    row = everything(Slot)[0]
    racers = [system, *(make_system("far_office") for _ in range(3))]
    gate, answers = threading.Barrier(len(racers)), []

    def want(number, racer):
        mine = System(Client(), "")
        mine.headers = racer.headers
        said = booking(slot, number=str(number))
        if not named:
            # As SAS does: who and when, no slot.
            said.pop("slot")
            said |= {"start": row.start.isoformat(), "end": row.end.isoformat()}
            said["participant"] = [
                {
                    "actor": {"reference": f"PractitionerRole/{racer.role.pk}"},
                    "status": "accepted",
                }
            ]
        gate.wait(10)
        try:
            answers.append(mine.post("/Appointment", said).status_code)
        finally:
            connection.close()

    threads = [
        threading.Thread(target=want, args=(number, racer)) for number, racer in enumerate(racers)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(30)
    assert sorted(answers) == [201, 409, 409, 409]
    assert len(everything(Appointment)) == 1
    assert everything(Slot)[0].status == "busy"
