"""What a questionnaire asks, read from its FHIR form; what it may not ask, refused with its place.

Source: FHIR R4 Questionnaire; Structured Data Capture 3.0 for units, bounds and calculations. The
table of what is supported stands in `docs/rules/questionnaires.md`.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from decimal import Decimal
from functools import cached_property
from typing import Any

from carbet.coordination.assessments.rules import expressions

MOST_ITEMS = 300
MOST_OPTIONS = 200
DEEPEST_GROUP = 5
MOST_WAITED = 60
MOST_PROBLEMS = 50
LONGEST_TEXT = 4000
ASKED = frozenset(
    {"boolean", "decimal", "integer", "date", "string", "text", "choice", "open-choice", "quantity"}
)
KINDS = ASKED | {"group", "display"}
NUMBERS = frozenset({"decimal", "integer", "quantity"})
OPERATORS = frozenset({"exists", "=", "!=", ">", "<", ">=", "<="})
_HL7 = "http://hl7.org/fhir/StructureDefinition"
_SDC = "http://hl7.org/fhir/uv/sdc/StructureDefinition"
CALCULATED = f"{_SDC}/sdc-questionnaire-calculatedExpression"
VARIABLE = f"{_HL7}/variable"
UNIT = f"{_HL7}/questionnaire-unit"
MINIMUM, MAXIMUM = f"{_HL7}/minValue", f"{_HL7}/maxValue"
HIDDEN = f"{_HL7}/questionnaire-hidden"
ITEM_CONTROL = f"{_HL7}/questionnaire-itemControl"
# Ours: from which score on something is to be said, and what it proposes.
THRESHOLD = "urn:carbet:fhir:seuil"
SOURCE = "urn:carbet:fhir:source"


@dataclass(frozen=True, slots=True)
class Problem:
    """What is wrong in a questionnaire: a FHIRPath to the place, and a French sentence."""

    place: str
    sentence: str


class RefusedQuestionnaire(ValueError):
    """The questionnaire cannot be used; `problems` says each place and why."""

    def __init__(self, problems: Sequence[Problem]) -> None:
        super().__init__("; ".join(f"{one.place} : {one.sentence}" for one in problems))
        self.problems = list(problems)


@dataclass(frozen=True, slots=True)
class Option:
    """One answer that may be chosen; `weight` is what it counts for in a score.

    `kind` is how FHIR says it: "Coding", "string" or "integer"; `code` is its text then.
    """

    code: str
    label: str
    system: str = ""
    weight: Decimal | None = None
    kind: str = "Coding"


@dataclass(frozen=True, slots=True)
class Condition:
    """When another question's answer lets this one be asked (enableWhen)."""

    question: str
    operator: str
    value: Any


@dataclass(frozen=True, slots=True)
class Threshold:
    """What a score means from `least` to `most` (inclusive), and what it proposes."""

    score: str
    least: Decimal | None
    most: Decimal | None
    meaning: str
    tone: str = "info"
    goal: str = ""
    action: str = ""

    def holds(self, value: Decimal) -> bool:
        return (self.least is None or value >= self.least) and (
            self.most is None or value <= self.most
        )


@dataclass(frozen=True, slots=True)
class Item:
    """One question, title, sentence or score, with those below it."""

    link_id: str
    kind: str
    text: str = ""
    prefix: str = ""
    help: str = ""
    required: bool = False
    repeats: bool = False
    hidden: bool = False
    options: tuple[Option, ...] = ()
    unit: str = ""
    unit_code: str = ""
    minimum: Decimal | None = None
    maximum: Decimal | None = None
    longest: int = LONGEST_TEXT
    conditions: tuple[Condition, ...] = ()
    any_condition: bool = False
    expression: str = ""
    items: tuple["Item", ...] = ()

    @property
    def is_score(self) -> bool:
        return bool(self.expression)

    @property
    def is_asked(self) -> bool:
        return self.kind in ASKED and not self.expression

    @property
    def field_name(self) -> str:
        """The name under which a page sends the answer."""
        return f"q-{self.link_id}"

    def option(self, code: object) -> Option | None:
        return next((option for option in self.options if option.code == code), None)

    def walk(self) -> Iterator["Item"]:
        """Yield this item and all below it, as they are read."""
        yield self
        for item in self.items:
            yield from item.walk()


@dataclass(frozen=True)
class Definition:
    """A questionnaire ready to be asked."""

    url: str
    version: str
    title: str
    description: str = ""
    rights: str = ""
    source: str = ""
    items: tuple[Item, ...] = ()
    variables: tuple[tuple[str, str], ...] = ()
    thresholds: tuple[Threshold, ...] = field(default=())

    @cached_property
    def by_id(self) -> dict[str, Item]:
        return {item.link_id: item for top in self.items for item in top.walk()}

    @property
    def asked(self) -> list[Item]:
        return [item for item in self.by_id.values() if item.is_asked]

    @property
    def scores(self) -> list[Item]:
        return [item for item in self.by_id.values() if item.is_score]


def read(resource: Mapping[str, Any]) -> Definition:
    """Return the questionnaire of a FHIR Questionnaire resource.

    Raises:
        RefusedQuestionnaire: with every place that cannot be used.
    """
    return _Reader(resource).read()


class _Reader:
    """Reads one resource, gathering every problem rather than the first."""

    def __init__(self, resource: Mapping[str, Any]) -> None:
        self.resource = resource
        self.problems: list[Problem] = []
        self.places: dict[str, str] = {}
        self.names: list[str] = []

    def refuse(self, place: str, sentence: str) -> None:
        if len(self.problems) < MOST_PROBLEMS:
            self.problems.append(Problem(place, sentence))

    def read(self) -> Definition:
        body = self.resource
        if not isinstance(body, dict) or body.get("resourceType") != "Questionnaire":
            raise RefusedQuestionnaire([Problem("Questionnaire", "Ce n’est pas un Questionnaire.")])
        if misshapen := _misshapen(body):
            raise RefusedQuestionnaire(misshapen)
        url = self.text(body, "url", "Questionnaire", longest=300)
        version = self.text(body, "version", "Questionnaire", longest=40)
        title = self.text(body, "title", "Questionnaire", longest=200)
        if not title:
            self.refuse("Questionnaire.title", "Le titre manque.")
        variables = self.variables(body)
        items = self.items(body.get("item"), "Questionnaire", depth=1)
        if not items and not self.problems:
            self.refuse("Questionnaire.item", "Aucune question.")
        definition = Definition(
            url=url,
            version=version,
            title=title,
            description=self.text(body, "description", "Questionnaire"),
            rights=self.text(body, "copyright", "Questionnaire"),
            source=self.extension(body, SOURCE, "valueString") or "",
            items=items,
            variables=variables,
            thresholds=self.thresholds(body),
        )
        self.check_conditions(definition)
        self.check_thresholds(definition)
        if self.problems:
            raise RefusedQuestionnaire(self.problems)
        return definition

    def text(
        self, body: Mapping[str, Any], name: str, place: str, *, longest: int = LONGEST_TEXT
    ) -> str:
        value = body.get(name, "")
        if not isinstance(value, str):
            self.refuse(f"{place}.{name}", "Un texte est attendu.")
            return ""
        if len(value) > longest:
            self.refuse(f"{place}.{name}", f"Plus de {longest} caractères.")
        return value.strip()

    def extension(self, body: Mapping[str, Any], url: str, value: str) -> Any:
        return next((one.get(value) for one in _extensions(body) if one.get("url") == url), None)

    def variables(self, body: Mapping[str, Any]) -> tuple[tuple[str, str], ...]:
        found = []
        for rank, one in enumerate(_extensions(body)):
            if one.get("url") != VARIABLE:
                continue
            place = f"Questionnaire.extension[{rank}].valueExpression"
            given = one.get("valueExpression")
            given = given if isinstance(given, dict) else {}
            name, expression = given.get("name"), given.get("expression")
            if not isinstance(name, str) or not name.isidentifier() or name in self.names:
                self.refuse(f"{place}.name", "Le nom de la variable manque ou sert deux fois.")
                continue
            self.expression(expression, place)
            self.names.append(name)
            found.append((name, str(expression)))
        return tuple(found)

    def expression(self, expression: object, place: str) -> str:
        if not isinstance(expression, str) or not expression:
            self.refuse(f"{place}.expression", "L’expression manque.")
            return ""
        try:
            expressions.check(expression, names=frozenset(self.names))
        except expressions.UnusableExpression as refusal:
            self.refuse(f"{place}.expression", str(refusal))
        return expression

    def items(self, given: object, place: str, *, depth: int) -> tuple[Item, ...]:
        if given is None:
            return ()
        if not isinstance(given, list):
            self.refuse(f"{place}.item", "Une liste est attendue.")
            return ()
        if depth > DEEPEST_GROUP:
            self.refuse(f"{place}.item", f"Plus de {DEEPEST_GROUP} niveaux.")
            return ()
        found = []
        for rank, body in enumerate(given):
            if len(self.places) >= MOST_ITEMS:
                self.refuse(f"{place}.item[{rank}]", f"Plus de {MOST_ITEMS} éléments.")
                break
            if not isinstance(body, dict):
                self.refuse(f"{place}.item[{rank}]", "Un objet est attendu.")
                continue
            found.append(self.item(body, f"{place}.item[{rank}]", depth=depth))
        return tuple(found)

    def item(self, body: Mapping[str, Any], place: str, *, depth: int) -> Item:
        link_id = self.text(body, "linkId", place, longest=100)
        if not link_id or link_id in self.places:
            self.refuse(f"{place}.linkId", "Le linkId manque ou sert deux fois.")
        self.places[link_id] = place
        kind = body.get("type")
        if not isinstance(kind, str) or kind not in KINDS:
            self.refuse(f"{place}.type", f"Type de question non pris en charge : {str(kind)[:30]}.")
            kind = "display"
        if kind == "group" and body.get("repeats"):
            self.refuse(f"{place}.repeats", "Un groupe qui se répète n’est pas pris en charge.")
        if body.get("answerValueSet"):
            self.refuse(
                f"{place}.answerValueSet", "Donnez les réponses dans answerOption, une à une."
            )
        options = self.options(body, place) if kind in ("choice", "open-choice") else ()
        calculated = self.extension(body, CALCULATED, "valueExpression")
        expression = ""
        if calculated is not None:
            given = calculated if isinstance(calculated, dict) else {}
            expression = self.expression(given.get("expression"), f"{place}.valueExpression")
            if kind not in NUMBERS | {"string"}:
                self.refuse(f"{place}.type", "Un résultat calculé est un nombre ou un texte.")
        unit = self.extension(body, UNIT, "valueCoding")
        unit = unit if isinstance(unit, dict) else {}
        below = body.get("item") or []
        help_text = "\n".join(
            str(one.get("text", "")) for one in below if isinstance(one, dict) and _is_help(one)
        )
        asked_below = [one for one in below if not (isinstance(one, dict) and _is_help(one))]
        return Item(
            link_id=link_id,
            kind=str(kind),
            text=self.text(body, "text", place),
            prefix=self.text(body, "prefix", place, longest=20),
            help=help_text[:LONGEST_TEXT],
            required=body.get("required") is True,
            repeats=body.get("repeats") is True,
            hidden=self.extension(body, HIDDEN, "valueBoolean") is True,
            options=options,
            unit=str(unit.get("display") or unit.get("code") or "")[:30],
            unit_code=str(unit.get("code") or "")[:30],
            minimum=self.bound(body, MINIMUM, place),
            maximum=self.bound(body, MAXIMUM, place),
            longest=self.longest(body, place),
            conditions=self.conditions(body, place),
            any_condition=body.get("enableBehavior") == "any",
            expression=expression,
            items=self.items(asked_below, place, depth=depth + 1),
        )

    def longest(self, body: Mapping[str, Any], place: str) -> int:
        given = body.get("maxLength", LONGEST_TEXT)
        if not isinstance(given, int) or isinstance(given, bool) or given < 1:
            self.refuse(f"{place}.maxLength", "Un nombre de caractères est attendu.")
            return LONGEST_TEXT
        return min(given, LONGEST_TEXT)

    def bound(self, body: Mapping[str, Any], url: str, place: str) -> Decimal | None:
        for name in ("valueDecimal", "valueInteger"):
            given = self.extension(body, url, name)
            if given is not None:
                if isinstance(given, int | float) and not isinstance(given, bool):
                    return Decimal(str(given))
                self.refuse(f"{place}.extension", "La borne n’est pas un nombre.")
        return None

    def options(self, body: Mapping[str, Any], place: str) -> tuple[Option, ...]:
        given = body.get("answerOption")
        if not isinstance(given, list) or not given:
            self.refuse(f"{place}.answerOption", "Les réponses possibles manquent.")
            return ()
        if len(given) > MOST_OPTIONS:
            self.refuse(f"{place}.answerOption", f"Plus de {MOST_OPTIONS} réponses possibles.")
            return ()
        found: dict[str, Option] = {}
        for rank, one in enumerate(given):
            where = f"{place}.answerOption[{rank}]"
            one = one if isinstance(one, dict) else {}
            coding, kind = one.get("valueCoding"), "Coding"
            if isinstance(one.get("valueString"), str):
                kind = "string"
                coding = {"code": one["valueString"], "display": one["valueString"]}
            if isinstance(one.get("valueInteger"), int):
                kind = "integer"
                coding = {"code": str(one["valueInteger"]), "display": str(one["valueInteger"])}
            if not isinstance(coding, dict) or not isinstance(coding.get("code"), str):
                self.refuse(where, "Une réponse possible a un code (valueCoding).")
                continue
            code = coding["code"]
            if not code or len(code) > 100 or code in found:
                self.refuse(where, "Le code manque, est trop long ou sert deux fois.")
                continue
            # R4 puts the ordinal on the option, SDC on the coding: both are read.
            weights = expressions.weight([coding]) or expressions.weight([one])
            found[code] = Option(
                code=code,
                label=str(coding.get("display") or code)[:300],
                system=str(coding.get("system") or "")[:200],
                weight=weights[0] if weights else None,
                kind=kind,
            )
        return tuple(found.values())

    def conditions(self, body: Mapping[str, Any], place: str) -> tuple[Condition, ...]:
        given = body.get("enableWhen")
        if given is None:
            return ()
        if not isinstance(given, list) or len(given) > 20:
            self.refuse(f"{place}.enableWhen", "Vingt conditions au plus sont attendues.")
            return ()
        if len(given) > 1 and body.get("enableBehavior") not in ("all", "any"):
            self.refuse(f"{place}.enableBehavior", "Dites si une condition suffit, ou toutes.")
        found = []
        for rank, one in enumerate(given):
            where = f"{place}.enableWhen[{rank}]"
            one = one if isinstance(one, dict) else {}
            answers = {key: value for key, value in one.items() if key.startswith("answer")}
            if one.get("operator") not in OPERATORS or len(answers) != 1:
                self.refuse(where, "Une condition a un opérateur connu et une réponse attendue.")
                continue
            (value,) = answers.values()
            if isinstance(value, dict):
                value = value.get("code", value.get("value"))
            if one["operator"] == "exists" and not isinstance(value, bool):
                self.refuse(where, "« exists » attend vrai ou faux.")
                continue
            if isinstance(value, float):
                value = Decimal(str(value))
            found.append(Condition(str(one.get("question", "")), one["operator"], value))
        return tuple(found)

    def thresholds(self, body: Mapping[str, Any]) -> tuple[Threshold, ...]:
        found = []
        for rank, one in enumerate(_extensions(body)):
            if one.get("url") != THRESHOLD:
                continue
            said: dict[str, Any] = {}
            for part in _extensions(one):
                values = [value for key, value in part.items() if key.startswith("value")]
                said[str(part.get("url"))] = values[0] if values else None
            place = f"Questionnaire.extension[{rank}]"
            if not said.get("score") or not said.get("sens"):
                self.refuse(place, "Un seuil nomme un score et dit ce qu’il veut dire.")
                continue
            try:
                least, most = (
                    None if said.get(name) is None else Decimal(str(said[name]))
                    for name in ("de", "a")
                )
            except ArithmeticError:
                self.refuse(place, "Les bornes d’un seuil sont des nombres.")
                continue
            found.append(
                Threshold(
                    score=str(said["score"]),
                    least=least,
                    most=most,
                    meaning=str(said["sens"])[:300],
                    tone=str(said.get("ton") or "info"),
                    goal=str(said.get("objectif") or "")[:300],
                    action=str(said.get("action") or "")[:300],
                )
            )
        return tuple(found)

    def check_thresholds(self, definition: Definition) -> None:
        scores = {item.link_id for item in definition.scores}
        for threshold in definition.thresholds:
            if threshold.score not in scores:
                self.refuse(
                    "Questionnaire.extension",
                    f"Le seuil porte sur {threshold.score}, qui n’est pas un résultat calculé.",
                )
            if threshold.tone not in ("info", "success", "warning", "danger"):
                self.refuse("Questionnaire.extension", "Ton de seuil inconnu.")

    def check_conditions(self, definition: Definition) -> None:
        """Refuse a condition on an unknown question, or one that in the end waits for itself."""
        above: dict[str, set[str]] = {}

        def climb(item: Item, inherited: frozenset[str]) -> None:
            waits = inherited | {condition.question for condition in item.conditions}
            above[item.link_id] = set(waits)
            for below in item.items:
                climb(below, frozenset(waits))

        for top in definition.items:
            climb(top, frozenset())
        for link_id, item in definition.by_id.items():
            for rank, condition in enumerate(item.conditions):
                asked = definition.by_id.get(condition.question)
                if asked is None or asked.kind not in ASKED:
                    self.refuse(
                        f"{self.places.get(link_id, '')}.enableWhen[{rank}].question",
                        f"La question {condition.question} n’existe pas.",
                    )
        for link_id in above:
            place = f"{self.places.get(link_id, '')}.enableWhen"
            waited = _waited_for(link_id, above)
            if link_id in waited:
                self.refuse(
                    place, "Cette question attend, de condition en condition, sa propre réponse."
                )
            elif len(waited) > MOST_WAITED:
                self.refuse(place, f"Cette question attend plus de {MOST_WAITED} réponses.")


# What holds several objects, and what holds one, wherever it stands.
_LISTS = frozenset({"extension", "item", "answerOption", "enableWhen"})
_OBJECTS = frozenset({"valueCoding", "valueExpression", "valueCodeableConcept", "answerCoding"})


def _misshapen(body: Mapping[str, Any]) -> list[Problem]:
    """Return where a list or an object is expected and is not, and texts that cannot be kept.

    Everything that reads or writes the questionnaire afterwards trusts these shapes.
    """
    found: list[Problem] = []
    left: list[tuple[str, Any]] = [("Questionnaire", body)]
    while left and len(found) < MOST_PROBLEMS:
        place, node = left.pop()
        if isinstance(node, dict):
            for name, value in node.items():
                where = f"{place}.{name}"
                if name in _LISTS and not (
                    isinstance(value, list) and all(isinstance(one, dict) for one in value)
                ):
                    found.append(Problem(where, "Une liste d’objets est attendue."))
                elif name in _OBJECTS and not isinstance(value, dict):
                    found.append(Problem(where, "Un objet est attendu."))
                else:
                    left.append((where, value))
        elif isinstance(node, list):
            left += [(f"{place}[{rank}]", one) for rank, one in enumerate(node)]
        elif isinstance(node, str) and "\x00" in node:
            found.append(Problem(place, "Un caractère nul ne peut pas être gardé."))
    return found


def _waited_for(start: str, waits: Mapping[str, set[str]]) -> set[str]:
    """Return every question that must be settled before this one, itself when in a circle."""
    seen: set[str] = set()
    left = list(waits.get(start, ()))
    while left:
        one = left.pop()
        if one not in seen:
            seen.add(one)
            left.extend(waits.get(one, ()))
    return seen


def source_of(body: Mapping[str, Any]) -> str:
    """Return where a questionnaire says that it comes from."""
    found = (one.get("valueString") for one in _extensions(body) if one.get("url") == SOURCE)
    return str(next(found, "") or "")


def _extensions(body: Mapping[str, Any]) -> list[Mapping[str, Any]]:
    given = body.get("extension")
    return [one for one in given if isinstance(one, dict)] if isinstance(given, list) else []


def _is_help(body: Mapping[str, Any]) -> bool:
    """Tell whether a displayed item is the help of the question above it (itemControl help)."""
    if body.get("type") != "display":
        return False
    for one in _extensions(body):
        concept = one.get("valueCodeableConcept")
        if one.get("url") == ITEM_CONTROL and isinstance(concept, dict):
            codings = concept.get("coding")
            return isinstance(codings, list) and any(
                isinstance(coding, dict) and coding.get("code") == "help" for coding in codings
            )
    return False
