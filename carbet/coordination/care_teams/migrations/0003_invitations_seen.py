"""Whoever may read a record sees whether the invitations of its circle have left."""

from django.db import migrations

from carbet.core.row_security import IS_INTERNAL, IS_OPERATING

MAY_SELECT = (
    f"{IS_INTERNAL} OR {IS_OPERATING}"
    " OR (topic = 'care_team.invitation' AND carbet_holds(patient_id, 20))"
)


class Migration(migrations.Migration):
    dependencies = [("care_teams", "0002_row_security"), ("core", "0002_row_security")]

    operations = [
        migrations.RunSQL(
            f"ALTER POLICY may_select ON core_outboxmessage USING ({MAY_SELECT})",
            f"ALTER POLICY may_select ON core_outboxmessage USING ({IS_INTERNAL} OR {IS_OPERATING})",
        ),
        migrations.RunSQL(
            "CREATE INDEX outbox_by_patient ON core_outboxmessage (patient_id, topic)"
            " WHERE patient_id IS NOT NULL",
            "DROP INDEX outbox_by_patient",
        ),
    ]
