"""The keys that two identities of one person share: two agreeing facts each, hashed.

The same function feeds the search table and the batch, so that they cannot diverge; the batch adds
keys of the home that a search table would pay for on each row.
"""

import zlib
from itertools import combinations

from carbet.registries.matching.rules.traits import Prepared, sound

_MOST_FAMILY = 3
_MOST_GIVEN = 2
MOST_KEYS = 48
# An entry of the index that one identity has alone costs what one shared by ten does. Three of a
# million share a fold by chance, which is 75 more rows looked at for a search.
FOLD = (1 << 23) - 1
# A number tells as much as this many keys of names and dates.
_NUMBER_COUNTS = 8


def blocking_keys(one: Prepared) -> list[int]:
    """Return the keys under which a search table finds an identity: distinct, of 23 bits, about 25.

    A key is made of two or three facts, by sound for names: a name and the birth date, both names
    and the year, a name and the day and month and the place… Names enter without saying whether
    they are family or given names, so that inverted ones meet. No single error hides a person:
    each fact is absent from some key. Source: identity study of the project.
    """
    return sorted({_hash(text) & FOLD for text in _texts(one, searching=True)})


def search_keys(one: Prepared) -> list[int]:
    """Return the keys to look a person up by: those of an identity, a number's several times.

    Who shares few keys where others share many is not weighed: one number must not be few.
    """
    numbers = [_hash(text) & FOLD for text in _numbers(one)]
    return blocking_keys(one) + numbers * (_NUMBER_COUNTS - 1)


def _numbers(one: Prepared) -> list[str]:
    own = [f"i{one.ins}"] if one.ins else []
    return own + [f"j{number}" for number in one.ids.split()[:4]]


def _texts(one: Prepared, *, searching: bool) -> list[str]:
    """Return what two facts say together; of a search, two keys are wider than by night.

    A search weighs the few that share most keys; by night each pair of a key is weighed.
    """
    families = _sounds(one.words.split())[:_MOST_FAMILY]
    givens = _sounds(one.given.split())[:_MOST_GIVEN]
    if one.gsound and one.gsound not in givens:
        givens = [one.gsound, *givens][:_MOST_GIVEN]
    words = list(dict.fromkeys(families + givens))
    pairs = sorted(
        {tuple(sorted((f, g))) for f in families for g in givens[:1] if f != g}
        | {tuple(sorted((f, g))) for f in families[:1] for g in givens if f != g}
        | {tuple(sorted(pair)) for pair in combinations(givens, 2)}
    )
    year, month, day = one.born[:4], one.born[5:7], one.born[8:10]
    whole = one.born if day else ""
    # Day and month in the order of their size: an inversion changes nothing.
    turning = "".join(sorted((day, month))) if day else ""
    texts = _numbers(one)
    if whole:
        texts += [f"a{word}|{whole}" for word in words]
        # A first letter beside the date finds whoever has both names misspelt.
        texts += [f"y{letter}|{whole}" for letter in sorted({one.fam[:1], one.first[:1]} - {""})]
        if one.place:
            texts.append(f"d{whole}|{one.place}|{one.sex}")
        elif one.zip:
            texts.append(f"z{whole}|{one.zip}")
    if turning:
        texts += [f"c{a}|{b}|{turning}" for a, b in pairs]
        # Where one does not know the place, and the year and the given name are wrong.
        texts += [f"v{word}|{turning}" for word in families[:1]] if searching else []
        if one.place:
            texts += [f"e{word}|{turning}|{one.place}" for word in words]
    if year:
        texts += [f"b{a}|{b}|{year}" for a, b in pairs]
        if one.place:
            # A given name nearly says the sex, which is ticked wrongly at times.
            sex = "" if searching else one.sex
            texts += [f"f{word}|{year}|{one.place}|{sex}" for word in words]
    texts += [f"g{a}|{b}|{one.place}" for a, b in pairs if one.place]
    if one.phone:
        texts += [f"p{one.phone}|{word}" for word in givens[:1] or words[:1]]
    # A street without its number, which is what people leave out or mistake.
    street = one.addr.strip("0123456789")[:24]
    if len(street) >= 4:
        texts += [f"q{street}|{word}" for word in words]
        texts += [f"t{street}|{whole}"] if whole else []
    if town := sound(one.city) or one.city:
        texts += [f"s{a}|{b}|{town}" for a, b in pairs if not one.place]
        texts += [f"u{town}|{whole}|{one.sex}"] if whole else []
    # The home stands for a birthplace that is not known: beside one, it would find nobody more.
    texts += [f"r{a}|{b}|{one.zip}" for a, b in pairs if one.zip and not one.place]
    if not texts:
        texts = [f"b{a}|{b}|" for a, b in pairs] or [f"w{word}" for word in words]
    return texts[:MOST_KEYS]


def batch_keys(one: Prepared) -> list[int]:
    """Return the keys of an identity for the batch: those of a search, and pieces of the home.

    As signed 32-bit integers: what a batch pays for is pairs, not rows.
    Where names and date are both wrong, a house number beside a street, a town or a name is what
    is left. A key that many share is skipped by the batch: a street of a small town costs nothing.
    """
    words = [*_sounds(one.words.split())[:2]]
    if one.first:
        words += _sounds([one.first])
    address = one.addr
    number = address[: len(address) - len(address.lstrip("0123456789"))]
    street = address.strip("0123456789")
    town = sound(one.city) or one.city
    texts: list[str] = []
    if one.zip:
        texts += [f"A{word}|{one.zip}" for word in words]
        texts += [f"B{number}|{one.zip}"] if number else []
        texts += [f"C{street[:5]}|{one.zip}"] if len(street) >= 4 else []
    if number:
        texts += [f"D{word}|{number}" for word in words]
        texts += [f"E{street[:6]}|{number}"] if len(street) >= 4 else []
        texts += [f"F{town}|{number}"] if town else []
    if town:
        texts += [f"G{word}|{town}" for word in words]
    return sorted({_hash(text) for text in (*_texts(one, searching=False), *texts)})


def _sounds(words: list[str]) -> list[str]:
    # A sound of one consonant says too little: the word itself, then.
    return list(dict.fromkeys(s if len(s := sound(word)) > 1 else word for word in words))


def _hash(text: str) -> int:
    value = zlib.crc32(text.encode())
    return value - 0x1_0000_0000 if value > 0x7FFF_FFFF else value
