"""Who an account is before any role is chosen."""

from carbet.core.actor import ANONYMOUS_ACTOR, PERSON, PROFESSIONAL, Actor, account_key
from carbet.registries.accounts.choices import AccountKind
from carbet.registries.accounts.models import Account


def actor_of(account: Account | None) -> Actor:
    """Return the account as an actor without role: enough to trace how it signs in and out."""
    if account is None or account.pk is None:
        return ANONYMOUS_ACTOR
    is_person = account.kind == AccountKind.PERSON
    return Actor(
        kind=PERSON if is_person else PROFESSIONAL,
        account_id=account.pk,
        display_name=str(account),
        grantees=(account_key(account.pk),) if is_person else (),
    )
