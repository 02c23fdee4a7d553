"""What stays on a record merged into another is read by whoever enters the other.

A row moves with its record unless the other says the same thing itself: one emergency sheet, one
home a person. Nobody enters an absorbed record any more, so its own grants open nothing.
"""

from django.db import migrations

from carbet.core.actor import Level
from carbet.core.row_security import GRANTEES, IS_INTERNAL

# Answers for whoever reads the record that stayed, and for nobody else.
ABSORBED = f"""
CREATE FUNCTION identity_absorbed(person bigint) RETURNS SETOF bigint
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = public, pg_temp AS $$
  WITH RECURSIVE below AS (
    SELECT l.id, l.patient_id FROM identity_localidentity l
      JOIN identity_localidentity top ON top.id = l.survivor_id WHERE top.patient_id = person
    UNION
    SELECT l.id, l.patient_id FROM identity_localidentity l JOIN below b ON l.survivor_id = b.id)
  SELECT b.patient_id FROM below b WHERE b.patient_id IS NOT NULL
    AND ({IS_INTERNAL} OR carbet_holds(person, {int(Level.READ)})) ORDER BY 1 $$
"""
# For the policies of tables of which rows may stay behind.
OPENS = f"""
CREATE FUNCTION identity_survivor_opens(absorbed bigint, category int) RETURNS boolean
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = public, pg_temp AS $$
  WITH RECURSIVE above AS (
    SELECT l.survivor_id AS id FROM identity_localidentity l WHERE l.patient_id = absorbed
    UNION
    SELECT l.survivor_id FROM identity_localidentity l JOIN above a ON l.id = a.id)
  SELECT EXISTS (SELECT 1 FROM above a JOIN identity_localidentity l ON l.id = a.id
    JOIN core_accessgrant g ON g.patient_id = l.patient_id
    WHERE g.grantee = ANY ({GRANTEES}) AND g.level >= {int(Level.READ)}
      AND (g.categories & category) = category AND g.valid_from <= carbet_now()
      AND (g.valid_until IS NULL OR g.valid_until > carbet_now())) $$
"""
SIGNATURES = {
    "identity_absorbed(bigint)": ABSORBED,
    "identity_survivor_opens(bigint, int)": OPENS,
}


class Migration(migrations.Migration):
    dependencies = [("identity", "0002_held")]

    operations = [
        migrations.RunSQL(
            [
                body,
                f"REVOKE EXECUTE ON FUNCTION {signature} FROM PUBLIC",
                f"GRANT EXECUTE ON FUNCTION {signature} TO carbet_app",
            ],
            f"DROP FUNCTION {signature}",
        )
        for signature, body in SIGNATURES.items()
    ]
