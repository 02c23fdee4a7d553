"""Domains, traits and identities for the tests of this room."""

from datetime import date
from typing import Any

from carbet.core.actor import internal
from carbet.registries.identity import operations
from carbet.registries.identity.models import IdentityDomain, LocalIdentity
from carbet.registries.identity.rules import Traits

HOUSE = internal("test")


def claire(**changes: Any) -> Traits:
    """Return the traits of Claire as a hospital knows them."""
    values: dict[str, Any] = {
        "birth_family": "RÉGIS",
        "birth_given": ("CLAIRE", "MARIE"),
        "used_family": "MONTGÉNIE",
        "gender": "female",
        "birth_date": date(1951, 3, 14),
        "birth_place_code": "97302",
    }
    return Traits(**(values | changes))


def somebody(**changes: Any) -> Traits:
    """Return the traits of somebody else altogether."""
    values: dict[str, Any] = {
        "birth_family": "KWASI",
        "birth_given": ("JOHANES",),
        "gender": "male",
        "birth_date": date(1988, 11, 2),
        "birth_place_code": "97311",
    }
    return Traits(**(values | changes))


def domain(slug: str = "chc", **values: Any) -> IdentityDomain:
    """Open a hospital's domain."""
    from tests.world import NOW

    return operations.open_domain(actor=HOUSE, now=NOW, slug=slug, name=f"CH {slug}", **values)


def told(
    place: IdentityDomain, number: str, traits: Traits | None = None, **more: Any
) -> LocalIdentity:
    """Tell an identity as its domain does."""
    from tests.world import NOW

    return operations.record_local_identity(
        actor=HOUSE,
        now=more.pop("now", NOW),
        domain=place,
        number=number,
        traits=traits or claire(),
        **more,
    )
