"""What pages show of requests: who waits, since when, by when."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any

from django.db.models import QuerySet
from django.urls import reverse
from django.utils import timezone

from carbet.coordination.support import queries, rules
from carbet.coordination.support.choices import (
    CaseStatus,
    CaseStepKind,
    Complexity,
    RequestReason,
    RequestSource,
    RequestStatus,
    RequestStepKind,
    Told,
    Urgency,
)
from carbet.coordination.support.models import Case, CaseStep, RequestStep, SupportRequest
from carbet.core import home
from carbet.core.actor import Actor
from carbet.registries.directory.rules import TRIAGE_SUPPORT
from carbet.registries.patients import queries as patients

STATUS_TONES = {
    RequestStatus.SUBMITTED: "info",
    RequestStatus.INCOMPLETE: "warning",
    RequestStatus.ACCEPTED: "success",
    RequestStatus.REDIRECTED: "warning",
    RequestStatus.WITHDRAWN: "neutral",
}
COMPLEXITY_TONES = {
    Complexity.SIMPLE: "neutral",
    Complexity.COMPLEX: "warning",
    Complexity.VERY_COMPLEX: "danger",
}
CASE_TONES = {
    CaseStatus.ACTIVE: "success",
    CaseStatus.ON_HOLD: "warning",
    CaseStatus.FINISHED: "neutral",
}
URGENCY_TONES = {Urgency.ASAP: "danger", Urgency.URGENT: "warning", Urgency.ROUTINE: "neutral"}


@dataclass(frozen=True, slots=True)
class Asker:
    """Who asks: by name, what they are to the person, where they work, and how to call them."""

    name: str
    role: str
    organization: str = ""
    phone: str = ""
    secure_email: str = ""
    recorded_by: str = ""

    @property
    def in_line(self) -> str:
        """What they are, as it is said after the name: without a capital, but for a name."""
        return self.role if ", " in self.role else self.role.lower()


def asker(request: SupportRequest) -> Asker:
    """Return who asks for support, whichever of the columns says it."""
    role = request.requester
    if role is not None:
        in_the_name_of = request.source == RequestSource.STRUCTURE
        return Asker(
            name=role.organization.name if in_the_name_of else str(role.practitioner),
            role=f"{role.practitioner}, {role.label.lower()}" if in_the_name_of else role.label,
            organization="" if in_the_name_of else role.organization.name,
            phone=role.phone or role.organization.phone,
            secure_email=role.secure_email,
        )
    if request.requester_organization is not None:
        place = request.requester_organization
        return Asker(
            name=request.requester_name or place.name,
            role="Par son logiciel",
            organization=place.name if request.requester_name else "",
            phone=place.phone,
        )
    source = RequestSource(request.source)
    recorder = request.recorded_by
    return Asker(
        name=request.requester_name or source.label,
        role="La personne elle-même" if source == RequestSource.PERSON else source.label,
        phone=request.requester_phone,
        recorded_by=f"{recorder.practitioner}, {recorder.label.lower()}" if recorder else "",
    )


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
    paused: bool
    late: bool
    delay: str
    submitted_at: datetime
    due_at: datetime
    asker: Asker
    addressee: str
    complexity: str
    complexity_tone: str
    decided_at: datetime | None
    decided_by: str
    decision_reason: str

    @property
    def is_open(self) -> bool:
        return bool(self.person)


def row(request: SupportRequest, *, now: datetime) -> Row:
    """Return what a list shows of one request."""
    person = getattr(request, "person", None)
    paused = rules.waits_for_requester(request.status)
    level = request.complexity_level
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
        paused=paused,
        late=rules.waits(request.status) and not paused and now > request.due_at,
        delay=delay(request, now=now),
        submitted_at=request.submitted_at,
        due_at=request.due_at,
        asker=asker(request),
        addressee=request.addressee.name,
        complexity=Complexity(level).label if level else "",
        complexity_tone=COMPLEXITY_TONES[Complexity(level)] if level else "",
        decided_at=request.decided_at,
        decided_by=str(request.decided_by.practitioner) if request.decided_by else "",
        decision_reason=request.decision_reason,
    )


def rows(requests: Iterable[SupportRequest], *, now: datetime) -> list[Row]:
    """Return what a list shows of its requests."""
    return [row(request, now=now) for request in requests]


def delay(request: SupportRequest, *, now: datetime) -> str:
    """Return how a request stands towards its delay: « Reste 5 h », « Retard de 3 jours »."""
    if not rules.waits(request.status):
        return ""
    if request.information_asked_at is not None:
        return f"En attente depuis {rules.span(now - request.information_asked_at)}"
    return _late_by(request.due_at, now=now) or f"Reste {rules.span(request.due_at - now)}"


def _late_by(due_at: datetime | None, *, now: datetime) -> str:
    """Return « Retard de 3 jours », nothing while the delay runs."""
    if due_at is None or now <= due_at:
        return ""
    return f"Retard de {rules.span(now - due_at)}"


@dataclass(frozen=True, slots=True)
class StepRow:
    """One step of a request or of a case, as its history shows it."""

    pk: int
    label: str
    icon: str
    at: datetime
    author: str
    text: str
    told: str = ""
    to_call: bool = False


_ICONS = {
    RequestStepKind.SUBMITTED: "send",
    RequestStepKind.FILED: "document",
    RequestStepKind.ASKED: "message",
    RequestStepKind.GIVEN: "reply",
    RequestStepKind.TRIAGED: "gauge",
    RequestStepKind.ACCEPTED: "check",
    RequestStepKind.REDIRECTED: "arrow-right",
    RequestStepKind.WITHDRAWN: "close",
}
_CASE_ICONS = {
    CaseStepKind.OPENED: "check",
    CaseStepKind.ASSIGNED: "people",
    CaseStepKind.CONTACTED: "phone",
    CaseStepKind.SCORED: "gauge",
    CaseStepKind.SUSPENDED: "clock",
    CaseStepKind.RESUMED: "refresh",
    CaseStepKind.CLOSED: "close",
    CaseStepKind.REOPENED: "unlock",
}


def steps(found: Iterable[RequestStep]) -> list[StepRow]:
    """Return the history of a request, with how its requester was told of each step."""
    return [
        StepRow(
            pk=step.pk,
            label=RequestStepKind(step.kind).label,
            icon=_ICONS[RequestStepKind(step.kind)],
            at=step.at,
            author=step.author_name,
            text=step.text,
            told=_told(step),
            to_call=step.told == Told.CALL and step.told_at is None,
        )
        for step in found
    ]


def _told(step: RequestStep) -> str:
    if step.told == Told.HERE:
        return "Demandeur prévenu dans Carbet"
    if step.told == Told.CALL and step.told_at is not None:
        return f"Demandeur prévenu par téléphone, {step.told_by_name}"
    return ""


def case_steps(found: Iterable[CaseStep]) -> list[StepRow]:
    """Return the history of a case."""
    rows_ = []
    for step in found:
        said = [step.get_outcome_display() if step.outcome else "", step.reason]
        if step.kind in (CaseStepKind.ASSIGNED, CaseStepKind.REOPENED):
            said.insert(0, f"À {step.coordinator.practitioner}")
        if step.complexity_score is not None:
            said.insert(0, f"Score {step.complexity_score}")
        rows_.append(
            StepRow(
                pk=step.pk,
                label=CaseStepKind(step.kind).label,
                icon=_CASE_ICONS[CaseStepKind(step.kind)],
                at=step.at,
                author=step.author_name,
                text=" · ".join(filter(None, said)),
            )
        )
    return rows_


@dataclass(frozen=True, slots=True)
class Weighing:
    """A complexity score, said and explained."""

    score: int
    level: str
    tone: str
    factors: tuple[rules.Factor, ...]
    note: str


def weighing(of: SupportRequest | Case) -> Weighing | None:
    """Return the score of a request or of a case with what explains it, or None before a triage."""
    if of.complexity_score is None or not of.complexity_level:
        return None
    known = tuple(rules.BY_CODE[code] for code in of.complexity_factors if code in rules.BY_CODE)
    return Weighing(
        score=of.complexity_score,
        level=Complexity(of.complexity_level).label,
        tone=COMPLEXITY_TONES[Complexity(of.complexity_level)],
        factors=known,
        note=of.complexity_note,
    )


@dataclass(frozen=True, slots=True)
class CaseRow:
    """One case of the caseload of a team."""

    pk: int
    patient_id: int
    person: str
    birth_date: date | None
    place: str
    coordinator: str
    opened_at: datetime
    closed_at: datetime | None
    resume_on: date | None
    resume_due: bool
    to_contact: str
    complexity: str
    complexity_tone: str
    ended: str
    may_reopen: bool

    @property
    def is_open(self) -> bool:
        return bool(self.person)


def case_rows(cases: Iterable[Case], *, now: datetime) -> list[CaseRow]:
    """Return what the caseload shows of its cases."""
    today = timezone.localdate(now)
    found = []
    for case in cases:
        person = getattr(case, "person", None)
        level = case.complexity_level
        waiting = case.first_contact_at is None and case.status == CaseStatus.ACTIVE
        found.append(
            CaseRow(
                pk=case.pk,
                patient_id=case.patient_id,
                person=str(person) if person else "",
                birth_date=person.birth_date if person else None,
                place=person.city if person else "",
                coordinator=str(case.coordinator.practitioner),
                opened_at=case.opened_at,
                closed_at=case.closed_at,
                resume_on=case.resume_on,
                resume_due=case.resume_on is not None and case.resume_on <= today,
                to_contact=rules.span(now - case.requested_at) if waiting else "",
                complexity=Complexity(level).label if level else "",
                complexity_tone=COMPLEXITY_TONES[Complexity(level)] if level else "",
                ended=case.get_outcome_display() if case.outcome else case.close_reason,
                may_reopen=case.closed_at is not None
                and rules.may_reopen(closed_at=case.closed_at, now=now),
            )
        )
    return found


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
        "due_at",
        "source",
        "requester_name",
        "requester__specialty_label",
        "requester__profession_label",
        *(f"requester__practitioner__{part}" for part in ("civility", "given", "family")),
        *patients.name_columns("person__"),
    )[: home.MOST + 1]


def waiting_line(row: dict[str, Any], *, now: datetime) -> home.Line:
    """Say a request that waits; the person is named only where the identity is open."""
    asked_by = " ".join(
        filter(
            None, (row[f"requester__practitioner__{p}"] for p in ("civility", "given", "family"))
        )
    )
    late = _late_by(home.moment(row["due_at"]), now=now)
    return home.Line(
        title=patients.name_in(row, "person__") or "Personne dont l’identité est fermée",
        href=reverse("support:detail", args=[row["pk"]]),
        text=RequestReason(row["reason"]).label,
        meta=(
            asked_by or row["requester_name"] or RequestSource(row["source"]).label,
            row["requester__specialty_label"]
            or row["requester__profession_label"]
            or RequestSource(row["source"]).label,
        ),
        at=home.moment(row["submitted_at"]),
        badge=late or Urgency(row["urgency"]).label,
        tone="danger" if late else URGENCY_TONES[Urgency(row["urgency"])],
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
