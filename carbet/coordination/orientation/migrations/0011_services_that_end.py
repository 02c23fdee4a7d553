"""Beds of a service closed for good are no room in its place; a service taken away is not found."""

from importlib import import_module

from django.db import migrations

room_of_places = import_module("carbet.coordination.orientation.migrations.0007_room_of_places")

BEFORE = f"{room_of_places.AFTER[1]}"
STANDS = (
    "AND (k.service_id IS NULL OR EXISTS (SELECT 1 FROM directory_healthcareservice h"
    " WHERE h.id = k.service_id AND h.active))"
)
TRIGGER = """
CREATE FUNCTION orientation_service_de() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER
SET search_path = public, pg_catalog AS $$
BEGIN
  PERFORM orientation_refresh('S', ARRAY(SELECT id FROM was));
  PERFORM orientation_refresh('P', ARRAY(SELECT DISTINCT organization_id FROM was));
  RETURN NULL;
END $$;
REVOKE EXECUTE ON FUNCTION orientation_service_de() FROM PUBLIC;
CREATE TRIGGER orientation_service_de AFTER DELETE ON directory_healthcareservice
REFERENCING OLD TABLE AS was FOR EACH STATEMENT EXECUTE FUNCTION orientation_service_de();
"""


def _source() -> str:
    source = room_of_places._source()
    if BEFORE not in source:
        raise ValueError(BEFORE)
    return source.replace(BEFORE, f"{BEFORE} {STANDS}")


class Migration(migrations.Migration):
    dependencies = [("orientation", "0010_read_once")]

    operations = [
        migrations.RunSQL(_source(), migrations.RunSQL.noop),
        migrations.RunSQL(
            TRIGGER,
            "DROP TRIGGER orientation_service_de ON directory_healthcareservice;"
            " DROP FUNCTION orientation_service_de();",
        ),
    ]
