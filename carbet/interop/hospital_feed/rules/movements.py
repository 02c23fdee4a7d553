"""A movement of a stay (PAM-FR 2.11, ITI-31): what ZBE asks, by PV1 and PID.

ZBE-1 names the movement; ZBE-4 says whether it is new, corrected or taken back; ZBE-6 which event
first told it. A03 ends a stay, A11, A12 and A13 take back, Z99 corrects whatever it names.
"""

from dataclasses import dataclass
from datetime import datetime

from carbet.interop.hospital_feed.choices import ErrorCode, MovementKind, PatientClass
from carbet.interop.hospital_feed.rules.header import Unacceptable
from carbet.interop.hospital_feed.rules.reading import Message, Segment, moment

INSERT, UPDATE, CANCEL = "INSERT", "UPDATE", "CANCEL"
# What each taking back takes back.
CANCELS = {"A11": "A01", "A12": "A02", "A13": "A03"}
# A11 takes back whatever brought the person in.
_ENTRIES = ("A01", "A04")


@dataclass(frozen=True)
class MovementRead:
    """What a message asks of one movement."""

    action: str
    kind: MovementKind
    number: str
    stay: str
    patient_class: PatientClass
    started_at: datetime
    ended_at: datetime | None
    historic: bool
    unit: str


def read(message: Message, event: str) -> MovementRead:
    """Return what the message asks.

    Raises:
        Unacceptable: with the exact place.
    """
    pv1, zbe = message.required("PV1"), message.required("ZBE")
    # The official example of a discharge has one field too many before the action.
    late = int(not zbe.component(4) and zbe.component(5).upper() in (INSERT, UPDATE, CANCEL))
    action = zbe.component(4 + late).upper()
    if action not in (INSERT, UPDATE, CANCEL):
        raise Unacceptable(ErrorCode.VALUE, "INSERT, UPDATE ou CANCEL attendu.", "ZBE-4")
    if event in CANCELS and action != CANCEL:
        raise Unacceptable(ErrorCode.VALUE, f"CANCEL attendu avec {event}.", "ZBE-4")
    if event == "Z99" and action == INSERT:
        raise Unacceptable(ErrorCode.VALUE, "UPDATE ou CANCEL attendu avec Z99.", "ZBE-4")
    return MovementRead(
        action=action,
        kind=_kind(zbe.component(6 + late).upper(), event),
        number=_number(zbe),
        stay=stay_number(message),
        patient_class=patient_class(pv1),
        started_at=_started_at(message, zbe),
        ended_at=moment(zbe.component(3), "ZBE-3"),
        historic=zbe.component(5 + late).upper() == "Y",
        unit=_unit(zbe, pv1, late),
    )


def stay_number(message: Message) -> str:
    """Return the number of the stay: the account (PID-18, NDA), else the visit (PV1-19).

    Raises:
        Unacceptable: neither is there.
    """
    pid, pv1 = message.required("PID"), message.first("PV1")
    number = pid.component(18) or (pv1.component(19) if pv1 else "")
    if not number:
        raise Unacceptable(ErrorCode.REQUIRED, "Numéro de dossier de venue absent.", "PID-18")
    if len(number) > 100:
        raise Unacceptable(ErrorCode.TYPE, "Numéro de dossier trop long.", "PID-18")
    return number


def patient_class(pv1: Segment) -> PatientClass:
    """Return the class of the stay (PV1-2).

    Raises:
        Unacceptable: of none that PAM-FR knows.
    """
    said = pv1.component(2).upper()
    if said not in PatientClass.values:
        raise Unacceptable(ErrorCode.VALUE, "Classe I, O, E, R, P ou N attendue.", "PV1-2")
    return PatientClass(said)


def _kind(original: str, event: str) -> MovementKind:
    # What corrects or takes back names the event that first told the movement.
    said = original or CANCELS.get(event, event)
    if event == "A11" and said not in _ENTRIES:
        said = "A01"
    if said not in MovementKind.values:
        raise Unacceptable(ErrorCode.VALUE, "Événement d’origine A01 à A07 attendu.", "ZBE-6")
    return MovementKind(said)


def _number(zbe: Segment) -> str:
    number = zbe.component(1)
    if not number:
        raise Unacceptable(ErrorCode.REQUIRED, "Identifiant de mouvement absent.", "ZBE-1")
    authority = zbe.component(1, 2)
    whole = f"{number}^{authority}" if authority else number
    if len(whole) > 150:
        raise Unacceptable(ErrorCode.TYPE, "Identifiant de mouvement trop long.", "ZBE-1")
    return whole


def _started_at(message: Message, zbe: Segment) -> datetime:
    at = moment(zbe.component(2), "ZBE-2")
    if at is None:
        evn = message.first("EVN")
        at = moment(evn.component(6), "EVN-6") if evn else None
    if at is None:
        raise Unacceptable(ErrorCode.REQUIRED, "Date du mouvement absente.", "ZBE-2")
    return at


def _unit(zbe: Segment, pv1: Segment, late: int) -> str:
    """Return the unit where the person is cared for: its label, else where PV1-3 points to."""
    return (zbe.component(8 + late) or zbe.component(7 + late) or pv1.component(3))[:100]
