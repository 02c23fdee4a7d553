"""What can be asked of support: what waits for the team, what I sent, what a person has had."""

from dataclasses import dataclass
from datetime import datetime

from django.db.models import Case as Choose
from django.db.models import Count, F, FilteredRelation, Q, QuerySet, Value, When, Window
from django.db.models.functions import Coalesce

from carbet.coordination.support import rules
from carbet.coordination.support.choices import CaseStatus, RequestStatus
from carbet.coordination.support.models import Case, SupportRequest
from carbet.core.actor import Actor
from carbet.registries.directory.choices import Purpose
from carbet.registries.directory.models import Organization
from carbet.registries.directory.rules import TRIAGE_SUPPORT
from carbet.registries.patients import queries as patients
from carbet.registries.patients.models import Patient

PAGE_SIZE = 25


@dataclass(frozen=True, slots=True)
class Position:
    """Where a page of requests ends: the rank of its urgency, its moment, its number."""

    rank: int
    at: datetime
    pk: int


def position(request: SupportRequest) -> Position:
    """Return where a request stands in the list that shows it."""
    if rules.waits(request.status):
        return Position(rules.RANKS[request.urgency], request.submitted_at, request.pk)
    return Position(0, request.decided_at or request.submitted_at, request.pk)


def addressees() -> QuerySet[Organization]:
    """Return the teams that may be asked for support, by name."""
    return Organization.objects.filter(purpose=Purpose.DAC, active=True).order_by("name", "pk")


def waiting_for(actor: Actor) -> QuerySet[SupportRequest]:
    """Return what waits for the actor's team, the most urgent then the oldest first.

    Each request carries its `person`, and `total`, the number of requests that wait: a page of
    them needs one query.
    """
    if not actor.can(TRIAGE_SUPPORT) or actor.organization_id is None:
        return SupportRequest.objects.none()
    return (
        _with_person(_with_names(SupportRequest.objects.all()))
        .filter(addressee_id=actor.organization_id, status=RequestStatus.SUBMITTED)
        .annotate(rank=_RANK, total=Window(Count("pk")))
        .order_by("rank", "submitted_at", "pk")
    )


def inbox(
    *,
    actor: Actor,
    now: datetime,
    status: str = RequestStatus.SUBMITTED,
    text: str = "",
    after: Position | None = None,
    limit: int = PAGE_SIZE,
) -> list[SupportRequest]:
    """Return the requests addressed to the actor's team: those that wait by urgency then age, the
    others by date of answer, the latest first.

    One or two queries, and two more when `text` asks for a person (tolerant of spelling) or a
    requester. Each request carries `person`, None where the identity has closed.
    """
    requests = SupportRequest.objects.filter(addressee_id=actor.organization_id)
    return _page(requests, actor=actor, now=now, status=status, text=text, after=after, limit=limit)


def sent_by(
    *, actor: Actor, after: Position | None = None, limit: int = PAGE_SIZE
) -> list[SupportRequest]:
    """Return the requests that the actor's role sent, the latest first, in two queries."""
    requests = _with_names(SupportRequest.objects.filter(requester_id=actor.role_id)).annotate(
        at=F("submitted_at")
    )
    return _named(list(_after_latest(requests, after)[:limit]))


def counts(*, actor: Actor) -> dict[str, int]:
    """Return how many requests the actor's team has, by status, in one query."""
    found = (
        SupportRequest.objects.filter(addressee_id=actor.organization_id)
        .values_list("status")
        .annotate(Count("pk"))
        .order_by()
    )
    return dict(found)


def requests_of(*, patient_id: int) -> QuerySet[SupportRequest]:
    """Return the requests about a person, the latest first, each with its case: one query."""
    return (
        SupportRequest.objects.filter(patient_id=patient_id)
        .select_related(
            "requester__practitioner",
            "requester__organization",
            "addressee",
            "decided_by__practitioner",
            "case__coordinator__practitioner",
        )
        .order_by("-submitted_at", "-pk")
    )


def cases_of(*, patient_id: int) -> QuerySet[Case]:
    """Return every case of a person, those under way first: one query."""
    return (
        Case.objects.filter(patient_id=patient_id)
        .select_related(
            "coordinator__practitioner",
            "organization",
            "request__requester__practitioner",
        )
        .order_by(F("closed_at").desc(nulls_first=True), "-opened_at", "-pk")
    )


def under_way(*, patient_id: int) -> QuerySet[SupportRequest]:
    """Return the requests about a person that wait or led to a case still open: one query."""
    return (
        SupportRequest.objects.filter(
            Q(status=RequestStatus.SUBMITTED)
            | Q(case__isnull=False) & ~Q(case__status=CaseStatus.FINISHED),
            patient_id=patient_id,
        )
        .select_related("addressee", "requester__practitioner", "case__coordinator__practitioner")
        .order_by("-submitted_at", "-pk")
    )


_RANK = Choose(
    *(When(urgency=urgency, then=Value(rank)) for urgency, rank in rules.RANKS.items()),
    default=Value(len(rules.RANKS)),
)


def _with_names(requests: QuerySet[SupportRequest]) -> QuerySet[SupportRequest]:
    """Bring the requester, the team, and who answered."""
    return requests.select_related(
        "requester__practitioner",
        "requester__organization",
        "addressee",
        "decided_by__practitioner",
    )


def _with_person(requests: QuerySet[SupportRequest]) -> QuerySet[SupportRequest]:
    """Bring the person as `person`: while a request waits, its identity is open to the team."""
    return requests.annotate(
        person=FilteredRelation("patient", condition=Q(patient__pk__isnull=False))
    ).select_related("person")


def _named(requests: list[SupportRequest]) -> list[SupportRequest]:
    """Give each request its `person`, None where the identity has closed, in one query."""
    persons = Patient.objects.in_bulk({request.patient_id for request in requests})
    for request in requests:
        request.person = persons.get(request.patient_id)
    return requests


def _page(
    requests: QuerySet[SupportRequest],
    *,
    actor: Actor,
    now: datetime,
    status: str,
    text: str,
    after: Position | None,
    limit: int,
) -> list[SupportRequest]:
    rows = _with_names(requests.filter(status=status))
    if text.strip():
        found = patients.search_patients(actor=actor, text=text, now=now)
        rows = rows.filter(
            Q(patient_id__in=[person.pk for person in found])
            | Q(requester__practitioner__family__icontains=text.strip())
            | Q(requester__organization__name__icontains=text.strip())
        )
    if not rules.waits(status):
        answered = rows.annotate(at=Coalesce("decided_at", "submitted_at"))
        return _named(list(_after_latest(answered, after)[:limit]))
    rows = _with_person(rows).annotate(rank=_RANK)
    if after is not None:
        rows = rows.filter(
            Q(rank__gt=after.rank)
            | Q(rank=after.rank, submitted_at__gt=after.at)
            | Q(rank=after.rank, submitted_at=after.at, pk__gt=after.pk)
        )
    return list(rows.order_by("rank", "submitted_at", "pk")[:limit])


def _after_latest(
    requests: QuerySet[SupportRequest], after: Position | None
) -> QuerySet[SupportRequest]:
    if after is not None:
        requests = requests.filter(Q(at__lt=after.at) | Q(at=after.at, pk__lt=after.pk))
    return requests.order_by("-at", "-pk")
