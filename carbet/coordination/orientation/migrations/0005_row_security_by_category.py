"""Orientations are read by category: those of before follow whoever wrote them."""

from django.db import migrations

from carbet.core.row_security import categorize

BEFORE = [
    statement
    for table in ("orientation_referral", "orientation_referralevent")
    for statement in (
        f"ALTER TABLE {table} DISABLE TRIGGER USER",
        f"UPDATE {table} SET category = 2 FROM directory_practitionerrole r"
        f" WHERE r.id = {table}.author_role_id AND r.category = 'social'",
        f"ALTER TABLE {table} ENABLE TRIGGER USER",
    )
]


class Migration(migrations.Migration):
    dependencies = [("orientation", "0004_categories"), ("core", "0004_categories")]

    operations = [
        migrations.RunSQL(BEFORE, migrations.RunSQL.noop),
        categorize("orientation_referral", category="category"),
        categorize("orientation_referralevent", category="category", write=None),
    ]
