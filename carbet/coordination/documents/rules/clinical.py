"""What a clinical document (CDA) says of itself, in the words that a record keeps."""

from dataclasses import dataclass
from datetime import date

from carbet.coordination.documents.choices import Confidentiality, document_type
from carbet.core import names
from carbet.interop import cda
from carbet.interop.cda import UnreadableDocument

__all__ = ["Described", "UnreadableDocument", "contradiction", "describe", "identity"]

IDENTIFIER_SYSTEM = "urn:ietf:rfc:3986"


@dataclass(frozen=True, slots=True)
class Described:
    """What the header says: its identifiers, its set and version, its author, its words."""

    identifier: str
    set_identifier: str
    set_version: int
    replaces: str
    type: str
    title: str
    made_on: date | None
    confidentiality: str
    author: str
    finess: str
    person: cda.Patient
    words: str


def describe(data: bytes) -> Described:
    """Return what a clinical document says of itself.

    Raises:
        UnreadableDocument: it is hostile, spoilt, or no clinical document.
    """
    return described(cda.read(data))


def described(document: cda.Document) -> Described:
    """Return what a clinical document already read says of itself."""
    header = document.header
    author = next(iter(header.authors), cda.Author())
    place = author.organization or header.custodian or cda.Organization()
    confidentiality = header.confidentiality
    return Described(
        identifier=identity(header.identifier),
        set_identifier=identity(header.set_id) if header.set_id else "",
        set_version=header.version,
        replaces=identity(header.replaces.identifier) if header.replaces else "",
        type=document_type(header.type.code),
        title=(header.title or header.type.label or "Document").replace("\x00", "")[:200],
        made_on=header.effective_at.astimezone(cda.TERRITORY).date()
        if header.effective_at
        else None,
        confidentiality=confidentiality
        if confidentiality in Confidentiality.values
        else Confidentiality.VERY_RESTRICTED,
        author=", ".join(filter(None, (str(author), place.name)))[:200] or "Auteur non nommé",
        finess=place.finess,
        person=header.patient,
        words=cda.plain_text(document),
    )


def identity(identifier: cda.Identifier) -> str:
    """Return an identifier as a record keeps it: "urn:oid:1.2.3" or "urn:oid:1.2.3^value"."""
    return f"urn:oid:{identifier}"[:200] if identifier.root else ""


def contradiction(
    person: cda.Patient, *, ins: str, birth_family: str, birth_given: str, birth_date: date
) -> str:
    """Return why a document cannot be about this person, as a French sentence; nothing otherwise.

    Another INS, another day of birth, or neither the family name nor a given name in common.
    """
    if person.ins and ins and person.ins.extension.replace(" ", "") != ins:
        return "L’INS de ce document n’est pas celui de cette personne."
    if (
        person.birth_date
        and person.birth_date_precision == "day"
        and (person.birth_date != birth_date)
    ):
        return "La date de naissance de ce document n’est pas celle de cette personne."
    families = {_plain(person.birth_family), _plain(person.used_family)} - {""}
    if families and not any(_alike(each, _plain(birth_family)) for each in families):
        return "Le nom de ce document n’est pas celui de cette personne."
    given = set(_plain(f"{person.birth_given} {person.first_given}").split())
    if given and not given & set(_plain(birth_given).split()):
        return "Les prénoms de ce document ne sont pas ceux de cette personne."
    return ""


def _plain(text: str) -> str:
    return names.comparison_form(text)


def _alike(one: str, other: str) -> bool:
    """Tell whether two birth names are one, a compound name cut short being the same."""
    return one == other or bool(set(one.split()) & set(other.split()))
