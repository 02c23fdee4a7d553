"""A new way in for whoever lost theirs: password forgotten, telephone lost or stolen."""

from datetime import datetime

from carbet.core import outbox
from carbet.core.actor import Actor
from carbet.core.audit import Trace
from carbet.core.operation import UnableTo, operation
from carbet.registries.accounts import operations as accounts
from carbet.registries.accounts.choices import AccountKind
from carbet.registries.accounts.models import Account
from carbet.registries.directory.models import Right
from carbet.registries.rights import access


class UnableToRenew(UnableTo):
    """The access cannot be given anew so."""


@operation("account.renew")
def renew_access(
    trace: Trace, *, actor: Actor, now: datetime, right_id: int, words: str
) -> Account:
    """Take back password, second factors and sessions; write to the holder how to begin again.

    Whoever asks sees nothing of what is written: the mailbox proves the holder, who then chooses
    a password and a second factor.

    Args:
        words: how the manager made sure of who asked; kept in the trace.

    Raises:
        UnableToRenew: not a right the actor decides on, their own, closed, or without a word of
            how the person was recognised.
    """
    if not words.strip():
        raise UnableToRenew("Dites comment vous avez reconnu la personne.", field="how")
    right = (
        Right.objects.select_related("practitioner_role__practitioner__account")
        .filter(pk=right_id, started_at__lte=now, ended_at__gt=now)
        .first()
    )
    if right is None or not access.may_manage(actor, right.practitioner_role.organization_id):
        raise UnableToRenew("Vous ne décidez pas des habilitations de cette structure.")
    account = right.practitioner_role.practitioner.account
    if account is None or account.kind != AccountKind.PROFESSIONAL or not account.may_sign_in:
        raise UnableToRenew("Aucun compte ouvert : la personne demande l’accès à la structure.")
    if account.pk == actor.account_id:
        raise UnableToRenew("Un autre gestionnaire, ou la région, renouvelle votre accès.")
    if account.is_operator and not access.manages_all(actor):
        raise UnableToRenew("La région seule renouvelle l’accès de ses exploitants.")
    account = accounts.forget_proofs(actor=actor, now=now, account=account)
    outbox.send(
        "rights.mail",
        {"what": "renewed", "renewal": account.pk},
        idempotency_key=f"rights.mail:renewed:{account.pk}:{now.isoformat()}",
        now=now,
    )
    trace.about(entity=account, reason=words.strip()[:200])
    return account
