"""What is true of alerts: who is told by which way, when it is too late to ring, who comes next."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, time, timedelta
from zoneinfo import ZoneInfo

from carbet.coordination.alerts.choices import AlertKind, Channel, PersonChoice

CIRCLE, ON_DUTY = "circle", "on_duty"

# What an urgent alert climbs when nobody reads it. What waits for a team has no circle yet; an
# exceptional entry is reviewed, it does not wake anybody.
_CHAINS: Mapping[str, tuple[str, ...]] = {
    AlertKind.SUPPORT_REQUEST: (ON_DUTY,),
    AlertKind.GLASS: (),
    # A thread is open to those inside only: nobody else could answer in it.
    AlertKind.URGENT_MESSAGE: (),
}
_CHAIN = (CIRCLE, ON_DUTY)


@dataclass(frozen=True)
class Wishes:
    """How a user wants to be told; the defaults are what everybody has without choosing."""

    channels: Mapping[str, list[str]] = field(default_factory=dict)
    for_structure: bool = True
    has_phone: bool = False
    quiet: bool = True
    quiet_from: time = time(20)
    quiet_until: time = time(7)
    urgent_passes: bool = True
    time_zone: str = "America/Cayenne"


def chain(kind: str) -> tuple[str, ...]:
    """Return whom an urgent alert of this kind climbs to, in order, when nobody reads it."""
    return _CHAINS.get(kind, _CHAIN)


def next_step_at(
    kind: str, *, step: int, now: datetime, minutes: tuple[float, ...]
) -> datetime | None:
    """Return when the step after `step` comes, or None when there is none.

    Args:
        minutes: how long each step waits; the last one serves those beyond.
    """
    if step >= len(chain(kind)) or not minutes:
        return None
    return now + timedelta(minutes=minutes[min(step, len(minutes) - 1)])


def default_channels(*, urgent: bool) -> frozenset[str]:
    """Return the ways by which everybody is told without choosing: never silent by default."""
    return frozenset({Channel.PUSH, Channel.MAIL, Channel.SMS} if urgent else {Channel.PUSH})


def channels(
    wishes: Wishes,
    *,
    kind: str,
    urgent: bool,
    personal: bool,
    person: str = PersonChoice.ALL,
) -> frozenset[str]:
    """Return by which ways an alert leaves the screen for a user.

    Args:
        personal: addressed to the user, not to the user's structure.
        person: what the user chose for the person it is about.
    """
    if person == PersonChoice.NONE or (person == PersonChoice.URGENT and not urgent):
        return frozenset()
    if not personal and not wishes.for_structure:
        return frozenset()
    chosen = wishes.channels.get(kind)
    ways = default_channels(urgent=urgent) if chosen is None else frozenset(chosen)
    if not personal:
        # A whole structure is not written to for what one of its members will read.
        ways &= {Channel.PUSH}
    return ways if wishes.has_phone else ways - {Channel.SMS}


def quiet_until(wishes: Wishes, *, at: datetime) -> datetime | None:
    """Return when the quiet hours that `at` falls in end, or None outside of them.

    They are hours of the user's own zone; those that pass midnight end the next morning.
    """
    begin, end = wishes.quiet_from, wishes.quiet_until
    if not wishes.quiet or begin == end:
        return None
    zone = ZoneInfo(wishes.time_zone)
    local = at.astimezone(zone)
    clock = local.time()
    if begin < end:
        if not begin <= clock < end:
            return None
        day = local.date()
    elif clock >= begin:
        day = local.date() + timedelta(days=1)
    elif clock < end:
        day = local.date()
    else:
        return None
    return datetime.combine(day, end, tzinfo=zone)


def told_at(wishes: Wishes, *, urgent: bool, at: datetime) -> datetime:
    """Return when an alert raised at `at` may ring: now, or after the quiet hours."""
    if urgent and wishes.urgent_passes:
        return at
    return quiet_until(wishes, at=at) or at


def words(*, count: int, urgent: int) -> str:
    """Return the sentence of a notice: how many, never what nor about whom."""
    if urgent == 1 == count:
        return "Une alerte urgente vous attend."
    if urgent:
        noun = "urgente vous attend" if urgent == 1 else "urgentes vous attendent"
        others = count - urgent
        also = f", et {others} autre{'s' if others > 1 else ''}" if others else ""
        return f"{urgent} alerte{'s' if urgent > 1 else ''} {noun}{also}."
    return "Une alerte vous attend." if count == 1 else f"{count} alertes vous attendent."
