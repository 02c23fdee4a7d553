"""A message read whole: segments, fields, components, whatever is missing is an empty text."""

from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta

import hl7

from carbet.interop.hospital_feed.choices import ErrorCode
from carbet.interop.hospital_feed.rules.header import CAYENNE, Unacceptable

_MOST_SEGMENTS = 5000


class Segment:
    """One segment: `field(3)`, `component(3, 4)`, `repetitions(3)`."""

    def __init__(self, parsed: hl7.Segment) -> None:
        self._parsed = parsed

    @property
    def name(self) -> str:
        return str(self._parsed[0])

    def field(self, number: int) -> str:
        """Return a field as it was sent, escapes undone, its components still together."""
        return str(self._parsed[number]) if number < len(self._parsed) else ""

    def repetitions(self, number: int) -> list[list[list[str]]]:
        """Return the repetitions of a field, each a list of components, each of subcomponents."""
        if number >= len(self._parsed):
            return []
        return [_components(repetition) for repetition in self._parsed[number]]

    def component(self, number: int, component: int = 1, subcomponent: int = 1) -> str:
        """Return a component of the first repetition, escapes undone."""
        for repetition in self.repetitions(number)[:1]:
            return part(repetition, component, subcomponent)
        return ""


def part(repetition: list[list[str]], component: int, subcomponent: int = 1) -> str:
    """Return a component of one repetition; two double quotes, "delete this", are an empty text."""
    if component > len(repetition) or subcomponent > len(repetition[component - 1]):
        return ""
    text = unescaped(repetition[component - 1][subcomponent - 1].strip())
    return "" if text == '""' else text


def _components(repetition: object) -> list[list[str]]:
    if not isinstance(repetition, hl7.Repetition):
        return [[str(repetition)]]
    return [
        [str(sub) for sub in each] if isinstance(each, hl7.Component) else [str(each)]
        for each in repetition
    ]


def unescaped(text: str) -> str:
    """Return a text with the escapes of HL7 v2 undone (chapter 2.7)."""
    if "\\" not in text:
        return text
    for escape, sign in (
        ("\\F\\", "|"), ("\\S\\", "^"), ("\\T\\", "&"), ("\\R\\", "~"), ("\\.br\\", "\n"),
        ("\\E\\", "\\"),
    ):  # fmt: skip
        text = text.replace(escape, sign)
    return text


@dataclass(frozen=True)
class Message:
    """A message, as its segments in order."""

    segments: list[Segment] = field(default_factory=list)

    def all(self, name: str) -> list[Segment]:
        """Return every segment of a name."""
        return [segment for segment in self.segments if segment.name == name]

    def first(self, name: str) -> Segment | None:
        """Return the first segment of a name, or None."""
        return next(iter(self.all(name)), None)

    def required(self, name: str) -> Segment:
        """Return the first segment of a name.

        Raises:
            Unacceptable: there is none.
        """
        found = self.first(name)
        if found is None:
            raise Unacceptable(ErrorCode.SEGMENT, f"Segment {name} absent.", name)
        return found

    def after(self, name: str) -> Iterator[tuple[Segment, list[Segment]]]:
        """Yield each segment of a name with those that follow it, up to the next of that name."""
        at = [rank for rank, segment in enumerate(self.segments) if segment.name == name]
        for begins, ends in zip(at, [*at[1:], len(self.segments)], strict=True):
            yield self.segments[begins], self.segments[begins + 1 : ends]


def parse(text: str) -> Message:
    """Return a message read; lines may end by CR, LF or both, as files have them.

    Raises:
        Unacceptable: no message, too many segments, or a null character.
    """
    if "\x00" in text:
        raise Unacceptable(ErrorCode.TYPE, "Caractère nul dans le message.", "MSH")
    lines = [line for line in text.replace("\r\n", "\r").replace("\n", "\r").split("\r") if line]
    if len(lines) > _MOST_SEGMENTS:
        raise Unacceptable(ErrorCode.SEGMENT, f"Plus de {_MOST_SEGMENTS} segments.", "MSH")
    for line in lines:
        if not (line[:3].isalnum() and line[:3].isascii() and line[3:4] in ("|", "")):
            raise Unacceptable(ErrorCode.SEGMENT, "Une ligne n’est pas un segment.", "MSH")
    try:
        parsed = hl7.parse("\r".join(lines) + "\r")
    except Exception as error:
        # The library says what it could not read by errors of every kind.
        raise Unacceptable(ErrorCode.SEGMENT, "Message illisible.", "MSH") from error
    return Message([Segment(each) for each in parsed])


def moment(text: str, place: str) -> datetime | None:
    """Return an HL7 date and time, YYYYMMDD[HHMM[SS]][±ZZZZ]; the territory's without a zone.

    Raises:
        Unacceptable: it is no moment.
    """
    if not text:
        return None
    said, sign, offset = text, "", ""
    for sign in "+-":
        if sign in text[8:]:
            said, _, offset = text.partition(sign)
            break
    digits = said.partition(".")[0]
    wrong = Unacceptable(ErrorCode.TYPE, "Date et heure attendues : AAAAMMJJHHMM.", place)
    shapes = {8: "%Y%m%d", 10: "%Y%m%d%H", 12: "%Y%m%d%H%M", 14: "%Y%m%d%H%M%S"}
    if len(digits) not in shapes or not digits.isascii() or not digits.isdigit():
        raise wrong
    try:
        at = datetime.strptime(digits, shapes[len(digits)])  # noqa: DTZ007 - its zone follows
        if not offset:
            return at.replace(tzinfo=CAYENNE)
        if len(offset) != 4 or not offset.isdigit() or int(offset) > 1400:
            raise wrong
        shift = timedelta(hours=int(offset[:2]), minutes=int(offset[2:]))
        shifted = at - shift if sign == "+" else at + shift
        return shifted.replace(tzinfo=UTC)
    except (ValueError, OverflowError):
        raise wrong from None


def day(text: str, place: str) -> date | None:
    """Return an HL7 date (YYYYMMDD, more is left aside), None when unknown or partial.

    Raises:
        Unacceptable: it is no date.
    """
    if len(text) < 8:
        return None
    found = moment(text[:8], place)
    return found.date() if found else None
