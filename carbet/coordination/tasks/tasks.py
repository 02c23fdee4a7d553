"""What the worker does for tasks: say once what is late."""

from procrastinate.contrib.django import app

from carbet.coordination.tasks import operations
from carbet.core.actor import internal
from carbet.core.clock import now as current_time


@app.periodic(cron="15 9-20 * * *")
@app.task(name="tasks.remind_late", queue="outbox")
def remind_late(timestamp: int) -> None:
    """Tell both sides of what became late, from six in the morning (Cayenne)."""
    while operations.remind_late(actor=internal("tâches"), now=current_time()):
        pass
