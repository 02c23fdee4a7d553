"""Rights given, reviewed, ended; who acts for whom."""

from collections.abc import Mapping
from datetime import datetime

from django.db.models import F, Q, Value
from django.db.models.functions import Greatest

from carbet.core import outbox
from carbet.core.actor import Actor
from carbet.core.audit import Trace
from carbet.core.operation import UnableTo, operation
from carbet.registries.accounts.models import AccountSession
from carbet.registries.directory.choices import EndReason
from carbet.registries.directory.models import Delegation, PractitionerRole, Right
from carbet.registries.rights import access, queries, rules
from carbet.registries.rights.choices import MONTHS, ReviewDecision
from carbet.registries.rights.operations.applications import leave_applications

_DEPARTED = "ne figure plus dans la structure"


class UnableToKeepRight(UnableTo):
    """The right cannot be given, reviewed or ended so."""


class UnableToDelegate(UnableTo):
    """The one may not act for the other."""


@operation("right.grant", action="C")
def grant_right(
    trace: Trace,
    *,
    actor: Actor,
    now: datetime,
    role: PractitionerRole,
    months: int,
    manages: bool = False,
) -> Right:
    """Let a role work through Carbet for some months. A right that it holds is replaced.

    Raises:
        UnableToKeepRight: the actor does not decide on that structure, or for so long.
    """
    _check(actor, role.organization_id, months)
    PractitionerRole.objects.select_for_update().get(pk=role.pk)
    Right.objects.filter(practitioner_role=role, started_at__lte=now, ended_at__gt=now).update(
        ended_at=now, end_reason=EndReason.REPLACED, ended_by_name=actor.display_name
    )
    right = Right.objects.create(
        practitioner_role=role,
        manages=manages,
        started_at=now,
        ended_at=rules.end_after(months, now=now),
        granted_by_name=actor.display_name,
    )
    trace.about(entity=right, reason=f"jusqu’au {right.ended_at:%Y-%m-%d}")
    return right


@operation("right.review")
def review_right(trace: Trace, *, actor: Actor, now: datetime, right_id: int, months: int) -> Right:
    """Look at a right again and let it go on for some months from now, or longer as it was.

    Raises:
        UnableToKeepRight: it has ended, it is one's own, or not for so long.
    """
    right = _open_right(actor, now=now, right_id=right_id, months=months)
    if not access.may_review(actor, right):
        raise UnableToKeepRight(
            "Votre propre habilitation est revue par un autre gestionnaire ou par la région."
        )
    right.ended_at = max(right.ended_at, rules.end_after(months, now=now))
    right.reviewed_at, right.reviewed_by_name = now, actor.display_name
    right.save(update_fields=["ended_at", "reviewed_at", "reviewed_by_name"])
    trace.about(entity=right, reason=f"jusqu’au {right.ended_at:%Y-%m-%d}")
    return right


@operation("right.review_all")
def review_rights(
    trace: Trace, *, actor: Actor, now: datetime, decisions: Mapping[int, str], months: int
) -> tuple[int, int]:
    """Decide on several rights at once. Return how many go on and how many ended.

    All are decided, or none.

    Args:
        decisions: a `ReviewDecision` by right.

    Raises:
        UnableToKeepRight: nothing is decided, or one of them cannot be so.
    """
    if not decisions:
        raise UnableToKeepRight("Choisissez au moins une décision.")
    kept = 0
    for right_id, decision in sorted(decisions.items()):
        if decision == ReviewDecision.STAYS:
            review_right(actor=actor, now=now, right_id=right_id, months=months)
            kept += 1
        else:
            end_right(actor=actor, now=now, right_id=right_id, reason=EndReason.LEFT)
    ended = len(decisions) - kept
    trace.about(entity="rights", reason=f"{kept} prolongées, {ended} fermées")
    return kept, ended


@operation("right.let_manage")
def let_manage(trace: Trace, *, actor: Actor, now: datetime, right_id: int, manages: bool) -> Right:
    """Let whoever holds a right decide on those of their structure, or no longer.

    Raises:
        UnableToKeepRight: it has ended.
    """
    right = _open_right(actor, now=now, right_id=right_id)
    right.manages = manages
    right.save(update_fields=["manages"])
    trace.about(entity=right, reason="gestionnaire" if manages else "plus gestionnaire")
    return right


@operation("right.end")
def end_right(
    trace: Trace,
    *,
    actor: Actor,
    now: datetime,
    right_id: int,
    reason: str,
    words: str = "",
) -> Right:
    """End a right now: the next page of whoever held it is refused.

    Delegations given and received end with it. Whoever holds no other right is signed out
    everywhere, and of the applications entered through Carbet.

    Args:
        reason: an `EndReason`: has left the structure, or the right is withdrawn.

    Raises:
        UnableToKeepRight: it has ended already, or a withdrawal has no reason.
    """
    if reason not in (EndReason.LEFT, EndReason.WITHDRAWN):
        raise UnableToKeepRight("Choisissez une raison.", field="reason")
    if reason == EndReason.WITHDRAWN and not words.strip():
        raise UnableToKeepRight("Dites pourquoi : la raison est gardée.", field="words")
    right = _open_right(actor, now=now, right_id=right_id, own=reason == EndReason.LEFT)
    _end(right, actor=actor, now=now, reason=reason, words=words.strip())
    trace.about(entity=right, reason=" : ".join(filter(None, (reason, right.end_words))))
    return right


@operation("right.close_departed")
def close_departed(
    trace: Trace, *, actor: Actor, now: datetime, role_id: int | None = None, most: int = 200
) -> int:
    """End the rights of those whom the directory no longer says at work there. Return how many.

    The door is shut to them already, since a role that ended opens nothing; but the right must
    not open again by itself when an import takes the role up again.

    Args:
        role_id: this role only; the caller is whoever may say that it ended.
    """
    role = "practitioner_role__"
    gone = (
        Right.objects.select_for_update(of=("self",), skip_locked=role_id is None)
        .select_related("practitioner_role__practitioner__account")
        .filter(
            Q(practitioner_role__ended_at__lte=now)
            | Q(practitioner_role__practitioner__active=False)
            | Q(practitioner_role__organization__active=False),
            started_at__lte=now,
            ended_at__gt=now,
            **({f"{role}pk": role_id} if role_id is not None else {}),
        )
        .order_by("pk")[:most]
    )
    ended = 0
    for right in gone:
        _end(right, actor=actor, now=now, reason=EndReason.LEFT, words=_DEPARTED)
        ended += 1
    trace.about(entity="rights", reason=f"{ended} fermées")
    return ended


@operation("right.remind")
def remind_of_ends(trace: Trace, *, actor: Actor, now: datetime, most: int = 200) -> int:
    """Write to those whose right ends soon, once for each end. Return how many were told."""
    soon = (
        Right.objects.select_for_update(skip_locked=True)
        .filter(
            Q(reminded_for__isnull=True) | ~Q(reminded_for=F("ended_at")),
            ended_at__gt=now,
            ended_at__lte=now + rules.REVIEW_BEFORE,
            practitioner_role__practitioner__account__is_active=True,
        )
        .order_by("ended_at", "pk")[:most]
    )
    told = 0
    for right in soon:
        outbox.send(
            "rights.mail",
            {"what": "ends", "right": right.pk},
            idempotency_key=f"rights.mail:ends:{right.pk}:{right.ended_at:%Y%m%d}",
            now=now,
        )
        right.reminded_for = right.ended_at
        right.save(update_fields=["reminded_for"])
        told += 1
    trace.about(entity="rights", reason=f"{told} rappels")
    return told


@operation("right.remind_managers")
def remind_managers(trace: Trace, *, actor: Actor, now: datetime) -> int:
    """Write to whoever has requests to answer or rights to review, once a week. Return how many."""
    week = f"{now.isocalendar().year}-{now.isocalendar().week}"
    told = queries.managers_to_remind(now=now)
    for account_id, (requests, reviews) in sorted(told.items()):
        outbox.send(
            "rights.mail",
            {"what": "waits", "account": account_id, "requests": requests, "reviews": reviews},
            idempotency_key=f"rights.mail:waits:{account_id}:{week}",
            now=now,
        )
    trace.about(entity="rights", reason=f"{len(told)} rappels")
    return len(told)


@operation("delegation.give", action="C")
def give_delegation(
    trace: Trace,
    *,
    actor: Actor,
    now: datetime,
    delegator: PractitionerRole,
    delegate_id: int,
    months: int,
) -> Delegation:
    """Let a secretary of the structure act for a professional, for some months from now.

    Whoever does already goes on until then.

    Raises:
        UnableToDelegate: not one's own, not of the same structure, or not a secretary.
    """
    own = delegator.pk == actor.role_id
    if not own and not access.may_manage(actor, delegator.organization_id):
        raise UnableToDelegate("Vous ne pouvez pas déléguer pour cette personne.")
    if months not in dict(MONTHS):
        raise UnableToDelegate("Choisissez une durée de la liste.", field="months")
    PractitionerRole.objects.select_for_update().get(pk=delegator.pk)
    if not queries.open_roles(account_id=delegator.practitioner.account_id or 0, now=now).filter(
        pk=delegator.pk
    ):
        raise UnableToDelegate("Cette personne ne travaille plus ici.")
    delegate = next(
        (
            role
            for role in queries.possible_delegates(role=delegator, now=now)
            if role.pk == delegate_id
        ),
        None,
    )
    if delegate is None:
        raise UnableToDelegate(
            "Choisissez une personne du secrétariat de la structure.", field="delegate"
        )
    delegation = (
        Delegation.objects.select_for_update()
        .filter(ended_at__gt=now, delegator=delegator, delegate=delegate)
        .first()
    ) or Delegation(delegator=delegator, delegate=delegate, started_at=now)
    delegation.ended_at = rules.end_after(months, now=now)
    delegation.save()
    trace.about(entity=delegation, reason=f"{delegator} → {delegate}")
    return delegation


@operation("delegation.end")
def end_delegation(trace: Trace, *, actor: Actor, now: datetime, delegation: Delegation) -> None:
    """End a delegation now. The door to it is `access.get_delegation`.

    Raises:
        UnableToDelegate: it has ended already.
    """
    ended = Delegation.objects.filter(ended_at__gt=now, pk=delegation.pk).update(ended_at=_at(now))
    if not ended:
        raise UnableToDelegate("Cette délégation est déjà terminée.")
    trace.about(entity=delegation)


def _at(now: datetime) -> Greatest:
    """Return the end of a delegation that ends now, or before it began."""
    return Greatest("started_at", Value(now))


def _end(right: Right, *, actor: Actor, now: datetime, reason: str, words: str) -> None:
    right.ended_at, right.end_reason, right.end_words = now, reason, words
    right.ended_by_name = actor.display_name
    right.save(update_fields=["ended_at", "end_reason", "end_words", "ended_by_name"])
    role = right.practitioner_role
    Delegation.objects.filter(Q(delegator=role) | Q(delegate=role), ended_at__gt=now).update(
        ended_at=_at(now)
    )
    account_id = role.practitioner.account_id
    if account_id is not None and not queries.open_roles(account_id=account_id, now=now).exists():
        AccountSession.objects.filter(account_id=account_id).delete()
        leave_applications(actor=actor, now=now, account=role.practitioner.account)


def _open_right(
    actor: Actor, *, now: datetime, right_id: int, months: int | None = None, own: bool = False
) -> Right:
    right = (
        Right.objects.select_for_update(of=("self",))
        .select_related("practitioner_role__practitioner__account")
        .filter(pk=right_id)
        .first()
    )
    if right is None or not right.started_at <= now < right.ended_at:
        raise UnableToKeepRight("Cette habilitation est déjà terminée.")
    if own and right.practitioner_role.practitioner.account_id == actor.account_id is not None:
        return right
    _check(actor, right.practitioner_role.organization_id, months)
    return right


def _check(actor: Actor, organization_id: int, months: int | None) -> None:
    if not access.may_manage(actor, organization_id):
        raise UnableToKeepRight("Vous ne décidez pas des habilitations de cette structure.")
    if months is not None and months not in dict(MONTHS):
        raise UnableToKeepRight("Choisissez une durée de la liste.", field="months")
