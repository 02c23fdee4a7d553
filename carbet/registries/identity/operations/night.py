"""What a night finds: two identities that no single search had brought together."""

from datetime import datetime

from carbet.core.actor import Actor
from carbet.core.audit import Trace
from carbet.core.operation import operation
from carbet.registries.identity import queries
from carbet.registries.identity.choices import IdentityState
from carbet.registries.identity.models import LocalIdentity
from carbet.registries.identity.operations import moving
from carbet.registries.identity.operations.recording import ask, kind_of, reconcile
from carbet.registries.identity.rules import likeness

LINKED, ASKED, KNOWN = "linked", "asked", "known"


@operation("identity.night")
def look_at_pair(
    trace: Trace, *, actor: Actor, now: datetime, first_id: int, second_id: int
) -> str:
    """Link two identities where certain, ask people where doubtful: by the rules of a message.

    Returns LINKED, ASKED, or KNOWN when they are one person already, said different, asked
    about, or clearly two: the same night twice changes nothing.
    """
    with moving.house(trace, actor, now=now):
        moving.lock_moves()
        rows = {
            row.pk: row
            for row in LocalIdentity.objects.filter(
                pk__in=(first_id, second_id), state=IdentityState.ACTIVE, known=True
            ).select_related("domain")
        }
        outcome = _look(rows, first_id, second_id, actor=actor, now=now)
    trace.about(entity=f"LocalIdentity/{first_id}", reason=outcome)
    return outcome


def _look(
    rows: dict[int, LocalIdentity], first_id: int, second_id: int, *, actor: Actor, now: datetime
) -> str:
    if len(rows) < 2:
        return KNOWN
    first, second = rows[first_id], rows[second_id]
    if _settled(first, second):
        return KNOWN
    held = queries.ins_of(rows)
    ours, theirs = (
        queries.compared(row.traits, held[row.pk].value if row.pk in held else "")
        for row in (first, second)
    )
    score = queries.explain(ours, theirs)
    if likeness.is_apart(score):
        return KNOWN
    if not likeness.may_link(ours, theirs, score):
        reconcile(second, actor=actor, now=now)
        for row in (first, second):
            row.refresh_from_db(fields=["regional"])
        if first.regional_id == second.regional_id:
            return LINKED
        if _settled(first, second):
            return ASKED
    kind = kind_of(first, queries.Candidate(second, score, theirs))
    ask(first, second, kind, score, now=now)
    return ASKED


def _settled(first: LocalIdentity, second: LocalIdentity) -> bool:
    one, other = first.regional_id, second.regional_id
    return (
        one == other or moving.said_different(one, other) or bool(moving.waits_between(one, other))
    )
