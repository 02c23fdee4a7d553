"""My persons in order, the time asked once a page instead of once a person looked at."""

from importlib import import_module

from django.db import migrations

BEFORE = import_module("carbet.registries.patients.migrations.0004_lists_and_versions").MINE
NOW = (
    BEFORE.replace("CREATE FUNCTION", "CREATE OR REPLACE FUNCTION")
    .replace("DECLARE\n", "DECLARE\n  at timestamptz := carbet_now();\n")
    .replace("<= carbet_now()", "<= $5")
    .replace("> carbet_now()", "> $5")
    .replace("USING key, person, mine, most;", "USING key, person, mine, most, at;")
)


class Migration(migrations.Migration):
    dependencies = [("patients", "0011_one_key_a_writing")]

    operations = [
        migrations.RunSQL(NOW, BEFORE.replace("CREATE FUNCTION", "CREATE OR REPLACE FUNCTION")),
    ]
