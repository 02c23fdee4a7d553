"""What can be asked of the directory by other systems: each search parameter as a condition."""

import math
from collections.abc import Callable, Sequence
from datetime import datetime
from functools import reduce
from operator import and_, or_
from typing import Any

import orjson
from django.db.models import F, FloatField, Func, Model, OuterRef, Q, QuerySet, Subquery, Value
from django.db.models.expressions import RawSQL
from django.db.models.functions import ACos, Coalesce, Cos, Greatest, Least, Radians, Sin
from django.db.models.lookups import LessThanOrEqual
from django.utils import timezone

from carbet.core import names
from carbet.core.fhir import refuse
from carbet.interop.fhir_api.rules import registry
from carbet.interop.fhir_api.rules import search as rules
from carbet.interop.fhir_api.rules.filtering import Expression, Joined
from carbet.interop.fhir_api.rules.registry.directory import AS
from carbet.interop.fhir_api.rules.search import Amount, Target, Token, When
from carbet.registries.directory import fhir
from carbet.registries.directory.models import (
    Capacity,
    Closure,
    Commune,
    Endpoint,
    HealthcareService,
    Location,
    Organization,
    Practitioner,
    PractitionerRole,
    SecureMailbox,
)

MODELS: dict[str, type[Model]] = {
    "Practitioner": Practitioner,
    "PractitionerRole": PractitionerRole,
    "Organization": Organization,
    "Location": Location,
    "HealthcareService": HealthcareService,
    "Endpoint": Endpoint,
}
# What describes a sensitive unit is confidential: no system is told (ROR, unité sensible).
OPEN_TO_SYSTEMS: dict[str, Q] = {
    "HealthcareService": Q(sensitive=False),
    "Location": ~Q(
        pk__in=HealthcareService.objects.filter(sensitive=True, location__isnull=False).values(
            "location_id"
        )
    )
    | Q(pk__in=HealthcareService.objects.filter(sensitive=False).values("location_id")),
}
NOTHING = Q(pk__in=[])
_EARTH_KM = 6371.0
_FARTHEST_KM = 1000.0

Condition = Callable[[Any], Q]


# --- Codes --------------------------------------------------------------------------------------


def coded(
    columns: dict[str, str],
    *,
    listed: frozenset[str] = frozenset(),
    kept: tuple[type[Model], str] | None = None,
) -> Condition:
    """Return the condition on a code: in the columns of its nomenclature, or in all of them.

    Args:
        columns: of each number of a nomenclature ("R211"), the column that holds its codes.
        listed: the columns that hold several codes.
        kept: the element to look into as it came, for the nomenclatures of no column.
    """

    def condition(token: Token) -> Q:
        if token.system is None:
            among = set(columns.values())
        else:
            number = fhir.number_of(token.system) or token.system
            among = {columns[number]} if number in columns else set()
        found = NOTHING
        for column in sorted(among):
            held = {f"{column}__contains": [token.code]} if column in listed else None
            found |= Q(**(held or {column: token.code}))
        if kept and not among:
            model, element = kept
            path = f"$.*.{element}.as[*].coding[*] ? (@.code == $code && @.system == $system)"
            found = _as_it_came(model, path, code=token.code, system=token.system or "")
        return found

    return condition


def _as_it_came(model: type[Model], path: str, **values: str) -> Q:
    """Return the condition on what was kept of a resource as it came (`directory.fhir.keeping`)."""
    table = model._meta.db_table
    return Q(
        pk__in=RawSQL(  # noqa: S611 - the table and the path are ours, the values are parameters
            f"SELECT t.id FROM {table} t"  # noqa: S608 - the same
            " WHERE jsonb_path_exists(t.kept, %s::jsonpath, %s::jsonb, true)",
            [path, orjson.dumps(values).decode()],
        )
    )


def _extension(model: type[Model], url: str, part: str = "") -> Condition:
    """Return the condition on the value of an extension of the Annuaire, or of a part of one."""
    within = f'.extension[*] ? (@.url == "{part}")' if part else ""
    path = (
        f'$.*.extension.as[*] ? (@.url == "{url}"){within} ? (@.valueCode == $said'
        " || @.valueString == $said || @.valueCodeableConcept.coding[*].code == $said)"
    )
    return lambda value: _as_it_came(
        model, path, said=value.code if isinstance(value, Token) else value
    )


def flag(column: str, *, opposite: bool = False) -> Condition:
    """Return the condition on a boolean: `true` or `false`."""

    def condition(token: Token) -> Q:
        if token.code not in ("true", "false"):
            return NOTHING
        said = (token.code == "true") is not opposite
        return Q(**{column: said})

    return condition


def _status(values: dict[str, bool]) -> Condition:
    return lambda token: Q(active=values[token.code]) if token.code in values else NOTHING


# --- Texts --------------------------------------------------------------------------------------


def _contains(*columns: str) -> Condition:
    def condition(text: str) -> Q:
        found = NOTHING
        for column in columns:
            found |= Q(**{f"{column}__icontains": text})
        return found

    return condition


def _begins(*columns: str) -> Condition:
    def condition(text: str) -> Q:
        found = NOTHING
        for column in columns:
            found |= Q(**{f"{column}__istartswith": text})
        return found

    return condition


def _same(*columns: str, lookup: str = "exact") -> Condition:
    def condition(text: str) -> Q:
        found = NOTHING
        for column in columns:
            found |= Q(**{f"{column}__{lookup}": text})
        return found

    return condition


def _both(first: Condition, second: Condition) -> Condition:
    return lambda value: first(value) & second(value)


def _sounding(text: str) -> Q:
    """Return the condition, served by an index, that a part of a professional's name is this."""
    return Q(search__contains=names.comparison_form(text).lower())


# The columns of each text that may be sought whole, or by any part.
_TEXTS: dict[tuple[str, str], tuple[str, ...]] = {
    ("Practitioner", "name"): ("family", "given"),
    ("Practitioner", "family"): ("family",),
    ("Practitioner", "given"): ("given",),
    ("Organization", "name"): ("name", "alias"),
    ("Organization", "address"): ("address_line", "city", "postal_code", "commune__name"),
    ("Organization", "address-line"): ("address_line",),
    ("Organization", "address-city"): ("city", "commune__name"),
    ("Organization", "address-postalcode"): ("postal_code",),
    ("Location", "name"): ("name",),
    ("Location", "address-city"): ("city", "commune__name"),
    ("Location", "address-postalcode"): ("postal_code",),
    ("HealthcareService", "name"): ("name",),
    ("Endpoint", "name"): ("name",),
}


def _text(kind: str, condition: Condition) -> Condition:
    return _both(_sounding, condition) if kind == "Practitioner" else condition


def _modified() -> dict[tuple[str, str], Condition]:
    """Return the conditions of the texts sought whole (`:exact`), or by a part."""
    found: dict[tuple[str, str], Condition] = {}
    for (kind, name), columns in _TEXTS.items():
        found[kind, f"{name}:exact"] = _text(kind, _same(*columns))
        found[kind, f"{name}:contains"] = _text(kind, _contains(*columns))
    return found


# `eq` of a `_filter`: the same text, whatever its capitals.
_ALIKE: dict[tuple[str, str], Condition] = {
    (kind, name): _text(kind, _same(*columns, lookup="iexact"))
    for (kind, name), columns in _TEXTS.items()
}


# --- Order --------------------------------------------------------------------------------------


def in_order(
    rows: QuerySet[Any],
    kind: str,
    sorts: Sequence[tuple[str, bool]],
    after: Sequence[Any],
    most: int,
) -> list[list[Any]]:
    """Return where the first rows stand in the order asked: their keys, each with its id last.

    Args:
        sorts: parameters, and whether each descends.
        after: where the row that came before stands.
    """
    keys = [*((f"sorted_{rank}", down) for rank, (_, down) in enumerate(sorts)), ("pk", False)]
    rows = rows.annotate(
        **{f"sorted_{rank}": _sort_key(kind, name) for rank, (name, _) in enumerate(sorts)}
    )
    if after:
        later, same = NOTHING, Q()
        for (key, down), value in zip(keys, after, strict=True):
            later |= same & Q(**{f"{key}__{'lt' if down else 'gt'}": value})
            same &= Q(**{key: value})
        rows = rows.filter(later)
    rows = rows.order_by(*(f"-{key}" if down else key for key, down in keys))
    return [
        [each.isoformat() if isinstance(each, datetime) else each for each in held]
        for held in rows.values_list(*(key for key, _ in keys))[:most]
    ]


def _sort_key(kind: str, name: str) -> Any:
    if name == "_lastUpdated" and kind == "Location":
        # Its beds are part of what it says.
        beds = Capacity.objects.filter(location=OuterRef("pk")).order_by("-updated_at")
        last = Subquery(beds.values("updated_at")[:1])
        return Greatest(F("updated_at"), Coalesce(last, F("updated_at")))
    column = {"_id": "pk", "_lastUpdated": "updated_at", "address-city": "city"}
    return F(column.get(name, name.replace("address-postalcode", "postal_code")))


def professional_named(text: str) -> Q:
    """Return the condition that a professional bears every word of a name."""
    found = Q()
    for word in names.comparison_form(text).lower().split():
        found &= Q(search__contains=word)
    return found or NOTHING


def _written_to(owner: str, *, direct: bool = True) -> Condition:
    """Return the condition on a secure mailbox; those of the red list are not kept at all."""

    def condition(text: str) -> Q:
        boxes = SecureMailbox.objects.filter(
            red_list=False, address__istartswith=text, **{f"{owner}__isnull": False}
        )
        found = Q(pk__in=boxes.values(owner))
        return found | Q(secure_email__istartswith=text) if direct else found

    return condition


# --- Identifiers and references -----------------------------------------------------------------


def _numbered(model: type[Model]) -> Condition:
    """Return the condition on an identifier kept as "system|value"."""
    table = model._meta.db_table

    def condition(token: Token) -> Q:
        if token.system is not None:
            return Q(identifiers__contains=[f"{token.system}|{token.code}"])
        return Q(
            pk__in=RawSQL(  # noqa: S611 - the table is ours, the code is a parameter
                f"SELECT t.id FROM {table} t, unnest(t.identifiers) held"  # noqa: S608 - the same
                " WHERE substr(held, strpos(held, '|') + 1) = %s",
                [token.code],
            )
        )

    return condition


def organization_identified(token: Token) -> Q:
    """Return the condition that an organization bears a number."""
    if token.system is None:
        return Q(finess=token.code) | Q(identifier_value=token.code) | Q(siret=token.code)
    found = fhir.match_organizations([{"system": token.system, "value": token.code}])
    return found | Q(identifiers__contains=[f"{token.system}|{token.code}"])


def practitioner_identified(token: Token) -> Q:
    """Return the condition that a professional bears a number."""
    if token.system is None:
        rpps = fhir.rpps_of(fhir.RPPS, token.code)
        return Q(rpps=rpps) if rpps else Q(identifier_value=token.code)
    return fhir.match_practitioners([{"system": token.system, "value": token.code}])


def _role_identified(token: Token) -> Q:
    found = Q(identifier_value=token.code)
    return found if token.system is None else found & Q(identifier_system=token.system)


def _practitioner_identifier_kind(token: Token) -> Q:
    # The national number is written both ways: RPPS, and "8" and the RPPS.
    return Q(rpps__isnull=False) if token.code in ("RPPS", "IDNPS") else NOTHING


def _identifier_kind(token: Token) -> Q:
    return {
        "FINEG": ~Q(finess="") & Q(kind="GEOGRAPHICAL-ENTITY"),
        "FINEJ": ~Q(finess="") & Q(kind="LEGAL-ENTITY"),
        "IDNST": ~Q(finess=""),
        "SIRET": ~Q(siret=""),
    }.get(token.code, NOTHING)


def pointing(column: str) -> Condition:
    """Return the condition on a reference to one of our rows."""
    return lambda target: Q(**{column: target.number}) if target.number else NOTHING


def _of_organization(target: Target) -> Q:
    return Q(organization_id=target.number) if target.number else NOTHING


# --- Professions --------------------------------------------------------------------------------


def practised(token: Token) -> Q:
    """Return the condition on the profession, the function or the activity of a role."""
    families = {
        fhir.HEALTH_PROFESSIONS: ("medical", "paramedical"),
        fhir.SOCIAL_PROFESSIONS: ("social",),
        fhir.CARE_ROLES: ("coordination", "administrative"),
    }
    if token.system is None:
        return (
            Q(profession=token.code) | Q(function=token.code) | Q(activity_kind=token.code)
            | Q(mode=token.code)
        )  # fmt: skip
    column = {"R21": "function", "R22": "activity_kind", "R23": "mode", "R24": "liberal_activity"}
    if (number := fhir.number_of(token.system)) in column:
        return Q(**{column[number]: token.code})
    return Q(profession=token.code, category__in=families.get(token.system, ()))


def _qualified(token: Token) -> Q:
    if token.system is None:
        return Q(profession=token.code)
    held = f"{fhir.nomenclature(token.system)}|{token.code}"
    found = Q(qualification_codes__contains=[held])
    if fhir.number_of(token.system) in ("G15", "R94"):
        found |= Q(profession=token.code)
    return found


_skilled = coded({"R38": "skills", "R04": "skills"}, listed=frozenset({"skills"}))


# --- Places and capacities ----------------------------------------------------------------------


def _distance(latitude: float, longitude: float, km: float) -> Q:
    """Return the condition that a place, or else its commune, is within a distance (km)."""
    if not (abs(latitude) <= 90 and abs(longitude) <= 180 and 0 < km <= _FARTHEST_KM):
        raise refuse(400, "invalid", "Coordonnées ou distance impossibles (1 000 km au plus).")
    there = Coalesce(F("latitude"), F("commune__latitude"))
    along = Coalesce(F("longitude"), F("commune__longitude"))
    lat = Value(math.radians(latitude), output_field=FloatField())
    cosine = Sin(lat) * Sin(Radians(there)) + Cos(lat) * Cos(Radians(there)) * Cos(
        Radians(along) - Value(math.radians(longitude), output_field=FloatField())
    )
    bounded: Func = Least(Value(1.0), cosine, output_field=FloatField())
    away = ACos(bounded) * Value(_EARTH_KM)
    return Q(LessThanOrEqual(away, Value(km, output_field=FloatField())))


def _kilometres(said: list[str]) -> float:
    """Return the distance of "15|km" or "500|m"."""
    try:
        length = float(said[0]) if said and said[0] else 50.0
    except ValueError as error:
        raise refuse(400, "invalid", "Une distance est attendue.") from error
    unit = said[1] if len(said) > 1 and said[1] else "km"
    if unit not in ("km", "m") or not math.isfinite(length):
        raise refuse(400, "invalid", "Une distance en km ou en m est attendue.")
    return length / 1000 if unit == "m" else length


def _near(text: str) -> Q:
    parts = text.split("|")
    try:
        latitude, longitude = float(parts[0]), float(parts[1])
    except (ValueError, IndexError) as error:
        raise refuse(400, "invalid", "latitude|longitude|distance|km est attendu.") from error
    return _distance(latitude, longitude, _kilometres(parts[2:]))


def _near_commune(text: str) -> Q:
    """Read "97302|15|km": around a commune, by its INSEE code."""
    code, *rest = text.split("|")
    km = _kilometres(rest)
    commune = Commune.objects.filter(pk=code[:5], latitude__isnull=False).first()
    if commune is None or commune.latitude is None or commune.longitude is None:
        return NOTHING
    return Q(commune_id=commune.pk) | _distance(commune.latitude, commune.longitude, km)


def _commune(token: Token) -> Q:
    return Q(insee=token.code) | Q(commune_id=token.code)


def compared(column: str) -> Condition:
    """Return the condition on a number."""

    def condition(amount: Amount) -> Q:
        lookup = {"eq": "exact", "ge": "gte", "gt": "gt", "le": "lte", "lt": "lt"}
        return Q(**{f"{column}__{lookup[amount.comparison]}": amount.number})

    return condition


def _with_capacity(to_condition: Condition) -> Condition:
    def condition(value: Any) -> Q:
        held = Capacity.objects.filter(to_condition(value), location__isnull=False)
        return Q(pk__in=held.values("location_id"))

    return condition


def _place_changed(changed: Condition) -> Condition:
    """Return the condition on the last change of a place: its beds are part of what it says."""
    beds = _with_capacity(changed)

    def condition(when: When) -> Q:
        found = changed(when)
        if when.comparison in ("ge", "gt"):
            return found | beds(when)
        end = when.span.start if when.comparison == "lt" else when.span.end
        later = Capacity.objects.filter(updated_at__gte=end, location__isnull=False)
        return (found | beds(when)) & ~Q(pk__in=later.values("location_id"))

    return condition


def _capacity_updated(moment: Callable[[str], Condition]) -> Condition:
    return _with_capacity(moment("updated_at"))


def _reopening(when: When) -> Q:
    """Return the condition on the day on which a closed service opens again."""
    low, high = timezone.localdate(when.span.start), timezone.localdate(when.span.end)
    said = {
        "eq": Q(ends_on__gte=low, ends_on__lt=high),
        "ge": Q(ends_on__gte=low),
        "gt": Q(ends_on__gte=high),
        "le": Q(ends_on__lt=high),
        "lt": Q(ends_on__lt=low),
    }[when.comparison]
    return Q(pk__in=Closure.objects.filter(said).values("service_id"))


# --- The list -----------------------------------------------------------------------------------


def conditions(moment: Callable[[str], Condition]) -> dict[tuple[str, str], Condition]:
    """Return the condition of each parameter of each type of the directory.

    Args:
        moment: makes the condition on a column that is a moment.
    """
    characteristics = {
        "R213": "care_mode", "R240": "temporality", "R338": "modalities", "R210": "acts",
        "R212": "equipment", "R245": "specialisations", "R350": "professions",
        "R94": "professions", "G15": "professions", "R243": "competences",
    }  # fmt: skip
    several = frozenset(
        {"modalities", "acts", "equipment", "specialisations", "professions", "competences"}
    )
    found: dict[tuple[str, str], Condition] = {
        ("Practitioner", "identifier"): practitioner_identified,
        ("Practitioner", "identifier-type"): _practitioner_identifier_kind,
        ("Practitioner", "active"): flag("active"),
        ("Practitioner", "name"): professional_named,
        ("Practitioner", "family"): lambda text: (
            Q(family__istartswith=text) & professional_named(text)
        ),
        ("Practitioner", "given"): lambda text: (
            Q(given__istartswith=text) & professional_named(text)
        ),
        ("Practitioner", "qualification-code"): _qualified,
        ("Practitioner", "mailbox-mss"): _written_to("practitioner", direct=False),
        ("PractitionerRole", "identifier"): _role_identified,
        ("PractitionerRole", "active"): flag("ended_at__isnull"),
        ("PractitionerRole", "practitioner"): pointing("practitioner_id"),
        ("PractitionerRole", "organization"): _of_organization,
        ("PractitionerRole", "service"): pointing("healthcare_service_id"),
        ("PractitionerRole", "role"): practised,
        ("PractitionerRole", "specialty"): _skilled,
        ("PractitionerRole", "mailbox-mss"): _written_to("role"),
        ("Organization", "identifier"): organization_identified,
        ("Organization", "identifier-type"): _identifier_kind,
        ("Organization", "name"): _contains("name", "alias"),
        ("Organization", "active"): flag("active"),
        ("Organization", "type"): coded(
            {
                fhir.ORGANIZATION_TYPES: "kind", "R02": "sector", "R66": "category_code",
                "R72": "legal_status",
            }
        ),
        ("Organization", "partof"): pointing("part_of_id"),
        ("Organization", "address"): _contains(
            "address_line", "city", "postal_code", "commune__name"
        ),
        ("Organization", "address-line"): _contains("address_line"),
        ("Organization", "address-city"): _begins("city", "commune__name"),
        ("Organization", "address-postalcode"): _begins("postal_code"),
        ("Organization", "address-insee"): lambda text: Q(insee=text) | Q(commune_id=text),
        ("Organization", "mailbox-mss"): _written_to("organization"),
        ("Organization", "_tag"): lambda token: Q(region=token.code),
        ("Location", "identifier"): _numbered(Location),
        ("Location", "name"): _contains("name"),
        ("Location", "status"): _status({"active": True, "inactive": False}),
        ("Location", "type"): coded({"R343": "function"}),
        ("Location", "organization"): _of_organization,
        ("Location", "address-city"): _begins("city", "commune__name"),
        ("Location", "address-postalcode"): _begins("postal_code"),
        ("Location", "commune-cog"): _commune,
        ("Location", "near"): _near,
        ("Location", "near-insee-code"): _near_commune,
        ("Location", "capacity-status"): _with_capacity(
            coded({"R330": "status", "J188": "status"})
        ),
        ("Location", "capacity-type"): _with_capacity(coded({"R329": "type", "J187": "type"})),
        ("Location", "temporality-capacity"): _with_capacity(
            coded({"R331": "temporality", "J189": "temporality"})
        ),
        ("Location", "nb-capacity"): _with_capacity(compared("number")),
        ("Location", "capacity-update-date"): _capacity_updated(moment),
        ("Location", "_tag"): lambda token: Q(region=token.code),
        ("HealthcareService", "identifier"): _numbered(HealthcareService),
        ("HealthcareService", "name"): _contains("name"),
        ("HealthcareService", "active"): flag("active"),
        ("HealthcareService", "organization"): _of_organization,
        ("HealthcareService", "location"): pointing("location_id"),
        ("HealthcareService", "service-category"): coded(
            {"R244": "category"}, kept=(HealthcareService, "category")
        ),
        ("HealthcareService", "service-type"): coded(
            {"R227": "field"}, kept=(HealthcareService, "type")
        ),
        ("HealthcareService", "specialty"): coded(
            {"R211": "activities"},
            listed=frozenset({"activities"}),
            kept=(HealthcareService, "specialty"),
        ),
        ("HealthcareService", "characteristic"): coded(
            characteristics, listed=several, kept=(HealthcareService, "characteristic")
        ),
        ("HealthcareService", "patient-type"): coded(
            {"R239": "publics"}, listed=frozenset({"publics"})
        ),
        ("HealthcareService", "intervention-zone"): lambda token: Q(zones__contains=[token.code]),
        ("HealthcareService", "psychiatric-sector"): lambda text: Q(
            psychiatric_sectors__contains=[text]
        ),
        ("HealthcareService", "age-range-low"): compared("age_low"),
        ("HealthcareService", "age-range-high"): compared("age_high"),
        ("HealthcareService", "notavailable-closing-reopeningdate"): _reopening,
        ("Organization", "pharmacy-licence"): _extension(
            Organization, AS + "as-ext-organization-pharmacy-licence"
        ),
        ("Practitioner", "number-smartcard"): _extension(
            Practitioner, AS + "as-ext-smartcard", "number"
        ),
        ("Practitioner", "type-smartcard"): _extension(
            Practitioner, AS + "as-ext-smartcard", "type"
        ),
        ("HealthcareService", "_tag"): lambda token: Q(region=token.code),
        ("Endpoint", "identifier"): _numbered(Endpoint),
        ("Endpoint", "name"): _contains("name"),
        ("Endpoint", "status"): _status({"active": True, "off": False}),
        ("Endpoint", "organization"): _of_organization,
        ("Endpoint", "connection-type"): lambda token: Q(connection_type=token.code),
    }  # fmt: skip
    for kind in ("Organization", "Practitioner", "PractitionerRole", "HealthcareService"):
        for name, part in (
            ("data-information-system", "systeme-information"),
            ("data-registration-authority", "autorite-enregistrement"),
        ):
            found[kind, name] = _extension(MODELS[kind], AS + "as-ext-data-trace", part)
    found |= _modified()
    common: dict[tuple[str, str], Condition] = {}
    for kind in MODELS:
        common[kind, "_id"] = _by_id
        common[kind, "_lastUpdated"] = moment("updated_at")
        common[kind, "_profile"] = _conforming(kind)
    common["Location", "_lastUpdated"] = _place_changed(moment("updated_at"))
    found |= common
    for kind in MODELS:
        found[kind, "_filter"] = _filtered(kind, found)
    for kind, links in registry.CHAINS.items():
        for link, target in links.items():
            for name in registry.chained(target):
                led = through(_LINKS[kind, link], found[target, name], MODELS[target])
                found[kind, f"{link}.{name}"] = led
                found[kind, f"{link}:{target}.{name}"] = led
            for name in registry.chained(kind):
                held = bearing(_LINKS[kind, link], found[kind, name], MODELS[kind])
                found[target, f"_has:{kind}:{link}:{name}"] = held
    return found


_LINKS = {
    ("PractitionerRole", "practitioner"): "practitioner",
    ("PractitionerRole", "organization"): "organization",
    ("PractitionerRole", "service"): "healthcare_service",
    ("HealthcareService", "organization"): "organization",
    ("HealthcareService", "location"): "location",
    ("Location", "organization"): "organization",
    ("Endpoint", "organization"): "organization",
    ("Organization", "partof"): "part_of",
}


def _conforming(kind: str) -> Condition:
    """Return the condition on the profile that a resource says: what came, else ours."""
    model = MODELS[kind]
    ours = registry.RESOURCES[kind].profile

    def condition(said: str) -> Q:
        asked = said.partition("|")[0]
        found = _as_it_came(model, "$.*.meta.as.profile[*] ? (@ == $said)", said=asked)
        return found | ~_as_it_came(model, "$.*.meta.as.profile[*]") if asked == ours else found

    return condition


def _filtered(kind: str, conditions: dict[tuple[str, str], Condition]) -> Condition:
    """Return the condition that a `_filter` says, of those of the parameters."""

    def condition(said: Expression) -> Q:
        if isinstance(said, Joined):
            parts = [condition(each) for each in said.parts]
            if said.by == "not":
                return _without(kind, parts[0])
            return reduce(and_ if said.by == "and" else or_, parts)
        of = _ALIKE if said.operator in ("eq", "ne") else {}
        found = of.get((kind, said.name), conditions[kind, said.name])(said.value)
        return _without(kind, found) if said.operator == "ne" else found

    return condition


def _without(kind: str, condition: Q) -> Q:
    """Return the opposite of a condition; what says nothing does not meet it."""
    return ~Q(pk__in=MODELS[kind]._default_manager.filter(condition).values("pk"))


def _by_id(token: Token) -> Q:
    return Q(pk=rules.number_of(token.code)) if token.system is None else NOTHING


def through(path: str, to_condition: Condition, model: type[Model]) -> Condition:
    """Return the condition that what a reference leads to meets another."""

    def condition(value: Any) -> Q:
        kind = model.__name__
        held = model._default_manager.filter(to_condition(value), OPEN_TO_SYSTEMS.get(kind, Q()))
        return Q(**{f"{path}__in": held.values("pk")})

    return condition


def bearing(path: str, to_condition: Condition, model: type[Model]) -> Condition:
    """Return the condition that something which meets another refers to it (`_has`)."""

    def condition(value: Any) -> Q:
        kind = model.__name__
        held = model._default_manager.filter(to_condition(value), OPEN_TO_SYSTEMS.get(kind, Q()))
        return Q(pk__in=held.filter(**{f"{path}__isnull": False}).values(path))

    return condition
