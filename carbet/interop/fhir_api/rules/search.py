"""Read the parameters of a search: known ones only, each of its kind, none that reaches SQL."""

import re
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from urllib.parse import urlsplit

from django.utils import timezone

from carbet.core import fhir
from carbet.core.fhir import Issue, Refused, refuse
from carbet.interop.fhir_api.choices import ORDINARY_PAGE
from carbet.interop.fhir_api.rules import filtering, registry
from carbet.interop.fhir_api.rules.registry import Parameter, Resource

_MOST_VALUES = 20
_MOST_SORTS = 3
_LONGEST_VALUE = 300
_LONGEST_FILTER = 2000
_UNREADABLE = re.compile(r"[\x00-\x1f\x7f]")
_DATE = re.compile(r"(eq|ge|le|gt|lt)?(\d{4}.*)")
# A moment without seconds, or without its time zone.
_LOCAL_TIME = re.compile(
    r"(\d{4}-\d{2}-\d{2}T\d{2}:\d{2})(:\d{2}(?:\.\d{1,6})?)?(Z|[+-]\d{2}:\d{2})?"
)
_NUMBER = re.compile(r"(eq|ge|le|gt|lt)?(\d{1,6}(?:\.\d{1,4})?)")
_ELEMENT = re.compile(r"[A-Za-z]{1,64}")
_LARGEST_NUMBER = 2**63 - 1
# A type after the parameter of an inclusion: we serve the parameter whole, whatever it narrows to.
_NARROWING = (
    *("HealthcareService", "Location", "Organization"),
    *("Patient", "Practitioner", "PractitionerRole"),
)


@dataclass(frozen=True, slots=True)
class Token:
    """One value of a token parameter; `system` is None when not said."""

    system: str | None
    code: str


@dataclass(frozen=True, slots=True)
class When:
    """One value of a date parameter: how the sought moment stands to the span said."""

    comparison: str
    span: fhir.Span
    text: str


@dataclass(frozen=True, slots=True)
class Target:
    """One value of a reference parameter: one of our resources, of any type when `type` is ""."""

    type: str
    number: int | None
    canonical: str = ""


@dataclass(frozen=True, slots=True)
class Amount:
    """One value of a number or quantity parameter; the unit is not read."""

    comparison: str
    number: float


Value = Token | When | Target | Amount | filtering.Expression | str


@dataclass(frozen=True)
class Filter:
    """One parameter as said: any of the values is enough, every filter must hold."""

    parameter: Parameter
    values: tuple[Value, ...]


@dataclass(frozen=True)
class Search:
    """A search, read and checked."""

    resource: Resource
    filters: tuple[Filter, ...] = ()
    count: int = ORDINARY_PAGE
    includes: tuple[str, ...] = ()
    iterated: tuple[str, ...] = ()
    revincludes: tuple[str, ...] = ()
    elements: frozenset[str] = frozenset()
    # (parameter, whether it descends), the first that tells two apart.
    sorts: tuple[tuple[str, bool], ...] = ()
    # Whether to say how many match in all; `only_total` answers nothing else.
    total: bool = False
    only_total: bool = False
    said: tuple[tuple[str, str], ...] = ()
    ignored: tuple[str, ...] = field(default=())

    def values(self, name: str) -> tuple[Value, ...]:
        """Return every value said of a parameter, wherever it was said."""
        return tuple(
            value for each in self.filters if each.parameter.name == name for value in each.values
        )


def parse(
    resource: Resource, said: Iterable[tuple[str, str]], *, base: str, lenient: bool = False
) -> Search:
    """Return the search that the parameters say.

    Args:
        said: names and values, in order, decoded.
        base: the address of this door, to recognize absolute references to it.
        lenient: unknown parameters are ignored (`Prefer: handling=lenient`) and said so.

    Raises:
        Refused: 400, with one issue for each parameter that is wrong.
    """
    reader = _Reader(resource, base, lenient)
    for name, value in said:
        reader.take(name, value)
    return reader.search()


class _Reader:
    def __init__(self, resource: Resource, base: str, lenient: bool) -> None:
        self.resource = resource
        self.base = base
        self.lenient = lenient
        self.issues: list[Issue] = []
        self.filters: list[Filter] = []
        self.said: list[tuple[str, str]] = []
        self.ignored: list[str] = []
        self.count = ORDINARY_PAGE
        self.elements: set[str] = set()
        self.sorts: list[tuple[str, bool]] = []
        self.total = False
        self.only_total = False
        self.lists: dict[str, list[str]] = {"_include": [], "iterate": [], "_revinclude": []}

    def take(self, name: str, value: str) -> None:
        longest = _LONGEST_FILTER if name == "_filter" else _LONGEST_VALUE
        if len(name) > 100 or len(value) > longest or _UNREADABLE.search(name + value):
            self.wrong(name, "Valeur trop longue ou illisible.")
        elif name in registry.RESULT_PARAMETERS:
            self.take_result(name, value)
        elif (parameter := self.resource.parameters.get(name)) is not None:
            self.said.append((name, value))
            self.take_filter(parameter, value)
        elif self.lenient:
            self.ignored.append(name)
        else:
            self.wrong(name, "Paramètre inconnu pour cette ressource.", code="not-supported")

    def take_filter(self, parameter: Parameter, value: str) -> None:
        if parameter.name == "_filter":
            try:
                found = filtering.parse(value, self.condition_value)
                self.filters.append(Filter(parameter, (found,)))
            except ValueError as error:
                self.wrong(parameter.name, str(error))
            return
        parts = value.split(",")
        if not value or len(parts) > _MOST_VALUES or not all(parts):
            self.wrong(parameter.name, "Valeur vide, ou trop de valeurs.")
            return
        try:
            values = tuple(value_of(parameter, part, self.base) for part in parts)
            self.filters.append(Filter(parameter, values))
        except ValueError as error:
            self.wrong(parameter.name, str(error))

    def condition_value(self, name: str, operator: str, text: str) -> Value:
        """Return the value of a condition of `_filter`.

        Raises:
            ValueError: it cannot be served.
        """
        parameter = self.resource.parameters.get(name)
        if parameter is None or name in ("_filter", "_profile"):
            raise ValueError(f"« {_shown(name)} » n’est pas servi ici.")
        if operator not in parameter.operators:
            raise ValueError(f"{name} : {', '.join(parameter.operators)} est attendu.")
        ordered = operator in ("gt", "lt", "ge", "le")
        return value_of(parameter, operator + text if ordered else text, self.base)

    def take_result(self, name: str, value: str) -> None:
        if name in ("_format", "_pretty"):
            return
        if name == "_count":
            if not (value.isascii() and value.isdigit() and len(value) <= 9):
                self.wrong(name, "Un nombre entier, 0 ou plus, est attendu.")
                return
            self.only_total = self.only_total or int(value) == 0
            self.count = min(int(value), self.resource.largest_page)
        elif name == "_total":
            if value not in ("none", "estimate", "accurate"):
                self.wrong(name, "none, estimate ou accurate est attendu.")
                return
            self.total = value != "none"
        elif name == "_summary":
            if value not in ("false", "count"):
                self.wrong(name, "_summary=false ou count est servi.", code="not-supported")
                return
            self.only_total = value == "count"
        elif name == "_elements":
            self.elements.update(value.split(","))
            if not all(_ELEMENT.fullmatch(each) for each in self.elements):
                self.wrong(name, "Des noms d’éléments, séparés par des virgules, sont attendus.")
                return
        elif name == "_sort":
            self.sorts = [
                (each.removeprefix("-"), each.startswith("-")) for each in value.split(",")
            ]
            known = self.resource.sorts
            if len(self.sorts) > _MOST_SORTS or any(each not in known for each, _ in self.sorts):
                served = ", ".join(known) or "rien"
                self.wrong(name, f"Tri servi ici : {served}.", code="not-supported")
                return
        elif name == "_page":
            self.wrong(name, "Suivez le lien « next » tel quel, sans autre paramètre.")
            return
        else:
            self.take_include(name, value)
            return
        self.said.append((name, value))

    def take_include(self, name: str, value: str) -> None:
        known = self.resource.revincludes if name == "_revinclude" else self.resource.includes
        # A type after the parameter narrows what is included; we serve the parameter whole.
        path, narrowed = ":".join(value.split(":")[:2]), value.split(":")[2:]
        # "*", or "PractitionerRole:*": every link that leaves from that type.
        source = self.resource.type if value == "*" else value.removesuffix(":*")
        every = [each for each in known if each.startswith(f"{source}:")]
        if every and value.endswith("*") and (value != "*" or name == "_include"):
            far = name == "_include" and source != self.resource.type
            self.lists["iterate" if name == "_include:iterate" or far else name] += every
            self.said.append((name, value))
            return
        if path not in known or (narrowed and narrowed not in ([one] for one in _NARROWING)):
            self.wrong(name, "Inclusion non servie pour cette ressource.", code="not-supported")
            return
        # What leaves from another type follows from what is included.
        far = name == "_include" and not path.startswith(f"{self.resource.type}:")
        self.lists["iterate" if name == "_include:iterate" or far else name].append(path)
        self.said.append((name, value))

    def wrong(self, name: str, diagnostics: str, *, code: str = "invalid") -> None:
        self.issues.append(Issue(code, f"{_shown(name)} : {diagnostics}"))

    def search(self) -> Search:
        if not self.issues:
            self.check_identifying()
        if self.issues:
            raise Refused(400, *self.issues[:20])
        return Search(
            resource=self.resource,
            filters=tuple(self.filters),
            count=self.count,
            includes=tuple(self.lists["_include"]),
            iterated=tuple(self.lists["iterate"]),
            revincludes=tuple(self.lists["_revinclude"]),
            elements=frozenset(self.elements),
            sorts=tuple(self.sorts),
            total=self.total or self.only_total,
            only_total=self.only_total,
            said=tuple(self.said),
            ignored=tuple(self.ignored),
        )

    def check_identifying(self) -> None:
        asked = self.resource.asks_one_of
        names = {
            each.parameter.name for each in self.filters if all(map(_is_identifying, each.values))
        }
        if asked and not any(one <= names for one in asked):
            self.issues.append(
                Issue("too-costly", f"Recherche trop large. {self.resource.documentation}")
            )


def _shown(name: str) -> str:
    """Return a name said by others, fit to be said again."""
    return re.sub(r"[^\w.:-]", "?", name[:40])


def _is_identifying(value: Value) -> bool:
    """Tell whether a value names someone: an identifier with its system, a whole birth date."""
    if isinstance(value, When):
        return value.comparison == "eq" and value.span.precision == fhir.DAY
    if isinstance(value, str):
        return len(value) >= 2
    return not isinstance(value, Token) or bool(value.code)


def value_of(parameter: Parameter, text: str, base: str) -> Value:
    """Return one value of a parameter, read as its kind asks.

    Raises:
        ValueError: it is not of that kind; the message says what is expected.
    """
    if parameter.domains and len(text) > 1 and text.endswith("|"):
        return Token(text[:-1], "")
    if parameter.kind == registry.REFERENCE:
        return _target(text, parameter, base)
    readings: dict[str, Callable[[str], Value]] = {
        registry.TOKEN: _token,
        registry.DATE: _when,
        registry.NUMBER: _amount,
        registry.QUANTITY: _amount,
    }
    return readings.get(parameter.kind, _text)(text)


def _token(text: str) -> Token:
    system, bar, code = text.rpartition("|")
    if not code:
        raise ValueError("Un code est attendu après « | ».")
    return Token(system if bar else None, code)


def _when(text: str) -> When:
    found = _DATE.fullmatch(text)
    if found is None:
        raise ValueError("Une date est attendue, précédée ou non de eq, ge, le, gt ou lt.")
    try:
        return When(found[1] or "eq", _span(found[2]), found[2])
    except ValueError as error:
        raise ValueError("Cette date n’existe pas.") from error


def _span(text: str) -> fhir.Span:
    """Read a date of a search: there, seconds may be left out, and the time zone (then ours)."""
    hour = _LOCAL_TIME.fullmatch(text)
    if hour is None:
        return fhir.span(text)
    zone = (
        hour[3]
        or timezone.make_aware(datetime.fromisoformat(hour[1] + (hour[2] or ":00"))).isoformat()[
            -6:
        ]
    )
    whole = fhir.span(hour[1] + (hour[2] or ":00") + zone)
    if hour[2]:
        return whole
    return fhir.Span(whole.start, whole.start + timedelta(minutes=1), whole.precision)


def _amount(text: str) -> Amount:
    found = _NUMBER.fullmatch(text.partition("|")[0])
    if found is None:
        raise ValueError("Un nombre est attendu, précédé ou non de eq, ge, le, gt ou lt.")
    return Amount(found[1] or "eq", float(found[2]))


def _text(text: str) -> str:
    if not text.strip():
        raise ValueError("Un texte est attendu.")
    return text.strip()


def _target(text: str, parameter: Parameter, base: str) -> Target:
    if parameter.canonical and ":" in text and not is_ours(text, base):
        return Target(parameter.targets[0], None, text)
    if "://" in text:
        if not is_ours(text, base):
            return Target("", None)
        text = text[len(base) :].lstrip("/")
    kind, slash, number = text.rpartition("/")
    if slash and kind not in parameter.targets:
        raise ValueError(f"Une référence à {', '.join(parameter.targets)} est attendue.")
    if not slash and len(parameter.targets) == 1:
        kind = parameter.targets[0]
    if not kind:
        raise ValueError("Dites le type : PractitionerRole/12.")
    return Target(kind, number_of(number))


def is_ours(address: str, base: str) -> bool:
    """Tell whether an absolute address is at this very door: same scheme, host, port and path."""
    theirs, ours = urlsplit(address), urlsplit(base)
    return (
        (theirs.scheme, theirs.netloc) == (ours.scheme, ours.netloc)
        and not theirs.query
        and not theirs.fragment
        and theirs.path.startswith(ours.path.rstrip("/") + "/")
    )


def number_of(text: str) -> int | None:
    """Return the row number that a FHIR id of ours says, or None: ours are plain numbers."""
    if not (text.isascii() and text.isdigit() and len(text) <= 19 and text[0] != "0"):
        return None
    number = int(text)
    return number if number <= _LARGEST_NUMBER else None


def identifying_system(tokens: Iterable[Token]) -> None:
    """Check that identifiers of persons are said with their system.

    Raises:
        Refused: one is not; a bare number would be looked for among every system.
    """
    if any(not token.system for token in tokens):
        raise refuse(400, "invalid", "identifier : dites le système, « système|valeur ».")
