"""What a file of structures says, in our columns."""

import hashlib
from dataclasses import asdict, dataclass, field
from datetime import datetime
from typing import Any

import orjson

from carbet.connectors.structures_file import Structure
from carbet.core import identifiers, names
from carbet.registries.directory.choices import OrganizationKind, Purpose
from carbet.registries.directory.rules.nomenclature import ESTABLISHMENT_PURPOSES

LOCAL_SYSTEM = "https://carbet.example/structures-locales"


class WrongStructure(Exception):
    """The structure cannot be taken; the text says why, in French."""


@dataclass
class FromFile:
    """A row read from a file, ready to wait for the merge."""

    kind: str
    source_id: str
    label: str
    fields: dict[str, Any]
    references: dict[str, Any] = field(default_factory=dict)
    kept: dict[str, Any] = field(default_factory=dict)
    attached: dict[str, Any] = field(default_factory=dict)
    said_at: datetime | None = None
    digest: str = ""

    def sealed(self) -> "FromFile":
        told = [self.kind, self.fields, self.references, self.attached]
        said = orjson.dumps(told, option=orjson.OPT_SORT_KEYS)
        self.digest = hashlib.blake2b(said, digest_size=16).hexdigest()
        return self


def rows_of(structure: Structure, communes: dict[str, list[str]]) -> list[FromFile]:
    """Return the organization of a line, and the services it offers.

    Raises:
        WrongStructure: a number has a wrong key, a name or a kind is missing or unknown.
    """
    if structure.finess and not identifiers.is_finess(structure.finess):
        raise WrongStructure(f"Numéro FINESS incorrect (clé) : {structure.finess[:20]}.")
    if not structure.name:
        raise WrongStructure("La structure n’a pas de nom.")
    if structure.siret and not _is_siret(structure.siret):
        raise WrongStructure(f"Numéro SIRET incorrect (clé) : {structure.siret[:20]}.")
    told: dict[str, Any] = asdict(structure)
    if any("\0" in each for each in told.values() if isinstance(each, str)):
        raise WrongStructure("La ligne contient un caractère nul.")
    mail = structure.secure_email
    if mail and ("@" not in mail or len(mail) > 254 or " " in mail):
        raise WrongStructure("Adresse de messagerie incorrecte.")
    for code in structure.zones:
        if code not in communes:
            raise WrongStructure(f"Zone inconnue (code INSEE attendu) : {code[:20]}.")
    fields = {
        "kind": OrganizationKind.GEOGRAPHICAL.value,
        "name": structure.name[:200],
        "active": True,
        "purpose": _purpose(structure),
        "address_line": structure.address[:200],
        "postal_code": structure.postal_code[:5],
        "city": structure.city[:100],
        "insee": structure.insee if structure.insee in communes else "",
        "commune_id": _commune(structure, communes),
        "phone": structure.phone[:20],
    }
    for column, value in (
        ("siret", structure.siret),
        ("category_code", structure.category_code[:4]),
        ("category_label", structure.category_label[:120]),
        ("fax", structure.fax[:20]),
        ("secure_email", mail),
        ("opened_on", structure.opened_on),
    ):
        if value:
            fields[column] = value
    if structure.finess:
        fields["finess"] = structure.finess
    else:
        fields["identifier_system"] = LOCAL_SYSTEM
        fields["identifier_value"] = structure.number[:100]
    organization = FromFile("Organization", structure.number, structure.name[:200], fields)
    if structure.legal_finess:
        organization.references["part_of_id"] = {
            "id": None,
            "finess": structure.legal_finess,
            "kind": OrganizationKind.LEGAL.value,
        }
    found = [organization.sealed()]
    for offer in structure.offers:
        service = FromFile(
            "HealthcareService",
            f"{structure.number[:40]}/{hashlib.sha256(offer.encode()).hexdigest()[:16]}",
            offer[:200],
            {"name": offer[:200], "active": True, "zones": list(structure.zones)},
            {"organization_id": {"id": structure.number}},
        )
        found.append(service.sealed())
    return found


def _is_siret(text: str) -> bool:
    digits = len(text) == 14 and text.isascii() and text.isdigit()
    # The post office keeps one SIREN for all its offices, told apart without the key.
    return digits and (identifiers.luhn_sum(text) == 0 or text.startswith("356000000"))


def _purpose(structure: Structure) -> str:
    if not structure.purpose:
        return ESTABLISHMENT_PURPOSES.get(structure.category_code, Purpose.OTHER.value)
    asked = names.comparison_form(structure.purpose)
    for value, label in Purpose.choices:
        if asked in (names.comparison_form(str(label)), names.comparison_form(value)):
            # What opens rights over persons is decided here, never by a file.
            return Purpose.OTHER.value if value == Purpose.DAC else str(value)
    raise WrongStructure(f"Genre de structure inconnu : {structure.purpose[:60]}.")


def _commune(structure: Structure, communes: dict[str, list[str]]) -> str | None:
    if structure.insee in communes:
        return structure.insee
    bearing = [code for code, held in communes.items() if structure.postal_code in held]
    return bearing[0] if len(bearing) == 1 and not structure.insee else None
