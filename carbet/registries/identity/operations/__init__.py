"""What can be done with identities: tell them, link and merge them, decide, undo, verify."""

from carbet.registries.identity.operations.deciding import (
    UnableToDecide,
    decide,
    keep_apart,
    reopen,
    see_notice,
)
from carbet.registries.identity.operations.learning import (
    UnableToSwitch,
    keep_measure,
    keep_model,
    switch_back,
    switch_model,
)
from carbet.registries.identity.operations.merging import (
    SaidDifferent,
    SaidSince,
    UnableToMerge,
    UnableToUndo,
    change_local_number,
    link,
    merge_local,
    undo,
    unlink,
)
from carbet.registries.identity.operations.moving import decided, lock_moves
from carbet.registries.identity.operations.recording import (
    UnableToRecordIdentity,
    mirror,
    open_domain,
    record_local_identity,
)
from carbet.registries.identity.operations.requesting import request_merge, tell_refused
from carbet.registries.identity.operations.verifying import (
    UnableToVerify,
    lift_mark,
    mark_identity,
    prove_identity,
    recover_ins,
    verify_ins,
)

__all__ = [
    "SaidDifferent",
    "SaidSince",
    "UnableToDecide",
    "UnableToMerge",
    "UnableToRecordIdentity",
    "UnableToSwitch",
    "UnableToUndo",
    "UnableToVerify",
    "change_local_number",
    "decide",
    "decided",
    "keep_apart",
    "keep_measure",
    "keep_model",
    "lift_mark",
    "link",
    "lock_moves",
    "mark_identity",
    "merge_local",
    "mirror",
    "open_domain",
    "prove_identity",
    "record_local_identity",
    "recover_ins",
    "reopen",
    "request_merge",
    "see_notice",
    "switch_back",
    "switch_model",
    "tell_refused",
    "undo",
    "unlink",
    "verify_ins",
]
