"""Invitations: seen by the circle and the guest; sent by who manages, answered by the guest."""

from django.db import migrations

from carbet.core import row_security
from carbet.core.actor import Level
from carbet.core.row_security import GRANTEES, IS_INTERNAL, holds_grant

SEEN = (
    IS_INTERNAL
    + " OR {read} OR ('role:' || {table}.practitioner_role_id) = ANY (" + GRANTEES + ")"
)


def seen(table: str) -> str:
    """Return the SQL condition "in the circle, or the guest"."""
    read = holds_grant(f"{table}.patient_id", Level.READ)
    return SEEN.format(read=read, table=table)


TABLE = "care_teams_invitation"
MANAGES = f"{IS_INTERNAL} OR {holds_grant(f'{TABLE}.patient_id', Level.MANAGE)}"
GUEST = f"('role:' || {TABLE}.practitioner_role_id) = ANY ({GRANTEES})"


class Migration(migrations.Migration):
    dependencies = [("care_teams", "0006_invitation"), ("core", "0004_categories")]

    operations = [
        row_security.policies(
            TABLE, select=seen(TABLE), insert=MANAGES, update=f"{MANAGES} OR {GUEST}"
        ),
        row_security.policies(
            f"{TABLE}event", select=seen(f"{TABLE}event"), insert="true", update=None
        ),
    ]
