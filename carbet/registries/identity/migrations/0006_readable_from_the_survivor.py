"""What was traced and written before a merge is read from the record that stayed, until undone.

A trace never moves: whoever may read the survivor's reads those of the records that it absorbed.
The former versions of a row are read by whoever reads the row, wherever it stands today. Nobody
restricted on the survivor loses what the other record opened.
"""

from importlib import import_module

from django.db import migrations, models

from carbet.core.row_security import IS_INTERNAL, holds_grant

_MOVE = import_module("carbet.registries.identity.migrations.0004_overlapping_visits").AFTER
_HELD = import_module("carbet.registries.identity.migrations.0002_held")

SURVIVOR = """
CREATE FUNCTION identity_survivor_of(absorbed bigint) RETURNS bigint
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = public, pg_temp AS $$
  WITH RECURSIVE above AS (
    SELECT l.survivor_id AS id FROM identity_localidentity l WHERE l.patient_id = absorbed
    UNION
    SELECT l.survivor_id FROM identity_localidentity l JOIN above a ON l.id = a.id)
  SELECT l.patient_id FROM above a JOIN identity_localidentity l ON l.id = a.id
  WHERE l.survivor_id IS NULL $$
"""

# What tells whom a record is about stays with it: the keys and the traits it is sought by.
_TABLES = _HELD.PERSON_TABLES.replace("CREATE FUNCTION", "CREATE OR REPLACE FUNCTION")
TABLES = _TABLES.replace(
    "c.relname <> 'patients_patientsearch'",
    "c.relname NOT IN ('patients_patientsearch', 'patients_patienttraits')",
)

# Every history of rows that hang on a person, of a room to come as well: called after each
# migration. A version keeps its own conditions (level, category, who sees); its person is whoever
# the row speaks of today, as far as the row itself is seen: nobody reads through its history what
# left with an undone merge.
FOLLOW = """
CREATE FUNCTION identity_follow_histories() RETURNS int LANGUAGE plpgsql AS $$
DECLARE
  h record;
  seen text;
  n int := 0;
BEGIN
  FOR h IN
    SELECT e.relname::text AS history, p.name AS kept, p.pk AS key, p.person,
           pg_get_expr(s.polqual, s.polrelid) AS said
    FROM identity_person_tables() p
    JOIN pg_class e ON e.relname = p.name || 'event' AND e.relnamespace = 'public'::regnamespace
    JOIN pg_policy s ON s.polrelid = e.oid AND s.polname = 'may_select'
    WHERE EXISTS (SELECT 1 FROM pg_attribute a WHERE a.attrelid = e.oid AND a.attname = 'pgh_obj_id')
      AND EXISTS (SELECT 1 FROM pg_attribute a WHERE a.attrelid = e.oid AND a.attname = p.person)
      AND pg_get_expr(s.polqual, s.polrelid) NOT LIKE '%pgh_obj_id%'
  LOOP
    seen := replace(h.said,
      format('(g.patient_id = %I.%I)', h.history, h.person),
      format('(g.patient_id = (SELECT k.%I FROM %I k WHERE k.%I = %I.pgh_obj_id))',
             h.person, h.kept, h.key, h.history));
    IF seen <> h.said THEN
      EXECUTE format('ALTER POLICY may_select ON %I USING (%s)', h.history, seen);
      n := n + 1;
    END IF;
  END LOOP;
  RETURN n;
END $$
"""

# A second key ends only where the first opens as much.
_KEY = "AND k.level >= g.level AND k.valid_from <= said"
MOVE = _MOVE.replace(
    _KEY, "AND k.level >= g.level AND (k.categories & g.categories) = g.categories"
    " AND k.valid_from <= said"
)  # fmt: skip
# Stays have no author, and how one lives says `updated_at`: they go with whom they are about.
ENTRIES = (
    _HELD.ENTRIES.replace("CREATE FUNCTION", "CREATE OR REPLACE FUNCTION")
    .replace(
        "'(SELECT %L, %I, %I, author_name::text FROM %I WHERE %I = $1)',\n"
        "      p.name, p.pk, moment.attname, p.name, p.person)",
        "'(SELECT %L, %I, %I, %s FROM %I WHERE %I = $1)', p.name, p.pk, moment.attname,\n"
        "      CASE WHEN whose.attname IS NULL THEN '''''::text'\n"
        "           ELSE quote_ident(whose.attname) || '::text' END, p.name, p.person)",
    )
    .replace(
        "'created_at', 'requested_at')\n",
        "'created_at', 'requested_at',\n                          'started_at', 'updated_at')\n",
    )
    .replace(
        "'created_at', 'requested_at'], a.attname",
        "'created_at', 'requested_at', 'started_at',\n"
        "                                      'updated_at'], a.attname",
    )
    .replace(
        "LIMIT 1) moment ON true\n",
        "LIMIT 1) moment ON true\n"
        "    LEFT JOIN LATERAL (SELECT a.attname FROM pg_attribute a WHERE a.attrelid = p.oid\n"
        "        AND a.attname IN ('author_name', 'updated_by_name')\n"
        "        ORDER BY a.attname LIMIT 1) whose ON true\n",
    )
    .replace(
        "    WHERE EXISTS (SELECT 1 FROM pg_attribute a\n"
        "                  WHERE a.attrelid = p.oid AND a.attname = 'author_name');",
        "    WHERE whose.attname IS NOT NULL OR p.name = 'hospital_feed_encounter';",
    )
)
FORMER_ENTRIES = _HELD.ENTRIES.replace("CREATE FUNCTION", "CREATE OR REPLACE FUNCTION")


def _traces(person: str) -> str:
    herself = holds_grant(person, 20).replace("AND g.level", "AND g.grantee LIKE 'account:%' AND g.level")
    return f"{holds_grant(person, 40)} OR {herself}"


OWN = (
    f"{IS_INTERNAL} OR ('role:' || role_id)"
    " = ANY (NULLIF(current_setting('carbet.grantees', true), '')::text[])"
    f" OR {_traces('core_auditevent.patient_id')}"
)
ABSORBED = f"{OWN} OR {_traces('identity_survivor_of(core_auditevent.patient_id)')}"


def _granted(signature: str, body: str) -> migrations.RunSQL:
    return migrations.RunSQL(
        [
            body,
            f"REVOKE EXECUTE ON FUNCTION {signature} FROM PUBLIC",
            f"GRANT EXECUTE ON FUNCTION {signature} TO carbet_app",
        ],
        f"DROP FUNCTION {signature}",
    )


class Migration(migrations.Migration):
    dependencies = [("identity", "0005_keys_of_the_matching"), ("core", "0004_categories")]

    operations = [
        migrations.AddField(
            "reconciliation", "stayed", models.PositiveIntegerField(default=0, db_default=0)
        ),
        _granted("identity_survivor_of(bigint)", SURVIVOR),
        migrations.RunSQL(
            [FOLLOW, "REVOKE EXECUTE ON FUNCTION identity_follow_histories() FROM PUBLIC"],
            "DROP FUNCTION identity_follow_histories()",
        ),
        migrations.RunSQL(TABLES, _TABLES),
        migrations.RunSQL(MOVE, _MOVE),
        migrations.RunSQL(ENTRIES, FORMER_ENTRIES),
        migrations.RunSQL(
            f"ALTER POLICY may_select ON core_auditevent USING ({ABSORBED})",
            f"ALTER POLICY may_select ON core_auditevent USING ({OWN})",
        ),
    ]
