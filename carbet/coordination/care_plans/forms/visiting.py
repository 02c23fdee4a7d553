"""Shape of the visits that an action becomes: the form of the agenda, filled from the action."""

from datetime import date
from typing import Any, Self

from carbet.coordination.care_plans.models import PlannedAction
from carbet.coordination.care_plans.rules.rhythm import proposed_rhythm
from carbet.coordination.scheduling.forms import RHYTHMS, AppointmentForm
from carbet.core.actor import DataCategory


class VisitsForm(AppointmentForm):
    """A visit for an action of the plan, and whether it comes back."""

    @classmethod
    def initial_of(
        cls: type[Self], action: PlannedAction, *, role_ids: list[int], today: date
    ) -> dict[str, Any]:
        """Return what the form shows first: what the action says of who, when and how often."""
        until = action.due_on if action.due_on and action.due_on >= today else None
        found: dict[str, Any] = {
            "roles": role_ids,
            "on": max(filter(None, (action.start_on, today))),
            # Read by the whole circle: what a medical action says stays in the plan.
            "description": action.text[:200]
            if action.category == DataCategory.SOCIAL
            else "Action du plan personnalisé",
        }
        rhythm = proposed_rhythm(action.frequency, until=until)
        if rhythm is not None:
            found |= {
                "frequency": rhythm.frequency,
                "interval": rhythm.interval if rhythm.interval in dict(RHYTHMS) else 1,
                "days": list(rhythm.days),
                "until": rhythm.until,
            }
        return found
