"""Write a questionnaire piece by piece: each function returns a new FHIR Questionnaire.

What was imported and that the editor does not draw (groups, expressions) is kept as it came.
"""

import copy
import re
from collections.abc import Sequence
from dataclasses import dataclass, field
from decimal import Decimal, InvalidOperation
from typing import Any

from carbet.coordination.assessments.rules import definitions
from carbet.coordination.assessments.rules.expressions import ORDINAL

Json = dict[str, Any]
TOTAL = "total"
POINTS = "points_choisis"
# What the editor asks for, and the FHIR type of each.
KINDS = {
    "choice": "Une réponse au choix",
    "several": "Plusieurs réponses au choix",
    "boolean": "Oui ou non",
    "integer": "Un nombre entier",
    "decimal": "Un nombre",
    "quantity": "Un nombre avec une unité",
    "date": "Une date",
    "string": "Une ligne de texte",
    "text": "Un texte",
    "display": "Un titre, sans réponse",
}
CHOSEN = frozenset({"choice", "several"})
_OPTION = re.compile(r"(.+?)\s*=\s*(-?\d+(?:[.,]\d+)?)\s*")


class UnusableOptions(ValueError):
    """The lines of possible answers cannot be read; its text is a French sentence."""


@dataclass(frozen=True, slots=True)
class Written:
    """One question as the editor shows and takes it; `options` is one line an answer."""

    text: str
    kind: str
    link_id: str = ""
    help: str = ""
    required: bool = True
    options: str = ""
    unit: str = ""
    minimum: Decimal | None = None
    maximum: Decimal | None = None
    only_if: str = ""
    only_if_answer: str = ""
    editable: bool = field(default=True)


def blank(*, url: str, version: str, title: str) -> Json:
    """Return a questionnaire without any question."""
    return {
        "resourceType": "Questionnaire",
        "url": url,
        "version": version,
        "title": title,
        "status": "draft",
        "subjectType": ["Patient"],
        "item": [],
    }


def described(body: Json, *, title: str, description: str, source: str, rights: str) -> Json:
    """Return the questionnaire with these words at its head."""
    after = copy.deepcopy(body)
    after |= {"title": title, "description": description, "copyright": rights}
    kept = [one for one in after.get("extension", []) if one.get("url") != definitions.SOURCE]
    if source:
        kept.append({"url": definitions.SOURCE, "valueString": source})
    after["extension"] = kept
    return after


def questions(body: Json) -> list[Written]:
    """Return the questions at the top, the total left out."""
    return [_written(one) for one in body.get("item", []) if one.get("linkId") != TOTAL]


def _written(item: Json) -> Written:
    kind = str(item.get("type"))
    extensions = {one.get("url"): one for one in item.get("extension", [])}
    conditions = item.get("enableWhen") or []
    first = conditions[0] if conditions else {}
    answer = next((value for key, value in first.items() if key.startswith("answer")), "")
    if isinstance(answer, dict):
        answer = answer.get("code", "")
    below = item.get("item") or []
    helps = [str(one.get("text", "")) for one in below if one.get("type") == "display"]
    plain = (
        kind in KINDS
        and len(conditions) <= 1
        and first.get("operator", "=") == "="
        and len(helps) == len(below)
        and definitions.CALCULATED not in extensions
    )
    unit = extensions.get(definitions.UNIT, {}).get("valueCoding", {})
    return Written(
        text=str(item.get("text", "")),
        kind="several" if kind == "choice" and item.get("repeats") else kind,
        link_id=str(item.get("linkId", "")),
        help="\n".join(helps),
        required=item.get("required") is True,
        options="\n".join(_option_line(one) for one in item.get("answerOption", [])),
        unit=str(unit.get("display", "")),
        minimum=_bound(extensions.get(definitions.MINIMUM)),
        maximum=_bound(extensions.get(definitions.MAXIMUM)),
        only_if=str(first.get("question", "")),
        only_if_answer={True: "oui", False: "non"}.get(answer, str(answer)),
        editable=plain,
    )


def _bound(extension: Json | None) -> Decimal | None:
    given = (extension or {}).get("valueDecimal", (extension or {}).get("valueInteger"))
    return None if given is None else Decimal(str(given))


def _option_line(option: Json) -> str:
    coding = option.get("valueCoding") or {}
    label = str(coding.get("display") or coding.get("code") or option.get("valueString") or "")
    points = next(
        (
            one.get("valueDecimal")
            for one in coding.get("extension", [])
            if one.get("url") == ORDINAL
        ),
        None,
    )
    return label if points is None else f"{label} = {str(points).replace('.', ',')}"


def read_options(lines: str, *, before: Sequence[Json] = ()) -> list[Json]:
    """Return the possible answers of as many lines: « Souvent = 2 », or « Souvent ».

    An answer whose words were there before keeps its code, so that conditions on it still hold.

    Raises:
        UnusableOptions: none, too many, or twice the same.
    """
    known = {
        str(one["valueCoding"].get("display")): str(one["valueCoding"].get("code"))
        for one in before
        if isinstance(one.get("valueCoding"), dict)
    }
    used = set(known.values())
    found: list[Json] = []
    seen: set[str] = set()
    for line in filter(None, (raw.strip() for raw in lines.splitlines())):
        match = _OPTION.fullmatch(line)
        label, points = (match[1], match[2]) if match else (line, "")
        if label.casefold() in seen:
            raise UnusableOptions(f"La réponse « {label[:60]} » est écrite deux fois.")
        seen.add(label.casefold())
        if label not in known:
            number = len(found) + 1
            while f"r{number}" in used:
                number += 1
            known[label] = f"r{number}"
            used.add(f"r{number}")
        coding: Json = {"code": known[label], "display": label[:300]}
        if points:
            value = Decimal(points.replace(",", "."))
            number_of = int(value) if value == value.to_integral_value() else float(value)
            coding["extension"] = [{"url": ORDINAL, "valueDecimal": number_of}]
        found.append({"valueCoding": coding})
    if not found:
        raise UnusableOptions("Écrivez les réponses possibles, une par ligne.")
    if len(found) > definitions.MOST_OPTIONS:
        raise UnusableOptions(f"{definitions.MOST_OPTIONS} réponses possibles au plus.")
    return found


def with_question(body: Json, question: Written) -> Json:
    """Return the questionnaire with a question added, or replaced when its linkId is there.

    Raises:
        UnusableOptions: see `read_options`.
    """
    after = copy.deepcopy(body)
    items: list[Json] = after.setdefault("item", [])
    place = next(
        (rank for rank, one in enumerate(items) if one.get("linkId") == question.link_id), None
    )
    before = items[place] if place is not None else {}
    link_id = question.link_id if place is not None else _free(items)
    item: Json = {"linkId": link_id, "text": question.text}
    if before.get("prefix"):
        item["prefix"] = before["prefix"]
    item["type"] = "choice" if question.kind == "several" else question.kind
    if question.kind == "several":
        item["repeats"] = True
    if question.required and question.kind != "display":
        item["required"] = True
    if question.kind in CHOSEN:
        item["answerOption"] = read_options(question.options, before=before.get("answerOption", ()))
    extensions = _extensions(question)
    if extensions:
        item["extension"] = extensions
    condition = _condition(items, question, link_id)
    if condition:
        item["enableWhen"] = [condition]
    if question.help:
        item["item"] = [_help(link_id, question.help)]
    if place is None:
        total = next((r for r, one in enumerate(items) if one.get("linkId") == TOTAL), len(items))
        items.insert(total, item)
    else:
        items[place] = item
    return _counted(after)


def _free(items: Sequence[Json]) -> str:
    taken = {one.get("linkId") for one in items}
    number = len(items) + 1
    while f"q{number}" in taken:
        number += 1
    return f"q{number}"


def _extensions(question: Written) -> list[Json]:
    found: list[Json] = []
    if question.kind == "quantity" and question.unit:
        found.append(
            {
                "url": definitions.UNIT,
                "valueCoding": {"code": question.unit, "display": question.unit},
            }
        )
    if question.kind in definitions.NUMBERS:
        for url, value in (
            (definitions.MINIMUM, question.minimum),
            (definitions.MAXIMUM, question.maximum),
        ):
            if value is not None:
                found.append({"url": url, "valueDecimal": float(value)})
    return found


def _condition(items: Sequence[Json], question: Written, link_id: str) -> Json | None:
    asked = next((one for one in items if one.get("linkId") == question.only_if), None)
    if asked is None or question.only_if == link_id or not question.only_if_answer:
        return None
    condition: Json = {"question": question.only_if, "operator": "="}
    typed = question.only_if_answer
    match asked.get("type"):
        case "boolean":
            return condition | {"answerBoolean": typed.casefold() == "oui"}
        case "choice" | "open-choice":
            code = next(
                (
                    str(one["valueCoding"]["code"])
                    for one in asked.get("answerOption", [])
                    if typed.casefold()
                    in (
                        str(one.get("valueCoding", {}).get("display", "")).casefold(),
                        str(one.get("valueCoding", {}).get("code", "")).casefold(),
                    )
                ),
                None,
            )
            if code is None:
                raise UnusableOptions(f"« {typed[:60]} » n’est pas une réponse à cette question.")
            return condition | {"answerCoding": {"code": code}}
        case "integer" | "decimal" | "quantity":
            try:
                return condition | {"answerDecimal": float(Decimal(typed.replace(",", ".")))}
            except InvalidOperation:
                raise UnusableOptions("La condition attend un nombre.") from None
    return condition | {"answerString": typed}


def _help(link_id: str, text: str) -> Json:
    control = {
        "url": definitions.ITEM_CONTROL,
        "valueCodeableConcept": {
            "coding": [{"system": "http://hl7.org/fhir/questionnaire-item-control", "code": "help"}]
        },
    }
    return {"linkId": f"{link_id}-aide", "type": "display", "text": text, "extension": [control]}


def without(body: Json, link_id: str) -> Json:
    """Return the questionnaire without a question."""
    after = copy.deepcopy(body)
    after["item"] = [one for one in after.get("item", []) if one.get("linkId") != link_id]
    return _counted(after)


def moved(body: Json, link_id: str, *, by: int) -> Json:
    """Return the questionnaire with a question one place up (-1) or down (1)."""
    after = copy.deepcopy(body)
    items = after.get("item", [])
    ranks = [rank for rank, one in enumerate(items) if one.get("linkId") != TOTAL]
    here = next((rank for rank in ranks if items[rank].get("linkId") == link_id), None)
    if here is not None and here + by in ranks:
        items[here], items[here + by] = items[here + by], items[here]
    return after


def adds_up(body: Json) -> bool:
    """Tell whether the points of the answers are added up."""
    return any(one.get("linkId") == TOTAL for one in body.get("item", []))


def summed(body: Json, *, wanted: bool, label: str = "") -> Json:
    """Return the questionnaire with, or without, the sum of its points as a result."""
    after = copy.deepcopy(body)
    items = [one for one in after.get("item", []) if one.get("linkId") != TOTAL]
    if wanted:
        items.append({"linkId": TOTAL, "text": label or "Total", "type": "decimal"})
    after["item"] = items
    if not wanted:
        after["extension"] = [
            one for one in after.get("extension", []) if one.get("url") != definitions.THRESHOLD
        ]
    return _counted(after)


def _counted(body: Json) -> Json:
    """Write the total again: said once every question that must be answered is."""
    total = next((one for one in body.get("item", []) if one.get("linkId") == TOTAL), None)
    kept = [
        one
        for one in body.get("extension", [])
        if (one.get("valueExpression") or {}).get("name") != POINTS
    ]
    if total is not None:
        needed = sum(
            1
            for one in body["item"]
            if one.get("required") and not one.get("enableWhen") and _has_points(one)
        )
        kept.insert(
            0,
            {
                "url": definitions.VARIABLE,
                "valueExpression": {
                    "name": POINTS,
                    "language": "text/fhirpath",
                    "expression": "%resource.item.answer.value.weight()",
                },
            },
        )
        total["readOnly"] = True
        total["extension"] = [
            {
                "url": definitions.CALCULATED,
                "valueExpression": {
                    "language": "text/fhirpath",
                    "expression": f"iif(%{POINTS}.count() >= {needed}, %{POINTS}.sum(), {{}})",
                },
            }
        ]
    body["extension"] = kept
    return body


def _has_points(item: Json) -> bool:
    return any(
        extension.get("url") == ORDINAL
        for option in item.get("answerOption", [])
        for extension in (option.get("valueCoding") or {}).get("extension", [])
    )


@dataclass(frozen=True, slots=True)
class Meaning:
    """What the total means from a value to another, as the editor takes it."""

    least: Decimal | None
    most: Decimal | None
    words: str
    tone: str = "info"
    goal: str = ""
    action: str = ""


def meanings(body: Json) -> list[Meaning]:
    """Return the thresholds of the total."""
    found = []
    for one in body.get("extension", []):
        if one.get("url") != definitions.THRESHOLD:
            continue
        said: dict[str, Any] = {
            part["url"]: next((v for k, v in part.items() if k.startswith("value")), None)
            for part in one.get("extension", [])
        }
        if said.get("score") == TOTAL:
            found.append(
                Meaning(
                    least=None if said.get("de") is None else Decimal(str(said["de"])),
                    most=None if said.get("a") is None else Decimal(str(said["a"])),
                    words=str(said.get("sens", "")),
                    tone=str(said.get("ton", "info")),
                    goal=str(said.get("objectif", "")),
                    action=str(said.get("action", "")),
                )
            )
    return found


def with_meanings(body: Json, wanted: Sequence[Meaning]) -> Json:
    """Return the questionnaire with these thresholds of its total, those of other scores kept."""
    after = copy.deepcopy(body)
    kept = [
        one
        for one in after.get("extension", [])
        if one.get("url") != definitions.THRESHOLD
        or {"url": "score", "valueString": TOTAL} not in one.get("extension", [])
    ]
    for one in wanted:
        parts: list[Json] = [{"url": "score", "valueString": TOTAL}]
        for name, value in (("de", one.least), ("a", one.most)):
            if value is not None:
                parts.append({"url": name, "valueDecimal": float(value)})
        parts += [{"url": "sens", "valueString": one.words}, {"url": "ton", "valueCode": one.tone}]
        for name, text in (("objectif", one.goal), ("action", one.action)):
            if text:
                parts.append({"url": name, "valueString": text})
        kept.append({"url": definitions.THRESHOLD, "extension": parts})
    after["extension"] = kept
    return after
