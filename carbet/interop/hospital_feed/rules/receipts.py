"""Receipts of business (ZAM, CI-SIS documents CDA en HL7 v2 2.1): what became of a document sent.

Z01 says that the shared record took it, Z02 that its addressee did, Z03 that somebody read it. The
first OBX says which, of which message (OBX-4, its MSH-10), yes or no; a no says why in ERR-5.
"""

from dataclasses import dataclass
from datetime import datetime

from carbet.interop.hospital_feed.choices import ErrorCode
from carbet.interop.hospital_feed.rules.header import (
    CAYENNE,
    ENCODINGS,
    LONGEST_ID,
    Header,
    Unacceptable,
    escaped,
)
from carbet.interop.hospital_feed.rules.reading import Message, part

# What each event says, in the table AckMetierZAM.
SAID = {
    "Z01": ("ACK_RECEPTION_DMP", "Accusé de réception DMP"),
    "Z02": ("ACK_RECEPTION_MSS", "Accusé de réception MSSanté"),
    "Z03": ("ACK_LECTURE_MSS", "Accusé de lecture"),
}
DEPOSITED, FILED, READ = "Z01", "Z02", "Z03"
_WHO = {
    FILED: "DESTINATAIRE_MSS^Destinataire MSSanté",
    READ: "LECTEUR_MSS^Lecteur du courriel MSSanté",
}
TABLE, YES_NO = "AckMetierZAM", "expandedYes-NoIndicator"
# Where the codes of a refusal are listed: those of the shared record, those of mail.
_ERRORS = {DEPOSITED: "DMPERRORCODE", FILED: "SMTPERRORCODE"}
PROFILE = "2.1^CISIS_CDA_HL7_V2"


@dataclass(frozen=True)
class ReceiptRead:
    """What a receipt says: of which message, of what, whether it went well, else why."""

    original: str
    label: str
    accepted: bool
    error: str


def read(message: Message, event: str) -> ReceiptRead:
    """Return what a receipt says.

    Raises:
        Unacceptable: with the exact place.
    """
    code, label = SAID[event]
    obx = message.required("OBX")
    if obx.component(3) != code:
        raise Unacceptable(ErrorCode.VALUE, f"{code} attendu avec {event}.", "OBX-3")
    original = obx.component(4)
    if not original:
        raise Unacceptable(ErrorCode.REQUIRED, "Message d’origine absent.", "OBX-4")
    if len(original) > LONGEST_ID:
        raise Unacceptable(ErrorCode.TYPE, "Message d’origine trop long.", "OBX-4")
    answer = obx.component(5).upper()
    if answer not in ("Y", "N"):
        raise Unacceptable(ErrorCode.VALUE, "Y ou N attendu.", "OBX-5")
    err = message.first("ERR")
    if answer == "N" and err is None:
        raise Unacceptable(ErrorCode.SEGMENT, "Un refus dit pourquoi (ERR).", "ERR")
    why = (err.component(5, 2) or err.component(5)) if err else ""
    return ReceiptRead(original, label, answer == "Y", why[:100])


def addressees(message: Message) -> list[tuple[str, str]]:
    """Return the mailboxes that a document is for (PRT of code RCT): (who, address)."""
    found = []
    for prt in message.all("PRT"):
        address = prt.component(15, 4)
        if prt.component(4).upper() == "RCT" and address:
            who = prt.repetitions(5)
            found.append((part(who[0], 1) if who else "", address))
    return found[:20]


def written(
    original: Header,
    *,
    number: str,
    now: datetime,
    event: str = FILED,
    accepted: bool = True,
    why: tuple[str, str] = ("", ""),
    addressee: tuple[str, str] = ("", ""),
    is_test: bool = False,
) -> bytes:
    """Return a receipt of a document: what the DMP answered (Z01), filed or given up (Z02), read.

    Args:
        original: of the message that brought the document.
        number: what we call the receipt (MSH-10), the same each time it is sent again.
        why: the code and the words of a refusal.
        addressee: identifier and secure address of whom the document was for, or of who read it.
        is_test: a sandbox answered for the shared record.
    """
    code, label = SAID[event]
    who, address = (escaped(each) for each in addressee)
    at = f"{now.astimezone(CAYENNE):%Y%m%d%H%M%S%z}"
    ours = (original.to_application or "CARBET", original.to_facility or "CARBET")
    theirs = (original.application, original.facility)
    ends = "|".join(escaped(each) for each in (*ours, *theirs))
    processing = "T" if is_test else original.processing
    lines = [
        (
            f"MSH|^~\\&|{ends}|{at}||ZAM^{event}^ZAM_Z01|{number[:20]}|{processing}|2.6|||||FRA"
            f"|{original.charset or 'UNICODE UTF-8'}|||{PROFILE}"
        ),
        f"EVN||{at}",
        (
            f"OBX|1|CWE|{code}^{label}^{TABLE}|{escaped(original.control_id)}"
            f"|{'Y' if accepted else 'N'}^^{YES_NO}||||||F|"
        ),
    ]
    if address:
        lines.append(f"OBX|2|XTN|{_WHO[event]}^{TABLE}|{who}|^^X.400^{address}||||||F|")
    if not accepted:
        lines.append(
            "ERR|||207^Application error^messageErrorCondition|E"
            f"|{'^'.join(map(escaped, why))}^{_ERRORS[event]}"
        )
    encoding = ENCODINGS.get(original.charset, "utf-8")
    return ("\r".join(lines) + "\r").encode(encoding, "replace")


def answer_of(data: bytes) -> str:
    """Return what a system answered (MSA-1): AA, AE, AR, or nothing that can be read."""
    for line in data.replace(b"\n", b"\r").split(b"\r"):
        if line.startswith(b"MSA|"):
            return line.split(b"|")[1].decode("ascii", "replace").strip()[:2]
    return ""
