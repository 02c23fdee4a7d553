"""Asking to work in a structure through Carbet, and the structure's answer."""

from datetime import datetime

from django.db import IntegrityError, transaction
from django.db.models import Q
from django.utils import timezone

from carbet.core import names, outbox
from carbet.core.actor import Actor
from carbet.core.audit import Trace
from carbet.core.identifiers import is_rpps
from carbet.core.operation import UnableTo, operation
from carbet.registries.accounts import operations as accounts
from carbet.registries.accounts.choices import AccountKind
from carbet.registries.accounts.models import Account
from carbet.registries.directory.models import Organization, Practitioner, PractitionerRole, Right
from carbet.registries.rights import access, queries, rules
from carbet.registries.rights.choices import RegistrationStatus
from carbet.registries.rights.models import RegistrationRequest
from carbet.registries.rights.operations.keeping import grant_right

_OWN = "Une autre personne que vous répond à votre demande."


class UnableToRegister(UnableTo):
    """The request cannot be made."""


class UnableToSettle(UnableTo):
    """The request cannot be answered so."""


@operation("registration.submit", action="C")
def request_registration(
    trace: Trace,
    *,
    actor: Actor,
    now: datetime,
    organization: Organization,
    given: str,
    family: str,
    email: str,
    profession: str,
    rpps: str = "",
    words: str = "",
    account: Account | None = None,
    proven: Practitioner | None = None,
    by_card: bool = False,
) -> RegistrationRequest:
    """Ask to work in a structure; the address typed is told how to follow the request.

    Args:
        proven: whom Pro Santé Connect proved, who has no account: names and RPPS are theirs.
        by_card: Pro Santé Connect opened the session of `account`.

    Raises:
        UnableToRegister: the profession is unknown, the RPPS is somebody else's, or the right
            is held already.
    """
    if proven is not None:
        given, family, rpps = proven.given, proven.family, proven.rpps or ""
    if rpps and not is_rpps(rpps):
        raise UnableToRegister("Ce n’est pas un numéro RPPS : sa clé est fausse.", field="rpps")
    if queries.profession(profession) is None and not queries.works_as(
        proven, organization=organization, profession=profession, now=now
    ):
        raise UnableToRegister("Choisissez une profession de la liste.", field="profession")
    if account is not None:
        given, family, email = account.given, account.family, account.email
    known = queries.practitioner_of(rpps=rpps) if rpps else None
    if known is not None and not rules.same_person(
        family, given, other_family=known.family, other_given=known.given
    ):
        raise UnableToRegister("Ce numéro RPPS n’est pas au nom que vous avez saisi.", field="rpps")
    if account is not None and queries.open_roles(account_id=account.pk, now=now).filter(
        organization=organization, profession=profession
    ):
        raise UnableToRegister("Vous travaillez déjà dans cette structure sous cette profession.")
    proven_at = now if proven is not None or (account is not None and by_card) else None
    fields = {"organization": organization, "email": email.lower(), "profession": profession}
    try:
        with transaction.atomic():
            made = RegistrationRequest.objects.create(
                **fields,
                account=account,
                given=given,
                family=family,
                rpps=rpps,
                words=words,
                submitted_at=now,
                proven_at=proven_at,
            )
    except IntegrityError:
        # Asked twice: one request. Its address is told again, to the mailbox only.
        made = RegistrationRequest.objects.get(**fields, status=RegistrationStatus.SUBMITTED)
        if proven is not None and made.account_id is None:
            # Asked before by whoever typed this address: who is proven is who asks.
            made.given, made.family, made.rpps = given, family, rpps
            made.words, made.proven_at = words, proven_at
            made.save(update_fields=["given", "family", "rpps", "words", "proven_at"])
    _tell(made, "received", now=now, key=f"received:{made.pk}:{now:%Y%m%d}")
    for account_id in queries.managers_of(organization_id=organization.pk, now=now):
        # Once a day for each structure, however many ask.
        outbox.send(
            "rights.mail",
            {"what": "asked", "account": account_id},
            idempotency_key=f"rights.mail:asked:{account_id}:{organization.pk}:{now:%Y%m%d}",
            now=now,
        )
    trace.about(entity=made, reason=organization.name)
    return made


@operation("registration.withdraw")
def withdraw_registration(
    trace: Trace, *, actor: Actor, now: datetime, registration_id: int
) -> RegistrationRequest:
    """Take one's own request back.

    Raises:
        UnableToSettle: it was answered already.
    """
    held = _waiting(registration_id)
    held.status, held.settled_at = RegistrationStatus.WITHDRAWN, now
    held.save()
    trace.about(entity=held)
    return held


@operation("registration.refuse")
def refuse_registration(
    trace: Trace, *, actor: Actor, now: datetime, registration_id: int, reason: str
) -> RegistrationRequest:
    """Refuse a request; the reason is told to whoever asked.

    Raises:
        UnableToSettle: no reason, or it was answered already.
    """
    if not reason.strip():
        raise UnableToSettle("Dites pourquoi : la personne lira cette raison.", field="reason")
    held = _decided(actor, registration_id)
    held.reason = reason.strip()
    _settle(held, RegistrationStatus.REFUSED, actor=actor, now=now)
    trace.about(entity=held, reason=held.reason)
    return held


@operation("registration.approve")
def approve_registration(
    trace: Trace,
    *,
    actor: Actor,
    now: datetime,
    registration_id: int,
    months: int,
    manages: bool = False,
) -> Right:
    """Let whoever asked work in the structure: their account, role and right are made as needed.

    Whoever has an account already keeps it, so that nobody enters under somebody else's number.

    Raises:
        UnableToSettle: it was answered already, or the address or RPPS is another person's.
    """
    held = _decided(actor, registration_id)
    practitioner = _practitioner(held, actor=actor, now=now)
    # Asked without signing in, by one's own address or number: one's own request all the same.
    if practitioner.account_id is not None and practitioner.account_id == actor.account_id:
        raise UnableToSettle(_OWN)
    role = _role(held, practitioner, now=now)
    right = grant_right(actor=actor, now=now, role=role, months=months, manages=manages)
    held.practitioner_role = role
    _settle(held, RegistrationStatus.APPROVED, actor=actor, now=now)
    trace.about(entity=held, reason=f"{months} mois")
    return right


def _waiting(registration_id: int) -> RegistrationRequest:
    held = (
        RegistrationRequest.objects.select_for_update()
        .filter(pk=registration_id, status=RegistrationStatus.SUBMITTED)
        .first()
    )
    if held is None:
        raise UnableToSettle("Cette demande a déjà reçu une réponse.")
    return held


def _decided(actor: Actor, registration_id: int) -> RegistrationRequest:
    held = _waiting(registration_id)
    if not access.may_manage(actor, held.organization_id):
        raise UnableToSettle("Vous ne décidez pas des habilitations de cette structure.")
    if held.account_id is not None and held.account_id == actor.account_id:
        raise UnableToSettle(_OWN)
    return held


def _settle(
    held: RegistrationRequest, status: RegistrationStatus, *, actor: Actor, now: datetime
) -> None:
    held.status, held.settled_at, held.settled_by_name = status, now, actor.display_name
    held.save()
    _tell(held, "answered", now=now, key=f"answered:{held.pk}")


def _practitioner(held: RegistrationRequest, *, actor: Actor, now: datetime) -> Practitioner:
    """Return the professional whom the request is about, tied to an account."""
    practitioner = None
    if held.account is not None:
        practitioner = Practitioner.objects.filter(account=held.account).first()
    elif held.rpps:
        practitioner = Practitioner.objects.select_for_update().filter(rpps=held.rpps).first()
        if practitioner is not None and not rules.same_person(
            held.family,
            held.given,
            other_family=practitioner.family,
            other_given=practitioner.given,
        ):
            raise UnableToSettle("Ce numéro RPPS est au nom d’une autre personne : refusez.")
    if practitioner is not None and practitioner.account_id is not None:
        return practitioner
    account = held.account or Account.objects.filter(email=held.email).first()
    if account is None:
        account = accounts.open_account(
            actor=actor, now=now, email=held.email, given=held.given, family=held.family
        )
    elif account.kind != AccountKind.PROFESSIONAL or not rules.same_person(
        held.family, held.given, other_family=account.family, other_given=account.given
    ):
        raise UnableToSettle("Cette adresse est celle du compte d’une autre personne : refusez.")
    elif practitioner is None:
        practitioner = Practitioner.objects.filter(account=account).first()
        if practitioner is not None and held.rpps and practitioner.rpps not in (None, held.rpps):
            raise UnableToSettle("Ce compte a un autre numéro RPPS : refusez.")
    elif Practitioner.objects.filter(account=account).exists():
        raise UnableToSettle("Cette adresse est celle du compte d’une autre personne : refusez.")
    if practitioner is None:
        practitioner = Practitioner(
            rpps=held.rpps or None,
            family=held.family,
            given=held.given,
            profession=held.profession,
            search=names.comparison_form(f"{held.given} {held.family}").lower(),
        )
    practitioner.account = account
    practitioner.save()
    return practitioner


def _role(
    held: RegistrationRequest, practitioner: Practitioner, *, now: datetime
) -> PractitionerRole:
    """Return the role asked, as the directory has it, or made as asked."""
    found = PractitionerRole.objects.filter(
        Q(ended_at__isnull=True) | Q(ended_at__gt=now),
        practitioner=practitioner,
        organization_id=held.organization_id,
        profession=held.profession,
    ).first()
    if found is not None:
        return found
    profession = queries.profession(held.profession)
    if profession is None:
        raise UnableToSettle("Cette profession n’est plus dans la nomenclature : refusez.")
    return PractitionerRole.objects.create(
        practitioner=practitioner,
        organization_id=held.organization_id,
        profession=profession.code,
        profession_label=profession.label,
        category=profession.category,
        started_on=timezone.localdate(now),
    )


def _tell(held: RegistrationRequest, what: str, *, now: datetime, key: str) -> None:
    outbox.send(
        "rights.mail",
        {"what": what, "registration": held.pk},
        idempotency_key=f"rights.mail:{key}",
        now=now,
    )
