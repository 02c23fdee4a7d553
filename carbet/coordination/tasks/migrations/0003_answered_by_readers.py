"""Let whoever is asked answer, even when they only read the record."""

from django.db import migrations

from carbet.core.actor import Level
from carbet.core.row_security import GRANTEES, IS_INTERNAL, IS_OPERATING, holds_grant

WRITES = f"{IS_INTERNAL} OR {holds_grant('tasks_task.patient_id', Level.WRITE)}"
ASKED = f"(owner = ANY ({GRANTEES}) AND {holds_grant('tasks_task.patient_id', Level.READ)})"


def policy(condition: str) -> str:
    return (
        f"ALTER POLICY may_update ON tasks_task USING ({condition})"
        f" WITH CHECK ({IS_OPERATING} AND ({condition}))"
    )


class Migration(migrations.Migration):
    dependencies = [("tasks", "0002_row_security")]

    operations = [migrations.RunSQL(policy(f"{WRITES} OR {ASKED}"), policy(WRITES))]
