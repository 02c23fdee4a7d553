"""Who is told by which way, when it is too late to ring, who comes next: tables to read."""

from datetime import UTC, datetime, time, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from carbet.coordination.alerts import rules
from carbet.coordination.alerts.choices import AlertKind
from carbet.registries.accounts.choices import TIME_ZONES

DEFAULT = rules.Wishes()
WITH_PHONE = rules.Wishes(has_phone=True)


@pytest.mark.parametrize(
    ("wishes", "kind", "urgent", "personal", "person", "told"),
    [
        (DEFAULT, "urgent_note", True, True, "all", {"push", "mail"}),
        (WITH_PHONE, "urgent_note", True, True, "all", {"push", "mail", "sms"}),
        (DEFAULT, "note", False, True, "all", {"push"}),
        (rules.Wishes(channels={"note": ["mail"]}), "note", False, True, "all", {"mail"}),
        (rules.Wishes(channels={"note": []}), "note", False, True, "all", set()),
        (rules.Wishes(channels={"note": ["sms"]}), "note", False, True, "all", set()),
        (DEFAULT, "note", False, True, "urgent", set()),
        (DEFAULT, "urgent_note", True, True, "urgent", {"push", "mail"}),
        (DEFAULT, "urgent_note", True, True, "none", set()),
        (WITH_PHONE, "support_request", True, False, "all", {"push"}),
        (rules.Wishes(for_structure=False), "support_request", True, False, "all", set()),
    ],
)
def test_by_which_ways(wishes, kind, urgent, personal, person, told):
    found = rules.channels(wishes, kind=kind, urgent=urgent, personal=personal, person=person)
    assert found == told


CAYENNE, PARIS = ZoneInfo("America/Cayenne"), ZoneInfo("Europe/Paris")


@pytest.mark.parametrize(
    ("begin", "end", "zone", "at", "until"),
    [
        ("20:00", "07:00", CAYENNE, "2026-11-22 19:59", None),
        ("20:00", "07:00", CAYENNE, "2026-11-22 20:00", "2026-11-23 07:00"),
        ("20:00", "07:00", CAYENNE, "2026-11-23 06:59", "2026-11-23 07:00"),
        ("20:00", "07:00", CAYENNE, "2026-11-23 07:00", None),
        ("12:00", "14:00", CAYENNE, "2026-11-22 13:00", "2026-11-22 14:00"),
        ("12:00", "14:00", CAYENNE, "2026-11-22 14:00", None),
        ("08:00", "08:00", CAYENNE, "2026-11-22 08:00", None),
        # The night when clocks change in Paris is an hour longer, and ends at seven all the same.
        ("20:00", "07:00", PARIS, "2026-10-24 23:00", "2026-10-25 07:00"),
        ("20:00", "07:00", PARIS, "2026-03-28 23:00", "2026-03-29 07:00"),
    ],
)
def test_quiet_hours_are_those_of_the_user_s_zone(begin, end, zone, at, until):
    wishes = rules.Wishes(
        quiet_from=time.fromisoformat(begin),
        quiet_until=time.fromisoformat(end),
        time_zone=zone.key,
    )
    moment = datetime.fromisoformat(at).replace(tzinfo=zone)
    expected = datetime.fromisoformat(until).replace(tzinfo=zone) if until else None
    assert rules.quiet_until(wishes, at=moment.astimezone(UTC)) == expected


def test_the_same_instant_is_night_in_paris_and_evening_in_cayenne():
    at = datetime(2026, 11, 22, 21, 30, tzinfo=UTC)
    paris = rules.Wishes(time_zone="Europe/Paris")
    assert rules.quiet_until(DEFAULT, at=at) is None
    assert rules.quiet_until(paris, at=at) == datetime(2026, 11, 23, 6, 0, tzinfo=UTC)


@given(
    at=st.datetimes(
        min_value=datetime(2026, 1, 1),  # noqa: DTZ001 - hypothesis adds the zone
        max_value=datetime(2028, 1, 1),  # noqa: DTZ001 - the same
        timezones=st.just(UTC),
    ),
    begin=st.times(),
    end=st.times(),
    zone=st.sampled_from([code for code, _ in TIME_ZONES]),
)
def test_quiet_hours_end_later_within_a_day_and_do_not_begin_again(at, begin, end, zone):
    wishes = rules.Wishes(quiet_from=begin, quiet_until=end, time_zone=zone)
    until = rules.quiet_until(wishes, at=at)
    if until is None:
        return
    # A day may last 25 hours where clocks change.
    assert timedelta() < until - at <= timedelta(hours=25)
    assert rules.quiet_until(wishes, at=until) is None
    assert until.astimezone(ZoneInfo(zone)).time() == end


@pytest.mark.parametrize(
    ("urgent", "passes", "rings_now"),
    [(True, True, True), (True, False, False), (False, True, False)],
)
def test_what_rings_at_night(urgent, passes, rings_now):
    night = datetime(2026, 11, 22, 23, 30, tzinfo=CAYENNE)
    wishes = rules.Wishes(urgent_passes=passes)
    assert (rules.told_at(wishes, urgent=urgent, at=night) == night) == rings_now


@pytest.mark.parametrize(
    ("kind", "chain"),
    [
        (AlertKind.URGENT_NOTE, ("circle", "on_duty")),
        (AlertKind.SUPPORT_REQUEST, ("on_duty",)),
        (AlertKind.GLASS, ()),
    ],
)
def test_whom_an_urgent_alert_climbs_to(kind, chain):
    now = datetime(2026, 11, 22, 12, tzinfo=UTC)
    assert rules.chain(kind) == chain
    for step in range(len(chain)):
        after = rules.next_step_at(kind, step=step, now=now, minutes=(15, 30))
        assert after == now + timedelta(minutes=(15, 30)[step])
    assert rules.next_step_at(kind, step=len(chain), now=now, minutes=(15, 30)) is None


@pytest.mark.parametrize(
    ("count", "urgent", "said"),
    [
        (1, 0, "Une alerte vous attend."),
        (3, 0, "3 alertes vous attendent."),
        (1, 1, "Une alerte urgente vous attend."),
        (2, 1, "1 alerte urgente vous attend, et 1 autre."),
        (5, 2, "2 alertes urgentes vous attendent, et 3 autres."),
        (2, 2, "2 alertes urgentes vous attendent."),
    ],
)
def test_a_notice_says_how_many_and_nothing_else(count, urgent, said):
    assert rules.words(count=count, urgent=urgent) == said
