"""What can be done with questionnaires and with what is answered to them."""

from carbet.coordination.assessments.operations.keeping import (
    ChangedMeanwhile,
    UnableToKeepQuestionnaire,
    create_draft,
    import_draft,
    publish,
    renew,
    retire,
    write_draft,
)
from carbet.coordination.assessments.operations.responses import (
    CLOCKS_DIFFER,
    SavedMeanwhile,
    UnableToAssess,
    begin,
    receive,
    receive_again,
    save,
    withdraw,
)

__all__ = [
    "CLOCKS_DIFFER",
    "ChangedMeanwhile",
    "SavedMeanwhile",
    "UnableToAssess",
    "UnableToKeepQuestionnaire",
    "begin",
    "create_draft",
    "import_draft",
    "publish",
    "receive",
    "receive_again",
    "renew",
    "retire",
    "save",
    "withdraw",
    "write_draft",
]
