"""PostgreSQL itself refuses an RPPS whose key is wrong, whoever writes it."""

from django.db import migrations

# The place of a doubled digit in this word is what it counts for in Luhn's sum.
_DOUBLED = "0516273849"
_SUM = " + ".join(
    f"strpos('{_DOUBLED}', substr(rpps, {place}, 1)) - 1"
    if place % 2 == 0
    else f"substr(rpps, {place}, 1)::int"
    for place in range(1, 12)
)
IS_RIGHT = f"CASE WHEN rpps ~ '^[0-9]{{11}}$' THEN ({_SUM}) % 10 = 0 ELSE false END"
# None was ever let in by the pages and imports; one that was by hand is kept apart.
APART = (
    "UPDATE directory_practitioner SET identifier_system = 'https://rpps.esante.gouv.fr',"
    f" identifier_value = rpps, rpps = NULL WHERE rpps IS NOT NULL AND NOT ({IS_RIGHT})"
)


class Migration(migrations.Migration):
    dependencies = [("directory", "0009_delegations_end")]

    operations = [
        migrations.RunSQL(
            [
                (APART, None),
                (
                    "ALTER TABLE directory_practitioner ADD CONSTRAINT practitioner_rpps_key"
                    f" CHECK (rpps IS NULL OR {IS_RIGHT})",
                    None,
                ),
            ],
            "ALTER TABLE directory_practitioner DROP CONSTRAINT practitioner_rpps_key",
        )
    ]
