"""An identity as a hospital tells it (ITI-30, PAM-FR 2.11): numbers, traits, quality."""

from dataclasses import dataclass, fields, replace
from datetime import date, datetime

from carbet.interop.hospital_feed.choices import ErrorCode
from carbet.interop.hospital_feed.rules.header import Unacceptable
from carbet.interop.hospital_feed.rules.persons import GENDERS, INS_OIDS, Number, numbers_of
from carbet.interop.hospital_feed.rules.reading import Message, Segment, day, moment, part
from carbet.registries.identity.rules import Traits

# PID-32 (HL7 table 0445 as PAM-FR has it): the two axes of the RNIV, and what is no status.
_CHECKED, _RECOVERED = frozenset({"VALI", "QUAL"}), frozenset({"RECUP", "QUAL"})
_STATUSES = frozenset({"PROV", "VALI", "RECUP", "QUAL"})
_ATTRIBUTES = frozenset({"DOUT", "FICT", "HOMA", "HOMD", "DPOT", "DOUA", "COLP", "COLV"})
_LONGEST = 100


@dataclass(frozen=True)
class IdentityRead:
    """What a PID says of one person."""

    numbers: list[Number]
    traits: Traits
    ins: str = ""
    ins_system: str = ""


@dataclass(frozen=True)
class MergeRead:
    """One merge, or change of number: the number that stays, the one that goes."""

    pid: Segment
    stays: Number
    goes: Number


def read(pid: Segment) -> IdentityRead:
    """Return the identity of a PID segment.

    Raises:
        Unacceptable: no local number, or a trait that cannot be read.
    """
    system, ins = _ins(pid)
    statuses = {part(each, 1).upper() for each in pid.repetitions(32)}
    attributes = _ATTRIBUTES & statuses
    if pid.component(31).upper() == "Y":
        attributes |= {"DOUT"}
    birth_date, precision = _birth(pid)
    family, given, used_family, used_given = _names(pid)
    place, place_name, line, postal, city = _addresses(pid)
    return IdentityRead(
        numbers=local_numbers(pid, 3),
        traits=Traits(
            birth_family=family,
            birth_given=given,
            used_family=used_family,
            used_given=used_given,
            gender=GENDERS.get(pid.component(8).upper(), "unknown"),
            birth_date=birth_date,
            birth_date_precision=precision,
            birth_place_code=place,
            birth_place_name=place_name,
            address_line=line,
            postal_code=postal,
            city=city,
            phones=_phones(pid),
            mother_name=" ".join(filter(None, (pid.component(6, 2), pid.component(6, 1)))),
            deceased_on=day(pid.component(29), "PID-29"),
            # An INS beside VALI is one that INSi gave: every French example says so.
            ins_recovered=bool(_RECOVERED & statuses) or bool(ins and _CHECKED & statuses),
            identity_checked=bool(_CHECKED & statuses),
            attributes=tuple(sorted(attributes)),
        ),
        ins=ins,
        ins_system=system,
    )


def completed(known: Traits, said: Traits) -> Traits:
    """Return what is said of a person, and what was known of her where nothing is said."""
    told = {
        each.name: getattr(said, each.name)
        for each in fields(said)
        if getattr(said, each.name) not in ("", (), None, "unknown")
    }
    if said.birth_date is None:
        told.pop("birth_date_precision", None)
    return replace(known, **told | {"attributes": said.attributes})


def merges(message: Message) -> list[MergeRead]:
    """Return the merges that a message asks (A40, A47): each PID with its MRG.

    Raises:
        Unacceptable: a PID without MRG, or numbers of two domains.
    """
    message.required("PID")
    found = []
    for pid, after in message.after("PID"):
        mrg = next((each for each in after if each.name == "MRG"), None)
        if mrg is None:
            raise Unacceptable(ErrorCode.SEGMENT, "Segment MRG absent.", "MRG")
        stays = local_numbers(pid, 3)
        goes = [_placed(each, stays) for each in local_numbers(mrg, 1)]
        same = next(
            (
                (one, other)
                for one in stays
                for other in goes
                if _authority(one) == _authority(other)
            ),
            None,
        )
        if same is None:
            raise Unacceptable(
                ErrorCode.VALUE, "Les deux numéros ne sont pas du même domaine.", "MRG-1"
            )
        if same[0].value == same[1].value:
            raise Unacceptable(ErrorCode.VALUE, "Les deux numéros sont les mêmes.", "MRG-1")
        found.append(MergeRead(pid, *same))
    return found


def pair_of(message: Message) -> tuple[Number, Number]:
    """Return the two numbers that a message links or parts (A24, A37).

    Raises:
        Unacceptable: there are not two persons, or one has no number.
    """
    pids = message.all("PID")
    if len(pids) != 2:
        raise Unacceptable(ErrorCode.SEGMENT, "Deux segments PID attendus.", "PID")
    one, two = (local_numbers(pid, 3)[0] for pid in pids)
    return one, two


def is_feed(message: Message) -> bool:
    """Tell whether a movement only says who somebody is: IHE's plain identity feed (ITI-8).

    It has no ZBE. The French profile asks for one (PAM-FR): there, its absence is a fault.
    """
    if message.first("ZBE") is not None:
        return False
    msh = message.required("MSH")
    return msh.component(12, 2).upper() != "FRA" and "PAM" not in msh.field(21).upper()


def said_at(message: Message, *, now: datetime) -> datetime:
    """Return when the hospital said it: EVN-2, else MSH-7; never later than it came."""
    for name, field in (("EVN", 2), ("MSH", 7)):
        segment = message.first(name)
        at = moment(segment.component(field), f"{name}-{field}") if segment else None
        if at is not None:
            return min(at, now)
    return now


def local_numbers(segment: Segment, field: int) -> list[Number]:
    """Return the local numbers of a field of identifiers (CX), the INS left aside.

    Raises:
        Unacceptable: there is none, or one is too long.
    """
    place = f"{segment.name}-{field}"
    found = numbers_of(segment, field)
    if not found:
        raise Unacceptable(ErrorCode.REQUIRED, "Numéro local (IPP) absent.", place)
    if any(len(each.value) > _LONGEST or len(each.authority) > _LONGEST for each in found):
        raise Unacceptable(ErrorCode.TYPE, "Identifiant trop long.", place)
    return found


def _placed(number: Number, beside: list[Number]) -> Number:
    """Return a number whose authority is not said as one of the only domain said beside it."""
    only = beside[0] if len({_authority(each) for each in beside}) == 1 else None
    if _authority(number) or only is None:
        return number
    return replace(only, value=number.value)


def _authority(number: Number) -> str:
    return number.authority or number.namespace


def _ins(pid: Segment) -> tuple[str, str]:
    for each in pid.repetitions(3)[:20]:
        oid = part(each, 4, 2)
        if oid in INS_OIDS and (value := part(each, 1).replace(" ", "").upper()):
            return f"urn:oid:{oid}", value
    return "", ""


def _names(pid: Segment) -> tuple[str, tuple[str, ...], str, str]:
    """Return birth name, first names at birth, used name, used first name (PID-5)."""
    names = pid.repetitions(5)
    if not names or not part(names[0], 1):
        raise Unacceptable(ErrorCode.REQUIRED, "Nom de la personne absent.", "PID-5")
    birth = next((each for each in names if part(each, 7) == "L"), names[0])
    used = next((each for each in names if each is not birth and part(each, 7) in "DU"), [])
    first, listed = part(birth, 2), part(birth, 3)
    # The list of first names begins with the first one; some senders leave it out of the list.
    given = [name for name in listed.replace(",", " ").split() if name]
    if first and first.upper() not in listed.upper():
        given = [first, *given]
    elif first and listed.upper().startswith(first.upper()):
        given = [first, *listed[len(first) :].replace(",", " ").split()]
    return part(birth, 1), tuple(given), part(used, 1), part(used, 2)


def _birth(pid: Segment) -> tuple[date | None, str]:
    """Return the date of birth and how far it is known: unknown parts are 00, or left out."""
    text = pid.component(7)[:8]
    digits = text.ljust(8, "0")
    if not text or not digits.isdigit() or not digits.isascii() or digits[:4] == "0000":
        if text and not digits.isdigit():
            raise Unacceptable(ErrorCode.TYPE, "Date attendue : AAAAMMJJ.", "PID-7")
        return None, "day"
    year, month, of_month = digits[:4], digits[4:6], digits[6:8]
    if month == "00":
        return day(f"{year}0101", "PID-7"), "year"
    if of_month == "00":
        return day(f"{year}{month}01", "PID-7"), "month"
    return day(digits, "PID-7"), "day"


def _addresses(pid: Segment) -> tuple[str, str, str, str, str]:
    """Return the place of birth (code, name) and the address (line, postal code, city)."""
    place = place_name = line = postal = city = ""
    for each in pid.repetitions(11)[:10]:
        if part(each, 7) in ("BDL", "N"):
            code = part(each, 9)
            place, place_name = (code if len(code) == 5 else ""), part(each, 3)
        elif not line and not postal and not city:
            line, city, postal = part(each, 1), part(each, 3), part(each, 5)
    return place, place_name, line, postal, city


def _phones(pid: Segment) -> tuple[str, ...]:
    said = [
        part(each, 12) or part(each, 1)
        for number in (13, 14)
        for each in pid.repetitions(number)[:5]
    ]
    return tuple(dict.fromkeys(each for each in said if each and len(each) <= 30))
