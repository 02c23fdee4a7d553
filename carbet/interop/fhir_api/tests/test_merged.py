"""A record merged into another, as other systems see it, until the merge is undone."""

import datetime

import pytest

from carbet.core import row_security
from carbet.core.actor import SYSTEM, Actor, organization_key
from carbet.interop.fhir_api.tests.test_match import katiana, open_to_office  # noqa: F401
from carbet.registries.identity import operations
from carbet.registries.identity.models import LocalIdentity
from carbet.registries.identity.operations.deciding import merge_records
from carbet.registries.identity.tests.factories import HOUSE
from carbet.registries.patients import queries as patients
from tests.world import NOW

pytestmark = pytest.mark.django_db
WHO = "family=Z%C3%A9phirin&birthdate=1987-06-14"


@pytest.fixture
def double(world, open_to_office):  # noqa: F811
    return open_to_office(
        world.register(
            birth_family="Zéphirin",
            birth_given=["Cathyana"],
            gender="female",
            birth_date=datetime.date(1987, 6, 14),
        )
    )


def merge(goes, stays):
    with row_security.acting_as(HOUSE, now=NOW, operation="test"):
        found = {row.patient_id: row for row in LocalIdentity.objects.filter(patient__isnull=False)}
        return merge_records(
            stays=found[stays.pk], goes=found[goes.pk], actor=HOUSE, now=NOW, reason="doublon"
        )


@pytest.fixture
def merged(katiana, double):  # noqa: F811
    return merge(double, katiana)


def read(system, patient):
    answer = system.get(f"/Patient/{patient.pk}")
    assert answer.status_code == 200, answer.content
    return answer.json()


def links(resource):
    return [(each["type"], each["other"]["reference"]) for each in resource.get("link", [])]


def found(system, query):
    bundle = system.get(f"/Patient?{query}").json()
    return [int(each["resource"]["id"]) for each in bundle.get("entry", [])]


def former_versions(world, place, patient):
    asks = world.places[place].pk
    actor = Actor(kind=SYSTEM, organization_id=asks, grantees=(organization_key(asks),))
    with row_security.acting_as(actor, now=NOW):
        return patients.versions(patient_id=patient.pk)


def test_each_leads_to_the_other_and_the_absorbed_one_is_closed(system, katiana, double, merged):  # noqa: F811
    gone, kept = read(system, double), read(system, katiana)
    assert (gone["active"], kept["active"]) == (False, True)
    assert links(gone) == [("replaced-by", f"Patient/{katiana.pk}")]
    assert links(kept) == [("replaces", f"Patient/{double.pk}")]


def test_a_chain_leads_to_the_last_one(system, world, open_to_office, katiana, double, merged):  # noqa: F811
    last = open_to_office(world.register(birth_family="Zéphirin", birth_given=["Rose"]))
    merge(katiana, last)
    assert links(read(system, double)) == [("replaced-by", f"Patient/{last.pk}")]
    assert set(links(read(system, last))) == {
        ("replaces", f"Patient/{each.pk}") for each in (katiana, double)
    }


def test_a_search_leaves_it_out_unless_it_is_named(system, katiana, double, merged):  # noqa: F811
    assert found(system, WHO) == [katiana.pk]
    assert found(system, f"_id={double.pk}") == [double.pk]
    assert found(system, f"_id={double.pk}&active=true") == []


def test_whoever_kept_the_former_version_reads_it_again(system, katiana, double):  # noqa: F811
    before = [system.get(f"/Patient/{each.pk}")["ETag"] for each in (katiana, double)]
    merge(double, katiana)
    for each, etag in zip((katiana, double), before, strict=True):
        answer = system.get(f"/Patient/{each.pk}", **{"If-None-Match": etag})
        assert answer.status_code == 200
        same = system.get(f"/Patient/{each.pk}", **{"If-None-Match": answer["ETag"]})
        assert same.status_code == 304


def test_its_former_versions_are_read_by_whoever_reads_the_other(world, katiana, double, merged):  # noqa: F811
    [*_, first] = former_versions(world, "office", double)
    assert first.author
    assert former_versions(world, "far_office", double) == []


def test_undone_each_is_as_before(system, world, katiana, double):  # noqa: F811
    before = [read(system, each) for each in (katiana, double)]
    decision = merge(double, katiana)
    operations.undo(actor=HOUSE, now=NOW, reconciliation_id=decision.pk, reason="Deux sœurs")
    assert [read(system, each) for each in (katiana, double)] == before
    assert found(system, WHO) == [katiana.pk, double.pk]
    assert former_versions(world, "office", double)


def test_a_stranger_reads_neither(stranger, katiana, double, merged):  # noqa: F811
    for each in (katiana, double):
        assert stranger.get(f"/Patient/{each.pk}").status_code == 404
    assert found(stranger, f"_id={double.pk}") == []
