"""What is read the same way in each type of resource: numbers, contacts, places, links."""

from typing import Any

from carbet.core import fhir
from carbet.core.fhir import Json
from carbet.registries.directory.choices import MailboxKind
from carbet.registries.directory.fhir import vocabulary as v
from carbet.registries.directory.fhir.keeping import fingerprint
from carbet.registries.directory.fhir.reading.links import logical, target_of
from carbet.registries.directory.fhir.reading.named import structure_columns
from carbet.registries.directory.fhir.reading.red_list import address_fingerprint
from carbet.registries.directory.fhir.reading.said import Context, Said, UnableToRead
from carbet.registries.directory.fhir.reading.values import (
    codings,
    extensions,
    listed,
    sub_value,
    text,
    value_of,
    values_of,
)
from carbet.registries.directory.fhir.writing import REFERENCES


class Reader:
    """One resource being read into what was said."""

    def __init__(self, resource: Json, said: Said, context: Context) -> None:
        self.resource = resource
        self.said = said
        self.context = context
        self.fields = said.fields

    def get(self, name: str) -> list[Json]:
        return listed(self.resource.get(name))

    def put(self, column: str, value: Any, limit: int = 0) -> None:
        """Keep a value that was said; a text too long is cut, and kept whole beside."""
        if value not in (None, "", []):
            self.fields[column] = value[:limit] if limit else value

    def active(self) -> None:
        said = self.resource.get("active")
        self.fields["active"] = said if isinstance(said, bool) else True

    def refer(self, column: str, element: str) -> None:
        """Keep a link to another resource of the source, and what to say if it is never found."""
        held = listed(self.resource.get(element))
        found = target_of(held[0]) if held else None
        if found is None or found[0] != REFERENCES[self.said.kind][element][1]:
            if held:
                # Nothing to point to: the element is given back as it came.
                link: Json = {"id": None} | self._instead(element)
                if REFERENCES[self.said.kind][element][1] == "Organization":
                    link |= self._named(held[0])
                self.said.references[column] = link
            return
        link = {"id": found[1]} | self._instead(element)
        if others := [said[1] for each in held[1:] if (said := target_of(each))]:
            link["others"] = others
        self.said.references[column] = link

    def _named(self, reference: Json) -> Json:
        """Return the structure that a link tells by its number alone."""
        known = structure_columns(reference, self.resource)
        if known is None:
            return {}
        fields, address = known
        place = Reader({}, Said(kind="Organization", source_id=""), self.context)
        place.address(address)
        return {"named": place.fields | fields}

    def _instead(self, element: str) -> Json:
        told = logical({"_": self.resource.get(element)}, frozenset(), self.context, 0)["_"]
        return {"element": element, "instead": {"as": told, "if": fingerprint(None)}}

    def terms(self, element: Any) -> None:
        """Remember the labels that come with national codes."""
        for concept in listed(element):
            for each in listed(concept.get("coding")):
                system, label = text(each.get("system")), text(each.get("display"))
                code = text(each.get("code"))
                if label and code and len(code) <= 40 and "/NOS/" in system:
                    name = system.partition("/NOS/")[2].partition("/")[0]
                    self.said.attached.setdefault("terms", []).append(
                        {"nomenclature": name[:80], "code": code, "label": label[:300]}
                    )

    def numbers(self) -> list[tuple[str, str, str]]:
        """Return (system, value, code of the type) of the identifiers, and keep them all."""
        found = []
        for each in self.get("identifier"):
            value = text(each.get("value"))
            if value:
                kinds = [code for _, code, _ in codings(each.get("type"))]
                found.append(
                    (text(each.get("system")).rstrip("/"), value, kinds[0] if kinds else "")
                )
        self.put("identifiers", list(dict.fromkeys(f"{s}|{n}"[:330] for s, n, _ in found)))
        return found

    def region(self) -> None:
        meta = self.resource.get("meta")
        for tag in listed(meta.get("tag")) if isinstance(meta, dict) else ():
            code = text(tag.get("code"))
            if len(code) == 2 and code.isalnum():
                self.fields["region"] = code
                return

    def reach(self, element: str = "telecom", *, keep_email: bool = False) -> None:
        """Keep telephone, fax, address and mailboxes."""
        for each in self.get(element):
            system, value = text(each.get("system")), text(each.get("value"))
            if not value:
                continue
            if is_mailbox(each, value):
                self.mailbox(each, value)
            elif system not in self.fields and (
                system in ("phone", "fax") or (system == "email" and keep_email)
            ):
                self.put(system, value, 254 if system == "email" else 20)

    def mailbox(self, contact: Json, address: str) -> None:
        if len(address) > 254:
            raise UnableToRead("Adresse de messagerie trop longue.")
        metadata = (extensions(contact, v.MAILBOX) or [{}])[0]
        kinds = [code for _, code, _ in codings(sub_value(metadata, "type"))]
        self.said.attached.setdefault("mailboxes", []).append(
            {
                "address": address,
                "fingerprint": address_fingerprint(address),
                "kind": kinds[0] if kinds and kinds[0] in MailboxKind.values else "",
                "description": text(sub_value(metadata, "description"))[:500],
                "responsible": text(sub_value(metadata, "responsible"))[:200],
                "service_name": text(sub_value(metadata, "service"))[:200],
                "red_list": False,
            }
        )

    def write_to(self) -> None:
        """Keep the first mailbox as the address to write to."""
        held = self.said.attached.get("mailboxes", [])
        self.fields["secure_email"] = held[0]["address"] if held else ""

    def address(self, held: Json, insee: str = "") -> None:
        lines = held.get("line")
        parts = [text(each) for each in lines] if isinstance(lines, list) else [text(lines)]
        line = ", ".join(filter(None, parts))
        if not line:
            line = " ".join(
                text(value_of(part))
                for each in listed(held.get("_line"))
                for part in listed(each.get("extension"))
            )
        self.put("address_line", line, 200)
        postal = text(held.get("postalCode")).replace(" ", "")
        self.put("postal_code", postal, 5)
        self.put("city", text(held.get("city")), 100)
        insee = insee or fhir.insee_code(held)
        self.commune(insee, postal)

    def commune(self, insee: str, postal: str) -> None:
        """Keep the commune: by its INSEE code, else by a postal code that one commune only has."""
        if len(insee) == 5:
            self.put("insee", insee)
        communes = self.context.communes
        if insee in communes:
            self.fields["commune_id"] = insee
        elif not insee and postal:
            bearing = [code for code, held in communes.items() if postal in held]
            if len(bearing) == 1:
                self.fields["commune_id"] = bearing[0]


def is_mailbox(contact: Json, value: str) -> bool:
    """Tell whether a contact is a secure mailbox (MSSanté)."""
    if text(contact.get("system")) != "email":
        return False
    kinds = [code for each in extensions(contact, v.EMAIL_TYPE) for _, code, _ in values_of(each)]
    domain = value.rpartition("@")[2].lower()
    return (
        "MSSANTE" in kinds
        or bool(extensions(contact, v.MAILBOX))
        or domain == "mssante.fr"
        or domain.endswith(".mssante.fr")
    )
