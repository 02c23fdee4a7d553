"""Give the tasks that a request for advice asks, and their history, the category of the note."""

from django.db import migrations

BEFORE = [
    statement
    for table in ("tasks_task", "tasks_taskevent")
    for statement in (
        f"ALTER TABLE {table} DISABLE TRIGGER USER",
        f"UPDATE {table} SET category = n.category FROM notebook_note n"
        f" WHERE {table}.source = 'note:' || n.id",
        f"ALTER TABLE {table} ENABLE TRIGGER USER",
    )
]


class Migration(migrations.Migration):
    dependencies = [("notebook", "0006_visibility_and_words"), ("tasks", "0004_category")]

    operations = [migrations.RunSQL(BEFORE, migrations.RunSQL.noop)]
