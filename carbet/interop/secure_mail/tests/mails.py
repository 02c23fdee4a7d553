"""Mails as other systems send them, written for the tests; all persons are invented."""

import hashlib
import io
import uuid
import zipfile
from datetime import UTC, datetime
from email import policy
from email.message import EmailMessage

from carbet.interop import cda, xdm
from carbet.interop.cda.tests.factories import letter

SENDER = "chirurgie@chu.mssante.fr"
SUBJECT = "XDM/1.0/DDM+Lettre de sortie RÉGIS CLAIRE 14/03/1951"
AT = datetime(2026, 11, 21, 10, 0, tzinfo=UTC)


def archive(*documents: bytes) -> bytes:
    """Return an archive of clinical documents, as our own writer makes it."""
    return xdm.write([xdm.Packed(each, cda.read(each).header) for each in documents], at=AT)


def rough_archive(*documents: bytes, digest: str = "", uri: str = "") -> bytes:
    """Return an archive by hand, whatever it carries: what a careless system would write."""
    entries = "".join(
        f'<ExtrinsicObject id="d{n}" mimeType="text/xml">'
        f'<Slot name="URI"><ValueList><Value>{uri or f"DOC{n:05d}.XML"}</Value></ValueList></Slot>'
        f'<Slot name="size"><ValueList><Value>{len(each)}</Value></ValueList></Slot>'
        f'<Slot name="hash"><ValueList><Value>{digest or hashlib.sha1(each).hexdigest()}'  # noqa: S324
        "</Value></ValueList></Slot></ExtrinsicObject>"
        for n, each in enumerate(documents, 1)
    )
    metadata = (
        '<SubmitObjectsRequest xmlns="urn:oasis:names:tc:ebxml-regrep:xsd:rim:3.0">'
        f"<RegistryObjectList>{entries}</RegistryObjectList></SubmitObjectsRequest>"
    )
    written = io.BytesIO()
    with zipfile.ZipFile(written, "w", zipfile.ZIP_DEFLATED) as zipped:
        zipped.writestr("IHE_XDM/SUBSET01/METADATA.XML", metadata)
        for n, each in enumerate(documents, 1):
            zipped.writestr(f"IHE_XDM/SUBSET01/DOC{n:05d}.XML", each)
    return written.getvalue()


def mail(
    *archives: bytes,
    subject: str = SUBJECT,
    message_id: str = "",
    sender: str = SENDER,
    to: str = "gp@cabinet.mssante.fr",
    asks: bool = True,
    files: tuple[tuple[str, str, bytes], ...] = (),
    name: str = "IHE_XDM.zip",
) -> bytes:
    """Return a mail with these archives."""
    message = EmailMessage(policy=policy.SMTP)
    message["From"], message["To"], message["Subject"] = sender, to, subject
    message["Message-ID"] = message_id or f"<{uuid.uuid4().hex}@chu.mssante.fr>"
    message["Date"] = "Sat, 21 Nov 2026 10:00:00 +0000"
    if asks:
        message["Disposition-Notification-To"] = sender
    message.set_content("Bonjour, voici un document.\n")
    for each in archives:
        message.add_attachment(each, maintype="application", subtype="zip", filename=name)
    for file_name, kind, data in files:
        main, _, sub = kind.partition("/")
        message.add_attachment(data, maintype=main, subtype=sub, filename=file_name)
    return message.as_bytes()


def discharge(seed: int = 901, **changed) -> bytes:  # type: ignore[no-untyped-def]
    """Return a mail with one discharge letter about Claire."""
    return mail(archive(letter(seed=seed)), **changed)
