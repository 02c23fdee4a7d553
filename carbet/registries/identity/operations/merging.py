"""Link, merge, part, renumber and undo: by a domain's message, or by people; every step kept."""

from datetime import datetime

from django.db import connection
from django.db.models import Q

from carbet.core.actor import Actor
from carbet.core.audit import Trace
from carbet.core.operation import UnableTo, operation
from carbet.registries.identity import access, queries
from carbet.registries.identity.choices import (
    UNDOABLE,
    IdentityState,
    NoticeKind,
    PairState,
    ReconciliationKind,
)
from carbet.registries.identity.models import (
    IdentityDomain,
    LocalIdentity,
    Pair,
    Reconciliation,
    RegionalIdentity,
)
from carbet.registries.identity.operations import holding, moving
from carbet.registries.identity.operations.holding import UnableToUndo
from carbet.registries.identity.operations.recording import (
    ask_about_records,
    bare,
    checked_number,
    record_local_identity,
)
from carbet.registries.identity.rules import Traits
from carbet.registries.patients.models import Patient


class UnableToMerge(UnableTo):
    """The identities cannot be linked, merged or parted so."""


class SaidSince(UnableToMerge):
    """The domain has said otherwise of them since: this message comes late."""


class SaidDifferent(UnableToMerge):
    """People said them to be two persons: a domain's message does not come back on it."""


@operation("identity.merge")
def merge_local(
    trace: Trace,
    *,
    actor: Actor,
    now: datetime,
    domain: IdentityDomain,
    survivor: str,
    absorbed: str,
    traits: Traits | None = None,
    ins: str = "",
    ins_system: str = "",
    said_at: datetime | None = None,
    key: str = "",
) -> LocalIdentity:
    """Merge one number of a domain into another, as the domain says (ADT A40). Return the survivor.

    Numbers never heard of are kept as such: their own messages may come later. The same merge twice
    is one. What follows an identity follows it: its group joins the survivor's.

    Args:
        traits: the survivor's, that the message carries.
        key: of the message; the same key twice is one merge.

    Raises:
        UnableToAct: the domain is not the actor's.
        UnableToMerge: a loop, a number already merged elsewhere.
        SaidDifferent: people said them different; what the domain said so itself, it takes back.
        SaidSince: the domain has said otherwise since.
    """
    access.check_domain(actor, domain)
    kept, gone = checked_number(survivor), checked_number(absorbed)
    if kept == gone:
        raise UnableToMerge("Un numéro ne se fusionne pas avec lui-même.")
    if traits is not None:
        moving.lock_numbers(domain, kept, gone)
        record_local_identity(
            actor=actor,
            now=now,
            domain=domain,
            number=kept,
            traits=traits,
            ins=ins,
            ins_system=ins_system,
            said_at=said_at,
        )
    with moving.house(trace, actor, now=now):
        moving.lock_numbers(domain, kept, gone)
        moving.lock_moves()
        stays, goes = (_met(domain, number, now=now) for number in (kept, gone))
        root = queries.survivor_of(stays)
        if moving.done_before(key) is not None:
            trace.about(patient_id=root.patient_id, entity=root, reason="déjà reçu")
            return root
        if goes.state == IdentityState.MERGED and queries.survivor_of(goes).pk == root.pk:
            trace.about(patient_id=root.patient_id, entity=root, reason="déjà fusionné")
            return root
        check_order(stays, goes, said_at)
        take_back_word(stays, goes)
        decision = moving.write_decision(
            kind=ReconciliationKind.MERGE,
            actor=actor,
            now=now,
            first=root,
            second=goes,
            domain=domain,
            said_at=said_at,
            reason=f"{gone} dans {kept}",
            key=key,
        )
        absorb(decision, goes=goes, into=stays, actor=actor, now=now)
    trace.about(patient_id=root.patient_id, entity=decision, reason=decision.reason)
    return root


def absorb(
    decision: Reconciliation,
    *,
    goes: LocalIdentity,
    into: LocalIdentity,
    actor: Actor,
    now: datetime,
) -> None:
    """Merge an identity into another of its domain, inside a decision already written.

    Raises:
        UnableToMerge: a loop, a number already merged elsewhere, or people said them different.
    """
    check_merge(goes, queries.survivor_of(into))
    if goes.regional_id != into.regional_id:
        if moving.said_different(goes.regional_id, into.regional_id):
            # Others of the group are somebody else, people said: only this number goes.
            moving.part(decision, goes, now=now)
        moving.join(decision, kept=into.regional_id, gone=goes.regional_id)
        goes.refresh_from_db(fields=["regional"])
    moving.change(decision, goes, state=IdentityState.MERGED.value, survivor_id=into.pk)
    for pair in Pair.objects.filter(
        first=min(goes.pk, into.pk), second=max(goes.pk, into.pk)
    ).exclude(state=PairState.SAME):
        pair.state, pair.reconciliation = PairState.SAME, decision
        pair.decided_at, pair.decided_by_name = now, decision.decided_by_name
        pair.version += 1
        pair.save()
    ask_about_records(into, now=now)


@operation("identity.link")
def link(
    trace: Trace,
    *,
    actor: Actor,
    now: datetime,
    domain: IdentityDomain,
    first: str,
    second: str,
    second_domain: IdentityDomain | None = None,
    reason: str = "",
    said_at: datetime | None = None,
    key: str = "",
) -> Reconciliation | None:
    """Say that two numbers are one person, without merging them (ADT A24).

    Return the decision, None when they already were one.

    A domain that said them to be two persons (ADT A37) takes its word back so; people's stands.

    Raises:
        UnableToAct: neither domain is the actor's.
        SaidDifferent: people said them different.
        SaidSince: the domain has said otherwise since.
    """
    access.check_domain(actor, domain)
    other = second_domain or domain
    numbers = checked_number(first), checked_number(second)
    with moving.house(trace, actor, now=now):
        moving.lock_two((domain, numbers[0]), (other, numbers[1]))
        moving.lock_moves()
        one = queries.survivor_of(_met(domain, numbers[0], now=now))
        two = queries.survivor_of(_met(other, numbers[1], now=now))
        if one.regional_id == two.regional_id or moving.done_before(key) is not None:
            trace.about(patient_id=one.patient_id, entity=one, reason="déjà rattachées")
            return moving.done_before(key)
        told = [_met(domain, numbers[0], now=now), _met(other, numbers[1], now=now)]
        check_order(*told, said_at)
        if (before := take_back_word(*told)) is not None:
            reason = f"{reason}, revient sur la séparation du {before.decided_at:%d/%m/%Y}"
        decision = join_groups(
            one, two, actor=actor, now=now, reason=reason, domain=domain, said_at=said_at, key=key
        )
    trace.about(patient_id=one.patient_id, entity=decision, reason=reason)
    return decision


def join_groups(
    one: LocalIdentity,
    two: LocalIdentity,
    *,
    actor: Actor,
    now: datetime,
    reason: str = "",
    domain: IdentityDomain | None = None,
    said_at: datetime | None = None,
    key: str = "",
    pair: Pair | None = None,
) -> Reconciliation:
    """Link the groups of two identities, inside an operation that holds the lock.

    Raises:
        SaidDifferent: people said some of the one and of the other to be different.
    """
    if apart := moving.pair_said_different(one.regional_id, two.regional_id):
        raise SaidDifferent(
            f"{apart.decided_by_name} a dit que {apart.first.number} et"
            f" {apart.second.number if apart.second else '?'} sont deux personnes"
            " différentes : la cellule revient d’abord là-dessus."
        )
    decision = moving.write_decision(
        kind=ReconciliationKind.LINK,
        actor=actor,
        now=now,
        first=one,
        second=two,
        reason=reason,
        pair=pair,
        domain=domain,
        said_at=said_at,
        key=key,
    )
    moving.join(decision, kept=one.regional_id, gone=two.regional_id)
    two.refresh_from_db(fields=["regional"])
    ask_about_records(one, now=now)
    return decision


@operation("identity.unlink")
def unlink(
    trace: Trace,
    *,
    actor: Actor,
    now: datetime,
    domain: IdentityDomain,
    first: str,
    second: str,
    second_domain: IdentityDomain | None = None,
    reason: str = "",
    said_at: datetime | None = None,
    key: str = "",
) -> Reconciliation | None:
    """Say that two numbers are two persons (ADT A37). Return the decision, None when it was said.

    A merge of the one into the other is undone; otherwise the second leaves the group of the first
    with all that was merged into it. No machine links them again; the domain may (ADT A24, A40).

    Raises:
        UnableToAct: the domain is not the actor's.
        UnableToUndo: the merge cannot be undone now.
        SaidSince: the domain has said otherwise since.
    """
    access.check_domain(actor, domain)
    other = second_domain or domain
    numbers = checked_number(first), checked_number(second)
    with moving.house(trace, actor, now=now):
        moving.lock_two((domain, numbers[0]), (other, numbers[1]))
        moving.lock_moves()
        one = _met(domain, numbers[0], now=now)
        two = _met(other, numbers[1], now=now)
        if one.pk == two.pk:
            raise UnableToMerge("Un numéro ne se sépare pas de lui-même.")
        decision = moving.done_before(key)
        if decision is None:
            check_order(one, two, said_at)
        if decision is not None:
            pass
        elif one.regional_id == two.regional_id:
            decision = separate(
                one,
                two,
                actor=actor,
                now=now,
                reason=reason,
                domain=domain,
                said_at=said_at,
                key=key,
            )
        elif not moving.is_said_different(one, two):
            # Nothing moves; whose word it is stays written.
            decision = moving.write_decision(
                kind=ReconciliationKind.UNLINK,
                actor=actor,
                now=now,
                first=one,
                second=two,
                reason=reason,
                domain=domain,
                said_at=said_at,
                key=key,
            )
            moving.set_apart(one, two, actor=actor, now=now, reason=reason, decision=decision)
    trace.about(patient_id=two.patient_id, entity=decision or two, reason=reason)
    return decision


def check_order(one: LocalIdentity, two: LocalIdentity, said_at: datetime | None) -> None:
    """Refuse what a domain said of two identities before what it is known to have said of them.

    Raises:
        SaidSince: it has linked, merged or parted them since, or asked for it.
    """
    if said_at is None:
        return
    ends = _ends(one, two)
    said = Reconciliation.objects.filter(
        first__in=ends,
        second__in=ends,
        domain__in=[one.domain_id, two.domain_id],
        account_id__isnull=True,
        said_at__gt=said_at,
    )
    asked = Pair.objects.filter(first__in=ends, second__in=ends, told__has_key="said_at")
    requests = asked.values_list("told__said_at", flat=True)
    if said.exists() or any(datetime.fromisoformat(each) > said_at for each in requests):
        raise SaidSince("L’établissement a dit autre chose depuis : ce message vient en retard.")


def _ends(one: LocalIdentity, two: LocalIdentity) -> set[int]:
    """Return two identities, and those into which they were merged."""
    return {each.pk for row in (one, two) for each in (row, queries.survivor_of(row))}


def take_back_word(one: LocalIdentity, two: LocalIdentity) -> Reconciliation | None:
    """Let a domain come back on having said two identities to be two persons (ADT A37).

    Of these very two, or of those into which they were merged; what people said stands. Return what
    the domain had decided, None when it had not.
    """
    ends = _ends(one, two)
    said = Pair.objects.filter(
        state=PairState.DIFFERENT,
        first__in=ends,
        second__in=ends,
        reconciliation__domain__in=[one.domain_id, two.domain_id],
        reconciliation__account_id__isnull=True,
    ).select_related("reconciliation")
    before = None
    for pair in said.order_by("pk"):
        before = pair.reconciliation
        if "absorbed" in (pair.told or {}):
            kept = pair.told.items()
            pair.told = {name: value for name, value in kept if name not in ("absorbed", "said_at")}
        moving.reopen(pair, reason="")
    return before


def separate(
    one: LocalIdentity,
    two: LocalIdentity,
    *,
    actor: Actor,
    now: datetime,
    reason: str = "",
    domain: IdentityDomain | None = None,
    said_at: datetime | None = None,
    key: str = "",
) -> Reconciliation:
    """Part two identities of one group, inside an operation that holds the lock.

    Whatever way they part, it is remembered of these very two: undone with it, it waits again.

    Raises:
        UnableToUndo: they are one by a merge that cannot be undone now.
    """
    merged = two if _is_below(two, one) else one if _is_below(one, two) else None
    if merged is None and queries.survivor_of(one).pk == queries.survivor_of(two).pk:
        # Both were merged into a third: the second leaves it.
        merged = two
    if merged is not None:
        latest = (
            Reconciliation.objects.filter(
                movements__table=LocalIdentity._meta.db_table,
                movements__row_id=merged.pk,
                movements__after__state=IdentityState.MERGED.value,
                undone_by__isnull=True,
            )
            .order_by("-pk")
            .first()
        )
        if latest is None:
            raise UnableToUndo("Ces numéros n’en font qu’un, sans fusion à annuler.")
        decision = undo_decision(
            latest,
            actor=actor,
            now=now,
            reason=reason,
            domain=domain,
            said_at=said_at,
            key=key,
        )
        one.refresh_from_db()
        two.refresh_from_db()
        if one.regional_id == two.regional_id:
            # They were one person before the merge as well.
            separate(one, two, actor=actor, now=now, reason=reason, domain=domain, said_at=said_at)
        elif not moving.is_said_different(one, two):
            moving.set_apart(one, two, actor=actor, now=now, reason=reason, decision=decision)
        return decision
    stays, goes = queries.survivor_of(one), queries.survivor_of(two)
    decision = moving.write_decision(
        kind=ReconciliationKind.UNLINK,
        actor=actor,
        now=now,
        first=stays,
        second=goes,
        reason=reason,
        domain=domain,
        said_at=said_at,
        key=key,
    )
    moving.part(decision, goes, now=now)
    for each, other in {(stays.pk, goes.pk): (stays, goes), (one.pk, two.pk): (one, two)}.values():
        moving.set_apart(each, other, actor=actor, now=now, reason=reason, decision=decision)
    moving.notify([stays, goes], NoticeKind.APART, now=now, decision=decision)
    return decision


@operation("identity.renumber")
def change_local_number(
    trace: Trace,
    *,
    actor: Actor,
    now: datetime,
    domain: IdentityDomain,
    former: str,
    current: str,
    key: str = "",
) -> LocalIdentity:
    """Give an identity another number in its domain (ADT A47). Return it.

    The former number keeps leading to it: a message that comes late finds its way. The same twice
    is one; back again is another change.

    Raises:
        UnableToAct: the domain is not the actor's.
        UnableToMerge: the new number is somebody else's: a merge is expected.
    """
    access.check_domain(actor, domain)
    old, new = checked_number(former), checked_number(current)
    if old == new:
        raise UnableToMerge("L’ancien et le nouveau numéro sont les mêmes.")
    with moving.house(trace, actor, now=now):
        moving.lock_numbers(domain, old, new)
        moving.lock_moves()
        row = queries.identity(domain=domain, number=old)
        taken = queries.identity(domain=domain, number=new)
        if row is not None and taken is not None and row.survivor_id == taken.pk:
            trace.about(patient_id=taken.patient_id, entity=taken, reason="déjà fait")
            return taken
        if (done := moving.done_before(key)) is not None:
            trace.about(patient_id=done.first.patient_id, entity=done.first, reason="déjà reçu")
            return done.first
        if taken is not None and taken.survivor_id is not None and row is not None:
            if taken.survivor_id != row.pk or taken.known:
                raise UnableToMerge("Le nouveau numéro a déjà été fusionné avec un autre.")
            # Back to a number that it bore: the two change places.
            _swap(row, taken, old, new)
        elif taken is not None and row is not None:
            raise UnableToMerge(
                "Le nouveau numéro est déjà celui d’une identité : une fusion est attendue."
            )
        elif row is not None and row.state == IdentityState.MERGED:
            raise UnableToMerge("L’ancien numéro a déjà été fusionné avec un autre.")
        else:
            # Of the new number alone something may have been told already.
            row = row or taken or bare(domain, old, now=now)
            row.number = new
            row.updated_at = now
            row.version += 1
            row.save(update_fields=["number", "updated_at", "version"])
            LocalIdentity.objects.create(
                domain=domain,
                number=old,
                regional_id=row.regional_id,
                state=IdentityState.MERGED,
                survivor=row,
                known=False,
                created_at=now,
                updated_at=now,
            )
        moving.write_decision(
            kind=ReconciliationKind.RENUMBER,
            actor=actor,
            now=now,
            first=row,
            domain=domain,
            reason=f"{old} devient {new}",
            key=key,
        )
    trace.about(patient_id=row.patient_id, entity=row, reason=f"{old} devient {new}")
    return row


def _swap(row: LocalIdentity, taken: LocalIdentity, old: str, new: str) -> None:
    taken.number = f"\u2026{taken.pk}"
    taken.save(update_fields=["number"])
    row.number = new
    row.version += 1
    row.save(update_fields=["number", "version"])
    taken.number = old
    taken.save(update_fields=["number"])


@operation("identity.undo")
def undo(
    trace: Trace, *, actor: Actor, now: datetime, reconciliation_id: int, reason: str
) -> Reconciliation:
    """Undo a decision, however old: every row goes back where it was, and it stays written.

    What was written since on the record that stayed stays there. No machine does it again.

    Raises:
        UnableToAct: it is not the cell.
        UnableToUndo: no reason, undone already, or a later decision stands on it.
    """
    access.check_cell(actor)
    if not reason.strip():
        raise UnableToUndo("Dites pourquoi : la raison est gardée.", field="reason")
    with moving.house(trace, actor, now=now):
        moving.lock_moves()
        decision = Reconciliation.objects.filter(pk=reconciliation_id).first()
        if decision is None:
            raise UnableToUndo("Cette décision n’existe pas.")
        done = undo_decision(decision, actor=actor, now=now, reason=reason.strip())
    for patient_id in {decision.first.patient_id, _patient_of(decision.second)} - {None}:
        trace.about(patient_id=patient_id, entity=done, reason=reason)
    trace.about(entity=done, reason=reason)
    return done


def undo_decision(
    decision: Reconciliation,
    *,
    actor: Actor,
    now: datetime,
    reason: str,
    domain: IdentityDomain | None = None,
    said_at: datetime | None = None,
    key: str = "",
) -> Reconciliation:
    """Put back every row that a decision moved, inside an operation that holds the lock.

    Raises:
        UnableToUndo: undone already, not a move, or a later decision stands on it.
    """
    if Reconciliation.objects.filter(undoes=decision).exists():
        raise UnableToUndo("Cette décision est déjà annulée.")
    if decision.kind not in UNDOABLE:
        raise UnableToUndo("Cette décision ne s’annule pas : le domaine renvoie un message.")
    if later := later_than(decision):
        raise holding.rests_on(later)
    links = holding.later_links(decision)
    touched = list(
        decision.movements.values_list("table", "row_id", "before", "after").order_by("pk")
    )
    with connection.cursor() as cursor:
        cursor.execute("SELECT name, row_id FROM identity_restore(%s)", [decision.pk])
        stayed = cursor.fetchall()
    if any(table.startswith("identity_") for table, _ in stayed):
        raise UnableToUndo("Une identité a bougé depuis : relisez l’historique.")
    moving.follow(row for table, row, *_ in touched if table == LocalIdentity._meta.db_table)
    moving.settle(_groups_in(touched))
    done = moving.write_decision(
        kind=ReconciliationKind.UNDO,
        actor=actor,
        now=now,
        first=decision.first,
        second=decision.second,
        reason=reason,
        undoes=decision,
        stayed=len(stayed),
        domain=domain,
        said_at=said_at,
        key=key,
    )
    if decision.kind == ReconciliationKind.SPLIT:
        _bring_back(decision, done)
    _settle_pairs(decision, done, actor=actor, now=now, reason=reason)
    # Last of what touches records: a version is what was first written under its number.
    if any(table == Patient._meta.db_table for table, *_ in touched):
        ends = LocalIdentity.objects.filter(pk__in=[decision.first_id, decision.second_id])
        trees = {each.pk: each for end in ends for each in moving.tree_of(end)}
        moving.count_change(trees.values(), now=now)
    moved = [row for table, row, *_ in touched if table == LocalIdentity._meta.db_table]
    stand_in = LocalIdentity.objects.filter(pk__in=moved).values_list("regional_id", flat=True)
    groups = _groups_in(touched) | set(stand_in)
    if decision.kind in (ReconciliationKind.UNLINK, ReconciliationKind.SPLIT):
        holding.check_word(groups)
    else:
        holding.keep_word(groups, moved, actor=actor, now=now)
    holding.check_links(links)
    moving.notify(
        [*LocalIdentity.objects.filter(pk__in=moved), decision.first],
        NoticeKind.UNDONE,
        now=now,
        decision=done,
    )
    return done


def _bring_back(split: Reconciliation, done: Reconciliation) -> None:
    """Move what was written since on the second record of an undone split to the first."""
    first, second = _patient_of(split.first), _patient_of(split.second)
    if first is not None and second is not None:
        with connection.cursor() as cursor:
            cursor.execute("SELECT identity_move_record(%s, %s, %s)", [done.pk, second, first])


def later_than(decision: Reconciliation) -> Reconciliation | None:
    """Return a later decision, still standing, that moved a row that this one moved."""
    with connection.cursor() as cursor:
        cursor.execute(
            "WITH RECURSIVE m AS ("
            ' SELECT "table", row_id, max(id) AS id FROM identity_movement'
            '  WHERE reconciliation_id = %(decision)s GROUP BY "table", row_id'
            # The group where it goes back to: emptied since, nobody is there any more.
            " UNION ALL SELECT 'identity_regionalidentity', (before ->> 'regional_id')::bigint,"
            "  max(id) FROM identity_movement WHERE reconciliation_id = %(decision)s"
            "   AND \"table\" = 'identity_localidentity' AND before ? 'regional_id'"
            "  GROUP BY 2),"
            # What was merged since into an identity that moved stands on it as well.
            " below AS ("
            "  SELECT l.id, m.id AS since FROM m JOIN identity_localidentity l"
            "   ON m.\"table\" = 'identity_localidentity' AND l.survivor_id = m.row_id"
            "  UNION SELECT l.id, b.since FROM below b"
            "   JOIN identity_localidentity l ON l.survivor_id = b.id)"
            " SELECT l.reconciliation_id FROM identity_movement l"
            " JOIN (SELECT * FROM m"
            "  UNION ALL SELECT 'identity_localidentity', b.id, b.since FROM below b) s"
            ' ON l."table" = s."table" AND l.row_id = s.row_id AND l.id > s.id'
            " WHERE l.reconciliation_id <> %(decision)s AND NOT EXISTS (SELECT 1"
            "  FROM identity_reconciliation u WHERE u.undoes_id = l.reconciliation_id)"
            " ORDER BY l.id DESC LIMIT 1",
            {"decision": decision.pk},
        )
        found = cursor.fetchone()
    return Reconciliation.objects.get(pk=found[0]) if found else None


def _settle_pairs(
    decision: Reconciliation,
    done: Reconciliation,
    *,
    actor: Actor,
    now: datetime,
    reason: str,
) -> None:
    """Say of what was decided so that it is no more; an undone separation waits again."""
    if decision.kind in (ReconciliationKind.UNLINK, ReconciliationKind.SPLIT):
        ends = Q(first=decision.first, second=decision.second) | Q(
            first=decision.second, second=decision.first
        )
        # Said again since of the same two: whoever undoes answers it too.
        for pair in Pair.objects.filter(
            Q(reconciliation=decision) | (ends & Q(state=PairState.DIFFERENT))
        ):
            if pair.second is None:
                holding.ask_number_again(pair, actor=actor, now=now)
            elif decision.kind == ReconciliationKind.SPLIT:
                # One number again: the question is whose it is.
                moving.replace(pair, actor=actor, now=now)
            else:
                moving.reopen(pair, reason="")
        return
    second = decision.second
    if second is not None and decision.first_id != decision.second_id:
        first = decision.first
        first.refresh_from_db()
        second.refresh_from_db()
        if first.regional_id != second.regional_id:
            moving.set_apart(first, second, actor=actor, now=now, reason=reason, decision=done)
    # What had been closed because it had become one person waits again.
    for pair in Pair.objects.filter(reconciliation=decision, state=PairState.SAME):
        moving.reopen(pair)


def _groups_in(touched: list[tuple[str, int, dict[str, int], dict[str, int]]]) -> set[int]:
    groups = {row for table, row, *_ in touched if table == RegionalIdentity._meta.db_table}
    for table, _, before, after in touched:
        if table == LocalIdentity._meta.db_table:
            groups |= {side["regional_id"] for side in (before, after) if "regional_id" in side}
    return groups


def check_merge(goes: LocalIdentity, root: LocalIdentity) -> None:
    """Refuse a merge that would loop, come second, or go against what people said.

    Raises:
        UnableToMerge: with the reason; SaidDifferent where it is people's.
    """
    if root.pk == goes.pk:
        raise UnableToMerge("Cette fusion formerait une boucle : elle est refusée.")
    if goes.state == IdentityState.MERGED:
        raise UnableToMerge(
            f"Le numéro {goes.number} a déjà été fusionné avec {queries.survivor_of(goes).number}."
        )
    if moving.said_different_of(moving.tree_of(goes), root.regional_id):
        raise SaidDifferent(
            "Il a été dit que ces deux numéros sont deux personnes différentes :"
            " la cellule revient d’abord là-dessus."
        )


def _met(domain: IdentityDomain, number: str, *, now: datetime) -> LocalIdentity:
    """Return the identity under a number, kept as a number alone when never heard of."""
    return queries.identity(domain=domain, number=number) or bare(domain, number, now=now)


def _is_below(low: LocalIdentity, high: LocalIdentity) -> bool:
    """Tell whether the one was merged, in some steps, into the other."""
    return low.pk != high.pk and high.pk in queries.chain_of(low)


def _patient_of(identity: LocalIdentity | None) -> int | None:
    return identity.patient_id if identity else None
