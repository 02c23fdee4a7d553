"""What can be done to a plan: write it, mend it, have it approved, say what was done of it."""

from carbet.coordination.care_plans.operations.adopting import Adopted, adopt
from carbet.coordination.care_plans.operations.approval import (
    UnableToDecide,
    UnableToProposePlan,
    approve,
    comment,
    propose,
    send_back,
)
from carbet.coordination.care_plans.operations.asking import record_answer
from carbet.coordination.care_plans.operations.holding import (
    ConflictingEdit,
    StalePlan,
    UnableToEditPlan,
)
from carbet.coordination.care_plans.operations.publishing import file_version
from carbet.coordination.care_plans.operations.reviewing import (
    UnableToReview,
    record_agreement,
    review,
)
from carbet.coordination.care_plans.operations.visiting import (
    UnableToPlanVisits,
    cancel_visits,
    plan_visits,
)
from carbet.coordination.care_plans.operations.writing import (
    Entry,
    add_entry,
    change_part,
    create_plan,
    describe,
    move_part,
    record_progress,
    remove_part,
    restore_part,
)

__all__ = [
    "Adopted",
    "ConflictingEdit",
    "Entry",
    "StalePlan",
    "UnableToDecide",
    "UnableToEditPlan",
    "UnableToPlanVisits",
    "UnableToProposePlan",
    "UnableToReview",
    "add_entry",
    "adopt",
    "approve",
    "cancel_visits",
    "change_part",
    "comment",
    "create_plan",
    "describe",
    "file_version",
    "move_part",
    "plan_visits",
    "propose",
    "record_agreement",
    "record_answer",
    "record_progress",
    "remove_part",
    "restore_part",
    "review",
    "send_back",
]
