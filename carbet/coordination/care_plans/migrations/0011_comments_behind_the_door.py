"""Comments are read by category, added with the plan, never changed."""

from django.db import migrations

from carbet.core.actor import Level
from carbet.core.row_security import IS_INTERNAL, holds_grant, policies

TABLE = "care_plans_plancomment"
CATEGORY = f"{TABLE}.category"


class Migration(migrations.Migration):
    dependencies = [("care_plans", "0010_comments"), ("core", "0004_categories")]

    operations = [
        policies(
            TABLE,
            select=f"{IS_INTERNAL} OR {holds_grant(f'{TABLE}.patient_id', Level.READ, CATEGORY)}",
            insert=f"{IS_INTERNAL} OR {holds_grant(f'{TABLE}.patient_id', Level.WRITE, CATEGORY)}",
            update=None,
        ),
    ]
