"""One field of a message written anew: on its bytes, so that what cannot be read can be mended."""

import re

from carbet.interop.hospital_feed.rules.header import ENCODINGS

# What says who, or holds a document, is for the hospital to send again: nobody changes it here.
MENDABLE = ("EVN", "PV1", "ZBE", "TXA", "OBR")
CHARSET = "MSH-18"
LONGEST_VALUE = 200
_PLACE = re.compile(r"([A-Z][A-Z0-9]{2})-([1-9][0-9]?)(?:\.[0-9]+)*")
_UNWRITABLE = re.compile(r"[\x00-\x1f\x7f\u2028\u2029\ud800-\udfff|]")


class WrongMend(ValueError):
    """The field cannot be written so: a French sentence, and the field of the form."""

    def __init__(self, message: str, field: str) -> None:
        super().__init__(message)
        self.message, self.field = message, field


def place_of(text: str) -> tuple[str, int]:
    """Return the segment and the field number of a place: "ZBE-4", or "ZBE-4.1" for its field.

    Raises:
        WrongMend: it is no place, or one that is not mended here.
    """
    found = _PLACE.fullmatch(text.strip().upper())
    if found is None:
        raise WrongMend("Un segment et un champ, par exemple ZBE-4.", "place")
    segment, number = found[1], int(found[2])
    if f"{segment}-{number}" != CHARSET and segment not in MENDABLE:
        raise WrongMend(
            f"{segment} ne se corrige pas ici : l’établissement doit renvoyer le message."
            f" Se corrigent {', '.join(MENDABLE)} et {CHARSET}.",
            "place",
        )
    return segment, number


def is_mendable(place: str) -> bool:
    """Tell whether what is wrong at a place may be mended here; nothing said is looked for."""
    return not place or place == CHARSET or place.partition("-")[0] in MENDABLE


def mended(data: bytes, *, place: str, value: str, charset: str) -> bytes:
    """Return the message with one whole field of the first segment of a name replaced.

    Raises:
        WrongMend: no such segment, or a value that no message can hold.
    """
    segment, number = place_of(place)
    value = value.strip()
    if _UNWRITABLE.search(value):
        raise WrongMend("Le signe « | » et les signes invisibles ne s’écrivent pas.", "value")
    if len(value) > LONGEST_VALUE:
        raise WrongMend(f"{LONGEST_VALUE} signes au plus.", "value")
    if f"{segment}-{number}" == CHARSET and value not in ENCODINGS:
        raise WrongMend(f"Un de ceux-ci : {', '.join(ENCODINGS)}.", "value")
    try:
        written = value.encode(ENCODINGS.get(charset, "utf-8"))
    except UnicodeEncodeError as error:
        raise WrongMend(
            f"Un signe ne s’écrit pas en {charset}, l’encodage de ce message.", "value"
        ) from error
    lines = re.split(rb"([\r\n]+)", data)
    for rank, line in enumerate(lines):
        if line[:4] == segment.encode() + b"|" or line == segment.encode():
            fields = line.split(b"|")
            # The separator itself is the first field of MSH.
            at = number - 1 if segment == "MSH" else number
            fields += [b""] * (at + 1 - len(fields))
            fields[at] = written
            lines[rank] = b"|".join(fields)
            return b"".join(lines)
    raise WrongMend(f"Ce message n’a pas de segment {segment}.", "place")
