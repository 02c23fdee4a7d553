"""Find at once each time that a plan was sent back, for the timeline of the record."""

from django.db import migrations


class Migration(migrations.Migration):
    dependencies = [("care_plans", "0007_reviews_behind_the_door")]

    operations = [
        migrations.RunSQL(
            "CREATE INDEX careplanevent_returned ON care_plans_careplanevent"
            " (patient_id, returned_at DESC, pgh_id) WHERE returned_at IS NOT NULL",
            "DROP INDEX careplanevent_returned",
        )
    ]
