"""What our columns cannot say of a resource is kept as it came, and given back as it came.

An element is compared with what our columns would write of it. When they differ, the element is
kept whole beside the fingerprint of what the columns said then. Given back, it stands while the
columns still say the same; once somebody has changed them, they speak.
"""

import hashlib
from typing import Any

import orjson

from carbet.core.fhir import Json
from carbet.registries.directory.choices import Source

# Of the answer itself, not of what it says; the narrative repeats the rest and would grow stale.
_NOT_KEPT = frozenset({"resourceType", "id", "text", "meta"})
_META_KEPT = ("source", "profile", "security", "tag")
# The last speaks over the others.
_ORDER = (Source.STRUCTURES, Source.FINESS, Source.ANNUAIRE, Source.ROR)


def fingerprint(value: Any) -> str:
    """Return a short digest of a JSON value, whatever the order of its keys."""
    said = orjson.dumps(value, option=orjson.OPT_SORT_KEYS)
    return hashlib.blake2b(said, digest_size=8).hexdigest()


def keep(original: Json, written: Json, references: frozenset[str]) -> Json:
    """Return what must be kept of `original` to give it back, beyond what columns write of it.

    Args:
        written: what the columns would write, references left out.
        references: elements written from our own links, one each: only what they add, and the
            links after the first, are kept.
    """
    kept: Json = {}
    for name in original.keys() | written.keys():
        if name in _NOT_KEPT:
            continue
        said = original.get(name)
        if name in references:
            first, *others = said if isinstance(said, list) and said else [said]
            link: Json = {}
            if isinstance(first, dict) and (more := first.keys() - {"reference"}):
                link["plus"] = {key: first[key] for key in more}
            if others:
                link["others"] = others
            if link:
                kept[name] = link
        elif said != written.get(name):
            kept[name] = {"as": said, "if": fingerprint(written.get(name))}
    meta = original.get("meta")
    if isinstance(meta, dict) and (told := {n: meta[n] for n in _META_KEPT if n in meta}):
        kept["meta"] = {"as": told}
    return kept


def give_back(written: Json, kept: Json) -> Json:
    """Return a resource as our columns write it, with what was kept of it by each source."""
    if not kept:
        return written
    found = dict(written)
    said: Json = {}
    for source in _ORDER:
        said |= kept.get(source, {})
    for name, each in said.items():
        if name == "meta":
            found["meta"] = written["meta"] | each["as"]
        elif "plus" in each or "others" in each:
            if name in written:
                found[name] = _more(written[name], each.get("plus", {}), each.get("others", []))
        elif each["if"] == fingerprint(written.get(name)):
            if each["as"] is None:
                found.pop(name, None)
            else:
                found[name] = each["as"]
        elif name == "extension" and isinstance(each["as"], list):
            found[name] = _extensions(each["as"], written.get(name, []))
    return found


def _more(reference: Any, plus: Json, others: list[Any]) -> Any:
    if isinstance(reference, list):
        return [plus | reference[0], *reference[1:], *others]
    return plus | reference


def _extensions(said: list[Json], written: list[Json]) -> list[Json]:
    """Return the extensions that columns write, and those that they know nothing of."""
    ours = {each["url"] for each in written}
    return [each for each in said if each.get("url") not in ours] + written
