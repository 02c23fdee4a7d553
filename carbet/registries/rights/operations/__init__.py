"""What can be done with rights."""

from carbet.registries.rights.operations.applications import (
    UnableToRegisterApplication,
    close_application,
    enter_application,
    leave_applications,
    register_application,
    take_back_stolen,
)
from carbet.registries.rights.operations.keeping import (
    UnableToDelegate,
    UnableToKeepRight,
    close_departed,
    end_delegation,
    end_right,
    give_delegation,
    grant_right,
    let_manage,
    remind_managers,
    remind_of_ends,
    review_right,
    review_rights,
)
from carbet.registries.rights.operations.registering import (
    UnableToRegister,
    UnableToSettle,
    approve_registration,
    refuse_registration,
    request_registration,
    withdraw_registration,
)
from carbet.registries.rights.operations.renewing import UnableToRenew, renew_access
from carbet.registries.rights.operations.sign_in import (
    UnableToUnlink,
    record_provider_link,
    record_provider_proof,
    refuse_provider_answer,
    unlink_provider,
)

__all__ = [
    "UnableToDelegate",
    "UnableToKeepRight",
    "UnableToRegister",
    "UnableToRegisterApplication",
    "UnableToRenew",
    "UnableToSettle",
    "UnableToUnlink",
    "approve_registration",
    "close_application",
    "close_departed",
    "end_delegation",
    "end_right",
    "enter_application",
    "give_delegation",
    "grant_right",
    "leave_applications",
    "let_manage",
    "record_provider_link",
    "record_provider_proof",
    "refuse_provider_answer",
    "refuse_registration",
    "register_application",
    "remind_managers",
    "remind_of_ends",
    "renew_access",
    "request_registration",
    "review_right",
    "review_rights",
    "take_back_stolen",
    "unlink_provider",
    "withdraw_registration",
]
