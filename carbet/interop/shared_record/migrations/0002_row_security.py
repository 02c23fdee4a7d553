"""Put deposits behind the door of their document."""

from django.db import migrations

from carbet.core import row_security
from carbet.core.actor import Level
from carbet.core.row_security import IS_INTERNAL

_SEEN = "EXISTS (SELECT 1 FROM documents_document d WHERE d.id = shared_record_deposit.document_id)"
_WRITES = row_security.holds_grant("shared_record_deposit.patient_id", Level.WRITE)


class Migration(migrations.Migration):
    dependencies = [("shared_record", "0001_initial"), ("core", "0002_row_security")]

    operations = [
        row_security.policies(
            "shared_record_deposit",
            select=f"{IS_INTERNAL} OR {_SEEN}",
            insert=f"{IS_INTERNAL} OR ({_WRITES} AND {_SEEN})",
            # A merge of records moves it.
            update=IS_INTERNAL,
        ),
    ]
