"""A stand-in for the shared record: for demonstrations and tests, in a folder of this house.

It reads and writes the messages of XDS.b, verifies the signature of the assertion, that it is about
the person of the document, and the hash and size of what is deposited.
"""

import hashlib
import shutil
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from functools import lru_cache
from pathlib import Path

from cryptography import x509
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.x509.oid import NameOID
from django.conf import settings
from lxml import etree

from carbet.connectors.dmp import messages as m
from carbet.connectors.dmp import vihf

_MOST = 500
REPOSITORY = "2.25.1"
FAILURE = "urn:oasis:names:tc:ebxml-regrep:ResponseStatusType:Failure"
_RESOURCE = "urn:oasis:names:tc:xacml:2.0:resource:resource-id"


class Shelf:
    """What was deposited, by unique identifier, on disk: the worker deposits, pages ask.

    The bytes are written first: a document is there once its metadata are.
    """

    def get(self, unique_id: str) -> tuple[etree._Element, bytes] | None:
        """Return (metadata, bytes), or None when nothing bears this identifier."""
        place = self._place(unique_id)
        try:
            return etree.fromstring(place.read_bytes()), place.with_suffix(".bin").read_bytes()
        except OSError:
            return None

    def put(self, unique_id: str, metadata: etree._Element, data: bytes) -> None:
        """Keep a document; beyond 500, the oldest go."""
        place = self._place(unique_id)
        place.parent.mkdir(parents=True, exist_ok=True)
        place.with_suffix(".bin").write_bytes(data)
        half = place.with_suffix(".half")
        half.write_bytes(etree.tostring(metadata))
        half.replace(place)
        for old in self._places()[:-_MOST]:
            old.unlink(missing_ok=True)
            old.with_suffix(".bin").unlink(missing_ok=True)

    def all(self) -> Iterator[etree._Element]:
        """Yield the metadata of every document, the oldest first."""
        for place in self._places():
            yield etree.fromstring(place.read_bytes())

    def clear(self) -> None:
        """Forget everything."""
        shutil.rmtree(settings.DMP_SANDBOX, ignore_errors=True)

    def _place(self, unique_id: str) -> Path:
        return Path(settings.DMP_SANDBOX) / f"{hashlib.sha256(unique_id.encode()).hexdigest()}.xml"

    def _places(self) -> list[Path]:
        found = Path(settings.DMP_SANDBOX).glob("*.xml")
        return sorted(found, key=lambda place: (place.stat().st_mtime_ns, place.name))


kept = Shelf()


@lru_cache(maxsize=1)
def identity() -> tuple[bytes, bytes]:
    """Return a key and a certificate of a day, for the assertions of a demonstration, in PEM."""
    key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "Carbet (bac à sable)")])
    now = datetime.now(UTC)
    certificate = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(1)
        .not_valid_before(now - timedelta(hours=1))
        .not_valid_after(now + timedelta(days=365))
        .sign(key, hashes.SHA256())
    )
    return (
        key.private_bytes(
            serialization.Encoding.PEM,
            serialization.PrivateFormat.PKCS8,
            serialization.NoEncryption(),
        ),
        certificate.public_bytes(serialization.Encoding.PEM),
    )


def answer(content_type: str, body: bytes) -> tuple[str, bytes]:
    """Return what the shared record would answer to this message."""
    try:
        root, files = m.read(content_type, body)
    except m.Unreadable as error:
        return _outcome("XDSRepositoryError", str(error))
    action = root.findtext(f"{{{m.SOAP}}}Header/{{{m.WSA}}}Action")
    about = _about(root)
    if about is None:
        return _outcome("XDSRepositoryError", "assertion absente, modifiée ou sans personne")
    if action == m.PROVIDE:
        return _register(root, files, about)
    if action == m.FIND:
        return _found(root, about)
    if action == m.RETRIEVE:
        return _retrieved(root, about)
    return _outcome("XDSRepositoryError", "transaction inconnue")


def _about(root: etree._Element) -> str | None:
    """Return the person whom a valid assertion is about."""
    held = next(root.iter(f"{{{vihf.SAML}}}Assertion"), None)
    if held is None:
        return None
    try:
        vihf.verified(held)
    except (ValueError, AttributeError, InvalidSignature):
        return None
    for each in held.iter(f"{{{vihf.SAML}}}Attribute"):
        if each.get("Name") == _RESOURCE:
            return each.findtext(f"{{{vihf.SAML}}}AttributeValue")
    return None


def _register(root: etree._Element, files: dict[str, bytes], about: str) -> tuple[str, bytes]:
    element = next(root.iter(f"{{{m.RIM}}}ExtrinsicObject"), None)
    include = next(root.iter(f"{{{m.XOP}}}Include"), None)
    if element is None or include is None:
        return _outcome("XDSMissingDocument", "ni métadonnées ni document")
    data = files.get(include.get("href", "").removeprefix("cid:"), b"")
    entry = m.entry_of(element)
    if entry.patient_identifier != about:
        return _outcome("XDSUnknownPatientId", "la personne n’est pas celle de l’assertion")
    digest = hashlib.sha1(data, usedforsecurity=False).hexdigest()
    if (entry.digest, entry.size) != (digest, len(data)):
        return _outcome("XDSRepositoryMetadataError", "empreinte ou taille fausse")
    if kept.get(entry.unique_id) is not None:
        return _outcome("XDSDuplicateUniqueIdInRegistry", entry.unique_id)
    slot = etree.SubElement(element, f"{{{m.RIM}}}Slot", name="repositoryUniqueId")
    values = etree.SubElement(slot, f"{{{m.RIM}}}ValueList")
    etree.SubElement(values, f"{{{m.RIM}}}Value").text = REPOSITORY
    kept.put(entry.unique_id, element, data)
    return _outcome()


def _found(root: etree._Element, about: str) -> tuple[str, bytes]:
    said = [each.text or "" for each in root.iter(f"{{{m.RIM}}}Value")]
    if f"'{about}'" not in said:
        return _outcome("XDSUnknownPatientId", "la personne n’est pas celle de l’assertion")
    body = etree.Element(f"{{{m.QUERY}}}AdhocQueryResponse", status=m.SUCCESS)
    listed = etree.SubElement(body, f"{{{m.RIM}}}RegistryObjectList")
    listed.extend(each for each in kept.all() if m.entry_of(each).patient_identifier == about)
    return m.package(m.envelope(f"{m.FIND}Response", body), {})


def _retrieved(root: etree._Element, about: str) -> tuple[str, bytes]:
    asked = root.findtext(f".//{{{m.XDS}}}DocumentUniqueId") or ""
    found = kept.get(asked)
    if found is None or m.entry_of(found[0]).patient_identifier != about:
        return _outcome("XDSDocumentUniqueIdError", asked)
    data = found[1]
    body = etree.Element(f"{{{m.XDS}}}RetrieveDocumentSetResponse")
    etree.SubElement(body, f"{{{m.RS}}}RegistryResponse", status=m.SUCCESS)
    held = etree.SubElement(body, f"{{{m.XDS}}}DocumentResponse")
    document = etree.SubElement(held, f"{{{m.XDS}}}Document")
    etree.SubElement(document, f"{{{m.XOP}}}Include", href="cid:found@carbet")
    return m.package(m.envelope(f"{m.RETRIEVE}Response", body), {"found@carbet": data})


def _outcome(code: str = "", said: str = "") -> tuple[str, bytes]:
    body = etree.Element(f"{{{m.RS}}}RegistryResponse", status=FAILURE if code else m.SUCCESS)
    if code:
        errors = etree.SubElement(body, f"{{{m.RS}}}RegistryErrorList")
        etree.SubElement(errors, f"{{{m.RS}}}RegistryError", errorCode=code, codeContext=said)
    return m.package(m.envelope(f"{m.PROVIDE}Response", body), {})
