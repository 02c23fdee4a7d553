"""What a system can ask: one resource, one version, the resources that match, those beside them.

Everything is read under row security: a system sees the persons that its organization may enter.
"""

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from django.conf import settings
from django.db.models import Exists, Model, OuterRef, Q, QuerySet

from carbet.coordination.assessments import fhir as assessments_fhir
from carbet.coordination.care_plans import fhir as care_plans_fhir
from carbet.coordination.care_teams import fhir as care_teams_fhir
from carbet.coordination.care_teams.models import (
    CareTeam,
    CareTeamParticipant,
    Consent,
    RelatedPerson,
)
from carbet.coordination.notebook import fhir as notebook_fhir
from carbet.coordination.scheduling import fhir as scheduling_fhir
from carbet.coordination.scheduling.models import Slot
from carbet.coordination.subscriptions import fhir as subscriptions_fhir
from carbet.coordination.subscriptions import rules as subscriptions_rules
from carbet.coordination.subscriptions.models import CommunicationRequest, Subscription
from carbet.coordination.support import fhir as support_fhir
from carbet.core import audit, names
from carbet.core.actor import Actor
from carbet.core.fhir import Issue, Json, Refused, insee_code, refuse
from carbet.interop.fhir_api.queries import agenda, assessments, notebook, offer
from carbet.interop.fhir_api.queries import care_plans as plans_search
from carbet.interop.fhir_api.queries import support as support_search
from carbet.interop.fhir_api.rules import registry
from carbet.interop.fhir_api.rules import search as rules
from carbet.interop.fhir_api.rules.search import Filter, Search, Target, Token, Value, When
from carbet.registries.directory import fhir as directory_fhir
from carbet.registries.identity import fhir as identity_fhir
from carbet.registries.patients import fhir as patients_fhir
from carbet.registries.patients import queries as patients
from carbet.registries.patients.models import Patient

MODELS: dict[str, type[Model]] = {
    "CareTeam": CareTeam,
    "Consent": Consent,
    "Patient": Patient,
    "RelatedPerson": RelatedPerson,
    **offer.MODELS,
    **agenda.MODELS,
    **notebook.MODELS,
    **support_search.MODELS,
    **plans_search.MODELS,
    **assessments.MODELS,
    "Subscription": Subscription,
    "CommunicationRequest": CommunicationRequest,
}
_WRITERS: dict[str, Callable[[Any], list[Json]]] = {
    "CareTeam": care_teams_fhir.care_teams,
    "Consent": care_teams_fhir.consents,
    "Patient": identity_fhir.patients,
    "RelatedPerson": care_teams_fhir.related_persons,
    "Practitioner": directory_fhir.practitioners,
    "PractitionerRole": directory_fhir.roles,
    "Organization": directory_fhir.organizations,
    "Location": directory_fhir.locations,
    "HealthcareService": directory_fhir.healthcare_services,
    "Endpoint": directory_fhir.endpoints,
    "Schedule": scheduling_fhir.schedules,
    "Slot": scheduling_fhir.slots,
    "Appointment": scheduling_fhir.appointments,
    "DocumentReference": notebook_fhir.notes,
    "Observation": notebook_fhir.measures,
    "Binary": notebook_fhir.binaries,
    "ServiceRequest": support_fhir.service_requests,
    "CarePlan": lambda rows: plans_search.with_requests(care_plans_fhir.care_plans(rows)),
    "Goal": care_plans_fhir.goals,
    "Questionnaire": assessments_fhir.questionnaires,
    "QuestionnaireResponse": assessments_fhir.responses,
    "Subscription": subscriptions_fhir.subscriptions,
    "CommunicationRequest": subscriptions_fhir.events,
}
_MOST_INCLUDED = 500
_MOST_TURNS = 3


@dataclass
class Found:
    """A page of what a search found, what it asked to have beside, and where the next begins."""

    matches: list[Json] = field(default_factory=list)
    included: list[Json] = field(default_factory=list)
    # The row number, or where the last one stood in the order asked.
    after: int | list[Any] | None = None
    total: int | None = None


# --- One resource -------------------------------------------------------------------------------


def read(*, actor: Actor, resource_type: str, resource_id: str, now: datetime) -> Json:
    """Return one resource that the system may see, and trace the reading.

    Raises:
        Refused: 404, whether it does not exist or is not open to this system.
    """
    number = rules.number_of(resource_id)
    found = _write(resource_type, Q(pk=number)) if number is not None else []
    if not found:
        asked = [{"resourceType": "Patient", "id": number}] if resource_type == "Patient" else []
        _trace(
            actor,
            "fhir.read",
            asked if number is not None else [],
            now=now,
            entity=f"{resource_type}/{number}",
            refused=True,
        )
        raise nothing_here()
    _trace(actor, "fhir.read", found, now=now, entity=f"{resource_type}/{number}")
    return found[0]


def rows_of(resource_type: str) -> QuerySet[Any]:
    """Return the rows behind the resources of a type, as far as the actor sees them."""
    return _seen(resource_type)


def resources_of(resource_type: str, rows: QuerySet[Any]) -> list[Json]:
    """Return the resources of these rows, in their order."""
    return _WRITERS[resource_type](rows)


def written(*, resource_type: str, number: int) -> Json:
    """Return a resource that the system has just written, as others will read it."""
    [found] = _write(resource_type, Q(pk=number))
    return found


def versions(
    *, actor: Actor, resource_type: str, resource_id: str, now: datetime, only: str = ""
) -> list[Json]:
    """Return the versions of a resource, the latest first, or `only` one of them; trace it.

    Raises:
        Refused: 404.
    """
    number = rules.number_of(resource_id)
    # The mother's name is a part of the version of a person, after a dash.
    wanted = rules.number_of(only.partition("-")[0]) or 0
    entity = f"{resource_type}/{number}" + (f"/_history/{wanted}" if only else "")
    told = _VERSIONS[resource_type](number) if number is not None else []
    found = [
        each
        for each in told
        for version in [each["meta"]["versionId"]]
        if not only or only in (version, version.partition("-")[0])
    ]
    if not found:
        _trace(actor, "fhir.history", [], now=now, entity=entity, refused=True)
        raise nothing_here()
    _trace(actor, "fhir.history", found[:1], now=now, entity=entity)
    return found


def _circle_versions(number: int) -> list[Json]:
    """Return the versions of a circle, the latest first.

    A version is told by the row that history kept of the circle; its stays are those that history
    had by the end of the operation that wrote it.
    """
    circles = CareTeam.pgh_event_model.objects.filter(pgh_obj_id=number).order_by("version", "pk")
    rows = list(circles.values())
    stays = CareTeamParticipant.pgh_event_model.objects.filter(
        care_team_id=number, patient_id__in={row["patient_id"] for row in rows}
    )
    held = list(stays.order_by("pk").values()) if rows else []
    found = [
        care_teams_fhir.care_team(row, _stays_of(version, rows, held))
        for version, row in _latest_by_version(rows).items()
    ]
    return found[::-1]


_VERSIONS: dict[str, Callable[[int], list[Json]]] = {
    "CareTeam": _circle_versions,
    "Consent": care_teams_fhir.consent_versions,
    "Patient": identity_fhir.patient_versions,
    "DocumentReference": notebook_fhir.note_versions,
    "CarePlan": lambda number: plans_search.with_requests(
        care_plans_fhir.care_plan_versions(number)
    ),
    "Goal": care_plans_fhir.goal_versions,
    "Questionnaire": assessments_fhir.questionnaire_versions,
    "QuestionnaireResponse": assessments_fhir.response_versions,
}


def nothing_here() -> Refused:
    """Return the refusal that says nothing of what exists."""
    return refuse(404, "not-found", "Cette ressource n’existe pas, ou ne vous est pas ouverte.")


def _latest_by_version(rows: list[dict[str, Any]]) -> dict[int, dict[str, Any]]:
    return {row["version"]: row | {"id": row["pgh_obj_id"]} for row in rows}


def _stays_of(
    version: int, rows: list[dict[str, Any]], held: list[dict[str, Any]]
) -> list[dict[str, Any]]:
    """Return the stays as they were at a version: one operation, one history context."""
    version_of_context: dict[Any, int] = {}
    for row in rows:
        version_of_context[row["pgh_context_id"]] = row["version"]
    latest: dict[int, dict[str, Any]] = {}
    for stay in held:
        if version_of_context.get(stay["pgh_context_id"], 0) <= version:
            latest[stay["pgh_obj_id"]] = stay
    return sorted(latest.values(), key=lambda stay: (stay["started_at"], stay["pgh_obj_id"]))


# --- A search -----------------------------------------------------------------------------------


def search(*, actor: Actor, search: Search, after: int | list[Any] = 0, now: datetime) -> Found:
    """Return one page of what the system may see and asked for; trace the search and each person.

    Args:
        after: the row number after which the page begins; in an order asked, where it stood.
    """
    kind = search.resource.type
    condition = Q()
    for each in search.filters:
        if (to_condition := CONDITIONS.get((kind, each.parameter.name))) is not None:
            condition &= _any(to_condition, each)
    offered = _offered(search)
    if kind == "Schedule" and offered:
        condition &= Q(pk__in=Slot.objects.filter(offered).values("schedule_id"))
    if kind == "Patient" and "birthdate" in {each.parameter.name for each in search.filters}:
        condition &= _born_that_day(search)
    if kind == "Patient" and not (search.values("_id") or search.values("active")):
        # A record merged into another is told to whoever names it, never found.
        condition &= Q(active=True)
    found = Found()
    if search.total:
        found.total = _count(search, condition)
    if not search.only_total:
        if search.sorts:
            seen = _seen(kind).filter(condition)
            marks = offer.in_order(seen, kind, search.sorts, after or [], search.count + 1)
            found.matches = _in_this_order(kind, [mark[-1] for mark in marks[: search.count]])
            if len(marks) > search.count:
                found.after = marks[search.count - 1]
        else:
            here = condition & Q(pk__gt=after) if after else condition
            rows = _write(kind, here, most=search.count + 1)
            found.matches = rows[: search.count]
            if len(rows) > search.count:
                found.after = int(found.matches[-1]["id"])
        found.matches = _of_domains(search, _refined(search, found.matches))
        found.included = _beside(search, found.matches)
        knows = kind in agenda.MODELS or kind == "Patient"
        if knows and not after and found.after is None:
            # SAS and PDQm ask for the total; a page that holds everything knows it.
            found.total = len(found.matches)
    said = ", ".join(name for name, _ in search.said)
    _trace(actor, "fhir.search", found.matches + found.included, now=now, entity=kind, reason=said)
    return found


def _refined(search: Search, resources: list[Json]) -> list[Json]:
    """Return those of the resources that match what SQL could not tell."""
    for each in search.filters:
        if (matches := REFINEMENTS.get((search.resource.type, each.parameter.name))) is not None:
            resources = [
                resource
                for resource in resources
                if any(matches(resource, value) for value in each.values)
            ]
    return resources


def _count(search: Search, condition: Q) -> int:
    """Return how many resources match in all, of those that the system may see."""
    kind = search.resource.type
    if any((kind, each.parameter.name) in REFINEMENTS for each in search.filters):
        # Persons said by their traits: a handful.
        return len(_refined(search, _write(kind, condition, most=_MOST_INCLUDED)))
    return _seen(kind).filter(condition).count()


def _seen(kind: str) -> QuerySet[Any]:
    rows: QuerySet[Any] = MODELS[kind]._default_manager.all()
    hidden = (offer.OPEN_TO_SYSTEMS | plans_search.OPEN | assessments.OPEN_TO_SYSTEMS).get(kind)
    return rows.filter(hidden) if hidden is not None else rows


def _write(kind: str, condition: Q, *, most: int | None = None) -> list[Json]:
    rows = _seen(kind).filter(condition).order_by("pk")
    return _WRITERS[kind](rows[:most] if most else rows)


def _in_this_order(kind: str, numbers: list[int]) -> list[Json]:
    written = {int(each["id"]): each for each in _write(kind, Q(pk__in=numbers))}
    return [written[number] for number in numbers if number in written]


def _any(to_condition: Callable[[Any], Q], asked: Filter) -> Q:
    first, *others = asked.values
    found = to_condition(first)
    for value in others:
        found |= to_condition(value)
    return found


def _beside(search: Search, matches: list[Json]) -> list[Json]:
    """Return what `_include` and `_revinclude` ask for, each once, one query a type a turn."""
    included: dict[tuple[str, str], Json] = {}
    known = {(resource["resourceType"], resource["id"]) for resource in matches}

    def add(resources: Iterable[Json]) -> None:
        for resource in resources:
            key = (resource["resourceType"], resource["id"])
            if key not in known and len(included) < _MOST_INCLUDED:
                included[key] = resource

    def follow(paths: tuple[str, ...], sources: list[Json]) -> bool:
        wanted: dict[str, set[int]] = {}
        for path in paths:
            for kind, number in _pointed(sources, path):
                if (kind, str(number)) not in known and (kind, str(number)) not in included:
                    wanted.setdefault(kind, set()).add(number)
        before = len(included)
        for kind, numbers in wanted.items():
            add(_write(kind, Q(pk__in=numbers), most=_MOST_INCLUDED))
        return len(included) > before

    follow(search.includes, matches)
    numbers = [int(resource["id"]) for resource in matches]
    for kind, column in dict.fromkeys(_REVINCLUDES[path] for path in search.revincludes):
        if numbers:
            condition = Q(**{f"{column}__in": numbers})
            if kind == "Slot":
                condition &= _offered(search)
            add(_write(kind, condition, most=_MOST_INCLUDED))
    for _ in range(_MOST_TURNS):
        if not search.iterated or not follow(search.iterated, matches + list(included.values())):
            break
    return list(included.values())


_REVINCLUDES = {
    "CareTeam:subject": ("CareTeam", "patient_id"),
    "CareTeam:patient": ("CareTeam", "patient_id"),
    "RelatedPerson:patient": ("RelatedPerson", "patient_id"),
    "PractitionerRole:practitioner": ("PractitionerRole", "practitioner_id"),
    "PractitionerRole:organization": ("PractitionerRole", "organization_id"),
    "PractitionerRole:service": ("PractitionerRole", "healthcare_service_id"),
    "Organization:partof": ("Organization", "part_of_id"),
    "HealthcareService:organization": ("HealthcareService", "organization_id"),
    "HealthcareService:location": ("HealthcareService", "location_id"),
    "Location:organization": ("Location", "organization_id"),
    "Endpoint:organization": ("Endpoint", "organization_id"),
    "Slot:schedule": ("Slot", "schedule_id"),
}
# The element that a search parameter reads, where it bears another name.
_ELEMENTS = {
    "CareTeam:patient": "subject",
    "Organization:partof": "partOf",
    "PractitionerRole:service": "healthcareService",
    "HealthcareService:organization": "providedBy",
    "Location:organization": "managingOrganization",
    "Endpoint:organization": "managingOrganization",
    "DocumentReference:patient": "subject",
    "Observation:patient": "subject",
    "ServiceRequest:patient": "subject",
    "CarePlan:patient": "subject",
    "CarePlan:care-team": "careTeam",
    "Goal:patient": "subject",
    "QuestionnaireResponse:patient": "subject",
}


def _offered(search: Search) -> Q:
    """Return the condition on slots that `_has` says: one and the same slot meets all of it."""
    condition = Q()
    for each in search.filters:
        name = each.parameter.name.removeprefix("_has:Slot:schedule:")
        if name != each.parameter.name:
            condition &= _any(CONDITIONS["Slot", name], each)
    return condition


def _pointed(resources: Iterable[Json], path: str) -> Iterable[tuple[str, int]]:
    """Return the resources that these point to by one search parameter."""
    kind, _, name = path.partition(":")
    for resource in resources:
        if resource["resourceType"] != kind:
            continue
        held: Any = resource.get(_ELEMENTS.get(path, name))
        if name == "participant":
            held = [stay["member"] for stay in resource.get("participant", [])]
        if kind == "Appointment" and name in ("actor", "patient", "practitioner"):
            held = [part["actor"] for part in resource["participant"]]
            if name != "actor":
                held = [
                    each for each in held if each["reference"].startswith(f"{name.capitalize()}/")
                ]
        for reference in held if isinstance(held, list) else [held]:
            # A logical reference leads to nothing here.
            target, _, number = ((reference or {}).get("reference") or "").partition("/")
            if number.isdecimal():
                yield target, int(number)


def _born_that_day(search: Search) -> Q:
    """Return the condition that a person of the system was born on the days said, by their keys."""
    if search.values("_id") or search.values("identifier"):
        return Q()
    days = [value.text for value in search.values("birthdate") if isinstance(value, When)]
    return Q(pk__in=patients.born_on(days))


# --- Conditions, in SQL -------------------------------------------------------------------------


def _moment(column: str, *, until: str = "") -> Callable[[When], Q]:
    """Return the condition on one moment; with `until`, on a period that the span must meet."""

    def condition(when: When) -> Q:
        low, high = when.span.start, when.span.end
        if until:
            begun, not_over = (
                Q(**{f"{column}__lt": high}),
                (Q(**{f"{until}__isnull": True}) | Q(**{f"{until}__gt": low})),
            )
            return {
                "eq": begun & not_over,
                "ge": not_over,
                "gt": Q(**{f"{until}__isnull": True}) | Q(**{f"{until}__gt": high}),
                "le": begun,
                "lt": Q(**{f"{column}__lt": low}),
            }[when.comparison]
        return {
            "eq": Q(**{f"{column}__gte": low, f"{column}__lt": high}),
            "ge": Q(**{f"{column}__gte": low}),
            "gt": Q(**{f"{column}__gte": high}),
            "le": Q(**{f"{column}__lt": high}),
            "lt": Q(**{f"{column}__lt": low}),
        }[when.comparison]

    return condition


def _end(column: str) -> Callable[[When], Q]:
    """Return the condition on the end of a period, which is kept excluded."""
    plain = _moment(column)

    def condition(when: When) -> Q:
        if when.comparison == "eq":
            return Q(**{f"{column}__gt": when.span.start, f"{column}__lte": when.span.end})
        return plain(when)

    return condition


def _of_stay(to_condition: Callable[[Any], Q]) -> Callable[[Any], Q]:
    def condition(value: Any) -> Q:
        stays = CareTeamParticipant.objects.filter(to_condition(value))
        return Q(pk__in=stays.values("care_team_id"))

    return condition


def _by_id(token: Token) -> Q:
    return Q(pk=rules.number_of(token.code)) if token.system is None else Q(pk__in=[])


def _pointing(column: str) -> Callable[[Target], Q]:
    return lambda target: Q(**{column: target.number}) if target.number else Q(pk__in=[])


def _member(target: Target) -> Q:
    column = {
        "PractitionerRole": "practitioner_role_id",
        "Organization": "organization_id",
        "RelatedPerson": "related_person_id",
    }.get(target.type)
    return Q(**{column: target.number}) if column and target.number else Q(pk__in=[])


def _person_identified(column: str) -> Callable[[Token], Q]:
    def condition(token: Token) -> Q:
        rules.identifying_system([token])
        if not token.code:
            return Q(pk__isnull=False)  # told by what the resource says: `_numbered`
        held = patients.identified(system=token.system or "", value=token.code)
        return Q(**{f"{column}__in": held})

    return condition


def _circle_identified(token: Token) -> Q:
    if token.system == f"{settings.PUBLIC_URL}/cercle-de-soins":
        return Q(pk=rules.number_of(token.code), identifier_value="")
    found = Q(identifier_value=token.code)
    return found if token.system is None else found & Q(identifier_system=token.system)


def _related(token: Token) -> Q:
    role, tie = Q(role=token.code), Q(relationship=token.code)
    if token.system == care_teams_fhir.TIES:
        return tie
    return role | tie if token.system is None else role


def _decided(when: When) -> Q:
    """Return the condition on when a decision was written, or replaced by another."""
    replaced = Consent.objects.filter(
        _moment("recorded_at")(when),
        patient_id=OuterRef("patient_id"),
        recorded_at__gt=OuterRef("recorded_at"),
    )
    return _moment("recorded_at")(when) | _moment("proved_at")(when) | Q(Exists(replaced))


def _holding(token: Token) -> Q:
    """Return the condition on decisions that hold, the latest of each person, or do no more."""
    later = Q(recorded_at__gt=OuterRef("recorded_at")) | Q(
        recorded_at=OuterRef("recorded_at"), pk__gt=OuterRef("pk")
    )
    replaced = Q(Exists(Consent.objects.filter(later, patient_id=OuterRef("patient_id"))))
    return {"active": ~replaced, "inactive": replaced}.get(token.code, Q(pk__in=[]))


def _status(token: Token) -> Q:
    return Q(status=token.code)


CONDITIONS: dict[tuple[str, str], Callable[[Any], Q]] = {
    **{(kind, "_id"): _by_id for kind in MODELS if kind != "Binary"},
    **{(kind, "_lastUpdated"): _moment("updated_at") for kind in MODELS if kind != "Binary"},
    ("CareTeam", "identifier"): _circle_identified,
    ("CareTeam", "status"): _status,
    ("CareTeam", "subject"): _pointing("patient_id"),
    ("CareTeam", "patient"): _pointing("patient_id"),
    ("CareTeam", "subject.identifier"): _person_identified("patient_id"),
    ("CareTeam", "subject:Patient.identifier"): _person_identified("patient_id"),
    ("CareTeam", "patient.identifier"): _person_identified("patient_id"),
    ("CareTeam", "participant"): _of_stay(_member),
    ("CareTeam", "date"): _moment("started_at", until="ended_at"),
    ("CareTeam", "start"): _moment("started_at"),
    ("CareTeam", "end"): _end("ended_at"),
    ("CareTeam", "participant-start"): _of_stay(_moment("started_at")),
    ("CareTeam", "participant-end"): _of_stay(_end("ended_at")),
    ("CareTeam", "managingOrganization"): _pointing("managing_organization_id"),
    ("Consent", "_lastUpdated"): _decided,
    ("Consent", "patient"): _pointing("patient_id"),
    ("Consent", "patient.identifier"): _person_identified("patient_id"),
    ("Consent", "status"): _holding,
    ("Consent", "date"): _moment("recorded_at"),
    ("Patient", "identifier"): _person_identified("pk"),
    ("Patient", "active"): lambda token: (
        Q(active=token.code == "true") if token.code in ("true", "false") else Q(pk__in=[])
    ),
    ("RelatedPerson", "patient"): _pointing("patient_id"),
    ("RelatedPerson", "name"): lambda text: (
        Q(family__istartswith=text) | Q(given__istartswith=text)
    ),
    ("RelatedPerson", "relationship"): _related,
    **offer.conditions(_moment),
    **agenda.conditions(_moment, _person_identified("patient_id")),
    **notebook.conditions(_moment, _person_identified("patient_id")),
    **support_search.conditions(_moment, _person_identified("patient_id")),
    **plans_search.conditions(_moment, _person_identified("patient_id")),
    **assessments.conditions(_moment, _person_identified("patient_id")),
    ("Subscription", "patient"): _pointing("patient_id"),
    ("Subscription", "status"): _status,
    ("CommunicationRequest", "patient"): _pointing("patient_id"),
    ("CommunicationRequest", "event-type"): lambda token: (
        Q(event_type=token.code)
        if token.system in (None, subscriptions_rules.EVENT_TYPES)
        else Q(pk__in=[])
    ),
}


# --- Refinements, on the few persons found ------------------------------------------------------


def _starts(value: str, texts: Iterable[str]) -> bool:
    asked = names.comparison_form(value)
    return bool(asked) and any(names.comparison_form(text).startswith(asked) for text in texts)


def _named(*parts: str) -> Callable[[Json, Value], bool]:
    def matches(patient: Json, value: Value) -> bool:
        texts: list[str] = []
        for name in patient["name"]:
            if "family" in parts:
                texts.append(name["family"])
            if "given" in parts:
                texts += name["given"]
                texts += [each["valueString"] for each in name.get("extension", ())]
        return _starts(str(value), texts)

    return matches


def _addressed(patient: Json, *parts: str) -> list[str]:
    return [
        text
        for address in patient.get("address", ())
        for part in parts
        for text in (address.get(part, []) if part == "line" else [address.get(part)])
        if text
    ]


def _lives(*parts: str) -> Callable[[Json, Value], bool]:
    return lambda patient, value: _starts(str(value), _addressed(patient, *parts))


def _named_exactly(*parts: str) -> Callable[[Json, Value], bool]:
    def matches(patient: Json, value: Value) -> bool:
        texts: list[str] = []
        for name in patient["name"]:
            texts += [name["family"]] if "family" in parts else []
            texts += name["given"] if "given" in parts else []
        return value in texts

    return matches


def _lives_exactly(*parts: str) -> Callable[[Json, Value], bool]:
    return lambda patient, value: value in _addressed(patient, *parts)


def _countries(address: Json) -> tuple[str, ...]:
    """Return how the country of an address may be said: ours are all French."""
    return ("FR", "FRA", "France") if address.get("postalCode") or address.get("city") else ()


def _states(address: Json) -> tuple[str, ...]:
    """Return how the department of an address may be said, by its postal code."""
    code = address.get("postalCode", "")
    if code.startswith("973"):
        return ("Guyane", "Guyane française", "973", "GF", "FR-973")
    return tuple(filter(None, (code[: 3 if code.startswith("97") else 2],)))


def _lives_under(
    words: Callable[[Json], tuple[str, ...]], *, exactly: bool = False
) -> Callable[[Json, Value], bool]:
    def matches(patient: Json, value: Value) -> bool:
        said = [each for address in patient.get("address", ()) for each in words(address)]
        return value in said if exactly else _starts(str(value), said)

    return matches


def _born_of(*, exactly: bool = False) -> Callable[[Json, Value], bool]:
    """Return whether the mother bears this name: domains tell it whole, first name included."""

    def matches(patient: Json, value: Value) -> bool:
        said = [
            text
            for each in patient["extension"]
            if each["url"] == identity_fhir.MOTHER
            for text in (each["valueString"], *each["valueString"].split())
        ]
        return value in said if exactly else _starts(str(value), said)

    return matches


def _reached(patient: Json, token: Token) -> bool:
    """Tell whether a person is reached at this number, however it is spaced."""
    asked = _digits(token.code)
    return token.system in (None, "phone") and any(
        bool(asked) and _digits(each["value"]) == asked for each in patient.get("telecom", ())
    )


def _digits(text: str) -> str:
    return "".join(sign for sign in text if sign.isascii() and sign.isdigit())


def _numbered(patient: Json, token: Token) -> bool:
    """Tell whether a person bears this identifier, or any in this domain."""
    return any(
        each["system"] == token.system and token.code in ("", each["value"])
        for each in patient.get("identifier", ())
    )


def _of_domains(search: Search, resources: list[Json]) -> list[Json]:
    """Return the persons with their numbers in the domains asked for only (IHE ITI-78, case 2).

    Raises:
        Refused: 404, nobody here knows one of these domains (case 4).
    """
    tokens = [each for each in search.values("identifier") if isinstance(each, Token)]
    wanted = {each.system or "" for each in tokens if not each.code}
    if search.resource.type != "Patient" or not wanted:
        return resources
    known = {each["system"] for resource in resources for each in resource.get("identifier", ())}
    if not wanted <= known | identity_fhir.systems():
        raise Refused(404, Issue("not-found", "targetSystem not found", severity="warning"))
    return [
        resource
        | {"identifier": [each for each in resource["identifier"] if each["system"] in wanted]}
        if resource.get("identifier")
        else resource
        for resource in resources
    ]


def _born_at(patient: Json, value: Value) -> bool:
    places = [
        each["valueAddress"]
        for each in patient["extension"]
        if each["url"] == patients_fhir.BIRTH_PLACE
    ]
    return any(
        _starts(str(value), [place.get("city", "")]) or insee_code(place) == value
        for place in places
    )


def _born(patient: Json, value: When) -> bool:
    born, asked = patient["birthDate"], value.text
    return {
        "eq": born.startswith(asked),
        "ge": born >= asked,
        "gt": born > asked and not born.startswith(asked),
        "le": born <= asked or born.startswith(asked),
        "lt": born < asked,
    }[value.comparison]


REFINEMENTS: dict[tuple[str, str], Callable[[Json, Any], bool]] = {
    ("Patient", "family"): _named("family"),
    ("Patient", "given"): _named("given"),
    ("Patient", "name"): _named("family", "given"),
    ("Patient", "birthdate"): _born,
    ("Patient", "gender"): lambda patient, token: patient["gender"] == token.code,
    ("Patient", "identifier"): _numbered,
    ("Patient", "address"): _lives("line", "city", "postalCode"),
    ("Patient", "address-city"): _lives("city"),
    ("Patient", "address-postalcode"): _lives("postalCode"),
    ("Patient", "address:exact"): _lives_exactly("line", "city", "postalCode"),
    ("Patient", "address-city:exact"): _lives_exactly("city"),
    ("Patient", "address-postalcode:exact"): _lives_exactly("postalCode"),
    ("Patient", "address-country"): _lives_under(_countries),
    ("Patient", "address-state"): _lives_under(_states),
    ("Patient", "address-country:exact"): _lives_under(_countries, exactly=True),
    ("Patient", "address-state:exact"): _lives_under(_states, exactly=True),
    ("Patient", "mothersMaidenName"): _born_of(),
    ("Patient", "mothersMaidenName:exact"): _born_of(exactly=True),
    ("Patient", "family:exact"): _named_exactly("family"),
    ("Patient", "given:exact"): _named_exactly("given"),
    ("Patient", "name:exact"): _named_exactly("family", "given"),
    ("Patient", "telecom"): _reached,
    ("Patient", "phone"): _reached,
    ("Patient", "birthplace"): _born_at,
}

_served = {
    (kind, name) for kind, served in registry.RESOURCES.items() for name in served.parameters
}
if _served != CONDITIONS.keys() | REFINEMENTS.keys():
    raise LookupError(f"parameters served and promised differ: {_served ^ CONDITIONS.keys()}")


# --- Traces -------------------------------------------------------------------------------------


def _person_of(resource: Json) -> int | None:
    if resource["resourceType"] == "Questionnaire":
        return None
    if resource["resourceType"] == "Patient":
        return int(resource["id"])
    if resource["resourceType"] == "Appointment":
        for part in resource["participant"]:
            kind, _, number = part["actor"]["reference"].partition("/")
            if kind == "Patient":
                return int(number)
        return None
    for contained in resource.get("contained", ()):
        if contained["resourceType"] == "Patient":
            return int(contained["id"])
    held = resource.get("subject") or resource.get("patient") or resource.get("securityContext")
    return int(held["reference"].partition("/")[2]) if held else None


def _trace(
    actor: Actor,
    operation: str,
    resources: list[Json],
    *,
    now: datetime,
    entity: str,
    refused: bool = False,
    reason: str = "",
) -> None:
    """Trace a reading: one line for each person met, one at least, never what was sought."""
    persons = dict.fromkeys(filter(None, map(_person_of, resources)))
    for person in persons or [None]:
        audit.read(
            actor,
            operation,
            now=now,
            patient_id=person,
            entity=entity,
            refused=refused,
            reason=reason,
        )
