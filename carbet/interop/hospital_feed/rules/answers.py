"""The answer to a question of a hospital (RSP^K22, RSP^K23, HL7 v2.5): segments, in order."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from carbet.interop.hospital_feed.rules import header as headers
from carbet.interop.hospital_feed.rules.asking import CANCEL, Question
from carbet.interop.hospital_feed.rules.header import Header, Unacceptable, escaped
from carbet.interop.hospital_feed.rules.persons import Number

_TYPES = {"Q22": "RSP^K22^RSP_K21", "Q23": "RSP^K23^RSP_K23", CANCEL: "ACK^J01^ACK"}


@dataclass(frozen=True)
class Told:
    """One person as she is told: her numbers (value, type), and her traits unless only numbers."""

    numbers: Sequence[tuple[Number, str]]
    traits: "Traits | None" = None


@dataclass(frozen=True)
class Traits:
    """Names are (family, first, list of first names, type); the date as far as it is known."""

    names: Sequence[tuple[str, str, str, str]]
    birth_date: str
    gender: str
    birth_place: tuple[str, str] = ("", "")
    address: tuple[str, str, str] = ("", "", "")
    phone: str = ""
    deceased_on: str = ""
    # Of the RNIV, then its attributes (PID-32).
    statuses: Sequence[str] = ()


@dataclass(frozen=True)
class Answer:
    """What is answered: `status` OK, NF, AE or AR; `code` AA, AE or AR; hits in all and left."""

    code: str
    status: str
    faults: Sequence[Unacceptable] = ()
    told: Sequence[Told] = ()
    hits: int = 0
    left: int = 0
    pointer: str = ""


def written(
    header: Header, question: Question, answer: Answer, *, number: str, now: datetime
) -> bytes:
    """Return an answer as it travels, in the encoding of the question.

    Args:
        number: what we call our answer (MSH-10).
    """
    kind = _TYPES[question.event]
    lines = [
        headers.first_line(header, kind=kind, number=number, now=now),
        f"MSA|{answer.code}|{escaped(header.control_id)}",
        *(headers.error_line(fault) for fault in answer.faults[:20]),
    ]
    if question.event != CANCEL:
        here = len(answer.told)
        counts = f"|{answer.hits}|{here}|{answer.left}" if answer.code == "AA" else ""
        # The name comes back as it came: a text of ours would be another question.
        lines.append(f"QAK|{escaped(question.tag)}|{answer.status}|{question.name}{counts}")
        lines.append(question.said or f"QPD|{question.name}|{escaped(question.tag)}")
        lines += [pid(rank, each) for rank, each in enumerate(answer.told, start=1)]
        if answer.pointer:
            lines.append(f"DSC|{answer.pointer}|I")
    return headers.encoded(lines, header)


def pid(rank: int, told: Told) -> str:
    """Return the PID segment of a person."""
    fields = [""] * 33
    fields[0] = str(rank)
    fields[2] = "~".join(_number(number, kind) for number, kind in told.numbers)
    if told.traits is None:
        # ITI-9: no name is told with numbers; the second repetition says that it is left out.
        fields[4] = "~^^^^^^S"
        return "PID|" + "|".join(fields).rstrip("|")
    traits = told.traits
    fields[4] = "~".join(
        f"{escaped(family)}^{escaped(first)}^{escaped(listed)}^^^^{kind}"
        for family, first, listed, kind in traits.names
    )
    fields[6], fields[7] = traits.birth_date.replace("-", ""), traits.gender
    places = []
    if any(traits.address):
        line, city, postal = map(escaped, traits.address)
        places.append(f"{line}^^{city}^^{postal}^^H")
    if any(traits.birth_place):
        code, name = map(escaped, traits.birth_place)
        places.append(f"^^{name}^^^^BDL^^{code}")
    fields[10] = "~".join(places)
    if traits.phone:
        fields[12] = f"^PRN^PH^^^^^^^^^{escaped(traits.phone)}"
    if traits.deceased_on:
        fields[28], fields[29] = traits.deceased_on.replace("-", ""), "Y"
    fields[31] = "~".join(map(escaped, traits.statuses))
    return "PID|" + "|".join(fields).rstrip("|")


def _number(number: Number, kind: str) -> str:
    authority = "&".join(
        map(escaped, (number.namespace, number.authority, number.authority_type))
    ).rstrip("&")
    return f"{escaped(number.value)}^^^{authority}^{kind}"
