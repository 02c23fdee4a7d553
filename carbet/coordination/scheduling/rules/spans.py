"""Spans of time: half-open, [start, end). What meets, what is free, whether there is time to go."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta


@dataclass(frozen=True, slots=True, order=True)
class Span:
    """From `start` to `end`, excluded; both carry a time zone."""

    start: datetime
    end: datetime

    def meets(self, other: "Span") -> bool:
        """Tell whether the two share a moment; one that ends when the other begins does not."""
        return self.start < other.end and other.start < self.end


def merge(spans: Iterable[Span]) -> list[Span]:
    """Return the same moments as few spans apart from each other, in order."""
    found: list[Span] = []
    for span in sorted(spans):
        if span.start >= span.end:
            continue
        if found and span.start <= found[-1].end:
            if span.end > found[-1].end:
                found[-1] = Span(found[-1].start, span.end)
        else:
            found.append(span)
    return found


def subtract(whole: Iterable[Span], taken: Iterable[Span]) -> list[Span]:
    """Return the moments of `whole` that are not in `taken`."""
    left = merge(whole)
    for gone in merge(taken):
        left = [part for span in left for part in _without(span, gone)]
    return left


def _without(span: Span, gone: Span) -> Iterator[Span]:
    if not span.meets(gone):
        yield span
        return
    if span.start < gone.start:
        yield Span(span.start, gone.start)
    if gone.end < span.end:
        yield Span(gone.end, span.end)


def cut(span: Span, minutes: int) -> list[Span]:
    """Return the whole pieces of `minutes` that a span holds, from its start."""
    step, found, start = timedelta(minutes=minutes), [], span.start
    while start + step <= span.end:
        found.append(Span(start, start + step))
        start += step
    return found


@dataclass(frozen=True, slots=True)
class Stop:
    """One visit of a day, and the commune where it takes place ("" when nobody has to move)."""

    span: Span
    place: str


@dataclass(frozen=True, slots=True)
class Haste:
    """Two visits in a row with less time between them than the way takes."""

    before: Stop
    after: Stop
    gap_minutes: int
    travel_minutes: int


def neighbours(visit: Stop, others: Sequence[Stop]) -> tuple[Stop | None, Stop | None]:
    """Return the visit that ends last before this one and the one that begins first after it."""
    before = [one for one in others if one.span.end <= visit.span.start]
    after = [one for one in others if one.span.start >= visit.span.end]
    return (
        max(before, key=lambda one: one.span.end, default=None),
        min(after, key=lambda one: one.span.start, default=None),
    )


def haste(before: Stop, after: Stop, travel_minutes: int | None) -> Haste | None:
    """Return the two visits when the way between them is longer than the time there is."""
    if not before.place or not after.place or travel_minutes is None:
        return None
    gap = int((after.span.start - before.span.end).total_seconds() // 60)
    return Haste(before, after, gap, travel_minutes) if gap < travel_minutes else None
