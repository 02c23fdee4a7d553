"""Changes are taken up to a number, along their key, however many wait."""

from django.db import migrations

from carbet.steering.activity.migrations import _sql


class Migration(migrations.Migration):
    dependencies = [("activity", "0002_sums")]

    operations = [migrations.RunSQL(_sql.REFRESH, migrations.RunSQL.noop)]
