"""An account gets the name by which regional applications know it, that says nothing."""

import uuid

import django.contrib.postgres.functions
from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("accounts", "0003_unlinked")]

    operations = [
        migrations.AddField(
            model_name="account",
            name="subject",
            field=models.UUIDField(
                db_default=django.contrib.postgres.functions.RandomUUID(),
                default=uuid.uuid4,
                editable=False,
                unique=True,
            ),
        ),
    ]
