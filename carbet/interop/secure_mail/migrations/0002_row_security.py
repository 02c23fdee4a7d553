"""Put mailboxes and mails behind the door of their owner, and passwords and raw mails of none."""

from django.db import migrations

from carbet.core import row_security
from carbet.core.row_security import GRANTEES, IS_INTERNAL


def owned(table: str) -> str:
    return f"{IS_INTERNAL} OR {table}.owner = ANY ({GRANTEES})"


def door(table: str) -> migrations.RunSQL:
    seen = owned(table)
    return row_security.policies(table, select=seen, insert=seen, update=seen)


def history(table: str) -> migrations.RunSQL:
    """A history is seen with its row, whoever holds the mailbox now."""
    row = table.removesuffix("event")
    seen = (
        f"{IS_INTERNAL} OR EXISTS (SELECT 1 FROM {row} r WHERE r.id = {table}.pgh_obj_id"
        f" AND r.owner = ANY ({GRANTEES}))"
    )
    return row_security.policies(table, select=seen, insert="true", update=None)


class Migration(migrations.Migration):
    dependencies = [("secure_mail", "0001_initial"), ("core", "0002_row_security")]

    operations = [
        door("secure_mail_mailbox"),
        history("secure_mail_mailboxevent"),
        row_security.policies(
            "secure_mail_mailboxstate",
            select=owned("secure_mail_mailboxstate"),
            insert=IS_INTERNAL,
            update=IS_INTERNAL,
        ),
        row_security.policies(
            "secure_mail_credential", select=IS_INTERNAL, insert=IS_INTERNAL, update=IS_INTERNAL
        ),
        door("secure_mail_incomingmail"),
        history("secure_mail_incomingmailevent"),
        row_security.policies(
            "secure_mail_rawmail", select=IS_INTERNAL, insert=IS_INTERNAL, update=None
        ),
        door("secure_mail_outgoingmail"),
        history("secure_mail_outgoingmailevent"),
    ]
