"""What can be done in the agenda: fix, move, answer, cancel, wait; slots, absences, feeds."""

from carbet.coordination.scheduling.operations.answering import (
    UnableToAnswer,
    accept_own,
    agree_as_author,
    answer,
    decline_own,
)
from carbet.coordination.scheduling.operations.availability import (
    UnableToOpenSlots,
    cancel_absence,
    declare_absence,
    open_feed,
    open_slots,
    revoke_feed,
    withdraw_slot,
)
from carbet.coordination.scheduling.operations.planning import (
    SlotTaken,
    TimeTaken,
    UnableToSchedule,
    ask_as_person,
    cancel,
    close,
    exchange,
    join_waiting_list,
    move,
    reinstate,
    schedule,
)
from carbet.coordination.scheduling.operations.series import extend, repeat

__all__ = [
    "SlotTaken",
    "TimeTaken",
    "UnableToAnswer",
    "UnableToOpenSlots",
    "UnableToSchedule",
    "accept_own",
    "agree_as_author",
    "answer",
    "ask_as_person",
    "cancel",
    "cancel_absence",
    "close",
    "declare_absence",
    "decline_own",
    "exchange",
    "extend",
    "join_waiting_list",
    "move",
    "open_feed",
    "open_slots",
    "reinstate",
    "repeat",
    "revoke_feed",
    "schedule",
    "withdraw_slot",
]
