"""The words of each entry with its commune: common words are intersected one commune at a time."""

from django.db import migrations

FUNCTION = """
CREATE FUNCTION orientation_local(doc tsvector, commune text) RETURNS tsvector
LANGUAGE sql IMMUTABLE PARALLEL SAFE SET search_path = pg_catalog AS $$
  SELECT array_to_tsvector(ARRAY(
    SELECT word || '@' || commune FROM unnest(tsvector_to_array(doc)) word
    WHERE commune <> '' AND NOT starts_with(word, 'c:')))
$$
"""
INDEX = "CREATE INDEX entry_local ON orientation_entry USING gin (orientation_local(doc, commune))"


class Migration(migrations.Migration):
    dependencies = [("orientation", "0005_row_security_by_category")]

    operations = [
        migrations.RunSQL(FUNCTION, "DROP FUNCTION orientation_local(tsvector, text)"),
        migrations.RunSQL(INDEX, "DROP INDEX entry_local"),
    ]
