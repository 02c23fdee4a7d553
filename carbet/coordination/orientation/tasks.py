"""What the worker does for orientation: look at the whole index again every night."""

from django.db import connection
from procrastinate.contrib.django import app

from carbet.core import row_security
from carbet.core.actor import internal
from carbet.core.clock import now as current_time

HOUSE = internal("orientation")


@app.periodic(cron="40 2 * * *")
@app.task(name="orientation.rebuild", queue="orientation")
def rebuild(timestamp: int) -> None:
    """Bring in hours that begin or end with the day, and count the words again."""
    with row_security.acting_as(HOUSE, now=current_time()), connection.cursor() as cursor:
        cursor.execute("SELECT orientation_rebuild()")
