"""Needs, goals and actions are read by category; a version by whoever reads all it says."""

from typing import Any

from django.db import migrations

from carbet.core.actor import Level
from carbet.core.row_security import IS_INTERNAL, categorize, holds_grant

SOCIAL = "domain <> 'health'"
NEEDS = f"SELECT id FROM care_plans_need WHERE {SOCIAL}"
GOALS = f"SELECT id FROM care_plans_goal WHERE need_id IN ({NEEDS})"
WHICH = {"need": SOCIAL, "goal": f"need_id IN ({NEEDS})", "plannedaction": f"goal_id IN ({GOALS})"}
BEFORE = [
    statement
    for part, which in WHICH.items()
    for table in (f"care_plans_{part}", f"care_plans_{part}event")
    for statement in (
        f"ALTER TABLE {table} DISABLE TRIGGER USER",
        f"UPDATE {table} SET category = 2 WHERE {which}",
        f"ALTER TABLE {table} ENABLE TRIGGER USER",
    )
]
# A version approved before was kept whole only: here is what it says without its medical needs.
SHARED = """
INSERT INTO care_plans_careplanversion
  (patient_id, care_plan_id, number, content, categories, approved_at, approved_by_id, comment)
SELECT patient_id, care_plan_id, number,
  jsonb_set(content, '{needs}', COALESCE((SELECT jsonb_agg(n ORDER BY place)
    FROM jsonb_array_elements(content->'needs') WITH ORDINALITY AS needs(n, place)
    WHERE COALESCE(n->>'domain', 'health') <> 'health'), '[]')),
  2, approved_at, approved_by_id, ''
FROM care_plans_careplanversion WHERE categories = 3
"""
VERSION = "care_plans_careplanversion"


def version_policies(category: str | None) -> list[Any]:
    """Return the statements that ask, or no longer ask, for the categories of a version."""
    read = holds_grant(f"{VERSION}.patient_id", Level.READ, category)
    write = holds_grant(f"{VERSION}.patient_id", Level.WRITE, category)
    operating = "COALESCE(current_setting('carbet.operation', true), '') <> ''"
    return [
        f"ALTER POLICY may_select ON {VERSION} USING ({IS_INTERNAL} OR {read})",
        f"ALTER POLICY may_insert ON {VERSION}"
        f" WITH CHECK ({operating} AND ({IS_INTERNAL} OR {write}))",
    ]


class Migration(migrations.Migration):
    dependencies = [("care_plans", "0003_categories"), ("core", "0004_categories")]

    operations = [
        migrations.RunSQL([*BEFORE, SHARED], migrations.RunSQL.noop),
        *[
            categorize(f"care_plans_{part}", category="category")
            for part in ("need", "goal", "plannedaction")
        ],
        *[
            categorize(f"care_plans_{part}event", category="category", write=None)
            for part in ("need", "goal", "plannedaction")
        ],
        migrations.RunSQL(version_policies(f"{VERSION}.categories"), version_policies(None)),
    ]
