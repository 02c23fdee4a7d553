"""Speak to the operator of a mailbox: IMAP and submission, always over TLS, nothing deleted."""

import base64
import contextlib
import smtplib
import ssl
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import datetime
from imaplib import IMAP4

from django.conf import settings
from imapclient import IMAPClient
from imapclient.exceptions import LoginError

INBOX = "INBOX"
# Folders that we make: what was taken in, what we have begun to send, what left.
TAKEN, SENDING, SENT = "Carbet-Recus", "Carbet-EnCours", "Carbet-Envoyes"
LARGEST_MAIL = 45 * 1024 * 1024
SECONDS = 30
_WATCH_SECONDS = 25 * 60


class Denied(Exception):
    """The operator refuses the credentials of the mailbox, or the mail itself, for good."""


@dataclass(frozen=True)
class Server:
    """The addresses of an operator, "name=imap.host:993/smtp.host:587" in the settings."""

    name: str
    imap_host: str
    imap_port: int
    smtp_host: str
    smtp_port: int

    @classmethod
    def parse(cls, text: str) -> "Server":
        """Read the text of a setting.

        Raises:
            ValueError: it is not of the shape "name=host:port/host:port".
        """
        name, _, places = text.partition("=")
        imap, _, smtp = places.partition("/")
        (imap_host, _, imap_port), (smtp_host, _, smtp_port) = (
            imap.partition(":"),
            smtp.partition(":"),
        )
        if not (name and imap_host and smtp_host and imap_port.isdigit() and smtp_port.isdigit()):
            raise ValueError("CARBET_MSS_SERVERS: name=imap.host:993/smtp.host:587")
        return cls(name, imap_host, int(imap_port), smtp_host, int(smtp_port))


@dataclass(frozen=True)
class Account:
    """A mailbox and how to open it."""

    address: str
    username: str
    server: Server
    password: str = field(repr=False)


@dataclass(frozen=True)
class Arrived:
    """A mail in the inbox, not yet taken in."""

    uid: int
    size: int


class Session:
    """One connection to a mailbox, inbox selected."""

    def __init__(self, imap: IMAPClient) -> None:
        self._imap = imap
        # UIDVALIDITY of the inbox: with a UID, what names a mail there.
        self.validity = 0

    def arrivals(self, *, most: int = 50) -> list[Arrived]:
        """Return the first mails of the inbox, the oldest first."""
        chosen = self._imap.select_folder(INBOX)
        self.validity = int(chosen.get(b"UIDVALIDITY", 0))
        uids = sorted(self._imap.search(["NOT", "DELETED"]))[:most]
        if not uids:
            return []
        found = self._imap.fetch(uids, ["RFC822.SIZE"])
        return [Arrived(uid, int(found[uid][b"RFC822.SIZE"])) for uid in uids if uid in found]

    def content(self, uid: int, *, headers_only: bool = False) -> bytes:
        """Return a mail as it came, or its header; reading marks nothing."""
        part = "BODY.PEEK[HEADER]" if headers_only else "BODY.PEEK[]"
        found = self._imap.fetch([uid], [part])
        return bytes(found.get(uid, {}).get(part.replace(".PEEK", "").encode(), b""))

    def take(self, uid: int, folder: str = TAKEN) -> None:
        """Move a mail out of the inbox once it is kept elsewhere: nothing is deleted."""
        self._ensure(folder)
        self._imap.move([uid], folder)

    def holds(self, folder: str, message_id: str) -> datetime | None:
        """Return when a mail of this number came into a folder, or None when it is not there."""
        if not self._imap.folder_exists(folder):
            return None
        self._imap.select_folder(folder, readonly=True)
        # Where the server knows no UIDPLUS, what we took out is only marked.
        uids = self._imap.search(["UNDELETED", "HEADER", "Message-ID", message_id])
        if not uids:
            return None
        found = self._imap.fetch(uids, ["INTERNALDATE"])
        moments = [each[b"INTERNALDATE"] for each in found.values() if b"INTERNALDATE" in each]
        return max(moments).astimezone() if moments else None

    def keep(self, folder: str, data: bytes) -> None:
        """Put a copy of a mail in a folder."""
        self._ensure(folder)
        self._imap.append(folder, data, flags=[b"\\Seen"])

    def forget_intent(self, message_id: str) -> None:
        """Take the copy of a mail that we began to send out of where we put it: it has left."""
        if not self._imap.folder_exists(SENDING):
            return
        self._imap.select_folder(SENDING)
        uids = self._imap.search(["HEADER", "Message-ID", message_id])
        if uids:
            self._imap.delete_messages(uids)
            self._imap.expunge(uids) if self._imap.has_capability("UIDPLUS") else None
        self._imap.select_folder(INBOX)

    def _ensure(self, folder: str) -> None:
        if not self._imap.folder_exists(folder):
            self._imap.create_folder(folder)


@contextlib.contextmanager
def opened(account: Account) -> Iterator[Session]:
    """Open a mailbox.

    Raises:
        Denied: the operator refuses the credentials.
        OSError: it does not answer, or not by a certificate that we trust.
    """
    with _connected(account) as imap:
        yield Session(imap)


def submit(account: Account, data: bytes, recipients: list[str]) -> None:
    """Hand a mail to the operator: taken for all the recipients, or for none.

    Raises:
        Denied: it refuses the credentials, the sender, a recipient or the mail for good.
        OSError, smtplib.SMTPException: it did not take it now.
    """
    server, context = account.server, trusted()
    wrapped = server.smtp_port == 465
    connect = (
        smtplib.SMTP_SSL(server.smtp_host, server.smtp_port, timeout=SECONDS, context=context)
        if wrapped
        else smtplib.SMTP(server.smtp_host, server.smtp_port, timeout=SECONDS)
    )
    with connect as smtp:
        if not wrapped:
            smtp.starttls(context=context)
        _enter(smtp, account)
        _hand(smtp, account.address, recipients, data)


def _enter(smtp: smtplib.SMTP, account: Account) -> None:
    """Give the credentials as AUTH PLAIN, in UTF-8: the library knows ASCII only."""
    smtp.ehlo_or_helo_if_needed()
    said = f"\0{account.username}\0{account.password}".encode()
    code, answer = smtp.docmd("AUTH", "PLAIN " + base64.b64encode(said).decode("ascii"))
    if code == 535:
        raise Denied("l’opérateur refuse l’identifiant ou le mot de passe de la boîte")
    if code != 235:
        _refuse(code, answer)


def _hand(smtp: smtplib.SMTP, sender: str, recipients: list[str], data: bytes) -> None:
    """Give a mail for every recipient, or take it back: a half-sent mail could be sent twice."""
    code, answer = smtp.mail(sender)
    if code != 250:
        _refuse(code, answer)
    for recipient in recipients:
        code, answer = smtp.rcpt(recipient)
        if code not in (250, 251):
            smtp.rset()
            _refuse(code, answer, recipient)
    code, answer = smtp.data(data)
    if code != 250:
        _refuse(code, answer)


def _refuse(code: int, answer: bytes, recipient: str = "") -> None:
    said = answer.decode("utf-8", "replace")[:200]
    who = f" pour {recipient}" if recipient else ""
    if 500 <= code < 600:
        raise Denied(f"l’opérateur refuse ce courrier{who} ({code} {said})")
    raise smtplib.SMTPResponseException(code, f"{said}{who}")


def watch(account: Account, told: Callable[[], None], stop: threading.Event) -> None:
    """Call `told` each time that something moves in the inbox, until asked to stop (IMAP IDLE).

    Raises:
        Denied: the operator refuses the credentials.
        OSError: the connection is lost: whoever watches opens it again.
    """
    with _connected(account) as imap:
        if not imap.has_capability("IDLE"):
            return
        imap.select_folder(INBOX, readonly=True)
        told()
        while not stop.is_set():
            imap.idle()
            moved = False
            for _ in range(_WATCH_SECONDS):
                if stop.is_set():
                    break
                if any(
                    len(each) > 1 and each[1] in (b"EXISTS", b"RECENT")
                    for each in imap.idle_check(1)
                ):
                    moved = True
                    break
            imap.idle_done()
            if moved:
                told()


@contextlib.contextmanager
def _connected(account: Account) -> Iterator[IMAPClient]:
    server = account.server
    try:
        imap = IMAPClient(
            server.imap_host, server.imap_port, ssl=True, ssl_context=trusted(), timeout=SECONDS
        )
    except IMAP4.error as error:
        raise ConnectionError(f"l’opérateur ne répond pas ({error})") from error
    try:
        try:
            # Not LOGIN, which knows ASCII only.
            imap.plain_login(account.username, account.password)
        except LoginError as error:
            raise Denied(
                "l’opérateur refuse l’identifiant ou le mot de passe de la boîte"
            ) from error
        yield imap
    except IMAP4.error as error:
        raise ConnectionError(f"l’opérateur a répondu par une erreur ({error})") from error
    finally:
        with contextlib.suppress(OSError, IMAP4.error):
            imap.logout()


def trusted() -> ssl.SSLContext:
    """Return what judges a certificate: the machine's authorities, or those of the settings."""
    context = ssl.create_default_context(cafile=settings.MSS_AUTHORITIES or None)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    return context
