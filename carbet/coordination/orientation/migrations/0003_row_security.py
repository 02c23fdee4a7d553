"""Put orientations and their history behind the door."""

from django.db import migrations

from carbet.core import row_security


class Migration(migrations.Migration):
    dependencies = [("orientation", "0002_referral"), ("core", "0002_row_security")]

    operations = [
        row_security.protect("orientation_referral"),
        row_security.protect_events("orientation_referralevent"),
    ]
