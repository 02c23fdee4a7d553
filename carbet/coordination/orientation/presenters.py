"""What pages show of a search: answers in words, the form as understood, the map."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from django.urls import reverse

from carbet.coordination.orientation.choices import Kind, Way
from carbet.coordination.orientation.queries import Capacity, Found, Options, Result
from carbet.coordination.orientation.rules import labels, travel
from carbet.core.identifiers import from_short_id, short_id

EXAMPLES = (
    "botox",
    "kiné à domicile",
    "rééducation après AVC",
    "dialyse",
    "place en EHPAD",
    "pharmacie ouverte dimanche",
)
_ICONS = {Kind.SERVICE: "stethoscope", Kind.PLACE: "hospital", Kind.ROLE: "person"}
MOST_ACTS = 5


@dataclass(frozen=True)
class Answer:
    """One answer as a page shows it."""

    name: str
    href: str
    icon: str
    kind: str
    what: str
    where: str
    journey: str
    caveats: tuple[str, ...]
    sure: bool
    acts: str
    opening: str
    opening_tone: str
    capacities: tuple[Capacity, ...]
    phone: str
    secure_email: str
    synthetic: bool
    comment: str
    destination: str


def answers(found: Found) -> list[Answer]:
    """Return what is shown of each answer."""
    when = f" {found.question.when.said}" if found.question.when else ""
    return [_answer(result, when) for result in found.results]


def _answer(result: Result, when: str) -> Answer:
    kind = Kind(result.kind)
    place = result.organization if result.organization != result.name else ""
    acts = list(result.acts[:MOST_ACTS])
    if len(result.acts) > MOST_ACTS:
        acts.append(f"{len(result.acts) - MOST_ACTS} autres")
    journey = result.journey
    return Answer(
        name=result.name,
        href=destination_page(result.kind, result.target, result),
        icon=_ICONS[kind],
        kind=str(kind.label),
        what=result.detail if result.detail != result.name else "",
        where=", ".join(
            part
            for part, told in ((place, result.name), (result.commune_name, result.name + place))
            if part and part not in told
        ),
        journey=result.journey_in_words,
        caveats=() if result.at_home or journey is None else journey.caveats,
        sure=result.at_home or (journey is not None and journey.sure),
        acts=", ".join(acts),
        opening="" if result.is_open is None else ("Ouvert" if result.is_open else "Fermé") + when,
        opening_tone="success" if result.is_open else "neutral",
        capacities=result.capacities,
        phone=result.phone,
        secure_email=result.secure_email,
        synthetic=result.synthetic,
        comment=result.comment,
        destination=f"{result.kind}-{short_id(result.target)}",
    )


def notes(found: Found) -> list[str]:
    """Say what was understood of a question besides its words."""
    question, said = found.question, []
    if question.way:
        said.append(f"{Way(question.way).label}.")
    if question.open_now:
        said.append("Ceux qui se disent ouverts maintenant.")
    if question.when:
        said.append(f"Ceux qui disent ouvrir alors ({question.when.said}) viennent d’abord.")
    return said


def destination_page(kind: str, target: int, found: Any) -> str:
    """Return the address of the page of the directory about a destination."""
    if kind == Kind.ROLE:
        return reverse("directory:role", args=[target])
    page = reverse("directory:organization", args=[found.organization_id])
    return f"{page}#service-{target}" if kind == Kind.SERVICE else page


def read_destination(said: str) -> tuple[str, int]:
    """Read a destination of an address; what is not one leads nowhere."""
    kind, _, short = said.partition("-")
    try:
        return (kind, from_short_id(short)) if kind in Kind.values else ("", 0)
    except ValueError:
        return "", 0


# --- The map ------------------------------------------------------------------------------------

# Left, top, right and bottom of the view box.
_BOUNDS = (14.0, 2.0, 310.0, 274.0)
_SMALL = 2.5
_WEST, _NORTH, _SCALE = -54.72, 5.92, 94.0


@dataclass(frozen=True)
class Point:
    """One commune on the map, in the units of its view box, as SVG writes them."""

    x: str
    y: str
    radius: str
    # Around the place one leaves.
    ring: str
    name: str
    count: int
    is_origin: bool
    href: str
    label_x: str
    label_y: str
    anchor: str
    # From the circle to a name that stands apart.
    leader: str


@dataclass(frozen=True)
class Map:
    """Communes as points, the ways between them as lines by mode, and where the answers are."""

    points: list[Point]
    ways: list[tuple[str, str]]
    told: str


def drawn_map(found: Found, options: Options, *, address: Callable[..., str]) -> Map:
    """Return the map of the answers on this page, by commune.

    Args:
        address: gives the address of this search narrowed to a commune.
    """
    places = {
        code: (round((longitude - _WEST) * _SCALE, 1), round((_NORTH - latitude) * _SCALE, 1))
        for code, (latitude, longitude) in options.points.items()
    }
    shown = [(code, name) for code, name in options.communes if code in places]
    radii = {code: 5.0 + min(found.communes.get(code, 0), 9) for code in found.communes}
    named = sorted(
        (each for each in shown if each[0] in radii or each[0] == found.origin),
        key=lambda each: -found.communes.get(each[0], 0),
    )
    spots = [labels.Spot(*places[code], radii.get(code, _SMALL) + 3, name) for code, name in named]
    named_at = dict(
        zip((code for code, _ in named), labels.placed(spots, bounds=_BOUNDS), strict=True)
    )
    points = [
        _point(
            name,
            places[code],
            radii.get(code, _SMALL),
            found.communes.get(code, 0),
            is_origin=code == found.origin,
            label=named_at.get(code),
            href=address(commune=code) if code in radii else "",
        )
        for code, name in shown
    ]
    told = ", ".join(
        f"{point.name} {point.count}"
        for point in sorted(points, key=lambda point: -point.count)
        if point.count
    )
    drawn = dict.fromkeys(travel.MODES, "")
    for leg in travel.travel_facts()["legs"]:
        ends = [places[code] for code in leg["between"] if code in places]
        if len(ends) == 2:
            (x, y), (u, v) = ends
            drawn[leg["mode"]] += f"M{x:g} {y:g}L{u:g} {v:g}"
    ways = [(mode, path) for mode, path in drawn.items() if path]
    return Map(points, ways, told)


def _point(
    name: str,
    place: tuple[float, float],
    radius: float,
    count: int,
    *,
    is_origin: bool,
    label: labels.Label | None,
    href: str,
) -> Point:
    x, y = place
    label_x, label_y = (label.x, label.y) if label else (x, y)
    return Point(
        x=f"{x:g}",
        y=f"{y:g}",
        radius=f"{radius:g}",
        ring=f"{radius + 3:g}",
        name=name,
        count=count,
        is_origin=is_origin,
        href=href,
        label_x=f"{label_x:g}",
        label_y=f"{label_y + 4:g}",
        anchor="end" if label and label.to_the_left else "start",
        leader=f"M{x:g} {y:g}L{label_x:g} {label_y:g}" if label and label.is_led else "",
    )
