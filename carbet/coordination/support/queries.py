"""What can be asked of support: what waits for the team, what I sent, what a person has had."""

from dataclasses import dataclass
from datetime import datetime
from typing import BinaryIO

from django.db.models import Case as Choose
from django.db.models import Count, F, FilteredRelation, Q, QuerySet, Value, When, Window
from django.db.models.functions import Coalesce

from carbet.coordination.support import rules
from carbet.coordination.support.choices import (
    OPEN_REQUESTS,
    CaseStatus,
    RequestStatus,
    RequestStepKind,
)
from carbet.coordination.support.models import (
    SEALED_AS,
    Case,
    CaseStep,
    RequestFile,
    RequestPiece,
    RequestStep,
    SupportRequest,
)
from carbet.core import pieces
from carbet.core.actor import Actor
from carbet.registries.directory.choices import Purpose
from carbet.registries.directory.models import Commune, Organization, PractitionerRole
from carbet.registries.directory.rules import CARING, TRIAGE_SUPPORT
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


def reach_of(*, commune: str | None) -> list[str]:
    """Return how a commune is reached ("road", "river", "air"), nothing when unknown: one query."""
    found = Commune.objects.filter(pk=commune).values_list("access", flat=True).first()
    return list(found or ())


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
    """Return the requests that the actor's role sent or wrote down, and those made in the name of
    their structure, the latest first, in two queries."""
    sent = (
        Q(requester_id=actor.role_id)
        | Q(recorded_by_id=actor.role_id)
        | Q(requester_organization_id=actor.organization_id, requester_organization__isnull=False)
    )
    requests = _with_names(SupportRequest.objects.filter(sent)).annotate(at=F("submitted_at"))
    return _named(list(_after_latest(requests, after)[:limit]))


def sent_from_portal(*, actor: Actor, patient_id: int) -> list[SupportRequest]:
    """Return what the account asked for this person, the latest twenty: one query."""
    return list(
        _with_names(
            SupportRequest.objects.filter(
                patient_id=patient_id, requester_account_id=actor.account_id
            )
        ).order_by("-submitted_at", "-pk")[:20]
    )


def steps_of(request: SupportRequest) -> list[RequestStep]:
    """Return what happened to a request, from its sending on: one query."""
    return list(RequestStep.objects.filter(request_id=request.pk).order_by("at", "pk"))


def asked_of(request: SupportRequest) -> RequestStep | None:
    """Return what the team last asked the requester to complete, or None: one query."""
    return (
        RequestStep.objects.filter(request_id=request.pk, kind=RequestStepKind.ASKED)
        .order_by("-at", "-pk")
        .first()
    )


def files_of(request: SupportRequest) -> list[RequestFile]:
    """Return the files of a request that the reader may open: one query."""
    return list(RequestFile.objects.filter(request_id=request.pk).order_by("number"))


def content(file: RequestFile) -> BinaryIO:
    """Return the bytes of a file, at their start."""
    rows = RequestPiece.objects.filter(file_id=file.pk).order_by("rank").values_list("rank", "data")
    return pieces.joined(
        rows.iterator(chunk_size=4), key=file.sealed_with, file_id=file.pk, kind=SEALED_AS
    )


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
        _with_names(SupportRequest.objects.filter(patient_id=patient_id))
        .select_related("case__coordinator__practitioner")
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


def steps_of_case(case: Case) -> list[CaseStep]:
    """Return what happened in a case, the latest first, at most a hundred steps: one query."""
    return list(
        CaseStep.objects.filter(case_id=case.pk)
        .select_related("coordinator__practitioner", "former_coordinator__practitioner")
        .order_by("-at", "-pk")[:100]
    )


def colleagues(*, case: Case, now: datetime) -> list[PractitionerRole]:
    """Return to whom of its team a case may be entrusted: one query."""
    return list(
        PractitionerRole.objects.filter(
            Q(ended_at__isnull=True) | Q(ended_at__gt=now),
            organization_id=case.organization_id,
            category__in=CARING,
            practitioner__active=True,
        )
        .exclude(pk=case.coordinator_id)
        .select_related("practitioner")
        .order_by("practitioner__search", "pk")[:100]
    )


# --- The caseload of a team -----------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Load:
    """What one coordinator of a team holds."""

    role_id: int
    name: str
    active: int
    on_hold: int


def caseload(
    *,
    actor: Actor,
    status: str = CaseStatus.ACTIVE,
    coordinator_id: int | None = None,
    after: Position | None = None,
    limit: int = PAGE_SIZE,
) -> list[Case]:
    """Return the cases of the actor's team, the latest opened (or closed) first, in two queries.

    Each carries its `person`, None where the record has closed to the team.
    """
    finished = status == CaseStatus.FINISHED
    cases = Case.objects.filter(organization_id=actor.organization_id, status=status)
    if coordinator_id is not None:
        cases = cases.filter(coordinator_id=coordinator_id)
    cases = cases.annotate(at=Coalesce("closed_at", "opened_at") if finished else F("opened_at"))
    if after is not None:
        cases = cases.filter(Q(at__lt=after.at) | Q(at=after.at, pk__lt=after.pk))
    found = list(cases.select_related("coordinator__practitioner").order_by("-at", "-pk")[:limit])
    persons = Patient.objects.in_bulk({case.patient_id for case in found})
    for case in found:
        case.person = persons.get(case.patient_id)  # type: ignore[attr-defined]
    return found


def loads(*, actor: Actor) -> list[Load]:
    """Return what each coordinator of the team holds now, the most loaded first: one query."""
    rows = (
        Case.objects.filter(organization_id=actor.organization_id)
        .exclude(status=CaseStatus.FINISHED)
        .values(
            "coordinator_id",
            "coordinator__practitioner__given",
            "coordinator__practitioner__family",
        )
        .annotate(
            active=Count("pk", filter=Q(status=CaseStatus.ACTIVE)),
            on_hold=Count("pk", filter=Q(status=CaseStatus.ON_HOLD)),
        )
        .order_by("-active", "coordinator_id")
    )
    return [
        Load(
            row["coordinator_id"],
            f"{row['coordinator__practitioner__given']}"
            f" {row['coordinator__practitioner__family']}".strip(),
            row["active"],
            row["on_hold"],
        )
        for row in rows
    ]


def finished_count(*, actor: Actor) -> int:
    """Return how many cases the actor's team has closed: one query."""
    return Case.objects.filter(
        organization_id=actor.organization_id, status=CaseStatus.FINISHED
    ).count()


def under_way(*, patient_id: int) -> QuerySet[SupportRequest]:
    """Return the requests about a person that wait or led to a case still open: one query."""
    return (
        SupportRequest.objects.filter(
            Q(status__in=OPEN_REQUESTS)
            | Q(case__isnull=False) & ~Q(case__status=CaseStatus.FINISHED),
            patient_id=patient_id,
        )
        .select_related(
            "addressee",
            "requester__practitioner",
            "requester__organization",
            "requester_organization",
            "recorded_by__practitioner",
            "case__coordinator__practitioner",
        )
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
        "requester_organization",
        "recorded_by__practitioner",
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
            | Q(requester_name__icontains=text.strip())
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
