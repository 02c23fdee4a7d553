"""Identities found by name at the desk: accents, capitals and hyphens make nobody somebody else."""

from importlib import import_module

from django.db import migrations

CELL = import_module("carbet.registries.identity.migrations.0002_held").CELL
_ACCENTED = "àáâãäåçèéêëìíîïñòóôõöùúûüýÿÀÁÂÃÄÅÇÈÉÊËÌÍÎÏÑÒÓÔÕÖÙÚÛÜÝŸ"
_PLAIN = "aaaaaaceeeeiiiinooooouuuuyyAAAAAACEEEEIIIINOOOOOUUUUYY"
PLAIN = f"""
CREATE FUNCTION identity_plain(name text) RETURNS text
LANGUAGE sql IMMUTABLE PARALLEL SAFE STRICT AS $$
  SELECT regexp_replace(upper(translate(replace(replace(replace(replace(name,
    'œ', 'oe'), 'Œ', 'OE'), 'æ', 'ae'), 'Æ', 'AE'), '{_ACCENTED}', '{_PLAIN}')),
    '[^A-Z0-9]', '', 'g') $$
"""
# Row security would make the indexes unusable: the search goes through the owner's function.
NAMED = f"""
CREATE FUNCTION identity_named(asked text[], most int) RETURNS SETOF bigint
LANGUAGE plpgsql STABLE SECURITY DEFINER SET search_path = public, pg_temp AS $$
DECLARE
  plain text[] := ARRAY(SELECT identity_plain(each) FROM unnest(asked) each
                        WHERE identity_plain(each) <> '');
BEGIN
  IF NOT ({CELL}) THEN
    RETURN;
  END IF;
  RETURN QUERY
    SELECT l.id FROM identity_localidentity l
    WHERE identity_plain(l.birth_family) = ANY (plain)
       OR (l.used_family <> '' AND identity_plain(l.used_family) = ANY (plain))
    ORDER BY l.id LIMIT most;
END $$
"""
SIGNATURES = {"identity_plain(text)": PLAIN, "identity_named(text[], int)": NAMED}


class Migration(migrations.Migration):
    dependencies = [("identity", "0013_doubt_and_notices")]

    operations = [
        *[
            migrations.RunSQL(
                [
                    body,
                    f"REVOKE EXECUTE ON FUNCTION {signature} FROM PUBLIC",
                    f"GRANT EXECUTE ON FUNCTION {signature} TO carbet_app",
                ],
                f"DROP FUNCTION {signature}",
            )
            for signature, body in SIGNATURES.items()
        ],
        migrations.RunSQL(
            [
                "CREATE INDEX localidentity_birth_name ON identity_localidentity"
                " (identity_plain(birth_family))",
                "CREATE INDEX localidentity_used_name ON identity_localidentity"
                " (identity_plain(used_family)) WHERE used_family <> ''",
            ],
            ["DROP INDEX localidentity_birth_name", "DROP INDEX localidentity_used_name"],
        ),
    ]
