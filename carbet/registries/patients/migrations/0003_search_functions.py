"""Searches that keep their index under row security, and carry the same predicate themselves."""

from django.db import migrations

from carbet.core.row_security import GRANTEES

# `groups` is a JSON array of arrays of key hashes: a row matches when it shares one key with each.
# An actor with few patients is served from their grants, one with many from the keys' index.
SEARCH_MINE = f"""
CREATE FUNCTION patients_search(groups jsonb, most int)
RETURNS TABLE (patient_id bigint, shared bigint)
LANGUAGE plpgsql STABLE SECURITY DEFINER SET search_path = public, pg_temp AS $$
DECLARE
  mine text[] := {GRANTEES};
  held int;
  condition text;
  everything int[];
BEGIN
  IF mine IS NULL OR jsonb_array_length(groups) = 0 OR jsonb_array_length(groups) > 8 THEN
    RETURN;
  END IF;
  SELECT string_agg(format('s.keys && %L::int[]',
           (SELECT array_agg(k::int) FROM jsonb_array_elements_text(g) k)::text), ' AND ')
    INTO condition FROM jsonb_array_elements(groups) g;
  SELECT array_agg(DISTINCT k::int) INTO everything
    FROM jsonb_array_elements(groups) g, jsonb_array_elements_text(g) k;
  SELECT count(*) INTO held FROM
    (SELECT 1 FROM core_accessgrant WHERE grantee = ANY (mine) LIMIT 3001) x;
  IF held <= 3000 THEN
    RETURN QUERY EXECUTE
      'SELECT s.patient_id, (SELECT count(*) FROM unnest(s.keys) k WHERE k = ANY ($1))'
      ' FROM (SELECT DISTINCT g.patient_id FROM core_accessgrant g WHERE g.grantee = ANY ($2)'
      '  AND g.valid_from <= carbet_now()'
      '  AND (g.valid_until IS NULL OR g.valid_until > carbet_now())) g'
      ' JOIN patients_patientsearch s USING (patient_id)'
      ' WHERE ' || condition || ' ORDER BY 2 DESC, s.sort_key, 1 LIMIT $3'
      USING everything, mine, most;
  ELSE
    RETURN QUERY EXECUTE
      'SELECT s.patient_id, (SELECT count(*) FROM unnest(s.keys) k WHERE k = ANY ($1))'
      ' FROM patients_patientsearch s'
      ' WHERE ' || condition ||
      ' AND EXISTS (SELECT 1 FROM core_accessgrant g WHERE g.patient_id = s.patient_id'
      '  AND g.grantee = ANY ($2) AND g.valid_from <= carbet_now()'
      '  AND (g.valid_until IS NULL OR g.valid_until > carbet_now()))'
      ' ORDER BY 2 DESC, s.sort_key, 1 LIMIT $3'
      USING everything, mine, most;
  END IF;
END $$
"""

# Search before create (RNIV): whoever knows the birth date and the names may learn that the person
# is known, and nothing more than the traits. Never more than ten, never a list to browse.
SEARCH_ALL = f"""
CREATE FUNCTION patients_search_traits(groups jsonb, born date)
RETURNS TABLE (patient_id bigint, birth_family text, birth_given text[], used_family text,
               gender text, birth_date date, birth_place_name text, city text, shared bigint)
LANGUAGE plpgsql STABLE SECURITY DEFINER SET search_path = public, pg_temp AS $$
DECLARE
  condition text;
  everything int[];
BEGIN
  IF {GRANTEES} IS NULL OR born IS NULL OR jsonb_array_length(groups) NOT BETWEEN 2 AND 8 THEN
    RETURN;
  END IF;
  SELECT string_agg(format('s.keys && %L::int[]',
           (SELECT array_agg(k::int) FROM jsonb_array_elements_text(g) k)::text), ' AND ')
    INTO condition FROM jsonb_array_elements(groups) g;
  SELECT array_agg(DISTINCT k::int) INTO everything
    FROM jsonb_array_elements(groups) g, jsonb_array_elements_text(g) k;
  RETURN QUERY EXECUTE
    'SELECT p.id, p.birth_family::text, p.birth_given::text[], p.used_family::text,'
    ' p.gender::text, p.birth_date, p.birth_place_name::text, p.city::text,'
    ' (SELECT count(*) FROM unnest(s.keys) k WHERE k = ANY ($1))'
    ' FROM patients_patientsearch s JOIN patients_patient p ON p.id = s.patient_id'
    ' WHERE p.active AND p.birth_date = $2 AND ' || condition ||
    ' ORDER BY 9 DESC, p.id LIMIT 10'
    USING everything, born;
END $$
"""


class Migration(migrations.Migration):
    dependencies = [("patients", "0002_row_security")]

    operations = [
        migrations.RunSQL(SEARCH_MINE, "DROP FUNCTION patients_search(jsonb, int)"),
        migrations.RunSQL(SEARCH_ALL, "DROP FUNCTION patients_search_traits(jsonb, date)"),
        migrations.RunSQL(
            [
                f"REVOKE EXECUTE ON FUNCTION {signature} FROM PUBLIC;"
                f" GRANT EXECUTE ON FUNCTION {signature} TO carbet_app"
                for signature in (
                    "patients_search(jsonb, int)",
                    "patients_search_traits(jsonb, date)",
                )
            ],
            migrations.RunSQL.noop,
        ),
    ]
