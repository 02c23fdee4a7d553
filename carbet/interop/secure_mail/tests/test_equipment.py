"""The rate of professionals with a secure mailbox: who counts, and how it is narrowed."""

import pytest
from django.urls import reverse

from carbet.interop.secure_mail import queries
from carbet.registries.directory.fhir.reading.red_list import address_fingerprint
from carbet.registries.directory.models import PractitionerRole, SecureMailbox

pytestmark = pytest.mark.django_db


@pytest.fixture
def bare(world):
    """Return a world where nobody has a mailbox."""
    PractitionerRole.objects.update(secure_email="")
    return world


def counted(world, **narrowed):
    whole, by_profession, by_commune = queries.equipment(now=world.now, **narrowed)
    return whole, {row.key: row for row in by_profession}, {row.key: row for row in by_commune}


def test_who_has_a_mailbox_counts_once_however_it_is_said(bare):
    whole, *_ = counted(bare)
    # Doctors, nurses and physiotherapists: neither social workers nor secretaries.
    assert (whole.total, whole.equipped, whole.percent) == (5, 0, 0.0)
    bare.roles["gp"].secure_email = "gp@cabinet.mssante.example"
    bare.roles["gp"].save()
    SecureMailbox.objects.create(practitioner=bare.roles["gp"].practitioner, fingerprint="a" * 64)
    SecureMailbox.objects.create(
        role=bare.roles["nurse"], red_list=True, fingerprint=address_fingerprint("x@y")
    )
    whole, by_profession, by_commune = counted(bare)
    assert (whole.equipped, whole.percent) == (2, 40.0)
    assert (by_profession["10"].total, by_profession["10"].equipped) == (2, 1)
    assert (by_commune["97307"].total, by_commune["97307"].equipped) == (3, 2)
    assert (by_commune["97304"].total, by_commune["97304"].equipped) == (2, 0)


def test_a_profession_or_a_commune_narrows_the_other(bare):
    whole, by_profession, by_commune = counted(bare, profession="10", commune="97304")
    assert (whole.total, set(by_profession), set(by_commune)) == (1, {"10"}, {"97304"})


def test_whoever_left_does_not_count(bare):
    bare.roles["nurse"].ended_at = bare.now
    bare.roles["nurse"].save()
    assert counted(bare)[0].total == 4


@pytest.mark.parametrize("query", ["", "?profession=10", "?commune=97307", "?profession=%00"])
def test_the_region_reads_it(bare, sign_in, query, django_assert_max_num_queries):
    client = sign_in(bare.accounts["agency"], role=bare.roles["agency"])
    with django_assert_max_num_queries(8 + 2):
        page = client.get(reverse("secure_mail:equipment") + query).content.decode()
    assert "26,6 %" in page
