"""The application adds to the history of questionnaires and changes none of it."""

from django.db import migrations

EVENTS = "assessments_questionnaireevent"


class Migration(migrations.Migration):
    dependencies = [("assessments", "0008_fhir")]

    operations = [
        migrations.RunSQL(
            f"REVOKE UPDATE, DELETE, TRUNCATE ON {EVENTS} FROM carbet_app",
            f"GRANT UPDATE, DELETE ON {EVENTS} TO carbet_app",
        )
    ]
