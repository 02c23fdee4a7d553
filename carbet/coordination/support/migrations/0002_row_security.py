"""Put the tables of this room and their histories behind the door."""

from django.db import migrations

from carbet.core import row_security
from carbet.core.actor import Level


class Migration(migrations.Migration):
    dependencies = [("support", "0001_initial"), ("core", "0002_row_security")]

    operations = [
        row_security.protect("support_supportrequest", read=Level.IDENTITY, write=Level.IDENTITY),
        row_security.protect("support_case", write=Level.MANAGE),
        row_security.protect_events("support_supportrequestevent", read=Level.IDENTITY),
        row_security.protect_events("support_caseevent"),
    ]
