"""Pages of the agenda: one's own, a person's, what one opens."""

from carbet.coordination.scheduling.views.availability import (
    absences,
    cancel_absence,
    feed,
    slots,
    subscription,
    withdraw_slot,
)
from carbet.coordination.scheduling.views.mine import answer_unnamed, colleague, mine, requests
from carbet.coordination.scheduling.views.of_patient import (
    advance,
    agree,
    answer,
    cancel,
    close,
    create,
    detail,
    move,
    of_patient,
    reinstate,
    wait,
)

__all__ = [
    "absences",
    "advance",
    "agree",
    "answer",
    "answer_unnamed",
    "cancel",
    "cancel_absence",
    "close",
    "colleague",
    "create",
    "detail",
    "feed",
    "mine",
    "move",
    "of_patient",
    "reinstate",
    "requests",
    "slots",
    "subscription",
    "wait",
    "withdraw_slot",
]
