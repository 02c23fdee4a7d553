"""Two people change the same thing: what each changed is kept; where both did, a person chooses."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True, slots=True)
class Merged:
    """What comes of two changes of one thing: its fields, and those where both said otherwise.

    `values` holds what was typed where both changed; `conflicts` what the other wrote there.
    """

    values: dict[str, Any]
    conflicts: dict[str, Any]


def merge(base: Mapping[str, Any], theirs: Mapping[str, Any], mine: Mapping[str, Any]) -> Merged:
    """Merge field by field what two people made of `base`; `mine` names the fields.

    | base | theirs | mine | kept      |
    | ---- | ------ | ---- | --------- |
    | a    | a      | b    | b         |
    | a    | b      | a    | b         |
    | a    | b      | b    | b         |
    | a    | b      | c    | conflict  |
    """
    values: dict[str, Any] = {}
    conflicts: dict[str, Any] = {}
    for name, typed in mine.items():
        other = theirs.get(name)
        if typed == base.get(name) or typed == other:
            values[name] = other
            continue
        values[name] = typed
        if other != base.get(name):
            conflicts[name] = other
    return Merged(values, conflicts)
