"""A week in the words of a door."""

from datetime import date, time

import pytest

from carbet.registries.directory.rules import opening
from carbet.registries.directory.rules.opening import Stretch

DAY = date(2026, 11, 27)


def at(hour, minute=0):
    return time(hour, minute)


CASES = {
    "nothing said": ([], []),
    "days alike": (
        [Stretch(day, at(8), at(17)) for day in (1, 2, 3, 4, 5)],
        [("lundi au vendredi", "8 h à 17 h")],
    ),
    "a pause, and a Saturday apart": (
        [
            *(Stretch(day, at(14), at(18, 30)) for day in (1, 2)),
            *(Stretch(day, at(8), at(12)) for day in (1, 2)),
            Stretch(6, at(8), at(12)),
        ],
        [("lundi et mardi", "8 h à 12 h, 14 h à 18 h 30"), ("samedi", "8 h à 12 h")],
    ),
    "alike but not in a row": (
        [Stretch(1, at(8), at(12)), Stretch(3, at(8), at(12))],
        [("lundi", "8 h à 12 h"), ("mercredi", "8 h à 12 h")],
    ),
    "always": ([Stretch(day) for day in range(1, 8)], [("tous les jours", "jour et nuit")]),
    "always, as the ROR says it": (
        [Stretch(day, at(0), at(23, 59)) for day in range(1, 8)],
        [("tous les jours", "jour et nuit")],
    ),
    "over midnight": ([Stretch(5, at(20), at(2))], [("vendredi", "20 h à 2 h")]),
    "no longer, and not yet": (
        [
            Stretch(1, at(8), at(9), valid_until=DAY),
            Stretch(2, at(8), at(9), valid_from=date(2026, 11, 28)),
            Stretch(3, at(8), at(9), valid_from=DAY, valid_until=date(2026, 11, 28)),
        ],
        [("mercredi", "8 h à 9 h")],
    ),
}


@pytest.mark.parametrize("case", CASES)
def test_a_week_is_told_by_days_alike(case):
    stretches, told = CASES[case]
    said = [(days, hours.replace("\u00a0", " ")) for days, hours in opening.week(stretches, on=DAY)]
    assert said == told
