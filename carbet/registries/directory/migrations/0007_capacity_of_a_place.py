"""A capacity of a place whose services have not come yet has no structure."""

import django.db.models.deletion
from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("directory", "0006_identity_cell")]

    operations = [
        migrations.AlterField(
            model_name="capacity",
            name="organization",
            field=models.ForeignKey(
                null=True,
                on_delete=django.db.models.deletion.PROTECT,
                to="directory.organization",
            ),
        ),
    ]
