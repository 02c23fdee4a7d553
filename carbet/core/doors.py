"""Who may come to a URL: every view declares its door, and a view without one is refused."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, TypeVar

from carbet.core.actor import ANONYMOUS, PERSON, PROFESSIONAL, SYSTEM, Level

V = TypeVar("V", bound=Callable[..., Any])


@dataclass(frozen=True)
class Door:
    """What a view asks of whoever comes.

    `patient` is the level that the view's own `access` asks for on the person named in the URL;
    the middleware checks the rest. `writes_on_get` gives the reason why a GET may write.
    """

    audience: frozenset[str]
    capability: str = ""
    patient: Level | None = None
    writes_on_get: str = ""
    role_chosen: bool = True


def _mark(door: Door) -> Callable[[V], V]:
    def mark(view: V) -> V:
        view.door = door  # type: ignore[attr-defined]
        return view

    return mark


def public(*, writes_on_get: str = "") -> Callable[[V], V]:
    """Anyone, signed in or not."""
    everyone = frozenset({ANONYMOUS, PROFESSIONAL, PERSON, SYSTEM})
    return _mark(Door(everyone, writes_on_get=writes_on_get, role_chosen=False))


def signed_in(*, role_chosen: bool = False) -> Callable[[V], V]:
    """Any person with an account, professional or not."""
    return _mark(Door(frozenset({PROFESSIONAL, PERSON}), role_chosen=role_chosen))


def professional(*, capability: str = "", patient: Level | None = None) -> Callable[[V], V]:
    """A professional under one role; with `patient`, one who may enter that record."""
    return _mark(Door(frozenset({PROFESSIONAL}), capability=capability, patient=patient))


def person(*, patient: Level | None = None) -> Callable[[V], V]:
    """A person cared for or a relative, at their own door."""
    return _mark(Door(frozenset({PERSON}), patient=patient))


def reader(*, patient: Level) -> Callable[[V], V]:
    """Whoever may enter that record, a professional or the person at their own door."""
    return _mark(Door(frozenset({PROFESSIONAL, PERSON}), patient=patient))


def system(*, writes_on_get: str = "") -> Callable[[V], V]:
    """Another system, with a token."""
    return _mark(Door(frozenset({SYSTEM}), writes_on_get=writes_on_get))


THIRD_PARTY: dict[str, Door] = {}


def third_party(module: str, door: Door) -> None:
    """Declare the door of the views of a library, by the prefix of their module."""
    THIRD_PARTY[module] = door


def of(view: Callable[..., Any]) -> Door | None:
    """Return the door of a view, or None when nobody declared it."""
    door = getattr(view, "door", None)
    if door is not None:
        return door
    module = getattr(getattr(view, "view_class", view), "__module__", "")
    for prefix, declared in THIRD_PARTY.items():
        if module == prefix or module.startswith(prefix + "."):
            return declared
    return None
