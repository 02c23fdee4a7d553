"""PDF from outside, opened by another process that may do nothing else: its words, its pages.

A PDF is never given to the reader's browser as it came: its pages are drawn here, as photos are.
"""

import json
import subprocess
import sys
from pathlib import Path

from carbet.coordination.documents.rules.content import UnknownContent

MOST_PAGES = 60
_READER = Path(__file__).with_name("pdf_reader.py")
_SECONDS = 20


def words(content: bytes) -> str:
    """Return the text of the first 60 pages, as far as it is text.

    Raises:
        UnknownContent: damaged, protected, or too long to read.
    """
    return _run(content, "words", "0").decode("utf-8", "replace").replace("\x00", "")


def count(content: bytes) -> int:
    """Return the number of pages.

    Raises:
        UnknownContent: damaged, protected, or too long to read.
    """
    return int(json.loads(_run(content, "count", "0")))


def page(content: bytes, number: int) -> bytes:
    """Return one page, from 1, drawn as a PNG.

    Raises:
        UnknownContent: damaged, protected, or no such page.
    """
    return _run(content, "page", str(number))


def _run(content: bytes, what: str, number: str) -> bytes:
    try:
        done = subprocess.run(
            [sys.executable, "-I", str(_READER), what, number],
            input=content,
            capture_output=True,
            timeout=_SECONDS,
            check=False,
            env={},
        )
    except subprocess.TimeoutExpired as error:
        raise UnknownContent("Ce PDF est trop long à lire.") from error
    if done.returncode != 0:
        raise UnknownContent("Ce PDF est abîmé ou protégé : il ne peut pas être lu ici.")
    return done.stdout
