"""What people said stands through merges, splits and undoings; nothing is lost by the way."""

import pytest
from django.db import IntegrityError, connection, transaction

from carbet.core import row_security
from carbet.registries.identity import operations, queries
from carbet.registries.identity.choices import PairState, ReconciliationKind
from carbet.registries.identity.models import (
    LocalIdentity,
    Pair,
    Reconciliation,
    RegionalIdentity,
)
from carbet.registries.identity.tests.factories import HOUSE, claire, domain, somebody, told
from tests.world import NOW

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def inside(db):
    """See every row, as the house does."""
    with row_security.acting_as(HOUSE, now=NOW, operation="test"):
        yield


@pytest.fixture
def chc():
    return domain("chc")


def read(row):
    return LocalIdentity.objects.get(pk=row.pk)


def link(place, first, second, **more):
    return operations.link(actor=HOUSE, now=NOW, domain=place, first=first, second=second, **more)


def merge(place, survivor, absorbed):
    operations.merge_local(actor=HOUSE, now=NOW, domain=place, survivor=survivor, absorbed=absorbed)
    return Reconciliation.objects.order_by("-pk")[0]


def apart(one, other):
    return operations.keep_apart(
        actor=HOUSE, now=NOW, first_id=one.pk, second_id=other.pk, reason="Jumelles"
    )


def undo(decision):
    return operations.undo(
        actor=HOUSE, now=NOW, reconciliation_id=decision.pk, reason="Décidé à tort"
    )


def split(pair, actor):
    operations.decide(
        actor=actor,
        now=NOW,
        pair_id=pair.pk,
        version=pair.version,
        verdict="different",
        reason="Deux personnes",
    )
    return Reconciliation.objects.get(kind=ReconciliationKind.SPLIT, undone_by=None)


def question(row):
    return Pair.objects.get(first=row, second=None, state=PairState.OPEN)


def left_alone(chc):
    """Merge the third number, linked to the second, into the first, that is not the second."""
    one, two, three = (told(chc, number, somebody()) for number in "123")
    link(chc, "2", "3")
    apart(one, two)
    return one, two, three, merge(chc, "1", "3")


class TestUndoingAMerge:
    def test_what_comes_back_beside_somebody_else_said_since_is_set_apart(self, chc):
        one, two, three, merged = left_alone(chc)
        apart(two, three)
        undo(merged)
        assert len({read(row).regional_id for row in (one, two, three)}) == 3
        parted = Reconciliation.objects.get(kind=ReconciliationKind.UNLINK)
        assert parted.reason == "Deux personnes, comme il a été dit depuis."
        assert {parted.first_id, parted.second_id} == {two.pk, three.pk}

    def test_and_by_the_word_that_undoes_it(self, chc):
        one, two, three, _ = left_alone(chc)
        apart(two, three)
        assert apart(one, three).state == PairState.DIFFERENT
        assert len({read(row).regional_id for row in (one, two, three)}) == 3

    def test_without_such_a_word_it_goes_back_where_it_was(self, chc):
        one, two, three, merged = left_alone(chc)
        undo(merged)
        assert read(three).regional_id == read(two).regional_id != read(one).regional_id

    def test_where_it_was_is_emptied_since(self, chc):
        _, two, three, merged = left_alone(chc)
        told(chc, "4", somebody())
        later = link(chc, "4", "2")
        with pytest.raises(operations.UnableToUndo, match="plus récente"):
            undo(merged)
        undo(later)
        undo(merged)
        assert read(three).regional_id == read(two).regional_id

    def test_once_undone_the_question_may_be_asked_again(self, chc):
        one, two = told(chc, "1"), told(chc, "2")
        undo(merge(chc, "1", "2"))
        pair = Pair.objects.get()
        assert pair.state == PairState.DIFFERENT
        operations.reopen(actor=HOUSE, now=NOW, pair_id=pair.pk, reason="Même carte d’identité")
        merge(chc, "1", "2")
        assert read(one).regional_id == read(two).regional_id

    def test_said_of_the_number_between_it_is_remembered_of_that_number(self, chc):
        told(chc, "1")
        merge(chc, "1", "2")
        merge(chc, "2", "3")
        operations.unlink(actor=HOUSE, now=NOW, domain=chc, first="2", second="3")
        two, three = (queries.identity(domain=chc, number=number) for number in "23")
        assert Pair.objects.get(first=two, second=three).state == PairState.DIFFERENT
        assert read(three).regional_id != read(two).regional_id


class TestLeavingAlone:
    def test_each_link_that_this_breaks_is_asked_of_people(self, chc):
        one, two, three = (told(chc, number, somebody()) for number in "123")
        other = told(domain("chog"), "7", claire())
        link(chc, "2", "3")
        operations.link(
            actor=HOUSE, now=NOW, domain=chc, first="3", second_domain=other.domain, second="7"
        )
        apart(one, two)
        merge(chc, "1", "3")
        assert read(three).regional_id == read(one).regional_id != read(two).regional_id
        assert read(other).regional_id == read(two).regional_id
        for linked in (two, other):
            low, high = sorted((three.pk, linked.pk))
            assert Pair.objects.get(first=low, second=high).state == PairState.OPEN

    def test_the_one_that_people_denied_is_not_asked_again(self, chc):
        one, two = told(chc, "1", somebody()), told(chc, "2", somebody())
        link(chc, "1", "2")
        apart(one, two)
        assert Pair.objects.get(first=one, second=two).state == PairState.DIFFERENT


class TestUndoingALink:
    def test_what_people_linked_since_to_who_goes_waits_for_it(self, chc):
        chog = domain("chog")
        one, two, three = (told(chc, number, somebody()) for number in "123")
        first = link(chc, "1", "2")
        second = operations.link(
            actor=HOUSE, now=NOW, domain=chc, first="2", second_domain=chog, second="7"
        )
        other = link(chc, "1", "3")
        with pytest.raises(operations.UnableToUndo, match="plus récente"):
            undo(first)
        undo(second)
        undo(first)
        assert read(three).regional_id == read(one).regional_id != read(two).regional_id
        assert not Reconciliation.objects.filter(undoes=other).exists()

    def test_what_a_machine_linked_since_is_asked_of_people(self, chc):
        told(chc, "1", somebody())
        two = told(chc, "2")
        first = link(chc, "1", "2")
        other = told(domain("chog"), "7", claire(birth_given=("CLAIRE",)))
        assert Reconciliation.objects.get(automatic=True).first_id == two.pk
        undo(first)
        assert read(other).regional_id != read(two).regional_id
        pair = Pair.objects.get(first=two, second=other)
        assert (pair.state, bool(pair.explanation)) == (PairState.OPEN, True)


class TestANumberAsks:
    def asked(self, chc):
        row = told(chc, "1")
        told(chc, "1", somebody())
        return row, question(row)

    def test_its_split_undone_it_asks_again_and_stops_its_ins(self, chc, world):
        row, pair = self.asked(chc)
        decision = split(pair, world.actor("identity_agent"))
        assert read(row).attributes == []
        undo(decision)
        assert question(row).pk == pair.pk
        assert read(row).attributes == ["COLP", "DOUT"]
        assert not Pair.objects.filter(second__isnull=False, state=PairState.OPEN).exists()

    def test_attributes_told_since_stay(self, chc, world):
        row, pair = self.asked(chc)
        decision = split(pair, world.actor("identity_agent"))
        told(chc, "1", claire(attributes=("HOMA",)))
        undo(decision)
        assert read(row).attributes == ["COLP", "DOUT", "HOMA"]

    def test_one_question_at_a_time_and_the_latest_told(self, chc, world):
        row, pair = self.asked(chc)
        decision = split(pair, world.actor("identity_agent"))
        told(chc, "1", somebody(birth_given=("JOSUÉ",)))
        latest = question(row)
        undo(decision)
        assert question(row).pk == latest.pk != pair.pk
        assert question(row).told["birth_given"] == ["JOSUÉ"]
        pair.refresh_from_db()
        assert (pair.state, pair.reconciliation) == (PairState.REPLACED, None)
        assert read(row).attributes == ["COLP", "DOUT"]


def at_once(*changes):
    """Change rows behind the operations' back, and ask PostgreSQL at once what it thinks.

    Args:
        changes: in turn, what changes and with which values.
    """
    with transaction.atomic():
        for change, values in zip(changes[::2], changes[1::2], strict=True):
            change(**values)
        with connection.cursor() as cursor:
            cursor.execute("SET CONSTRAINTS ALL IMMEDIATE")


class TestHeldByTheDatabase:
    def test_said_different_stand_in_two_groups(self, chc):
        one, two = told(chc, "1"), told(chc, "2", somebody())
        apart(one, two)
        left, there = read(two).regional_id, read(one).regional_id
        with pytest.raises(IntegrityError, match="said different"):
            at_once(
                LocalIdentity.objects.filter(pk=two.pk).update,
                {"regional": there},
                RegionalIdentity.objects.filter(pk=left).update,
                {"active": False},
            )

    def test_nor_are_those_of_one_group_said_different(self, chc):
        one, two = told(chc, "1"), told(chc, "2")
        merge(chc, "1", "2")
        said = Pair.objects.filter(first=one, second=two)
        with pytest.raises(IntegrityError, match="said different"):
            at_once(said.update, {"state": PairState.DIFFERENT})
