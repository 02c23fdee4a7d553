"""The traits of an identity, and the normal form in which two identities are compared."""

import datetime
import re
from collections.abc import Iterable
from dataclasses import dataclass
from functools import lru_cache
from typing import NamedTuple

from anyascii import anyascii

from carbet.core import names

UNKNOWN_PLACES = frozenset({"", "99999", "00000"})
_MOST_NAMES = 6
_MOST_FAMILY_WORDS = 6
_LONGEST_TEXT = 80
# Said of somebody whose name is not known, or not yet given (RNIV 2.0, provisional identities).
_NO_NAME = re.compile(
    r"^(?:(?:SANS|PAS DE) (?:NOM|PRENOM|PRENOMS)|(?:NOM |PRENOM )?(?:INCONNUE?S?|NEANT|NUL+)"
    r"|NON (?:CONNUE?|COMMUNIQUEE?|RENSEIGNEE?)|NE SAIT PAS|ANONYME|TEST|X+|Z+|N R|NR"
    r"|(?:BEBE|ENFANT|NOUVEAU NEE?|NN|FILLE|GARCON|FOETUS|JUMEAU|JUMELLE)(?: [A-Z0-9])?)$"
)
_SAYS_TO_BE = re.compile(r"\b(?:SE DISANT|DIT|DITE|ALIAS|NEE?|EPOUSE|VEUVE|EP|VVE)\b")


@dataclass(frozen=True, slots=True)
class Traits:
    """What is known of a person: strict traits of the RNIV first, complementary ones after.

    `gender` is FHIR's (female, male, unknown); `birth_place_code` the INSEE code of a commune or
    of a country (99xxx); `identifiers` are other numbers as (system, value).
    """

    birth_family: str = ""
    birth_given: tuple[str, ...] = ()
    birth_date: datetime.date | None = None
    birth_date_precision: str = "day"
    gender: str = "unknown"
    birth_place_code: str = ""
    used_family: str = ""
    used_given: str = ""
    ins: str = ""
    phone: str = ""
    address: str = ""
    postal_code: str = ""
    city: str = ""
    identifiers: tuple[tuple[str, str], ...] = ()


class Prepared(NamedTuple):
    """Traits in their normal form: text without accents, an empty one where nothing is known.

    The same columns in Python, in the search table and in the batch, in this order.
    """

    fam: str = ""
    """Telling words of the birth name, in one block (da Silva: SILVA)."""
    use: str = ""
    """The same of the used name."""
    words: str = ""
    """Telling words of both, once each, in order of the alphabet."""
    fsound: str = ""
    """How the birth name sounds, without its vowels."""
    first: str = ""
    """The first given name."""
    given: str = ""
    """The birth given names, in order."""
    others: str = ""
    """Every given name, the used one with them, once each, in order of the alphabet."""
    gsound: str = ""
    """How the first given name sounds."""
    born: str = ""
    """Birth date, ISO, only as much of it as is known."""
    sex: str = ""
    place: str = ""
    ins: str = ""
    """The matricule, without its key."""
    phone: str = ""
    addr: str = ""
    zip: str = ""
    city: str = ""
    ids: str = ""
    """Other numbers, without their signs, in order."""


COLUMNS = Prepared._fields
_SEPARATOR = ";"


def prepare(traits: Traits) -> Prepared:
    """Return the traits in their normal form."""
    family = _words(traits.birth_family)
    used = _words(traits.used_family)
    given = _given(traits.birth_given)
    usual = _given((traits.used_given,)) if traits.used_given else ()
    telling = _telling(given)
    first = telling[0] if telling else (usual[0] if usual else "")
    if not family and used:
        family = used
    return Prepared(
        fam="".join(family),
        use="".join(used) if used != family else "",
        words=" ".join(sorted({*family, *used})),
        fsound=sound("".join(family)),
        first=first,
        given=" ".join(given or usual),
        others=" ".join(sorted({*given, *usual})),
        gsound=sound(first),
        born=_born(traits.birth_date, traits.birth_date_precision),
        sex={"female": "F", "male": "M"}.get(traits.gender, ""),
        place=_place(traits.birth_place_code),
        ins=_alphanumeric(traits.ins)[:13],
        phone=_digits(traits.phone)[-9:],
        addr="".join(_tokens(traits.address))[:_LONGEST_TEXT],
        zip=_alphanumeric(traits.postal_code)[:10],
        city="".join(names.tokens(_latin(traits.city)))[:_LONGEST_TEXT],
        ids=" ".join(sorted(filter(None, (_alphanumeric(v)[:30] for _, v in traits.identifiers)))),
    )


def pack(prepared: Prepared) -> str:
    """Return one short line that holds the normal form; no column holds a semicolon."""
    return _SEPARATOR.join(prepared).rstrip(_SEPARATOR)


def unpack(line: str) -> Prepared:
    """Return the normal form that a line holds."""
    return Prepared(*line.split(_SEPARATOR))


# Spellings of the neighbours for one sound, written as French would: Dutch and the Maroon
# languages (oe, tj, dj, sj, ij), Portuguese (lh, nh, ão), Haitian and Guianese Creole (an, en, ou,
# k, w), Hmong (final tone letters are no part of official names: x, vang/vaj, xyooj).
_NEIGHBOURS = [
    (re.compile(pattern), written)
    for pattern, written in (
        (r"SCH", "CH"),
        (r"TJ|TCH", "CH"),
        (r"SJ", "CH"),
        (r"OE(?=[A-Z])|OE$", "OU"),
        (r"IJ", "I"),
        (r"LH", "LI"),
        (r"NH(?=[AEIOU])", "NI"),
        (r"AO$", "AN"),
        (r"^HM", "M"),
        (r"^RH", "R"),
        (r"^X(?=I)", "S"),
        (r"^(?:NG|TS|TZ)", "S"),
        (r"Y", "I"),
    )
]


@lru_cache(maxsize=131072)
def sound(word: str) -> str:
    """Return how a word sounds, without its vowels: French spelling, after that of neighbours."""
    for pattern, written in _NEIGHBOURS:
        word = pattern.sub(written, word)
    return names.skeleton(word)


def _latin(text: str) -> str:
    """Return a text in Latin letters: Chinese, Cyrillic, Arabic… are transliterated."""
    return text if text.isascii() else anyascii(text)


@lru_cache(maxsize=131072)
def _tokens(text: str) -> tuple[str, ...]:
    return names.all_tokens(_latin(text[:300]))


@lru_cache(maxsize=131072)
def _words(text: str) -> tuple[str, ...]:
    """Return the telling words of a family name, none when it says that there is none."""
    said = " ".join(_tokens(text))
    said = _SAYS_TO_BE.sub(" ", said)
    words = tuple(word for word in said.split() if not word.isdigit())
    if _NO_NAME.match(" ".join(words)):
        return ()
    # "X se disant Untel": the X says nothing.
    words = tuple(word for word in words if set(word) != {"X"}) or words
    return _telling(words)[:_MOST_FAMILY_WORDS]


def _telling(words: Iterable[str]) -> tuple[str, ...]:
    words = tuple(words)
    return tuple(word for word in words if word not in names.PARTICLES) or words


@lru_cache(maxsize=131072)
def _given(given: tuple[str, ...]) -> tuple[str, ...]:
    """Return the words of given names, in order, without those that say that there is none."""
    words: dict[str, None] = {}
    for name in given:
        said = " ".join(_tokens(name))
        if not _NO_NAME.match(said):
            words.update(dict.fromkeys(w for w in said.split() if not w.isdigit()))
    return tuple(words)[:_MOST_NAMES]


def _born(birth_date: datetime.date | None, precision: str) -> str:
    if birth_date is None:
        return ""
    return birth_date.isoformat()[: {"year": 4, "month": 7}.get(precision, 10)]


def _place(code: str) -> str:
    code = _alphanumeric(code)[:5]
    return "" if code in UNKNOWN_PLACES else code


def _alphanumeric(text: str) -> str:
    return "".join(c for c in text.upper() if c.isascii() and c.isalnum())


def _digits(text: str) -> str:
    return "".join(c for c in text if c.isascii() and c.isdigit())
