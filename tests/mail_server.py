"""A true mail server for the tests: Debian's Dovecot in a folder of its own, on loopback, with TLS.

IMAP over TLS, submission with STARTTLS, and a relay that hands what was submitted back by LMTP:
whatever is sent to an address of the server arrives there. Every address exists, with one password.
"""

import contextlib
import getpass
import ipaddress
import os
import pwd
import signal
import smtplib
import socket
import subprocess
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from email import message_from_bytes
from pathlib import Path

DOVECOT = Path("/usr/sbin/dovecot")
PARTS = [Path("/usr/lib/dovecot") / part for part in ("imap", "lmtp", "submission")]
PASSWORD = "mot-de-passe-de-la-boîte"
_CONFIGURATION = """
base_dir = {folder}/run
state_dir = {folder}/state
protocols = imap submission lmtp
listen = 127.0.0.1
log_path = {folder}/log
ssl = required
ssl_cert = <{folder}/certificate.pem
ssl_key = <{folder}/key.pem
ssl_dh =
mail_location = maildir:{folder}/mail/%u
mail_uid = {user}
mail_gid = {group}
first_valid_uid = 0
default_internal_user = {internal}
default_internal_group = {internal_group}
default_login_user = {login}
auth_failure_delay = 0
hostname = localhost
mail_max_userip_connections = 200
submission_max_mail_size = 80M
submission_relay_host = 127.0.0.1
submission_relay_port = {relay}
submission_relay_ssl = no
recipient_delimiter =
passdb {{
  driver = static
  args = password={password}
}}
userdb {{
  driver = static
  args = uid={user} gid={group} home={folder}/mail/%u
}}
namespace inbox {{
  inbox = yes
  separator = /
}}
service imap-login {{
  chroot =
  inet_listener imap {{
    port = 0
  }}
  inet_listener imaps {{
    port = {imap}
    ssl = yes
  }}
}}
service submission-login {{
  chroot =
  inet_listener submission {{
    port = {submission}
  }}
}}
service lmtp {{
  inet_listener lmtp {{
    port = {lmtp}
  }}
}}
service anvil {{
  chroot =
}}
service stats {{
  chroot =
}}
"""


@dataclass
class MailServer:
    """Where it answers, and what it was given to send."""

    folder: Path
    imap: int
    submission: int
    lmtp: int
    relay: int
    relayed: list[str] = field(default_factory=list)
    process: subprocess.Popen[bytes] | None = None

    @property
    def described(self) -> str:
        """The text of `CARBET_MSS_SERVERS` for this server."""
        return f"essai=localhost:{self.imap}/localhost:{self.submission}"

    @property
    def authorities(self) -> str:
        return str(self.folder / "certificate.pem")

    def deliver(self, data: bytes, to: str, sender: str = "expediteur@chu.mssante.fr") -> None:
        """Put a mail in the inbox of an address, as another operator would."""
        with smtplib.LMTP("127.0.0.1", self.lmtp, timeout=20) as lmtp:
            lmtp.sendmail(sender, [to], data)

    def mails(self, address: str, folder: str = "INBOX") -> list[bytes]:
        """Return the mails of a folder, read on the disk itself."""
        place = self.folder / "mail" / address
        place = place if folder == "INBOX" else place / f".{folder}"
        found = [*place.glob("new/*"), *place.glob("cur/*")]
        return [path.read_bytes() for path in sorted(found)]

    def start(self) -> None:
        """Start the server and wait until it answers."""
        limit = time.monotonic() + 20
        while not all(map(_answers, (self.imap, self.submission, self.lmtp))):
            if time.monotonic() > limit:
                log = self.folder / "log"
                raise RuntimeError(log.read_text() if log.exists() else "Dovecot did not start")
            # It refuses to start while a killed one is still dying on its sockets.
            if self.process is None or self.process.poll() is not None:
                self.process = subprocess.Popen(
                    [str(DOVECOT), "-F", "-c", str(self.folder / "dovecot.conf")],
                    stdout=subprocess.DEVNULL,
                    stderr=subprocess.DEVNULL,
                    start_new_session=True,
                )
            time.sleep(0.05)

    def kill(self) -> None:
        """Kill the server and all that it started, as a power cut would."""
        if self.process is not None:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(self.process.pid, signal.SIGKILL)
            self.process.wait(10)
            self.process = None


class _Relay:
    """Hand what was submitted back to the mailboxes, and remember it."""

    def __init__(self, server: MailServer) -> None:
        self.server = server

    async def handle_DATA(self, _server, _session, envelope) -> str:  # noqa: N802
        message_id = message_from_bytes(envelope.content)["Message-ID"] or ""
        self.server.relayed.append(str(message_id).strip())
        try:
            with smtplib.LMTP("127.0.0.1", self.server.lmtp, timeout=20) as lmtp:
                # One by one: to several at once LMTP answers several times, and smtplib reads once.
                for recipient in envelope.rcpt_tos:
                    lmtp.sendmail(envelope.mail_from, [recipient], envelope.content)
        except (OSError, smtplib.SMTPException):
            self.server.relayed.pop()
            return "451 try again"
        return "250 taken"


def missing() -> str:
    """Say what the machine lacks to run it, nothing when it has all."""
    lacking = [path for path in (DOVECOT, *PARTS) if not path.exists()]
    return f"{lacking[0]} manque : make test l’installe" if lacking else ""


@contextlib.contextmanager
def running(folder: Path) -> Iterator[MailServer]:
    """Run a mail server in an empty folder."""
    from aiosmtpd.controller import Controller

    server = MailServer(folder, *(_free_port() for _ in range(4)))
    write_certificate(folder)
    (folder / "mail").mkdir()
    folder.chmod(0o755)
    for above in folder.parents[:3]:
        with contextlib.suppress(PermissionError):
            above.chmod(above.stat().st_mode | 0o011)
    root = os.geteuid() == 0
    names = {entry.pw_name for entry in pwd.getpwall()}
    own = getpass.getuser() if not root else "nobody"
    group = str(os.getegid()) if not root else "nogroup"
    if root:
        os.chown(folder / "mail", pwd.getpwnam("nobody").pw_uid, -1)
    true = root and {"dovecot", "dovenull"} <= names
    text = _CONFIGURATION.format(
        folder=folder,
        user=own,
        group=group,
        internal="dovecot" if true else own,
        internal_group="dovecot" if true else group,
        login="dovenull" if true else own,
        password=PASSWORD,
        imap=server.imap,
        submission=server.submission,
        lmtp=server.lmtp,
        relay=server.relay,
    )
    (folder / "dovecot.conf").write_text(text)
    relay = Controller(
        _Relay(server), hostname="127.0.0.1", port=server.relay, data_size_limit=80_000_000
    )
    relay.start()
    try:
        server.start()
        yield server
    finally:
        server.kill()
        relay.stop()


def password() -> str:
    """Return the password of every mailbox."""
    return PASSWORD


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def _answers(port: int) -> bool:
    with socket.socket() as probe:
        probe.settimeout(0.5)
        return probe.connect_ex(("127.0.0.1", port)) == 0


def write_certificate(folder: Path) -> None:
    from cryptography import x509
    from cryptography.hazmat.primitives import hashes, serialization
    from cryptography.hazmat.primitives.asymmetric import ec
    from cryptography.x509.oid import NameOID

    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "localhost")])
    now = datetime.now(UTC)
    names = [x509.DNSName("localhost"), x509.IPAddress(ipaddress.ip_address("127.0.0.1"))]
    certificate = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - timedelta(days=1))
        .not_valid_after(now + timedelta(days=30))
        .add_extension(x509.SubjectAlternativeName(names), critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .sign(key, hashes.SHA256())
    )
    (folder / "certificate.pem").write_bytes(certificate.public_bytes(serialization.Encoding.PEM))
    (folder / "key.pem").write_bytes(
        key.private_bytes(
            serialization.Encoding.PEM,
            serialization.PrivateFormat.PKCS8,
            serialization.NoEncryption(),
        )
    )
