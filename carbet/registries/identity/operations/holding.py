"""What holds whatever happens to identities, stated once; called inside operations only.

1. An identity stands in one group; a group in use has somebody; a merged identity stands in the
   domain and the group of its survivor; no chain of merges loops. (PostgreSQL, `0002`)
2. Two identities that people said different are never in one group. (PostgreSQL, `0011`)
3. A number asks one question at a time, and is marked (COLP, DOUT) while it does. (`0001`)
4. What people brought together stays so until people say otherwise: no undoing of something older
   takes it apart by the way, and where somebody must leave alone (`moving.part`), people are asked
   about each link that this broke.

Whoever brings identities together asks first (`moving.said_different`, `merging.check_merge`) and
is refused. An undoing puts rows back first and asks after: what it puts back beside somebody said
different meanwhile is set apart again, or the undoing is refused where it would mean nothing.
"""

from collections.abc import Iterable
from datetime import datetime

from django.db.models import F

from carbet.core.actor import Actor
from carbet.core.operation import UnableTo
from carbet.registries.identity import queries
from carbet.registries.identity.choices import (
    WAITING,
    NoticeKind,
    PairState,
    ReconciliationKind,
)
from carbet.registries.identity.models import LocalIdentity, Pair, Reconciliation
from carbet.registries.identity.operations import moving
from carbet.registries.identity.operations.recording import mark_asked


class UnableToUndo(UnableTo):
    """The decision cannot be undone now."""


def apart_within(groups: Iterable[int]) -> Pair | None:
    """Return two identities of one of these groups that people said to be different."""
    return (
        Pair.objects.filter(
            first__regional__in=set(groups),
            second__regional=F("first__regional"),
            state=PairState.DIFFERENT,
        )
        .select_related("first", "second")
        .order_by("pk")
        .first()
    )


def check_word(groups: Iterable[int]) -> None:
    """Refuse to bring back together whom people said since to be different.

    Raises:
        UnableToUndo: with both numbers.
    """
    if said := apart_within(groups):
        raise _reunites(said)


def keep_word(
    groups: Iterable[int], came_back: Iterable[int], *, actor: Actor, now: datetime
) -> None:
    """Set apart whoever came back beside somebody they were said since to be different from.

    A decision of its own, undone like any other.

    Args:
        came_back: the identities that an undoing put back, by row number.

    Raises:
        UnableToUndo: two that stand together for another reason than this undoing.
    """
    watched, back = set(groups), set(came_back)
    while said := apart_within(watched):
        one, two = said.first, said.second
        if two is None or (one.pk in back) == (two.pk in back):
            raise _reunites(said)
        stays, goes = (
            queries.survivor_of(each) for each in ((two, one) if one.pk in back else (one, two))
        )
        decision = moving.write_decision(
            kind=ReconciliationKind.UNLINK,
            actor=actor,
            now=now,
            first=stays,
            second=goes,
            reason="Deux personnes, comme il a été dit depuis.",
        )
        watched.add(moving.part(decision, goes, now=now).pk)
        moving.notify([stays, goes], NoticeKind.APART, now=now, decision=decision)


def _reunites(said: Pair) -> UnableToUndo:
    other = said.second.number if said.second else "?"
    return UnableToUndo(
        f"Il a été dit depuis que {said.first.number} et {other} sont deux personnes :"
        " l’annulation les réunirait. Rouvrez d’abord cette question."
    )


def ask_number_again(pair: Pair, *, actor: Actor, now: datetime) -> None:
    """Put the question of a number before people again, once its decision is undone.

    Where the same number asks another meanwhile, that one goes on with what was told last.
    """
    row = pair.first
    row.refresh_from_db()
    other = Pair.objects.filter(first=row, second=None, state__in=WAITING).exclude(pk=pair.pk)
    if (waiting := other.first()) is None:
        moving.reopen(pair)
        mark_asked(row)
        return
    if pair.told_at is not None and (waiting.told_at is None or waiting.told_at < pair.told_at):
        for name in ("told", "told_at", "weight", "probability", "explanation"):
            setattr(waiting, name, getattr(pair, name))
        waiting.version += 1
        waiting.save()
    moving.replace(pair, actor=actor, now=now)


def later_links(decision: Reconciliation) -> list[Reconciliation]:
    """Return what stands since a decision and holds two identities in one group."""
    return list(
        Reconciliation.objects.filter(
            pk__gt=decision.pk,
            kind__in=moving.BRINGING,
            undone_by__isnull=True,
            first__regional=F("second__regional"),
            first__regional__in=_groups_of(decision),
        ).order_by("pk")
    )


def _groups_of(decision: Reconciliation) -> list[int]:
    """Return the groups in which those that a decision moved stand now."""
    moved = decision.movements.filter(table=LocalIdentity._meta.db_table).values("row_id")
    found = LocalIdentity.objects.filter(pk__in=moved)
    return list(found.values_list("regional_id", flat=True).distinct())


def check_links(links: list[Reconciliation]) -> None:
    """Refuse to take apart by the way what people brought together since; ask, of a machine's.

    Args:
        links: those of `later_links`, asked before the rows went back.

    Raises:
        UnableToUndo: people decided it: it is undone first.
    """
    broken = Reconciliation.objects.filter(pk__in=[each.pk for each in links]).exclude(
        first__regional=F("second__regional")
    )
    for each in broken.order_by("automatic", "-pk"):
        if not each.automatic:
            raise rests_on(each)
        moving.ask_again(each)


def rests_on(later: Reconciliation) -> UnableToUndo:
    """Return the refusal to undo a decision under a later one."""
    return UnableToUndo(
        f"Une décision plus récente repose sur celle-ci ({later.get_kind_display().lower()}"
        f" du {later.decided_at:%d/%m/%Y}) : annulez-la d’abord."
    )
