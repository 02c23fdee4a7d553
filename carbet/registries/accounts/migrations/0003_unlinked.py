"""An account says since when its owner no longer lets Pro Santé Connect open it."""

from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("accounts", "0002_time_zone")]

    operations = [
        migrations.AddField(
            model_name="account",
            name="provider_unlinked_at",
            field=models.DateTimeField(null=True),
        ),
    ]
