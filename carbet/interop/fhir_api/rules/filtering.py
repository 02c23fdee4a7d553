"""Read `_filter`: conditions joined by and, or, not and parentheses (FHIR R4, search filter).

    specialty eq "183" and (location.near-insee-code eq "97302|15|km" or not (active eq false))

Served: `eq` and `ne` of tokens, references and texts; `eq ne gt lt ge le` of dates, numbers and
quantities; `co` or `sw` of texts, whichever the parameter does by itself. As the ROR writes it,
several values may follow one comparison: `specialty eq 183 or 227`.
"""

import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

_MOST_CONDITIONS = 20
_MARKS = ("(", ")", "not", "and", "or")
_COMPARISONS = [
    [each]
    for each in [
        "eq",
        "ne",
        "co",
        "sw",
        "ew",
        "gt",
        "lt",
        "ge",
        "le",
        "ap",
        "sa",
        "eb",
        "pr",
        "po",
        "ss",
        "sb",
        "in",
        "re",
    ]
]
_DEEPEST = 8
_SPOKEN = re.compile(
    r"""\s*(?:
      (?P<mark>[()])
    | (?P<text>"(?:[^"\\]|\\.)*")
    | (?P<word>[^\s()"]+)
    )""",
    re.VERBOSE,
)


@dataclass(frozen=True, slots=True)
class Condition:
    """One comparison: a parameter, how it is compared, with what (as its kind is read)."""

    name: str
    operator: str
    value: Any


@dataclass(frozen=True, slots=True)
class Joined:
    """Conditions of which all (`and`) or any (`or`) must hold, or the only one must not (`not`)."""

    by: str
    parts: tuple["Expression", ...]


Expression = Condition | Joined


Read = Callable[[str, str, str], Any]


def parse(text: str, read: Read) -> Expression:
    """Return what a `_filter` says.

    Args:
        read: reads the value of a condition, of its parameter, operator and text; raises
            `ValueError` when it cannot be served.

    Raises:
        ValueError: it cannot be read; the message says why, in French.
    """
    reader = _Reader(_pieces(text), read)
    found = reader.either(0)
    if reader.left:
        raise ValueError(f"« {reader.left[0][:20]} » n’est pas attendu ici.")
    return found


def _pieces(text: str) -> list[str]:
    pieces, at, text = [], 0, text.rstrip()
    while at < len(text):
        found = _SPOKEN.match(text, at)
        if found is None:
            raise ValueError("Un guillemet n’est pas refermé.")
        pieces.append(found[found.lastgroup or 0])
        at = found.end()
    return pieces


class _Reader:
    def __init__(self, pieces: list[str], read: Read) -> None:
        self.left = pieces
        self.read = read
        self.conditions = 0

    def either(self, depth: int) -> Expression:
        return self.joined("or", self.both, depth)

    def both(self, depth: int) -> Expression:
        return self.joined("and", self.one, depth)

    def joined(self, by: str, read: Callable[[int], Expression], depth: int) -> Expression:
        parts = [read(depth)]
        while self.left and self.left[0] == by:
            self.left.pop(0)
            parts.append(read(depth))
        return parts[0] if len(parts) == 1 else Joined(by, tuple(parts))

    def one(self, depth: int) -> Expression:
        if depth > _DEEPEST:
            raise ValueError("Trop de parenthèses les unes dans les autres.")
        if self.left[:2] == ["not", "("]:
            self.left.pop(0)
            return Joined("not", (self.one(depth),))
        if self.left[:1] == ["("]:
            self.left.pop(0)
            found = self.either(depth + 1)
            if self.left[:1] != [")"]:
                raise ValueError("Une parenthèse n’est pas refermée.")
            self.left.pop(0)
            return found
        return self.condition()

    def condition(self) -> Expression:
        """Read one comparison, and the values that are enough instead of its own."""
        first = self.comparison()
        found: list[Expression] = [first]
        while self.left[:1] == ["or"] and self.is_value(1):
            del self.left[:1]
            found.append(self.compared(first.name, first.operator, self.left.pop(0)))
        return found[0] if len(found) == 1 else Joined("or", tuple(found))

    def is_value(self, at: int) -> bool:
        """Tell whether what stands there is a value alone: no comparison follows it."""
        said = self.left[at : at + 2]
        return bool(said) and said[0] not in _MARKS and said[1:] not in _COMPARISONS

    def comparison(self) -> Condition:
        if len(self.left) < 3 or "(" in self.left[:3] or ")" in self.left[:3]:
            raise ValueError("Un paramètre, une comparaison et une valeur sont attendus.")
        name, operator, value = self.left[:3]
        del self.left[:3]
        return self.compared(name, operator, value)

    def compared(self, name: str, operator: str, value: str) -> Condition:
        self.conditions += 1
        if self.conditions > _MOST_CONDITIONS:
            raise ValueError("Trop de conditions.")
        if value.startswith('"'):
            value = re.sub(r"\\(.)", r"\1", value[1:-1])
        return Condition(name, operator, self.read(name, operator, value))
