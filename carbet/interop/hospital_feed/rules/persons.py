"""The person that a message names (PID, MRG): identifiers and strict traits, never judged here."""

from dataclasses import dataclass, field
from datetime import date

from carbet.interop.hospital_feed.choices import ErrorCode
from carbet.interop.hospital_feed.rules.header import Unacceptable
from carbet.interop.hospital_feed.rules.reading import Message, Segment, day, part

INS_OIDS = frozenset(f"1.2.250.1.213.1.4.{last}" for last in (8, 9, 10, 11))
GENDERS = {"F": "female", "M": "male"}
# PID-32: an INS beside one of these is qualified (VALI with an INS in every French example).
QUALIFIED = frozenset({"VALI", "QUAL"})


@dataclass(frozen=True)
class Number:
    """A local number (CX) with who gave it: namespace, universal identifier and its type."""

    value: str
    namespace: str = ""
    authority: str = ""
    authority_type: str = ""

    @property
    def oid(self) -> str:
        """The OID of its domain, empty when its authority is named otherwise (FINESS, a name)."""
        return self.authority if self.authority[:2] in ("1.", "2.") else ""


@dataclass(frozen=True)
class PersonRead:
    """One person as a message names her. An INS is (system, value), a number (authority, value)."""

    ins: list[tuple[str, str]]
    numbers: list[tuple[str, str]]
    family: str
    given: str
    birth_date: date | None
    gender: str
    qualified: bool
    # The same numbers, with all that is said of who gave them.
    local: list[Number] = field(default_factory=list)


def read(pid: Segment) -> PersonRead:
    """Return the person of a PID segment.

    Raises:
        Unacceptable: no identifier at all, or a date that is none.
    """
    ins, numbers = identifiers(pid, 3)
    if not ins and not numbers:
        raise Unacceptable(ErrorCode.REQUIRED, "Aucun identifiant de la personne.", "PID-3")
    family, given = _birth_name(pid)
    return PersonRead(
        ins=ins,
        numbers=numbers,
        family=family,
        given=given,
        birth_date=day(pid.component(7), "PID-7"),
        gender=GENDERS.get(pid.component(8).upper(), ""),
        qualified=bool({part(each, 1).upper() for each in pid.repetitions(32)} & QUALIFIED),
        local=numbers_of(pid, 3),
    )


def of(message: Message) -> PersonRead:
    """Return the first person that a message names.

    Raises:
        Unacceptable: none.
    """
    return read(message.required("PID"))


def identifiers(
    segment: Segment, number: int
) -> tuple[list[tuple[str, str]], list[tuple[str, str]]]:
    """Return the INS and the local numbers of a field of identifiers (CX).

    Raises:
        Unacceptable: one of them is too long to be one.
    """
    ins, numbers = [], []
    for each in segment.repetitions(number)[:20]:
        value, oid = part(each, 1), part(each, 4, 2)
        if not value:
            continue
        if len(value) > 100:
            raise Unacceptable(ErrorCode.TYPE, "Identifiant trop long.", f"{segment.name}-{number}")
        if oid in INS_OIDS:
            ins.append((f"urn:oid:{oid}", value.replace(" ", "").upper()))
        elif part(each, 5) in ("", "PI", "MR", "PN"):
            numbers.append((part(each, 4)[:60] or oid[:60], value))
    return ins, numbers


def numbers_of(segment: Segment, number: int) -> list[Number]:
    """Return the local numbers of a field of identifiers (CX), the INS left aside."""
    return [
        Number(part(each, 1), part(each, 4)[:60], part(each, 4, 2), part(each, 4, 3))
        for each in segment.repetitions(number)[:20]
        if part(each, 1)
        and part(each, 4, 2) not in INS_OIDS
        and part(each, 5) in ("", "PI", "MR", "PN")
    ]


def _birth_name(pid: Segment) -> tuple[str, str]:
    names = pid.repetitions(5)
    birth = next((each for each in names if part(each, 7) == "L"), None)
    chosen = birth or (names[0] if names else [])
    return part(chosen, 1), part(chosen, 2)
