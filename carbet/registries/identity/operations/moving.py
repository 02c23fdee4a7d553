"""How identities move between persons, always written down: called inside operations only.

Whoever moves an identity holds one lock of the whole room until the commit: decisions are rare, and
two of them never cross. Who speaks of numbers locks them first, so that two messages of one number
follow each other without that lock when nothing changes.
"""

from collections.abc import Iterable
from contextlib import AbstractContextManager
from contextvars import ContextVar
from datetime import datetime
from typing import Any

from django.db import connection
from django.db.models import F, OuterRef, Q, QuerySet, Subquery
from django.dispatch import Signal

from carbet.core import row_security
from carbet.core.actor import Actor, for_house
from carbet.core.audit import Trace
from carbet.registries.identity.choices import (
    RISKS,
    WAITING,
    IdentityState,
    NoticeKind,
    PairKind,
    PairState,
    ReconciliationKind,
)
from carbet.registries.identity.models import (
    DomainNotice,
    IdentityDomain,
    LocalIdentity,
    Movement,
    Pair,
    Reconciliation,
    RegionalIdentity,
)
from carbet.registries.identity.rules import likeness
from carbet.registries.patients.models import Patient

# Sent with its `decision`, before its rows move, in the transaction that moves them.
decided = Signal()
# Set while a record is opened for somebody who was told apart: compared once that is written.
opening_apart: ContextVar[bool] = ContextVar("opening_apart", default=False)

# What says that two identities are one person.
BRINGING = (ReconciliationKind.LINK, ReconciliationKind.MERGE)

_LOCAL, _REGIONAL = LocalIdentity._meta.db_table, RegionalIdentity._meta.db_table


def house(trace: Trace, actor: Actor, *, now: datetime) -> AbstractContextManager[None]:
    """Let the house act on identities of every domain, because this actor asked."""
    return row_security.acting_as(
        for_house(actor), now=now, operation=trace.operation, context_id=str(trace.context_id)
    )


def lock_numbers(domain: IdentityDomain, *numbers: str) -> None:
    """Wait for whoever speaks of these numbers now; taken before `lock_moves`.

    Under that lock nobody is waited for, who may be waiting for it: whoever speaks of the number
    reads again what is known of it once the lock is theirs.
    """
    with connection.cursor() as cursor:
        for number in sorted(set(numbers)):
            cursor.execute(
                "SELECT CASE WHEN current_setting('carbet.moving', true) = 'on'"
                " THEN pg_try_advisory_xact_lock(hashtextextended(%(name)s, 97300))"
                " ELSE (SELECT true FROM"
                "  pg_advisory_xact_lock(hashtextextended(%(name)s, 97300))) END",
                {"name": f"identity:{domain.pk}:{number}"},
            )


def lock_two(one: tuple[IdentityDomain, str], two: tuple[IdentityDomain, str]) -> None:
    """Wait for whoever speaks of either number, of one domain or two, always in one order."""
    for domain, number in sorted({one, two}, key=lambda each: (each[0].pk, each[1])):
        lock_numbers(domain, number)


def lock_moves() -> None:
    """Wait for whoever moves identities now."""
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT pg_advisory_xact_lock(97301), set_config('carbet.moving', 'on', true)"
        )


def done_before(key: str) -> Reconciliation | None:
    """Return the decision of this key: a message that comes twice is one."""
    return Reconciliation.objects.filter(key=key[:200]).first() if key else None


def write_decision(
    *,
    kind: ReconciliationKind,
    actor: Actor,
    now: datetime,
    first: LocalIdentity,
    second: LocalIdentity | None = None,
    reason: str = "",
    score: likeness.Score | None = None,
    pair: Pair | None = None,
    domain: IdentityDomain | None = None,
    said_at: datetime | None = None,
    automatic: bool = False,
    key: str = "",
    undoes: Reconciliation | None = None,
    stayed: int = 0,
) -> Reconciliation:
    """Write who decided what, when and why, with the score and its words.

    Args:
        pair: what people were asked, whose score is theirs to know.
    """
    asked = score or pair
    decision = Reconciliation.objects.create(
        kind=kind,
        decided_at=now,
        decided_by_name=said_by(actor, automatic=automatic, domain=domain),
        account_id=None if automatic else actor.account_id,
        automatic=automatic,
        domain=domain,
        said_at=said_at,
        first=first,
        second=second,
        reason=reason[:500],
        weight=asked.weight if asked else None,
        probability=asked.probability if asked else None,
        explanation=explained(score) if score else pair.explanation if pair else [],
        undoes=undoes,
        stayed=stayed,
        key=key[:200],
    )
    decided.send(Reconciliation, decision=decision)
    return decision


def said_by(actor: Actor, *, automatic: bool = False, domain: IdentityDomain | None = None) -> str:
    """Return who decided, for people."""
    if automatic:
        return "Rapprochement automatique"
    if actor.account_id is None and domain is not None:
        return domain.name
    return actor.display_name[:200]


def explained(score: likeness.Score) -> list[list[Any]]:
    """Return the parts of a score as they are kept: name, level, weight in bits, words."""
    return [[f.name, f.level, round(f.weight, 2), f.words] for f in score.fields]


def change(
    decision: Reconciliation, row: LocalIdentity | RegionalIdentity | Patient, **values: Any
) -> None:
    """Change columns of a row, and write down what they were."""
    before = {name: getattr(row, name) for name in values}
    Movement.objects.create(
        reconciliation=decision,
        table=row._meta.db_table,
        row_id=row.pk,
        before=before,
        after=values,
    )
    for name, value in values.items():
        setattr(row, name, value)
    row.save(update_fields=list(values))


def count_change(identities: Iterable[LocalIdentity], *, now: datetime) -> None:
    """Count a merge or its undoing as a change of each record concerned, after its rows moved.

    No movement keeps it: undone, a record says the same as before, under a later version.
    """
    records = [each.patient_id for each in identities if each.patient_id is not None]
    Patient.objects.filter(pk__in=records).update(version=F("version") + 1, updated_at=now)


def new_group(*, now: datetime) -> RegionalIdentity:
    """Open a group for a person met for the first time."""
    return RegionalIdentity.objects.create(created_at=now)


def join(decision: Reconciliation, *, kept: int, gone: int) -> None:
    """Move every identity of a group into another, and retire it."""
    if kept == gone:
        return
    members = list(LocalIdentity.objects.filter(regional_id=gone).order_by("pk"))
    _carry(decision, members, kept)
    group = RegionalIdentity.objects.get(pk=gone)
    change(decision, group, active=False, retired_into_id=kept)
    close_pairs_within(decision, kept)


def part(decision: Reconciliation, identity: LocalIdentity, *, now: datetime) -> RegionalIdentity:
    """Move an identity, with all that was merged into it, into a group of its own.

    What links it to somebody who stays is asked of people again.
    """
    left = identity.regional_id
    members = tree_of(identity)
    # Before the decision it did not exist: undone, it is retired again.
    group = RegionalIdentity.objects.create(active=True, created_at=now)
    Movement.objects.create(
        reconciliation=decision,
        table=_REGIONAL,
        row_id=group.pk,
        before={"active": False},
        after={"active": True},
    )
    _carry(decision, members, group.pk)
    identity.refresh_from_db(fields=["regional"])
    settle([left])
    for link in links_between(group.pk, left):
        ask_again(link)
    return group


def links_between(one: int, other: int) -> list[Reconciliation]:
    """Return the decisions that stand and say somebody of the one to be somebody of the other."""
    across = Q(first__regional=one, second__regional=other) | Q(
        first__regional=other, second__regional=one
    )
    return list(
        Reconciliation.objects.filter(across, kind__in=BRINGING, undone_by__isnull=True)
        .select_related("first", "second")
        .order_by("pk")
    )


def _carry(decision: Reconciliation, members: list[LocalIdentity], to: int) -> None:
    Movement.objects.bulk_create(
        Movement(
            reconciliation=decision,
            table=_LOCAL,
            row_id=each.pk,
            before={"regional_id": each.regional_id},
            after={"regional_id": to},
        )
        for each in members
    )
    LocalIdentity.objects.filter(pk__in=[each.pk for each in members]).update(regional_id=to)
    for each in members:
        each.regional_id = to


def tree_of(identity: LocalIdentity) -> list[LocalIdentity]:
    """Return an identity and all that was merged into it, however far."""
    members = list(LocalIdentity.objects.filter(regional_id=identity.regional_id).order_by("pk"))
    below: dict[int, list[LocalIdentity]] = {}
    for each in members:
        if each.survivor_id is not None:
            below.setdefault(each.survivor_id, []).append(each)
    found = [next(each for each in members if each.pk == identity.pk)]
    for each in found:
        found += below.get(each.pk, [])
    return found


def follow(identities: Iterable[int]) -> None:
    """Bring beside these identities the former numbers that lead to them, told since or not."""
    above = list(identities)
    while above:
        below = LocalIdentity.objects.filter(survivor__in=above)
        below.exclude(regional_id=F("survivor__regional_id")).update(
            regional_id=Subquery(
                LocalIdentity.objects.filter(pk=OuterRef("survivor_id")).values("regional_id")[:1]
            )
        )
        above = list(below.values_list("pk", flat=True))


def settle(groups: Iterable[int]) -> None:
    """Retire the groups left without anybody, bring back those that have somebody."""
    for group in RegionalIdentity.objects.filter(pk__in=set(groups)):
        used = LocalIdentity.objects.filter(regional=group).exists()
        if used != group.active:
            group.active = used
            group.retired_into_id = None if used else group.retired_into_id
            group.save(update_fields=["active", "retired_into"])


def said_different(first: int, second: int) -> bool:
    """Tell whether people said somebody of one group not to be somebody of the other."""
    return _said_different(first, second).exists()


def pair_said_different(first: int, second: int) -> Pair | None:
    """Return a decision of people that somebody of one group is not somebody of the other."""
    return _said_different(first, second).select_related("first", "second").first()


def _said_different(first: int, second: int) -> QuerySet[Pair]:
    one, other = Q(first__regional=first), Q(first__regional=second)
    return Pair.objects.filter(
        (one & Q(second__regional=second)) | (other & Q(second__regional=first)),
        state=PairState.DIFFERENT,
    )


def said_different_of(members: list[LocalIdentity], group: int) -> bool:
    """Tell whether people said one of these identities to be somebody else than one of a group."""
    asked = [each.pk for each in members]
    return Pair.objects.filter(
        Q(first__in=asked, second__regional=group) | Q(second__in=asked, first__regional=group),
        state=PairState.DIFFERENT,
    ).exists()


def waits_between(first: int, second: int, *, by_people: bool = False) -> bool:
    """Tell whether people are already asked about these two groups.

    Args:
        by_people: somebody put the question, or put it again, and said why: no machine answers it.
    """
    asked = Pair.objects.filter(
        Q(first__regional=first, second__regional=second)
        | Q(first__regional=second, second__regional=first),
        state__in=WAITING,
    )
    return (asked.exclude(reason="") if by_people else asked).exists()


def close_pairs_within(decision: Reconciliation, group: int) -> None:
    """Close what waited about two identities that now are one person by another way.

    Two records, or two numbers of one domain, still wait to be merged.
    """
    for pair in Pair.objects.filter(
        first__regional=group,
        second__regional=group,
        state__in=WAITING,
        kind__in=(PairKind.DOUBTFUL, PairKind.COLLISION),
    ):
        pair.state = PairState.SAME
        pair.reconciliation = decision
        pair.decided_at, pair.decided_by_name = decision.decided_at, decision.decided_by_name
        pair.version += 1
        pair.save()


def reopen(pair: Pair, *, reason: str | None = None) -> None:
    """Put a question before people again.

    Args:
        reason: takes the place of the one given with the decision; None keeps it.
    """
    pair.state, pair.reconciliation = PairState.OPEN, None
    pair.decided_at, pair.decided_by_name = None, ""
    pair.reason = pair.reason if reason is None else reason[:500]
    pair.version += 1
    pair.save()


def replace(pair: Pair, *, actor: Actor, now: datetime) -> None:
    """Close a question without an answer: another one asks the same."""
    pair.state, pair.reconciliation, pair.reason = PairState.REPLACED, None, ""
    pair.decided_at, pair.decided_by_name = now, said_by(actor)
    pair.version += 1
    pair.save()


def ask_again(link: Reconciliation) -> None:
    """Ask people about two identities that had been linked and that are linked no more."""
    if link.second is None:
        return
    low, high = sorted((link.first, link.second), key=lambda each: each.pk)
    pair, created = Pair.objects.get_or_create(
        first=low,
        second=high,
        defaults={
            "kind": PairKind.DOUBTFUL,
            "risk": RISKS[PairKind.DOUBTFUL],
            "found_at": link.decided_at,
            "weight": link.weight,
            "probability": link.probability,
            "explanation": link.explanation,
        },
    )
    if not created and pair.state in (PairState.SAME, PairState.REPLACED):
        reopen(pair)


def is_said_different(one: LocalIdentity, other: LocalIdentity, *, by_people: bool = False) -> bool:
    """Tell whether it was said of these very two that they are two persons.

    Args:
        by_people: not by a message of their domain, on which it may come back.
    """
    low, high = sorted((one.pk, other.pk))
    said = Pair.objects.filter(first=low, second=high, state=PairState.DIFFERENT)
    if by_people:
        said = said.filter(
            Q(reconciliation__isnull=True)
            | Q(reconciliation__domain__isnull=True)
            | Q(reconciliation__account_id__isnull=False)
        )
    return said.exists()


def set_apart(
    first: LocalIdentity,
    second: LocalIdentity,
    *,
    actor: Actor,
    now: datetime,
    reason: str,
    decision: Reconciliation | None = None,
) -> Pair:
    """Remember that people said two identities to be different: no machine links them again."""
    low, high = sorted((first, second), key=lambda each: each.pk)
    pair, _ = Pair.objects.get_or_create(
        first=low,
        second=high,
        defaults={
            "kind": PairKind.DOUBTFUL,
            "risk": RISKS[PairKind.DOUBTFUL],
            "found_at": now,
        },
    )
    pair.state = PairState.DIFFERENT
    pair.decided_at, pair.decided_by_name = now, said_by(actor)
    pair.reason = reason[:500]
    pair.reconciliation = decision
    pair.version += 1
    pair.save()
    return pair


def notify(
    identities: Iterable[LocalIdentity],
    kind: NoticeKind,
    *,
    now: datetime,
    decision: Reconciliation | None = None,
    about: Iterable[LocalIdentity] = (),
) -> None:
    """Tell the domains of these identities what was decided.

    Args:
        about: others that it speaks of; a domain is told the number of its own.
    """
    told = {each.pk: each for each in identities}
    spoken = [*told.values(), *about]
    DomainNotice.objects.bulk_create(
        DomainNotice(
            domain_id=each.domain_id,
            identity=each,
            other=next(
                (o for o in spoken if o.pk != each.pk and o.domain_id == each.domain_id), None
            ),
            reconciliation=decision,
            kind=kind,
            noticed_at=now,
        )
        for each in told.values()
        if each.state == IdentityState.ACTIVE
    )
