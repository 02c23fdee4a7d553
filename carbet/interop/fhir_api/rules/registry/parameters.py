"""Search parameters: what one is, and the ways to say one in a line."""

import re
from dataclasses import dataclass

HL7 = "http://hl7.org/fhir/SearchParameter/"

TOKEN, STRING, DATE, REFERENCE = "token", "string", "date", "reference"
NUMBER, QUANTITY, SPECIAL, URI = "number", "quantity", "special", "uri"

# Texts that are sought by their beginning, or whole; the others by any part.
_BEGINNING = frozenset(["address-city", "address-postalcode", "family", "given", "mailbox-mss"])
_WHOLE = frozenset(["address-insee", "number-smartcard", "pharmacy-licence", "psychiatric-sector"])

PERSON = ("Patient",)
ACTORS = ("PractitionerRole", "Practitioner", "Organization")


@dataclass(frozen=True)
class Parameter:
    """One search parameter; `targets` are the types that a reference may point to."""

    name: str
    kind: str
    definition: str = ""
    targets: tuple[str, ...] = ()
    documentation: str = ""
    # Whether it may be said by a canonical address, "url|version", as well as by a number.
    canonical: bool = False
    # Whether a system may be said without a code, "system|": whoever has a number in that domain.
    domains: bool = False

    @property
    def is_ordered(self) -> bool:
        return self.kind in (DATE, NUMBER, QUANTITY)

    @property
    def operators(self) -> tuple[str, ...]:
        """The comparisons of `_filter` that it serves."""
        if self.is_ordered:
            return ("eq", "ne", "gt", "lt", "ge", "le")
        if self.kind == STRING and (end := re.split("[.:]", self.name)[-1]) not in _WHOLE:
            own = "sw" if end in _BEGINNING else "co"
            return (own,) if self.is_chain else (own, "eq", "ne")
        return ("eq", "ne")

    @property
    def is_chain(self) -> bool:
        return "." in self.name or ":" in self.name


def standard(of: str, name: str, kind: str, *targets: str) -> Parameter:
    """Return a parameter of FHIR itself; `of` is its resource, or "clinical" or "individual"."""
    return Parameter(name, kind, f"{HL7}{of}-{name}", targets)


def exact(*names: str) -> tuple[Parameter, ...]:
    """Return the parameters that ask for whole texts, signs and capitals included."""
    return tuple(Parameter(f"{name}:exact", STRING) for name in names)


def modified(*names: str) -> tuple[Parameter, ...]:
    """Return the parameters that seek texts whole, or by any part, whatever they do by themselves.

    A part is sought without regard to capitals.
    """
    parts = tuple(Parameter(f"{name}:contains", STRING) for name in names)
    return (*exact(*names), *parts)


def identified(*paths: str) -> tuple[Parameter, ...]:
    """Return the parameters that seek by the identifier of what these references lead to."""
    return tuple(Parameter(f"{path}.identifier", TOKEN) for path in paths)


def parameters(*given: Parameter) -> dict[str, Parameter]:
    """Return the parameters of a resource by their names, those of every resource first."""
    common = (
        Parameter("_id", TOKEN, HL7 + "Resource-id"),
        Parameter("_lastUpdated", DATE, HL7 + "Resource-lastUpdated"),
    )
    return {parameter.name: parameter for parameter in (*common, *given)}


def one_of(*sets: str) -> tuple[frozenset[str], ...]:
    """Return the sets of parameters, each written with spaces, of which one must be said whole."""
    return tuple(frozenset(each.split()) for each in sets)
