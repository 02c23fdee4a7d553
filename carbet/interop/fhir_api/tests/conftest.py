"""A system with a token, and the official circle of the CdS guide."""

import copy
import json
from datetime import timedelta
from pathlib import Path

import pytest
from allauth.idp.oidc.models import Client, Token
from django.conf import settings

from carbet.interop.fhir_api.choices import READ_SCOPE, WRITE_SCOPE
from carbet.registries.directory.models import SystemClient
from tests.world import NOW

SHARED = Path(settings.BASE_DIR).parent / "shared" / "data"
ORGANIZATION = {
    "resourceType": "Organization",
    "id": "cds-organization-example",
    "identifier": [
        {
            "use": "official",
            "type": {
                "coding": [
                    {
                        "system": "https://hl7.fr/ig/fhir/core/CodeSystem/fr-core-cs-v2-0203",
                        "code": "FINEG",
                    }
                ]
            },
            "system": "https://finess.esante.gouv.fr",
            "value": "970300026",
        }
    ],
    "active": True,
    "name": "Cabinet médical CC CC",
}


def example(area: str, name: str) -> dict:
    """Return a published example, or skip the test that needs it."""
    path = SHARED / area / name
    if not path.exists():
        pytest.skip(f"the published examples are not beside the project ({area}/{name})")
    return json.loads(path.read_text())


@pytest.fixture(autouse=True)
def clock(monkeypatch):
    """Requests happen at the world's time."""
    monkeypatch.setattr("carbet.core.clock.now", lambda: NOW)


class System:
    """Another system: speaks JSON to the FHIR door with its token."""

    def __init__(self, client, token: str) -> None:
        self.client = client
        self.headers = {"Authorization": f"Bearer {token}"} if token else {}

    def get(self, path: str, **headers):
        return self.client.get(f"/fhir{path}", headers=self.headers | headers)

    def send(self, method: str, path: str, body, *, kind="application/fhir+json", **headers):
        content = body if isinstance(body, bytes | str) else json.dumps(body)
        return self.client.generic(
            method, f"/fhir{path}", content, content_type=kind, headers=self.headers | headers
        )

    def post(self, path: str, body, **options):
        return self.send("POST", path, body, **options)

    def put(self, path: str, body, **options):
        return self.send("PUT", path, body, **options)


@pytest.fixture
def make_system(world, client):
    """Return a function that gives the software of an organization a token."""

    def make(place: str, *, scopes=(READ_SCOPE, WRITE_SCOPE), expires_in=3600, **client_fields):
        number = Token.objects.count()
        oauth = Client.objects.create(
            name=f"Logiciel {place}", grant_types="client_credentials", **client_fields
        )
        SystemClient.objects.create(
            client_id=oauth.pk, organization=world.places[place], name=f"Logiciel {place}"
        )
        token = Token(
            type=Token.Type.ACCESS_TOKEN,
            client=oauth,
            expires_at=NOW + timedelta(seconds=expires_in),
            scopes="\n".join(scopes),
        )
        token.set_value(f"token-of-{place}-{number}")
        token.save()
        system = System(client, f"token-of-{place}-{number}")
        system.client_id = oauth.pk
        system.role = world.roles["gp"]
        return system

    return make


@pytest.fixture
def system(make_system):
    return make_system("office")


@pytest.fixture
def stranger(make_system):
    return make_system("far_office")


@pytest.fixture
def official():
    """Return the published circle as a transaction, its INS key mended, its organization added."""
    patient = example("cercle-de-soins", "Patient-cds-patient-example.json")
    patient["identifier"][0]["value"] = "123456789012212"
    return bundle(
        example("cercle-de-soins", "CareTeam-cds-careteam-example.json"),
        patient,
        example("cercle-de-soins", "RelatedPerson-cds-relatedperson-example.json"),
        copy.deepcopy(ORGANIZATION),
    )


def bundle(*resources: dict) -> dict:
    """Return a transaction that creates these resources."""
    return {
        "resourceType": "Bundle",
        "type": "transaction",
        "entry": [
            {
                "fullUrl": f"https://exampleserver.org/fhir/{each['resourceType']}/{each['id']}",
                "resource": each,
                "request": {"method": "POST", "url": each["resourceType"]},
            }
            for each in resources
        ],
    }
