"""Whoever searches before creating is warned of homonyms and doubles, of closed records too."""

from django.db import migrations

from carbet.core.row_security import GRANTEES

SHOWN = f"""
CREATE FUNCTION patients_alike_known(asked bigint[])
RETURNS TABLE (patient_id bigint, attributes text[])
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = public, pg_temp AS $$
  SELECT p.id, ARRAY(SELECT a::text FROM unnest(p.identity_attributes) a
                     WHERE a IN ('HOMA', 'HOMD', 'DPOT', 'DOUA'))
  FROM patients_patient p
  WHERE {GRANTEES} IS NOT NULL AND p.id = ANY (asked[1:10])
    AND p.identity_attributes && '{{HOMA,HOMD,DPOT,DOUA}}' $$
"""
SIGNATURE = "patients_alike_known(bigint[])"


class Migration(migrations.Migration):
    dependencies = [("patients", "0015_candidates_that_share_enough")]

    operations = [
        migrations.RunSQL(
            [
                SHOWN,
                f"REVOKE EXECUTE ON FUNCTION {SIGNATURE} FROM PUBLIC",
                f"GRANT EXECUTE ON FUNCTION {SIGNATURE} TO carbet_app",
            ],
            f"DROP FUNCTION {SIGNATURE}",
        )
    ]
