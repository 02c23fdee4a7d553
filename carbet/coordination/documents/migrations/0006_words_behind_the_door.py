"""The words of files stand behind the same door as the files."""

from django.db import migrations

from carbet.core import row_security
from carbet.core.actor import Level
from carbet.core.row_security import IS_INTERNAL, holds_grant

_SEEN = (
    "EXISTS (SELECT 1 FROM documents_file u WHERE u.id = documents_filewords.file_id"
    " AND u.patient_id = documents_filewords.patient_id)"
)


class Migration(migrations.Migration):
    dependencies = [("documents", "0005_clinical_documents")]

    operations = [
        row_security.policies(
            "documents_filewords",
            select=_SEEN,
            insert=f"{_SEEN} AND ({IS_INTERNAL}"
            f" OR {holds_grant('documents_filewords.patient_id', Level.WRITE)})",
            update=None,
        ),
    ]
