"""Put the living situations and their histories behind the door, each with its category."""

from django.db import migrations

from carbet.core import row_security
from carbet.core.actor import DataCategory

_TABLES = {
    "situations_situation": DataCategory.SOCIAL,
    "situations_emergencyinformation": DataCategory.MEDICAL,
}


class Migration(migrations.Migration):
    dependencies = [("situations", "0001_initial"), ("core", "0004_categories")]

    operations = [
        *(row_security.protect(table, category=category) for table, category in _TABLES.items()),
        *(
            row_security.protect_events(f"{table}event", category=category)
            for table, category in _TABLES.items()
        ),
    ]
