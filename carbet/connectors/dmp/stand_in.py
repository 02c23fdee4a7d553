"""A stand-in for the shared record: for demonstrations and tests, in the memory of this process.

It reads and writes the messages of XDS.b, verifies the signature of the assertion, that it is about
the person of the document, and the hash and size of what is deposited.
"""

import hashlib
from collections import OrderedDict
from datetime import UTC, datetime, timedelta
from functools import lru_cache

from cryptography import x509
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.x509.oid import NameOID
from lxml import etree

from carbet.connectors.dmp import messages as m
from carbet.connectors.dmp import vihf

_MOST = 500
REPOSITORY = "2.25.1"
FAILURE = "urn:oasis:names:tc:ebxml-regrep:ResponseStatusType:Failure"
_RESOURCE = "urn:oasis:names:tc:xacml:2.0:resource:resource-id"
# What was deposited, by unique identifier: (metadata, bytes).
kept: OrderedDict[str, tuple[etree._Element, bytes]] = OrderedDict()


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
    if entry.unique_id in kept:
        return _outcome("XDSDuplicateUniqueIdInRegistry", entry.unique_id)
    slot = etree.SubElement(element, f"{{{m.RIM}}}Slot", name="repositoryUniqueId")
    values = etree.SubElement(slot, f"{{{m.RIM}}}ValueList")
    etree.SubElement(values, f"{{{m.RIM}}}Value").text = REPOSITORY
    kept[entry.unique_id] = (element, data)
    while len(kept) > _MOST:
        kept.popitem(last=False)
    return _outcome()


def _found(root: etree._Element, about: str) -> tuple[str, bytes]:
    said = [each.text or "" for each in root.iter(f"{{{m.RIM}}}Value")]
    if f"'{about}'" not in said:
        return _outcome("XDSUnknownPatientId", "la personne n’est pas celle de l’assertion")
    body = etree.Element(f"{{{m.QUERY}}}AdhocQueryResponse", status=m.SUCCESS)
    listed = etree.SubElement(body, f"{{{m.RIM}}}RegistryObjectList")
    for element, _ in kept.values():
        if m.entry_of(element).patient_identifier == about:
            listed.append(etree.fromstring(etree.tostring(element)))
    return m.package(m.envelope(f"{m.FIND}Response", body), {})


def _retrieved(root: etree._Element, about: str) -> tuple[str, bytes]:
    asked = root.findtext(f".//{{{m.XDS}}}DocumentUniqueId") or ""
    element, data = kept.get(asked, (None, b""))
    if element is None or m.entry_of(element).patient_identifier != about:
        return _outcome("XDSDocumentUniqueIdError", asked)
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
