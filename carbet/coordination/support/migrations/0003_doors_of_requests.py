"""Who keeps seeing a request, and the strict conditions under which it opens and closes a record."""

from django.db import migrations

from carbet.core.actor import Level
from carbet.core.row_security import GRANTEES, IS_INTERNAL, IS_OPERATING, holds_grant

# Whoever sent a request and the team that answered it keep the trace of it, without the identity.
PARTY = (
    f"('org:' || addressee_id) = ANY ({GRANTEES}) OR ('role:' || requester_id) = ANY ({GRANTEES})"
)
HELD = holds_grant("support_supportrequest.patient_id", Level.IDENTITY)

# Beyond core's rule: a case opens a record only to a team that has just accepted a request
# addressed to it, and to whoever accepted. Restrictive, so that nothing permissive goes around it.
ACCEPTED = f"""
EXISTS (
  SELECT 1 FROM support_supportrequest r
  WHERE r.patient_id = core_accessgrant.patient_id AND r.status = 'accepted'
    AND core_accessgrant.grantee IN ('org:' || r.addressee_id, 'role:' || r.decided_by_id)
    AND ('org:' || r.addressee_id) = ANY ({GRANTEES})
)"""

# Whoever may write may show the identity to a team (core); they may as well close it, no more.
ASKED = "source = 'support_request' AND level = 10 AND carbet_holds(patient_id, 30)"


REQUEST_SEEN = "CREATE POLICY may_select ON support_supportrequest FOR SELECT USING ({})"
CASE_OPENS = f"""
CREATE POLICY support_case_opens ON core_accessgrant AS RESTRICTIVE FOR INSERT
WITH CHECK (source <> 'support_case' OR {IS_INTERNAL} OR {ACCEPTED})"""
ASKED_SEEN = f"CREATE POLICY support_request_seen ON core_accessgrant FOR SELECT USING ({ASKED})"
ASKED_ENDS = f"""
CREATE POLICY support_request_ends ON core_accessgrant FOR UPDATE USING ({ASKED})
WITH CHECK ({IS_OPERATING} AND {ASKED} AND valid_until <= carbet_now())"""


class Migration(migrations.Migration):
    dependencies = [("support", "0002_row_security"), ("core", "0002_row_security")]

    operations = [
        migrations.RunSQL(
            [
                "DROP POLICY may_select ON support_supportrequest",
                REQUEST_SEEN.format(f"{IS_INTERNAL} OR {HELD} OR {PARTY}"),
            ],
            [
                "DROP POLICY may_select ON support_supportrequest",
                REQUEST_SEEN.format(f"{IS_INTERNAL} OR {HELD}"),
            ],
        ),
        migrations.RunSQL(
            [CASE_OPENS, ASKED_SEEN, ASKED_ENDS],
            [
                "DROP POLICY support_case_opens ON core_accessgrant",
                "DROP POLICY support_request_seen ON core_accessgrant",
                "DROP POLICY support_request_ends ON core_accessgrant",
            ],
        ),
    ]
