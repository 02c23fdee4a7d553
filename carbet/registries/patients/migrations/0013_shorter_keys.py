"""Keys of the search table are shorter and find more: all are written again, the table with them.

Two minutes for a million; searches wait meanwhile. Rows and index end as dense as on the first day.
"""

from django.db import migrations

from carbet.registries.matching import rules as matching

TABLE = "patients_patienttraits"
_BATCH = 5000


def write_keys(apps, schema_editor):
    """Write the keys of each writing again, from its normal form.

    Beside the table at first: rows brought up to date would stay twice as large.
    """
    after = (0, -1)
    with schema_editor.connection.cursor() as cursor:
        cursor.execute(
            "CREATE TEMP TABLE shorter_keys (patient bigint, source bigint, keys integer[],"
            " PRIMARY KEY (patient, source)) ON COMMIT DROP"
        )
        while True:
            cursor.execute(
                f"SELECT patient_id, source, packed FROM {TABLE}"
                " WHERE (patient_id, source) > (%s, %s) ORDER BY patient_id, source LIMIT %s",
                [*after, _BATCH],
            )
            rows = cursor.fetchall()
            if not rows:
                break
            keys = [matching.blocking_keys(matching.unpack(row[2])) for row in rows]
            cursor.execute(
                "INSERT INTO shorter_keys SELECT patient, source, keys::integer[]"
                " FROM unnest(%s::bigint[], %s::bigint[], %s::text[]) said(patient, source, keys)",
                [
                    [row[0] for row in rows],
                    [row[1] for row in rows],
                    [f"{{{','.join(map(str, each))}}}" for each in keys],
                ],
            )
            after = rows[-1][:2]
        cursor.execute(
            "CREATE FUNCTION pg_temp.shorter_keys(bigint, bigint) RETURNS integer[] LANGUAGE sql AS"
            " $$ SELECT keys FROM pg_temp.shorter_keys WHERE patient = $1 AND source = $2 $$"
        )
        cursor.execute(
            f"ALTER TABLE {TABLE} ALTER COLUMN keys TYPE integer[]"
            " USING pg_temp.shorter_keys(patient_id, source)"
        )
        cursor.execute("DROP FUNCTION pg_temp.shorter_keys(bigint, bigint)")


class Migration(migrations.Migration):
    dependencies = [("patients", "0012_lists_of_now")]

    operations = [migrations.RunPython(write_keys, migrations.RunPython.noop)]
