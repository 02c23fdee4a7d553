"""Put assessments and their history behind the door."""

from django.db import migrations

from carbet.core import row_security


class Migration(migrations.Migration):
    dependencies = [("assessments", "0001_initial"), ("core", "0002_row_security")]

    operations = [
        row_security.protect("assessments_questionnaireresponse"),
        row_security.protect_events("assessments_questionnaireresponseevent"),
    ]
