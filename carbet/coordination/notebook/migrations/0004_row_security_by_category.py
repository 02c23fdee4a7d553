"""Notes are read by category, measures by whoever may read medical data."""

from django.db import migrations

from carbet.core.actor import DataCategory
from carbet.core.row_security import categorize

# What was written before follows whoever wrote it. Its history is told apart the same way.
TABLES = ("notebook_note", "notebook_noteevent")
BEFORE = [
    statement
    for table in TABLES
    for statement in (
        f"ALTER TABLE {table} DISABLE TRIGGER USER",
        f"UPDATE {table} SET category = 2 FROM directory_practitionerrole r"
        f" WHERE r.id = {table}.author_role_id AND r.category = 'social'",
        f"ALTER TABLE {table} ENABLE TRIGGER USER",
    )
]


class Migration(migrations.Migration):
    dependencies = [("notebook", "0003_categories"), ("core", "0004_categories")]

    operations = [
        migrations.RunSQL(BEFORE, migrations.RunSQL.noop),
        categorize("notebook_note", category="category"),
        categorize("notebook_noteevent", category="category", write=None),
        categorize("notebook_measure", category=DataCategory.MEDICAL),
        categorize("notebook_measureevent", category=DataCategory.MEDICAL, write=None),
    ]
