"""Show an event to whom what it comes from is open: else it would tell that a note exists."""

from django.db import migrations

from carbet.core import row_security

EVENT = "subscriptions_communicationrequest"
BEFORE = [
    f"UPDATE {EVENT} SET category = seen.category FROM {table} seen"
    f" WHERE {EVENT}.source = '{kind}:' || seen.id"
    for kind, table in (("note", "notebook_note"), ("document", "documents_document"))
]


class Migration(migrations.Migration):
    dependencies = [
        ("subscriptions", "0003_category"),
        ("notebook", "0003_categories"),
        ("documents", "0003_categories"),
        ("core", "0004_categories"),
    ]

    operations = [
        migrations.RunSQL(BEFORE, migrations.RunSQL.noop),
        row_security.categorize(EVENT, category="category", write=None),
    ]
