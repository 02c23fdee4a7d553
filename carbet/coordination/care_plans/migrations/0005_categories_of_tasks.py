"""Give the tasks of planned actions, and their history, the category of the action."""

from django.db import migrations

BEFORE = [
    statement
    for table in ("tasks_task", "tasks_taskevent")
    for statement in (
        f"ALTER TABLE {table} DISABLE TRIGGER USER",
        f"UPDATE {table} SET category = a.category FROM care_plans_plannedaction a"
        f" WHERE {table}.source = 'action:' || a.id",
        f"ALTER TABLE {table} ENABLE TRIGGER USER",
    )
]


class Migration(migrations.Migration):
    dependencies = [("care_plans", "0004_row_security_by_category"), ("tasks", "0004_category")]

    operations = [migrations.RunSQL(BEFORE, migrations.RunSQL.noop)]
