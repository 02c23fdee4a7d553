"""What domains tell, in any order, twice and late: nothing lost, nobody in two groups."""

from datetime import date, timedelta

import pytest
from django.db import IntegrityError, connection, transaction

from carbet.core import row_security
from carbet.core.models import AuditEvent
from carbet.core.operation import UnableToAct
from carbet.registries.identity import operations, queries
from carbet.registries.identity.choices import PairKind, PairState
from carbet.registries.identity.models import (
    DomainNotice,
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


def merge(place, survivor, absorbed, **more):
    return operations.merge_local(
        actor=HOUSE, now=NOW, domain=place, survivor=survivor, absorbed=absorbed, **more
    )


class TestTelling:
    def test_a_person_met_for_the_first_time_has_a_group_and_a_trace(self, chc):
        row = told(chc, "1")
        assert read(row).regional.active
        trace = AuditEvent.objects.filter(operation="identity.record").get()
        assert trace.entity == f"LocalIdentity/{row.pk}"
        assert "RÉGIS" not in trace.reason

    def test_the_same_message_twice_changes_nothing(self, chc):
        row, again = told(chc, "1"), told(chc, "1")
        assert row.pk == again.pk
        assert read(row).version == 1

    def test_an_older_message_never_overwrites_a_newer_one(self, chc):
        told(chc, "1", claire(city="Matoury"), said_at=NOW)
        row = told(chc, "1", claire(city="Kourou"), said_at=NOW - timedelta(days=1))
        assert read(row).city == "Matoury"

    def test_certain_in_two_hospitals_is_one_person_and_says_why(self, chc):
        one = told(chc, "1")
        other = told(domain("chog"), "77", claire(birth_given=("CLAIRE",)))
        assert read(other).regional_id == read(one).regional_id
        decision = Reconciliation.objects.get()
        assert decision.automatic
        assert decision.weight > 6
        assert ["birth_date", "equal"] in [part[:2] for part in decision.explanation]

    def test_twins_are_left_to_people(self, chc):
        one = told(chc, "1", claire(birth_given=("CLARA",)))
        other = told(domain("chog"), "2", claire(birth_given=("CLÉA",)))
        assert read(one).regional_id != read(other).regional_id
        assert not Reconciliation.objects.exists()

    def test_a_double_in_one_hospital_is_for_people_and_never_linked_alone(self, chc):
        told(chc, "1")
        told(chc, "2")
        pair = Pair.objects.get()
        assert (pair.kind, pair.state) == (PairKind.DOMAIN, PairState.OPEN)
        assert not Reconciliation.objects.exists()

    def test_two_as_alike_as_each_other_are_homonyms_for_people(self, chc):
        one, other = domain("chog"), domain("cdps")
        told(chc, "1")
        with_other = told(one, "2", claire(birth_given=("CLAIRE", "ANNE")))
        operations.keep_apart(
            actor=HOUSE,
            now=NOW,
            first_id=queries.identity(domain=chc, number="1").pk,
            second_id=with_other.pk,
            reason="Deux sœurs",
        )
        third = told(other, "3", claire(birth_given=("CLAIRE",)))
        assert RegionalIdentity.objects.filter(active=True).count() == 3
        assert Pair.objects.filter(second=third, state=PairState.OPEN).count() == 2

    @pytest.mark.parametrize(
        ("change", "field"),
        [
            ({"birth_family": "A" * 300}, "birth_family"),
            ({"birth_family": "RÉ\x00GIS"}, "birth_family"),
            ({"birth_family": "H\x83RARD"}, "birth_family"),
            ({"birth_family": "RÉ\ud800GIS"}, "birth_family"),
            ({"birth_family": "", "used_family": ""}, "birth_family"),
            ({"birth_date": date(2093, 1, 1)}, "birth_date"),
            ({"gender": "elle"}, "gender"),
            ({"birth_given": ("A" * 61,)}, "birth_given"),
        ],
    )
    def test_what_cannot_be_kept_is_refused_with_its_field(self, chc, change, field):
        with pytest.raises(operations.UnableToRecordIdentity) as refused:
            told(chc, "1", claire(**change))
        assert refused.value.field == field
        assert not LocalIdentity.objects.exists()

    @pytest.mark.parametrize("number", ["", "   ", "1" * 101, "1\x002"])
    def test_a_number_that_cannot_be_kept_is_refused(self, chc, number):
        with pytest.raises(operations.UnableToRecordIdentity):
            told(chc, number)

    def test_x_who_says_to_be_is_doubtful_and_never_linked(self, chc):
        told(chc, "1")
        row = told(domain("chog"), "2", claire(birth_family="X se disant Régis"))
        assert "DOUT" in read(row).attributes
        assert not Reconciliation.objects.exists()

    def test_a_newborn_without_given_name_is_kept_and_never_linked_alone(self, chc):
        row = told(chc, "1", claire(birth_given=("Bébé",), birth_date=date(2026, 11, 20)))
        twin = told(
            domain("chog"), "2", claire(birth_given=("Bébé",), birth_date=date(2026, 11, 20))
        )
        assert read(row).birth_given == []
        assert read(row).regional_id != read(twin).regional_id

    def test_another_person_under_a_known_number_waits_for_people(self, chc):
        row = told(chc, "1", identity_checked := claire(ins_recovered=True, identity_checked=True))
        assert read(row).ins_may_leave
        told(chc, "1", somebody())
        kept = read(row)
        assert kept.birth_family == identity_checked.birth_family
        assert not kept.ins_may_leave, "doubt stops the INS"
        pair = Pair.objects.get()
        assert (pair.kind, pair.second, pair.told["birth_family"]) == (
            PairKind.COLLISION,
            None,
            "KWASI",
        )
        told(chc, "1", somebody())
        assert Pair.objects.count() == 1
        assert DomainNotice.objects.count() == 1

    def test_only_its_own_systems_speak_for_a_domain(self, chc, world):
        with pytest.raises(UnableToAct):
            operations.record_local_identity(
                actor=world.actor("gp"), now=NOW, domain=chc, number="1", traits=claire()
            )


class TestMerging:
    def test_a_merge_follows_and_is_written(self, chc):
        told(chc, "1")
        told(chc, "2")
        merge(chc, "1", "2", key="m1")
        gone = queries.identity(domain=chc, number="2")
        assert queries.survivor_of(gone).number == "1"
        assert Pair.objects.get().state == PairState.SAME
        assert RegionalIdentity.objects.filter(active=True).count() == 1

    def test_the_same_merge_twice_is_one(self, chc):
        told(chc, "1")
        told(chc, "2")
        merge(chc, "1", "2", key="m1")
        merge(chc, "1", "2", key="m1")
        merge(chc, "1", "2", key="m2")
        assert Reconciliation.objects.count() == 1

    def test_numbers_never_heard_of_are_kept_until_their_own_message(self, chc):
        merge(chc, "1", "2")
        told(chc, "2", claire(city="Kourou"))
        told(chc, "1", claire(city="Matoury"))
        gone = queries.identity(domain=chc, number="2")
        assert (gone.city, queries.survivor_of(gone).city) == ("Kourou", "Matoury")
        assert RegionalIdentity.objects.filter(active=True).count() == 1

    def test_a_loop_is_refused_with_its_reason_and_nothing_moves(self, chc):
        merge(chc, "1", "2")
        merge(chc, "3", "1")
        with pytest.raises(operations.UnableToMerge, match="boucle"):
            merge(chc, "2", "3")
        assert Reconciliation.objects.count() == 2

    def test_a_number_merged_elsewhere_is_refused(self, chc):
        merge(chc, "1", "2")
        with pytest.raises(operations.UnableToMerge, match="déjà été fusionné avec 1"):
            merge(chc, "3", "2")

    def test_itself_is_refused(self, chc):
        with pytest.raises(operations.UnableToMerge):
            merge(chc, "1", " 1 ")

    def test_what_people_said_different_no_message_merges(self, chc):
        one, two = told(chc, "1"), told(chc, "2")
        operations.keep_apart(
            actor=HOUSE, now=NOW, first_id=one.pk, second_id=two.pk, reason="Jumelles"
        )
        with pytest.raises(operations.UnableToMerge, match="deux personnes différentes"):
            merge(chc, "1", "2")

    def test_undone_every_row_is_as_before(self, chc):
        told(chc, "1")
        told(chc, "2", somebody())
        before = list(LocalIdentity.objects.order_by("pk").values())
        groups = list(RegionalIdentity.objects.order_by("pk").values())
        merge(chc, "1", "2")
        decision = Reconciliation.objects.get()
        operations.undo(actor=HOUSE, now=NOW, reconciliation_id=decision.pk, reason="Erreur")
        assert list(LocalIdentity.objects.order_by("pk").values()) == before
        assert list(RegionalIdentity.objects.order_by("pk").values()) == groups
        with pytest.raises(operations.UnableToUndo, match="déjà annulée"):
            operations.undo(actor=HOUSE, now=NOW, reconciliation_id=decision.pk, reason="Encore")

    def test_a_decision_under_a_later_one_waits_for_it(self, chc):
        merge(chc, "1", "2")
        merge(chc, "3", "1")
        first, second = Reconciliation.objects.order_by("pk")
        with pytest.raises(operations.UnableToUndo, match="plus récente"):
            operations.undo(actor=HOUSE, now=NOW, reconciliation_id=first.pk, reason="Erreur")
        operations.undo(actor=HOUSE, now=NOW, reconciliation_id=second.pk, reason="Erreur")
        operations.undo(actor=HOUSE, now=NOW, reconciliation_id=first.pk, reason="Erreur")
        assert RegionalIdentity.objects.filter(active=True).count() == 3

    def test_an_automatic_link_undone_is_never_made_again(self, chc):
        one = told(chc, "1")
        place = domain("chog")
        other = told(place, "2")
        decision = Reconciliation.objects.get()
        operations.undo(actor=HOUSE, now=NOW, reconciliation_id=decision.pk, reason="Homonymes")
        told(place, "2", claire(city="Cayenne"))
        assert read(one).regional_id != read(other).regional_id
        assert Pair.objects.get().state == PairState.DIFFERENT


class TestKeepingApart:
    def test_reopened_no_machine_answers_in_place_of_people(self, chc):
        place = domain("chog")
        one = told(chc, "1")
        other = told(place, "2")
        decision = Reconciliation.objects.get()
        operations.undo(actor=HOUSE, now=NOW, reconciliation_id=decision.pk, reason="Homonymes")
        pair = Pair.objects.get()
        operations.reopen(actor=HOUSE, now=NOW, pair_id=pair.pk, reason="À revoir")
        told(place, "2", claire(city="Cayenne"))
        assert read(one).regional_id != read(other).regional_id
        assert Pair.objects.get().state == PairState.OPEN

    def test_two_numbers_merged_into_a_third(self, chc):
        for number in "123":
            told(chc, number)
        merge(chc, "1", "2")
        merge(chc, "1", "3")
        two, three = (queries.identity(domain=chc, number=n) for n in "23")
        operations.keep_apart(
            actor=HOUSE, now=NOW, first_id=two.pk, second_id=three.pk, reason="Jumelles"
        )
        assert read(two).regional_id != read(three).regional_id
        assert read(three).survivor_id is None

    def test_undone_with_the_separation_the_question_waits_again(self, chc):
        place = domain("chog")
        one = told(place, "1")
        told(chc, "2")
        merge(chc, "2", "3")
        three = queries.identity(domain=chc, number="3")
        assert read(one).regional_id == read(three).regional_id
        operations.keep_apart(
            actor=HOUSE, now=NOW, first_id=one.pk, second_id=three.pk, reason="Jumelles"
        )
        parted = Reconciliation.objects.get(kind="unlink")
        operations.undo(actor=HOUSE, now=NOW, reconciliation_id=parted.pk, reason="Erreur")
        assert read(one).regional_id == read(three).regional_id
        assert not Pair.objects.filter(state=PairState.DIFFERENT).exists()


class TestOtherMessages:
    def test_link_then_unlink(self, chc):
        told(chc, "1")
        told(chc, "2", somebody())
        link = operations.link(actor=HOUSE, now=NOW, domain=chc, first="1", second="2")
        assert link is not None
        assert operations.link(actor=HOUSE, now=NOW, domain=chc, first="2", second="1") is None
        operations.unlink(actor=HOUSE, now=NOW, domain=chc, first="1", second="2")
        assert RegionalIdentity.objects.filter(active=True).count() == 2
        # Its own word, on which it comes back.
        again = operations.link(actor=HOUSE, now=NOW, domain=chc, first="1", second="2")
        assert again is not None
        assert RegionalIdentity.objects.filter(active=True).count() == 1

    def test_another_domain_does_not_come_back_on_it(self, chc):
        told(chc, "1")
        told(chc, "2", somebody())
        other = domain("chog")
        told(other, "3", somebody(birth_family="BRIAND", birth_given=("ODILE",)))
        operations.unlink(actor=HOUSE, now=NOW, domain=chc, first="1", second="2")
        operations.link(
            actor=HOUSE, now=NOW, domain=other, first="3", second_domain=chc, second="1"
        )
        with pytest.raises(operations.SaidDifferent):
            operations.link(
                actor=HOUSE, now=NOW, domain=other, first="3", second_domain=chc, second="2"
            )

    def test_undone_its_word_is_a_question_again(self, chc):
        told(chc, "1")
        told(chc, "2", somebody())
        said = operations.unlink(actor=HOUSE, now=NOW, domain=chc, first="1", second="2")
        operations.undo(actor=HOUSE, now=NOW, reconciliation_id=said.pk, reason="Erreur")
        assert Pair.objects.get().state == PairState.OPEN

    def test_unlinking_a_merge_undoes_it(self, chc):
        merge(chc, "1", "2")
        operations.unlink(actor=HOUSE, now=NOW, domain=chc, first="1", second="2")
        assert queries.identity(domain=chc, number="2").survivor_id is None
        assert RegionalIdentity.objects.filter(active=True).count() == 2

    def test_unlinking_before_anything_is_remembered(self, chc):
        operations.unlink(actor=HOUSE, now=NOW, domain=chc, first="1", second="2")
        told(chc, "1")
        told(chc, "2")
        assert Pair.objects.get().state == PairState.DIFFERENT

    def test_another_number_and_late_messages_under_the_former_one(self, chc):
        row = told(chc, "1")
        operations.change_local_number(actor=HOUSE, now=NOW, domain=chc, former="1", current="9")
        operations.change_local_number(actor=HOUSE, now=NOW, domain=chc, former="1", current="9")
        assert read(row).number == "9"
        told(chc, "1", claire(city="Kourou"), said_at=NOW - timedelta(days=2))
        assert queries.survivor_of(queries.identity(domain=chc, number="1")).pk == row.pk
        assert Reconciliation.objects.count() == 1

    def test_a_number_changed_before_its_traits_came(self, chc):
        operations.change_local_number(actor=HOUSE, now=NOW, domain=chc, former="1", current="9")
        told(chc, "1")
        assert queries.identity(domain=chc, number="9").birth_family == "RÉGIS"

    def test_and_back_again(self, chc):
        row = told(chc, "1")
        for former, current in (("1", "9"), ("9", "1"), ("1", "9")):
            operations.change_local_number(
                actor=HOUSE, now=NOW, domain=chc, former=former, current=current
            )
            assert read(row).number == current

    def test_somebody_else_s_number_expects_a_merge(self, chc):
        told(chc, "1")
        told(chc, "2", somebody())
        with pytest.raises(operations.UnableToMerge, match="fusion est attendue"):
            operations.change_local_number(
                actor=HOUSE, now=NOW, domain=chc, former="1", current="2"
            )


def at_once(*, pk, **values):
    """Change a row behind the operations' back, and ask PostgreSQL at once what it thinks."""
    with transaction.atomic():
        LocalIdentity.objects.filter(pk=pk).update(**values)
        with connection.cursor() as cursor:
            cursor.execute("SET CONSTRAINTS ALL IMMEDIATE")


class TestHeldByTheDatabase:
    def test_no_group_in_use_is_left_empty(self, chc):
        one, two = told(chc, "1"), told(chc, "2", somebody())
        with pytest.raises(IntegrityError, match="group in use"):
            at_once(pk=one.pk, regional=read(two).regional_id)

    def test_a_merged_identity_stands_with_its_survivor(self, chc):
        one, two = told(chc, "1"), told(chc, "2", somebody())
        with pytest.raises(IntegrityError, match="stands_with_its_survivor"):
            at_once(pk=two.pk, survivor=one, state="merged")

    def test_no_chain_of_merges_loops(self, chc):
        merge(chc, "1", "2")
        one, two = (queries.identity(domain=chc, number=n) for n in "12")
        with pytest.raises(IntegrityError, match="loops"):
            at_once(pk=one.pk, survivor=two, state="merged")
