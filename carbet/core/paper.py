"""Lasting pages: a tagged PDF (PDF/A-2a, PDF/UA-1) set from a template and from text only.

What people wrote goes to the page as text, never as instructions of the page.
"""

import json
import re
import unicodedata
from functools import lru_cache
from pathlib import Path
from typing import Any, cast

import typst

STANDARDS = ["a-2a", "ua-1"]
UNPRINTABLE = "□"

MOST_SCRIPTS = 12
# The typesetter names the signs that it has no font for between quotes.
_QUOTED = re.compile(r'the text `"(.+?)"`')

# What no page can show: controls, private letters, halves of letters.
_NOT_TEXT = frozenset({"Cc", "Cs", "Co", "Cn"})
# What the typesetter's own fonts draw on any machine, whatever the fonts around it.
_NOT_ALWAYS_DRAWN = re.compile(
    r"[^\t\n -~\xa0-\u017f\u2009-\u200b\u2010-\u2026\u202f\u20ac\u2192\u25a1]"
)


def pdf(page: Path, name: str, said: dict[str, Any]) -> bytes:
    """Return the PDF of a page; a sign that no font here draws becomes □, and the page says so.

    Args:
        page: the template, which reads `said` as JSON under `name`.
    """
    words = _each(said, _printable)
    missing: set[str] = set()
    for _ in range(MOST_SCRIPTS):
        try:
            return _compile(page, name, words | {"unprintable": bool(missing)})
        except typst.TypstError as error:
            named = set("".join(_QUOTED.findall(error.message)))
            if not named - missing:
                break
            scripts = {_script(letter) for letter in named}
            missing |= named
            words = _each(words, lambda text, gone=scripts: _without(text, gone))
    words = _each(words, lambda text: _NOT_ALWAYS_DRAWN.sub(UNPRINTABLE, text))
    return _compile(page, name, words | {"unprintable": True})


def png(page: Path, name: str, said: dict[str, Any], *, ppi: int) -> bytes:
    """Return the picture of a page of text; a sign that no font here draws shows as a box."""
    compiler = _compiler(page, name, _each(said, _printable))
    return cast("bytes", compiler.compile(format="png", ppi=ppi))


def _compile(page: Path, name: str, said: dict[str, Any]) -> bytes:
    compiler = _compiler(page, name, said)
    return cast("bytes", compiler.compile(format="pdf", pdf_standards=cast("Any", STANDARDS)))


def _compiler(page: Path, name: str, said: dict[str, Any]) -> typst.Compiler:
    return typst.Compiler(
        page, font_paths=_fonts(), sys_inputs={name: json.dumps(said, ensure_ascii=False)}
    )


@lru_cache(maxsize=1)
def _fonts() -> typst.Fonts:
    """Find the fonts once: the typesetter's own, then this machine's for other scripts."""
    return typst.Fonts()


def _printable(text: str) -> str:
    """Return the text without what is no letter in any script."""
    return "".join(
        letter
        for letter in unicodedata.normalize("NFC", text)
        if letter in "\n\t" or unicodedata.category(letter) not in _NOT_TEXT
    )


def _script(letter: str) -> str:
    """Return the first word of the letter's Unicode name: its script, or the drawing itself."""
    return unicodedata.name(letter, letter).split()[0]


def _without(text: str, scripts: set[str]) -> str:
    return "".join(
        UNPRINTABLE if ord(letter) > 127 and _script(letter) in scripts else letter
        for letter in text
    )


def _each(value: Any, clean: Any) -> Any:
    if isinstance(value, str):
        return clean(value)
    if isinstance(value, list):
        return [_each(item, clean) for item in value]
    if isinstance(value, dict):
        return {key: _each(item, clean) for key, item in value.items()}
    return value
