"""What people of the identity cell decide: the same, different, two under one number."""

from collections.abc import Iterable
from dataclasses import replace
from datetime import datetime

from django.db import connection

from carbet.core import grants
from carbet.core.actor import Actor, Level, internal
from carbet.core.audit import Trace
from carbet.core.operation import UnableTo, operation
from carbet.registries.identity import access, queries, rules
from carbet.registries.identity.choices import (
    WAITING,
    IdentityState,
    NoticeKind,
    PairState,
    ReconciliationKind,
)
from carbet.registries.identity.models import (
    DomainNotice,
    LocalIdentity,
    Movement,
    Pair,
    Reconciliation,
)
from carbet.registries.identity.operations import moving
from carbet.registries.identity.operations.merging import absorb, join_groups, separate
from carbet.registries.identity.operations.recording import bare, index, mark_record, reconcile
from carbet.registries.patients import operations as patients
from carbet.registries.patients.models import Patient

SAME, DIFFERENT = "same", "different"


class UnableToDecide(UnableTo):
    """The decision cannot be taken so."""


@operation("identity.decide")
def decide(
    trace: Trace,
    *,
    actor: Actor,
    now: datetime,
    pair_id: int,
    version: int,
    verdict: str,
    reason: str = "",
    keep: int | None = None,
    carried: Iterable[tuple[str, int]] = (),
) -> Pair:
    """Decide on what waits: one person, or two. What people decide, no machine revises.

    Two records of which one has clinical content are merged once two agents said so. Two persons
    under one number are split: the second gets a number, and the rows of the record of theirs.

    Args:
        version: of the pair as it was read.
        verdict: "same" or "different".
        keep: which of two records stays, by its identity; the one proposed, else the older, when
            None.
        carried: rows of the record, as (table, row), that go with the second person.

    Raises:
        UnableToAct: it is not the cell.
        UnableToDecide: decided meanwhile, no reason where one is due, or the same agent twice.
    """
    access.check_cell(actor)
    if verdict not in (SAME, DIFFERENT):
        raise UnableToDecide("Dites si c’est la même personne, ou deux personnes.")
    with moving.house(trace, actor, now=now):
        moving.lock_moves()
        pair = (
            Pair.objects.select_for_update(of=("self",))
            .select_related("first__domain", "second__domain")
            .filter(pk=pair_id)
            .first()
        )
        if pair is None:
            raise UnableToDecide("Cette question n’existe plus.")
        if pair.state not in WAITING:
            raise UnableToDecide(
                f"Déjà décidé par {pair.decided_by_name or 'un autre agent'} :"
                f" {pair.get_state_display().lower()}."
            )
        if pair.version != version:
            raise UnableToDecide("Un autre agent vient d’y toucher : relisez avant de décider.")
        if pair.second is None:
            _decide_number(pair, verdict, actor=actor, now=now, reason=reason, carried=carried)
        elif verdict == DIFFERENT:
            _decide_different(pair, pair.first, pair.second, actor=actor, now=now, reason=reason)
        else:
            _decide_same(
                pair, pair.first, pair.second, actor=actor, now=now, reason=reason, keep=keep
            )
        pair.version += 1
        pair.reason = reason[:500] or pair.reason
        pair.save()
    for identity in filter(None, (pair.first, pair.second)):
        trace.about(patient_id=identity.patient_id, entity=pair, reason=reason)
    return pair


def _decided(
    pair: Pair, state: PairState, decision: Reconciliation | None, actor: Actor, now: datetime
) -> None:
    pair.state, pair.reconciliation = state, decision
    pair.decided_at, pair.decided_by_name = now, moving.said_by(actor)


def _decide_different(
    pair: Pair,
    first: LocalIdentity,
    second: LocalIdentity,
    *,
    actor: Actor,
    now: datetime,
    reason: str,
) -> None:
    decision = None
    if first.regional_id == second.regional_id:
        decision = separate(first, second, actor=actor, now=now, reason=reason)
    if "absorbed" in (pair.told or {}):
        # Its domain asked for the merge (ADT A40): it is told that they are two.
        moving.notify([first, second], NoticeKind.REFUSED, now=now, decision=decision)
    _decided(pair, PairState.DIFFERENT, decision, actor, now)


def _decide_same(
    pair: Pair,
    first: LocalIdentity,
    second: LocalIdentity,
    *,
    actor: Actor,
    now: datetime,
    reason: str,
    keep: int | None,
) -> None:
    if first.patient_id is None or second.patient_id is None:
        decision = None
        if first.regional_id != second.regional_id:
            decision = join_groups(first, second, actor=actor, now=now, reason=reason, pair=pair)
        if (asked := (pair.told or {}).get("absorbed")) is not None:
            # Its domain asked for the merge (ADT A40): what people confirm is done.
            goes, into = (first, second) if first.pk == asked else (second, first)
            _merge_as_asked(goes, into, decision, actor=actor, now=now, reason=reason, pair=pair)
            moving.notify([into], NoticeKind.MERGED, now=now, decision=decision, about=[goes])
        elif first.domain_id == second.domain_id:
            # The domain alone merges its numbers: it is told.
            moving.notify([first, second], NoticeKind.DUPLICATE, now=now, decision=decision)
        else:
            moving.notify([first, second], NoticeKind.LINKED, now=now, decision=decision)
        pair.refresh_from_db()
        _decided(pair, PairState.SAME, decision, actor, now)
        return
    proposed = pair.told or {}
    keep = keep or proposed.get("keep")
    stays, goes = (second, first) if keep == second.pk else (first, second)
    if pair.state == PairState.OPEN and queries.has_content(first.patient_id, second.patient_id):
        pair.state = PairState.PROPOSED
        # What the second agent reads: which record was to stay, and why.
        pair.told = proposed | {"keep": stays.pk, "why": reason[:500]}
        pair.proposed_by_account, pair.proposed_at = actor.account_id, now
        pair.proposed_by_name = moving.said_by(actor)
        return
    if pair.state == PairState.PROPOSED and pair.proposed_by_account == actor.account_id:
        raise UnableToDecide("Vous avez proposé cette fusion : un autre agent doit la confirmer.")
    decision = merge_records(stays=stays, goes=goes, actor=actor, now=now, reason=reason, pair=pair)
    pair.refresh_from_db()
    _decided(pair, PairState.SAME, decision, actor, now)


def _merge_as_asked(
    goes: LocalIdentity,
    into: LocalIdentity,
    decision: Reconciliation | None,
    *,
    actor: Actor,
    now: datetime,
    reason: str,
    pair: Pair,
) -> None:
    goes.refresh_from_db()
    into.refresh_from_db()
    if goes.state != IdentityState.ACTIVE:
        return
    absorb(
        decision
        or moving.write_decision(
            kind=ReconciliationKind.MERGE,
            actor=actor,
            now=now,
            first=into,
            second=goes,
            reason=reason,
            pair=pair,
        ),
        goes=goes,
        into=into,
        actor=actor,
        now=now,
    )


def merge_records(
    *,
    stays: LocalIdentity,
    goes: LocalIdentity,
    actor: Actor,
    now: datetime,
    reason: str,
    pair: Pair | None = None,
) -> Reconciliation:
    """Merge two records of Carbet, with every row that hangs on the one, inside an operation."""
    for identity in (stays, goes):
        if identity.state != IdentityState.ACTIVE:
            raise UnableToDecide("L’un des deux dossiers a déjà été fusionné.")
    decision = moving.write_decision(
        kind=ReconciliationKind.MERGE,
        actor=actor,
        now=now,
        first=stays,
        second=goes,
        reason=reason,
        pair=pair,
    )
    absorb(decision, goes=goes, into=stays, actor=actor, now=now)
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT identity_move_record(%s, %s, %s)",
            [decision.pk, goes.patient_id, stays.patient_id],
        )
    moving.count_change([stays, *moving.tree_of(goes)], now=now)
    return decision


def _decide_number(
    pair: Pair,
    verdict: str,
    *,
    actor: Actor,
    now: datetime,
    reason: str,
    carried: Iterable[tuple[str, int]],
) -> None:
    """Decide on a number under which two persons were told."""
    row = pair.first
    told = rules.from_json(pair.told or {})
    left = {a for a in row.attributes if a not in ("COLP", "DOUT")} | set(row.marked)
    if rules.doubt_said(row.birth_family):
        left |= {"DOUT"}
    if verdict == SAME:
        if row.patient_id is None:
            _take(row, replace(told, attributes=tuple(left)), now=now)
            row.said_at = pair.told_at
            row.save(update_fields=["said_at"])
        else:
            _unmark(row, left, now=now)
        _decided(pair, PairState.SAME, None, actor, now)
        reconcile(row, actor=actor, now=now)
        return
    if row.patient_id is None:
        second = bare(row.domain, _free_number(row), now=now)
        _take(second, replace(told, attributes=()), now=now)
    else:
        second = _second_record(told, actor=actor, now=now)
    decision = moving.write_decision(
        kind=ReconciliationKind.SPLIT,
        actor=actor,
        now=now,
        first=row,
        second=second,
        reason=reason,
    )
    # Before the decision both stood under one number: undone, the second is merged again, into the
    # first where it stood.
    Movement.objects.create(
        reconciliation=decision,
        table=row._meta.db_table,
        row_id=row.pk,
        before={"regional_id": row.regional_id},
        after={"regional_id": row.regional_id},
    )
    Movement.objects.create(
        reconciliation=decision,
        table=second._meta.db_table,
        row_id=second.pk,
        before={
            "regional_id": row.regional_id,
            "state": IdentityState.MERGED.value,
            "survivor_id": row.pk,
        },
        after={
            "regional_id": second.regional_id,
            "state": IdentityState.ACTIVE.value,
            "survivor_id": None,
        },
    )
    _unmark(row, left, now=now)
    moving.set_apart(row, second, actor=actor, now=now, reason=reason, decision=decision)
    if second.patient_id is not None:
        _carry_record(decision, row, second, list(carried), actor=actor, now=now)
    _decided(pair, PairState.DIFFERENT, decision, actor, now)
    moving.notify([row, second], NoticeKind.COLLISION, now=now, decision=decision)
    reconcile(second, actor=actor, now=now, may_link=False)


def _unmark(row: LocalIdentity, left: Iterable[str], *, now: datetime) -> None:
    """Say of a number that its question is answered; undone, `holding` marks it again."""
    row.attributes = sorted(left)
    row.save(update_fields=["attributes"])
    if row.patient_id is not None:
        mark_record(row, now=now)


def _second_record(traits: rules.Traits, *, actor: Actor, now: datetime) -> LocalIdentity:
    """Open a record for the second person, and return its identity."""
    if traits.birth_date is None or not traits.birth_given:
        raise UnableToDecide(
            "Il manque une date de naissance ou un prénom pour ouvrir le second dossier."
        )
    apart = moving.opening_apart.set(True)
    try:
        patient = patients.register_patient(
            actor=internal(f"Séparation par {actor.display_name}"),
            now=now,
            birth_family=traits.birth_family,
            birth_given=list(traits.birth_given),
            used_family=traits.used_family,
            used_given=traits.used_given,
            gender=traits.gender,
            birth_date=traits.birth_date,
            birth_date_precision=traits.birth_date_precision,
            birth_place_code=traits.birth_place_code,
            birth_place_name=traits.birth_place_name,
            identity_attributes=[each for each in traits.attributes if each == "FICT"],
        )
    finally:
        moving.opening_apart.reset(apart)
    return LocalIdentity.objects.get(patient_id=patient.pk)


def _carry_record(
    decision: Reconciliation,
    row: LocalIdentity,
    second: LocalIdentity,
    rows: list[tuple[str, int]],
    *,
    actor: Actor,
    now: datetime,
) -> None:
    """Carry to the second record what is theirs; its authors may enter it. Undone, it closes."""
    Movement.objects.create(
        reconciliation=decision,
        table=Patient._meta.db_table,
        row_id=second.patient_id or 0,
        before={"active": False},
        after={"active": True},
    )
    with connection.cursor() as cursor:
        for table, which in rows:
            cursor.execute(
                "SELECT identity_carry_row(%s, %s, %s, %s, %s)",
                [decision.pk, table, which, row.patient_id, second.patient_id],
            )
    for role_id in queries.authors_of(rows):
        grants.grant(
            f"role:{role_id}",
            patient_id=second.patient_id,
            level=Level.WRITE,
            source="identity",
            now=now,
        )


def _take(row: LocalIdentity, traits: rules.Traits, *, now: datetime) -> None:
    for name in rules.STORED_TRAITS:
        value = getattr(traits, name)
        setattr(
            row,
            name,
            sorted(value)
            if name == "attributes"
            else list(value)
            if isinstance(value, tuple)
            else value,
        )
    row.known, row.updated_at = True, now
    row.version += 1
    row.save()
    index(row)


def _free_number(row: LocalIdentity) -> str:
    """Return a number beside that of a collision, until its domain gives one."""
    rank = 2
    while queries.identity(domain=row.domain, number=f"{row.number[:90]}/{rank}") is not None:
        rank += 1
    return f"{row.number[:90]}/{rank}"


@operation("identity.keep_apart")
def keep_apart(
    trace: Trace, *, actor: Actor, now: datetime, first_id: int, second_id: int, reason: str
) -> Pair:
    """Say of two identities, linked or not, that they are two persons.

    Raises:
        UnableToAct: it is not the cell.
        UnableToDecide: no reason, or one of them is not there.
    """
    access.check_cell(actor)
    if not reason.strip():
        raise UnableToDecide("Dites pourquoi : la raison est gardée.", field="reason")
    with moving.house(trace, actor, now=now):
        moving.lock_moves()
        found = {row.pk: row for row in LocalIdentity.objects.filter(pk__in=[first_id, second_id])}
        if len(found) != 2:
            raise UnableToDecide("Choisissez deux identités.")
        one, two = found[first_id], found[second_id]
        if one.regional_id == two.regional_id:
            separate(one, two, actor=actor, now=now, reason=reason.strip())
        elif not moving.is_said_different(one, two, by_people=True):
            moving.set_apart(one, two, actor=actor, now=now, reason=reason.strip())
        pair = Pair.objects.get(first=min(first_id, second_id), second=max(first_id, second_id))
    trace.about(patient_id=two.patient_id, entity=pair, reason=reason)
    return pair


@operation("identity.reopen")
def reopen(trace: Trace, *, actor: Actor, now: datetime, pair_id: int, reason: str) -> Pair:
    """Take back that two identities are two persons: the question waits again, for people only.

    What a decision separated goes back by undoing that decision.

    Raises:
        UnableToAct: it is not the cell.
        UnableToDecide: no reason, or it is not a question said different without a separation.
    """
    access.check_cell(actor)
    if not reason.strip():
        raise UnableToDecide("Dites pourquoi : la raison est gardée.", field="reason")
    with moving.house(trace, actor, now=now):
        moving.lock_moves()
        pair = (
            Pair.objects.select_for_update(of=("self",))
            .select_related("reconciliation")
            .filter(pk=pair_id)
            .first()
        )
        if pair is None or pair.state != PairState.DIFFERENT or pair.second is None:
            raise UnableToDecide("Cette question attend déjà, ou n’existe plus.")
        if not queries.may_reopen(pair):
            raise UnableToDecide("Cette décision s’annule depuis sa page.")
        moving.reopen(pair, reason=reason.strip())
    for identity in (pair.first, pair.second):
        trace.about(patient_id=identity.patient_id, entity=pair, reason=reason)
    return pair


@operation("identity.notice.see")
def see_notice(trace: Trace, *, actor: Actor, now: datetime, notice_id: int) -> DomainNotice:
    """Say that the domain has seen what was decided.

    Raises:
        UnableToDecide: it is not a notice of the actor's domains.
    """
    notice = access.notices_of(actor).filter(pk=notice_id).first()
    if notice is None:
        raise UnableToDecide("Cet avis n’existe pas.")
    if notice.seen_at is None:
        notice.seen_at, notice.seen_by_name = now, actor.display_name[:200]
        notice.save(update_fields=["seen_at", "seen_by_name"])
    trace.about(patient_id=notice.identity.patient_id, entity=notice)
    return notice


__all__ = ["UnableToDecide", "decide", "keep_apart", "merge_records", "reopen", "see_notice"]
