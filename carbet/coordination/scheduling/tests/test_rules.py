"""Recurrences and spans, as tables a clinician can read and against the simplest model there is."""

from datetime import UTC, date, datetime, time, timedelta
from itertools import pairwise
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from carbet.coordination.scheduling.choices import AppointmentStatus, ParticipationStatus
from carbet.coordination.scheduling.rules import agreement, recurrence, spans
from carbet.coordination.scheduling.rules.recurrence import DAYS, Recurrence
from carbet.coordination.scheduling.rules.spans import Span, Stop

CAYENNE, PARIS = ZoneInfo("America/Cayenne"), ZoneInfo("Europe/Paris")
MONDAY = datetime(2026, 11, 23, 11, 0, tzinfo=UTC)  # 8 h in Cayenne
FAR = MONDAY + timedelta(days=800)


def days(rule, *, first=MONDAY, zone=CAYENNE, before=FAR):
    found = recurrence.starts(rule, first=first, zone=zone, after=first, before=before)
    return [f"{each.astimezone(zone):%a %d/%m %Hh%M}" for each in found]


@pytest.mark.parametrize(
    ("rule", "said", "expected"),
    [
        ("FREQ=DAILY;COUNT=3", "tous les jours, 3 fois", ["Mon 23/11", "Tue 24/11", "Wed 25/11"]),
        (
            "FREQ=WEEKLY;BYDAY=MO,TH;UNTIL=20261203",
            "toutes les semaines, le lundi et jeudi, jusqu’au 03/12/2026",
            ["Mon 23/11", "Thu 26/11", "Mon 30/11", "Thu 03/12"],
        ),
        (
            "FREQ=WEEKLY;INTERVAL=2;COUNT=3",
            "toutes les 2 semaines, 3 fois",
            ["Mon 23/11", "Mon 07/12", "Mon 21/12"],
        ),
        ("FREQ=MONTHLY;COUNT=2", "tous les mois, 2 fois", ["Mon 23/11", "Wed 23/12"]),
    ],
)
def test_what_a_rule_gives(rule, said, expected):
    read = recurrence.parse(rule)
    assert recurrence.in_words(read) == said
    assert days(read) == [f"{day} 08h00" for day in expected]
    assert read.to_text() == rule


def test_the_31st_comes_back_only_in_months_that_have_one():
    first = datetime(2026, 1, 31, 12, tzinfo=UTC)
    rule = recurrence.parse("FREQ=MONTHLY;COUNT=4")
    found = recurrence.starts(rule, first=first, zone=CAYENNE, after=first, before=FAR)
    assert [each.month for each in found] == [1, 3, 5, 7]


def test_a_visit_at_eight_stays_at_eight_when_paris_changes_its_clocks():
    first = datetime(2026, 10, 24, 6, tzinfo=UTC)  # 8 h in Paris, in summer
    found = recurrence.starts(
        Recurrence("DAILY", count=3), first=first, zone=PARIS, after=first, before=FAR
    )
    assert [each.astimezone(PARIS).hour for each in found] == [8, 8, 8]
    assert [each.hour for each in found] == [6, 7, 7]
    cayenne = recurrence.starts(
        Recurrence("DAILY", count=3), first=first, zone=CAYENNE, after=first, before=FAR
    )
    assert [each.hour for each in cayenne] == [6, 6, 6]


def test_a_time_that_does_not_exist_is_read_with_the_offset_before():
    first = datetime(2027, 3, 27, 1, 30, tzinfo=UTC)  # 2 h 30 in Paris; missing the day after
    found = recurrence.starts(
        Recurrence("DAILY", count=2), first=first, zone=PARIS, after=first, before=FAR
    )
    assert found[1] == datetime(2027, 3, 28, 1, 30, tzinfo=UTC)
    assert found[1].astimezone(PARIS).hour == 3


@pytest.mark.parametrize(
    "text",
    [
        "",
        "FREQ=HOURLY",
        "FREQ=DAILY;INTERVAL=0",
        "FREQ=DAILY;COUNT=999999",
        "FREQ=DAILY;COUNT=2;UNTIL=20270101",
        "FREQ=DAILY;BYDAY=MO",
        "FREQ=WEEKLY;BYDAY=XX",
        "FREQ=WEEKLY;BYDAY=MO,MO",
        "FREQ=WEEKLY;UNTIL=20271341",
        "FREQ=WEEKLY;BYSETPOS=1",
        "FREQ=WEEKLY;FREQ=DAILY",
        "DTSTART=1",
    ],
)
def test_a_rule_that_is_not_followed_is_refused(text):
    with pytest.raises(recurrence.NotARecurrence):
        recurrence.parse(text)


RULES = st.builds(
    Recurrence,
    frequency=st.sampled_from(["DAILY", "WEEKLY"]),
    interval=st.integers(1, 5),
    count=st.none() | st.integers(1, 30),
) | st.builds(
    Recurrence,
    frequency=st.just("WEEKLY"),
    interval=st.integers(1, 4),
    days=st.lists(st.sampled_from(DAYS), min_size=1, unique=True).map(tuple),
    until=st.none() | st.dates(date(2026, 1, 1), date(2027, 6, 1)),
)
MOMENTS = st.integers(0, 365 * 24 * 60).map(
    lambda minutes: datetime(2026, 1, 1, tzinfo=UTC) + timedelta(minutes=minutes)
)


def one_day_at_a_time(rule, first, zone, low, high):
    """The simplest model: walk the calendar, ask of each day whether the rule wants it."""
    local = first.astimezone(zone).replace(tzinfo=None, fold=0)
    monday = local.date() - timedelta(days=local.weekday())
    found, given = [], 0
    for number in range(700):
        on = local.date() + timedelta(days=number)
        if rule.until is not None and datetime.combine(on, local.time()) > datetime.combine(
            rule.until, time.max
        ):
            break
        if rule.frequency == "DAILY":
            wanted = number % rule.interval == 0
        else:
            week = (on - monday).days // 7
            wanted = week % rule.interval == 0 and (
                DAYS[on.weekday()] in rule.days if rule.days else on.weekday() == local.weekday()
            )
        if not wanted:
            continue
        given += 1
        if rule.count is not None and given > rule.count:
            break
        moment = datetime.combine(on, local.time(), tzinfo=zone).astimezone(UTC)
        if low <= moment < high:
            found.append(moment)
    return found


@settings(max_examples=150, deadline=None)
@given(
    RULES, MOMENTS, st.sampled_from([CAYENNE, PARIS]), st.integers(-20, 200), st.integers(1, 300)
)
def test_recurrence_is_what_walking_the_calendar_gives(rule, first, zone, skipped, length):
    low = first + timedelta(days=skipped)
    high = low + timedelta(days=length)
    found = recurrence.starts(rule, first=first, zone=zone, after=low, before=high)
    assert found == one_day_at_a_time(rule, first, zone, low, high)


@settings(max_examples=100, deadline=None)
@given(RULES)
def test_a_rule_is_read_back_as_it_was_written(rule):
    again = recurrence.parse(rule.to_text())
    assert again == Recurrence(
        rule.frequency,
        rule.interval,
        tuple(sorted(rule.days, key=DAYS.index)),
        rule.count,
        rule.until,
    )


# --- Spans, against sets of minutes ---

MINUTE = timedelta(minutes=1)
SPANS = st.tuples(st.integers(0, 60), st.integers(1, 20)).map(
    lambda each: Span(MONDAY + each[0] * MINUTE, MONDAY + (each[0] + each[1]) * MINUTE)
)


def minutes(*given):
    return {
        int((span.start - MONDAY) / MINUTE) + number
        for span in given
        for number in range(int((span.end - span.start) / MINUTE))
    }


@given(SPANS, SPANS)
def test_two_spans_meet_when_they_share_a_minute(one, other):
    assert one.meets(other) == bool(minutes(one) & minutes(other)) == other.meets(one)


@given(st.lists(SPANS, max_size=8), st.lists(SPANS, max_size=8))
def test_what_is_left_is_what_is_not_taken(whole, taken):
    left = spans.subtract(whole, taken)
    assert minutes(*left) == minutes(*whole) - minutes(*taken)
    merged = spans.merge(whole)
    assert minutes(*merged) == minutes(*whole)
    assert all(a.end < b.start for a, b in pairwise(merged))


@given(SPANS, st.integers(1, 15))
def test_a_span_is_cut_in_whole_pieces(span, length):
    pieces = spans.cut(span, length)
    assert len(pieces) == len(minutes(span)) // length
    assert all(piece.end - piece.start == length * MINUTE for piece in pieces)
    assert minutes(*pieces) <= minutes(span)


def test_there_must_be_time_to_go_from_one_visit_to_the_next():
    morning = Stop(Span(MONDAY, MONDAY + 30 * MINUTE), "97307")
    next_one = Stop(Span(MONDAY + 40 * MINUTE, MONDAY + 60 * MINUTE), "97304")
    late = spans.haste(morning, next_one, 55)
    assert (late.gap_minutes, late.travel_minutes) == (10, 55)
    assert spans.haste(morning, next_one, 10) is None
    assert spans.haste(morning, Stop(next_one.span, ""), 55) is None
    assert spans.neighbours(morning, [next_one]) == (None, next_one)


# --- Who must agree ---


@pytest.mark.parametrize(
    ("role", "place", "expected"),
    [
        ("oneself", 1, ParticipationStatus.ACCEPTED),
        ("the doctor one works for", 2, ParticipationStatus.ACCEPTED),
        ("a colleague of the same structure", 1, ParticipationStatus.ACCEPTED),
        ("somebody else", 2, ParticipationStatus.NEEDS_ACTION),
    ],
)
def test_who_is_asked_and_who_has_agreed(role, place, expected):
    numbers = {"oneself": 10, "the doctor one works for": 11}
    answer = agreement.answer_at_once(
        role_id=numbers.get(role, 99), organization_id=place, actor_roles=(10, 11), actor_place=1
    )
    assert answer == expected


@pytest.mark.parametrize(
    ("answers", "awaits_author", "expected"),
    [
        (["accepted"], False, AppointmentStatus.BOOKED),
        (["accepted", "needs-action"], False, AppointmentStatus.PROPOSED),
        (["accepted", "declined"], False, AppointmentStatus.BOOKED),
        (["declined"], False, AppointmentStatus.CANCELLED),
        (["accepted"], True, AppointmentStatus.PROPOSED),
        (["tentative"], False, AppointmentStatus.PROPOSED),
    ],
)
def test_what_an_appointment_becomes_once_asked(answers, awaits_author, expected):
    assert agreement.status_after(answers, awaits_author=awaits_author) == expected
