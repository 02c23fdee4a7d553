"""Put exports behind the door: an archive opens for whoever asked while they may read."""

from django.db import migrations

from carbet.core import row_security
from carbet.core.actor import Level
from carbet.core.row_security import GRANTEES, IS_INTERNAL, IS_OPERATING


def _removable(table: str) -> migrations.RunSQL:
    return migrations.RunSQL(
        sql=[
            f"GRANT DELETE ON {table} TO carbet_app",
            f"CREATE POLICY may_delete ON {table} FOR DELETE"
            f" USING ({IS_INTERNAL} AND {IS_OPERATING})",
        ],
        reverse_sql=[
            f"DROP POLICY IF EXISTS may_delete ON {table}",
            f"REVOKE DELETE ON {table} FROM carbet_app",
        ],
    )


_OWN = (
    f"('role:' || exports_recordexport.role_id) = ANY ({GRANTEES})"
    f" AND {row_security.holds_grant('exports_recordexport.patient_id', Level.READ)}"
)
_SEEN = "EXISTS (SELECT 1 FROM exports_recordexport e WHERE e.id = exports_recordpiece.export_id)"


class Migration(migrations.Migration):
    dependencies = [("exports", "0001_initial"), ("core", "0002_row_security")]

    operations = [
        row_security.policies(
            "exports_recordexport",
            select=f"{IS_INTERNAL} OR ({_OWN})",
            insert=f"{IS_INTERNAL} OR ({_OWN})",
            update=IS_INTERNAL,
        ),
        row_security.policies(
            "exports_recordpiece",
            select=f"{IS_INTERNAL} OR {_SEEN}",
            insert=IS_INTERNAL,
            update=None,
        ),
        _removable("exports_recordpiece"),
        row_security.policies(
            "exports_territoryexport", select=IS_INTERNAL, insert=IS_INTERNAL, update=IS_INTERNAL
        ),
        row_security.policies(
            "exports_territorypart", select=IS_INTERNAL, insert=IS_INTERNAL, update=None
        ),
        _removable("exports_territorypart"),
    ]
