"""Put the files of messages behind the door of their thread, and their names among its words."""

from django.db import migrations

from carbet.core import row_security
from carbet.core.row_security import GRANTEES, IS_INTERNAL

TAKES_PART = f"{IS_INTERNAL} OR carbet_participates({{table}}.thread_id)"
# A file comes with one's own message, never with somebody else's.
OWN_MESSAGE = f"""
EXISTS (SELECT 1 FROM messaging_message m WHERE m.id = messaging_attachment.message_id
        AND m.thread_id = messaging_attachment.thread_id AND m.author = ANY ({GRANTEES}))
"""
OF_ATTACHMENT = """
EXISTS (SELECT 1 FROM messaging_attachment a WHERE a.id = messaging_attachmentpiece.attachment_id
        AND a.thread_id = messaging_attachmentpiece.thread_id)
"""
# A name is read as words: "bilan_sang.pdf" holds "bilan" and "sang".
WORDS = """
CREATE OR REPLACE FUNCTION messaging_message_words() RETURNS trigger LANGUAGE plpgsql
SET search_path = public, pg_temp AS $$
DECLARE
  subject text := '';
BEGIN
  IF NEW.seq = 1 THEN
    SELECT t.subject INTO subject FROM messaging_thread t WHERE t.id = NEW.thread_id;
  END IF;
  NEW.words := to_tsvector('french', unaccent(
    COALESCE(subject, '') || ' ' || NEW.text || ' ' || translate(NEW.attached, '._-/', '    ')));
  RETURN NEW;
END $$
"""


def takes_part(table: str) -> str:
    """Return the condition "the actor takes part in the thread of this row"."""
    return TAKES_PART.format(table=table)


class Migration(migrations.Migration):
    dependencies = [("messaging", "0003_attachments")]

    operations = [
        # The function before knew nothing of names; going back, this one serves as well.
        migrations.RunSQL(WORDS, migrations.RunSQL.noop),
        row_security.policies(
            "messaging_attachment",
            select=takes_part("messaging_attachment"),
            insert=f"({takes_part('messaging_attachment')}) AND ({IS_INTERNAL} OR {OWN_MESSAGE})",
            update=None,
        ),
        row_security.policies(
            "messaging_attachmentpiece",
            select=OF_ATTACHMENT,
            insert=f"({takes_part('messaging_attachmentpiece')}) AND {OF_ATTACHMENT}",
            update=None,
        ),
        # Photos and PDF are compressed already: PostgreSQL keeps the pieces as they are.
        migrations.RunSQL(
            "ALTER TABLE messaging_attachmentpiece ALTER COLUMN data SET STORAGE EXTERNAL",
            "ALTER TABLE messaging_attachmentpiece ALTER COLUMN data SET STORAGE EXTENDED",
        ),
    ]
