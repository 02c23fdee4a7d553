"""A signature traced on a screen: read as numbers only, drawn here under what was agreed."""

import io
import re
import textwrap
from collections.abc import Sequence

from PIL import Image, ImageDraw, ImageFont

from carbet.coordination.documents.rules.content import UnknownContent

# The frame in which the device traces, in its own points; the picture is twice as fine.
WIDTH, HEIGHT = 600, 200
MOST_SIGNS = 60_000
_LEAST_POINTS = 5
_FINE = 2
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
    font = ImageFont.load_default(size=14 * _FINE)
    lines = [part for line in said for part in textwrap.wrap(line, 72) or [""]]
    step, margin = 20 * _FINE, 16 * _FINE
    top = margin + step * len(lines) + margin // 2
    picture = Image.new("RGB", (WIDTH * _FINE + 2 * margin, top + HEIGHT * _FINE + margin), "white")
    pen = ImageDraw.Draw(picture)
    for rank, line in enumerate(lines):
        pen.text((margin, margin + rank * step), line, fill="#222222", font=font)
    frame = (margin, top, margin + WIDTH * _FINE, top + HEIGHT * _FINE)
    pen.rectangle(frame, outline="#999999")
    for stroke in strokes:
        placed = [(margin + x * _FINE, top + y * _FINE) for x, y in stroke]
        if len(placed) == 1:
            x, y = placed[0]
            pen.ellipse((x - _FINE, y - _FINE, x + _FINE, y + _FINE), fill="#10204a")
        else:
            pen.line(placed, fill="#10204a", width=2 * _FINE, joint="curve")
    written = io.BytesIO()
    picture.save(written, "PNG")
    return written.getvalue()
