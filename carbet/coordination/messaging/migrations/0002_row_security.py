"""Put the threads behind two doors at once: taking part, and the record of the person."""

from django.db import migrations

from carbet.core import row_security
from carbet.core.actor import Level
from carbet.core.row_security import GRANTEES, IS_INTERNAL, holds_grant

# The policies of messaging_participant cannot read messaging_participant without calling themselves
# for ever: these two functions read it as its owner, and answer for the caller only.
PARTICIPATES = f"""
CREATE FUNCTION carbet_participates(asked bigint) RETURNS boolean
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = public, pg_temp AS
$$ SELECT EXISTS (SELECT 1 FROM messaging_participant p JOIN messaging_thread t ON t.id = p.thread_id
     WHERE p.thread_id = asked AND p.grantee = ANY ({GRANTEES}) AND p.left_at IS NULL
     AND (t.patient_id IS NULL OR carbet_holds(t.patient_id, {int(Level.READ)}))) $$
"""
IS_PEOPLED = """
CREATE FUNCTION carbet_is_peopled(asked bigint) RETURNS boolean
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = public, pg_temp AS
$$ SELECT EXISTS (SELECT 1 FROM messaging_participant p WHERE p.thread_id = asked) $$
"""

# Words lose their accents and their French endings; the first line carries the subject too.
WORDS = """
CREATE FUNCTION messaging_message_words() RETURNS trigger LANGUAGE plpgsql
SET search_path = public, pg_temp AS $$
DECLARE
  subject text := '';
BEGIN
  IF NEW.seq = 1 THEN
    SELECT t.subject INTO subject FROM messaging_thread t WHERE t.id = NEW.thread_id;
  END IF;
  NEW.words := to_tsvector('french', unaccent(COALESCE(subject, '') || ' ' || NEW.text));
  RETURN NEW;
END $$
"""

# Row security would keep PostgreSQL from the index of words: this function carries the predicate of
# the policies itself, asked once a thread, and answers for the caller only.
SEARCH = f"""
CREATE FUNCTION messaging_search(asked text, before timestamptz, before_id bigint, most int)
RETURNS TABLE (message_id bigint)
LANGUAGE plpgsql STABLE SECURITY DEFINER SET search_path = public, pg_temp AS $$
DECLARE
  mine text[] := {GRANTEES};
  threads bigint[];
  query tsquery;
BEGIN
  SELECT to_tsquery('french', string_agg(word || ':*', ' & ')) INTO query
    FROM (SELECT word FROM regexp_split_to_table(unaccent(left(asked, 200)), '[^[:alnum:]]+') word
          WHERE word <> '' LIMIT 8) w;
  IF mine IS NULL OR query IS NULL OR numnode(query) = 0 THEN
    RETURN;
  END IF;
  SELECT array_agg(DISTINCT t.id) INTO threads
    FROM messaging_participant p JOIN messaging_thread t ON t.id = p.thread_id
    WHERE p.grantee = ANY (mine) AND p.left_at IS NULL
      AND (t.patient_id IS NULL OR carbet_holds(t.patient_id, {int(Level.READ)}));
  RETURN QUERY SELECT m.id FROM messaging_message m
    WHERE m.thread_id = ANY (threads) AND m.words @@ query AND m.kind IN ('text', 'closed')
      AND (before IS NULL OR (m.at, m.id) < (before, before_id))
    ORDER BY m.at DESC, m.id DESC LIMIT LEAST(most, 101);
END $$
"""
SEARCH_SIGNATURE = "messaging_search(text, timestamptz, bigint, int)"

TAKES_PART = f"{IS_INTERNAL} OR carbet_participates({{table}}.thread_id)"
OWN_KEY = f"grantee = ANY ({GRANTEES})"
OWN_READER = f"reader = ANY ({GRANTEES})"
# Written on the row itself: a thread is shown to whoever has just opened it.
THREAD_SEEN = f"""
{IS_INTERNAL} OR (
  EXISTS (SELECT 1 FROM messaging_participant p WHERE p.thread_id = messaging_thread.id
          AND p.grantee = ANY ({GRANTEES}) AND p.left_at IS NULL)
  AND (patient_id IS NULL OR {holds_grant("messaging_thread.patient_id", Level.READ)}))
"""


def takes_part(table: str) -> str:
    """Return the condition "the actor takes part in the thread of this row"."""
    return TAKES_PART.format(table=table)


def only(table: str, *columns: str) -> migrations.RunSQL:
    """Return the step that lets these columns alone be changed."""
    return migrations.RunSQL(
        [
            f"REVOKE UPDATE ON {table} FROM carbet_app",
            f"GRANT UPDATE ({', '.join(columns)}) ON {table} TO carbet_app",
        ],
        [
            f"REVOKE UPDATE ({', '.join(columns)}) ON {table} FROM carbet_app",
            f"GRANT UPDATE ON {table} TO carbet_app",
        ],
    )


class Migration(migrations.Migration):
    dependencies = [("messaging", "0001_initial"), ("core", "0002_row_security")]

    operations = [
        migrations.RunSQL(PARTICIPATES, "DROP FUNCTION carbet_participates(bigint)"),
        migrations.RunSQL(IS_PEOPLED, "DROP FUNCTION carbet_is_peopled(bigint)"),
        migrations.RunSQL(WORDS, "DROP FUNCTION messaging_message_words()"),
        migrations.RunSQL(
            "CREATE TRIGGER words BEFORE INSERT ON messaging_message"
            " FOR EACH ROW EXECUTE FUNCTION messaging_message_words()",
            "DROP TRIGGER words ON messaging_message",
        ),
        migrations.RunSQL(
            [
                SEARCH,
                f"REVOKE EXECUTE ON FUNCTION {SEARCH_SIGNATURE} FROM PUBLIC",
                f"GRANT EXECUTE ON FUNCTION {SEARCH_SIGNATURE} TO carbet_app",
            ],
            f"DROP FUNCTION {SEARCH_SIGNATURE}",
        ),
        row_security.policies(
            "messaging_thread", select=THREAD_SEEN, insert=THREAD_SEEN, update=THREAD_SEEN
        ),
        only("messaging_thread", "last_seq", "told_seq", "last_at", "closed_seq", "closings"),
        row_security.policies(
            "messaging_participant",
            select=f"{takes_part('messaging_participant')} OR {OWN_KEY}",
            # Whoever opens a thread that nobody is in yet comes in first; then those inside invite.
            insert=(
                f"{takes_part('messaging_participant')}"
                f" OR ({OWN_KEY} AND NOT carbet_is_peopled(thread_id))"
            ),
            update=takes_part("messaging_participant"),
        ),
        only("messaging_participant", "left_at", "active_at", "alerted_seq"),
        row_security.policies(
            "messaging_message",
            select=takes_part("messaging_message"),
            insert=takes_part("messaging_message"),
            update=None,
        ),
        row_security.policies(
            "messaging_reader",
            select=takes_part("messaging_reader"),
            insert=f"({takes_part('messaging_reader')}) AND {OWN_READER}",
            update=f"({takes_part('messaging_reader')}) AND {OWN_READER}",
        ),
        row_security.policies(
            "messaging_receipt",
            select=takes_part("messaging_receipt"),
            insert=f"({takes_part('messaging_receipt')}) AND {OWN_READER}",
            update=None,
        ),
    ]
