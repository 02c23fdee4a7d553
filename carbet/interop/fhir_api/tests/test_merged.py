"""A record merged into another, as other systems see it, until the merge is undone."""

import datetime

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

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


def merge(goes, stays, now=NOW):
    with row_security.acting_as(HOUSE, now=now, operation="test"):
        found = {row.patient_id: row for row in LocalIdentity.objects.filter(patient__isnull=False)}
        return merge_records(
            stays=found[stays.pk], goes=found[goes.pk], actor=HOUSE, now=now, reason="doublon"
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
    after = [read(system, each) for each in (katiana, double)]
    for was, now in zip(before, after, strict=True):
        # Merged, then apart: twice changed, and the same as ever.
        assert int(now["meta"]["versionId"]) == int(was["meta"]["versionId"]) + 2
        assert now | {"meta": was["meta"]} == was
    assert found(system, WHO) == [katiana.pk, double.pk]
    assert former_versions(world, "office", double)


def history(system, patient):
    """Return what history says: version, in use, family name; each version reads alone."""
    bundle = system.get(f"/Patient/{patient.pk}/_history").json()
    told = [entry["resource"] for entry in bundle["entry"]]
    for each in told:
        alone = system.get(f"/Patient/{patient.pk}/_history/{each['meta']['versionId']}")
        assert alone.json() == each
    return [(each["meta"]["versionId"], each["active"]) for each in told]


def test_a_merge_and_its_undoing_are_versions_of_both(system, katiana, double):  # noqa: F811
    decision = merge(double, katiana)
    assert history(system, double) == [("2", False), ("1", True)]
    assert history(system, katiana) == [("2", True), ("1", True)]
    operations.undo(actor=HOUSE, now=NOW, reconciliation_id=decision.pk, reason="Deux sœurs")
    assert history(system, double) == [("3", True), ("2", False), ("1", True)]
    assert history(system, katiana) == [("3", True), ("2", True), ("1", True)]


def test_whoever_asks_what_changed_since_learns_of_both(system, katiana, double):  # noqa: F811
    later = NOW + datetime.timedelta(days=21)
    since = "&_lastUpdated=ge" + (NOW + datetime.timedelta(days=20)).date().isoformat()
    both = f"_id={katiana.pk},{double.pk}{since}"
    assert found(system, both) == []
    decision = merge(double, katiana, now=later)
    assert found(system, both) == [katiana.pk, double.pk]
    assert found(system, WHO + since) == [katiana.pk]
    after = later + datetime.timedelta(days=1)
    since = "&_lastUpdated=ge" + after.date().isoformat()
    assert found(system, both + since) == []
    operations.undo(actor=HOUSE, now=after, reconciliation_id=decision.pk, reason="Deux sœurs")
    assert found(system, both + since) == [katiana.pk, double.pk]


def test_a_chain_counts_for_all(system, world, open_to_office, katiana, double, merged):  # noqa: F811
    last = open_to_office(world.register(birth_family="Zéphirin", birth_given=["Rose"]))
    before = read(system, double)["meta"]["versionId"]
    decision = merge(katiana, last)
    assert int(read(system, double)["meta"]["versionId"]) == int(before) + 1
    operations.undo(actor=HOUSE, now=NOW, reconciliation_id=decision.pk, reason="Deux sœurs")
    assert int(read(system, double)["meta"]["versionId"]) == int(before) + 2
    assert links(read(system, double)) == [("replaced-by", f"Patient/{katiana.pk}")]


def test_a_version_that_never_was_is_not_read(system, katiana):  # noqa: F811
    for version in ("2", "0", "1-m12", "x" * 70, "1%27"):
        assert system.get(f"/Patient/{katiana.pk}/_history/{version}").status_code == 404


def test_a_history_takes_five_statements_whatever_its_length(system, katiana, double):  # noqa: F811
    def asked():
        with CaptureQueriesContext(connection) as caught:
            assert system.get(f"/Patient/{katiana.pk}/_history").status_code == 200
        return len([each for each in caught if "SAVEPOINT" not in each["sql"]])

    before = asked()
    decision = merge(double, katiana)
    operations.undo(actor=HOUSE, now=NOW, reconciliation_id=decision.pk, reason="Deux sœurs")
    assert before == asked() == 5


def test_a_stranger_reads_neither(stranger, katiana, double, merged):  # noqa: F811
    for each in (katiana, double):
        for path in ("", "/_history", "/_history/1", "/_history/2"):
            assert stranger.get(f"/Patient/{each.pk}{path}").status_code == 404
    assert found(stranger, f"_id={double.pk}") == []
