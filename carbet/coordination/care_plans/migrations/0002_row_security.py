"""Put the tables of this room and their histories behind the door."""

from django.db import migrations

from carbet.core import row_security
from carbet.core.actor import Level
from carbet.core.row_security import IS_INTERNAL, holds_grant


class Migration(migrations.Migration):
    dependencies = [("care_plans", "0001_initial"), ("core", "0002_row_security")]

    operations = [
        row_security.protect("care_plans_careplan"),
        row_security.protect("care_plans_need"),
        row_security.protect("care_plans_goal"),
        row_security.protect("care_plans_plannedaction"),
        row_security.protect_events("care_plans_careplanevent"),
        row_security.protect_events("care_plans_needevent"),
        row_security.protect_events("care_plans_goalevent"),
        row_security.protect_events("care_plans_plannedactionevent"),
        row_security.policies(
            "care_plans_careplanversion",
            select=f"{IS_INTERNAL} OR {holds_grant('care_plans_careplanversion.patient_id', Level.READ)}",
            insert=f"{IS_INTERNAL} OR {holds_grant('care_plans_careplanversion.patient_id', Level.WRITE)}",
            update=None,
        ),
    ]
