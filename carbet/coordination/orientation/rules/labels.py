"""Where the names of places stand on a drawn map, so that none covers another."""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import product

# Of the letters that a map is written in, in its units.
LETTER, LINE = 6.0, 11.0
_GAP = 4.0
_STEPS = (0, -1, 1, -2, 2, -3, 3, -4, 4)

Box = tuple[float, float, float, float]


@dataclass(frozen=True, slots=True)
class Spot:
    """A place drawn as a circle, with its name."""

    x: float
    y: float
    radius: float
    name: str


@dataclass(frozen=True, slots=True)
class Label:
    """Where a name stands: its end nearest to the place, and on which side it is written."""

    x: float
    y: float
    to_the_left: bool
    # Too far from its circle to be understood without a line.
    is_led: bool


def placed(spots: Sequence[Spot], *, bounds: Box) -> list[Label]:
    """Return the label of each spot, the first ones placed first.

    Args:
        bounds: left, top, right and bottom of the map.
    """
    circles = [(s.x - s.radius, s.y - s.radius, s.x + s.radius, s.y + s.radius) for s in spots]
    taken: list[Box] = []
    found = []
    for rank, spot in enumerate(spots):
        width = LETTER * len(spot.name)
        away = spot.radius + _GAP
        left_first = spot.x > (bounds[0] + bounds[2]) / 2
        others = [*taken, *circles[:rank], *circles[rank + 1 :]]
        choices = [
            (_box(spot, width, away, step * LINE, to_the_left=left), step, left)
            for step, left in product(_STEPS, (left_first, not left_first))
        ]
        # Where nothing is free, the nearest place on the better side.
        box, step, left = next(
            (each for each in choices if _is_free(each[0], others, bounds)), choices[0]
        )
        taken.append(box)
        found.append(
            Label(box[2] if left else box[0], spot.y + step * LINE, left, is_led=step != 0)
        )
    return found


def _box(spot: Spot, width: float, away: float, lower: float, *, to_the_left: bool) -> Box:
    start = spot.x - away - width if to_the_left else spot.x + away
    middle = spot.y + lower
    return start, middle - LINE / 2, start + width, middle + LINE / 2


def _is_free(box: Box, others: Sequence[Box], bounds: Box) -> bool:
    within = box[0] >= bounds[0] and box[2] <= bounds[2]
    within = within and box[1] >= bounds[1] and box[3] <= bounds[3]
    return within and not any(
        box[0] < other[2] and other[0] < box[2] and box[1] < other[3] and other[1] < box[3]
        for other in others
    )
