"""Bytes of a file cut in pieces, sealed one by one, and put together again.

Memory holds one piece at a time, whatever the size. Rank 0 is the small view of an image.
"""

import tempfile
from collections.abc import Iterable, Iterator
from typing import BinaryIO

from carbet.core import sealing

PIECE = 256 * 1024
_IN_MEMORY = 1024 * 1024


def cut(
    content: BinaryIO, *, key: int, file_id: int, kind: str = "file", small: bytes = b""
) -> Iterator[tuple[int, bytes]]:
    """Yield (rank, bytes as kept) of each piece of a file, from its start.

    Args:
        kind: what keeps the file: a piece opens again only where it was cut.
    """
    if small:
        yield 0, sealing.sealed(small, key=key, file_id=file_id, rank=0, kind=kind)
    content.seek(0)
    rank = 0
    while data := content.read(PIECE):
        rank += 1
        yield rank, sealing.sealed(data, key=key, file_id=file_id, rank=rank, kind=kind)


def joined(
    pieces: Iterable[tuple[int, bytes]], *, key: int, file_id: int, kind: str = "file"
) -> BinaryIO:
    """Return the bytes of a file, at their start; beyond a megabyte they wait on disk, nameless.

    Args:
        pieces: (rank, bytes as kept), in order.
    """
    found = tempfile.SpooledTemporaryFile(max_size=_IN_MEMORY)  # noqa: SIM115 - the answer closes it
    for rank, data in pieces:
        found.write(sealing.opened(bytes(data), key=key, file_id=file_id, rank=rank, kind=kind))
    found.seek(0)
    return found  # type: ignore[return-value]
