"""The first segment of a message, read as it arrives: who sends what, in which encoding.

Everything here is quick: it runs between the arrival of a message and its acknowledgement.
"""

import hashlib
import re
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from zoneinfo import ZoneInfo

from carbet.interop.hospital_feed.choices import ErrorCode

SEPARATORS = ("^~\\&", "^~\\&#")
# The tilde of a word processor, in a MSH-2 otherwise right: official examples (ORU, volet 2.0) have
# it. Such a message is read as if it had typed the other.
_SMALL_TILDE = "\u02dc"
_WORD_PROCESSED = f"MSH|^{_SMALL_TILDE}\\&".encode()
# HL7 table 0211 as the French profiles use it, and what Python calls them.
ENCODINGS = {
    "UNICODE UTF-8": "utf-8",
    "UNICODE": "utf-8",
    "ASCII": "ascii",
    "8859/1": "iso8859-1",
    "8859/15": "iso8859-15",
}
# Every event by type: those that change something here, and those that we take and leave alone.
STAYS = frozenset({"A01", "A02", "A03", "A04", "A05", "A06", "A07", "A11", "A12", "A13", "Z99"})
IDENTITIES = frozenset({"A24", "A28", "A31", "A37", "A40", "A47"})
UNUSED = frozenset(
    {
        "A14",
        "A16",
        "A21",
        "A22",
        "A25",
        "A26",
        "A27",
        "A38",
        "A44",
        "A52",
        "A53",
        "A54",
        "A55",
        "Z80",
        "Z81",
        "Z82",
        "Z83",
        "Z84",
        "Z85",
    }
)
EVENTS = {
    "ADT": STAYS | IDENTITIES | UNUSED | {"A08"},
    "MDM": frozenset({"T02", "T04", "T10"}),
    "ORU": frozenset({"R01"}),
    "ZAM": frozenset({"Z01", "Z02", "Z03"}),
    "QBP": frozenset({"Q22", "Q23"}),
    "QCN": frozenset({"J01"}),
}
# What is asked and answered at once, never kept.
QUESTIONS = frozenset({"QBP", "QCN"})
# Messages of business that need no person, so that nothing waits for nothing.
LONGEST_ID = 199
_IDENTIFIED = re.compile(rb"(?:^|[\r\n])(?:PID\|[^|\r\n]*\|[^|\r\n]*|MRG)\|([^|\r\n]*)")
_READ = 1024 * 1024
CAYENNE = ZoneInfo("America/Cayenne")
# "QPD-3[2].1": segment, field, repetition, component, its part.
_PLACE = re.compile(r"(\w{3})-(\d+)(?:\[(\d+)\])?(?:\.(\d+)(?:\.(\d+))?)?")


class Unacceptable(Exception):
    """What arrived cannot be taken in; answered AR with `code`, at `place` ("MSH-9")."""

    def __init__(self, code: ErrorCode, message: str, place: str = "MSH") -> None:
        super().__init__(message)
        self.code, self.message, self.place = code, message, place


@dataclass(frozen=True, slots=True)
class Header:
    """MSH, as far as it could be read: every field may be empty when `fault` says why."""

    application: str = ""
    facility: str = ""
    to_application: str = ""
    to_facility: str = ""
    sent_at: str = ""
    type: str = ""
    event: str = ""
    control_id: str = ""
    processing: str = ""
    version: str = ""
    charset: str = ""
    profile: str = ""
    fault: Unacceptable | None = None

    @property
    def answers(self) -> bool:
        """Tell whether to answer: an acknowledgement is never acknowledged."""
        return self.type not in ("ACK", "MCF")

    @property
    def is_question(self) -> bool:
        """Tell whether it asks something that we answer: read at once, never carried out later."""
        return self.fault is None and self.type in QUESTIONS


def read(data: bytes, *, production: bool) -> Header:
    """Return the header of a message; its `fault` says why it cannot be taken in.

    Args:
        production: test messages (MSH-11 other than P) are refused.
    """
    if not data.startswith(b"MSH"):
        return Header(
            fault=Unacceptable(ErrorCode.SEGMENT, "Le message ne commence pas par MSH.", "MSH-1")
        )
    line = re.split(rb"[\r\n]", data[:8192], maxsplit=1)[0]
    if line[3:4] != b"|":
        return Header(
            fault=Unacceptable(ErrorCode.TYPE, "Séparateur de champs « | » attendu.", "MSH-1")
        )
    # The encoding of the line is said within it: what says so is ASCII.
    charset = _first(line.split(b"|")[17:18]).strip()
    fields = ["MSH", "|", *line.decode(ENCODINGS.get(charset, "utf-8"), "replace").split("|")[1:]]
    fields += [""] * (25 - len(fields))
    said = fields[9].split("^")
    header = Header(
        application=_name(fields[3]),
        facility=_name(fields[4]),
        to_application=_name(fields[5]),
        to_facility=_name(fields[6]),
        sent_at=fields[7][:26],
        type=said[0].strip()[:8],
        event=said[1].strip()[:8] if len(said) > 1 else "",
        control_id=fields[10].strip()[:LONGEST_ID],
        processing=fields[11].split("^")[0].strip()[:3],
        version=fields[12].split("^")[0].strip()[:10],
        charset=charset[:30],
        profile=fields[21].split("~")[0][:100],
    )
    return _judged(header, fields, production=production)


def _judged(header: Header, fields: list[str], *, production: bool) -> Header:
    fault = None
    if fields[2].replace(_SMALL_TILDE, "~") not in SEPARATORS:
        fault = Unacceptable(
            ErrorCode.TYPE, "Caractères d’encodage « ^~\\& » attendus en MSH-2.", "MSH-2"
        )
    elif "\x00" in "".join(fields):
        fault = Unacceptable(ErrorCode.TYPE, "Caractère nul dans l’en-tête.", "MSH")
    elif not header.type:
        fault = Unacceptable(ErrorCode.REQUIRED, "Type de message absent.", "MSH-9")
    elif not header.control_id:
        fault = Unacceptable(ErrorCode.REQUIRED, "Identifiant du message absent.", "MSH-10")
    elif len(fields[10].strip()) > LONGEST_ID:
        fault = Unacceptable(ErrorCode.TYPE, "Identifiant du message trop long.", "MSH-10")
    elif header.type not in EVENTS:
        fault = Unacceptable(
            ErrorCode.MESSAGE_TYPE, f"Type {shown(header.type)} non pris en charge.", "MSH-9.1"
        )
    elif header.event not in EVENTS[header.type]:
        fault = Unacceptable(
            ErrorCode.EVENT,
            f"Événement {header.type}^{shown(header.event)} non pris en charge.",
            "MSH-9.2",
        )
    elif not re.fullmatch(r"2\.[3-8](\.\d)?", header.version):
        fault = Unacceptable(ErrorCode.VERSION, "Version 2.3 à 2.8 attendue.", "MSH-12.1")
    elif header.charset and header.charset not in ENCODINGS:
        fault = Unacceptable(
            ErrorCode.VALUE, f"Jeu de caractères {shown(header.charset)} inconnu.", "MSH-18"
        )
    elif header.processing not in ("P", "D", "T"):
        fault = Unacceptable(ErrorCode.VALUE, "MSH-11 = P, D ou T attendu.", "MSH-11")
    elif production and header.processing != "P":
        fault = Unacceptable(
            ErrorCode.PROCESSING, "Message d’essai : MSH-11 = P attendu en production.", "MSH-11"
        )
    if fault is None:
        return header
    values = {name: getattr(header, name) for name in Header.__slots__} | {"fault": fault}
    return Header(**{name: _plain(value) for name, value in values.items()})


def text_of(data: bytes, charset: str) -> str:
    """Return a message as text. What says no encoding is UTF-8, or Latin-9 when it cannot be.

    Raises:
        Unacceptable: the bytes are not what the message says that they are.
    """
    if _is_utf8_said_latin(data, charset):
        raise Unacceptable(
            ErrorCode.TYPE, f"Le message se dit en {charset} et est en UTF-8.", "MSH-18"
        )
    try:
        return _straight(data).decode(ENCODINGS.get(charset, "utf-8"))
    except UnicodeDecodeError as error:
        if not charset:
            return data.decode("iso8859-15")
        raise Unacceptable(
            ErrorCode.TYPE,
            f"Le message se dit en {charset} et ne l’est pas (octet {error.start}).",
            "MSH-18",
        ) from error


def _is_utf8_said_latin(data: bytes, charset: str) -> bool:
    """Tell whether a message said in Latin is UTF-8: "HÉRARD" would be kept as "HÃ‰RARD".

    No French text in Latin is UTF-8 by chance: each accent would stand before a sign of control.
    """
    if not ENCODINGS.get(charset, "").startswith("iso8859") or data.isascii():
        return False
    try:
        data.decode("utf-8")
    except UnicodeDecodeError:
        return False
    return True


def _straight(data: bytes) -> bytes:
    """Return a message with the separators that HL7 means."""
    if not data.startswith(_WORD_PROCESSED):
        return data
    return data.replace(_SMALL_TILDE.encode(), b"~")


def order_keys(data: bytes, *, facility: str) -> list[int]:
    """Return what orders a message among those of the same persons: one key an identifier.

    Identifiers of PID-3 and MRG-1, hashed: an INS counts alone, a local number with its facility.
    """
    keys = set()
    for field in _IDENTIFIED.findall(_straight(data[:_READ])):
        for each in field.split(b"~"):
            parts = each.split(b"^") + [b""] * 5
            if not parts[0].strip():
                continue
            is_ins = parts[4].startswith(b"INS") or b"1.2.250.1.213.1.4." in parts[3]
            scope = b"INS" if is_ins else facility.encode() + b"^" + parts[3]
            digest = hashlib.blake2b(scope + b"^" + parts[0].strip(), digest_size=8).digest()
            keys.add(int.from_bytes(digest, "big") >> 1)
    return sorted(keys)[:50]


def acknowledgement(
    header: Header, *, code: str, number: str, now: datetime, fault: Unacceptable | None = None
) -> bytes:
    """Return the answer to a message: AA taken, AE wrong, AR refused (HL7 v2.5, chapter 2.9).

    Args:
        number: what we call our answer (MSH-10), at most 20 characters.
    """
    kind = f"ACK^{header.event}^ACK" if header.event else "ACK"
    lines = [
        first_line(header, kind=kind, number=number, now=now),
        f"MSA|{code}|{escaped(header.control_id)}",
    ]
    if fault is not None:
        lines.append(error_line(fault))
    return encoded(lines, header)


def first_line(header: Header, *, kind: str, number: str, now: datetime) -> str:
    """Return the MSH of an answer: from whom it was sent to, to whom sent it."""
    return "|".join(
        (
            "MSH",
            "^~\\&",
            escaped(header.to_application) or "CARBET",
            escaped(header.to_facility) or "CARBET",
            escaped(header.application),
            escaped(header.facility),
            f"{now.astimezone(CAYENNE):%Y%m%d%H%M%S%z}",
            "",
            escaped(kind, keep="^"),
            number[:20],
            header.processing or "P",
            header.version or "2.5",
            *("", "", "", ""),
            "FRA",
            header.charset or "UNICODE UTF-8",
        )
    )


def error_line(fault: Unacceptable) -> str:
    """Return the ERR that says a fault, with its exact place."""
    said, label = escaped(fault.message), escaped(fault.code.label)
    return (
        f"ERR||{'^'.join(_place(fault.place))}|{fault.code.value}^{label}^HL70357|E|"
        f"{fault.code.value}^{label}^HL70533||{said}|{said}"
    )


def encoded(lines: Iterable[str], header: Header) -> bytes:
    """Return segments as bytes, in the encoding of the message that they answer."""
    encoding = ENCODINGS.get(header.charset, "utf-8")
    return ("\r".join(lines) + "\r").encode(encoding, "replace")


def _place(place: str) -> list[str]:
    """Return ERR-2 (segment, sequence, field, repetition, component) of "QPD-3[2].1"."""
    found = _PLACE.fullmatch(place)
    if found is None:
        return [place.partition("-")[0]]
    segment, number, repetition, component, part = found.groups()
    said = [segment, "1", number]
    if repetition or component:
        said += [repetition or "1", *filter(None, (component, part))]
    return said


def escaped(text: str, *, keep: str = "") -> str:
    """Return a text as a field may hold it (HL7 v2.5, chapter 2.7)."""
    escapes = {"\\": "\\E\\", "|": "\\F\\", "^": "\\S\\", "~": "\\R\\", "&": "\\T\\"}
    plain = re.sub(r"[\x00-\x1f\x7f]", " ", text)
    return "".join(sign if sign in keep else escapes.get(sign, sign) for sign in plain)


def _first(found: list[bytes]) -> str:
    return found[0].split(b"~")[0].decode("ascii", "replace") if found else ""


def _name(field: str) -> str:
    """Return the first component of a hierarchic designator (HD)."""
    return field.split("^")[0].strip()[:100]


def shown(text: str) -> str:
    """Return what was sent, as a refusal may say it."""
    return re.sub(r"[^\w./ -]", "?", text)[:12] or "vide"


def _plain(value: object) -> object:
    return value.replace("\x00", "\ufffd") if isinstance(value, str) else value
