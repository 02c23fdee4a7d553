"""A grant opens some categories of data: what the policies of every room ask as well."""

from django.db import migrations, models

from carbet.core.row_security import GRANTEES, IS_INTERNAL

# A grant that has every category of a row opens it; every grant of before opens all of them.
OPENED = f"""
CREATE FUNCTION carbet_opened(patient bigint, asked int) RETURNS int
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = public, pg_temp AS
$$ SELECT COALESCE(bit_or(g.categories), 0)::int FROM core_accessgrant g
   WHERE g.patient_id = patient AND g.grantee = ANY ({GRANTEES}) AND g.level >= asked
     AND g.valid_from <= carbet_now()
     AND (g.valid_until IS NULL OR g.valid_until > carbet_now()) $$
"""
GRANTEES_OF = """
CREATE FUNCTION carbet_grantees_of(patient bigint, asked int, wanted int) RETURNS SETOF text
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = public, pg_temp AS
$$ SELECT DISTINCT g.grantee::text FROM core_accessgrant g
   WHERE g.patient_id = patient AND g.level >= asked AND g.grantee NOT LIKE 'account:%'
     AND (g.categories & wanted) = wanted
     AND g.valid_from <= carbet_now()
     AND (g.valid_until IS NULL OR g.valid_until > carbet_now())
     AND (COALESCE(current_setting('carbet.internal', true), '') = 'on'
          OR carbet_holds(patient, 10)) $$
"""
# Whoever manages a record opens to others, or to themselves, only what is open to them.
OPENS_WHAT_IS_HELD = f"""
CREATE POLICY opens_what_is_held ON core_accessgrant AS RESTRICTIVE FOR INSERT
WITH CHECK ({IS_INTERNAL} OR source = 'glass' OR NOT carbet_holds(patient_id, 40)
  OR (carbet_opened(patient_id, 40) & categories) = categories)
"""


def index(name: str, *, columns: list[str]) -> list[migrations.operations.base.Operation]:
    """Return the steps that let an index answer for the categories without reading the row."""
    return [
        migrations.RemoveIndex("accessgrant", name),
        migrations.AddIndex(
            "accessgrant",
            models.Index(
                fields=columns,
                include=["level", "categories", "valid_from", "valid_until"],
                name=name,
            ),
        ),
    ]


class Migration(migrations.Migration):
    dependencies = [("core", "0003_cache")]

    operations = [
        migrations.AddField(
            "accessgrant", "categories", models.SmallIntegerField(default=7, db_default=7)
        ),
        migrations.AddConstraint(
            "accessgrant",
            models.CheckConstraint(
                condition=models.Q(categories__gte=0, categories__lte=7),
                name="accessgrant_categories",
            ),
        ),
        *index("accessgrant_by_grantee", columns=["grantee", "patient_id"]),
        *index("accessgrant_by_patient", columns=["patient_id", "grantee"]),
        migrations.RunSQL(OPENED, "DROP FUNCTION carbet_opened(bigint, int)"),
        migrations.RunSQL(GRANTEES_OF, "DROP FUNCTION carbet_grantees_of(bigint, int, int)"),
        migrations.RunSQL(
            OPENS_WHAT_IS_HELD, "DROP POLICY opens_what_is_held ON core_accessgrant"
        ),
    ]
