"""Read a mail that came, trusting nothing: header, parts, archive, receipt. No database."""

import contextlib
import email
import email.policy
import hashlib
import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from email.header import decode_header
from email.message import Message
from email.parser import BytesHeaderParser
from email.utils import parseaddr

PREFIX = "XDM/1.0/DDM+"
MOST_PARTS = 60
MOST_ARCHIVES = 5
_ARCHIVE = "ihe_xdm.zip"
_ZIP = b"PK\x03\x04"
_CODE = re.compile(r"\b(90[0-6])\s*\^\s*([^\^\r\n|]{0,120})")
_SUBJECT_CODE = re.compile(r"\[[^\]\r\n]{0,60}\]\s*\[\s*(90[0-6])\s*\]", re.IGNORECASE)
_KO_SUBJECT = re.compile(r"^\s*\[(?:KO|Erreur)[^\]]{0,80}\]", re.IGNORECASE)
_ORIGINAL = re.compile(
    r"^[ \t]*Original-Message-ID[ \t]*:\s*(<[^<>\r\n]{1,400}>)", re.IGNORECASE | re.MULTILINE
)
_DISPOSITION = re.compile(
    r"^[ \t]*Disposition[ \t]*:([^\r\n]{0,300})", re.IGNORECASE | re.MULTILINE
)


@dataclass(frozen=True, slots=True)
class Attachment:
    """A file that a mail carries."""

    name: str
    media_type: str
    data: bytes = field(repr=False)


@dataclass(frozen=True, slots=True)
class Heading:
    """What the header of a mail says, and what identifies it."""

    message_id: str
    digest: str
    sender: str
    subject: str
    asks_receipt: bool
    automatic: bool
    in_reply_to: str = ""


@dataclass(frozen=True, slots=True)
class Receipt:
    """A receipt (MDN): of which mail, and the error it reports, empty when there is none."""

    original: str
    code: str
    label: str


@dataclass(frozen=True, slots=True)
class Mail:
    """A mail read: its archives, its other files, its text."""

    heading: Heading
    archives: tuple[bytes, ...] = field(repr=False)
    attachments: tuple[Attachment, ...] = field(repr=False)
    text: str = field(repr=False)
    receipt: Receipt | None = None
    # Made so that it cannot be read: nothing of it is believed.
    spoilt: bool = False

    @property
    def announces(self) -> bool:
        """Tell whether the subject announces an archive, by its exact prefix."""
        return self.heading.subject.startswith(PREFIX)


def heading(data: bytes) -> Heading:
    """Return what the header of a mail says; nothing in it can make this fail."""
    head, separator, body = data.partition(b"\r\n\r\n")
    if not separator:
        head, _, body = data.partition(b"\n\n")
    # The header alone: what follows may be made to break whoever parses it.
    message = BytesHeaderParser(policy=email.policy.compat32).parsebytes(head + b"\r\n\r\n")
    message_id = said(message, "Message-ID")[:500]
    identified = body if message_id else head + b"\n" + body
    sender = address(said(message, "From"))
    asked = address(said(message, "Disposition-Notification-To"))
    submitted = said(message, "Auto-Submitted").lower()
    return Heading(
        message_id=message_id,
        digest=hashlib.sha256(identified).hexdigest(),
        sender=sender,
        subject=said(message, "Subject")[:300],
        # A receipt goes to who wrote, never where a header sends it (RFC 8098, § 2.1).
        asks_receipt=bool(asked) and asked == sender,
        automatic=bool(submitted) and submitted != "no",
        in_reply_to=said(message, "In-Reply-To")[:500],
    )


def read(data: bytes) -> Mail:
    """Return a mail read; one that cannot be is said to be spoilt, it never breaks its reader."""
    said_of_it = heading(data)
    try:
        return _read(said_of_it, data)
    except (RecursionError, ValueError, LookupError, TypeError, AttributeError, AssertionError):
        return Mail(said_of_it, (), (), "", spoilt=True)


def _read(said_of_it: Heading, data: bytes) -> Mail:
    message = email.message_from_bytes(data, policy=email.policy.compat32)
    archives: list[bytes] = []
    files: list[Attachment] = []
    texts: list[str] = []
    for part in _parts(message):
        media_type = part.get_content_type()
        name = _name(part)
        content = part.get_payload(decode=True)
        content = content if isinstance(content, bytes) else b""
        if name.lower() == _ARCHIVE or content.startswith(_ZIP):
            archives.append(content)
        elif name or part.get_content_disposition() == "attachment":
            files.append(Attachment(name or "piece", media_type, content))
        elif media_type.startswith("text/") or "disposition-notification" in media_type:
            texts.append(_text(part, content))
    return Mail(
        heading=said_of_it,
        archives=tuple(archives[: MOST_ARCHIVES + 1]),
        attachments=tuple(files),
        text="\n".join(texts)[:20_000],
        receipt=_receipt(message, said_of_it, data, texts),
    )


def said(message: Message, name: str) -> str:
    """Return a header in plain text, on one line, whatever its encoding; empty when absent."""
    with contextlib.suppress(Exception):
        value = message.get(name)
        if value is None:
            return ""
        parts = []
        for piece, charset in decode_header(str(value)):
            if isinstance(piece, bytes):
                parts.append(_decoded(piece, charset or "utf-8"))
            else:
                parts.append(piece)
        return _plain("".join(parts))
    return ""


def address(text: str) -> str:
    """Return the bare address of a header, in small letters; empty when there is none."""
    with contextlib.suppress(Exception):
        found = parseaddr(text)[1].strip().lower()
        if re.fullmatch(r"[^@\s<>\"']{1,64}@[a-z0-9.-]{1,189}", found):
            return found
    return ""


def _parts(message: Message) -> Iterator[Message]:
    """Yield the parts that hold something, those of a mail sent along left out."""
    stack, seen = [message], 0
    while stack and seen < MOST_PARTS:
        part = stack.pop(0)
        seen += 1
        kind = part.get_content_type()
        if kind == "message/disposition-notification":
            yield part
        elif kind.startswith("message/"):
            continue
        elif part.is_multipart():
            inside = part.get_payload()
            stack = [each for each in inside if isinstance(each, Message)] + stack
        else:
            yield part


def _name(part: Message) -> str:
    with contextlib.suppress(Exception):
        return _plain(said_name(part))[:150]
    return ""


def said_name(part: Message) -> str:
    """Return the file name of a part, decoded."""
    name = part.get_filename() or ""
    pieces = decode_header(name)
    return "".join(
        _decoded(piece, charset or "utf-8") if isinstance(piece, bytes) else piece
        for piece, charset in pieces
    )


def _text(part: Message, content: bytes) -> str:
    if not content and part.is_multipart():
        inside = part.get_payload()
        return "\n".join(str(each) for each in inside if isinstance(each, Message))
    return _decoded(content, part.get_content_charset() or "utf-8").replace("\x00", "")


def _decoded(data: bytes, charset: str) -> str:
    with contextlib.suppress(LookupError, ValueError):
        return data.decode(charset)
    return data.decode("utf-8", "replace")


def _plain(text: str) -> str:
    """Return a text on one line, without what cannot be kept."""
    clean = text.encode("utf-8", "replace").decode("utf-8").replace("\x00", "")
    return " ".join(clean.split())


def _receipt(message: Message, head: Heading, data: bytes, texts: list[str]) -> Receipt | None:
    """Read a receipt, however it is made: official examples break RFC 8098."""
    declared = message.get_content_type() == "multipart/report" or any(
        part.get_content_type() == "message/disposition-notification" for part in message.walk()
    )
    raw = data[:200_000].decode("utf-8", "replace").replace("\r\n", "\n")
    looked = "\n".join([*texts, raw])
    original = _ORIGINAL.search(looked)
    disposition = _DISPOSITION.search(looked)
    by_subject = _KO_SUBJECT.match(head.subject)
    if not (by_subject or (declared and (original or disposition))):
        return None
    code, label = "", ""
    if found := _CODE.search(looked):
        code, label = found.group(1), _plain(found.group(2))
    elif found := _SUBJECT_CODE.search(head.subject):
        code = found.group(1)
    elif (
        disposition and re.search(r"error|fail", disposition.group(1), re.IGNORECASE)
    ) or by_subject:
        code = "906"
    replied = original.group(1) if original else said(message, "In-Reply-To")
    return Receipt(re.sub(r"\s+", "", replied)[:500], code, label[:120])
