"""Put subscriptions and events behind the door of the record.

A structure writes its own subscriptions about persons whose record it reads; whoever manages the
record may stop them. An event is added by whoever reads the record, and never changed.
"""

from django.db import migrations

from carbet.core import row_security
from carbet.core.actor import Level
from carbet.core.row_security import GRANTEES, IS_INTERNAL, holds_grant

SUBSCRIPTION, EVENT = "subscriptions_subscription", "subscriptions_communicationrequest"


def reads(table: str) -> str:
    return holds_grant(f"{table}.patient_id", Level.READ)


OWN = f"(('org:' || {SUBSCRIPTION}.organization_id) = ANY ({GRANTEES}) AND {reads(SUBSCRIPTION)})"
MANAGES = holds_grant(f"{SUBSCRIPTION}.patient_id", Level.MANAGE)


class Migration(migrations.Migration):
    dependencies = [("subscriptions", "0001_initial"), ("core", "0002_row_security")]

    operations = [
        row_security.policies(
            SUBSCRIPTION,
            select=f"{IS_INTERNAL} OR {reads(SUBSCRIPTION)}",
            insert=f"{IS_INTERNAL} OR {OWN}",
            update=f"{IS_INTERNAL} OR {OWN} OR {MANAGES}",
        ),
        row_security.protect_events("subscriptions_subscriptionevent"),
        row_security.policies(
            EVENT,
            select=f"{IS_INTERNAL} OR {reads(EVENT)}",
            insert=f"{IS_INTERNAL} OR {reads(EVENT)}",
            update=None,
        ),
    ]
