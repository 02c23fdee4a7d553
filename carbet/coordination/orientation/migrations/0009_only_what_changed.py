"""A refresh reads what changed, not the whole directory: half a minute of a million roles."""

from django.db import migrations

from carbet.coordination.orientation.migrations import _sql

BEFORE = "SELECT 1 FROM orientation_source v WHERE v.kind = what AND v.target = e.target"


def _refresh() -> str:
    refresh = _sql.REFRESH.replace("CREATE FUNCTION", "CREATE OR REPLACE FUNCTION", 1)
    if BEFORE not in refresh:
        raise ValueError(BEFORE)
    return refresh.replace(BEFORE, f"{BEFORE} AND v.target = ANY (ids)")


class Migration(migrations.Migration):
    dependencies = [("orientation", "0008_no_copy_of_addresses")]

    operations = [migrations.RunSQL(_refresh(), migrations.RunSQL.noop)]
