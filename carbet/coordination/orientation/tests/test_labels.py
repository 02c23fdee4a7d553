"""Names on the map: each is written once, and none covers another nor a circle."""

from itertools import combinations

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from carbet.coordination.orientation.rules import labels
from carbet.coordination.orientation.rules.labels import LETTER, LINE, Spot

BOUNDS = (14.0, 2.0, 310.0, 274.0)
# The island of Cayenne, where four communes stand within a few units.
ISLAND = (
    Spot(225, 92, 14, "Cayenne"),
    Spot(224, 100, 8, "Matoury"),
    Spot(211, 87, 6, "Macouria"),
    Spot(230, 98, 6, "Remire-Montjoly"),
)


def box(spot, label):
    width = LETTER * len(spot.name)
    left = label.x - width if label.to_the_left else label.x
    return left, label.y - LINE / 2, left + width, label.y + LINE / 2


def cover(one, other):
    return one[0] < other[2] and other[0] < one[2] and one[1] < other[3] and other[1] < one[3]


def test_neighbours_do_not_cover_one_another():
    boxes = [
        box(spot, label)
        for spot, label in zip(ISLAND, labels.placed(ISLAND, bounds=BOUNDS), strict=True)
    ]
    assert not any(cover(one, other) for one, other in combinations(boxes, 2))
    assert all(BOUNDS[0] <= each[0] and each[2] <= BOUNDS[2] for each in boxes)


def test_a_place_alone_has_its_name_beside_it():
    [east] = labels.placed(ISLAND[:1], bounds=BOUNDS)
    assert (east.to_the_left, east.is_led, east.y) == (True, False, 92)
    [west] = labels.placed([Spot(40, 210, 5, "Maripasoula")], bounds=BOUNDS)
    assert (west.to_the_left, west.x) == (False, 49)


SPOTS = st.builds(
    Spot,
    st.floats(20, 300),
    st.floats(10, 265),
    st.floats(2.5, 14),
    st.text("abc", min_size=1, max_size=25),
)


# A slow machine is no fault of the map.
@settings(suppress_health_check=[HealthCheck.too_slow], deadline=None)
@given(st.lists(SPOTS, max_size=12))
def test_each_place_has_one_name_whatever_the_crowd(spots):
    assert len(labels.placed(spots, bounds=BOUNDS)) == len(spots)
