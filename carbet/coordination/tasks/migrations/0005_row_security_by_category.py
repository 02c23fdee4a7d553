"""Show a task to whom its category is open, and to whoever is asked."""

from django.db import migrations

from carbet.core.actor import Level
from carbet.core.row_security import GRANTEES, IS_INTERNAL, IS_OPERATING, holds_grant

TASK, EVENT = "tasks_task", "tasks_taskevent"


def seen(table: str) -> str:
    held = holds_grant(f"{table}.patient_id", Level.READ).removesuffix(")")
    opened = f"(g.categories & {table}.category) = {table}.category"
    return f"{IS_INTERNAL} OR {held} AND ({opened} OR {table}.owner = ANY ({GRANTEES})))"


def policies(read: str, kept: str, category: str | None) -> list[str]:
    """Return the statements that make these the conditions of a task and of its history."""
    writes = f"{IS_INTERNAL} OR {holds_grant(f'{TASK}.patient_id', Level.WRITE, category)}"
    asked = f"(owner = ANY ({GRANTEES}) AND {holds_grant(f'{TASK}.patient_id', Level.READ)})"
    return [
        f"ALTER POLICY may_select ON {TASK} USING ({read})",
        f"ALTER POLICY may_select ON {EVENT} USING ({kept})",
        f"ALTER POLICY may_insert ON {TASK} WITH CHECK ({IS_OPERATING} AND ({writes}))",
        f"ALTER POLICY may_update ON {TASK} USING ({writes} OR {asked})"
        f" WITH CHECK ({IS_OPERATING} AND ({writes} OR {asked}))",
    ]


def entered(table: str) -> str:
    return f"{IS_INTERNAL} OR {holds_grant(f'{table}.patient_id', Level.READ)}"


class Migration(migrations.Migration):
    dependencies = [("tasks", "0004_category"), ("core", "0004_categories")]

    operations = [
        migrations.RunSQL(
            policies(seen(TASK), seen(EVENT), f"{TASK}.category"),
            policies(entered(TASK), entered(EVENT), None),
        )
    ]
