"""How assessments are shown: the questions of a page, results in words, answers side by side."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import date, datetime
from decimal import Decimal
from typing import Any

import orjson
from django.urls import reverse

from carbet.coordination.assessments import queries
from carbet.coordination.assessments.choices import ResponseStatus
from carbet.coordination.assessments.models import QuestionnaireResponse
from carbet.coordination.assessments.rules import answers as rules
from carbet.coordination.assessments.rules.definitions import NUMBERS, Definition, Item
from carbet.core import timeline

WIDE_OPTIONS = 40


@dataclass(frozen=True, slots=True)
class Choice:
    """One answer on the page."""

    value: str
    label: str
    chosen: bool


@dataclass(frozen=True, slots=True)
class Question:
    """One question, title or sentence as the page shows it, with those below."""

    item: Item
    name: str
    id: str
    value: str = ""
    other: str = ""
    choices: tuple[Choice, ...] = ()
    error: str = ""
    below: tuple["Question", ...] = ()
    # Whether it waits for an answer, and for which: the page shows it as soon as it is given.
    is_hidden: bool = False
    when: str = ""

    @property
    def label(self) -> str:
        return f"{self.item.prefix}. {self.item.text}" if self.item.prefix else self.item.text

    @property
    def described_by(self) -> str:
        parts = (f"{self.id}-help" if self.item.help else "", f"{self.id}-error" * bool(self.error))
        return " ".join(filter(None, parts))

    @property
    def input_mode(self) -> str:
        return "numeric" if self.item.kind == "integer" else "decimal"


def questions(
    definition: Definition,
    answers: Mapping[str, Sequence[Any]],
    *,
    errors: Mapping[str, str] | None = None,
) -> list[Question]:
    """Return the questions in their order; those that do not stand, given the answers, hidden."""
    asked = rules.enabled(definition, answers)
    wrong = errors or {}

    def shown(items: Sequence[Item]) -> tuple[Question, ...]:
        return tuple(
            replace(
                _question(item, answers.get(item.link_id, ()), wrong, shown(item.items)),
                is_hidden=item.link_id not in asked,
                when=_when(item),
            )
            for item in items
            if not item.is_score and not item.hidden
        )

    return list(shown(definition.items))


def _when(item: Item) -> str:
    """Return what a question waits for, as the page's script reads it: JSON, or nothing.

    A list: whether one condition is enough, then each as field name, operator, value of the field.
    """
    if not item.conditions:
        return ""
    conditions = [
        [f"q-{one.question}", one.operator, _field_value(one.operator, one.value)]
        for one in item.conditions
    ]
    return orjson.dumps([item.any_condition, conditions]).decode()


def _field_value(operator: str, value: Any) -> Any:
    if isinstance(value, bool) and operator != "exists":
        return "oui" if value else "non"
    return float(value) if isinstance(value, Decimal) else value


def _question(
    item: Item, given: Sequence[Any], errors: Mapping[str, str], below: tuple[Question, ...]
) -> Question:
    first = given[0] if given else ""
    other = next((one["text"] for one in given if isinstance(one, dict)), "")
    if item.kind == "boolean":
        said = {True: "oui", False: "non"}.get(first, first) if given else ""
        choices = tuple(
            Choice(value, label, said == value) for value, label in (("oui", "Oui"), ("non", "Non"))
        )
    else:
        choices = tuple(
            Choice(option.code, option.label, option.code in given) for option in item.options
        )
    return Question(
        item=item,
        name=item.field_name,
        id=f"id_{item.field_name}",
        value="" if isinstance(first, dict | bool) else _typed(item, first),
        other=other,
        choices=choices,
        error=errors.get(item.link_id, ""),
        below=below,
    )


def _typed(item: Item, value: Any) -> str:
    return str(value).replace(".", ",") if item.kind in NUMBERS else str(value)


def words(item: Item, values: Sequence[Any]) -> str:
    """Return the answers to a question as a sentence reads them."""
    said = []
    for value in values:
        option = None if isinstance(value, dict) else item.option(value)
        if isinstance(value, dict):
            said.append(str(value.get("text", "")))
        elif isinstance(value, bool):
            said.append("Oui" if value else "Non")
        elif option is not None:
            said.append(option.label)
        elif item.kind in NUMBERS:
            said.append(f"{_typed(item, value)} {item.unit}".strip())
        elif item.kind == "date":
            said.append(date.fromisoformat(value).strftime("%d/%m/%Y"))
        else:
            said.append(str(value))
    return " ; ".join(said)


@dataclass(frozen=True, slots=True)
class Answered:
    """One line of an assessment read again: a question and its answer, or a title."""

    label: str
    said: str = ""
    is_title: bool = False


def answered(definition: Definition, answers: Mapping[str, Sequence[Any]]) -> list[Answered]:
    """Return what was asked and answered, titles included, in order."""
    asked = rules.enabled(definition, answers)
    lines = []
    for item in definition.by_id.values():
        if item.link_id not in asked or item.is_score or item.hidden:
            continue
        if item.kind == "group":
            lines.append(Answered(item.text, is_title=True))
        elif item.is_asked:
            lines.append(Answered(item.text, words(item, answers.get(item.link_id, ()))))
    return lines


@dataclass(frozen=True, slots=True)
class Result:
    """One score in words: « Score ADL (sur 6) : 4,5 », what it means, what it proposes."""

    link_id: str
    label: str
    value: str
    meaning: str = ""
    tone: str = "neutral"
    goal: str = ""
    action: str = ""


def results(definition: Definition, scores: Mapping[str, str]) -> list[Result]:
    """Return the scores of an assessment in words."""
    return [
        Result(
            link_id=one.item.link_id,
            label=one.item.text,
            value=_typed(one.item, one.value),
            meaning=one.threshold.meaning if one.threshold else "",
            tone=one.threshold.tone if one.threshold else "neutral",
            goal=one.threshold.goal if one.threshold else "",
            action=one.threshold.action if one.threshold else "",
        )
        for one in rules.findings(definition, scores)
    ]


@dataclass(frozen=True, slots=True)
class Line:
    """One assessment in a list."""

    pk: int
    title: str
    at: datetime
    author: str
    status: str
    status_label: str
    results: tuple[Result, ...] = ()
    reason: str = ""

    @property
    def is_open(self) -> bool:
        return self.status == ResponseStatus.IN_PROGRESS

    @property
    def is_struck(self) -> bool:
        return self.status == ResponseStatus.ENTERED_IN_ERROR


def line(response: QuestionnaireResponse) -> Line:
    """Return one assessment as a list shows it: the results that carry a meaning, or the first."""
    definition = queries.definition_of(response.questionnaire)
    found = results(definition, response.scores) if response.status in queries.COUNTED else []
    telling = [one for one in found if one.meaning] or found[:1]
    return Line(
        pk=response.pk,
        title=response.questionnaire.title,
        at=response.authored_at,
        author=response.author_name,
        status=response.status,
        status_label=response.get_status_display(),
        results=tuple(telling),
        reason=response.status_reason,
    )


@dataclass(frozen=True, slots=True)
class Cell:
    """One answer in a comparison; `changed` when the one before said otherwise."""

    said: str
    at: datetime
    changed: bool = False


@dataclass(frozen=True, slots=True)
class Row:
    label: str
    cells: tuple[Cell, ...] = ()
    is_title: bool = False


@dataclass(frozen=True, slots=True)
class Curve:
    """One score over time, the oldest first."""

    label: str
    points: tuple[tuple[datetime, float], ...]


@dataclass(frozen=True, slots=True)
class Comparison:
    """The same questionnaire answered several times: the latest first in `columns`."""

    columns: tuple[QuestionnaireResponse, ...]
    score_rows: tuple[Row, ...] = ()
    rows: tuple[Row, ...] = ()
    curves: tuple[Curve, ...] = field(default=())


def comparison(found: Sequence[QuestionnaireResponse]) -> Comparison:
    """Return answers side by side, question by question, whichever version asked them.

    The questions are those of the latest version, then those that only former ones asked.
    """
    columns = tuple(found[: queries.COMPARED])
    read = [queries.definition_of(response.questionnaire) for response in columns]
    items: dict[str, Item] = {}
    for definition in read:
        for link_id, item in definition.by_id.items():
            items.setdefault(link_id, item)
    rows, score_rows = [], []
    for link_id, item in items.items():
        if item.hidden or item.kind == "display":
            continue
        if item.kind == "group":
            rows.append(Row(item.text, is_title=True))
            continue
        said = []
        for response, definition in zip(columns, read, strict=True):
            own = definition.by_id.get(link_id)
            if own is None:
                said.append("")
            elif own.is_score:
                said.append(_typed(own, response.scores.get(link_id, "")))
            else:
                said.append(words(own, response.answers.get(link_id, ())))
        if not any(said):
            continue
        cells = tuple(
            Cell(
                one,
                columns[rank].authored_at,
                changed=rank + 1 < len(said) and one != said[rank + 1],
            )
            for rank, one in enumerate(said)
        )
        (score_rows if item.is_score else rows).append(Row(item.text, cells))
    told = {threshold.score for definition in read for threshold in definition.thresholds}
    drawn = [item for item in items.values() if item.link_id in told and item.kind in NUMBERS]
    return Comparison(columns, tuple(score_rows), _without_bare_titles(rows), _curves(found, drawn))


def _without_bare_titles(rows: Sequence[Row]) -> tuple[Row, ...]:
    return tuple(
        row
        for rank, row in enumerate(rows)
        if not row.is_title or (rank + 1 < len(rows) and not rows[rank + 1].is_title)
    )


def _curves(found: Sequence[QuestionnaireResponse], drawn: Sequence[Item]) -> tuple[Curve, ...]:
    curves = []
    for item in drawn:
        points = tuple(
            (response.authored_at, value)
            for response, value in queries.series(found, link_id=item.link_id)
        )
        if len(points) > 1:
            curves.append(Curve(item.text, points))
    return tuple(curves)


def progress(definition: Definition, answers: Mapping[str, Sequence[Any]]) -> tuple[int, int]:
    """Return how many of the questions that must be answered are, and how many there are."""
    kept, _ = rules.check(definition, answers, complete=False)
    asked = rules.enabled(definition, kept)
    needed = [item for item in definition.asked if item.required and item.link_id in asked]
    return sum(item.link_id in kept for item in needed), len(needed)


# --- On the timeline of the record ---------------------------------------------------------------


def happening(row: timeline.Row, *, patient_id: int) -> timeline.Happening:
    """Say that the person was assessed."""
    return timeline.Happening(
        kind="Évaluation",
        icon="gauge",
        title=row["title"],
        href=reverse("assessments:detail", args=[patient_id, row["id"]]),
        about="Corrigée" if row["status"] == ResponseStatus.AMENDED else "",
    )


# Those being filled are their author's.
TIMELINE = timeline.Source(
    key="evaluations",
    letter="e",
    label="Évaluations",
    table="assessments_questionnaireresponse x",
    where="AND x.status <> 'in-progress'",
    at="x.authored_at",
    recorded="x.recorded_at",
    author="x.author_role_id",
    author_role="x.author_role_id",
    author_name="x.author_name",
    changed="x.saved_at",
    struck="CASE WHEN x.status = 'entered-in-error' THEN x.saved_at END",
    struck_reason="x.status_reason",
    said="""'status', x.status, 'title', (SELECT q.title FROM assessments_questionnaire q
      WHERE q.id = x.questionnaire_id)""",
    line=happening,
    lists_authors=True,
)
