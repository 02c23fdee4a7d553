"""Put documents, their files and the pieces of these behind the door."""

from django.db import migrations

from carbet.core import row_security
from carbet.core.actor import Level
from carbet.core.row_security import IS_INTERNAL, holds_grant


def _follows(table: str, upper: str, column: str) -> str:
    """Return the SQL condition "the row above this one is seen, and speaks of the same person"."""
    return (
        f"EXISTS (SELECT 1 FROM {upper} u WHERE u.id = {table}.{column}"
        f" AND u.patient_id = {table}.patient_id)"
    )


def _added(table: str, upper: str, column: str) -> str:
    write = holds_grant(f"{table}.patient_id", Level.WRITE)
    return f"{_follows(table, upper, column)} AND ({IS_INTERNAL} OR {write})"


class Migration(migrations.Migration):
    dependencies = [("documents", "0001_initial"), ("core", "0002_row_security")]

    operations = [
        *row_security.protect_shared("documents_document", history="documents_documentevent"),
        # What row security shows of a document decides of its files, and these of their pieces.
        row_security.policies(
            "documents_file",
            select=_follows("documents_file", "documents_document", "document_id"),
            insert=_added("documents_file", "documents_document", "document_id"),
            update=None,
        ),
        row_security.policies(
            "documents_piece",
            select=_follows("documents_piece", "documents_file", "file_id"),
            insert=_added("documents_piece", "documents_file", "file_id"),
            update=None,
        ),
        # Photos and PDF are compressed already: PostgreSQL keeps the pieces as they are.
        migrations.RunSQL(
            "ALTER TABLE documents_piece ALTER COLUMN data SET STORAGE EXTERNAL",
            "ALTER TABLE documents_piece ALTER COLUMN data SET STORAGE EXTENDED",
        ),
    ]
