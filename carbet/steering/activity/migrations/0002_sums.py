"""Functions that count, triggers that watch the rooms below, and who may read what they make."""

from django.db import migrations

from carbet.steering.activity.migrations import _sql


class Migration(migrations.Migration):
    dependencies = [
        ("activity", "0001_initial"),
        ("care_plans", "0004_row_security_by_category"),
        ("support", "0005_doors_of_steps"),
        ("core", "0004_categories"),
    ]

    operations = [migrations.RunSQL(_sql.STATEMENTS, migrations.RunSQL.noop)]
