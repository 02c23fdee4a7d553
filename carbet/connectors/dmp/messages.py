"""The messages of XDS.b: SOAP 1.2 with MTOM, written and read (IHE ITI-18, ITI-41, ITI-43)."""

import hashlib
import uuid
from dataclasses import dataclass
from datetime import UTC, datetime
from email import policy
from email.parser import BytesParser

from lxml import etree

from carbet.interop import xdm
from carbet.interop.xdm import Packed

SOAP = "http://www.w3.org/2003/05/soap-envelope"
WSA = "http://www.w3.org/2005/08/addressing"
WSSE = "http://docs.oasis-open.org/wss/2004/01/oasis-200401-wss-wssecurity-secext-1.0.xsd"
XDS = "urn:ihe:iti:xds-b:2007"
RIM = "urn:oasis:names:tc:ebxml-regrep:xsd:rim:3.0"
QUERY = "urn:oasis:names:tc:ebxml-regrep:xsd:query:3.0"
RS = "urn:oasis:names:tc:ebxml-regrep:xsd:rs:3.0"
XOP = "http://www.w3.org/2004/08/xop/include"
PROVIDE = "urn:ihe:iti:2007:ProvideAndRegisterDocumentSet-b"
FIND = "urn:ihe:iti:2007:RegistryStoredQuery"
RETRIEVE = "urn:ihe:iti:2007:RetrieveDocumentSet"
FIND_DOCUMENTS = "urn:uuid:14d4debf-8f97-4251-9a74-a90016b0af0d"
SUCCESS = "urn:oasis:names:tc:ebxml-regrep:ResponseStatusType:Success"
APPROVED = "urn:oasis:names:tc:ebxml-regrep:StatusType:Approved"
UNIQUE = "urn:uuid:2e82c1f6-a085-4c72-9da3-8640a32e42ab"
AUTHOR = "urn:uuid:93606bcf-9494-43ec-9b4e-a7748d1a838d"
TYPE = "urn:uuid:f0306f51-975f-434e-a61c-c59651d33983"
CONFIDENTIALITY = "urn:uuid:f4f85eac-e6cb-4883-b524-f2705394840f"
PATIENT = "urn:uuid:58a6f841-87b3-4a3e-92fd-a8ffeff98427"
MOST_ENTRIES = 500
_ENTRY = f"{{{RIM}}}ExtrinsicObject"


class Refused(Exception):
    """The shared record refuses; `codes` are its own (XDS error codes)."""

    def __init__(self, codes: list[str], reason: str) -> None:
        super().__init__(reason)
        self.codes = codes


class Unreadable(Exception):
    """What came is no answer of XDS.b."""


@dataclass(frozen=True)
class Entry:
    """A document that the shared record knows."""

    unique_id: str
    patient_identifier: str
    title: str
    digest: str
    size: int
    repository: str = ""
    type: str = ""
    author: str = ""
    place: str = ""
    made_at: datetime | None = None
    """When it was written, in UTC."""
    confidentialities: tuple[str, ...] = ()
    """Codes of J08: N, R, V, INVISIBLE_PATIENT…"""


def provide(packed: Packed, *, at: datetime, security: bytes) -> tuple[str, bytes]:
    """Return the message that deposits a document (ITI-41), its bytes beside the envelope."""
    body = etree.Element(f"{{{XDS}}}ProvideAndRegisterDocumentSetRequest", nsmap={"xds": XDS})
    body.append(etree.fromstring(xdm.metadata(packed, at=at)))
    held = etree.SubElement(body, f"{{{XDS}}}Document", id=xdm.ENTRY)
    include = etree.SubElement(held, f"{{{XOP}}}Include", nsmap={"xop": XOP})
    include.set("href", "cid:document@carbet")
    return package(envelope(PROVIDE, body, security), {"document@carbet": packed.data})


def find(patient_identifier: str, *, security: bytes) -> tuple[str, bytes]:
    """Return the message that asks for the documents in force of a person (ITI-18)."""
    body = etree.Element(f"{{{QUERY}}}AdhocQueryRequest", nsmap={"query": QUERY, "rim": RIM})
    etree.SubElement(
        body, f"{{{QUERY}}}ResponseOption", returnComposedObjects="true", returnType="LeafClass"
    )
    asked = etree.SubElement(body, f"{{{RIM}}}AdhocQuery", id=FIND_DOCUMENTS)
    for name, value in (
        ("$XDSDocumentEntryPatientId", f"'{patient_identifier}'"),
        ("$XDSDocumentEntryStatus", f"('{APPROVED}')"),
    ):
        slot = etree.SubElement(asked, f"{{{RIM}}}Slot", name=name)
        values = etree.SubElement(slot, f"{{{RIM}}}ValueList")
        etree.SubElement(values, f"{{{RIM}}}Value").text = value
    return package(envelope(FIND, body, security), {})


def fetch(entry: Entry, *, security: bytes) -> tuple[str, bytes]:
    """Return the message that asks for the bytes of a document (ITI-43)."""
    body = etree.Element(f"{{{XDS}}}RetrieveDocumentSetRequest", nsmap={"xds": XDS})
    asked = etree.SubElement(body, f"{{{XDS}}}DocumentRequest")
    etree.SubElement(asked, f"{{{XDS}}}RepositoryUniqueId").text = entry.repository
    etree.SubElement(asked, f"{{{XDS}}}DocumentUniqueId").text = entry.unique_id
    return package(envelope(RETRIEVE, body, security), {})


def envelope(action: str, body: etree._Element, security: bytes = b"") -> bytes:
    """Return a SOAP 1.2 envelope, addressed, with the assertion of whoever acts."""
    root = etree.Element(f"{{{SOAP}}}Envelope", nsmap={"soap": SOAP, "wsa": WSA})
    header = etree.SubElement(root, f"{{{SOAP}}}Header")
    etree.SubElement(header, f"{{{WSA}}}Action").text = action
    etree.SubElement(header, f"{{{WSA}}}MessageID").text = f"urn:uuid:{uuid.uuid4()}"
    if security:
        held = etree.SubElement(header, f"{{{WSSE}}}Security", nsmap={"wsse": WSSE})
        held.append(etree.fromstring(security))
    etree.SubElement(root, f"{{{SOAP}}}Body").append(body)
    return etree.tostring(root, xml_declaration=True, encoding="UTF-8")


def package(message: bytes, files: dict[str, bytes]) -> tuple[str, bytes]:
    """Return (content type, bytes) of a message and the files that it includes (MTOM, XOP)."""
    boundary = f"carbet-{uuid.uuid4().hex}"
    parts = [
        (
            'application/xop+xml; charset=UTF-8; type="application/soap+xml"',
            "message@carbet",
            message,
        )
    ] + [("application/octet-stream", name, data) for name, data in files.items()]
    body = b"".join(
        f"--{boundary}\r\nContent-Type: {kind}\r\nContent-Transfer-Encoding: binary\r\n"
        f"Content-ID: <{name}>\r\n\r\n".encode()
        + data
        + b"\r\n"
        for kind, name, data in parts
    )
    kind = (
        f'multipart/related; boundary="{boundary}"; type="application/xop+xml";'
        ' start="<message@carbet>"; start-info="application/soap+xml"'
    )
    return kind, body + f"--{boundary}--\r\n".encode()


def read(content_type: str, body: bytes) -> tuple[etree._Element, dict[str, bytes]]:
    """Return the envelope of a message, and the files beside it by their Content-ID.

    Raises:
        Unreadable: it is no SOAP message.
    """
    files: dict[str, bytes] = {}
    message = body
    if content_type.lower().startswith("multipart/related"):
        if "\r" in content_type or "\n" in content_type:
            raise Unreadable("en-tête illisible")
        head = f"Content-Type: {content_type}\r\nMIME-Version: 1.0\r\n\r\n".encode()
        parsed = BytesParser(policy=policy.HTTP).parsebytes(head + body)
        parts = list(parsed.iter_parts()) if parsed.is_multipart() else []
        if not 1 <= len(parts) <= 20:
            raise Unreadable("message en parties illisible")
        held = [(str(each["Content-ID"] or "").strip("<> "), each) for each in parts]
        files = {name: each.get_payload(decode=True) for name, each in held[1:]}
        message = parts[0].get_payload(decode=True)
    parser = etree.XMLParser(resolve_entities=False, no_network=True, huge_tree=False)
    try:
        root = etree.fromstring(message, parser)
    except (etree.XMLSyntaxError, ValueError) as error:
        raise Unreadable("réponse illisible du DMP") from error
    if root.getroottree().docinfo.doctype or root.tag != f"{{{SOAP}}}Envelope":
        raise Unreadable("la réponse du DMP n’est pas un message SOAP 1.2")
    return root, files


def read_outcome(answer: tuple[str, bytes]) -> tuple[etree._Element, dict[str, bytes]]:
    """Return an answer that says it went well.

    Raises:
        Refused: it says that it did not, and why.
        Unreadable: it says nothing.
    """
    root, files = read(*answer)
    fault = root.find(f"{{{SOAP}}}Body/{{{SOAP}}}Fault")
    if fault is not None:
        said = " ".join(fault.itertext()).split()
        raise Refused(["SOAP"], " ".join(said)[:300])
    status = next((each.get("status") for each in root.iter() if each.get("status")), None)
    if status == SUCCESS:
        return root, files
    if status is None:
        raise Unreadable("réponse sans statut du DMP")
    errors = list(root.iter(f"{{{RS}}}RegistryError"))
    codes = [each.get("errorCode", "")[:80] for each in errors[:10]] or ["XDSRegistryError"]
    said = "; ".join(filter(None, (each.get("codeContext", "") for each in errors[:10])))
    raise Refused(codes, f"{', '.join(codes)} : {said}"[:300])


def read_entries(answer: tuple[str, bytes]) -> list[Entry]:
    """Return the documents that a query found, 500 at most."""
    root, _ = read_outcome(answer)
    return [entry_of(each) for each in list(root.iter(_ENTRY))[:MOST_ENTRIES]]


def entry_of(element: etree._Element) -> Entry:
    """Return what the metadata of a document say of it."""
    numbers = {
        each.get("identificationScheme", ""): each.get("value", "")
        for each in element.iterfind(f"{{{RIM}}}ExternalIdentifier")
    }
    slots = {
        each.get("name", ""): each.findtext(f"{{{RIM}}}ValueList/{{{RIM}}}Value") or ""
        for each in element.iterfind(f"{{{RIM}}}Slot")
    }
    size = slots.get("size", "")
    by_scheme = {
        each.get("classificationScheme", ""): each
        for each in reversed(element.findall(f"{{{RIM}}}Classification"))
    }
    author = by_scheme.get(AUTHOR)
    return Entry(
        unique_id=numbers.get(UNIQUE, ""),
        patient_identifier=numbers.get(PATIENT, ""),
        title=_named(element),
        digest=slots.get("hash", ""),
        size=int(size) if size.isascii() and size.isdigit() and len(size) < 12 else 0,
        repository=slots.get("repositoryUniqueId", ""),
        type=_named(by_scheme.get(TYPE)),
        author=_person(_slot(author, "authorPerson")),
        place=_slot(author, "authorInstitution").split("^")[0][:200],
        made_at=_moment(slots.get("creationTime", "")),
        confidentialities=tuple(
            each.get("nodeRepresentation", "")[:80]
            for each in element.iterfind(f"{{{RIM}}}Classification")
            if each.get("classificationScheme") == CONFIDENTIALITY
        ),
    )


def _named(element: etree._Element | None) -> str:
    """Return how an object is named, short of anything that a page could not show."""
    said = None if element is None else element.find(f"{{{RIM}}}Name/{{{RIM}}}LocalizedString")
    return "" if said is None else said.get("value", "")[:200]


def _slot(element: etree._Element | None, name: str) -> str:
    """Return the first value of a slot."""
    for each in () if element is None else element.iterfind(f"{{{RIM}}}Slot"):
        if each.get("name") == name:
            return each.findtext(f"{{{RIM}}}ValueList/{{{RIM}}}Value") or ""
    return ""


def _person(said: str) -> str:
    """Return the name in an XCN: "899…^SOULIER^Anne^^^DR^…" gives "Anne SOULIER"."""
    parts = (said.split("^") + [""] * 3)[:3]
    return " ".join(filter(None, (parts[2].strip(), parts[1].strip())))[:200]


def _moment(said: str) -> datetime | None:
    """Return a moment of XDS, in UTC: "20261122", "20261122110000"; None when it is not one."""
    for length, shape in ((14, "%Y%m%d%H%M%S"), (12, "%Y%m%d%H%M"), (8, "%Y%m%d")):
        if len(said) >= length:
            try:
                return datetime.strptime(said[:length], shape).replace(tzinfo=UTC)
            except ValueError:
                return None
    return None


def read_document(answer: tuple[str, bytes], entry: Entry) -> bytes:
    """Return the bytes of a document, which must be those that its metadata told.

    Raises:
        Refused: the shared record refuses.
        Unreadable: they are not there, or not those.
    """
    root, files = read_outcome(answer)
    include = next(root.iter(f"{{{XOP}}}Include"), None)
    data = files.get("" if include is None else include.get("href", "").removeprefix("cid:"))
    if data is None:
        raise Unreadable("le DMP n’a pas joint le document")
    digest = hashlib.sha1(data, usedforsecurity=False).hexdigest()
    if entry.digest and digest != entry.digest.lower():
        raise Unreadable("l’empreinte du document ne correspond pas")
    return data
