"""What hospitals send as a newcomer finds it: somebody admitted, somebody back home, messages that
wait for a decision, one refused, a flow that is not empty."""

from datetime import datetime, timedelta

from carbet.connectors.mllp import Arrival, Frame
from carbet.core import row_security
from carbet.core.actor import Actor
from carbet.interop.hospital_feed import access, operations
from carbet.interop.hospital_feed.models import FeedRoute
from carbet.interop.hospital_feed.rules.header import CAYENNE
from carbet.registries.directory.access import actor_of_role
from carbet.registries.directory.models import Organization
from carbet.registries.patients.choices import INS_TEST
from carbet.registries.patients.models import Patient, PatientIdentifier
from carbet.steering.demonstration.following import KEY_SYSTEM
from carbet.steering.demonstration.story import story_roles

# What each sends in MSH-4, and its FINESS number.
SENDERS = (("CHC", "970300026"), ("CHOG", "970300083"))


def load(*, now: datetime) -> int:
    """Open the routes and receive the messages unless it is done. Return how many came."""
    roles = story_roles()
    if "operator" not in roles or FeedRoute.objects.exists():
        return 0
    _open_routes(actor_of_role(roles["operator"].pk, now=now), now=now)
    came = _messages(now)
    for ago, data in came:
        at = now - ago
        operations.receive(actor=access.HOUSE, now=at, arrivals=[Arrival("127.0.0.1", Frame(data))])
        done = at + timedelta(seconds=1)
        while operations.process_next(actor=access.HOUSE, now=done).worked:
            pass
    return len(came)


def _open_routes(operator: Actor, *, now: datetime) -> None:
    for facility, finess in SENDERS:
        found = Organization.objects.filter(finess=finess).order_by("kind").first()
        if found is not None:
            operations.open_route(
                actor=operator,
                now=now - timedelta(days=40),
                facility=facility,
                organization=found,
            )


def _messages(now: datetime) -> list[tuple[timedelta, bytes]]:
    """Return how long ago each came, the oldest first, and its text."""
    with row_security.acting_as(access.HOUSE, now=now):
        kenneth, eugene = _person("kenneth"), _person("eugene")
    told: list[tuple[float, bytes]] = []
    if eugene:
        told += [
            (70, _movement("A01", 1, eugene, "26010", "Médecine polyvalente", now, 70)),
            (20, _movement("A03", 2, eugene, "26010", "Médecine polyvalente", now, 20)),
        ]
    if kenneth:
        surgery, care = "Chirurgie orthopédique", "Soins médicaux et de réadaptation"
        told += [
            (19, _movement("A01", 3, kenneth, "26011", "Urgences", now, 19)),
            (17, _movement("A02", 4, kenneth, "26011", surgery, now, 17)),
            # The software misspells INSERT: somebody mends it, what follows waits behind.
            (3, _movement("A02", 5, kenneth, "26011", care, now, 3, action="INSRT")),
            (0.5, _movement("A02", 6, kenneth, "26011", care, now, 0.5)),
        ]
    nobody = "900777^^^CHOG&970300083&N^PI||ESSAI^MARIE^MARIE^^^^L||19620211|F", "PROV"
    told += [
        # Nobody here bears this number, and its hospital has no INS.
        (5, _movement("A01", 7, nobody, "26012", "Maternité", now, 5, facility="CHOG")),
        (4, _movement("A98", 8, nobody, "26012", "Maternité", now, 4, facility="CHOG")),
    ]
    return [(timedelta(hours=ago), data) for ago, data in sorted(told, key=lambda each: -each[0])]


def _person(key: str) -> tuple[str, str] | None:
    """Return how a hospital names a followed person: PID-3 to PID-8, and PID-32."""
    known = PatientIdentifier.objects.filter(system=KEY_SYSTEM, value=key).first()
    if known is None:
        return None
    patient = Patient.objects.get(pk=known.patient_id)
    ins = PatientIdentifier.objects.filter(patient=patient, system=INS_TEST).first()
    if ins is None:
        return None
    given = " ".join(patient.birth_given)
    number = f"{ins.value}^^^ASIP-SANTE-INS-NIR&{INS_TEST.removeprefix('urn:oid:')}&ISO^INS"
    return (
        (
            f"{number}||{patient.birth_family}^{patient.birth_given[0]}^{given}^^^^L"
            f"||{patient.birth_date:%Y%m%d}|{'F' if patient.gender == 'female' else 'M'}"
        ),
        "VALI",
    )


def _movement(
    event: str,
    number: int,
    person: tuple[str, str],
    stay: str,
    unit: str,
    now: datetime,
    ago: float,
    *,
    action: str = "INSERT",
    facility: str = "CHC",
) -> bytes:
    """Return a movement of a stay as PAM-FR tells it, that happened so many hours ago."""
    finess = dict(SENDERS)[facility]
    at = f"{(now - timedelta(hours=ago, minutes=4)).astimezone(CAYENNE):%Y%m%d%H%M%S}"
    traits, reliability = person
    own = f"{facility}&{finess}&M"
    where = f"{unit}^^^^^{facility}&{finess}&N^UF^^^6268"
    lines = (
        (
            f"MSH|^~\\&|GAM|{facility}|CARBET|DAC|{at}||ADT^{event}^ADT_A01|demo-{number}|D"
            "|2.5^FRA^2.11|||||FRA|UNICODE UTF-8|FR||2.11^IHE_FRANCE-2.11-PAM"
        ),
        f"EVN||{at}||||{at}",
        f"PID|1||{traits}||||||||||{stay}^^^{own}^AN|||||||||||||N|{reliability}",
        f"PV1|1|I|^^^{own}^O|||||||||||||||{stay}^^^{own}^VN",
        f"ZBE|{number}^{facility}^{finess}|{at}||{action}|N||{where}|{where}|HMS",
    )
    return ("\r".join(lines) + "\r").encode()
