"""Questionnaires and assessments in FHIR R4: read here, written by software, refused by place."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import Any

from django.db.models import Q, QuerySet

from carbet.coordination.assessments import operations, queries
from carbet.coordination.assessments.choices import QuestionnaireStatus, ResponseStatus
from carbet.coordination.assessments.models import Questionnaire, QuestionnaireResponse
from carbet.coordination.assessments.rules import answers as rules
from carbet.coordination.assessments.rules.definitions import NUMBERS, Definition, Item
from carbet.coordination.care_teams import access as care_teams_access
from carbet.core import fhir
from carbet.core.actor import Actor, Level
from carbet.core.fhir import Issue, Json, Reading, Refused, refuse
from carbet.core.operation import UnableTo, UnableToAct
from carbet.registries.directory import fhir as directory_fhir
from carbet.registries.directory.models import Practitioner, PractitionerRole
from carbet.registries.patients import queries as patients
from carbet.registries.patients.models import Patient

QUESTIONNAIRE = "http://hl7.org/fhir/StructureDefinition/Questionnaire"
RESPONSE = "http://hl7.org/fhir/StructureDefinition/QuestionnaireResponse"
# What a FHIR answer to each kind of question is called.
_VALUES = {
    "boolean": "valueBoolean",
    "decimal": "valueDecimal",
    "integer": "valueInteger",
    "date": "valueDate",
    "string": "valueString",
    "text": "valueString",
    "quantity": "valueQuantity",
}
_UCUM = "http://unitsofmeasure.org"
_RECEIVED = (ResponseStatus.IN_PROGRESS, ResponseStatus.COMPLETED, ResponseStatus.AMENDED)
_RECEIVED_AGAIN = (*_RECEIVED, ResponseStatus.ENTERED_IN_ERROR)


@dataclass(frozen=True)
class Kept:
    """What was kept: its row, whether it is new, what of it was not kept."""

    row: Any
    created: bool
    issues: list[Issue]


# --- Questionnaires: out -------------------------------------------------------------------------


def questionnaires(rows: QuerySet[Questionnaire]) -> list[Json]:
    """Return the Questionnaire resources of these versions."""
    return [questionnaire(row) for row in rows.values()]


def questionnaire(row: Mapping[str, Any]) -> Json:
    """Return one version of a questionnaire, or one state of it that history kept, as FHIR."""
    body = {name: each for name, each in row["definition"].items() if name != "resourceType"}
    said = body.get("meta") if isinstance(body.get("meta"), dict) else {}
    body["meta"] = said | fhir.meta(
        QUESTIONNAIRE, version=row["revision"], updated_at=row["updated_at"]
    )
    body |= {"id": str(row["id"]), "status": row["status"]}
    return {"resourceType": "Questionnaire"} | body


def questionnaire_versions(number: int) -> list[Json]:
    """Return the states of a questionnaire that history kept, the latest first."""
    shown = Questionnaire.objects.exclude(status=QuestionnaireStatus.DRAFT)
    current = shown.filter(pk=number).values().first()
    if current is None:
        return []
    kept = Questionnaire.pgh_event_model.objects.filter(pgh_obj_id=number).order_by("pk")
    found = {row["revision"]: row | {"id": number} for row in kept.values()}
    # What was there before history began is its present state.
    found[current["revision"]] = current
    return [questionnaire(found[revision]) for revision in sorted(found, reverse=True)]


# --- Assessments: out ----------------------------------------------------------------------------


def responses(rows: QuerySet[QuestionnaireResponse]) -> list[Json]:
    """Return the QuestionnaireResponse resources of these assessments, in two queries."""
    held = list(rows.values())
    return _responses(held)


def response_versions(number: int) -> list[Json]:
    """Return the versions of an assessment that the actor may read, the latest first."""
    if not QuestionnaireResponse.objects.filter(pk=number).exists():
        return []
    kept = QuestionnaireResponse.pgh_event_model.objects.filter(pgh_obj_id=number).order_by("pk")
    latest = {row["version"]: row | {"id": number} for row in kept.values()}
    return _responses([latest[version] for version in sorted(latest, reverse=True)])


def _responses(held: list[dict[str, Any]]) -> list[Json]:
    forms = Questionnaire.objects.in_bulk({row["questionnaire_id"] for row in held})
    return [_response(row, forms[row["questionnaire_id"]]) for row in held]


def _response(row: Mapping[str, Any], form: Questionnaire) -> Json:
    found: Json = {
        "resourceType": "QuestionnaireResponse",
        "id": str(row["id"]),
        "meta": fhir.meta(RESPONSE, version=row["version"], updated_at=row["saved_at"]),
    }
    if row["identifier_value"]:
        held = {"value": row["identifier_value"]}
        if row["identifier_system"]:
            held = {"system": row["identifier_system"]} | held
        found["identifier"] = held
    found |= {
        "questionnaire": f"{form.url}|{form.version}",
        "status": row["status"],
        "subject": fhir.reference("Patient", row["patient_id"]),
        "authored": fhir.instant(row["authored_at"]),
        "author": _author(row),
    }
    definition = queries.definition_of(form)
    items = rules.to_items(definition, row["answers"], row["scores"])["item"]
    return found | ({"item": items} if items else {})


def _author(row: Mapping[str, Any]) -> Json:
    said: Json = {}
    if row["author_role_id"]:
        said = fhir.reference("PractitionerRole", row["author_role_id"])
    elif row["author_organization_id"]:
        said = fhir.reference("Organization", row["author_organization_id"])
    return said | {"display": row["author_name"]}


# --- Assessments: in -----------------------------------------------------------------------------


def receive_response(resource: Json, *, actor: Actor, now: datetime, base: str) -> Kept:
    """Keep the answers that a system sends; its identifier keeps them once.

    Args:
        resource: a QuestionnaireResponse whose shape is right already.
        base: the address of our FHIR door, to recognize references to it.

    Raises:
        Refused: 403, 409 or 422, with the exact place of all that is wrong.
    """
    reading = _Reading(resource, "QuestionnaireResponse", base)
    reading.keep_only("identifier questionnaire status subject authored author item")
    form = reading.form()
    status = reading.status(_RECEIVED)
    patient = reading.person()
    authored_at = reading.authored(now)
    author = reading.author(actor, now=now)
    identifier = reading.identifier()
    answers: dict[str, list[Any]] = {}
    if form is not None:
        answers = reading.answers(
            queries.definition_of(form), complete=status != ResponseStatus.IN_PROGRESS
        )
    reading.stop_when_refused()
    if form is None or patient is None:
        raise Refused(422, *reading.issues)
    if not care_teams_access.opened(patient_id=patient.pk, level=Level.WRITE):
        place = reading.place("subject")
        raise refuse(403, "forbidden", "Votre structure peut lire, pas écrire.", place)
    try:
        row, created = operations.receive(
            actor=actor,
            now=now,
            patient=patient,
            questionnaire=form,
            status=status,
            answers=answers,
            authored_at=authored_at,
            author_role_id=author.role_id,
            author_name=author.name,
            identifier=identifier,
        )
    except UnableTo as refusal:
        raise _refused(refusal) from refusal
    return Kept(row, created, reading.warnings)


def update_response(
    resource: Json, *, number: int, version: int | None, actor: Actor, now: datetime, base: str
) -> Kept:
    """Bring answers that this system sent to what it says now.

    Args:
        number: the row that the address names.
        version: the one that was read (If-Match).

    Raises:
        Refused: 403, 404, 412 or 422, with the exact place of all that is wrong.
    """
    row = QuestionnaireResponse.objects.select_related("questionnaire").filter(pk=number).first()
    if row is None:
        raise refuse(
            404, "not-found", "Ressource inconnue, ou pas ouverte.", "QuestionnaireResponse"
        )
    if version is None:
        told = "Dites la version que vous avez lue (If-Match)."
        raise refuse(412, "conflict", told, "QuestionnaireResponse")
    reading = _Reading(resource, "QuestionnaireResponse", base)
    reading.keep_only("identifier questionnaire status subject authored author item")
    form = reading.form()
    status = reading.status(_RECEIVED_AGAIN)
    patient = reading.person()
    if form is not None and form.pk != row.questionnaire_id:
        reading.error("business-rule", "Le questionnaire ne change pas.", "questionnaire")
    if patient is not None and patient.pk != row.patient_id:
        reading.error("business-rule", "La personne ne change pas.", "subject")
    if reading.identifier() != (row.identifier_system, row.identifier_value):
        reading.error("business-rule", "L’identifiant ne change pas.", "identifier")
    authored_at = reading.authored(now)
    author = reading.author(actor, now=now)
    answers: dict[str, list[Any]] = {}
    if form is not None and not reading.is_refused:
        complete = status in queries.COUNTED
        answers = reading.answers(queries.definition_of(form), complete=complete)
    reading.stop_when_refused()
    if not care_teams_access.opened(patient_id=row.patient_id, level=Level.WRITE):
        place = reading.place("subject")
        raise refuse(403, "forbidden", "Votre structure peut lire, pas écrire.", place)
    try:
        kept = operations.receive_again(
            actor=actor,
            now=now,
            response=row,
            seen_version=version,
            status=status,
            answers=answers,
            authored_at=authored_at,
            author_role_id=author.role_id,
            author_name=author.name,
        )
    except UnableTo as refusal:
        raise _refused(refusal) from refusal
    return Kept(kept, False, reading.warnings)


def _refused(refusal: UnableTo) -> Refused:
    if isinstance(refusal, operations.SavedMeanwhile):
        return refuse(412, "conflict", refusal.message, "QuestionnaireResponse")
    if refusal.field == "status":
        return refuse(422, "business-rule", refusal.message, "QuestionnaireResponse.status")
    if isinstance(refusal, UnableToAct):
        return refuse(403, "forbidden", refusal.message, "QuestionnaireResponse")
    if refusal.field == "identifier":
        return refuse(409, "duplicate", refusal.message, "QuestionnaireResponse.identifier")
    return refuse(422, "business-rule", refusal.message, "QuestionnaireResponse")


@dataclass(frozen=True)
class _Author:
    role_id: int | None = None
    name: str = ""


class _Reading(Reading):
    """Reads one QuestionnaireResponse against the questionnaire that it answers."""

    def __init__(self, resource: Json, at: str, base: str) -> None:
        super().__init__(resource, at)
        self.base = base.rstrip("/") + "/"
        # Where each question was answered, and where each group stands.
        self.places: dict[str, str] = {}

    @property
    def warnings(self) -> list[Issue]:
        return [each for each in self.issues if each.severity == "warning"]

    def stop_when_refused(self) -> None:
        """Refuse the whole when something in it is wrong, with at most twenty places."""
        if self.is_refused:
            raise Refused(422, *[each for each in self.issues if each.severity == "error"][:20])

    def form(self) -> Questionnaire | None:
        """Return the version of the questionnaire that is answered; without one, that in use."""
        said = self.resource.get("questionnaire", "")
        if not said:
            self.error("required", "Dites à quel questionnaire on répond.", "questionnaire")
            return None
        url, _, version = said.partition("|")
        found = Questionnaire.objects.exclude(status=QuestionnaireStatus.DRAFT)
        own = url.removeprefix(self.base)
        number = own.removeprefix("Questionnaire/")
        if number != own and number.isascii() and number.isdecimal() and len(number) < 19:
            found = found.filter(pk=int(number))
        else:
            found = found.filter(url=url)
        if version:
            found = found.filter(version=version)
        row = found.order_by("status", "-pk").first()
        if row is None:
            self.error("not-found", "Questionnaire ou version inconnus ici.", "questionnaire")
        return row

    def status(self, known: Iterable[ResponseStatus]) -> ResponseStatus:
        """Return how far the answers are."""
        said = self.resource["status"]
        if said not in tuple(known):
            self.error("business-rule", f"Attendu : {', '.join(known)}.", "status")
            return ResponseStatus.COMPLETED
        return ResponseStatus(said)

    def person(self) -> Patient | None:
        """Return the person whom the answers are about, of those whom this system may see."""
        reference = self.resource.get("subject", {})
        number = self.number(reference, "Patient")
        held = reference.get("identifier", {})
        system, value = held.get("system", ""), held.get("value", "")
        if number is not None:
            found = Patient.objects.filter(pk=number).first()
        elif system and value:
            same = patients.identified(system=system, value=value)
            found = Patient.objects.filter(pk__in=same).first()
        else:
            self.error("required", "Patient/numéro, ou un identifiant, est attendu.", "subject")
            return None
        if found is None:
            self.error("not-found", "Personne inconnue ici, ou pas ouverte.", "subject")
        return found

    def authored(self, now: datetime) -> datetime | None:
        """Return when the person was assessed; None when it is not said."""
        said = self.resource.get("authored")
        if not said:
            return None
        moment = fhir.span(said).start
        if moment > now + operations.CLOCKS_DIFFER:
            self.error("business-rule", "Ce moment est dans le futur.", "authored")
        return moment

    def author(self, actor: Actor, *, now: datetime) -> _Author:
        """Return who assessed: a role of the structure that sends, a name, or the structure."""
        reference = self.resource.get("author")
        if not reference:
            return _Author(name=actor.display_name)
        at_work = PractitionerRole.objects.filter(
            Q(ended_at__isnull=True) | Q(ended_at__gt=now), organization_id=actor.organization_id
        ).select_related("practitioner")
        role = None
        if (number := self.number(reference, "PractitionerRole")) is not None:
            role = at_work.filter(pk=number).first()
        elif (number := self.number(reference, "Practitioner")) is not None:
            role = at_work.filter(practitioner_id=number).first()
        elif held := reference.get("identifier"):
            known = Practitioner.objects.filter(directory_fhir.match_practitioners([held]))
            role = at_work.filter(practitioner__in=known).first()
        if role is not None:
            return _Author(role_id=role.pk, name=str(role.practitioner))
        name = self.text(reference.get("display", ""), 200, "author.display")
        if self.number(reference, "Organization") == actor.organization_id:
            return _Author(name=name or actor.display_name)
        if not name:
            self.error("not-found", "Auteur inconnu ici, et sans nom (display).", "author")
            return _Author()
        told = "Inconnu dans votre structure : gardé par son nom."
        self.issues.append(Issue("not-found", told, self.place("author"), "warning"))
        return _Author(name=name)

    def identifier(self) -> tuple[str, str]:
        held = self.resource.get("identifier", {})
        return (
            self.text(held.get("system", ""), 200, "identifier.system"),
            self.text(held.get("value", ""), 200, "identifier.value"),
        )

    def number(self, reference: Json, kind: str) -> int | None:
        text = reference.get("reference", "").removeprefix(self.base)
        number = text.removeprefix(f"{kind}/")
        is_number = number != text and number.isascii() and number.isdecimal() and len(number) < 19
        return int(number) if is_number else None

    # --- Answers, each at its place ---

    def answers(self, definition: Definition, *, complete: bool) -> dict[str, list[Any]]:
        """Return what was answered, by linkId, as the engine keeps it."""
        given: dict[str, list[Any]] = {}
        said: dict[str, tuple[Item, Any, str]] = {}
        self._level(self.resource.get("item", []), definition.items, "", given, said)
        if self.is_refused:
            return {}
        kept, errors = rules.check(definition, given, complete=complete)
        for link_id, sentence in errors.items():
            code = "value" if link_id in given else "required"
            self.error(code, self._named(definition, link_id, sentence), self._where(link_id))
        if not errors:
            self._not_asked(definition, given, kept)
            self._same_results(definition, kept, said)
        return kept

    def _named(self, definition: Definition, link_id: str, sentence: str) -> str:
        return f"{sentence} ({definition.by_id[link_id].text[:80] or link_id}, linkId {link_id})"

    def _where(self, link_id: str) -> str:
        return self.places.get(link_id, "item")

    def _level(
        self,
        nodes: Sequence[Json],
        expected: Sequence[Item],
        at: str,
        given: dict[str, list[Any]],
        said: dict[str, tuple[Item, Any, str]],
    ) -> None:
        known = {item.link_id: rank for rank, item in enumerate(expected)}
        last = -1
        for number, node in enumerate(nodes):
            where = f"{at}.item[{number}]" if at else f"item[{number}]"
            link_id = node["linkId"]
            rank = known.get(link_id)
            if rank is None:
                told = "Ce linkId n’est pas à cette place dans le questionnaire."
                self.error("not-found", told, f"{where}.linkId")
                continue
            if link_id in self.places:
                self.error("structure", "Cet élément est déjà donné.", f"{where}.linkId")
                continue
            if rank < last:
                told = "Cet élément n’est pas dans l’ordre du questionnaire."
                self.error("structure", told, f"{where}.linkId")
            last = max(last, rank)
            self.places[link_id] = where
            self._node(node, expected[rank], where, given, said)

    def _node(
        self,
        node: Json,
        item: Item,
        at: str,
        given: dict[str, list[Any]],
        said: dict[str, tuple[Item, Any, str]],
    ) -> None:
        held = node.get("answer", [])
        if item.kind in ("group", "display") and held:
            self.error("structure", "Un titre ne reçoit pas de réponse.", f"{at}.answer[0]")
            return
        if item.kind == "group":
            self._level(node.get("item", []), item.items, at, given, said)
            return
        if "item" in node:
            told = "Ce qui dépend d’une réponse se place dans la réponse (answer.item)."
            self.error("structure", told, f"{at}.item")
        if len(held) > 1 and (item.is_score or not item.repeats):
            self.error("structure", "Une seule réponse est attendue.", f"{at}.answer[1]")
            return
        values = []
        for number, one in enumerate(held):
            where = f"{at}.answer[{number}]"
            value = self._value(item, one, where)
            if value is None:
                continue
            if value in values:
                self.error("duplicate", "Cette réponse est déjà donnée.", where)
            values.append(value)
            if "item" in one:
                if number:
                    told = "Ce qui dépend d’une réponse se donne une fois."
                    self.error("structure", told, f"{where}.item")
                else:
                    self._level(one["item"], item.items, where, given, said)
        if not values:
            return
        if item.is_score:
            said[item.link_id] = (item, values[0], f"{at}.answer[0]")
        else:
            given[item.link_id] = values

    def _value(self, item: Item, one: Json, at: str) -> Any:
        """Return one answer as the engine keeps it, None when it is refused."""
        name = next((key for key in one if key.startswith("value")), "")
        if not name:
            self.error("required", "Une réponse a une valeur.", at)
            return None
        where, value = f"{at}.{name}", one[name]
        if item.kind in ("choice", "open-choice"):
            return self._chosen(item, name, value, where)
        if name != _VALUES[item.kind]:
            told = f"{_VALUES[item.kind]} est attendu pour cette question."
            self.error("value", told, where)
            return None
        if item.kind == "quantity":
            value = self._amount(item, value, where)
            if value is None:
                return None
        if item.kind == "date" and len(value) != 10:
            self.error("value", "Un jour entier est attendu (AAAA-MM-JJ).", where)
            return None
        if item.is_score:
            return value
        try:
            return rules.read(item, value)
        except rules.RefusedAnswer as refusal:
            self.error("value", str(refusal), where)
            return None

    def _amount(self, item: Item, quantity: Json, at: str) -> Any:
        if "value" not in quantity or "comparator" in quantity:
            self.error("value", "Une quantité dit sa valeur, sans comparaison.", at)
            return None
        code, unit = quantity.get("code", ""), quantity.get("unit", "")
        if item.unit_code and code and quantity.get("system", _UCUM) == _UCUM:
            same = code == item.unit_code
        else:
            same = not (item.unit or item.unit_code) or unit in (item.unit, item.unit_code)
        if not same:
            self.error("value", f"L’unité attendue est {item.unit or item.unit_code}.", at)
            return None
        return quantity["value"]

    def _chosen(self, item: Item, name: str, value: Any, at: str) -> Any:
        if name == "valueString" and item.kind == "open-choice":
            option = item.option(value)
            return value if option and option.kind == "string" else {"text": value}
        code, system = value, ""
        kind = name.removeprefix("value")
        if name == "valueCoding":
            code, system = value.get("code"), value.get("system", "")
        if kind == "Integer":
            code = str(value)
        option = item.option(code)
        if option is None or option.kind.lower() != kind.lower():
            self.error("code-invalid", "Cette réponse n’est pas dans la liste.", at)
            return None
        if system and option.system and system != option.system:
            self.error("code-invalid", f"Le système attendu est {option.system}.", f"{at}.system")
            return None
        return option.code

    def _not_asked(
        self, definition: Definition, given: Mapping[str, Any], kept: Mapping[str, Any]
    ) -> None:
        """Refuse an answer to a question that the other answers keep from being asked."""
        for link_id in given:
            if link_id not in kept:
                told = "Cette question n’est pas posée, au vu des autres réponses (enableWhen)."
                self.error("business-rule", told, self._where(link_id))

    def _same_results(
        self,
        definition: Definition,
        kept: Mapping[str, Any],
        said: Mapping[str, tuple[Item, Any, str]],
    ) -> None:
        """Refuse a result that is not what the answers come to."""
        if not said:
            return
        found = rules.scores(definition, kept)
        for link_id, (item, value, where) in said.items():
            ours = found.get(link_id)
            if ours is None:
                same = False
            elif item.kind in NUMBERS:
                same = Decimal(str(value)) == Decimal(ours)
            else:
                same = str(value) == ours
            if not same:
                told = f"Les réponses donnent {ours}." if ours else "Rien ne se calcule encore."
                self.error("business-rule", told, where)
