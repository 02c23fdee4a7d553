"""How well the search answers the questions of the quality set: recall at 5."""

import json
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

from carbet.coordination.orientation import queries
from carbet.registries.directory.models import Organization, PractitionerRole
from carbet.steering.demonstration.facts import organization_numbers
from carbet.steering.demonstration.story import story_roles

AT = 5
QUESTIONS = json.loads((Path(__file__).parent / "questions.json").read_text(encoding="utf-8"))[
    "questions"
]


@dataclass(frozen=True)
class Answered:
    """One question, what was expected, what came first."""

    question: str
    expected: list[Any]
    recall: float
    first: list[str]
    milliseconds: float = 0


def answers(now: datetime) -> Iterator[Answered]:
    """Ask every question; the demonstration must be loaded."""
    keys = {number: key for key, number in _organizations().items()}
    story = {key: role.pk for key, role in story_roles().items()}
    for asked in QUESTIONS:
        found = queries.search(text=asked["q"], now=now, origin=asked["from"]).results[:AT]
        expected = asked["expect"]
        if isinstance(expected[0], dict):
            right, wanted = _every(found, expected[0])
        else:
            seen = {keys.get(result.organization_id) for result in found}
            seen |= {
                f"R:{key}" for key, pk in story.items()
                if any(result.kind == "R" and result.target == pk for result in found)
            }  # fmt: skip
            right, wanted = len(seen & set(expected)), len(expected)
        yield Answered(
            asked["q"],
            expected,
            min(1.0, right / min(AT, wanted)) if wanted else 0.0,
            [f"{result.name}, {result.organization}, {result.commune_name}" for result in found],
        )


def _every(found: list[queries.Result], asked: dict[str, str]) -> tuple[int, int]:
    """Return how many of the first are such as asked, and how many there are in all.

    A structure whose very trade it is answers as well as a person of that trade.
    """
    if "profession" in asked:
        roles = PractitionerRole.objects.filter(
            profession=asked["profession"],
            organization__commune=asked["commune"],
            ended_at__isnull=True,
        )
        at = set(roles.values_list("organization", flat=True))
        people = set(roles.values_list("pk", flat=True))
        right = sum(
            result.target in people if result.kind == "R" else result.organization_id in at
            for result in found
        )
        return right, len(people)
    places = set(
        Organization.objects.filter(
            purpose=asked["purpose"], commune=asked["commune"], active=True
        ).values_list("pk", flat=True)
    )
    right = len({result.organization_id for result in found} & places)
    return right, len(places)


def _organizations() -> dict[str, int]:
    numbers = organization_numbers(using="default")
    numbers |= dict(
        Organization.objects.filter(identifier_value__startswith="offre-").values_list(
            "identifier_value", "pk"
        )
    )
    return numbers
