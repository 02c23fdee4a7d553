"""Put the tables of this room and their histories behind the door."""

from django.db import migrations

from carbet.core import row_security
from carbet.core.actor import Level
from carbet.core.row_security import GRANTEES, IS_INTERNAL, holds_grant


class Migration(migrations.Migration):
    dependencies = [("care_teams", "0001_initial"), ("core", "0002_row_security")]

    operations = [
        row_security.protect("care_teams_careteam", write=Level.MANAGE),
        row_security.protect("care_teams_relatedperson", write=Level.MANAGE),
        row_security.protect("care_teams_careteamparticipant", write=Level.MANAGE),
        row_security.protect("care_teams_consent", read=Level.IDENTITY),
        row_security.protect_events("care_teams_careteamevent"),
        row_security.protect_events("care_teams_relatedpersonevent"),
        row_security.protect_events("care_teams_careteamparticipantevent"),
        row_security.protect_events("care_teams_consentevent", read=Level.IDENTITY),
        # Whoever entered sees it; whoever manages the record sees and reviews it.
        row_security.policies(
            "care_teams_glassbreaking",
            select=f"{IS_INTERNAL} OR ('role:' || practitioner_role_id) = ANY ({GRANTEES})"
            f" OR {holds_grant('care_teams_glassbreaking.patient_id', Level.READ)}",
            insert=f"{IS_INTERNAL} OR ('role:' || practitioner_role_id) = ANY ({GRANTEES})",
            update=f"{IS_INTERNAL}"
            f" OR {holds_grant('care_teams_glassbreaking.patient_id', Level.MANAGE)}",
        ),
    ]
