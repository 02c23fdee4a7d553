"""The table of the shared cache: open, since it speaks of no person; lost without harm."""

from django.db import migrations


class Migration(migrations.Migration):
    dependencies = [("core", "0002_row_security")]

    operations = [
        migrations.RunSQL(
            [
                "CREATE UNLOGGED TABLE core_cache (cache_key varchar(255) PRIMARY KEY,"
                " value text NOT NULL, expires timestamptz NOT NULL)",
                "CREATE INDEX core_cache_expires ON core_cache (expires)",
            ],
            "DROP TABLE core_cache",
        ),
    ]
