"""What Pro Santé Connect answered: the link it makes, whom it proved, what was refused."""

from datetime import datetime

from allauth.socialaccount.models import SocialAccount

from carbet.core.actor import Actor
from carbet.core.audit import Trace
from carbet.core.models import AuditEvent
from carbet.core.operation import UnableTo, operation
from carbet.registries.accounts import queries as accounts
from carbet.registries.accounts.models import Account
from carbet.registries.accounts.operations import sign_out_everywhere
from carbet.registries.directory.models import Practitioner


class UnableToUnlink(UnableTo):
    """The account stays tied to Pro Santé Connect."""


@operation("account.pro_sante_connect.link", action="C")
def record_provider_link(trace: Trace, *, actor: Actor, now: datetime, account: Account) -> None:
    """Trace that an account was tied to its Pro Santé Connect identity, by RPPS."""
    if account.provider_unlinked_at is not None:
        account.provider_unlinked_at = None
        account.save(update_fields=["provider_unlinked_at"])
    trace.about(entity=account)


@operation("account.pro_sante_connect.prove", action="E")
def record_provider_proof(
    trace: Trace, *, actor: Actor, now: datetime, practitioner: Practitioner
) -> None:
    """Trace that somebody of the directory, who has no account, was proven."""
    trace.about(entity=practitioner)


@operation("account.pro_sante_connect.unlink", action="D")
def unlink_provider(
    trace: Trace, *, actor: Actor, now: datetime, account: Account, except_key: str | None
) -> None:
    """Let Pro Santé Connect open one's account no more, and end one's other sessions.

    Raises:
        UnableToUnlink: it is not tied, or would have no way in left.
    """
    if accounts.provider_link(account=account) is None:
        raise UnableToUnlink("Ce compte n’est pas lié à Pro Santé Connect.")
    if not account.has_usable_password() or not accounts.second_factors(account=account).is_enough:
        raise UnableToUnlink(
            "Pro Santé Connect est votre seule façon d’entrer : choisissez d’abord un mot de passe"
            " et une application d’authentification ou une clé d’accès."
        )
    SocialAccount.objects.filter(user=account).delete()
    account.provider_unlinked_at = now
    account.save(update_fields=["provider_unlinked_at"])
    sign_out_everywhere(actor=actor, now=now, account=account, except_key=except_key)
    trace.about(entity=account)


@operation("account.pro_sante_connect.refuse", action="E")
def refuse_provider_answer(
    trace: Trace, *, actor: Actor, now: datetime, code: str, account: Account | None = None
) -> None:
    """Trace an answer that was not accepted: which proof failed, never the answer itself."""
    trace.about(
        entity=account or "pro_sante_connect", reason=code, outcome=AuditEvent.Outcome.REFUSED
    )
