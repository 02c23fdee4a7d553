"""Put the steps of alerts, the wishes of users and their notices behind the door."""

from django.db import migrations

from carbet.core import row_security
from carbet.core.row_security import GRANTEES, IS_INTERNAL

OWN = f"{IS_INTERNAL} OR owner = ANY ({GRANTEES})"


def told(table: str) -> str:
    """Return the condition "the actor was told of that occurrence"; alerts keep their own door."""
    return (
        f"{IS_INTERNAL} OR EXISTS (SELECT 1 FROM alerts_alert a"
        f" WHERE a.occurrence = {table}.occurrence AND a.recipient = ANY ({GRANTEES}))"
    )


class Migration(migrations.Migration):
    dependencies = [("alerts", "0003_told_outside"), ("core", "0002_row_security")]

    operations = [
        row_security.policies(
            "alerts_escalation",
            select=told("alerts_escalation"),
            insert="true",
            update=told("alerts_escalation"),
        ),
        row_security.policies(
            "alerts_alertstep", select=told("alerts_alertstep"), insert="true", update=None
        ),
        *(
            row_security.policies(table, select=OWN, insert=OWN, update=OWN)
            for table in ("alerts_alertsetting", "alerts_alertpersonrule", "alerts_pushdevice")
        ),
        row_security.policies(
            "alerts_alertdelivery", select=OWN, insert=IS_INTERNAL, update=IS_INTERNAL
        ),
    ]
