"""How an alert is shown: what it is about, about whom, and which page it leads to."""

from dataclasses import dataclass
from datetime import datetime

from django.urls import NoReverseMatch, reverse

from carbet.coordination.alerts.choices import AlertKind, Closure
from carbet.coordination.alerts.models import Alert, Escalation
from carbet.core.identifiers import from_short_id

# Where an alert leads: the page of the record, by its address's name.
PAGES = {
    "": "charts:detail",
    "access": "care_teams:access_log",
    "agenda": "scheduling:of_patient",
    "case": "support:of_patient",
    "circle": "care_teams:detail",
    "detection": "detection:of_patient",
    "documents": "documents:list",
    "notebook": "notebook:list",
    "plan": "care_plans:detail",
    "subscriptions": "subscriptions:of_patient",
}
# Where the page is the reader's own.
OWN_PAGES = {"invitation": "care_teams:invitations"}
# Where the target carries the number of the page: "support:<short id>".
BY_NUMBER = {
    "support": "support:detail",
    "request": "portal:request",
    "task": "tasks:detail",
    "thread": "messaging:thread",
    "offer": "offer:corner",
}
ICONS = {
    AlertKind.SUPPORT_REQUEST: "inbox",
    AlertKind.SUPPORT_ANSWER: "reply",
    AlertKind.CIRCLE: "circle",
    AlertKind.URGENT_NOTE: "alert",
    AlertKind.NOTE: "note",
    AlertKind.NOTE_MENTION: "message",
    AlertKind.PLAN_PROPOSED: "plan",
    AlertKind.PLAN_DECIDED: "plan",
    AlertKind.GLASS: "unlock",
    AlertKind.TASK: "check",
    AlertKind.STAY: "hospital",
    AlertKind.SUBSCRIPTION: "settings",
    AlertKind.APPOINTMENT: "calendar",
    AlertKind.MESSAGE: "message",
    AlertKind.MENTION: "message",
    AlertKind.URGENT_MESSAGE: "alert",
    AlertKind.OFFER: "hospital",
    AlertKind.CASE: "people",
    AlertKind.DETECTED: "pulse",
    AlertKind.DOCUMENT: "document",
}


@dataclass(frozen=True)
class AlertLine:
    """One line of the list. `href` is empty when the record is closed to the reader."""

    alert_id: int
    title: str
    icon: str
    person: str
    record_closed: bool
    raised_by: str
    raised_at: datetime
    urgent: bool
    unread: bool
    read_by: str
    to_structure: bool
    href: str
    # What became of an urgent one: « prise en charge par … », « sans lecture, … ».
    outcome: str = ""
    answered: bool = False
    may_take: bool = False
    may_release: bool = False


def line(alert: Alert, escalation: Escalation | None = None, *, own_key: str = "") -> AlertLine:
    """Return an alert as a line; its person was read under the reader's own rights."""
    taken = escalation is not None and escalation.closure == Closure.TAKEN
    closed = alert.patient_id is not None and alert.patient is None
    return AlertLine(
        alert_id=alert.pk,
        title=AlertKind(alert.kind).label,
        icon=ICONS.get(AlertKind(alert.kind), "bell"),
        person=str(alert.patient) if alert.patient else "",
        record_closed=closed,
        raised_by=alert.raised_by,
        raised_at=alert.raised_at,
        urgent=alert.urgent,
        unread=alert.read_at is None,
        read_by=alert.read_by,
        to_structure=alert.recipient.startswith("org:"),
        href="" if closed else page_of(alert),
        outcome=outcome(escalation),
        answered=taken,
        may_take=escalation is not None and not taken,
        may_release=taken and escalation.closed_by_key == own_key,
    )


def outcome(escalation: Escalation | None) -> str:
    """Return in a few words what became of an urgent alert."""
    if escalation is None:
        return ""
    if escalation.closure == Closure.TAKEN:
        return f"{escalation.closed_by} s’en occupe"
    if escalation.closure == Closure.READ:
        return f"lue par {escalation.closed_by}"
    if escalation.closure == Closure.NOBODY:
        return "personne n’a encore lu"
    if escalation.step:
        return "sans lecture, transmise plus loin"
    return ""


def page_of(alert: Alert) -> str:
    """Return the address of the page that an alert leads to, or an empty string for none."""
    return page_of_target(alert.target, patient_id=alert.patient_id)


def page_of_target(target: str, *, patient_id: int | None) -> str:
    """Return the address of a place of a record, as alerts name it, or an empty string."""
    page, _, key = target.partition(":")
    try:
        if page in BY_NUMBER and key:
            return reverse(BY_NUMBER[page], args=[from_short_id(key)])
        if page in OWN_PAGES:
            return reverse(OWN_PAGES[page])
        if patient_id is None:
            return ""
        return reverse(PAGES.get(page, PAGES[""]), args=[patient_id])
    except (NoReverseMatch, ValueError):
        return ""
