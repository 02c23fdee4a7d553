"""What assessments propose for the plan, and whether the plan took it already."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID, uuid5

from carbet.coordination.assessments import queries as assessments
from carbet.coordination.assessments.models import QuestionnaireResponse
from carbet.coordination.assessments.rules import answers
from carbet.coordination.care_plans.choices import NeedDomain
from carbet.coordination.care_plans.library import (
    ASSESSED_DOMAINS,
    ProposedAction,
    ProposedGoal,
    ProposedNeed,
)
from carbet.coordination.care_plans.models import Goal
from carbet.coordination.care_teams.models import CareTeamParticipant

_ASSESSED = UUID("5c1c2a53-0f57-4a7b-8f0e-3f6a1c0b7d11")


@dataclass(frozen=True, slots=True)
class Assessed:
    """What one assessment proposes: where it comes from, and what of it is in the plan already."""

    response_id: int
    title: str
    authored_at: datetime
    author: str
    needs: tuple[ProposedNeed, ...]
    taken: frozenset[str]

    @property
    def is_taken(self) -> bool:
        """Tell whether everything it proposes was carried into the plan once."""
        return all(goal.source in self.taken for need in self.needs for goal in need.goals)


def proposal_key(patient_id: int, source: str) -> UUID:
    """Return the key under which a goal that an assessment proposed is written, once."""
    return uuid5(_ASSESSED, f"{patient_id}/{source}")


def assessed(*, patient_id: int, response_id: int | None = None) -> list[Assessed]:
    """Return what the latest assessment of each questionnaire proposes, the latest first.

    Args:
        response_id: that assessment only, whether or not it is the latest.
    """
    if response_id is None:
        found = assessments.latest(patient_id=patient_id)
    else:
        found = list(
            QuestionnaireResponse.objects.filter(
                patient_id=patient_id, pk=response_id, status__in=assessments.COUNTED
            ).select_related("questionnaire")
        )
    proposing = [(row, needs) for row in found if (needs := proposed(row))]
    keys = {
        proposal_key(patient_id, goal.source): goal.source
        for _, needs in proposing
        for need in needs
        for goal in need.goals
    }
    taken = frozenset(
        keys[gesture]
        for gesture in Goal.objects.filter(patient_id=patient_id, gesture__in=keys).values_list(
            "gesture", flat=True
        )
    )
    told = [
        Assessed(
            response_id=row.pk,
            title=row.questionnaire.title,
            authored_at=row.authored_at,
            author=row.author_name,
            needs=needs,
            taken=taken,
        )
        for row, needs in proposing
    ]
    return sorted(told, key=lambda each: each.authored_at, reverse=True)


def proposed(response: QuestionnaireResponse) -> tuple[ProposedNeed, ...]:
    """Return the needs, goals and actions that the thresholds of an assessment propose."""
    definition = assessments.definition_of(response.questionnaire)
    domain = ASSESSED_DOMAINS.get(response.questionnaire.url, NeedDomain.HEALTH.value)
    needs = []
    for finding in answers.findings(definition, response.scores):
        reached = finding.threshold
        if reached is None or not (reached.goal or reached.action):
            continue
        actions = (ProposedAction(reached.action),) if reached.action else ()
        goal = ProposedGoal(
            reached.goal or reached.action,
            source=f"{response.pk}/{finding.item.link_id}",
            actions=actions,
        )
        needs.append(ProposedNeed(reached.meaning, domain, (goal,)))
    return tuple(needs)


def fittest(
    who: Sequence[str], members: Sequence[CareTeamParticipant]
) -> CareTeamParticipant | None:
    """Return the member of the circle whose profession comes first in `who`, if any."""
    for profession in who:
        for member in members:
            role = member.practitioner_role
            if role is not None and role.profession == profession:
                return member
    return None
