"""Which numbers one person bears in the domains, for a system that holds one of them (ITI-83).

Row security shows an establishment its own identities only. This answers beyond: all the numbers of
a person whose record is open to who asks; else, from one of its own numbers, its own numbers. Of
anybody else it answers nothing, as if there were nobody. An INS is said, and sought by, of
identities that are qualified and free of doubt; shared by two persons, it finds nobody.
"""

from django.db import migrations

from carbet.core.actor import Level
from carbet.core.row_security import GRANTEES

# Those of whom an INS may leave (RNIV), as `patients.rules.ins_may_leave`.
QUALIFIED = "{0}.ins_recovered AND {0}.identity_checked AND NOT {0}.attributes && '{{FICT,DOUT}}'"
SIGNATURE = "identity_cross_references(bigint, text, bigint, text, text)"
CROSSED = f"""
CREATE FUNCTION identity_cross_references(
  asked_domain bigint, asked_number text, asked_person bigint, asked_system text, asked_ins text)
RETURNS TABLE (domain_id bigint, number text, patient_id bigint, ins_system text, ins text)
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = public, pg_temp AS $$
  WITH source AS (
    SELECT l.regional_id, l.domain_id FROM identity_localidentity l
      WHERE l.domain_id = asked_domain AND l.number = asked_number
    UNION
    SELECT l.regional_id, NULL FROM identity_localidentity l WHERE l.patient_id = asked_person
    UNION
    SELECT l.regional_id, NULL FROM identity_identityins i
      JOIN identity_localidentity l ON l.id = i.identity_id
      WHERE i.value = asked_ins AND i.system = asked_system AND i.until IS NULL
        AND l.state = 'active' AND {QUALIFIED.format("l")}
  ), own AS (
    SELECT d.id FROM identity_identitydomain d
      WHERE 'org:' || d.organization_id = ANY ({GRANTEES})
  ), member AS (
    SELECT l.*, COALESCE(carbet_holds(l.patient_id, {int(Level.IDENTITY)}), false) AS opened
    FROM identity_localidentity l
    WHERE l.regional_id = (SELECT min(s.regional_id) FROM source s
                           HAVING count(DISTINCT s.regional_id) = 1)
      AND l.state = 'active'
  ), known AS (
    SELECT (SELECT COALESCE(bool_or(m.opened), false) FROM member m) AS opened,
           EXISTS (SELECT 1 FROM source s WHERE s.domain_id IN (SELECT id FROM own)) AS mine
  )
  SELECT m.domain_id, m.number::text, CASE WHEN m.opened THEN m.patient_id END,
         i.system::text, i.value::text
  FROM known k JOIN member m ON k.opened OR (k.mine AND m.domain_id IN (SELECT id FROM own))
  LEFT JOIN identity_identityins i ON i.identity_id = m.id AND i.until IS NULL
    AND {QUALIFIED.format("m")}
  ORDER BY m.id LIMIT 200 $$
"""


class Migration(migrations.Migration):
    dependencies = [("identity", "0006_readable_from_the_survivor")]

    operations = [
        migrations.RunSQL(
            [
                CROSSED,
                f"REVOKE EXECUTE ON FUNCTION {SIGNATURE} FROM PUBLIC",
                f"GRANT EXECUTE ON FUNCTION {SIGNATURE} TO carbet_app",
            ],
            f"DROP FUNCTION {SIGNATURE}",
        )
    ]
