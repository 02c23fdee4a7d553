"""What a role may do, whoever the person: capabilities, from profession, category and structure."""

from carbet.core.actor import Actor, Level
from carbet.registries.directory.choices import Category, Purpose

DOCTOR = "10"

CARING = frozenset({Category.MEDICAL, Category.PARAMEDICAL, Category.SOCIAL, Category.COORDINATION})
# Who may be asked by name to approve a plan: a doctor, or another carer who prescribes or treats.
APPROVING = frozenset(
    ["10", "21", "40", "50", "60", "70", "80", "91", "92", "93", "94", "95", "96"]
)

REGISTER_PATIENT = "patients.register"
FIND_PATIENT = "patients.find"
WRITE_NOTEBOOK = "notebook.write"
REQUEST_SUPPORT = "support.request"
TRIAGE_SUPPORT = "support.triage"
EDIT_PLAN = "care_plan.edit"
APPROVE_PLAN = "care_plan.approve"
BREAK_GLASS = "glass.break"
EDIT_QUESTIONNAIRES = "questionnaires.edit"
READ_ACTIVITY = "activity.read"
OPERATE = "operate"
MANAGE_RIGHTS = "rights.manage"
MANAGE_IDENTITIES = "identities.manage"
ALL_CAPABILITIES = frozenset(
    {
        REGISTER_PATIENT,
        FIND_PATIENT,
        WRITE_NOTEBOOK,
        REQUEST_SUPPORT,
        TRIAGE_SUPPORT,
        EDIT_PLAN,
        APPROVE_PLAN,
        BREAK_GLASS,
        EDIT_QUESTIONNAIRES,
        READ_ACTIVITY,
        OPERATE,
        MANAGE_RIGHTS,
        MANAGE_IDENTITIES,
    }
)


def capabilities(
    *,
    category: str,
    profession: str,
    purpose: str,
    is_operator: bool = False,
    manages: bool = False,
) -> frozenset[str]:
    """Return what a role may do, before any question of which person.

    Args:
        category: a `Category` of the role's profession.
        profession: its code (TRE_G15, or J48 outside the health professions).
        purpose: the `Purpose` of the organization.
        is_operator: whoever runs the platform manages the rights of every structure.
        manages: the role's own right lets it manage those of its structure.
    """
    found: set[str] = {MANAGE_RIGHTS} if manages or is_operator else set()
    if is_operator:
        found |= {OPERATE}
    if purpose == Purpose.AGENCY:
        # A regional agency steers from figures: it never meets a person.
        return frozenset(found | {READ_ACTIVITY})
    if purpose == Purpose.IDENTITY:
        # The identity cell compares identities, and never opens a record.
        return frozenset(found | {MANAGE_IDENTITIES})
    if category in CARING:
        found |= {WRITE_NOTEBOOK}
    if category in CARING and category != Category.SOCIAL:
        found |= {EDIT_PLAN, REQUEST_SUPPORT, REGISTER_PATIENT, FIND_PATIENT}
    if category == Category.SOCIAL and purpose != Purpose.HOME_HELP:
        found |= {EDIT_PLAN, REQUEST_SUPPORT, REGISTER_PATIENT, FIND_PATIENT}
    if category == Category.ADMINISTRATIVE and purpose != Purpose.OTHER:
        found |= {REGISTER_PATIENT, FIND_PATIENT}
    if category in (Category.MEDICAL, Category.PARAMEDICAL):
        found |= {BREAK_GLASS}
    if profession in APPROVING:
        found |= {APPROVE_PLAN}
    if purpose == Purpose.DAC and category in CARING:
        found |= {TRIAGE_SUPPORT, EDIT_QUESTIONNAIRES, READ_ACTIVITY}
    return frozenset(found)


def may_write_notebook(actor: Actor, level: Level) -> bool:
    """Tell whether a record open at this level is one to write in, for oneself or for a carer."""
    return level >= Level.WRITE and (actor.can(WRITE_NOTEBOOK) or bool(actor.delegated_role_ids))
