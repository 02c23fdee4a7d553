"""Who acts: structures, professionals, and the roles that these hold in those."""

from datetime import timedelta
from typing import Any

from carbet.core import fhir, identifiers, names
from carbet.registries.directory.choices import OrganizationKind
from carbet.registries.directory.fhir import vocabulary as v
from carbet.registries.directory.fhir.reading.reader import Reader, is_mailbox
from carbet.registries.directory.fhir.reading.said import UnableToRead
from carbet.registries.directory.fhir.reading.values import (
    codings,
    day,
    extensions,
    listed,
    moment,
    text,
    value_of,
    values_of,
)
from carbet.registries.directory.rules.nomenclature import (
    ESTABLISHMENT_PURPOSES,
    PROFESSIONS,
    SECTOR_PURPOSES,
    SPECIALTIES,
)


def organization(reader: Reader) -> None:
    """Read a structure: its number, its kind, how to reach it, since when and until when."""
    resource, fields = reader.resource, reader.fields
    kind, finess = "", ""
    for system, value, kind_code in reader.numbers():
        system = system.replace("http://", "https://")
        told = {"FINEJ": OrganizationKind.LEGAL, "FINEG": OrganizationKind.GEOGRAPHICAL}
        kind = kind or told.get(kind_code, "")
        if system in (v.FINESS, v.FORMER_FINESS) or kind_code in told:
            # The national number of a structure, under the type of the other (French core).
            is_national = system == v.IDNST and value[:1] == "1" and len(value) == 10
            finess = finess or (value[1:] if is_national else value)
        elif system == v.SIRENE and len(value) == 14:
            reader.put("siret", value)
        elif system == v.INTERNAL_ORGANIZATION:
            kind = kind or OrganizationKind.INTERNAL
            _identify(fields, system, value)
        elif system == v.IDNST and value[:1] == "1" and len(value) == 10:
            finess = finess or value[1:]
        elif system == v.IDNST and value[:1] == "3" and len(value) == 15:
            reader.put("siret", value[1:])
            if not finess:
                _identify(fields, system, value)
        elif not finess:
            _identify(fields, system, value)
    if finess and identifiers.is_finess(finess):
        fields["finess"] = finess
        fields.pop("identifier_system", None)
        fields.pop("identifier_value", None)
    elif finess:
        if not reader.context.invented_numbers:
            raise UnableToRead(f"Numéro FINESS incorrect (clé) : {finess[:20]}.")
        fields["identifier_system"], fields["identifier_value"] = v.FINESS, finess[:100]
    for number, code, label in codings(resource.get("type")):
        if number.endswith("v2-3307") and code in OrganizationKind.values:
            kind = code
        elif number == "R02":
            reader.put("sector", code, 8)
        elif number == "R66":
            reader.put("category_code", code, 4)
            reader.put("category_label", label, 120)
        elif number == "R72":
            reader.put("legal_status", code, 8)
    if not kind and fields.get("legal_status") and not fields.get("category_code"):
        kind = OrganizationKind.LEGAL
    fields["kind"] = kind or OrganizationKind.GEOGRAPHICAL
    fields["purpose"] = (
        ESTABLISHMENT_PURPOSES.get(fields.get("category_code", ""))
        or SECTOR_PURPOSES.get(fields.get("sector", ""))
        or "other"
    )
    reader.active()
    alias = resource.get("alias")
    aliases = [text(each) for each in alias] if isinstance(alias, list) else [text(alias)]
    reader.put("alias", next(filter(None, aliases), ""), 200)
    name = text(resource.get("name")) or fields.get("alias", "")
    if not name:
        raise UnableToRead("La structure n’a pas de nom.")
    reader.put("name", name, 200)
    reader.said.label = fields["name"]
    reader.reach(keep_email=True)
    for contact in reader.get("contact"):
        for each in listed(contact.get("telecom")):
            value = text(each.get("value"))
            if is_mailbox(each, value):
                reader.mailbox(each, value)
            elif "phone" not in fields and text(each.get("system")) == "phone":
                reader.put("phone", value, 20)
    reader.write_to()
    for each in reader.get("address")[:1]:
        reader.address(each)
    for each in extensions(resource, v.ORGANIZATION_PERIOD):
        period = value_of(each)
        if isinstance(period, dict):
            reader.put("opened_on", day(period.get("start"), "organization-period.start"))
            reader.put("closed_on", day(period.get("end"), "organization-period.end"))
    closed = fields.get("closed_on")
    if closed and closed <= reader.context.now.date():
        fields["active"] = False
    reader.region()
    reader.refer("part_of_id", "partOf")
    reader.terms(resource.get("type"))


def practitioner(reader: Reader) -> None:
    """Read a professional: the RPPS, the name, the qualifications."""
    fields = reader.fields
    for system, value, kind in reader.numbers():
        if system in (v.RPPS, v.IDNPS) or kind in ("RPPS", "IDNPS"):
            rpps = value[1:] if len(value) == 12 and value[0] == "8" else value
            if identifiers.is_rpps(rpps):
                fields.setdefault("rpps", rpps)
            elif value[:1] != "0" or len(value) != 10:
                # "0" and nine characters is the dead form that carried an ADELI number.
                if not reader.context.invented_numbers:
                    raise UnableToRead(f"Numéro RPPS incorrect (clé) : {value[:20]}.")
                _identify(fields, v.RPPS, rpps)
        else:
            _identify(fields, system, value)
    if "rpps" in fields:
        fields.pop("identifier_system", None)
        fields.pop("identifier_value", None)
    reader.active()
    known = reader.get("name")
    known.sort(key=lambda each: {"official": 0, "usual": 1}.get(text(each.get("use")), 2))
    name = known[0] if known else {}
    given = name.get("given")
    given_names = [text(each) for each in given] if isinstance(given, list) else [text(given)]
    fields["family"] = text(name.get("family"))[:100]
    fields["given"] = " ".join(filter(None, given_names))[:100]
    if not fields["family"] and not fields.get("rpps"):
        raise UnableToRead("Le professionnel n’a ni nom ni RPPS.")
    for part in ("prefix", "suffix"):
        held = name.get(part)
        for each in held if isinstance(held, list) else ():
            if "civility" not in fields:
                reader.put("civility", text(each), 10)
    fields["search"] = names.comparison_form(f"{fields['given']} {fields['family']}").lower()[:220]
    reader.said.label = " ".join(
        filter(None, (fields.get("civility"), fields["given"], fields["family"]))
    )[:200]
    qualifications, codes = [], []
    for each in reader.get("qualification"):
        held = [
            [v.nomenclature(text(coding.get("system"))), text(coding.get("code"))]
            for coding in listed((each.get("code") or {}).get("coding"))
            if text(coding.get("code"))
        ]
        period = each.get("period") if isinstance(each.get("period"), dict) else {}
        if held:
            qualifications.append(
                {"codes": held} | {n: period[n] for n in ("start", "end") if text(period.get(n))}
            )
            codes += ["|".join(pair)[:120] for pair in held]
        for number, code, _ in codings(each.get("code")):
            ended = period.get("end") and moment(text(period["end"]), "qualification.period.end")
            if number in ("G15", "R94", "R291") and not (ended and ended < reader.context.now):
                fields["profession"] = code[:12]
        reader.terms(each.get("code"))
    fields["qualifications"], fields["qualification_codes"] = qualifications, codes
    reader.reach()


def role(reader: Reader) -> None:
    """Read an exercise: of which professional, where, as what, until when."""
    resource, fields = reader.resource, reader.fields
    for system, value, _ in reader.numbers():
        if system:
            _identify(fields, system, value)
    for number, code, label in codings(resource.get("code")):
        if number in ("G15", "R94", "R291", "R85", "R95"):
            known = PROFESSIONS.get(code)
            fields["profession"] = code[:12]
            fields["profession_label"] = (label or (known.label if known else code))[:100]
            fields["category"] = known.category if known else "other"
        for column, wanted in (
            ("activity_kind", "R22"), ("function", "R21"), ("liberal_activity", "R24"),
        ):  # fmt: skip
            if number == wanted:
                reader.put(column, code, 12)
        if number == "R23" and len(code) == 1:
            fields["mode"] = code
    fields.setdefault("mode", "")
    for each in extensions(resource, v.EXERCISE_MODE):
        for _, code, _ in values_of(each):
            if len(code) == 1:
                fields["mode"] = code
    for each in extensions(resource, v.HOME_VISIT):
        if isinstance(each.get("valueBoolean"), bool):
            fields["home_visits"] = each["valueBoolean"]
    skills = [code for number, code, _ in codings(resource.get("specialty")) if number == "R38"]
    skills = list(dict.fromkeys(code[:8] for code in skills))
    if skills:
        fields["skills"] = skills
        fields["specialty"] = skills[0]
        fields["specialty_label"] = SPECIALTIES.get(skills[0], skills[0])[:120]
    period = resource.get("period")
    period = period if isinstance(period, dict) else {}
    reader.put("started_on", day(period.get("start"), "period.start"))
    if ended := text(period.get("end")):
        try:
            fields["ended_at"] = fhir.span(ended).end
        except ValueError as error:
            raise UnableToRead("Date illisible : period.end.") from error
        if fhir.span(ended).precision == fhir.INSTANT:
            fields["ended_at"] -= timedelta(microseconds=1)
    reader.active()
    if not fields.pop("active") and "ended_at" not in fields:
        fields["ended_at"] = reader.said.said_at or reader.context.now
    reader.reach()
    reader.write_to()
    fields.pop("fax", None)
    reader.said.label = f"Exercice {fields.get('identifier_value', reader.said.source_id)}"[:200]
    reader.refer("practitioner_id", "practitioner")
    reader.refer("organization_id", "organization")
    reader.refer("healthcare_service_id", "healthcareService")
    if not (reader.said.references.get("practitioner_id") or {}).get("id"):
        raise UnableToRead("L’exercice ne dit pas de quel professionnel il est.")
    reader.terms(resource.get("specialty"))


def _identify(fields: dict[str, Any], system: str, value: str) -> None:
    if "identifier_value" not in fields and system:
        fields["identifier_system"], fields["identifier_value"] = system[:200], value[:100]
