"""How long one travels between two communes as people do here: road, pirogue, aeroplane.

The legs are facts of a data file; a journey is the shortest path over them, with the time lost
embarking each time one changes to another mode. A straight line says nothing in a territory where
two neighbours may be a day apart (ROR measures those; we never do).
"""

import heapq
import json
from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from itertools import count
from pathlib import Path
from typing import Any

DATA = Path(__file__).parent.parent / "data"
ROAD, TRACK, RIVER, AIR = "road", "track", "river", "air"
MODES = {ROAD: "route", TRACK: "piste", RIVER: "pirogue", AIR: "avion"}
# What one asks for by a single word: a track is a road for whoever has the vehicle.
REACHABLE_BY = {ROAD: frozenset({ROAD, TRACK}), RIVER: frozenset({ROAD, TRACK, RIVER})}
ANY_MODE = frozenset(MODES)


@dataclass(frozen=True, slots=True)
class Journey:
    """The quickest way to a commune: minutes from door to door, and by which modes, in order."""

    minutes: int
    modes: tuple[str, ...]
    often: str
    sure: bool
    two_days: bool = False

    @property
    def caveats(self) -> tuple[str, ...]:
        """What to know before leaving: one sentence for each mode but the ordinary road."""
        if self.modes in ((), (ROAD,)):
            return ()
        said = travel_facts()["caveats"]
        return tuple(said[mode] for mode in dict.fromkeys(self.modes) if mode != ROAD)


@lru_cache(maxsize=1)
def travel_facts() -> dict[str, Any]:
    """Return the data file of legs."""
    facts: dict[str, Any] = json.loads((DATA / "travel.json").read_text(encoding="utf-8"))
    return facts


_OFTEN = {"any": 0, "day": 1, "weekly": 2}


@lru_cache(maxsize=128)
def journeys(origin: str, modes: frozenset[str] = ANY_MODE) -> Mapping[str, Journey]:
    """Return the quickest journey from a commune to each one that these modes reach.

    Args:
        origin: the INSEE code of the commune one leaves; unknown, nothing is reached.
        modes: the ways that may be taken.
    """
    facts = travel_facts()
    legs: dict[str, list[tuple[str, Mapping[str, Any]]]] = {}
    for leg in facts["legs"]:
        first, second = leg["between"]
        legs.setdefault(first, []).append((second, leg))
        legs.setdefault(second, []).append((first, leg))
    if origin not in legs:
        return {}
    # A state is a place and the mode by which one came: changing costs the embarking.
    order = count()
    start = Journey(0, (), "any", True)
    waiting: list[tuple[int, int, str, Journey]] = [(0, next(order), origin, start)]
    reached: dict[tuple[str, str], Journey] = {}
    while waiting:
        _, _, place, journey = heapq.heappop(waiting)
        state = (place, journey.modes[-1] if journey.modes else "")
        if state in reached:
            continue
        reached[state] = journey
        for there, leg in legs[place]:
            if leg["mode"] in modes:
                further = _further(journey, leg, facts["embark"])
                heapq.heappush(waiting, (further.minutes, next(order), there, further))
    best: dict[str, Journey] = {}
    longest = facts["longest_day"][RIVER]
    for (place, _), journey in reached.items():
        known = best.get(place)
        if place in facts["stops"] or (known and known.minutes <= journey.minutes):
            continue
        best[place] = Journey(
            journey.minutes,
            journey.modes,
            journey.often,
            journey.sure,
            RIVER in journey.modes and journey.minutes > longest,
        )
    best[origin] = Journey(facts["inside_commune"], (ROAD,), "any", True)
    return best


def _further(journey: Journey, leg: Mapping[str, Any], embark: Mapping[str, int]) -> Journey:
    mode = leg["mode"]
    changes = not journey.modes or journey.modes[-1] != mode
    return Journey(
        # Each flight has its own boarding; a pirogue or a car goes on.
        journey.minutes + leg["minutes"] + (embark[mode] if changes or mode == AIR else 0),
        (*journey.modes, mode) if changes else journey.modes,
        max(journey.often, leg["often"], key=_OFTEN.__getitem__),
        journey.sure and leg["sure"],
    )


def journey(origin: str, destination: str) -> Journey | None:
    """Return the quickest journey between two communes, or None when one of them is unknown."""
    return journeys(origin).get(destination)


def nearest_first(origin: str, modes: frozenset[str] = ANY_MODE) -> list[tuple[str, int]]:
    """Return the communes that these modes reach from here, with minutes, the nearest first."""
    found = journeys(origin, modes)
    return sorted(((code, each.minutes) for code, each in found.items()), key=lambda pair: pair[1])


def in_words(journey: Journey) -> str:
    """Say a journey: « 3 h 30 par la route », « 5 h 30 en pirogue »."""
    ways = [MODES[mode] for mode in dict.fromkeys(journey.modes)]
    joined = ways[0] if len(ways) == 1 else ", ".join(ways[:-1]) + f" puis {ways[-1]}"
    days = ", sur deux jours" if journey.two_days else ""
    return f"{duration(journey.minutes)} ({joined}{days})"


def duration(minutes: int) -> str:
    """Say minutes as one does: to five minutes under an hour and a half, to a quarter above."""
    if minutes < 60:
        return f"{max(5, round(minutes / 5) * 5)} min"
    step = 5 if minutes < 180 else 15
    hours, rest = divmod(round(minutes / step) * step, 60)
    return f"{hours} h {rest:02d}" if rest else f"{hours} h"
