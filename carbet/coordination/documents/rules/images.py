"""Photos, drawn again: what comes out holds the picture and nothing that travelled with it.

Place, date, device and thumbnails of the camera, colour profiles, bytes hidden after the picture:
none of them survives, since only the points are kept.
"""

import io
import warnings
from collections.abc import Sequence
from typing import BinaryIO

from PIL import Image, ImageOps, UnidentifiedImageError

from carbet.coordination.documents.rules.content import GIF, JPEG, PNG, UnknownContent

LARGEST_SIDE = 2560
MOST_POINTS = 60_000_000
SMALL_SIDE = 320
_FORMATS = ("JPEG", "PNG", "WEBP", "GIF")


def redraw(content: BinaryIO, media_type: str) -> tuple[str, bytes, int, int, bytes]:
    """Return (media type, bytes, width, height, small view as JPEG) of a photo drawn again.

    Raises:
        UnknownContent: damaged, or so large that drawing it would exhaust the machine.
    """
    content.seek(0)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("error", Image.DecompressionBombWarning)
            with Image.open(content, formats=_FORMATS) as opened:
                if opened.width * opened.height > MOST_POINTS:
                    raise UnknownContent("Cette image a trop de points : 60 millions au plus.")
                # A photo far larger than kept is read at a lower scale at once.
                opened.draft("RGB", (LARGEST_SIDE, LARGEST_SIDE))
                upright = ImageOps.exif_transpose(opened)
                drawn = media_type in (PNG, GIF)
                picture = _plain(upright, see_through=drawn)
    except UnknownContent:
        raise
    except (
        UnidentifiedImageError,
        Image.DecompressionBombError,
        Image.DecompressionBombWarning,
        OSError,
        ValueError,
        SyntaxError,
        EOFError,
        OverflowError,
        MemoryError,
    ) as error:
        raise UnknownContent("Cette image est abîmée, ou trop grande pour être lue.") from error
    picture.thumbnail((LARGEST_SIDE, LARGEST_SIDE), Image.Resampling.LANCZOS)
    small = _plain(picture)
    small.thumbnail((SMALL_SIDE, SMALL_SIDE), Image.Resampling.LANCZOS)
    kind = PNG if drawn else JPEG
    return kind, _written(picture, kind), picture.width, picture.height, _written(small, JPEG, 70)


def _plain(picture: Image.Image, *, see_through: bool = False) -> Image.Image:
    """Return the points alone, on white where one could see through unless that is to be kept."""
    has_alpha = "A" in picture.getbands() or "transparency" in picture.info
    if not has_alpha:
        fresh = picture.convert("RGB")
    elif see_through:
        fresh = picture.convert("RGBA")
    else:
        over = picture.convert("RGBA")
        fresh = Image.new("RGB", over.size, "white")
        fresh.paste(over, mask=over.getchannel("A"))
    fresh.info = {}
    return fresh


def _written(picture: Image.Image, media_type: str, quality: int = 85) -> bytes:
    written = io.BytesIO()
    if media_type == PNG:
        picture.save(written, "PNG", compress_level=6)
    else:
        picture.save(written, "JPEG", quality=quality, progressive=True)
    return written.getvalue()


def bind(photos: Sequence[BinaryIO]) -> bytes:
    """Return a PDF of which each page is one photo, already drawn again."""
    pages = []
    for photo in photos:
        photo.seek(0)
        with Image.open(photo, formats=_FORMATS) as opened:
            pages.append(_plain(opened))
    written = io.BytesIO()
    pages[0].save(
        written, "PDF", save_all=True, append_images=pages[1:], resolution=200, quality=80
    )
    return written.getvalue()
