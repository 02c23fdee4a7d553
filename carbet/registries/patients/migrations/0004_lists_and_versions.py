"""My persons in order, however many, and who wrote each version of an identity."""

from django.db import migrations

from carbet.core.row_security import GRANTEES

# One page of the actor's persons after (or, backwards, before) a place in the order. An actor with
# few persons is served from their grants, one with many from the index of the order.
MINE = f"""
CREATE FUNCTION patients_mine(person bigint, backwards boolean, most int)
RETURNS TABLE (patient_id bigint)
LANGUAGE plpgsql STABLE SECURITY DEFINER SET search_path = public, pg_temp AS $$
DECLARE
  mine text[] := {GRANTEES};
  held int;
  key text;
  source text;
  place text := '';
  direction text := CASE WHEN backwards THEN 'DESC' ELSE 'ASC' END;
BEGIN
  IF mine IS NULL THEN
    RETURN;
  END IF;
  SELECT count(*) INTO held FROM
    (SELECT 1 FROM core_accessgrant WHERE grantee = ANY (mine) LIMIT 3001) x;
  SELECT s.sort_key INTO key FROM patients_patientsearch s WHERE s.patient_id = person;
  IF key IS NOT NULL THEN
    place := CASE WHEN backwards THEN ' AND (s.sort_key, s.patient_id) < ($1, $2)'
                  ELSE ' AND (s.sort_key, s.patient_id) > ($1, $2)' END;
  END IF;
  IF held <= 3000 THEN
    source := 'SELECT s.patient_id FROM (SELECT DISTINCT g.patient_id FROM core_accessgrant g'
      ' WHERE g.grantee = ANY ($3) AND g.valid_from <= carbet_now()'
      ' AND (g.valid_until IS NULL OR g.valid_until > carbet_now())) g'
      ' JOIN patients_patientsearch s USING (patient_id) WHERE true';
  ELSE
    source := 'SELECT s.patient_id FROM patients_patientsearch s WHERE EXISTS'
      ' (SELECT 1 FROM core_accessgrant g WHERE g.patient_id = s.patient_id'
      ' AND g.grantee = ANY ($3) AND g.valid_from <= carbet_now()'
      ' AND (g.valid_until IS NULL OR g.valid_until > carbet_now()))';
  END IF;
  RETURN QUERY EXECUTE source || place || format(
      ' ORDER BY s.sort_key %1$s, s.patient_id %1$s LIMIT $4', direction)
    USING key, person, mine, most;
END $$
"""

# The trace itself is for those who manage the record; the author of a version is for whoever may
# see the identity.
AUTHORS = """
CREATE FUNCTION patients_version_authors(patient bigint)
RETURNS TABLE (context uuid, agent_name text)
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = public, pg_temp AS
$$ SELECT e.context_id, e.agent_name::text FROM core_auditevent e
   WHERE e.patient_id = patient AND e.context_id IS NOT NULL
     AND e.operation IN ('patient.register', 'patient.update')
     AND (COALESCE(current_setting('carbet.internal', true), '') = 'on'
          OR carbet_holds(patient, 10)) $$
"""


class Migration(migrations.Migration):
    dependencies = [("patients", "0003_search_functions"), ("core", "0002_row_security")]

    operations = [
        migrations.RunSQL(MINE, "DROP FUNCTION patients_mine(bigint, boolean, int)"),
        migrations.RunSQL(AUTHORS, "DROP FUNCTION patients_version_authors(bigint)"),
        migrations.RunSQL(
            [
                f"REVOKE EXECUTE ON FUNCTION {signature} FROM PUBLIC;"
                f" GRANT EXECUTE ON FUNCTION {signature} TO carbet_app"
                for signature in (
                    "patients_mine(bigint, boolean, int)",
                    "patients_version_authors(bigint)",
                )
            ],
            migrations.RunSQL.noop,
        ),
    ]
