"""Keys of the identities of establishments are those that searches ask now: all are written again."""

from importlib import import_module

from django.db import migrations

write_keys = import_module("carbet.registries.identity.migrations.0005_keys_of_the_matching").write_keys


class Migration(migrations.Migration):
    dependencies = [("identity", "0011_said_apart"), ("patients", "0013_shorter_keys")]

    operations = [migrations.RunPython(write_keys, migrations.RunPython.noop)]
