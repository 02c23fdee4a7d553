"""What can be done with documents: file, bring a version, receive, withdraw. None is erased."""

from carbet.coordination.documents.operations.composing import file_composed
from carbet.coordination.documents.operations.filing import (
    UnableToFile,
    UnableToMend,
    add_version,
    file_document,
    withdraw_document,
)
from carbet.coordination.documents.operations.proving import prove, record_decision
from carbet.coordination.documents.operations.receiving import (
    cancel_received,
    keep_words,
    receive_document,
)

__all__ = [
    "UnableToFile",
    "UnableToMend",
    "add_version",
    "cancel_received",
    "file_composed",
    "file_document",
    "keep_words",
    "prove",
    "receive_document",
    "record_decision",
    "withdraw_document",
]
