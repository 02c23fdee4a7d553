"""Put appointments behind the door, and let colleagues see busy time without its person."""

from django.db import migrations

from carbet.core import row_security
from carbet.core.actor import Level
from carbet.core.row_security import GRANTEES, IS_INTERNAL, holds_grant

OPERATION = "COALESCE(current_setting('carbet.operation', true), '')"

# What no person stands behind (a regulation books before it knows whom for) is seen by those who
# booked and those booked.
NOBODYS = f"({{table}}.patient_id IS NULL AND {{table}}.open_to::text[] && {GRANTEES})"
# The person herself, or a relative she let in, asks for a time and answers: nothing else.
HERSELF = (
    f"({OPERATION} IN ('appointment.ask', 'appointment.answer_own', 'appointment.decline_own') AND EXISTS ("
    "SELECT 1 FROM core_accessgrant g WHERE g.patient_id = {table}.patient_id"
    f" AND g.grantee = ANY ({GRANTEES}) AND g.grantee LIKE 'account:%'"
    f" AND g.level >= {int(Level.READ)} AND g.valid_from <= carbet_now()"
    " AND (g.valid_until IS NULL OR g.valid_until > carbet_now())))"
)

# Whoever plans sees when colleagues are taken (same structure, or a person in common), never for
# whom: visits that touch are one span.
SIGNATURE = "scheduling_busy(bigint[], timestamptz, timestamptz)"
BUSY = f"""
CREATE FUNCTION scheduling_busy(roles bigint[], low timestamptz, high timestamptz)
RETURNS TABLE (role_id bigint, busy_from timestamptz, busy_to timestamptz)
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = public, pg_temp AS
$$ WITH asked AS (
     SELECT r.id FROM directory_practitionerrole r
     WHERE r.id = ANY (roles) AND high - low <= interval '100 days'
       AND ({IS_INTERNAL}
            OR ('role:' || r.id) = ANY ({GRANTEES})
            OR ('org:' || r.organization_id) = ANY ({GRANTEES})
            OR EXISTS (
              SELECT 1 FROM core_accessgrant mine
              JOIN core_accessgrant theirs ON theirs.patient_id = mine.patient_id
              WHERE mine.grantee = ANY ({GRANTEES}) AND mine.valid_from <= carbet_now()
                AND mine.level >= {int(Level.READ)}
                AND (mine.valid_until IS NULL OR mine.valid_until > carbet_now())
                AND theirs.grantee IN ('role:' || r.id, 'org:' || r.organization_id)
                AND theirs.level >= {int(Level.READ)} AND theirs.valid_from <= carbet_now()
                AND (theirs.valid_until IS NULL OR theirs.valid_until > carbet_now())))
   )
   SELECT asked.id, lower(span), upper(span) FROM asked CROSS JOIN LATERAL (
     SELECT unnest(range_agg(taken.during)) AS span FROM (
       SELECT tstzrange(p.start, p."end") AS during FROM scheduling_appointmentparticipant p
       WHERE p.practitioner_role_id = asked.id AND p.shown AND p.status <> 'declined'
         AND p.start < high AND p.start > low - interval '1 day' AND p."end" > low
       UNION ALL
       SELECT tstzrange(a.start, a."end") FROM scheduling_absence a
       WHERE a.practitioner_role_id = asked.id AND a.cancelled_at IS NULL
         AND a.start < high AND a."end" > low
     ) taken
   ) spans $$
"""


def behind_the_door(table: str) -> migrations.RunSQL:
    """Protect a table whose rows may speak of nobody yet."""
    nobodys, herself = NOBODYS.format(table=table), HERSELF.format(table=table)
    may_write = f"{IS_INTERNAL} OR {holds_grant(f'{table}.patient_id', Level.WRITE)}"
    return row_security.policies(
        table,
        select=f"{IS_INTERNAL} OR {holds_grant(f'{table}.patient_id', Level.READ)} OR {nobodys}",
        insert=f"{may_write} OR {nobodys} OR {herself}",
        update=f"{may_write} OR {nobodys} OR {herself}",
    )


class Migration(migrations.Migration):
    dependencies = [
        ("scheduling", "0001_initial"),
        ("core", "0002_row_security"),
        ("directory", "0001_initial"),
    ]

    operations = [
        behind_the_door("scheduling_appointment"),
        behind_the_door("scheduling_appointmentparticipant"),
        row_security.protect("scheduling_appointmentseries"),
        row_security.protect_events("scheduling_appointmentevent"),
        row_security.protect_events("scheduling_appointmentparticipantevent"),
        row_security.protect_events("scheduling_appointmentseriesevent"),
        migrations.RunSQL(
            [
                BUSY,
                f"REVOKE ALL ON FUNCTION {SIGNATURE} FROM PUBLIC",
                f"GRANT EXECUTE ON FUNCTION {SIGNATURE} TO carbet_app",
            ],
            f"DROP FUNCTION {SIGNATURE}",
        ),
    ]
