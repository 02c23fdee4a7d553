"""What changed is read once, whatever PostgreSQL believes of the size of the index."""

from django.db import migrations

from carbet.coordination.orientation.migrations import _sql

BEFORE = (
    "AND NOT EXISTS (SELECT 1 FROM orientation_source v WHERE v.kind = what AND v.target = e.target)"
)
AFTER = (
    "AND e.target NOT IN (SELECT v.target FROM orientation_source v"
    " WHERE v.kind = what AND v.target = ANY (ids))"
)


def _refresh() -> str:
    refresh = _sql.REFRESH.replace("CREATE FUNCTION", "CREATE OR REPLACE FUNCTION", 1)
    if BEFORE not in refresh:
        raise ValueError(BEFORE)
    return refresh.replace(BEFORE, AFTER)


class Migration(migrations.Migration):
    dependencies = [("orientation", "0009_only_what_changed")]

    operations = [migrations.RunSQL(_refresh(), migrations.RunSQL.noop)]
