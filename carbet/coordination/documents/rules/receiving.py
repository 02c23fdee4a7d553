"""A file that comes from outside: measured, known by its bytes, drawn again when it is a photo."""

import hashlib
import io
from collections.abc import Sequence
from dataclasses import dataclass
from typing import BinaryIO

from carbet.coordination.documents.rules import content, images
from carbet.coordination.documents.rules.content import UnknownContent


@dataclass(frozen=True, slots=True)
class Received:
    """A file that may be kept: its true type, a clean name, its bytes and its small view."""

    name: str
    media_type: str
    content: BinaryIO
    size: int
    digest: str
    width: int | None = None
    height: int | None = None
    small: bytes = b""


def receive(name: str, sent: BinaryIO, size: int) -> Received:
    """Return what may be kept of a file that somebody sends under a name.

    Raises:
        UnknownContent: too long, empty, damaged, or of a type that is not kept.
    """
    if size > content.LARGEST_FILE:
        raise UnknownContent(content.too_long(size))
    kind = content.sniff(sent)
    width = height = None
    small = b""
    if kind in content.IMAGES:
        kind, drawn, width, height, small = images.redraw(sent, kind)
        sent, size = io.BytesIO(drawn), len(drawn)
    sent.seek(0)
    digest = hashlib.file_digest(sent, "sha256").hexdigest()
    # A long file comes on disk, and is at its end once it is read; one in memory is not.
    sent.seek(0)
    return Received(content.clean_name(name, kind), kind, sent, size, digest, width, height, small)


def assemble(photos: Sequence[Received], title: str = "") -> Received:
    """Return one PDF whose pages are these photos, in their order: a paper photographed.

    Raises:
        UnknownContent: one of them is no photo, or together they are too long.
    """
    if any(photo.media_type not in content.IMAGES for photo in photos):
        raise UnknownContent("Seules des photos se réunissent en un PDF.")
    written = images.bind([photo.content for photo in photos])
    if len(written) > content.LARGEST_FILE:
        raise UnknownContent(content.too_long(len(written)))
    return receive(title or photos[0].name, io.BytesIO(written), len(written))
