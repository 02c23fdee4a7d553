"""The functions and policies on which every room's row security stands."""

from django.db import migrations

from carbet.core import row_security
from carbet.core.row_security import GRANTEES, IS_INTERNAL, IS_OPERATING, holds_grant

OPERATION = "COALESCE(current_setting('carbet.operation', true), '')"

# The policies of core_accessgrant cannot read core_accessgrant without calling themselves for ever:
# these two functions read it as its owner.
HOLDS = f"""
CREATE FUNCTION carbet_holds(patient bigint, asked int) RETURNS boolean
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = public, pg_temp AS
$$ SELECT EXISTS (SELECT 1 FROM core_accessgrant g WHERE g.patient_id = patient
     AND g.grantee = ANY ({GRANTEES}) AND g.level >= asked
     AND g.valid_from <= carbet_now()
     AND (g.valid_until IS NULL OR g.valid_until > carbet_now())) $$
"""
IS_KNOWN = """
CREATE FUNCTION carbet_is_known(patient bigint) RETURNS boolean
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = public, pg_temp AS
$$ SELECT EXISTS (SELECT 1 FROM core_accessgrant g WHERE g.patient_id = patient) $$
"""

# Whoever may read a record may have those who care told, without seeing their grants.
GRANTEES_OF = """
CREATE FUNCTION carbet_grantees_of(patient bigint, asked int) RETURNS SETOF text
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = public, pg_temp AS
$$ SELECT DISTINCT g.grantee::text FROM core_accessgrant g
   WHERE g.patient_id = patient AND g.level >= asked AND g.grantee NOT LIKE 'account:%'
     AND g.valid_from <= carbet_now()
     AND (g.valid_until IS NULL OR g.valid_until > carbet_now())
     AND (COALESCE(current_setting('carbet.internal', true), '') = 'on'
          OR carbet_holds(patient, 10)) $$
"""

OWN = f"grantee = ANY ({GRANTEES})"
# Who may add a grant: whoever manages the record; whoever registers a person nobody knows yet, for
# themselves; whoever breaks the glass, for themselves and a day at most; whoever may write may show
# the identity to a team asked for support; and that team, once it accepts.
MAY_GRANT = f"""
{IS_INTERNAL}
OR carbet_holds(patient_id, 40)
OR ({OWN} AND NOT carbet_is_known(patient_id))
OR ({OWN} AND {OPERATION} = 'glass.break' AND source = 'glass' AND level <= 30
    AND valid_until <= carbet_now() + interval '1 day')
OR (level = 10 AND source = 'support_request' AND carbet_holds(patient_id, 30))
OR ({OPERATION} = 'support.accept' AND source = 'support_case' AND carbet_holds(patient_id, 10))
"""

PERSON_HERSELF = (
    "EXISTS (SELECT 1 FROM core_accessgrant g WHERE g.patient_id = core_auditevent.patient_id"
    f" AND g.grantee = ANY ({GRANTEES}) AND g.grantee LIKE 'account:%%' AND g.level >= 20"
    " AND g.valid_from <= carbet_now()"
    " AND (g.valid_until IS NULL OR g.valid_until > carbet_now()))"
).replace("%%", "%")

NOTIFY = """
CREATE FUNCTION core_liveevent_notify() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  PERFORM pg_notify('carbet_live', NEW.id || ' ' || NEW.recipient || ' ' || NEW.kind);
  RETURN NULL;
END $$
"""


class Migration(migrations.Migration):
    dependencies = [("core", "0001_initial"), ("pghistory", "0007_auto_20250421_0444")]

    operations = [
        migrations.RunSQL(row_security.NOW_FUNCTION, "DROP FUNCTION carbet_now()"),
        migrations.RunSQL(HOLDS, "DROP FUNCTION carbet_holds(bigint, int)"),
        migrations.RunSQL(IS_KNOWN, "DROP FUNCTION carbet_is_known(bigint)"),
        migrations.RunSQL(GRANTEES_OF, "DROP FUNCTION carbet_grantees_of(bigint, int)"),
        row_security.policies(
            "core_accessgrant",
            select=f"{IS_INTERNAL} OR {OWN} OR carbet_holds(patient_id, 40)",
            insert=MAY_GRANT,
            update=f"{IS_INTERNAL} OR {OWN} OR carbet_holds(patient_id, 40)",
        ),
        # A grant is given once and then only ends: nobody raises their own, nor makes it last.
        migrations.RunSQL(
            [
                "REVOKE UPDATE ON core_accessgrant FROM carbet_app",
                "GRANT UPDATE (valid_until) ON core_accessgrant TO carbet_app",
                "CREATE POLICY only_ends ON core_accessgrant AS RESTRICTIVE FOR UPDATE"
                " USING (true) WITH CHECK (valid_until <= carbet_now() OR valid_until = valid_from)",
            ],
            ["DROP POLICY only_ends ON core_accessgrant"],
        ),
        row_security.policies(
            "core_auditevent",
            select=(
                f"{IS_INTERNAL} OR ('role:' || role_id) = ANY ({GRANTEES})"
                f" OR {holds_grant('core_auditevent.patient_id', 40)} OR {PERSON_HERSELF}"
            ),
            insert=None,
            update=None,
        ),
        # A trace may always be added, even of a refusal, when no operation is under way.
        migrations.RunSQL(
            [
                "GRANT INSERT ON core_auditevent TO carbet_app",
                "CREATE POLICY may_insert ON core_auditevent FOR INSERT WITH CHECK (true)",
            ],
            ["DROP POLICY IF EXISTS may_insert ON core_auditevent"],
        ),
        row_security.policies(
            "core_outboxmessage",
            select=f"{IS_INTERNAL} OR {IS_OPERATING}",
            insert="true",
            update=IS_INTERNAL,
        ),
        row_security.policies(
            "core_liveevent",
            select=f"{IS_INTERNAL} OR recipient = ANY ({GRANTEES})",
            insert="true",
            update=None,
        ),
        migrations.RunSQL(
            [
                "GRANT DELETE ON core_liveevent TO carbet_app",
                f"CREATE POLICY may_delete ON core_liveevent FOR DELETE USING ({IS_INTERNAL})",
                NOTIFY,
                "CREATE TRIGGER notify AFTER INSERT ON core_liveevent"
                " FOR EACH ROW EXECUTE FUNCTION core_liveevent_notify()",
            ],
            [
                "DROP TRIGGER notify ON core_liveevent",
                "DROP FUNCTION core_liveevent_notify()",
                "DROP POLICY may_delete ON core_liveevent",
            ],
        ),
        # The context of a version names an operation, never a person; nobody reads it but the owner.
        row_security.policies(
            "pghistory_context", select=IS_OPERATING, insert="true", update="true"
        ),
    ]
