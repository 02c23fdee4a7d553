"""Who may enter very many records searches without reading all their grants."""

from importlib import import_module

from django.db import migrations

BEFORE = import_module("carbet.registries.patients.migrations.0003_search_functions").SEARCH_MINE

# The matches first, best first, then their grants one by one until there are enough: the planner
# would otherwise read every grant of a hospital when it expects many matches.
BEST_FIRST = """  ELSE
    RETURN QUERY EXECUTE
      'WITH found AS MATERIALIZED ('
      ' SELECT s.patient_id, s.sort_key,'
      '  (SELECT count(*) FROM unnest(s.keys) k WHERE k = ANY ($1)) AS shared'
      ' FROM patients_patientsearch s WHERE ' || condition || ' ORDER BY 3 DESC, 2, 1)'
      ' SELECT f.patient_id, f.shared FROM found f'
      ' WHERE EXISTS (SELECT 1 FROM core_accessgrant g WHERE g.patient_id = f.patient_id'
      '  AND g.grantee = ANY ($2) AND g.valid_from <= carbet_now()'
      '  AND (g.valid_until IS NULL OR g.valid_until > carbet_now()) OFFSET 0)'
      ' LIMIT $3'
      USING everything, mine, most;
  END IF;
END $$
"""
FORMER = BEFORE.replace("CREATE FUNCTION", "CREATE OR REPLACE FUNCTION")
# A carer's own branch stays as it is.
AFTER = FORMER.partition("  ELSE\n")[0] + BEST_FIRST


class Migration(migrations.Migration):
    dependencies = [("patients", "0004_lists_and_versions")]

    operations = [
        migrations.RunSQL(AFTER, FORMER),
    ]
