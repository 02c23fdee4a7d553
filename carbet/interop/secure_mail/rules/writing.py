"""Write a mail as the CI-SIS asks: exact subject and file names, one person, one archive."""

import re
import unicodedata
from dataclasses import dataclass, field
from datetime import date, datetime
from email import policy
from email.message import EmailMessage, Message
from email.utils import format_datetime

from carbet.interop.secure_mail.rules.reading import PREFIX

SYSTEM_NAME = "Carbet"


@dataclass(frozen=True, slots=True)
class Person:
    """Whom a document is about, as the subject names them; `ins` only when it may leave."""

    family: str
    given: str
    birth_date: date
    ins: str = ""


@dataclass(frozen=True, slots=True)
class ToSend:
    """What a mail is written from."""

    sender: str
    recipients: tuple[str, ...]
    message_id: str
    label: str
    type_code: str
    person: Person
    at: datetime
    archive: bytes = field(repr=False)
    readable: bytes = field(repr=False, default=b"")


def subject(label: str, person: Person) -> str:
    """Return the exact subject: what a receiving system reads."""
    said = f"{label} {person.family.upper()} {person.given} {person.birth_date:%d/%m/%Y}"
    return PREFIX + _line(said)


def readable_name(label: str, person: Person, at: datetime) -> str:
    """Return the file name of the readable copy: AAAAMMJJ_libellé_NOM_PRÉNOM.pdf."""
    said = f"{at:%Y%m%d}_{label}_{person.family.upper()}_{person.given.upper()}"
    return re.sub(r'[\\/:*?"<>|]', "-", _line(said))[:140] + ".pdf"


def mail(said: ToSend) -> bytes:
    """Return the bytes of a mail with its archive; the same words give the same bytes."""
    message = _headed(said.sender, said.recipients, subject(said.label, said.person), said.at)
    message["Message-ID"] = said.message_id
    message["Disposition-Notification-To"] = said.sender
    message["X-MSS-CODECDA"] = said.type_code
    if said.person.ins:
        message["X-MSS-INS"] = said.person.ins
    message.set_content(
        f"Bonjour,\n\nVous trouverez ci-joint un document : {_line(said.label)}.\n"
        "Le fichier IHE_XDM.zip s’intègre dans votre logiciel.\n\nEnvoyé par Carbet.\n"
    )
    message.add_attachment(
        said.archive, maintype="application", subtype="zip", filename="IHE_XDM.zip"
    )
    if said.readable:
        message.add_attachment(
            said.readable,
            maintype="application",
            subtype="pdf",
            filename=readable_name(said.label, said.person, said.at),
        )
    return _with_boundaries(message, said.message_id)


def receipt(
    original: bytes,
    *,
    sender: str,
    to: str,
    message_id: str,
    original_id: str,
    original_subject: str,
    code: str,
    label: str,
    at: datetime,
) -> bytes:
    """Return the receipt of a mail (MDN, RFC 8098): integrated, or an error and its code."""
    failed = f"[KO Intégration système !][{code}] " if code else "[OK Intégration système] "
    root = _headed(sender, (to,), failed + original_subject, at)
    root["Message-ID"] = message_id
    if original_id:
        root["In-Reply-To"] = root["References"] = original_id
    root["Auto-Submitted"] = "auto-replied"
    told = (
        f"Le document n’a pas pu être intégré.\nErreur {code} : {label}.\n"
        if code
        else "Le document a été intégré.\n"
    )
    root["MIME-Version"] = "1.0"
    root["Content-Type"] = 'multipart/report; report-type="disposition-notification"'
    human = EmailMessage(policy=policy.SMTP)
    human.set_content(told)
    del human["MIME-Version"]
    lines = [
        f"Reporting-UA: {SYSTEM_NAME}",
        f"Original-Recipient: rfc822;{sender}",
        f"Final-Recipient: rfc822;{sender}",
        *([f"Original-Message-ID: {original_id}"] if original_id else []),
        "Disposition: automatic-action/MDN-sent-automatically; processed"
        + ("/error" if code else ""),
        *([f"Error: {code}^{_ascii(label)}"] if code else []),
    ]
    machine = Message(policy=policy.SMTP)
    machine["Content-Type"] = "message/disposition-notification"
    inside = Message(policy=policy.SMTP)
    for line in lines:
        name, _, value = line.partition(": ")
        inside[name] = value
    machine.set_payload([inside])
    sent = EmailMessage(policy=policy.SMTP)
    sent["Content-Type"] = "text/rfc822-headers"
    sent.set_payload(_ascii(original.split(b"\r\n\r\n", 1)[0].decode("utf-8", "replace"))[:20_000])
    root.set_payload([human, machine, sent])
    return _with_boundaries(root, message_id)


def returned(
    *, sender: str, to: str, message_id: str, original_id: str, subject: str, code: str,
    label: str, reason: str, at: datetime,
) -> bytes:  # fmt: skip
    """Return the ordinary mail by which somebody sends a mail back, with its code."""
    message = _headed(sender, (to,), f"[Erreur d’intégration !][{code}] {subject}", at)
    message["Message-ID"] = message_id
    if original_id:
        message["In-Reply-To"] = message["References"] = original_id
    message.set_content(
        f"Bonjour,\n\nVotre courrier n’a pas pu être classé.\n{code} : {label}.\n{reason}\n"
    )
    return _with_boundaries(message, message_id)


def _headed(sender: str, recipients: tuple[str, ...], title: str, at: datetime) -> EmailMessage:
    message = EmailMessage(policy=policy.SMTP.clone(max_line_length=998))
    message["From"], message["To"] = sender, ", ".join(recipients)
    message["Subject"] = _line(title)
    message["Date"] = format_datetime(at)
    return message


def _with_boundaries(message: EmailMessage, message_id: str) -> bytes:
    """Write a mail whose boundary is that of its number: a second try is the same mail."""
    boundary = "=_" + re.sub(r"[^A-Za-z0-9]", "", message_id)[:40]
    if message.is_multipart():
        message.set_boundary(boundary)
    return message.as_bytes()


def _line(text: str) -> str:
    clean = text.encode("utf-8", "replace").decode("utf-8")
    return " ".join("".join(c if c.isprintable() else " " for c in clean).split())


def _ascii(text: str) -> str:
    plain = unicodedata.normalize("NFKD", text.replace("’", "'"))
    return plain.encode("ascii", "ignore").decode("ascii")
