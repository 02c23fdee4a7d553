"""Put tasks and their history behind the door of the record."""

from django.db import migrations

from carbet.core import row_security


class Migration(migrations.Migration):
    dependencies = [("tasks", "0001_initial"), ("core", "0002_row_security")]

    operations = [
        row_security.protect("tasks_task"),
        row_security.protect_events("tasks_taskevent"),
    ]
