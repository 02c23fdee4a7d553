"""Put the tables of this room and their histories behind the door."""

from django.db import migrations

from carbet.core import row_security


class Migration(migrations.Migration):
    dependencies = [("notebook", "0001_initial"), ("core", "0002_row_security")]

    operations = [
        row_security.protect("notebook_note"),
        row_security.protect("notebook_measure"),
        row_security.protect_events("notebook_noteevent"),
        row_security.protect_events("notebook_measureevent"),
    ]
