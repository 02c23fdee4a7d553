"""What an upgrade writes again finds as much as what is written now."""

from importlib import import_module

import pytest
from django.apps import apps
from django.db import connections

from carbet.registries.matching import rules as matching

pytestmark = pytest.mark.django_db(transaction=True, databases=["default", "owner"])
ROWS = "SELECT patient_id, keys, packed FROM patients_patienttraits ORDER BY 1"


def test_keys_of_former_versions_are_written_again(world):
    for given in (["Katiana"], ["Claire", "Marie"]):
        world.register(birth_family="Zéphirin", birth_given=given)
    migration = import_module("carbet.registries.patients.migrations.0013_shorter_keys")
    owner = connections["owner"]
    with owner.cursor() as cursor:
        cursor.execute("UPDATE patients_patienttraits SET keys = '{-1}'")
        with owner.schema_editor() as editor:
            migration.write_keys(apps, editor)
        cursor.execute(ROWS)
        rows = cursor.fetchall()
    assert len(rows) >= 2
    for _, keys, packed in rows:
        assert keys == matching.blocking_keys(matching.unpack(packed))
