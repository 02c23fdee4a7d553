"""Bytes kept at rest, sealed when the house was given keys: AES-256-GCM, one key number a file.

`CARBET_FILE_KEYS` is "2:<base64 of 32 bytes> 1:<base64 …>": the first one seals, all of them open.
Without keys bytes are kept as they came, number 0: the disk's own encryption protects them.
"""

import base64
import os

from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from django.conf import settings
from django.core.exceptions import ImproperlyConfigured

_NONCE = 12


def sealing_key() -> int:
    """Return the number of the key that seals what is written now, 0 when there is none."""
    return next(iter(_keys()), 0)


def sealed(data: bytes, *, key: int, file_id: int, rank: int, kind: str = "file") -> bytes:
    """Return the bytes as kept: they open again only as this piece of this kind of file."""
    if not key:
        return data
    nonce = os.urandom(_NONCE)
    return nonce + AESGCM(_keys()[key]).encrypt(nonce, data, _place(kind, file_id, rank))


def opened(data: bytes, *, key: int, file_id: int, rank: int, kind: str = "file") -> bytes:
    """Return the bytes that were sealed.

    Raises:
        ImproperlyConfigured: the key is not among those given.
        cryptography.exceptions.InvalidTag: they were changed, or moved from elsewhere.
    """
    if not key:
        return data
    keys = _keys()
    if key not in keys:
        raise ImproperlyConfigured(
            f"CARBET_FILE_KEYS has no key {key}: some files cannot be opened"
        )
    return AESGCM(keys[key]).decrypt(data[:_NONCE], data[_NONCE:], _place(kind, file_id, rank))


def _place(kind: str, file_id: int, rank: int) -> bytes:
    return f"carbet {kind} {file_id} {rank}".encode()


def _keys() -> dict[int, bytes]:
    found = {}
    for word in settings.CARBET_FILE_KEYS:
        number, _, text = word.partition(":")
        key = base64.b64decode(text)
        if not number.isdigit() or int(number) < 1 or len(key) != 32:
            raise ImproperlyConfigured("CARBET_FILE_KEYS: number:base64 of 32 bytes, from 1")
        found[int(number)] = key
    return found
