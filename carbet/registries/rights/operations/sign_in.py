"""What Pro Santé Connect answered: the link it makes, the answers that were refused."""

from datetime import datetime

from carbet.core.actor import Actor
from carbet.core.audit import Trace
from carbet.core.models import AuditEvent
from carbet.core.operation import operation
from carbet.registries.accounts.models import Account


@operation("account.pro_sante_connect.link", action="C")
def record_provider_link(trace: Trace, *, actor: Actor, now: datetime, account: Account) -> None:
    """Trace that an account was tied to its Pro Santé Connect identity, by RPPS."""
    trace.about(entity=account)


@operation("account.pro_sante_connect.refuse", action="E")
def refuse_provider_answer(
    trace: Trace, *, actor: Actor, now: datetime, code: str, account: Account | None = None
) -> None:
    """Trace an answer that was not accepted: which proof failed, never the answer itself."""
    trace.about(
        entity=account or "pro_sante_connect", reason=code, outcome=AuditEvent.Outcome.REFUSED
    )
