"""From a doubtful or fictive identity no INS is told, were it that of another of the same person."""

from importlib import import_module

from django.db import migrations

former = import_module("carbet.registries.identity.migrations.0007_cross_references").CROSSED
DOUBTED = "l.attributes && '{FICT,DOUT}'"
CHANGES = (
    (
        "SELECT l.regional_id, l.domain_id FROM identity_localidentity l\n"
        "      WHERE l.domain_id = asked_domain",
        f"SELECT l.regional_id, l.domain_id, {DOUBTED} AS doubted FROM identity_localidentity l\n"
        "      WHERE l.domain_id = asked_domain",
    ),
    (
        "SELECT l.regional_id, NULL FROM identity_localidentity l WHERE l.patient_id",
        f"SELECT l.regional_id, NULL, {DOUBTED} FROM identity_localidentity l WHERE l.patient_id",
    ),
    (
        "SELECT l.regional_id, NULL FROM identity_identityins i",
        "SELECT l.regional_id, NULL, false FROM identity_identityins i",
    ),
    (
        "ON i.identity_id = m.id AND i.until IS NULL\n",
        "ON i.identity_id = m.id AND i.until IS NULL\n"
        "    AND NOT EXISTS (SELECT 1 FROM source s WHERE s.doubted)\n",
    ),
)


def changed() -> str:
    """Return the function of `0007`, that heeds the doubt of what is asked from."""
    body = former
    for before, after in CHANGES:
        if body.count(before) != 1:
            raise ValueError("0007 no longer holds what is replaced here")
        body = body.replace(before, after)
    return body


class Migration(migrations.Migration):
    dependencies = [("identity", "0017_notices_of_marks")]

    operations = [
        migrations.RunSQL(
            changed().replace("CREATE ", "CREATE OR REPLACE ", 1),
            former.replace("CREATE ", "CREATE OR REPLACE ", 1),
        )
    ]
