"""A person cared for in FHIR: FR Core Patient, with or without INS, out and in."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any

from django.conf import settings
from django.contrib.postgres.expressions import ArraySubquery
from django.db.models import F, OuterRef, QuerySet
from django.db.models.functions import JSONObject

from carbet.core import fhir, identifiers, names
from carbet.core.compiled import Compiled
from carbet.core.fhir import Issue, Json, Reading
from carbet.registries.matching.rules import Traits
from carbet.registries.patients import rules
from carbet.registries.patients.choices import (
    INS_NIA,
    INS_SYSTEMS,
    INS_TYPES,
    DatePrecision,
    Gender,
    IdentityStatus,
    Language,
)
from carbet.registries.patients.models import Patient, PatientIdentifier

PROFILE = fhir.FR_CORE + "fr-core-patient"
PROFILE_INS = fhir.FR_CORE + "fr-core-patient-ins"
RELIABILITY = fhir.FR_CORE + "fr-core-identity-reliability"
BIRTH_GIVEN = fhir.FR_CORE + "fr-core-patient-birth-list-given-name"
BIRTH_PLACE = "http://hl7.org/fhir/StructureDefinition/patient-birthPlace"
STATUS_COMMENT = "https://hl7.fr/ig/fhir/core/CodeSystem/fr-core-cs-identity-status-comment"
LANGUAGES = "urn:ietf:bcp:47"

STATUS_V2_0445 = "https://hl7.fr/ig/fhir/core/CodeSystem/fr-core-cs-v2-0445"
STATUS_RNIV = "https://hl7.fr/ig/fhir/core/CodeSystem/fr-core-cs-identity-status"
# How each vocabulary names the statuses of the RNIV. In the published one VALI says qualified, and
# may not be said without an INS (fr-core-1).
STATUS_CODES: dict[str, dict[str, str]] = {
    STATUS_V2_0445: {
        IdentityStatus.PROV: "PROV",
        IdentityStatus.VALI: "PROV",
        IdentityStatus.RECUP: "PROV",
        IdentityStatus.QUAL: "VALI",
    },
    STATUS_RNIV: {status: status for status in IdentityStatus.values},
}
_AXES = {
    "PROV": (False, False),
    "VALI": (False, True),
    "RECUP": (True, False),
    "QUAL": (True, True),
}

_INS_C = "urn:oid:1.2.250.1.213.1.4.2"
_TEST_SYSTEMS = INS_SYSTEMS[2:]
_COLUMNS = (
    "id",
    "birth_family",
    "birth_given",
    "used_family",
    "used_given",
    "gender",
    "birth_date",
    "birth_date_precision",
    "birth_place_code",
    "birth_place_name",
    "ins_recovered",
    "identity_checked",
    "identity_attributes",
    "address_line",
    "postal_code",
    "city",
    "commune_id",
    "phone",
    "language",
    "active",
    "deceased_on",
    "updated_at",
    "version",
)


# --- Out ----------------------------------------------------------------------------------------


def _columns() -> QuerySet[Patient, dict[str, Any]]:
    held = PatientIdentifier.objects.filter(patient_id=OuterRef("pk")).order_by("pk")
    each = JSONObject(system=F("system"), value=F("value"), type_code=F("type_code"))
    return Patient.objects.values(*_COLUMNS, identifiers_held=ArraySubquery(held.values(each=each)))


_ROWS = Compiled(_columns)


def resources(patients: QuerySet[Patient]) -> list[Json]:
    """Return the Patient resources of these persons, in one query."""
    return [resource(row) for row in _ROWS.rows(patients)]


def former_versions(number: int, *, before: int) -> list[Json]:
    """Return the versions of a person earlier than one, the latest first, in one query.

    Their traits: which identifiers they bore then is not kept.
    """
    events = Patient.pgh_event_model.objects.filter(pgh_obj_id=number, version__lt=before)  # type: ignore[attr-defined]
    # A version is what was first written under its number: a merge moves rows, then counts.
    rows = events.order_by("version", "pgh_id").distinct("version").values(*_COLUMNS)
    return [resource(row | {"identifiers_held": []}) for row in rows][::-1]


def status_system() -> str:
    """Return the vocabulary in which this instance says the identity status."""
    return getattr(settings, "CARBET_FHIR_IDENTITY_STATUS", STATUS_V2_0445)


def resource(row: dict[str, Any]) -> Json:
    """Return the Patient resource of one row of `resources`: the INS only when it may leave."""
    status = rules.identity_status(
        ins_recovered=row["ins_recovered"],
        identity_checked=row["identity_checked"],
        attributes=row["identity_attributes"],
    )
    sends_ins = rules.ins_may_leave(status, row["identity_attributes"])
    held = [
        _identifier(each)
        for each in row["identifiers_held"]
        if sends_ins or each["system"] not in INS_SYSTEMS
    ]
    has_ins = sends_ins and any(each["system"] in INS_SYSTEMS for each in held)
    whole = has_ins and row["birth_place_code"]
    found: Json = {
        "resourceType": "Patient",
        "id": str(row["id"]),
        "meta": fhir.meta(
            PROFILE_INS if whole else PROFILE,
            version=row["version"],
            updated_at=row["updated_at"],
        ),
        "extension": [_reliability(status, row["identity_attributes"], has_ins=has_ins)],
    }
    if place := _birth_place(row):
        found["extension"].append(place)
    if held:
        found["identifier"] = held
    found["active"] = row["active"]
    found["name"] = _names(row)
    if row["phone"]:
        found["telecom"] = [{"system": "phone", "value": row["phone"]}]
    found["gender"] = row["gender"]
    found["birthDate"] = fhir.cut(row["birth_date"].isoformat(), row["birth_date_precision"])
    if row["deceased_on"]:
        found["deceasedDateTime"] = row["deceased_on"].isoformat()
    if address := _address(row):
        found["address"] = [address]
    if row["language"] != Language.FRENCH:
        spoken = fhir.concept(LANGUAGES, row["language"])
        found["communication"] = [{"language": spoken, "preferred": True}]
    return found


def _identifier(held: Json) -> Json:
    system, kind = held["system"], held["type_code"]
    if system in INS_SYSTEMS:
        use = "temp" if system == INS_NIA else "official"
        return fhir.identifier(system, held["value"], use=use, type_code=INS_TYPES[system])
    use = "secondary" if kind == "RRI" else "usual"
    types = fhir.HL7_IDENTIFIER_TYPES if kind in ("PI", "RRI", "MR") else fhir.IDENTIFIER_TYPES
    return fhir.identifier(system, held["value"], use=use, type_code=kind, types=types)


def _reliability(status: str, attributes: list[str], *, has_ins: bool) -> Json:
    system = status_system()
    code = STATUS_CODES[system][status]
    if system == STATUS_V2_0445 and not has_ins:
        code = "PROV"  # fr-core-1: VALI asks for an INS in the same resource
    said = [fhir.extension("identityStatus", valueCoding=fhir.coding(system, code))]
    said += [
        fhir.extension("comment", valueCoding=fhir.coding(STATUS_COMMENT, attribute))
        for attribute in attributes
    ]
    return fhir.extension(RELIABILITY, extension=said)


def _birth_place(row: dict[str, Any]) -> Json | None:
    place: Json = {}
    if row["birth_place_code"]:
        place["extension"] = [fhir.insee_extension(row["birth_place_code"])]
    if row["birth_place_name"]:
        place["city"] = row["birth_place_name"]
    return fhir.extension(BIRTH_PLACE, valueAddress=place) if place else None


def _names(row: dict[str, Any]) -> list[Json]:
    given = row["birth_given"]
    found = [
        {
            "extension": [fhir.extension(BIRTH_GIVEN, valueString=" ".join(given))],
            "use": "official",
            "family": row["birth_family"],
            "given": given[:1],
        }
    ]
    if row["used_family"] or row["used_given"]:
        used: Json = {"use": "usual", "family": row["used_family"] or row["birth_family"]}
        used["given"] = [row["used_given"] or given[0]]
        found.append(used)
    return found


def _address(row: dict[str, Any]) -> Json:
    address: Json = {}
    if row["commune_id"]:
        address["extension"] = [fhir.insee_extension(row["commune_id"])]
    if row["address_line"]:
        address["line"] = [row["address_line"]]
    if row["city"]:
        address["city"] = row["city"]
    if row["postal_code"]:
        address["postalCode"] = row["postal_code"]
    return address


# --- In -----------------------------------------------------------------------------------------


@dataclass(frozen=True)
class PatientRead:
    """What a Patient resource says: arguments of `operations.register_patient`, and issues."""

    traits: dict[str, Any]
    issues: list[Issue]

    @property
    def keys(self) -> list[tuple[str, str]]:
        """The identifiers under which the person may be known already, the INS first."""
        ins = [(self.traits["ins_system"], self.traits["ins"])] if self.traits["ins"] else []
        return ins + [(system, value) for system, value, _ in self.traits["identifiers_given"]]


def read(resource: Json, at: str, *, now: datetime) -> PatientRead:
    """Read a Patient: tolerant of the known defects of published examples, strict on the rest."""
    reading = Reading(resource, at)
    reading.keep_only(
        "extension identifier active name telecom gender birthDate address deceasedBoolean"
        " communication"
    )
    if resource.get("active") is False:
        reading.error("not-supported", "Une identité inactive n’est pas reçue.", "active")
    if resource.get("deceasedBoolean") is True or "deceasedDateTime" in resource:
        reading.error("not-supported", "Un décès ne s’enregistre pas par cette voie.")
    traits: dict[str, Any] = {"language": _language(reading)}
    traits |= _read_names(reading) | _read_birth(reading, now) | _read_identifiers(reading)
    traits |= _read_status(reading, has_ins=bool(traits["ins"]))
    traits |= _read_telecom(reading) | _read_address(reading)
    return PatientRead(traits, reading.issues)


def read_described(resource: Json, at: str, *, now: datetime) -> tuple[Traits, list[Issue]]:
    """Read a Patient that describes whom one looks for: its traits, and what forbids the search.

    A name and a birth date at least, or the INS and one of them: less would browse the territory.
    """
    gender = resource.get("gender", Gender.UNKNOWN)
    # FHIR has one more, which the French profile does not keep: it says nothing against anybody.
    gender = Gender.UNKNOWN.value if gender == "other" else gender
    reading = Reading(resource | {"gender": gender}, at)
    names_said = _read_described_names(reading)
    birth: dict[str, Any] = {"birth_date": None, "birth_date_precision": "day"}
    told = _read_birth(reading, now) if "birthDate" in resource else birth
    numbers = _read_identifiers(reading)
    contact = _read_telecom(reading) | _read_address(reading)
    values = {**names_said, **told, **numbers, **contact, "gender": reading.resource["gender"]}
    issues = [issue for issue in reading.issues if issue.severity == "error"]
    has_name = bool(values["birth_family"] and values["birth_given"])
    if not issues and not has_name and not values["ins"]:
        said = "Nom de naissance et premier prénom sont nécessaires à la recherche."
        issues.append(Issue("required", said, f"{at}.name"))
    if not issues and values["birth_date"] is None and not (values["ins"] and has_name):
        said = "La date de naissance est nécessaire à la recherche."
        issues.append(Issue("required", said, f"{at}.birthDate"))
    return rules.traits_in(values), issues


def _read_described_names(reading: Reading) -> dict[str, Any]:
    """Return the names of whom one looks for: the birth name where it is said, the first if not."""
    said = reading.resource.get("name", [])
    birth = next((each for each in said if each.get("use") in ("official", "maiden")), None)
    usual = next((each for each in said if each.get("use") == "usual"), None)
    first = birth or usual or (said[0] if said else {})
    place = f"name[{said.index(first)}]" if said else "name"
    given = [str(each) for each in first.get("given", []) if each][:6]
    used = usual if usual is not None and usual is not first else {}
    return {
        "birth_family": reading.text(first.get("family"), 100, f"{place}.family"),
        "birth_given": [reading.text(each, 60, f"{place}.given") for each in given],
        "used_family": str(used.get("family") or "")[:100],
        "used_given": str(next(iter(used.get("given", [])), ""))[:60],
    }


def same_person(known: Patient, traits: dict[str, Any]) -> bool:
    """Tell whether strict traits agree: names without accents or case, date, gender."""
    return (
        names.strict_form(known.birth_family) == names.strict_form(traits["birth_family"])
        and names.strict_form(known.birth_given[0]) == names.strict_form(traits["birth_given"][0])
        and known.birth_date == traits["birth_date"]
        and known.gender == traits["gender"]
    )


def _read_names(reading: Reading) -> dict[str, Any]:
    traits: dict[str, Any] = {
        "birth_family": "",
        "birth_given": [],
        "used_family": "",
        "used_given": "",
    }
    said = reading.resource.get("name", [])
    # A lone name without a use is read as the birth name.
    official = [n for n, name in enumerate(said) if name.get("use") in ("official", "maiden")]
    if not official and len(said) == 1 and "use" not in said[0]:
        official = [0]
    if not official:
        reading.error("required", "Le nom de naissance est obligatoire (use = official).", "name")
        return traits
    place = f"name[{official[0]}]"
    birth = said[official[0]]
    given = [str(each) for each in birth.get("given", []) if each]
    listed = next((each.get("valueString", "") for each in fhir.extensions(birth, BIRTH_GIVEN)), "")
    if not birth.get("family"):
        reading.error("required", "Le nom de naissance est obligatoire.", f"{place}.family")
    if not given and not listed:
        reading.error("required", "Le premier prénom est obligatoire.", f"{place}.given")
    if len(given) <= 1 and listed:
        first = given[0] if given else listed.split()[0]
        rest = listed[len(first) :] if listed.startswith(first + " ") else ""
        given = [first, *rest.split()]
        if not rest and listed.strip() != first:
            reading.error(
                "value",
                "La liste des prénoms de naissance ne commence pas par le premier prénom.",
                f"{place}.extension",
            )
    traits["birth_family"] = reading.text(birth.get("family"), 100, f"{place}.family")
    traits["birth_given"] = [reading.text(each, 60, f"{place}.given") for each in given]
    for number, name in enumerate(said):
        if number == official[0]:
            continue
        if name.get("use") == "usual" and not traits["used_family"]:
            where = f"name[{number}]"
            used = reading.text(name.get("family"), 100, f"{where}.family")
            called = reading.text(next(iter(name.get("given", [])), ""), 60, f"{where}.given")
            traits["used_family"], traits["used_given"] = used, called
        else:
            reading.not_kept(f"name[{number}]")
    return traits


def _read_birth(reading: Reading, now: datetime) -> dict[str, Any]:
    resource = reading.resource
    traits: dict[str, Any] = {
        "birth_date": date(1900, 1, 1),
        "birth_date_precision": DatePrecision.DAY,
        "gender": resource.get("gender", ""),
        "birth_place_code": "",
        "birth_place_name": "",
    }
    if traits["gender"] not in Gender.values:
        reading.error(
            "code-invalid" if traits["gender"] else "required",
            "Sexe obligatoire : male, female ou unknown (FR Core).",
            "gender",
        )
    if said := resource.get("birthDate"):
        span = fhir.span(said)
        traits["birth_date"] = date.fromisoformat((said + "-01-01")[:10])
        traits["birth_date_precision"] = span.precision
        if span.start > now:
            reading.error("value", "La date de naissance est dans le futur.", "birthDate")
    else:
        reading.error("required", "La date de naissance est obligatoire.", "birthDate")
    for number, found in enumerate(resource.get("extension", [])):
        where = f"extension[{number}]"
        if found["url"] == BIRTH_PLACE:
            place = found.get("valueAddress", {})
            traits["birth_place_code"] = reading.text(fhir.insee_code(place), 5, where)
            traits["birth_place_name"] = reading.text(place.get("city"), 80, where)
        elif found["url"] != RELIABILITY:
            reading.not_kept(where)
    return traits


def _read_identifiers(reading: Reading) -> dict[str, Any]:
    traits: dict[str, Any] = {"ins": "", "ins_system": "", "identifiers_given": []}
    for number, each in enumerate(reading.resource.get("identifier", [])):
        where = f"identifier[{number}]"
        system, value = each.get("system", ""), each.get("value", "")
        kind = next((found.get("code", "") for found in fhir.codings(each.get("type"))), "")
        if not system or not value:
            name = "system" if value else "value"
            reading.error(
                "required", "Un identifiant a un système et une valeur.", f"{where}.{name}"
            )
        elif each.get("use") == "old" or kind == "NH" or system == _INS_C:
            # The NSS shares the system of the INS-NIR and is no INS; the INS-C is dead.
            reading.not_kept(where)
        elif system in INS_SYSTEMS:
            _read_ins(reading, traits, system, value, where)
        else:
            traits["identifiers_given"].append(
                (
                    reading.text(system, 200, f"{where}.system"),
                    reading.text(value, 100, f"{where}.value"),
                    reading.text(kind, 16, f"{where}.type"),
                )
            )
    return traits


def _read_ins(
    reading: Reading, traits: dict[str, Any], system: str, value: str, where: str
) -> None:
    if system in _TEST_SYSTEMS and not settings.DEMONSTRATION:
        reading.error("value", "Un INS de test est refusé en production.", f"{where}.system")
    if traits["ins"]:
        reading.error("duplicate", "Un seul INS par personne.", where)
        return
    if not identifiers.is_ins(value):
        reading.error(
            "value",
            "Matricule INS incorrect : 15 caractères dont une clé de contrôle de 2 chiffres"
            " (97 moins le reste de la division du numéro par 97).",
            f"{where}.value",
        )
        return
    traits["ins"], traits["ins_system"] = value, system


def _read_status(reading: Reading, *, has_ins: bool) -> dict[str, Any]:
    recovered, checked = False, False
    attributes: list[str] = []
    for number, found in enumerate(reading.resource.get("extension", [])):
        if found["url"] != RELIABILITY:
            continue
        for rank, part in enumerate(found.get("extension", [])):
            where = f"extension[{number}].extension[{rank}]"
            said = part.get("valueCoding", {})
            code = str(said.get("code", ""))
            if part["url"] == "identityStatus":
                if code == "VALI" and said.get("system") != STATUS_RNIV and has_ins:
                    code = "QUAL"
                if code not in _AXES:
                    reading.error("code-invalid", "Statut d’identité inconnu.", where)
                    continue
                recovered, checked = _AXES[code]
            elif part["url"] == "comment" and 0 < len(code) <= 5:
                attributes.append(code)
            else:
                reading.not_kept(where)
    if recovered and not has_ins:
        reading.error("business-rule", "Une identité récupérée ou qualifiée porte un INS.")
    return {
        "ins_recovered": recovered,
        "identity_checked": checked,
        "identity_attributes": attributes,
    }


def _read_telecom(reading: Reading) -> dict[str, Any]:
    said = list(enumerate(reading.resource.get("telecom", [])))
    phones = [
        (each.get("use") != "mobile", each.get("rank", 99), number)
        for number, each in said
        if each.get("system") == "phone" and each.get("use") != "old" and each.get("value")
    ]
    best = min(phones)[2] if phones else None
    for number, _ in said:
        if number != best:
            reading.not_kept(f"telecom[{number}]")
    if best is None:
        return {"phone": ""}
    return {"phone": reading.text(said[best][1]["value"], 20, f"telecom[{best}].value")}


def _read_address(reading: Reading) -> dict[str, Any]:
    said = reading.resource.get("address", [])
    for number in range(1, len(said)):
        reading.not_kept(f"address[{number}]")
    if not said:
        return {}
    address = said[0]
    line = ", ".join(each for each in address.get("line", []) if each) or address.get("text", "")
    for name in set(address) & {"district", "state", "country", "period"}:
        reading.not_kept(f"address[0].{name}")
    return {
        "address_line": reading.text(line, 200, "address[0].line"),
        "postal_code": reading.text(address.get("postalCode"), 5, "address[0].postalCode"),
        "city": reading.text(address.get("city"), 80, "address[0].city"),
    }


def _language(reading: Reading) -> str:
    said: Iterable[Json] = reading.resource.get("communication", [])
    spoken = sorted(said, key=lambda each: not each.get("preferred"))
    for each in spoken:
        if (code := fhir.code_of([each["language"]], LANGUAGES)) in Language.values:
            return code
    if spoken:
        reading.not_kept("communication")
    return Language.FRENCH
