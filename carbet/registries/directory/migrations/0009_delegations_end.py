"""A delegation always ends: one given without an end is looked at again within a year."""

from django.db import migrations, models

ENDS = (
    "UPDATE directory_delegation SET ended_at = greatest(started_at, now()) + interval '366 days'"
    " WHERE ended_at IS NULL"
)


class Migration(migrations.Migration):
    dependencies = [("directory", "0008_statistics")]

    operations = [
        migrations.RunSQL(ENDS, migrations.RunSQL.noop),
        migrations.AlterField(
            model_name="delegation",
            name="ended_at",
            field=models.DateTimeField(),
        ),
        migrations.AddConstraint(
            model_name="delegation",
            constraint=models.CheckConstraint(
                condition=models.Q(("ended_at__gte", models.F("started_at"))),
                name="delegation_period",
            ),
        ),
    ]
