"""What can be asked of early detection: the facts of a person, what the rules proposed."""

from collections.abc import Iterable
from datetime import datetime, timedelta
from decimal import Decimal, InvalidOperation
from typing import Any

from django.db.models import F, Max, Q, QuerySet

from carbet.coordination.assessments.choices import ResponseStatus
from carbet.coordination.assessments.models import QuestionnaireResponse
from carbet.coordination.detection import rules
from carbet.coordination.detection.choices import IssueStatus
from carbet.coordination.detection.models import DetectedIssue
from carbet.coordination.detection.rules import Fact, Facts
from carbet.coordination.notebook.choices import MeasureKind, MeasureStatus
from carbet.coordination.notebook.models import Measure, Note
from carbet.coordination.scheduling.choices import AppointmentStatus
from carbet.coordination.scheduling.models import Appointment
from carbet.coordination.subscriptions.choices import EventType
from carbet.coordination.subscriptions.models import CommunicationRequest
from carbet.coordination.support.choices import CaseStatus
from carbet.coordination.support.models import Case
from carbet.core.actor import Actor, DataCategory, Level
from carbet.core.sharing import Visibility
from carbet.registries.patients.access import grants_of
from carbet.registries.patients.models import Patient

_MOST = 500
_UNITS = {MeasureKind.WEIGHT: "kg", MeasureKind.PAIN: "/ 10", MeasureKind.OXYGEN: "%"}
_AGGIR, _ZARIT = "urn:carbet:questionnaire:aggir", "urn:carbet:questionnaire:mini-zarit"
# By questionnaire, the link id of its result.
_RESULTS = {_AGGIR: "gir", _ZARIT: "total"}


def facts(*, patient_id: int, now: datetime) -> Facts:
    """Return what the rules look at, of one person, in ten queries at most.

    A note for chosen members is not among them: the reason of a proposal would tell of it.
    """
    measures = _measures(patient_id, now)
    results = _results(patient_id)
    return Facts(
        birth_date=Patient.objects.filter(pk=patient_id)
        .values_list("birth_date", flat=True)
        .first(),
        weights=measures[MeasureKind.WEIGHT],
        pains=measures[MeasureKind.PAIN],
        saturations=measures[MeasureKind.OXYGEN],
        falls=_falls(patient_id, now),
        missed=_missed(patient_id, now),
        admissions=_admissions(patient_id, now),
        gir=results[_AGGIR],
        burdens=results[_ZARIT],
        quiet_since=_quiet_since(patient_id),
    )


def issues_of(*, patient_id: int, limit: int = 100) -> list[DetectedIssue]:
    """Return what the rules proposed about a person, what waits first: one query."""
    return list(
        DetectedIssue.objects.filter(patient_id=patient_id).order_by(
            F("judged_at").desc(nulls_first=True), "-identified_at", "-pk"
        )[:limit]
    )


def waiting_for(*, actor: Actor, now: datetime) -> QuerySet[DetectedIssue]:
    """Return what waits to be judged in the records that the actor manages, the gravest first."""
    managed = grants_of(actor, now=now).filter(level__gte=Level.MANAGE).values("patient_id")
    return DetectedIssue.objects.filter(
        status=IssueStatus.PROPOSED, patient_id__in=managed
    ).order_by("severity", "identified_at", "pk")


def under_support(*, after: int = 0, limit: int = 500) -> list[int]:
    """Return the persons whose case is open, by number, after this one."""
    return list(
        Case.objects.filter(status=CaseStatus.ACTIVE, patient_id__gt=after)
        .order_by("patient_id")
        .values_list("patient_id", flat=True)
        .distinct()[:limit]
    )


def _measures(patient_id: int, now: datetime) -> dict[str, list[Fact]]:
    found: dict[str, list[Fact]] = {kind: [] for kind in _UNITS}
    # The indexes begin with the person, then the moment: the latest come first.
    rows = Measure.objects.filter(
        patient_id=patient_id,
        kind__in=list(_UNITS),
        status=MeasureStatus.FINAL,
        occurred_at__gte=now - rules.SIX_MONTHS - rules.MONTH,
        occurred_at__lte=now,
    ).order_by("-occurred_at")[:_MOST]
    for row in reversed(rows):
        value = f"{row.value.normalize():f}".replace(".", ",")
        found[row.kind].append(
            Fact(
                "measure",
                row.pk,
                row.occurred_at,
                f"{value} {_UNITS[MeasureKind(row.kind)]}",
                row.value,
            )
        )
    return found


def _falls(patient_id: int, now: datetime) -> list[Fact]:
    rows = (
        Note.objects.filter(
            Q(text__icontains="chut") | Q(text__icontains="tomb"),
            patient_id=patient_id,
            withdrawn_at__isnull=True,
            occurred_at__gte=now - timedelta(days=90),
        )
        .exclude(visibility=Visibility.CHOSEN)
        .order_by("-occurred_at")[:_MOST]
    )
    return [
        Fact(
            "note",
            row.pk,
            row.occurred_at,
            f"Note de {row.author_name}",
            category=DataCategory(row.category),
        )
        for row in reversed(rows)
        if rules.speaks_of_fall(row.text)
    ]


def _missed(patient_id: int, now: datetime) -> list[Fact]:
    rows = Appointment.objects.filter(
        patient_id=patient_id,
        status=AppointmentStatus.NOSHOW,
        start__gte=now - timedelta(days=60),
        start__lte=now,
    ).order_by("start")[:_MOST]
    return [
        Fact("visit", row.pk, row.start, row.get_kind_display(), category=DataCategory.SOCIAL)
        for row in rows
        if row.start is not None
    ]


def _admissions(patient_id: int, now: datetime) -> list[Fact]:
    rows = CommunicationRequest.objects.filter(
        patient_id=patient_id,
        event_type=EventType.ADM,
        revoked_at__isnull=True,
        event_at__gte=now - timedelta(days=90),
        event_at__lte=now,
    ).order_by("event_at")[:_MOST]
    # One stay that two software declare is one: the same day is counted once.
    by_day = {row.event_at.date(): row for row in rows}
    return [
        Fact("event", row.pk, row.event_at, row.requester_name or "Admission")
        for row in by_day.values()
    ]


def _results(patient_id: int) -> dict[str, list[Fact]]:
    found: dict[str, list[Fact]] = {url: [] for url in _RESULTS}
    rows = (
        QuestionnaireResponse.objects.filter(
            patient_id=patient_id,
            status=ResponseStatus.COMPLETED,
            questionnaire__url__in=list(_RESULTS),
        )
        .values(
            "pk", "questionnaire__url", "questionnaire__title", "authored_at", "scores", "category"
        )
        .order_by("-authored_at", "-pk")[:40]
    )
    for row in reversed(rows):
        url = row["questionnaire__url"]
        value = _number(row["scores"], _RESULTS[url])
        if value is not None:
            found[url].append(
                Fact(
                    "assessment",
                    row["pk"],
                    row["authored_at"],
                    row["questionnaire__title"],
                    value,
                    DataCategory(row["category"]),
                )
            )
    return found


def _number(scores: Any, name: str) -> Decimal | None:
    try:
        return Decimal(str(scores[name]))
    except (KeyError, TypeError, InvalidOperation):
        return None


def _quiet_since(patient_id: int) -> datetime | None:
    """Return the last sign of life in the record of a person whose case is open, or None."""
    opened = (
        Case.objects.filter(patient_id=patient_id, status=CaseStatus.ACTIVE)
        .values_list("assigned_at", flat=True)
        .first()
    )
    if opened is None:
        return None
    signs: Iterable[datetime | None] = (
        opened,
        Note.objects.filter(patient_id=patient_id).aggregate(at=Max("occurred_at"))["at"],
        Measure.objects.filter(patient_id=patient_id).aggregate(at=Max("occurred_at"))["at"],
        Appointment.objects.filter(
            patient_id=patient_id, status=AppointmentStatus.FULFILLED
        ).aggregate(at=Max("start"))["at"],
    )
    return max(each for each in signs if each is not None)
