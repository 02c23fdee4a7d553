"""Two records of one person, each with approved plans of one number: all are read."""

from django.db import migrations

from carbet.core.actor import Level
from carbet.core.row_security import IS_INTERNAL, holds_grant

_TABLE = "care_plans_careplanversion"


def _read(person: str) -> str:
    return holds_grant(person, Level.READ, f"{_TABLE}.categories")


_BEFORE = f"{IS_INTERNAL} OR {_read(f'{_TABLE}.patient_id')}"
_AFTER = f"{_BEFORE} OR {_read(f'identity_survivor_of({_TABLE}.patient_id)')}"


class Migration(migrations.Migration):
    dependencies = [
        ("care_plans", "0008_times_sent_back"),
        ("identity", "0006_readable_from_the_survivor"),
    ]

    operations = [
        migrations.RunSQL(
            f"ALTER POLICY may_select ON {_TABLE} USING ({_AFTER})",
            f"ALTER POLICY may_select ON {_TABLE} USING ({_BEFORE})",
        )
    ]
