"""What can be done with alerts: raise, tell, climb, read, answer for; and say how to be told."""

from carbet.coordination.alerts.operations.duty import (
    UnableToPlanDuty,
    add_shift,
    cancel_shift,
)
from carbet.coordination.alerts.operations.escalating import escalate, seeking_next
from carbet.coordination.alerts.operations.raising import dispatch, raise_alert, send_digests
from carbet.coordination.alerts.operations.reading import (
    UnableToTakeAlert,
    mark_all_read,
    mark_read,
    release,
    take,
)
from carbet.coordination.alerts.operations.wishes import (
    UnableToAddDevice,
    add_device,
    choose,
    choose_for_person,
    remove_device,
)

__all__ = [
    "UnableToAddDevice",
    "UnableToPlanDuty",
    "UnableToTakeAlert",
    "add_device",
    "add_shift",
    "cancel_shift",
    "choose",
    "choose_for_person",
    "dispatch",
    "escalate",
    "mark_all_read",
    "mark_read",
    "raise_alert",
    "release",
    "remove_device",
    "seeking_next",
    "send_digests",
    "take",
]
