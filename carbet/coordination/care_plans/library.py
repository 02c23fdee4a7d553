"""Outlines of plans by situation, one file each in `data/`, and what assessments lead to.

Nothing is decided here: a person keeps what fits, and changes it as any line of the plan.
"""

from dataclasses import dataclass
from decimal import Decimal
from functools import lru_cache
from pathlib import Path
from typing import Any

import orjson

from carbet.coordination.care_plans.choices import NeedDomain

FOLDER = Path(__file__).parent / "data"


@dataclass(frozen=True, slots=True)
class ProposedAction:
    """An action to consider; `who` are professions, the fittest first; days are from now."""

    text: str
    who: tuple[str, ...] = ()
    frequency: str = ""
    start_in_days: int | None = None
    due_in_days: int | None = None


@dataclass(frozen=True, slots=True)
class ProposedGoal:
    """A goal to consider, with its actions. `source` says once for all where it comes from."""

    text: str
    target: str = ""
    target_in_days: int | None = None
    measure: str = ""
    comparator: str = ""
    amount: Decimal | None = None
    actions: tuple[ProposedAction, ...] = ()
    source: str = ""


@dataclass(frozen=True, slots=True)
class ProposedNeed:
    """A need to consider; `domain` is a plain domain or the code of a SERAFIN-PH need."""

    text: str
    domain: str = NeedDomain.HEALTH
    goals: tuple[ProposedGoal, ...] = ()


@dataclass(frozen=True, slots=True)
class Outline:
    """The plan that one often writes in a situation, and where it comes from."""

    key: str
    title: str
    for_whom: str
    source: str
    review_in_days: int
    needs: tuple[ProposedNeed, ...]


# What each questionnaire of the library looks at, when it is not a question of health.
ASSESSED_DOMAINS = {
    "urn:carbet:questionnaire:adl-katz": "1.2.1.1",
    "urn:carbet:questionnaire:aggir": NeedDomain.AUTONOMY.value,
    "urn:carbet:questionnaire:iadl-lawton": "1.3.2.2",
    "urn:carbet:questionnaire:epices": "1.3.5.1",
    "urn:carbet:questionnaire:logement": "1.3.2.1",
    "urn:carbet:questionnaire:mini-zarit": NeedDomain.CAREGIVER.value,
    "urn:carbet:questionnaire:risque-chute": "1.2.1.3",
    "urn:carbet:questionnaire:solitude": "1.3.4.1",
}


@lru_cache(maxsize=1)
def outlines() -> dict[str, Outline]:
    """Return the outlines by key, in the order of their titles."""
    read = [_outline(orjson.loads(path.read_bytes())) for path in FOLDER.glob("*.json")]
    return {each.key: each for each in sorted(read, key=lambda each: each.title)}


def _outline(kept: dict[str, Any]) -> Outline:
    return Outline(
        key=kept["key"],
        title=kept["title"],
        for_whom=kept["for_whom"],
        source=kept["source"],
        review_in_days=kept["review_in_days"],
        needs=tuple(
            ProposedNeed(
                need["text"],
                need["domain"],
                tuple(_goal(goal) for goal in need["goals"]),
            )
            for need in kept["needs"]
        ),
    )


def _goal(kept: dict[str, Any]) -> ProposedGoal:
    return ProposedGoal(
        text=kept["text"],
        target=kept.get("target", ""),
        target_in_days=kept.get("target_in_days"),
        measure=kept.get("measure", ""),
        comparator=kept.get("comparator", ""),
        amount=Decimal(kept["amount"]) if "amount" in kept else None,
        actions=tuple(
            ProposedAction(
                text=action["text"],
                who=tuple(action.get("who", ())),
                frequency=action.get("frequency", ""),
                start_in_days=action.get("start_in_days"),
                due_in_days=action.get("due_in_days"),
            )
            for action in kept["actions"]
        ),
    )
