"""What the worker does for the offer: measure every night, remind every Monday morning."""

from procrastinate.contrib.django import app

from carbet.core import clock
from carbet.core.actor import internal
from carbet.registries.offer import operations

HOUSE = internal("offer")


@app.periodic(cron="10 3 * * *")
@app.task(name="offer.measure", queue="offer")
def measure(timestamp: int) -> None:
    """Measure how complete each structure is in this quarter."""
    operations.measure_completeness(actor=HOUSE, now=clock.now())


@app.periodic(cron="15 11 * * 1")
@app.task(name="offer.remind", queue="offer")
def remind(timestamp: int) -> None:
    """Remind those who keep a page where something waits."""
    operations.remind_keepers(actor=HOUSE, now=clock.now())
