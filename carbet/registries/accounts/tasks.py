"""What the worker does for accounts: forget the sessions that ended."""

from procrastinate.contrib.django import app

from carbet.core.clock import now as current_time
from carbet.registries.accounts.models import AccountSession


@app.periodic(cron="41 * * * *")
@app.task(name="accounts.clear_sessions", queue="outbox")
def clear_sessions(timestamp: int) -> None:
    """Delete the sessions whose time is over, signed in or not."""
    AccountSession.objects.filter(expire_date__lt=current_time()).delete()
