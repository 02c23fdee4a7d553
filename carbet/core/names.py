"""Names of people as the territory writes and mistypes them: one normal form, and the search keys
that find a person again in spite of accents, order, spelling by ear or one wrong letter."""

import datetime
import re
import unicodedata
import zlib
from collections.abc import Callable, Iterable
from functools import lru_cache

# --- Normal form --------------------------------------------------------------------------------

# Letters that Unicode does not take apart into a base letter and an accent.
_LIGATURES = str.maketrans(
    {"Œ": "OE", "Æ": "AE", "ẞ": "SS", "Ø": "O", "Đ": "D", "Ð": "D", "Ł": "L", "Þ": "TH", "ı": "I"}
)
_APOSTROPHES = "'’‘ʼ`´ʻ′"
_NOT_STRICT = re.compile(r"[^A-Z' -]+")
_SPACES = re.compile(r"\s+")

# Small words that many names share: alone they tell nothing about the person.
PARTICLES = frozenset(
    [
        "A",
        "D",
        "DA",
        "DAS",
        "DE",
        "DEL",
        "DELA",
        "DELLA",
        "DEN",
        "DER",
        "DES",
        "DI",
        "DO",
        "DOS",
        "DU",
        "E",
        "EL",
        "L",
        "LA",
        "LAS",
        "LE",
        "LES",
        "LOS",
        "O",
        "TEN",
        "TER",
        "VAN",
        "VON",
        "Y",
        "SAINT",
        "SAINTE",
    ]
)
_ABBREVIATIONS = {"ST": "SAINT", "STE": "SAINTE"}
# Typed before a name out of habit.
_CIVILITIES = frozenset(["DR", "M", "ME", "MLLE", "MM", "MME", "MR", "PR"])


def _folded(text: str) -> str:
    """Return the text in capitals without diacritics, ligatures opened, other scripts untouched."""
    if text.isascii():
        return text.upper()
    opened = unicodedata.normalize("NFKD", text).upper().translate(_LIGATURES)
    return "".join(
        letter for letter in opened if unicodedata.category(letter) not in ("Mn", "Me", "Cf")
    )


def strict_form(text: str) -> str:
    """Return a name as the strict traits of an identity are written.

    Capitals without diacritics; hyphens and apostrophes are kept, any other sign becomes a space;
    letters of another script are dropped (RNIV, rules for strict traits).
    """
    folded = _folded(text)
    for sign in _APOSTROPHES:
        folded = folded.replace(sign, "'")
    return _SPACES.sub(" ", _NOT_STRICT.sub(" ", folded)).strip(" ")


@lru_cache(maxsize=65536)
def all_tokens(text: str) -> tuple[str, ...]:
    """Return every word of a name, particles included, in order: capitals, no diacritics.

    Hyphens, apostrophes and any other sign separate words; words of another script than the Latin
    one are kept as they are; `St` and `Ste` are spelled out.
    """
    folded = _folded(text)
    if folded.isascii() and folded.isalpha():
        words = [folded]
    else:
        words = "".join(c if c.isalnum() else " " for c in folded).split()
    return tuple(_ABBREVIATIONS.get(word, word) for word in words)


def tokens(text: str) -> tuple[str, ...]:
    """Return the telling words of a name: without particles, unless it has nothing else."""
    words = all_tokens(text)
    return tuple(word for word in words if word not in PARTICLES) or words


def comparison_form(text: str) -> str:
    """Return a name for comparison: its words, particles included, separated by one space."""
    return " ".join(all_tokens(text))


def compact(text: str) -> str:
    """Return a name in one block (LEBIHAN, DASILVA, JEANBAPTISTE), as hurried hands type it."""
    return "".join(all_tokens(text))


# --- Sound --------------------------------------------------------------------------------------

# French spelling to sound, in order; vowels fall afterwards, so only consonants matter here.
_SOUNDS = [
    (re.compile(pattern), sound)
    for pattern, sound in (
        (r"Ç", "S"),
        (r"^H(?=[AEIOUY])", ""),
        (r"([SC])H", "X"),  # chat, Sharma
        (r"PH", "F"),
        (r"TH", "T"),
        (r"(?:OU|W)(?=[AEIOUY])", "V"),  # Ouanary and Wanary
        (r"W", "V"),
        (r"GU(?=[EIY])", "K"),
        (r"D?[GJ](?=[EIY])|DJ|J", "J"),
        (r"GN", "N"),
        (r"NG(?![AEIOUY])", "N"),  # Nguyen apart, final NG is a nasal
        (r"TI(?=[AO]N)", "SI"),
        (r"SC(?=[EIY])", "S"),
        (r"C(?=[EIY])", "S"),
        (r"CK|QU|[CQG]", "K"),
        (r"[AEIOUY]M(?=[BPDT]|$)", "N"),  # nasal vowels
        (r"Z", "S"),
        (r"X$", ""),
        (r"(?<=[AEIOUY])X|KS", "KS"),
        (r"H", ""),
        (r"(?<=[A-Z]{2})(?:E|[AEIOU]?[SXZTDP]+|ER|EZ|ET)$", ""),  # silent endings
    )
]
_VOWELS = re.compile(r"[AEIOUY]+")
_DOUBLES = re.compile(r"(.)\1+")


@lru_cache(maxsize=65536)
def skeleton(token: str) -> str:
    """Return the French phonetic skeleton of one word: its sounds without the vowels inside.

    A first vowel stays as A. An empty string means that the word has no Latin letter.
    Source: identity study of the project (nasals, PH/F, QU/K, OU, silent endings).
    """
    if not token.isascii() or not token.isalpha():
        return ""
    text = token
    for pattern, sound in _SOUNDS:
        text = pattern.sub(sound, text)
    first = "A" if text[:1] in "AEIOUY" and text else ""
    return first + _DOUBLES.sub(r"\1", _VOWELS.sub("", text))


_SOUNDEX_CODES = {
    letter: str(code)
    for code, letters in enumerate(("BFPV", "CGJKQSXZ", "DT", "L", "MN", "R"), start=1)
    for letter in letters
}


@lru_cache(maxsize=65536)
def soundex(token: str) -> str:
    """Return the American Soundex of one word, a letter and three digits, or an empty string."""
    if not token.isascii() or not token.isalpha():
        return ""
    code = token[0]
    previous = _SOUNDEX_CODES.get(token[0], "")
    for letter in token[1:]:
        digit = _SOUNDEX_CODES.get(letter, "")
        if digit and digit != previous:
            code += digit
            if len(code) == 4:
                return code
        if letter not in "HW":
            previous = digit
    return code.ljust(4, "0")


# --- Keys ---------------------------------------------------------------------------------------
#
# A key is the CRC-32 of a short text, as a signed 32-bit integer that fits PostgreSQL's int4[].
# The first letter says what the text is, so that a sound never answers for a spelling:
#   x whole word, or a word less one letter   n sound   s Soundex   p first three letters
#   d birth date   y birth year   i INS   v year with sounds   f, g, b see `trait_keys`

_MOST_WORDS = 6
_LONGEST_FORGIVEN = 24
_LONGEST_TEXT = 200


def _hash(text: bytes) -> int:
    value = zlib.crc32(text)
    return value - 0x1_0000_0000 if value > 0x7FFF_FFFF else value


def _key(kind: str, text: str) -> int:
    return _hash(f"{kind}:{text}".encode())


def _less_one_letter(word: str) -> set[str]:
    """Return the word without each of its letters in turn."""
    return {word[:rank] + word[rank + 1 :] for rank in range(len(word))}


@lru_cache(maxsize=65536)
def _word_keys(token: str, forgiving: bool) -> tuple[int, ...]:
    """Return the stored keys of one word of a name.

    Two spellings one letter apart (added, dropped, changed, neighbours swapped) become the same
    when the right letter is taken from one or from each: a forgiving word keeps these remains.
    """
    keys = [_key("x", token)]
    if forgiving and 3 <= len(token) <= _LONGEST_FORGIVEN and token.isascii():
        keys += [_key("x", rest) for rest in sorted(_less_one_letter(token))]
    if len(token) >= 3:
        keys.append(_key("p", token[:3]))
    if len(sound := skeleton(token)) >= 2:
        keys.append(_key("n", sound))
    if code := soundex(token):
        keys.append(_key("s", code))
    return tuple(keys)


@lru_cache(maxsize=65536)
def _name_keys(text: str, forgiving: bool) -> tuple[int, ...]:
    """Return the stored keys of one name: of each telling word, and of the whole in one block.

    A particle keeps its spelling and its remains only: nobody is searched by it, but a mistyped one
    must match.
    """
    words = all_tokens(text)
    telling = tokens(text)
    keys: dict[int, None] = {}
    for word in words:
        if word in telling:
            keys.update(dict.fromkeys(_word_keys(word, forgiving)))
        else:
            remains = _less_one_letter(word) if len(word) >= 3 else ()
            keys.update(dict.fromkeys(_key("x", each) for each in (word, *sorted(remains))))
    if len(words) > 1:
        keys[_key("x", "".join(words))] = None
    return tuple(keys)


def _given_list(given_names: str | Iterable[str]) -> list[str]:
    return given_names.split() if isinstance(given_names, str) else list(given_names)


def _date_text(birth_date: datetime.date | str | None) -> str:
    return (
        birth_date if isinstance(birth_date, str) else birth_date.isoformat() if birth_date else ""
    )


def search_keys(
    family: str,
    used_family: str,
    given_names: str | Iterable[str],
    used_given: str,
    birth_date: datetime.date | str | None,
    ins: str | None = None,
) -> list[int]:
    """Return the keys under which one person is found, as distinct signed 32-bit integers.

    `given_names` are all the birth given names, as a list or separated by spaces; `birth_date` may
    be partial ("1948", "1948-07"); `ins` is the matricule with or without its key. About 30 keys
    for an ordinary person. One wrong letter is forgiven in the family names and in the first and
    used given names.
    """
    given = _given_list(given_names)
    keys: set[int] = set()
    lasts = [name for name in (family, used_family) if name]
    firsts = [name for name in (*given[:1], used_given) if name]
    for name in lasts:
        keys.update(_name_keys(name, True))
    for name in firsts:
        keys.update(_name_keys(name, True))
    for name in given[1:]:
        keys.update(_name_keys(name, False))
    date = _date_text(birth_date)
    if date:
        keys.add(_key("y", date[:4]))
        if len(date) == 10:
            keys.add(_key("d", date))
    if ins:
        keys.add(_key("i", ins.replace(" ", "").upper()[:13]))
    for last in lasts or [""]:
        for first in firsts or [""]:
            keys.update(_pair_keys(last, first, date))
    return sorted(keys)


def trait_keys(
    family: str, given_names: str | Iterable[str], birth_date: datetime.date | str | None
) -> list[int]:
    """Return the keys that a double of these traits would share: one in common makes a candidate.

    Two facts out of three must agree by ear: family name and birth date, first given name and birth
    date, or both names and the birth year (RNIV, search before any creation).
    """
    given = _given_list(given_names)
    return list(
        dict.fromkeys(_pair_keys(family, given[0] if given else "", _date_text(birth_date)))
    )


def _pair_keys(family: str, given: str, date: str) -> list[int]:
    """Return the keys of two agreeing facts, for each telling word of the family name."""
    lasts = _sounds(family)
    first = _sounds(given)[:1]
    keys = []
    if len(date) == 10:
        keys += [_hash(f"f:{last}|{date}".encode()) for last in lasts]
        keys += [_hash(f"g:{sound}|{date}".encode()) for sound in first]
    for sound in first:
        keys += [_hash(f"b:{last}|{sound}|{date[:4]}".encode()) for last in lasts]
    return keys


@lru_cache(maxsize=65536)
def _sounds(name: str) -> tuple[str, ...]:
    return tuple(skeleton(token) or token for token in tokens(name))


# --- Queries ------------------------------------------------------------------------------------

_INS = re.compile(
    r"(?<!\w)([1-478](?: ?\d){4} ?\d ?[\dAB](?: ?\d){6})(?: ?\d){0,2}(?!\w)",
    re.ASCII | re.IGNORECASE,
)
_DAY_FIRST = re.compile(r"(?<!\w)(\d{1,2})[/. -](\d{1,2})[/. -](\d{4}|\d{2})(?!\w)", re.ASCII)
_YEAR_FIRST = re.compile(r"(?<!\w)(\d{4})[/. -](\d{1,2})[/. -](\d{1,2})(?!\w)", re.ASCII)
_EIGHT = re.compile(r"(?<!\w)(\d{8})(?!\w)", re.ASCII)
_YEAR = re.compile(r"(?:18|19|20)\d\d", re.ASCII)


def query_keys(text: str, *, tolerant: bool = True) -> list[list[int]]:
    """Return, for what a person typed, one list of keys per word: any key of each list must match.

    A word is found by its spelling, by its sound, by its first letters, and when `tolerant` with
    one letter added, dropped, changed, or swapped with its neighbour. Eight digits or a date with
    its separators ask for a birth date, thirteen to fifteen digits for an INS, four for a birth
    year. At most six words and 200 characters are read, so the work is bounded.
    An empty list means that nothing can be searched.
    """
    text = text[:_LONGEST_TEXT]
    groups: list[list[int]] = []

    def take_ins(match: re.Match[str]) -> str:
        groups.append([_key("i", match[1].replace(" ", "").upper())])
        return " "

    def take_date(*orders: str) -> Callable[[re.Match[str]], str]:
        def take(match: re.Match[str]) -> str:
            dates = [date for order in orders for date in _dates(order, match)]
            groups.append([_key("d", date) for date in dates] or [_key("d", match[0])])
            return " "

        return take

    text = _INS.sub(take_ins, text)
    text = _YEAR_FIRST.sub(take_date("ymd"), text)
    text = _DAY_FIRST.sub(take_date("dmy"), text)
    text = _EIGHT.sub(take_date("dmY8", "Ymd8"), text)

    words = all_tokens(text)
    chosen = [(rank, word) for rank, word in enumerate(words) if _telling(word)]
    if not chosen and not groups:
        chosen = [(rank, word) for rank, word in enumerate(words)]
    chosen = chosen[:_MOST_WORDS]
    alone = len(chosen) + len(groups) == 1
    for rank, word in chosen:
        if _YEAR.fullmatch(word):
            groups.append([_key("y", word)])
            continue
        keys = dict.fromkeys(_query_word_keys(word, tolerant, alone))
        # Le Bihan and LeBihan, Jean Baptiste and Jean-Baptiste.
        if rank:
            keys[_key("x", words[rank - 1] + word)] = None
        if rank + 1 < len(words):
            keys[_key("x", word + words[rank + 1])] = None
        groups.append(list(keys))
    return groups[:_MOST_WORDS]


def _telling(word: str) -> bool:
    return len(word) > 1 and word not in PARTICLES and word not in _CIVILITIES


def _dates(order: str, match: re.Match[str]) -> list[str]:
    """Return the ISO dates that the digits can mean, none when no calendar has them."""
    if order == "ymd":
        year, month, day = match[1], match[2], match[3]
    elif order == "dmy":
        day, month, year = match[1], match[2], match[3]
    elif order == "dmY8":
        day, month, year = match[1][:2], match[1][2:4], match[1][4:]
    else:
        year, month, day = match[1][:4], match[1][4:6], match[1][6:]
    years = [year] if len(year) == 4 else [f"19{year}", f"20{year}"]
    dates = []
    for each in years:
        try:
            dates.append(datetime.date(int(each), int(month), int(day)).isoformat())
        except ValueError:
            continue
    return [date for date in dates if date >= "1850"]


@lru_cache(maxsize=4096)
def _query_word_keys(word: str, tolerant: bool, alone: bool) -> tuple[int, ...]:
    """Return the keys that answer for one typed word.

    A word typed alone must be more telling: its sound counts from three consonants on, and Soundex,
    the widest of the codes, only narrows a search that has other words.
    """
    keys = dict.fromkeys([_key("x", word)])
    sound = skeleton(word)
    if len(sound) >= (3 if alone else 2):
        keys[_key("n", sound)] = None
    if 3 <= len(word) <= 4:
        keys[_key("p", word[:3])] = None
    if not alone and len(word) >= 3 and (code := soundex(word)):
        keys[_key("s", code)] = None
    if tolerant and len(word) >= (4 if alone else 3) and word.isascii():
        keys.update(
            dict.fromkeys(_key("x", rest) for rest in _less_one_letter(word[:_LONGEST_FORGIVEN]))
        )
    return tuple(keys)
