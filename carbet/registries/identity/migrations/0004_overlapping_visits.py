"""Two visits of one person at one time, once written on two records, are both kept by the merge.

Left behind, the second would vanish from the agenda of whoever comes.
"""

from importlib import import_module

from django.db import migrations

BEFORE = import_module("carbet.registries.identity.migrations.0002_held").MOVE
FORMER = BEFORE.replace("CREATE FUNCTION", "CREATE OR REPLACE FUNCTION")
STAYS = """
        EXCEPTION WHEN unique_violation OR exclusion_violation THEN
          NULL;  -- stays where it is
        END;
"""
# A table whose rows say that they may overlap: said here of the row that comes, as people do.
FOLLOWS = """
        EXCEPTION WHEN unique_violation OR exclusion_violation THEN
          IF SQLSTATE = '23P01' AND EXISTS (SELECT 1 FROM pg_attribute a
              WHERE a.attrelid = t.oid AND a.attname = 'overlap_accepted') THEN
            EXECUTE format(
              'WITH old AS (SELECT x.%1$I AS id, jsonb_build_object(%2$s) AS before,'
              '  jsonb_build_object(%3$s) AS after FROM %4$I x WHERE x.%1$I = $1),'
              ' done AS (UPDATE %4$I SET %5$s FROM old WHERE %4$I.%1$I = old.id RETURNING old.*)'
              ' INSERT INTO identity_movement (reconciliation_id, "table", row_id, before, after)'
              ' SELECT %6$s, %7$L, id, before, after FROM done',
              t.pk, befores || ', ''overlap_accepted'', x.overlap_accepted',
              afters || ', ''overlap_accepted'', true', t.name,
              sets || ', overlap_accepted = true', decision, t.name) USING r.id;
            moved := moved + 1;
          END IF;  -- anything else stays where it is
        END;
"""
AFTER = FORMER.replace(STAYS, FOLLOWS)


class Migration(migrations.Migration):
    dependencies = [("identity", "0003_absorbed_records")]

    operations = [
        migrations.RunSQL(AFTER, FORMER),
    ]
