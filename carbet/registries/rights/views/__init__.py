"""The pages of rights."""

from carbet.registries.rights.views.applications import applications, close_application
from carbet.registries.rights.views.entering import (
    authorization,
    configuration,
    logout,
    revoke,
    token,
    user_info,
)
from carbet.registries.rights.views.keeping import (
    end_delegation,
    export,
    leave,
    mine,
    registration,
    registrations,
    review,
    right,
    rights,
)
from carbet.registries.rights.views.pro_sante_connect import (
    pro_sante_connect,
    pro_sante_connect_answer,
    unlink,
)
from carbet.registries.rights.views.registering import follow_up, leave_proof, register, renewed

__all__ = [
    "applications",
    "authorization",
    "close_application",
    "configuration",
    "end_delegation",
    "export",
    "follow_up",
    "leave",
    "leave_proof",
    "logout",
    "mine",
    "pro_sante_connect",
    "pro_sante_connect_answer",
    "register",
    "registration",
    "registrations",
    "renewed",
    "review",
    "revoke",
    "right",
    "rights",
    "token",
    "unlink",
    "user_info",
]
