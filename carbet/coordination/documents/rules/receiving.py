"""A file that comes from outside: measured, known by its bytes, drawn again when it is a photo."""

import hashlib
import io
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
    return Received(content.clean_name(name, kind), kind, sent, size, digest, width, height, small)
