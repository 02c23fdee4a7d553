"""The documents that a message carries (CI-SIS: documents CDA en HL7 v2 2.1, LPS-MSS 1.1).

MDM^T02 sends, T10 replaces, T04 cancels; in ORU^R01 the order (ORC-1) says it, else the result
(OBX-11). The document is the Base64 of an OBX of type ED whose code is not that of a mail's body.
"""

import base64
import binascii
import re
from dataclasses import dataclass
from enum import StrEnum

from carbet.interop.hospital_feed.choices import ErrorCode
from carbet.interop.hospital_feed.rules.header import Unacceptable
from carbet.interop.hospital_feed.rules.reading import Message, Segment, part

MOST_DOCUMENTS = 20
MAIL_BODIES = frozenset({"CORPSMAIL_PS", "CORPSMAIL_PATIENT"})
_SPACES = re.compile(r"[\s\x00]+|\\\.br\\|\\X0[AD]\\")
_OID = re.compile(r"[0-2](?:\.(?:0|[1-9]\d*))+")


class Action(StrEnum):
    """What a message asks of the documents that it carries."""

    NEW = "new"
    REPLACE = "replace"
    CANCEL = "cancel"


_BY_EVENT = {"T02": Action.NEW, "T10": Action.REPLACE, "T04": Action.CANCEL}
_BY_ORDER = {
    "NW": Action.NEW,
    "OK": Action.NEW,
    "RO": Action.REPLACE,
    "RP": Action.REPLACE,
    "CA": Action.CANCEL,
    "OC": Action.CANCEL,
}
_BY_RESULT = {"F": Action.NEW, "C": Action.REPLACE, "D": Action.CANCEL}


@dataclass(frozen=True)
class Carried:
    """One document of a message: where it is ("OBX-5", the second OBX being 2), type, bytes."""

    rank: int
    action: Action
    type: str
    label: str
    data: bytes


@dataclass(frozen=True)
class DocumentsRead:
    """What a message says of the documents that it carries.

    `identifier` and `replaces` are TXA-12 and TXA-13; `order`, the number that the sender gave to
    the order (ORC-3), stands for them in a result.
    """

    carried: list[Carried]
    identifier: str
    replaces: str
    order: str
    author: str
    hidden_from_professionals: bool
    hidden_from_person: bool
    # Its sender awaits a receipt of business (ZAM).
    wants_receipt: bool = False
    wants_reading: bool = False
    # It wants it in the shared record (DMP) too.
    for_shared_record: bool = False


def read(message: Message, event: str) -> DocumentsRead:
    """Return the documents of a message.

    Raises:
        Unacceptable: none, too many, spoilt, or a message that contradicts itself.
    """
    orders = message.first("ORC")
    results = [each for each in message.all("OBX") if _is_document(each)]
    if not results:
        raise Unacceptable(ErrorCode.SEGMENT, "Aucun document (OBX de type ED).", "OBX")
    if len(results) > MOST_DOCUMENTS:
        raise Unacceptable(ErrorCode.SEGMENT, f"Plus de {MOST_DOCUMENTS} documents.", "OBX")
    order = orders.component(1).upper() if orders else ""
    asked = _asked(event, order)
    txa = message.first("TXA")
    if event in _BY_EVENT and txa is None:
        raise Unacceptable(ErrorCode.SEGMENT, "Segment TXA absent.", "TXA")
    said = yes_or_no(message)
    return DocumentsRead(
        carried=[_carried(each, rank, asked) for rank, each in enumerate(results, 1)],
        identifier=_entity(txa, 12) if txa else "",
        replaces=_entity(txa, 13) if txa else "",
        order=orders.component(3) if orders else "",
        author=_author(message),
        hidden_from_professionals=said.get("MASQUE_PS", False),
        hidden_from_person=said.get("INVISIBLE_PATIENT", False),
        wants_receipt=said.get("ACK_RECEPTION", False),
        wants_reading=said.get("ACK_LECTURE_MSS", False),
        for_shared_record=said.get("DESTDMP", False),
    )


def decoded(text: str, place: str) -> bytes:
    """Return the bytes of a Base64 text; its padding may be left out, lines may be broken.

    Raises:
        Unacceptable: it is no Base64, or it was cut.
    """
    plain = _SPACES.sub("", text).rstrip("=")
    try:
        data = base64.b64decode(plain + "=" * (-len(plain) % 4), validate=True)
    except (binascii.Error, ValueError) as error:
        raise Unacceptable(ErrorCode.TYPE, "Base64 abîmé ou coupé.", place) from error
    if not data:
        raise Unacceptable(ErrorCode.REQUIRED, "Document vide.", place)
    return data


def identities(identifier: str) -> list[str]:
    """Return an identifier of TXA as documents bear it, the likeliest first.

    TXA-12 writes an OID and its extension in one text: "1.2.250.1.71.4.2.2.120456789.A71".
    """
    if not identifier:
        return []
    root, dot, last = identifier.rpartition(".")
    found = [f"urn:oid:{identifier}"] if _OID.fullmatch(identifier) else []
    if dot and _OID.fullmatch(root):
        found.append(f"urn:oid:{root}^{last}")
    return found


def _entity(segment: Segment, number: int) -> str:
    """Return an identifier (EI) in one text, its OID before it: "58132^^1.2.250.9^ISO" as well."""
    value, root = segment.component(number), segment.component(number, 3)
    return f"{root}.{value}" if value and _OID.fullmatch(root) else value


def _is_document(obx: Segment) -> bool:
    if obx.component(2).upper() != "ED":
        return False
    code = obx.component(3)
    # A mail's subject and body: "1^XDM/1.0/DDM+…", CORPSMAIL_PS.
    return code not in MAIL_BODIES and not obx.component(3, 2).startswith("XDM/")


def _asked(event: str, order: str) -> Action | None:
    by_event, by_order = _BY_EVENT.get(event), _BY_ORDER.get(order)
    if by_event and by_order and by_event != by_order:
        raise Unacceptable(ErrorCode.VALUE, f"Cet ordre contredit l’événement {event}.", "ORC-1")
    return by_event or by_order


def _carried(obx: Segment, rank: int, asked: Action | None) -> Carried:
    result = _BY_RESULT.get(obx.component(11).upper())
    action = asked or result or Action.NEW
    if obx.component(5, 4).upper() not in ("BASE64", ""):
        raise Unacceptable(ErrorCode.VALUE, "Base64 attendu.", "OBX-5.4")
    return Carried(
        rank=rank,
        action=action,
        type=obx.component(3)[:40],
        label=obx.component(3, 2)[:200],
        data=decoded(obx.component(5, 5), "OBX-5"),
    )


def _author(message: Message) -> str:
    """Return who sends (PRT of code SB), with her structure; else the author that TXA names."""
    for prt in message.all("PRT"):
        if prt.component(4).upper() == "SB":
            who, place = prt.repetitions(5), prt.component(8)
            name = f"{part(who[0], 3)} {part(who[0], 2)}".strip() if who else ""
            return ", ".join(filter(None, (name, place)))[:200]
    return ""


def yes_or_no(message: Message) -> dict[str, bool]:
    """Return the answers of the message's own questions (MetaDMPMSS): code to yes or no."""
    return {
        obx.component(3): obx.component(5).upper() == "Y"
        for obx in message.all("OBX")
        if obx.component(2).upper() in ("CWE", "CE")
    }
