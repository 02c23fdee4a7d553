"""Put the receipts behind the door: the organization whose system sent, nobody else."""

from django.db import migrations

from carbet.core import row_security
from carbet.core.row_security import GRANTEES, IS_INTERNAL

OWN = f"{IS_INTERNAL} OR ('org:' || organization_id) = ANY ({GRANTEES})"


class Migration(migrations.Migration):
    dependencies = [("fhir_api", "0001_initial"), ("core", "0002_row_security")]

    operations = [
        row_security.policies("fhir_api_transactionreceipt", select=OWN, insert=OWN, update=None),
    ]
