"""A record merged into another is still read, with its former versions, by whoever sees the other.

Nobody holds a key of an absorbed record any more: the survivor's opens its identity, closed and
said to be replaced, until the merge is undone.
"""

from importlib import import_module

from django.db import migrations

from carbet.core.actor import Level
from carbet.core.row_security import IS_INTERNAL

_SEES = f"carbet_holds(identity_survivor_of({{}}), {int(Level.IDENTITY)})"
POLICIES = {
    "patients_patient": f"NOT active AND {_SEES.format('id')}",
    "patients_patientevent": _SEES.format("pgh_obj_id"),
}

# Of each record asked about, which one it went into and which ones went into it, as far as the
# actor sees the one that stayed.
SIGNATURE = "identity_record_links(bigint[])"
LINKS = f"""
CREATE FUNCTION identity_record_links(asked bigint[])
RETURNS TABLE (person bigint, survivor bigint, absorbed bigint)
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = public, pg_temp AS $$
  WITH RECURSIVE below AS (
    SELECT top.patient_id AS person, l.id, l.patient_id FROM identity_localidentity top
      JOIN identity_localidentity l ON l.survivor_id = top.id
      WHERE top.patient_id = ANY (asked) AND top.survivor_id IS NULL
    UNION
    SELECT b.person, l.id, l.patient_id FROM below b
      JOIN identity_localidentity l ON l.survivor_id = b.id
  ), above AS (
    SELECT l.patient_id AS person, identity_survivor_of(l.patient_id) AS survivor
    FROM identity_localidentity l WHERE l.patient_id = ANY (asked) AND l.survivor_id IS NOT NULL
  )
  SELECT a.person, a.survivor, NULL::bigint FROM above a
    WHERE {IS_INTERNAL} OR carbet_holds(a.survivor, {int(Level.IDENTITY)})
  UNION ALL
  SELECT b.person, NULL, b.patient_id FROM below b WHERE b.patient_id IS NOT NULL
    AND ({IS_INTERNAL} OR carbet_holds(b.person, {int(Level.IDENTITY)}))
  ORDER BY 1, 3 $$
"""

_AUTHORS = import_module("carbet.registries.patients.migrations.0004_lists_and_versions").AUTHORS
_FORMER = _AUTHORS.replace("CREATE FUNCTION", "CREATE OR REPLACE FUNCTION")
AUTHORS = _FORMER.replace(
    "OR carbet_holds(patient, 10))",
    "OR carbet_holds(patient, 10) OR carbet_holds(identity_survivor_of(patient), 10))",
)


class Migration(migrations.Migration):
    dependencies = [
        ("identity", "0008_measures_of_weights"),
        ("patients", "0004_lists_and_versions"),
    ]

    operations = [
        migrations.RunSQL(
            [
                LINKS,
                f"REVOKE EXECUTE ON FUNCTION {SIGNATURE} FROM PUBLIC",
                f"GRANT EXECUTE ON FUNCTION {SIGNATURE} TO carbet_app",
            ],
            f"DROP FUNCTION {SIGNATURE}",
        ),
        migrations.RunSQL(AUTHORS, _FORMER),
        *[
            migrations.RunSQL(
                f"CREATE POLICY absorbed_is_seen ON {table} FOR SELECT USING ({condition})",
                f"DROP POLICY absorbed_is_seen ON {table}",
            )
            for table, condition in POLICIES.items()
        ],
    ]
