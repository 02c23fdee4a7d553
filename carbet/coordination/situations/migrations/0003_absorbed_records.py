"""Two records of one person, each with its home and its emergency sheet: both are read."""

from django.db import migrations

from carbet.core.actor import DataCategory, Level
from carbet.core.row_security import IS_INTERNAL, holds_grant

_TABLES = {
    "situations_situation": DataCategory.SOCIAL,
    "situations_emergencyinformation": DataCategory.MEDICAL,
}


def _seen(table: str, category: DataCategory) -> migrations.RunSQL:
    before = f"{IS_INTERNAL} OR {holds_grant(f'{table}.patient_id', Level.READ, category)}"
    absorbed = f"identity_survivor_opens({table}.patient_id, {int(category)})"
    policy = f"ALTER POLICY may_select ON {table} USING ({{}})"
    return migrations.RunSQL(policy.format(f"{before} OR {absorbed}"), policy.format(before))


class Migration(migrations.Migration):
    dependencies = [
        ("situations", "0002_row_security"),
        ("identity", "0003_absorbed_records"),
    ]

    operations = [_seen(table, category) for table, category in _TABLES.items()]
