"""The words of a file, for the search: without accents, each once, bounded."""

import re
import unicodedata

MOST_SIGNS = 400_000
_WORD = re.compile(r"[^\W_]{2,40}")


def words_of(text: str) -> str:
    """Return the words of a text, folded, each once, in order, for `to_tsvector('simple', …)`."""
    return " ".join(dict.fromkeys(_WORD.findall(folded(text[:MOST_SIGNS]))))


def asked(text: str) -> str:
    """Return the query "every word, by its beginning" of what somebody types; nothing without."""
    found = list(dict.fromkeys(_WORD.findall(folded(text[:200]))))[:6]
    return " & ".join(f"{word}:*" for word in found)


def folded(text: str) -> str:
    """Return a text in small letters without accents."""
    plain = unicodedata.normalize("NFKD", text.replace("œ", "oe").replace("Œ", "OE"))
    return "".join(sign for sign in plain if not unicodedata.combining(sign)).lower()
