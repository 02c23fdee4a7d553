"""A domain asks that two of its numbers become one: done at once, or asked of people."""

from datetime import datetime

from carbet.core.actor import Actor
from carbet.core.audit import Trace
from carbet.core.operation import operation
from carbet.registries.identity import access, queries
from carbet.registries.identity.choices import RISKS, IdentityState, PairKind, PairState
from carbet.registries.identity.models import IdentityDomain, LocalIdentity, Pair
from carbet.registries.identity.operations import moving
from carbet.registries.identity.operations.merging import (
    UnableToMerge,
    check_merge,
    merge_local,
)
from carbet.registries.identity.operations.recording import bare, checked_number


@operation("identity.request_merge")
def request_merge(
    trace: Trace,
    *,
    actor: Actor,
    now: datetime,
    domain: IdentityDomain,
    survivor: str,
    absorbed: str,
    key: str = "",
) -> tuple[LocalIdentity, Pair | None]:
    """Merge a number of a domain into another, as it asks (ADT A40), or ask people first.

    Two numbers of one regional identity, or of which one was never heard of, are merged at once.
    Two regional identities become one only when the identity cell says so: the pair that waits is
    returned beside the survivor. The same request twice is one.

    Raises:
        UnableToAct: the domain is not the actor's.
        UnableToMerge: a loop, a number already merged elsewhere, or people said them different.
    """
    access.check_domain(actor, domain)
    kept, gone = checked_number(survivor), checked_number(absorbed)
    if kept == gone:
        raise UnableToMerge("Un numéro ne se fusionne pas avec lui-même.")
    pair = None
    with moving.house(trace, actor, now=now):
        moving.lock_numbers(domain, kept, gone)
        moving.lock_moves()
        stays, goes = (
            queries.identity(domain=domain, number=number) or bare(domain, number, now=now)
            for number in (kept, gone)
        )
        root = queries.survivor_of(stays)
        already = goes.state == IdentityState.MERGED and queries.survivor_of(goes).pk == root.pk
        if not already:
            check_merge(goes, root)
        if not already and goes.known and root.known and goes.regional_id != root.regional_id:
            pair = _ask(goes, root, domain, now=now)
    if pair is None:
        root = merge_local(
            actor=actor, now=now, domain=domain, survivor=kept, absorbed=gone, key=key
        )
    trace.about(patient_id=root.patient_id, entity=pair or root, reason=f"{gone} dans {kept}")
    return root, pair


def _ask(
    goes: LocalIdentity, root: LocalIdentity, domain: IdentityDomain, *, now: datetime
) -> Pair:
    """Put before people what their domain says to be one person, with which number is to go."""
    score = queries.explain(queries.compared(root.traits), queries.compared(goes.traits))
    low, high = sorted((goes, root), key=lambda each: each.pk)
    pair, _ = Pair.objects.get_or_create(
        first=low,
        second=high,
        defaults={
            "kind": PairKind.DOMAIN,
            "risk": RISKS[PairKind.DOMAIN],
            "found_at": now,
            "weight": score.weight,
            "probability": score.probability,
            "explanation": moving.explained(score),
        },
    )
    told = pair.told or {}
    answered = pair.state in (PairState.SAME, PairState.REPLACED)
    if answered or told.get("absorbed") != goes.pk:
        if answered:
            # Said to be one, parted since by another way: a new question.
            pair.state, pair.reconciliation = PairState.OPEN, None
            pair.decided_at, pair.decided_by_name = None, ""
        if pair.kind == PairKind.DOUBTFUL:
            pair.kind, pair.risk = PairKind.DOMAIN, RISKS[PairKind.DOMAIN]
        pair.told, pair.reason = (
            told | {"absorbed": goes.pk},
            f"Fusion demandée par {domain.name}."[:500],
        )
        pair.version += 1
        pair.save()
    return pair
