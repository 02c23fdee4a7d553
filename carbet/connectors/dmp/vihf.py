"""The assertion of whoever acts (VIHF): SAML 2.0, signed by the certificate of the structure.

Written from the public specifications of SAML 2.0, XML Signature and IHE XUA, with the attribute
names of the French profile. No official sample was at hand: homologation has the last word.
"""

import base64
import hashlib
import uuid
from dataclasses import dataclass
from datetime import datetime, timedelta

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import padding, rsa
from lxml import etree

SAML = "urn:oasis:names:tc:SAML:2.0:assertion"
DS = "http://www.w3.org/2000/09/xmldsig#"
C14N = "http://www.w3.org/2001/10/xml-exc-c14n#"
_SHA256 = "http://www.w3.org/2001/04/xmlenc#sha256"
_RSA_SHA256 = "http://www.w3.org/2001/04/xmldsig-more#rsa-sha256"
_ENVELOPED = f"{DS}enveloped-signature"
_LASTS = timedelta(minutes=5)


@dataclass(frozen=True)
class Bearer:
    """Who acts: a professional by their national number, from a structure by its own."""

    identifier: str
    name: str
    structure: str
    structure_name: str
    # TRE_R85: SA07 and kin, as the header of a document says it.
    sector: str = "SA07"
    role: str = ""
    # How the record is entered: "normal", or "bris_de_glace" with its reason.
    purpose: str = "normal"
    reason: str = ""


def assertion(
    bearer: Bearer, *, resource: str, now: datetime, key: bytes, certificate: bytes
) -> bytes:
    """Return a signed assertion that lets a professional act on one person's record.

    Args:
        resource: the INS as XDS writes it.
        key, certificate: of the structure, in PEM.

    Raises:
        ValueError: the key is not one of RSA.
    """
    root = etree.Element(f"{{{SAML}}}Assertion", nsmap={"saml": SAML, "ds": DS})
    root.attrib.update({"ID": f"_{uuid.uuid4()}", "Version": "2.0", "IssueInstant": _moment(now)})
    loaded = x509.load_pem_x509_certificate(certificate)
    issuer = _add(root, "Issuer", loaded.subject.rfc4514_string())
    issuer.set("Format", "urn:oasis:names:tc:SAML:1.1:nameid-format:X509SubjectName")
    subject = _add(root, "Subject")
    _add(subject, "NameID", bearer.identifier)
    confirmation = _add(subject, "SubjectConfirmation")
    confirmation.set("Method", "urn:oasis:names:tc:SAML:2.0:cm:sender-vouches")
    conditions = _add(root, "Conditions")
    conditions.attrib.update({"NotBefore": _moment(now), "NotOnOrAfter": _moment(now + _LASTS)})
    statement = _add(root, "AuthnStatement")
    statement.set("AuthnInstant", _moment(now))
    context = _add(statement, "AuthnContext")
    _add(context, "AuthnContextClassRef", "urn:oasis:names:tc:SAML:2.0:ac:classes:unspecified")
    attributes = _add(root, "AttributeStatement")
    for name, value in (
        ("VIHF_Version", "3.0"),
        ("Authentification_Mode", "INDIRECTE"),
        ("PS_ID_Nat", bearer.identifier),
        ("urn:oasis:names:tc:xspa:1.0:subject:subject-id", bearer.name),
        ("Identifiant_Structure", bearer.structure),
        ("urn:oasis:names:tc:xspa:1.0:subject:organization", bearer.structure_name),
        ("Secteur_Activite", f"{bearer.sector}^1.2.250.1.71.4.2.4"),
        ("urn:oasis:names:tc:xacml:2.0:subject:role", bearer.role),
        ("urn:oasis:names:tc:xacml:2.0:resource:resource-id", resource),
        ("urn:oasis:names:tc:xspa:1.0:subject:purposeofuse", bearer.purpose),
        ("Mode_Acces_Raison", bearer.reason),
        ("LPS_Nom", "Carbet"),
    ):
        if value:
            held = _add(attributes, "Attribute")
            held.set("Name", name)
            _add(held, "AttributeValue", value)
    _sign(root, issuer, key, loaded)
    return etree.tostring(root)


def verified(root: etree._Element) -> x509.Certificate:
    """Return the certificate that signed an assertion, unchanged since.

    Raises:
        ValueError: there is no signature, or it is not of this assertion.
        cryptography.exceptions.InvalidSignature: what is signed is something else.
    """
    signature = root.find(f"{{{DS}}}Signature")
    if signature is None:
        raise ValueError("assertion sans signature")
    info = signature.find(f"{{{DS}}}SignedInfo")
    reference = info.find(f"{{{DS}}}Reference")
    alone = etree.fromstring(etree.tostring(root))
    alone.remove(alone.find(f"{{{DS}}}Signature"))
    digest = base64.b64encode(hashlib.sha256(_canonical(alone)).digest()).decode()
    if (reference.get("URI"), reference.findtext(f"{{{DS}}}DigestValue")) != (
        f"#{root.get('ID')}",
        digest,
    ):
        raise ValueError("assertion modifiée depuis sa signature")
    held = signature.findtext(f"{{{DS}}}KeyInfo/{{{DS}}}X509Data/{{{DS}}}X509Certificate") or ""
    certificate = x509.load_der_x509_certificate(base64.b64decode(held))
    public = certificate.public_key()
    if not isinstance(public, rsa.RSAPublicKey):
        raise ValueError("une clé RSA est attendue")
    value = base64.b64decode(signature.findtext(f"{{{DS}}}SignatureValue") or "")
    public.verify(value, _canonical(info), padding.PKCS1v15(), hashes.SHA256())
    return certificate


def _sign(
    root: etree._Element, issuer: etree._Element, key: bytes, certificate: x509.Certificate
) -> None:
    private = serialization.load_pem_private_key(key, None)
    if not isinstance(private, rsa.RSAPrivateKey):
        raise ValueError("une clé RSA est attendue")
    digest = hashlib.sha256(_canonical(root)).digest()
    signature = etree.Element(f"{{{DS}}}Signature", nsmap={"ds": DS})
    info = _ds(signature, "SignedInfo")
    _ds(info, "CanonicalizationMethod").set("Algorithm", C14N)
    _ds(info, "SignatureMethod").set("Algorithm", _RSA_SHA256)
    reference = _ds(info, "Reference")
    reference.set("URI", f"#{root.get('ID')}")
    transforms = _ds(reference, "Transforms")
    for algorithm in (_ENVELOPED, C14N):
        _ds(transforms, "Transform").set("Algorithm", algorithm)
    _ds(reference, "DigestMethod").set("Algorithm", _SHA256)
    _ds(reference, "DigestValue").text = base64.b64encode(digest).decode()
    signed = private.sign(_canonical(info), padding.PKCS1v15(), hashes.SHA256())
    _ds(signature, "SignatureValue").text = base64.b64encode(signed).decode()
    held = _ds(_ds(_ds(signature, "KeyInfo"), "X509Data"), "X509Certificate")
    held.text = base64.b64encode(certificate.public_bytes(serialization.Encoding.DER)).decode()
    issuer.addnext(signature)


def _canonical(element: etree._Element) -> bytes:
    return etree.tostring(element, method="c14n", exclusive=True, with_comments=False)


def _add(parent: etree._Element, name: str, text: str = "") -> etree._Element:
    made = etree.SubElement(parent, f"{{{SAML}}}{name}")
    made.text = text or None
    return made


def _ds(parent: etree._Element, name: str) -> etree._Element:
    return etree.SubElement(parent, f"{{{DS}}}{name}")


def _moment(at: datetime) -> str:
    return at.strftime("%Y-%m-%dT%H:%M:%SZ")
