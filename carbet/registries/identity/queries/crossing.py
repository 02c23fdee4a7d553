"""Whose numbers are crossed otherwise than before: what a domain that asks for it is told of."""

from dataclasses import dataclass

from django.db.models import Max, Q

from carbet.registries.identity.choices import IdentityState
from carbet.registries.identity.models import LocalIdentity, Movement, Reconciliation


@dataclass(frozen=True)
class Crossing:
    """The identities of an establishment that decisions concern, and the last decision."""

    identities: list[LocalIdentity]
    last: int


def last_decision() -> int:
    """Return the number of the latest decision, 0 before any: they are committed in their order."""
    return Reconciliation.objects.aggregate(last=Max("pk"))["last"] or 0


def crossed_since(decision: int, *, organization_id: int, most: int) -> Crossing:
    """Return whose persons a few decisions changed, of the domains of an establishment.

    Identities in use, in the groups where these decisions took from and put to: with whom they
    stand may differ from before.

    Args:
        decision: those after it, the oldest first.
        most: how many decisions.
    """
    taken = list(
        Reconciliation.objects.filter(pk__gt=decision)
        .order_by("pk")
        .values_list("pk", "undoes_id", "first_id", "second_id")[:most]
    )
    if not taken:
        return Crossing([], decision)
    numbers = {number for pk, undone, *_ in taken for number in (pk, undone) if number}
    ends = {number for *_, first, second in taken for number in (first, second) if number}
    moved = Movement.objects.filter(
        reconciliation__in=numbers, table=LocalIdentity._meta.db_table
    ).values_list("row_id", "before__regional_id", "after__regional_id")
    groups = set()
    for row, *sides in moved:
        ends.add(row)
        groups |= {side for side in sides if side is not None}
    stands = LocalIdentity.objects.filter(pk__in=ends).values("regional_id")
    found = (
        LocalIdentity.objects.filter(
            Q(regional__in=groups) | Q(regional__in=stands),
            state=IdentityState.ACTIVE,
            domain__organization_id=organization_id,
        )
        .select_related("domain")
        .order_by("pk")
    )
    return Crossing(list(found), taken[-1][0])
