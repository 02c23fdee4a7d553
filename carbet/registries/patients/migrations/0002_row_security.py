"""Put the tables of this room and their histories behind the door."""

from django.db import migrations

from carbet.core import row_security
from carbet.core.actor import Level


class Migration(migrations.Migration):
    dependencies = [("patients", "0001_initial"), ("core", "0002_row_security")]

    operations = [
        row_security.protect("patients_patient", "id", read=Level.IDENTITY),
        row_security.protect("patients_patientidentifier", read=Level.IDENTITY),
        row_security.protect("patients_patientsearch", read=Level.IDENTITY),
        row_security.protect_events("patients_patientevent", "id", read=Level.IDENTITY),
    ]
