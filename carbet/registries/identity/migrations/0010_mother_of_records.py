"""What domains tell of a mother's name is told with the record, to whoever sees its identity."""

from importlib import import_module

from django.db import migrations

from carbet.core.actor import Level
from carbet.core.row_security import IS_INTERNAL

_LINKS = import_module("carbet.registries.identity.migrations.0009_links_of_records")
_TABLE = "RETURNS TABLE (person bigint, survivor bigint, absorbed bigint)"
# The latest told by an identity in use of the same person.
_MOTHERS = f"""
  UNION ALL
  SELECT m.person, NULL, NULL, m.mother FROM (
    SELECT DISTINCT ON (own.patient_id) own.patient_id AS person, l.mother_name::text AS mother
    FROM identity_localidentity own
    JOIN identity_localidentity l ON l.regional_id = own.regional_id AND l.state = 'active'
    WHERE own.patient_id = ANY (asked) AND own.state = 'active' AND l.mother_name <> ''
    ORDER BY own.patient_id, l.said_at DESC NULLS LAST, l.id) m
    WHERE {IS_INTERNAL} OR carbet_holds(m.person, {int(Level.IDENTITY)})
  ORDER BY 1, 3 $$
"""
LINKS = (
    _LINKS.LINKS.replace(_TABLE, _TABLE.replace(")", ", mother text)"))
    .replace("a.survivor, NULL::bigint FROM", "a.survivor, NULL::bigint, NULL::text FROM")
    .replace("NULL, b.patient_id FROM", "NULL, b.patient_id, NULL FROM")
    .replace("\n  ORDER BY 1, 3 $$\n", _MOTHERS)
)


def _made(body: str) -> list[str]:
    return [
        f"DROP FUNCTION {_LINKS.SIGNATURE}",
        body,
        f"REVOKE EXECUTE ON FUNCTION {_LINKS.SIGNATURE} FROM PUBLIC",
        f"GRANT EXECUTE ON FUNCTION {_LINKS.SIGNATURE} TO carbet_app",
    ]


class Migration(migrations.Migration):
    dependencies = [("identity", "0009_links_of_records")]

    operations = [migrations.RunSQL(_made(LINKS), _made(_LINKS.LINKS))]
