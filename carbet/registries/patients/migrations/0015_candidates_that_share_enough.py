"""Whoever shares one key where another shares eight is no candidate: most were such."""

from importlib import import_module

from django.db import migrations

WORKS = import_module("carbet.registries.patients.migrations.0006_search_for_who_works").WORKS
FORMER = import_module("carbet.registries.patients.migrations.0014_candidates_by_key")

# `min` of one value: a second visit of the rows kept would cost as much as the whole count. A key
# wanted twice counts twice. `base` is how many writings the base holds, as PostgreSQL last counted:
# the more, the more strangers share a key by chance, and the more are looked at.
CANDIDATES = f"""
CREATE OR REPLACE FUNCTION patients_candidates(wanted int[], most int)
RETURNS TABLE (
  patient_id bigint, source bigint, packed text, shared bigint, base bigint,
  birth_family text, birth_given text[], used_family text, gender text, birth_date date,
  birth_place_name text, city text
)
LANGUAGE plpgsql STABLE SECURITY DEFINER SET search_path = public, pg_temp AS $$
DECLARE
  held bigint := (SELECT reltuples FROM pg_class WHERE oid = 'patients_patienttraits'::regclass);
BEGIN
  IF NOT ({WORKS}) THEN
    RETURN;
  END IF;
  RETURN QUERY
    SELECT f.patient_id, f.source, f.packed, f.shared, held, p.birth_family::text,
           p.birth_given::text[], p.used_family::text, p.gender::text, p.birth_date,
           p.birth_place_name::text, p.city::text
    FROM (
      SELECT t.patient_id, t.source, min(t.packed COLLATE "C") AS packed, count(*) AS shared,
             max(count(*)) OVER () AS best
      FROM unnest(wanted) w JOIN patients_patienttraits t ON t.keys && ARRAY[w]
      GROUP BY 1, 2 ORDER BY 4 DESC, 1, 2
      LIMIT least(500, most * greatest(1, held / 3000000))
    ) f
    JOIN patients_patient p ON p.id = f.patient_id AND p.active
    WHERE f.shared * 8 > f.best
    ORDER BY f.shared DESC, f.patient_id, f.source;
END $$
"""


class Migration(migrations.Migration):
    dependencies = [("patients", "0014_candidates_by_key")]

    operations = [migrations.RunSQL(CANDIDATES, FORMER.Migration.operations[0].sql)]
