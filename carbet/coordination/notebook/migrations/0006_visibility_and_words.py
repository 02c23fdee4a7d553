"""Say who sees each note, behind the same door; find notes by their words."""

from django.db import migrations

from carbet.core import row_security
from carbet.core.actor import Level
from carbet.core.row_security import GRANTEES, IS_INTERNAL, holds_grant, sees_shared

TABLES = ("notebook_note", "notebook_noteevent")


def _seen(table: str) -> migrations.RunSQL:
    """Replace the condition under which a note is read: grant and category, then who sees it."""
    category = f"{table}.category"
    undo = f"{IS_INTERNAL} OR {holds_grant(f'{table}.patient_id', Level.READ, category)}"
    return migrations.RunSQL(
        [
            f"DROP POLICY may_select ON {table}",
            f"CREATE POLICY may_select ON {table} FOR SELECT"
            f" USING ({IS_INTERNAL} OR {sees_shared(table, category=category)})",
        ],
        [
            f"DROP POLICY may_select ON {table}",
            f"CREATE POLICY may_select ON {table} FOR SELECT USING ({undo})",
        ],
    )


def _with_its_note(table: str) -> str:
    return (
        f"EXISTS (SELECT 1 FROM notebook_note u WHERE u.id = {table}.note_id"
        f" AND u.patient_id = {table}.patient_id)"
    )


def _added(table: str, level: Level) -> str:
    held = holds_grant(f"{table}.patient_id", level)
    return f"{_with_its_note(table)} AND ({IS_INTERNAL} OR {held})"


# Words without accents, then by their root: "pansements" finds "pansement", "oedeme" finds "œdème".
WORDS = [
    "CREATE TEXT SEARCH CONFIGURATION carbet_fr (COPY = pg_catalog.french)",
    "ALTER TEXT SEARCH CONFIGURATION carbet_fr ALTER MAPPING FOR"
    " asciiword, asciihword, hword_asciipart, hword, hword_part, word WITH unaccent, french_stem",
    "ALTER TABLE notebook_note ADD COLUMN words tsvector"
    " GENERATED ALWAYS AS (to_tsvector('carbet_fr'::regconfig, text)) STORED",
    "CREATE INDEX note_by_words ON notebook_note USING gin (patient_id, words)",
]

# The operators of full-text search are not leakproof: under row security PostgreSQL would read
# every row of the person before the index. This function carries the same predicate itself.
SEARCH = f"""
CREATE FUNCTION notebook_search(person bigint, asked text, most int) RETURNS SETOF bigint
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = public, pg_temp AS
$$ SELECT COALESCE(n.replies_to_id, n.id) FROM notebook_note n
   WHERE n.patient_id = person AND n.words @@ to_tsquery('carbet_fr', asked)
     AND ({IS_INTERNAL} OR {sees_shared("n", category="n.category")})
   GROUP BY 1 ORDER BY max(n.occurred_at) DESC LIMIT most $$
"""


class Migration(migrations.Migration):
    dependencies = [("notebook", "0005_whole_notebook"), ("documents", "0002_row_security")]

    operations = [
        *[_seen(table) for table in TABLES],
        row_security.policies(
            "notebook_notefile",
            select=_with_its_note("notebook_notefile"),
            insert=_added("notebook_notefile", Level.WRITE),
            update=None,
        ),
        row_security.policies(
            "notebook_notereceipt",
            select=_with_its_note("notebook_notereceipt"),
            insert=f"{_added('notebook_notereceipt', Level.READ)}"
            f" AND ({IS_INTERNAL} OR ('role:' || role_id) = ANY ({GRANTEES}))",
            update=None,
        ),
        migrations.RunSQL(
            WORDS,
            [
                "ALTER TABLE notebook_note DROP COLUMN words",
                "DROP TEXT SEARCH CONFIGURATION carbet_fr",
            ],
        ),
        migrations.RunSQL(
            [
                SEARCH,
                "REVOKE ALL ON FUNCTION notebook_search(bigint, text, int) FROM PUBLIC",
                "GRANT EXECUTE ON FUNCTION notebook_search(bigint, text, int) TO carbet_app",
            ],
            "DROP FUNCTION notebook_search(bigint, text, int)",
        ),
    ]
