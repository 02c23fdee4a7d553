"""The part of FHIRPath that scores may use: short, without loops, ended in bounded time.

Source: FHIRPath 2.0 (HL7, 2020), Structured Data Capture 3.0 (`variable`,
`calculatedExpression`, `weight()`).
"""

from collections.abc import Iterator, Mapping
from decimal import Decimal
from functools import lru_cache
from typing import Any

from antlr4 import CommonTokenStream, InputStream
from antlr4.error.ErrorListener import ErrorListener
from fhirpathpy import compile as compile_fhirpath
from fhirpathpy.models import models
from fhirpathpy.parser.generated.FHIRPathLexer import FHIRPathLexer
from fhirpathpy.parser.generated.FHIRPathParser import FHIRPathParser

LONGEST = 2000
# One criterion reads the answers once; one within another would read them squared.
DEEPEST = 1
CRITERIA = frozenset({"where", "select", "all", "exists"})
FUNCTIONS = CRITERIA | {
    "abs",
    "allTrue",
    "anyTrue",
    "ceiling",
    "contains",
    "count",
    "distinct",
    "empty",
    "first",
    "floor",
    "iif",
    "last",
    "not",
    "ofType",
    "round",
    "sum",
    "toDecimal",
    "toInteger",
    "weight",
}
ORDINAL = "http://hl7.org/fhir/StructureDefinition/ordinalValue"


class UnusableExpression(ValueError):
    """The expression is not one that we compute; its text is a French sentence."""


class _Strict(ErrorListener):
    def syntaxError(self, recognizer, symbol, line, column, message, error):  # type: ignore[no-untyped-def]  # noqa: N802
        raise UnusableExpression(f"Expression FHIRPath mal écrite, au caractère {column + 1}.")


def check(expression: str, *, names: frozenset[str]) -> None:
    """Refuse an expression that is too long, mal-formed, or uses what may not end.

    Args:
        names: the constants it may call (`%name`), besides `%resource`.

    Raises:
        UnusableExpression: with the reason.
    """
    if len(expression) > LONGEST:
        raise UnusableExpression(f"Expression FHIRPath de plus de {LONGEST} caractères.")
    lexer = FHIRPathLexer(InputStream(expression))
    parser = FHIRPathParser(CommonTokenStream(lexer))
    for part in (lexer, parser):
        part.removeErrorListeners()
        part.addErrorListener(_Strict())
    try:
        parser.expression()
    except RecursionError:
        raise UnusableExpression("Expression FHIRPath trop imbriquée.") from None
    if parser.getCurrentToken().type != -1:
        column = parser.getCurrentToken().column + 1
        raise UnusableExpression(f"Expression FHIRPath mal écrite, au caractère {column}.")
    tree = compile_fhirpath(expression, models["r4"]).parsedPath
    for kind, text, depth in _walk(tree, 0):
        if kind == "function" and text not in FUNCTIONS:
            raise UnusableExpression(f"La fonction FHIRPath {text}() n’est pas prise en charge.")
        if kind == "constant" and text not in names | {"resource"}:
            raise UnusableExpression(f"La variable %{text} n’est pas définie avant son usage.")
        if depth > DEEPEST:
            raise UnusableExpression(
                "Expression FHIRPath trop imbriquée : un critère dans l’autre."
            )


def _walk(node: Mapping[str, Any], depth: int) -> Iterator[tuple[str, str, int]]:
    kind = node.get("type")
    if kind == "Functn":
        name = node["children"][0]["text"]
        yield "function", name, depth
        depth += name in CRITERIA and len(node["children"]) > 1
    if kind == "ExternalConstant":
        children = node.get("children") or [{}]
        yield "constant", children[0].get("text", ""), depth
    yield "node", "", depth
    for child in node.get("children", ()):
        yield from _walk(child, depth)


def weight(nodes: list[Any]) -> list[Decimal]:
    """Return the ordinal values of coded answers (SDC `weight()`, R4 `ordinalValue`)."""
    found = []
    for node in nodes:
        given = node.get("extension") if isinstance(node, dict) else None
        for one in given if isinstance(given, list) else ():
            if isinstance(one, dict) and one.get("url") == ORDINAL:
                value = one.get("valueDecimal")
                if isinstance(value, int | float) and not isinstance(value, bool):
                    found.append(Decimal(str(value)))
    return found


_OWN = {"userInvocationTable": {"weight": {"fn": weight, "arity": {0: []}}}}


@lru_cache(maxsize=1000)
def _compiled(expression: str) -> Any:
    return compile_fhirpath(expression, models["r4"], _OWN)


def evaluate(
    expression: str, resource: Mapping[str, Any], constants: Mapping[str, list[Any]]
) -> list[Any]:
    """Return what a checked expression gives: a list, empty when it cannot be said.

    An expression that meets values it does not understand gives nothing rather than a wrong score.
    """
    try:
        found = _compiled(expression)(resource, {"resource": resource, **constants})
    except Exception:  # noqa: BLE001 (the library raises it bare, and errors of types and decimals)
        return []
    return found if isinstance(found, list) else [found]
