"""Documents are read by category: those of before follow whoever wrote them."""

from django.db import migrations

from carbet.core.row_security import categorize_shared

TABLES = ("documents_document", "documents_documentevent")
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
    dependencies = [("documents", "0003_categories"), ("core", "0004_categories")]

    operations = [
        migrations.RunSQL(BEFORE, migrations.RunSQL.noop),
        categorize_shared("documents_document", category="category", history="documents_documentevent"),
    ]
