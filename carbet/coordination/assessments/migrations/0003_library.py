"""Load the library of questionnaires; a version once loaded never changes."""

from django.db import migrations

from carbet.coordination.assessments.library import load


class Migration(migrations.Migration):
    dependencies = [("assessments", "0002_row_security")]

    operations = [migrations.RunPython(load, migrations.RunPython.noop)]
