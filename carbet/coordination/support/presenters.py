"""What pages show of requests: who waits, since when, by when."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any

from django.db.models import QuerySet
from django.urls import reverse

from carbet.coordination.support import queries, rules
from carbet.coordination.support.choices import RequestReason, RequestStatus, Urgency
from carbet.coordination.support.models import SupportRequest
from carbet.core import home
from carbet.core.actor import Actor
from carbet.registries.directory.rules import TRIAGE_SUPPORT
from carbet.registries.patients import queries as patients

STATUS_TONES = {
    RequestStatus.SUBMITTED: "info",
    RequestStatus.ACCEPTED: "success",
    RequestStatus.REDIRECTED: "warning",
    RequestStatus.WITHDRAWN: "neutral",
}
URGENCY_TONES = {Urgency.ASAP: "danger", Urgency.URGENT: "warning", Urgency.ROUTINE: "neutral"}


@dataclass(frozen=True, slots=True)
class Row:
    """One request of a list; the person is named only where the identity is open."""

    pk: int
    patient_id: int
    person: str
    birth_date: date | None
    place: str
    reason: str
    urgency: str
    urgency_tone: str
    status: str
    status_tone: str
    waits: bool
    late: bool
    delay: str
    submitted_at: datetime
    due_at: datetime
    requester: str
    requester_role: str
    requester_organization: str
    addressee: str
    decided_at: datetime | None
    decided_by: str
    decision_reason: str

    @property
    def is_open(self) -> bool:
        return bool(self.person)


def row(request: SupportRequest, *, now: datetime) -> Row:
    """Return what a list shows of one request."""
    person = getattr(request, "person", None)
    due = rules.due_at(urgency=request.urgency, submitted_at=request.submitted_at)
    late = rules.waits(request.status) and now > due
    return Row(
        pk=request.pk,
        patient_id=request.patient_id,
        person=str(person) if person else "",
        birth_date=person.birth_date if person else None,
        place=person.city if person else "",
        reason=request.get_reason_display(),
        urgency=request.get_urgency_display(),
        urgency_tone=URGENCY_TONES[Urgency(request.urgency)],
        status=request.get_status_display(),
        status_tone=STATUS_TONES[RequestStatus(request.status)],
        waits=rules.waits(request.status),
        late=late,
        delay=delay(request, now=now),
        submitted_at=request.submitted_at,
        due_at=due,
        requester=str(request.requester.practitioner),
        requester_role=request.requester.label,
        requester_organization=request.requester.organization.name,
        addressee=request.addressee.name,
        decided_at=request.decided_at,
        decided_by=str(request.decided_by.practitioner) if request.decided_by else "",
        decision_reason=request.decision_reason,
    )


def rows(requests: Iterable[SupportRequest], *, now: datetime) -> list[Row]:
    """Return what a list shows of its requests."""
    return [row(request, now=now) for request in requests]


def delay(request: SupportRequest, *, now: datetime) -> str:
    """Return how a request stands towards its delay: « reste 5 h », « retard de 3 jours »."""
    if not rules.waits(request.status):
        return ""
    due = rules.due_at(urgency=request.urgency, submitted_at=request.submitted_at)
    if now > due:
        return f"retard de {rules.span(now - due)}"
    return f"reste {rules.span(due - now)}"


# --- On the front page ---------------------------------------------------------------------------


def waiting(*, actor: Actor, now: datetime) -> QuerySet[SupportRequest, dict[str, Any]] | None:
    """Return what waits for the actor's team, for those who answer only."""
    if not actor.can(TRIAGE_SUPPORT):
        return None
    return queries.waiting_for(actor).values(
        "pk",
        "reason",
        "urgency",
        "submitted_at",
        "requester__specialty_label",
        "requester__profession_label",
        *(f"requester__practitioner__{part}" for part in ("civility", "given", "family")),
        *patients.name_columns("person__"),
    )[: home.MOST + 1]


def waiting_line(row: dict[str, Any], *, now: datetime) -> home.Line:
    """Say a request that waits; the person is named only where the identity is open."""
    asked_by = (row[f"requester__practitioner__{part}"] for part in ("civility", "given", "family"))
    return home.Line(
        title=patients.name_in(row, "person__") or "Personne dont l’identité est fermée",
        href=reverse("support:detail", args=[row["pk"]]),
        text=RequestReason(row["reason"]).label,
        meta=(
            " ".join(filter(None, asked_by)),
            row["requester__specialty_label"] or row["requester__profession_label"],
        ),
        at=home.moment(row["submitted_at"]),
        badge=Urgency(row["urgency"]).label,
        tone=URGENCY_TONES[Urgency(row["urgency"])],
        icon="person",
        unread=True,
    )


HOME = home.Block(
    key="requests",
    title="Demandes d’appui à étudier",
    icon="inbox",
    rows=waiting,
    line=waiting_line,
    empty_title="Aucune demande n’attend",
    empty="Une nouvelle demande apparaît ici aussitôt, sans recharger la page.",
    more=("support:list", "Toutes les demandes"),
    order=20,
    live="request alert",
)
