"""Put the tables of this room and their histories behind the door."""

from django.db import migrations

from carbet.core import row_security
from carbet.core.row_security import GRANTEES, IS_INTERNAL


class Migration(migrations.Migration):
    dependencies = [("alerts", "0001_initial"), ("core", "0002_row_security")]

    operations = [
        row_security.policies(
            "alerts_alert",
            select=f"{IS_INTERNAL} OR recipient = ANY ({GRANTEES})",
            insert="true",
            update=f"{IS_INTERNAL} OR recipient = ANY ({GRANTEES})",
        ),
    ]
