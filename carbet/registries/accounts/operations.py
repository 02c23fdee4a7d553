"""What can be done with accounts: sign in and out, leave every browser, change second factors."""

from datetime import datetime
from functools import lru_cache

from allauth.mfa.models import Authenticator
from allauth.mfa.totp.internal.auth import TOTP
from django.conf import settings
from django.contrib.auth.hashers import make_password
from django.contrib.auth.password_validation import validate_password
from django.core.exceptions import ValidationError
from django.db import IntegrityError, transaction
from django.dispatch import Signal

from carbet.core.actor import Actor
from carbet.core.audit import Trace
from carbet.core.models import AuditEvent
from carbet.core.operation import UnableTo, operation
from carbet.registries.accounts import rules
from carbet.registries.accounts.choices import TIME_ZONES, AccountKind
from carbet.registries.accounts.models import Account, AccountSession

# Sessions of an account were all closed: what else they opened, in rooms above, closes with them.
sessions_closed = Signal()


class UnableToCreateDemonstrationAccount(UnableTo):
    """Demonstration accounts exist in a demonstration only."""


class UnableToOpenAccount(UnableTo):
    """The address is taken."""


class UnableToChoosePassword(UnableTo):
    """There is one already, or it is too weak."""


class UnableToChooseTimeZone(UnableTo):
    """Nobody of the territory lives on that clock."""


@operation("account.sign_in", action="E")
def record_sign_in(trace: Trace, *, actor: Actor, now: datetime, account: Account) -> None:
    """Trace that someone signed in."""
    trace.about(entity=account)


@operation("account.sign_in.refuse", action="E")
def refuse_sign_in(trace: Trace, *, actor: Actor, now: datetime, address: str) -> None:
    """Trace a refused sign-in. An address that no account has is kept as a digest only."""
    account = Account.objects.filter(email=address.strip().lower()).first()
    digest = rules.address_digest(address, secret_key=settings.SECRET_KEY)
    trace.about(entity=account or f"address:{digest}", outcome=AuditEvent.Outcome.REFUSED)


@operation("account.second_factor.refuse", action="E")
def refuse_second_factor(trace: Trace, *, actor: Actor, now: datetime, account: Account) -> None:
    """Trace a wrong second factor after a right password: someone may know that password."""
    trace.about(entity=account, outcome=AuditEvent.Outcome.REFUSED)


@operation("account.sign_out", action="E")
def record_sign_out(trace: Trace, *, actor: Actor, now: datetime, account: Account) -> None:
    """Trace that someone signed out."""
    trace.about(entity=account)


@operation("account.sign_out_everywhere")
def sign_out_everywhere(
    trace: Trace, *, actor: Actor, now: datetime, account: Account, except_key: str | None = None
) -> int:
    """End every session of the account but this one. Return how many ended.

    What applications were given goes too: one of them may be open in that lost browser.
    """
    ended, _ = (
        AccountSession.objects.filter(account=account).exclude(session_key=except_key).delete()
    )
    sessions_closed.send(sender=Account, account=account, actor=actor, now=now)
    trace.about(entity=account, reason=f"{ended} sessions")
    return ended


@operation("account.password.change")
def record_password_change(trace: Trace, *, actor: Actor, now: datetime, account: Account) -> None:
    """Trace that a password changed; every other session ended with it."""
    trace.about(entity=account)


@operation("account.time_zone.choose")
def choose_time_zone(
    trace: Trace, *, actor: Actor, now: datetime, account: Account, time_zone: str
) -> None:
    """Choose on which clock hours are read and typed.

    Raises:
        UnableToChooseTimeZone: it is none of those offered.
    """
    if time_zone not in dict(TIME_ZONES):
        raise UnableToChooseTimeZone("Choisissez un fuseau horaire de la liste.", field="time_zone")
    account.time_zone = time_zone
    account.save(update_fields=["time_zone"])
    trace.about(entity=account, reason=time_zone)


@operation("account.second_factor.add", action="C")
def record_second_factor(
    trace: Trace, *, actor: Actor, now: datetime, account: Account, kind: str
) -> None:
    """Trace that a second factor was added."""
    trace.about(entity=account, reason=kind)


@operation("account.second_factor.remove", action="D")
def record_second_factor_removal(
    trace: Trace, *, actor: Actor, now: datetime, account: Account, kind: str
) -> None:
    """Trace that a second factor was removed or replaced."""
    trace.about(entity=account, reason=kind)


@operation("account.open", action="C")
def open_account(
    trace: Trace, *, actor: Actor, now: datetime, email: str, given: str, family: str
) -> Account:
    """Open the account of a professional, without a password: they choose their first one.

    Raises:
        UnableToOpenAccount: the address is another account's.
    """
    try:
        with transaction.atomic():
            account = Account.objects.create_user(email, given=given, family=family)
    except IntegrityError as error:
        raise UnableToOpenAccount("Cette adresse est déjà celle d’un autre compte.") from error
    trace.about(entity=account)
    return account


@operation("account.password.choose_first")
def choose_first_password(
    trace: Trace, *, actor: Actor, now: datetime, account: Account, password: str
) -> None:
    """Choose the first password of an account that has none.

    Raises:
        UnableToChoosePassword: it has one already, or this one is too weak; the reasons are said.
    """
    held = Account.objects.select_for_update().get(pk=account.pk)
    if held.has_usable_password() or not held.may_sign_in:
        raise UnableToChoosePassword("Ce compte a déjà un mot de passe : connectez-vous.")
    try:
        validate_password(password, held)
    except ValidationError as error:
        raise UnableToChoosePassword(" ".join(error.messages), field="password") from error
    held.set_password(password)
    held.save(update_fields=["password"])
    trace.about(entity=held)


@operation("account.proofs.forget", action="D")
def forget_proofs(trace: Trace, *, actor: Actor, now: datetime, account: Account) -> Account:
    """Take back password, second factors, sessions and what applications hold: all is proved anew.

    The tie to Pro Santé Connect stays: a card proves by itself.
    """
    held = Account.objects.select_for_update().get(pk=account.pk)
    held.set_unusable_password()
    held.save(update_fields=["password"])
    factors, _ = Authenticator.objects.filter(user=held).delete()
    AccountSession.objects.filter(account=held).delete()
    sessions_closed.send(sender=Account, account=held, actor=actor, now=now)
    trace.about(entity=held, reason=f"{factors} seconds facteurs")
    return held


@operation("account.demonstration.create", action="C")
def create_demonstration_account(
    trace: Trace,
    *,
    actor: Actor,
    now: datetime,
    email: str,
    given: str,
    family: str,
    label: str,
    kind: str = AccountKind.PROFESSIONAL,
    is_operator: bool = False,
) -> Account:
    """Create an account that the demonstration shows, or return it when it is there already.

    A professional has the codes that the law asks for; their seed follows from the address, and
    the code page shows the code of the moment. A person signs in with the password alone.

    Raises:
        UnableToCreateDemonstrationAccount: this is no demonstration.
    """
    if not settings.DEMONSTRATION:
        raise UnableToCreateDemonstrationAccount(
            "Les comptes de démonstration n’existent qu’en mode démonstration."
        )
    account, created = Account.objects.get_or_create(
        email=email.lower(),
        defaults={
            "password": _demonstration_password(),
            "given": given,
            "family": family,
            "kind": kind,
            "is_operator": is_operator,
            "demonstration_label": label,
        },
    )
    if created and kind == AccountKind.PROFESSIONAL:
        TOTP.activate(
            account, rules.demonstration_seed(account.email, secret_key=settings.SECRET_KEY)
        )
    trace.about(entity=account)
    return account


@lru_cache(maxsize=1)
def _demonstration_password() -> str:
    """Return the stored form of the one password: hashing it once makes loading quick."""
    return make_password(rules.DEMONSTRATION_PASSWORD)
