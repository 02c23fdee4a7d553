"""Room at a place is room in its services; what is foreseen, or opened in a crisis, is not room."""

from django.db import migrations

from carbet.coordination.orientation.migrations import _sql

BEFORE = (
    "WHERE k.service_id = s.id AND k.status = '02'",
    "WHERE k.organization_id = o.id AND k.status = '02'",
)
NOW = "AND k.temporality IN ('', '01') AND k.crisis_type = ''"
AFTER = (
    "WHERE (k.service_id = s.id OR (k.service_id IS NULL AND k.location_id = s.location_id))"
    f" AND k.status = '02' {NOW}",
    f"{BEFORE[1]} {NOW}",
)


def _source() -> str:
    source = _sql.SOURCE.replace("CREATE VIEW", "CREATE OR REPLACE VIEW", 1)
    for before, after in zip(BEFORE, AFTER, strict=True):
        if before not in source:
            raise ValueError(before)
        source = source.replace(before, after)
    return source


def _capacity(event: str, table: str) -> str:
    services = (
        f"SELECT service_id FROM {table} WHERE service_id IS NOT NULL"
        " UNION SELECT s.id FROM directory_healthcareservice s WHERE s.location_id IN"
        f" (SELECT location_id FROM {table} WHERE service_id IS NULL)"
    )
    organizations = (
        f"SELECT DISTINCT organization_id FROM {table} WHERE organization_id IS NOT NULL"
    )
    return (
        f"CREATE OR REPLACE FUNCTION orientation_capacity_{event}() RETURNS trigger"
        " LANGUAGE plpgsql SECURITY DEFINER SET search_path = public, pg_catalog AS $$ BEGIN"
        f" PERFORM orientation_refresh('S', ARRAY({services}));"
        f" PERFORM orientation_refresh('P', ARRAY({organizations}));"
        " RETURN NULL; END $$"
    )


class Migration(migrations.Migration):
    dependencies = [
        ("orientation", "0006_local_words"),
        ("directory", "0007_capacity_of_a_place"),
    ]

    operations = [
        migrations.RunSQL(_source(), migrations.RunSQL.noop),
        *(
            migrations.RunSQL(_capacity(event, table), migrations.RunSQL.noop)
            for event, table in (("in", "now"), ("up", "now"), ("de", "was"))
        ),
    ]
