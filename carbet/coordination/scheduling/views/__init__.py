"""Pages of the agenda: one's own, a person's, what one opens."""

from carbet.coordination.scheduling.views.availability import (
    absences,
    cancel_absence,
    feed,
    slots,
    subscription,
    withdraw_slot,
)
from carbet.coordination.scheduling.views.mine import colleague, mine, requests
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
