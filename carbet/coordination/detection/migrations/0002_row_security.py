"""Put what the rules propose, and its history, behind the door, row by row by category."""

from django.db import migrations

from carbet.core import row_security


class Migration(migrations.Migration):
    dependencies = [("detection", "0001_initial"), ("core", "0004_categories")]

    operations = [
        row_security.protect("detection_detectedissue", category="category"),
        row_security.protect_events("detection_detectedissueevent", category="category"),
    ]
