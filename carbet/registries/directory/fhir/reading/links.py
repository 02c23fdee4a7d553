"""References between resources of the source: followed by its numbers, or made logical."""

from typing import Any

from carbet.registries.directory.fhir.reading.said import KINDS, LONGEST_ID, Context


def target_of(reference: Any) -> tuple[str, str] | None:
    """Return the type and number of a reference to a resource of the source, or None."""
    if not isinstance(reference, dict) or not isinstance(reference.get("reference"), str):
        return None
    said = reference["reference"]
    if said.startswith(("#", "urn:")) or "?" in said:
        return None
    *_, kind, number = ["", *said.split("/_history")[0].rsplit("/", 2)][-2:]
    return (kind, number) if kind in KINDS and 0 < len(number) <= LONGEST_ID else None


def logical(value: Any, links: frozenset[str], context: Context, depth: int) -> Any:
    """Return a copy whose references to the source's numbers are logical: ours are others."""
    if isinstance(value, list):
        return [logical(each, frozenset(), context, depth + 1) for each in value]
    if not isinstance(value, dict):
        return value
    found = {
        name: _first_as_it_is(each, context)
        if depth == 0 and name in links
        else logical(each, frozenset(), context, depth + 1)
        for name, each in value.items()
    }
    pointed = target_of(found)
    if pointed and depth:
        found.pop("reference")
        kind, number = pointed
        found.setdefault("type", kind)
        if context.source_system:
            found.setdefault("identifier", {"system": context.source_system, "value": number})
    return found


def _first_as_it_is(link: Any, context: Context) -> Any:
    """Return a link of ours as it came; those after the first are logical: one column holds one."""
    if not isinstance(link, list):
        return link
    return [*link[:1], *logical(link[1:], frozenset(), context, 1)]
