"""What is answered: which questions stand, which answers hold, what they come to.

Answers are kept by question: `{"linkId": [value, …]}`, where a value is a code, a number (as
written), a text, a date (ISO) or a boolean; an open choice outside the list is `{"text": "…"}`.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from decimal import Decimal, InvalidOperation
from typing import Any

from carbet.coordination.assessments.rules import expressions
from carbet.coordination.assessments.rules.definitions import (
    NUMBERS,
    Condition,
    Definition,
    Item,
    Threshold,
)

Answers = Mapping[str, Sequence[Any]]
_LARGEST = Decimal("1e9")


class RefusedAnswer(ValueError):
    """The answer is not one that the question takes; its text is a French sentence."""


def enabled(definition: Definition, answers: Answers) -> set[str]:
    """Return the linkIds that are asked, given the answers (enableWhen, enableBehavior).

    An answer to a question that is not asked lets nothing be asked.
    """
    standing: dict[str, bool] = {}
    parents = {
        below.link_id: item.link_id for item in definition.by_id.values() for below in item.items
    }

    def stands(link_id: str) -> bool:
        if link_id not in standing:
            item = definition.by_id[link_id]
            parent = parents.get(link_id)
            standing[link_id] = (parent is None or stands(parent)) and _holds(item)
        return standing[link_id]

    def _holds(item: Item) -> bool:
        if not item.conditions:
            return True
        met = (
            _met(condition, answers.get(condition.question, ()))
            if stands(condition.question)
            else _met(condition, ())
            for condition in item.conditions
        )
        return any(met) if item.any_condition else all(met)

    return {link_id for link_id in definition.by_id if stands(link_id)}


def _met(condition: Condition, given: Sequence[Any]) -> bool:
    if condition.operator == "exists":
        return bool(given) is condition.value
    if not given:
        return False
    return any(_compares(condition.operator, one, condition.value) for one in given)


def _compares(operator: str, one: Any, other: Any) -> bool:
    left, right = _comparable(one, other), _comparable(other, other)
    if type(left) is not type(right):
        return operator == "!="
    match operator:
        case "=":
            return bool(left == right)
        case "!=":
            return bool(left != right)
        case ">":
            return bool(left > right)
        case "<":
            return bool(left < right)
        case ">=":
            return bool(left >= right)
        case _:
            return bool(left <= right)


def _comparable(value: Any, like: Any) -> Any:
    """Return a value as it compares with `like`: numbers as Decimal, the rest as text."""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(like, int | float | Decimal) and not isinstance(like, bool):
        try:
            return Decimal(str(value))
        except InvalidOperation:
            return str(value)
    return str(value)


def read(item: Item, value: Any) -> Any:
    """Return one answer as it is kept, from what was typed or received.

    Raises:
        RefusedAnswer: the value is not one that this question takes.
    """
    if item.kind == "boolean":
        return _boolean(value)
    if item.kind in NUMBERS:
        return _number(item, value)
    if item.kind == "date":
        try:
            return date.fromisoformat(str(value)).isoformat()
        except ValueError:
            raise RefusedAnswer("Écrivez une date.") from None
    if item.kind in ("choice", "open-choice"):
        return _choice(item, value)
    return _text(item, value)


def _text(item: Item, value: Any) -> str:
    text = str(value).replace("\x00", "").strip()
    if len(text) > item.longest:
        raise RefusedAnswer(f"{item.longest} caractères au plus.")
    return text


def _boolean(value: Any) -> bool:
    if value in (True, "true", "oui"):
        return True
    if value in (False, "false", "non"):
        return False
    raise RefusedAnswer("Répondez par oui ou par non.")


def _number(item: Item, value: Any) -> str:
    typed = str(value).strip().replace(",", ".").replace("\u202f", "").replace("\u00a0", "")
    try:
        number = Decimal(typed)
    except InvalidOperation:
        raise RefusedAnswer("Écrivez un nombre.") from None
    if not number.is_finite() or abs(number) > _LARGEST:
        raise RefusedAnswer("Écrivez un nombre.")
    if item.kind == "integer" and number != number.to_integral_value():
        raise RefusedAnswer("Écrivez un nombre entier.")
    if item.minimum is not None and number < item.minimum:
        raise RefusedAnswer(f"Au moins {_plain(item.minimum)}{_unit(item)}.")
    if item.maximum is not None and number > item.maximum:
        raise RefusedAnswer(f"Au plus {_plain(item.maximum)}{_unit(item)}.")
    return _plain(number, mark=".")


def _choice(item: Item, value: Any) -> Any:
    if isinstance(value, dict):
        text = _text(item, value.get("text", ""))
        if item.kind == "open-choice" and text:
            return {"text": text}
        raise RefusedAnswer("Choisissez une réponse de la liste.")
    if item.option(value) is None:
        raise RefusedAnswer("Choisissez une réponse de la liste.")
    return value


def _plain(number: Decimal, mark: str = ",") -> str:
    text = format(number.normalize(), "f")
    return text.replace(".", mark)


def _unit(item: Item) -> str:
    return f" {item.unit}" if item.unit else ""


def check(
    definition: Definition, given: Answers, *, complete: bool
) -> tuple[dict[str, list[Any]], dict[str, str]]:
    """Return the answers as they are kept, and what is wrong by linkId.

    Answers to questions that are not asked are left out. Missing ones are said only when the whole
    is to be `complete`.
    """
    kept: dict[str, list[Any]] = {}
    errors: dict[str, str] = {}
    for item in definition.asked:
        values = [value for value in given.get(item.link_id, ()) if value not in (None, "")]
        if len(values) > 1 and not item.repeats:
            errors[item.link_id] = "Une seule réponse."
            continue
        found = []
        for value in values:
            try:
                one = read(item, value)
            except RefusedAnswer as refusal:
                errors[item.link_id] = str(refusal)
                break
            if one not in ("", *found):
                found.append(one)
        if found and item.link_id not in errors:
            kept[item.link_id] = found
    asked = enabled(definition, kept)
    kept = {link_id: values for link_id, values in kept.items() if link_id in asked}
    errors = {link_id: sentence for link_id, sentence in errors.items() if link_id in asked}
    if complete:
        for item in definition.asked:
            missing = item.link_id in asked and item.link_id not in kept
            if item.required and missing and item.link_id not in errors:
                errors[item.link_id] = "Cette réponse manque."
    return kept, errors


def as_typed(definition: Definition, given: Answers) -> dict[str, Any]:
    """Return answers as a page shows them again: as they are kept, and as typed what is unread."""
    kept, unread = check(definition, given, complete=False)
    return kept | {link_id: given[link_id] for link_id in unread}


def scores(definition: Definition, answers: Answers) -> dict[str, str]:
    """Return each calculated result by linkId, as text; one that cannot be said is left out.

    A score whose questions are not all answered is not said: its expression returns nothing.
    """
    if not definition.scores:
        return {}
    resource = to_items(definition, answers)
    constants: dict[str, list[Any]] = {}
    for name, expression in definition.variables:
        constants[name] = expressions.evaluate(expression, resource, constants)
    asked = enabled(definition, answers)
    found: dict[str, str] = {}
    for item in definition.scores:
        if item.link_id not in asked:
            continue
        values = expressions.evaluate(item.expression, resource, constants)
        if len(values) != 1 or isinstance(values[0], bool):
            continue
        if item.kind in NUMBERS:
            try:
                found[item.link_id] = _plain(Decimal(str(values[0])), mark=".")
            except InvalidOperation:
                continue
        else:
            found[item.link_id] = str(values[0])[:300]
    return found


def to_items(
    definition: Definition, answers: Answers, results: Mapping[str, str] | None = None
) -> dict[str, Any]:
    """Return the answers as a FHIR QuestionnaireResponse with its items only.

    Args:
        results: the calculated results to say as well; expressions read what was answered only.
    """
    asked = enabled(definition, answers)
    told = results or {}

    def below(items: Sequence[Item]) -> Iterator[dict[str, Any]]:
        for item in items:
            if item.link_id not in asked or item.kind == "display":
                continue
            if item.is_score and item.link_id not in told:
                continue
            node: dict[str, Any] = {"linkId": item.link_id}
            if item.text:
                node["text"] = item.text
            children = list(below(item.items))
            if item.kind == "group":
                if children:
                    yield node | {"item": children}
                continue
            held = [told[item.link_id]] if item.is_score else answers.get(item.link_id, ())
            given = [to_fhir(item, value) for value in held]
            if given and children:
                given[0]["item"] = children
            if given:
                yield node | {"answer": given}

    return {"resourceType": "QuestionnaireResponse", "item": list(below(definition.items))}


def to_fhir(item: Item, value: Any) -> dict[str, Any]:
    """Return one answer as FHIR writes it."""
    if item.kind == "boolean":
        return {"valueBoolean": value}
    if item.kind == "integer":
        return {"valueInteger": int(Decimal(value))}
    if item.kind == "decimal":
        return {"valueDecimal": _json_number(value)}
    if item.kind == "quantity":
        quantity: dict[str, Any] = {"value": _json_number(value)}
        if item.unit:
            quantity["unit"] = item.unit
        if item.unit_code:
            quantity |= {"system": "http://unitsofmeasure.org", "code": item.unit_code}
        return {"valueQuantity": quantity}
    if item.kind == "date":
        return {"valueDate": value}
    if item.kind in ("choice", "open-choice"):
        option = None if isinstance(value, dict) else item.option(value)
        if option is None:
            return {"valueString": value["text"] if isinstance(value, dict) else str(value)}
        if option.kind != "Coding":
            is_text = option.kind == "string"
            return {"valueString": value} if is_text else {"valueInteger": int(value)}
        coding: dict[str, Any] = {"code": option.code, "display": option.label}
        if option.system:
            coding["system"] = option.system
        if option.weight is not None:
            coding["extension"] = [
                {"url": expressions.ORDINAL, "valueDecimal": _json_number(option.weight)}
            ]
        return {"valueCoding": coding}
    return {"valueString": value}


def _json_number(value: Any) -> int | float:
    number = Decimal(value)
    return int(number) if number == number.to_integral_value() else float(number)


@dataclass(frozen=True, slots=True)
class Finding:
    """What one score comes to: its words, and what it proposes when it does."""

    item: Item
    value: str
    threshold: Threshold | None


def findings(definition: Definition, found: Mapping[str, str]) -> list[Finding]:
    """Return each score with the threshold that it reached, in the order of the questionnaire."""
    result = []
    for item in definition.scores:
        value = found.get(item.link_id)
        if value is None:
            continue
        reached = None
        if item.kind in NUMBERS:
            number = Decimal(value)
            reached = next(
                (
                    threshold
                    for threshold in definition.thresholds
                    if threshold.score == item.link_id and threshold.holds(number)
                ),
                None,
            )
        result.append(Finding(item, value, reached))
    return result
