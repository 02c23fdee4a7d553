"""A signature traced on a screen: read as numbers only, drawn here under what was agreed."""

import re
from collections.abc import Sequence
from pathlib import Path

from carbet.coordination.documents.rules.content import UnknownContent
from carbet.core import paper

PAGE = Path(__file__).resolve().parents[1] / "templates/documents/signature.typ"

# The frame in which the device traces, in its own points; the picture is twice as fine.
WIDTH, HEIGHT = 600, 200
MOST_SIGNS = 60_000
_LEAST_POINTS = 5
_FINE = 144  # dots an inch
_STROKES = re.compile(r"[0-9]{1,3},[0-9]{1,3}(?:[ ;][0-9]{1,3},[0-9]{1,3})*")

Strokes = list[list[tuple[int, int]]]


def read(text: str) -> Strokes:
    """Return the strokes of "x,y x,y;x,y …", each a list of points inside the frame.

    Raises:
        UnknownContent: too long, out of the frame, or hardly a dot.
    """
    if len(text) > MOST_SIGNS:
        raise UnknownContent("Cette signature est trop longue : effacez-la, puis recommencez.")
    if not _STROKES.fullmatch(text):
        raise UnknownContent("Cette signature est illisible : effacez-la, puis recommencez.")
    strokes = [
        [(int(x), int(y)) for x, y in (point.split(",") for point in stroke.split(" "))]
        for stroke in text.split(";")
    ]
    points = {point for stroke in strokes for point in stroke}
    if any(x > WIDTH or y > HEIGHT for x, y in points):
        raise UnknownContent("Cette signature sort du cadre : effacez-la, puis recommencez.")
    if len(points) < _LEAST_POINTS:
        raise UnknownContent("Signez d’un trait, dans le cadre.")
    return strokes


def draw(strokes: Strokes, said: Sequence[str]) -> bytes:
    """Return a PNG: what was agreed, line by line, and the signature under it."""
    words = {"width": WIDTH, "height": HEIGHT, "lines": list(said), "strokes": strokes}
    return paper.png(PAGE, "said", words, ppi=_FINE)
