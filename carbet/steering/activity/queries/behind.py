"""The episodes that a number counts, of those whose identity is open to the reader."""

from datetime import date, datetime, time, timedelta

from django.db.models import F, Q, QuerySet
from django.utils import timezone

from carbet.steering.activity import rules
from carbet.steering.activity.access import Scope
from carbet.steering.activity.choices import Definition, Dimension, Figure
from carbet.steering.activity.models import Episode

PAGE = 25
_DAY = timedelta(days=1)


def episodes(
    *,
    scope: Scope,
    definition: Definition,
    value: str | None,
    month: date,
    now: datetime,
    after: int = 0,
    limit: int = PAGE,
) -> list[Episode]:
    """Return the episodes that a number counts, of those whose identity is open to the actor.

    Row security judges each; what has closed since to the team is counted and not listed. One
    query, in the order of their numbers.

    Args:
        value: the row of the table, None for its total.
    """
    asked = _counted(definition, value, month=month, today=timezone.localdate(now))
    if asked is None:
        return []
    return list(
        _listed(Episode.objects.filter(asked, organization_id=scope.organization_id))
        .filter(pk__gt=after)
        .order_by("pk")[:limit]
    )


def _listed(found: QuerySet[Episode]) -> QuerySet[Episode]:
    return found.select_related("patient", "coordinator__practitioner")


def _counted(definition: Definition, value: str | None, *, month: date, today: date) -> Q | None:
    """Return the condition that an episode meets to be counted; None for a row that is none."""
    figure, dimension = definition.figure, definition.dimension
    if dimension == Dimension.MONTH and value is not None:
        try:
            month = date.fromisoformat(value)
        except ValueError:
            return None
        value = None
    start, end = _moment(month), _moment(rules.months_later(month, 1))
    if figure is None:
        asked = Q(opened_at__lt=end) & (Q(closed_at__isnull=True) | Q(closed_at__gte=end))
    elif figure in (Figure.TO_REVIEW, Figure.WAITING):
        return _falls_due(definition, value, today=today)
    else:
        column = _MOMENTS[figure]
        asked = Q(**{f"{column}__gte": start, f"{column}__lt": end})
        if figure in (Figure.CLOSED, Figure.CONTACTED, Figure.PLANNED):
            asked &= Q(opened_at__isnull=False)
        if figure == Figure.REQUESTED:
            asked &= Q(request__isnull=False)
        if figure in (Figure.CONTACTED, Figure.PLANNED):
            asked &= Q(**{f"{column}__gte": F("requested_at")})
    return asked if value is None else _cut(asked, definition, value, month)


_MOMENTS = {
    Figure.REQUESTED: "requested_at",
    Figure.ANSWERED: "decided_at",
    Figure.OPENED: "opened_at",
    Figure.CLOSED: "closed_at",
    Figure.CONTACTED: "contact_at",
    Figure.PLANNED: "plan_at",
}
_COLUMNS = {
    Dimension.COORDINATOR: "coordinator_id",
    Dimension.COMMUNE: "commune",
    Dimension.COMPLEXITY: "complexity",
    Dimension.REASON: "reason",
    Dimension.DECISION: "decision",
    Dimension.OUTCOME: "outcome",
}


def _cut(asked: Q, definition: Definition, value: str, month: date) -> Q | None:
    dimension = definition.dimension
    if dimension == Dimension.COORDINATOR:
        return asked & Q(coordinator_id=int(value)) if _is_number(value) else None
    if dimension in _COLUMNS:
        return asked & Q(**{_COLUMNS[dimension]: value[:20].replace("\0", "")})
    if dimension == Dimension.BIRTH_YEAR:
        band = next((band for band in rules.AGE_BANDS if str(band[0]) == value), None)
        if band is None:
            return None
        # An age is at least nought: whoever was born later than the month stands with the newborn.
        asked &= Q(birth_year__gt=month.year - band[1])
        return asked & Q(birth_year__lte=month.year - band[0]) if band[0] else asked
    if dimension == Dimension.DAYS:
        days = next((band for band in rules.DELAY_BANDS if str(band[0]) == value), None)
        if days is None:
            return None
        column = _MOMENTS[Figure(str(definition.figure))]
        low, high = (None if each is None else each * _DAY for each in days)
        asked &= Q(**{f"{column}__gte": F("requested_at") + low})
        return asked & Q(**{f"{column}__lt": F("requested_at") + high}) if high else asked
    return None


def _falls_due(definition: Definition, value: str | None, *, today: date) -> Q | None:
    if definition.figure == Figure.WAITING:
        asked = Q(request__isnull=False, decided_at__isnull=True)
        late = {"retard": Q(due_at__lt=_moment(today)), "delai": Q(due_at__gte=_moment(today))}
        if value is None:
            return asked
        return asked & late[value] if value in late else None
    asked = Q(opened_at__isnull=False, closed_at__isnull=True)
    if definition.dimension == Dimension.COORDINATOR:
        asked &= Q(review_due_on__lt=today)
        if value is None:
            return asked
        return asked & Q(coordinator_id=int(value)) if _is_number(value) else None
    if value is None:
        return asked
    if value == "sans-date":
        return asked & Q(review_due_on__isnull=True)
    bounds = rules.review_bounds(today)
    if value not in bounds:
        return None
    _, low, high = bounds[value]
    return asked & Q(review_due_on__gte=low, review_due_on__lt=high)


def _is_number(text: str) -> bool:
    return text.isdecimal() and len(text) < 19


def _moment(day: date) -> datetime:
    """Return when a day begins in the territory."""
    return timezone.make_aware(datetime.combine(day, time.min))
