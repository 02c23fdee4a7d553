"""What can be done with support: ask, complete, answer, withdraw; lead a case from end to end.

A request never moves a person by itself: accepting opens the record to the team, nothing else.
"""

from carbet.coordination.support.operations.answering import (
    UnableToAnswerRequest,
    accept_request,
    ask_information,
    mark_told,
    redirect_request,
    triage_request,
)
from carbet.coordination.support.operations.asking import (
    MAX_TEXT,
    UnableToRequestSupport,
    complete_request,
    request_support,
    withdraw_request,
)
from carbet.coordination.support.operations.episodes import (
    UnableToCloseCase,
    UnableToLeadCase,
    UnableToReopenCase,
    close_case,
    reopen_case,
)
from carbet.coordination.support.operations.leading import (
    hand_over_case,
    record_contact,
    resume_case,
    score_case,
    suspend_case,
)

__all__ = [
    "MAX_TEXT",
    "UnableToAnswerRequest",
    "UnableToCloseCase",
    "UnableToLeadCase",
    "UnableToReopenCase",
    "UnableToRequestSupport",
    "accept_request",
    "ask_information",
    "close_case",
    "complete_request",
    "hand_over_case",
    "mark_told",
    "record_contact",
    "redirect_request",
    "reopen_case",
    "request_support",
    "resume_case",
    "score_case",
    "suspend_case",
    "triage_request",
    "withdraw_request",
]
