"""Let the house take an event back: a hospital cancels what it told."""

from django.db import migrations, models

from carbet.core.row_security import IS_INTERNAL, IS_OPERATING

EVENT = "subscriptions_communicationrequest"


class Migration(migrations.Migration):
    dependencies = [("subscriptions", "0004_row_security_by_category")]

    operations = [
        migrations.AddField(
            model_name="communicationrequest",
            name="revoked_at",
            field=models.DateTimeField(null=True),
        ),
        migrations.RunSQL(
            sql=[
                f"GRANT UPDATE ON {EVENT} TO carbet_app",
                f"CREATE POLICY may_update ON {EVENT} FOR UPDATE USING ({IS_INTERNAL})"
                f" WITH CHECK ({IS_OPERATING} AND ({IS_INTERNAL}))",
            ],
            reverse_sql=[
                f"DROP POLICY may_update ON {EVENT}",
                f"REVOKE UPDATE ON {EVENT} FROM carbet_app",
            ],
        ),
    ]
