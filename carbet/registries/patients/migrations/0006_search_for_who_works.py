"""The search of the whole territory answers whoever works somewhere, and the house: nobody else."""

from importlib import import_module

from django.db import migrations

from carbet.core.row_security import GRANTEES, IS_INTERNAL

BEFORE = import_module("carbet.registries.patients.migrations.0003_search_functions").SEARCH_ALL
FORMER = BEFORE.replace("CREATE FUNCTION", "CREATE OR REPLACE FUNCTION")
# An account without role has no key at all (an empty array, which is not null); a person or a
# relative has an account's key.
WORKS = (
    f"{IS_INTERNAL} OR EXISTS (SELECT 1 FROM unnest({GRANTEES}) k"
    " WHERE k LIKE 'role:%' OR k LIKE 'org:%')"
)
AFTER = FORMER.replace(f"{GRANTEES} IS NULL", f"NOT ({WORKS})")


class Migration(migrations.Migration):
    dependencies = [("patients", "0005_search_of_many")]

    operations = [
        migrations.RunSQL(AFTER, FORMER),
    ]
