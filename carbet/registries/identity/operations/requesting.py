"""A domain asks that two of its numbers become one: done at once, or asked of people."""

from datetime import datetime

from carbet.core.actor import Actor
from carbet.core.audit import Trace
from carbet.core.operation import operation
from carbet.registries.identity import access, queries
from carbet.registries.identity.choices import (
    RISKS,
    IdentityState,
    NoticeKind,
    PairKind,
    PairState,
)
from carbet.registries.identity.models import (
    DomainNotice,
    IdentityDomain,
    LocalIdentity,
    Pair,
    Reconciliation,
)
from carbet.registries.identity.operations import moving
from carbet.registries.identity.operations.merging import (
    UnableToMerge,
    check_merge,
    check_order,
    merge_local,
    take_back_word,
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
    said_at: datetime | None = None,
    key: str = "",
) -> tuple[LocalIdentity, Pair | None]:
    """Merge a number of a domain into another, as it asks (ADT A40), or ask people first.

    Two numbers of one regional identity, or of which one was never heard of, are merged at once.
    Two regional identities become one only when the identity cell says so: the pair that waits is
    returned beside the survivor. The same request twice is one.

    A domain that said them to be two persons (ADT A37) takes its word back so; people's stands.

    Raises:
        UnableToAct: the domain is not the actor's.
        UnableToMerge: a loop, a number already merged elsewhere.
        SaidDifferent: people said them different.
        SaidSince: the domain has said otherwise since.
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
        taken_back = None
        if not already:
            check_order(stays, goes, said_at)
            taken_back = take_back_word(stays, goes)
            check_merge(goes, root)
        if not already and goes.known and root.known and goes.regional_id != root.regional_id:
            pair = _ask(goes, root, domain, now=now, said_at=said_at, taken_back=taken_back)
    if pair is None:
        root = merge_local(
            actor=actor,
            now=now,
            domain=domain,
            survivor=kept,
            absorbed=gone,
            said_at=said_at,
            key=key,
        )
    trace.about(patient_id=root.patient_id, entity=pair or root, reason=f"{gone} dans {kept}")
    return root, pair


def _ask(
    goes: LocalIdentity,
    root: LocalIdentity,
    domain: IdentityDomain,
    *,
    now: datetime,
    said_at: datetime | None,
    taken_back: Reconciliation | None,
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
        pair.told = told | {"absorbed": goes.pk}
        if said_at is not None:
            pair.told["said_at"] = said_at.isoformat()
        pair.reason = f"Fusion demandée par {domain.name}."
        if taken_back is not None:
            pair.reason += f" Le {taken_back.decided_at:%d/%m/%Y}, il les disait deux personnes."
        pair.version += 1
        pair.save()
    return pair


@operation("identity.tell_refused", action="C")
def tell_refused(
    trace: Trace, *, actor: Actor, now: datetime, domain: IdentityDomain, first: str, second: str
) -> None:
    """Tell a domain that the cell holds two of its numbers to be two persons, whatever it says.

    Once until it has seen so: a message that is sent again says no more.

    Raises:
        UnableToAct: the domain is not the actor's.
    """
    access.check_domain(actor, domain)
    with moving.house(trace, actor, now=now):
        one, two = (queries.identity(domain=domain, number=number) for number in (first, second))
        told = [each for each in (one, two) if each is not None]
        waiting = DomainNotice.objects.filter(
            identity__in=told, kind=NoticeKind.REFUSED, seen_at__isnull=True
        )
        if told and not waiting.exists():
            moving.notify(told[:1], NoticeKind.REFUSED, now=now, about=told[1:])
    trace.about(
        patient_id=one.patient_id if one else None,
        entity=one or domain,
        reason=f"{first} et {second} : deux personnes",
    )
