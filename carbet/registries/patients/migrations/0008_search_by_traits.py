"""Candidates of the whole territory by their keys, and the traits of whoever is already here."""

from importlib import import_module

from django.db import migrations

from carbet.core import row_security
from carbet.core.actor import Level
from carbet.registries.matching import rules as matching
from carbet.registries.patients import rules
from carbet.registries.patients.choices import INS_SYSTEMS

WORKS = import_module("carbet.registries.patients.migrations.0006_search_for_who_works").WORKS

# The best by shared keys first, then the persons still active. `base` is how many writings the
# base holds, as PostgreSQL last counted.
CANDIDATES = f"""
CREATE FUNCTION patients_candidates(wanted int[], most int)
RETURNS TABLE (patient_id bigint, source bigint, packed text, shared bigint, base bigint)
LANGUAGE plpgsql STABLE SECURITY DEFINER SET search_path = public, pg_temp AS $$
BEGIN
  IF NOT ({WORKS}) THEN
    RETURN;
  END IF;
  RETURN QUERY
    SELECT f.patient_id, f.source, f.packed, f.shared, c.reltuples::bigint
    FROM (
      SELECT t.patient_id, t.source, t.packed,
             (SELECT count(*) FROM unnest(t.keys) k WHERE k = ANY (wanted)) AS shared
      FROM patients_patienttraits t WHERE t.keys && wanted
      ORDER BY 4 DESC, 1, 2 LIMIT least(most, 500)
    ) f
    JOIN patients_patient p ON p.id = f.patient_id AND p.active
    JOIN pg_class c ON c.oid = 'patients_patienttraits'::regclass
    ORDER BY f.shared DESC, f.patient_id, f.source;
END $$
"""
SIGNATURE = "patients_candidates(int[], int)"
_BATCH = 2000


def write_traits(apps, schema_editor):
    """Write the traits of those registered before this table."""
    patient, identifier, traits = (
        apps.get_model("patients", name)
        for name in ("Patient", "PatientIdentifier", "PatientTraits")
    )
    base = schema_editor.connection.alias
    numbers = dict(
        identifier.objects.using(base)
        .filter(system__in=INS_SYSTEMS)
        .values_list("patient_id", "value")
    )
    waiting = []
    for row in patient.objects.using(base).order_by("pk").iterator(_BATCH):
        prepared = matching.prepare(rules.traits_of(row, ins=numbers.get(row.pk, "")))
        waiting.append(
            traits(
                patient_id=row.pk,
                keys=matching.blocking_keys(prepared),
                packed=matching.pack(prepared),
            )
        )
        if len(waiting) == _BATCH:
            traits.objects.using(base).bulk_create(waiting)
            waiting = []
    traits.objects.using(base).bulk_create(waiting)


class Migration(migrations.Migration):
    dependencies = [("patients", "0007_patienttraits")]

    operations = [
        row_security.protect("patients_patienttraits", read=Level.IDENTITY),
        migrations.RunSQL(CANDIDATES, f"DROP FUNCTION {SIGNATURE}"),
        migrations.RunSQL(
            f"REVOKE EXECUTE ON FUNCTION {SIGNATURE} FROM PUBLIC;"
            f" GRANT EXECUTE ON FUNCTION {SIGNATURE} TO carbet_app",
            migrations.RunSQL.noop,
        ),
        migrations.RunPython(write_traits, migrations.RunPython.noop),
    ]
