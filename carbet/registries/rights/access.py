"""Whose rights one decides on: those of one's structure, or of every one for the region."""

from datetime import datetime
from typing import Any

from django.conf import settings
from django.core.signing import BadSignature, Signer, TimestampSigner
from django.db.models import Q
from django.http import Http404
from django.utils.crypto import constant_time_compare, salted_hmac

from carbet.core.actor import Actor
from carbet.core.identifiers import from_short_id, short_id
from carbet.registries.accounts.models import Account
from carbet.registries.directory.models import Delegation, Practitioner, Right
from carbet.registries.directory.rules import MANAGE_RIGHTS, OPERATE
from carbet.registries.rights import rules
from carbet.registries.rights.models import RegistrationRequest


class NoSuchRight(Http404):
    """There is none, or it is not for this actor to see."""


def manages_all(actor: Actor) -> bool:
    """Tell whether the actor answers for the rights of every structure."""
    return actor.can(OPERATE)


def may_manage(actor: Actor, organization_id: int) -> bool:
    """Tell whether the actor decides on the rights of this structure."""
    if manages_all(actor):
        return True
    return actor.can(MANAGE_RIGHTS) and actor.organization_id == organization_id


def managed(actor: Actor, path: str) -> Q:
    """Return the condition "of a structure whose rights the actor decides on"."""
    if manages_all(actor):
        return Q(pk__isnull=False)  # an empty Q would vanish from an "or"
    if not actor.can(MANAGE_RIGHTS):
        return Q(pk__isnull=True)
    return Q(**{path: actor.organization_id})


def may_review(actor: Actor, right: Right) -> bool:
    """Tell whether the actor may look at this right again: nobody but the region at their own."""
    own = right.practitioner_role.practitioner.account_id == actor.account_id is not None
    return manages_all(actor) or not own


def get_right(*, actor: Actor, right_id: int) -> Right:
    """Return a right that the actor decides on.

    Raises:
        NoSuchRight: there is none, or not for this actor.
    """
    found = (
        Right.objects.select_related(
            "practitioner_role__practitioner__account",
            "practitioner_role__organization__commune",
        )
        .filter(managed(actor, "practitioner_role__organization_id"), pk=right_id)
        .first()
    )
    if found is None:
        raise NoSuchRight
    return found


def get_registration(*, actor: Actor, registration_id: int) -> RegistrationRequest:
    """Return a request that the actor decides on.

    Raises:
        NoSuchRight: there is none, or not for this actor.
    """
    found = (
        RegistrationRequest.objects.select_related("organization__commune", "account")
        .filter(managed(actor, "organization_id"), pk=registration_id)
        .first()
    )
    if found is None:
        raise NoSuchRight
    return found


def get_delegation(*, actor: Actor, delegation_id: int) -> Delegation:
    """Return a delegation that the actor gave, received, or decides on.

    Raises:
        NoSuchRight: there is none, or not for this actor.
    """
    concerned = Q(delegator_id=actor.role_id or 0) | Q(delegate_id=actor.role_id or 0)
    found = (
        Delegation.objects.select_related(
            "delegator__practitioner", "delegate__practitioner", "delegator__organization"
        )
        .filter(concerned | managed(actor, "delegator__organization_id"), pk=delegation_id)
        .first()
    )
    if found is None:
        raise NoSuchRight
    return found


def get_proven(session: Any, *, now: datetime) -> Practitioner | None:
    """Return the professional whom Pro Santé Connect proved here a moment ago, if any.

    Once they have an account, they sign in: the proof asks for nothing more.
    """
    proof = session.get(rules.PROVEN)
    if proof is None or not 0 <= now.timestamp() - proof["at"] < rules.PROVEN_FOR.total_seconds():
        return None
    return Practitioner.objects.filter(rpps=proof["rpps"], active=True).first()


def follow_up_of(registration: RegistrationRequest) -> str:
    """Return what opens the follow-up page of a request: signed, kept nowhere."""
    return _signer().sign(short_id(registration.pk))


def get_followed(*, follow_up: str) -> RegistrationRequest:
    """Return the request that a follow-up address opens.

    Raises:
        NoSuchRight: the address is not one of ours.
    """
    try:
        number = from_short_id(_signer().unsign(follow_up))
    except (BadSignature, ValueError) as error:
        raise NoSuchRight from error
    found = (
        RegistrationRequest.objects.select_related(
            "organization", "practitioner_role__practitioner__account"
        )
        .filter(pk=number)
        .first()
    )
    if found is None:
        raise NoSuchRight
    return found


def renewal_of(account: Account) -> str:
    """Return what opens the page of a new access: for a week, until a password is chosen."""
    return _renewals().sign_object([account.pk, _mark(account)])


def get_renewed(*, renewal: str) -> Account:
    """Return the account that the address of a new access opens.

    Raises:
        NoSuchRight: not one of ours, too old, used already, or a later one was sent.
    """
    try:
        number, mark = _renewals().unsign_object(renewal, max_age=rules.FIRST_PASSWORD_WITHIN)
    except (BadSignature, ValueError) as error:
        raise NoSuchRight from error
    found = Account.objects.filter(pk=number).first()
    waits = found is not None and found.may_sign_in and not found.has_usable_password()
    if found is None or not waits or not constant_time_compare(mark, _mark(found)):
        raise NoSuchRight
    return found


def _mark(account: Account) -> str:
    """Return what changes with each renewal and each password, and says nothing of either."""
    return salted_hmac("carbet.renewal", account.password, algorithm="sha256").hexdigest()[:32]


def _renewals() -> TimestampSigner:
    return TimestampSigner(
        key=settings.SECRET_KEY,
        fallback_keys=settings.SECRET_KEY_FALLBACKS,
        salt="carbet.renewal",
        sep=".",
    )


def _signer() -> Signer:
    return Signer(
        key=settings.SECRET_KEY,
        fallback_keys=settings.SECRET_KEY_FALLBACKS,
        salt="carbet.registration",
        sep=".",
    )
