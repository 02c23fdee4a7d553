"""An import may have a table counted: what is planned for none is endless for a million."""

from django.db import migrations

ANALYZE = """
CREATE FUNCTION directory_analyze(asked regclass) RETURNS void LANGUAGE plpgsql
SECURITY DEFINER SET search_path = public, pg_temp AS $$
BEGIN
  IF NOT starts_with(asked::text, 'directory_') THEN
    RAISE 'not a table of the directory: %', asked;
  END IF;
  EXECUTE format('ANALYZE %s', asked);
END $$
"""


class Migration(migrations.Migration):
    dependencies = [("directory", "0007_capacity_of_a_place")]

    operations = [
        migrations.RunSQL(ANALYZE, "DROP FUNCTION directory_analyze(regclass)"),
        migrations.RunSQL(
            "REVOKE EXECUTE ON FUNCTION directory_analyze(regclass) FROM PUBLIC",
            migrations.RunSQL.noop,
        ),
        migrations.RunSQL(
            "GRANT EXECUTE ON FUNCTION directory_analyze(regclass) TO carbet_app",
            migrations.RunSQL.noop,
        ),
    ]
