"""Another system at the FHIR door: the software of a hospital where one person in five is known."""

import uuid
from datetime import timedelta
from typing import Any

from allauth.idp.oidc.models import Client, Token
from django.db import connections
from django.utils import timezone

from carbet.core.actor import organization_key
from carbet.interop.fhir_api.choices import READ_SCOPE
from carbet.registries.directory.models import Organization, SystemClient

SHARE = 5  # one person in five
SOURCE = "benchmark"

# The establishment where most professionals work, and none of the forty users.
_HOSPITAL = """
SELECT organization_id FROM directory_practitionerrole
WHERE ended_at IS NULL AND NOT organization_id = ANY (%s)
GROUP BY organization_id ORDER BY count(*) DESC, organization_id LIMIT 1
"""
_GRANTS = """
INSERT INTO core_accessgrant (patient_id, grantee, level, source, valid_from)
SELECT id, %s, 30, %s, now() - interval '1 day' FROM patients_patient WHERE id %% %s = 0
"""


def open_hospital(organizations: list[int]) -> int:
    """Return the hospital, whose roles and software may enter the records of one person in five.

    Args:
        organizations: where the other bench users work; the hospital is none of them.
    """
    with connections["owner"].cursor() as cursor:
        cursor.execute("SELECT grantee FROM core_accessgrant WHERE source = %s LIMIT 1", [SOURCE])
        if row := cursor.fetchone():
            return int(row[0].partition(":")[2])
        cursor.execute(_HOSPITAL, [organizations])
        hospital = int(cursor.fetchone()[0])
        cursor.execute(_GRANTS, [organization_key(hospital), SOURCE, SHARE])
        cursor.execute("VACUUM ANALYZE core_accessgrant")
    return hospital


def open_client(hospital: int) -> tuple[dict[str, str], list[int], list[tuple[str, str]]]:
    """Return the headers of the hospital's software, persons it knows, identifiers they carry."""
    client = Client.objects.create(name="Banc", grant_types=Client.GrantType.CLIENT_CREDENTIALS)
    SystemClient.objects.create(
        client_id=client.pk, organization=Organization.objects.get(pk=hospital), name="Banc"
    )
    secret = uuid.uuid4().hex
    token: Any = Token(
        type=Token.Type.ACCESS_TOKEN,
        client=client,
        expires_at=timezone.now() + timedelta(days=1),
        scopes=READ_SCOPE,
    )
    token.set_value(secret)
    token.save()
    with connections["owner"].cursor() as cursor:
        cursor.execute(
            "SELECT g.patient_id, i.system, i.value FROM core_accessgrant g"
            " LEFT JOIN patients_patient p ON p.id = g.patient_id"
            "  AND p.ins_recovered AND p.identity_checked AND p.identity_attributes = '{}'"
            " LEFT JOIN patients_patientidentifier i ON i.patient_id = p.id"
            " WHERE g.grantee = %s AND g.source = %s ORDER BY g.patient_id * 7919 %% 1009, 1"
            " LIMIT 4000",
            [organization_key(hospital), SOURCE],
        )
        rows = cursor.fetchall()
    patients = [patient for patient, _, _ in rows]
    identifiers = [(system, value) for _, system, value in rows if system]
    return {"Authorization": f"Bearer {secret}"}, patients, identifiers
