"""Hospitals, agents and the house at once, each on a connection of its own: nobody is lost.

The same things happen as in the walks of `test_reconciliation`, by several hands at one time. The
suite crosses a few; `CARBET_CROSSED=5000` as many as one wants, `CARBET_SEED` from another start.
"""

import os
import random
import threading
from dataclasses import dataclass, field

import pytest
from django.db import OperationalError, connection, transaction

from carbet.core import row_security
from carbet.core.operation import UnableTo
from carbet.registries.identity import operations
from carbet.registries.identity.choices import PairState
from carbet.registries.identity.models import LocalIdentity, Pair, Reconciliation
from carbet.registries.identity.operations import moving
from carbet.registries.identity.tests.factories import HOUSE, claire, domain, somebody, told
from carbet.registries.patients import operations as patients
from carbet.registries.patients.models import Patient
from tests.consistency.test_reconciliation import ACTS, Walk, records
from tests.world import NOW

__all__ = ["records"]

pytestmark = pytest.mark.django_db(transaction=True)

CROSSED = int(os.environ.get("CARBET_CROSSED", "120"))
SEED = int(os.environ.get("CARBET_SEED", "1"))
HANDS = 4
# What a worker does with a message that met a fault of the database: again, a few times.
TRIES = 5


def inside():
    """Act as the house, in one transaction."""
    return row_security.acting_as(HOUSE, now=NOW, operation="test")


@dataclass
class Hands:
    """Several hands at one time, each in a thread and on a connection of its own."""

    done: list[object] = field(default_factory=list)
    refused: list[str] = field(default_factory=list)
    faults: list[BaseException] = field(default_factory=list)
    again: int = 0

    def act(self, *acts):
        """Do these at once, and wait for all."""
        gate = threading.Barrier(len(acts))

        def one(act):
            try:
                gate.wait(30)
                self.until_done(act)
            except BaseException as fault:  # noqa: BLE001 - said by the test, in its own thread
                self.faults.append(fault)
            finally:
                connection.close()

        threads = [threading.Thread(target=one, args=(act,)) for act in acts]
        for each in threads:
            each.start()
        for each in threads:
            each.join(120)
        assert not any(each.is_alive() for each in threads), "somebody waits for ever"
        assert self.faults == []
        return self

    def until_done(self, act):
        """Do this in a transaction; a lock that could not be had is asked for again."""
        for left in reversed(range(TRIES)):
            try:
                with inside():
                    self.done.append(act())
            except UnableTo as refusal:
                self.refused.append(refusal.message)
            except OperationalError:
                self.again += 1
                if not left:
                    raise
                continue
            return


def hold(world, records):
    """Check what must always be true, as the walks do."""
    with inside():
        Walk(world, records).hold()


def test_anything_at_once_keeps_everybody(world, records):
    with inside():
        walks = [Walk(world, records) for _ in range(HANDS)]
    rng = random.Random(SEED)
    hands = Hands()
    for _ in range(CROSSED // HANDS):
        steps = [(rng.choice(ACTS), *(rng.randrange(12) for _ in range(3))) for _ in walks]
        hands.act(
            *(
                lambda walk=walk, step=step: getattr(walk, step[0])(*step[1:])
                for walk, step in zip(walks, steps, strict=True)
            )
        )
        hold(world, records)
    assert hands.done, "something was done"


def test_of_two_agents_one_decides_and_the_other_is_told(world):
    with inside():
        chc = domain("chc")
        one, two = told(chc, "1"), told(chc, "2")
        pair = Pair.objects.get()

    def decide(agent, verdict):
        return operations.decide(
            actor=world.actor(agent),
            now=NOW,
            pair_id=pair.pk,
            version=pair.version,
            verdict=verdict,
            reason="Vu",
        )

    hands = Hands().act(
        lambda: decide("identity_agent", "same"), lambda: decide("second_agent", "different")
    )
    assert len(hands.done) == 1
    assert hands.refused[0].startswith("Déjà décidé par")
    with inside():
        said = Pair.objects.get(pk=pair.pk)
        together = (
            LocalIdentity.objects.filter(pk__in=(one.pk, two.pk)).values("regional").distinct()
        )
        assert (said.state == PairState.SAME) == (together.count() == 1)
    hold(world, [])


def test_a_merge_undone_by_two_agents_is_undone_once(world):
    with inside():
        chc = domain("chc")
        told(chc, "1")
        operations.merge_local(actor=HOUSE, now=NOW, domain=chc, survivor="1", absorbed="2")
        merged = Reconciliation.objects.get()

    def undo(agent):
        return operations.undo(
            actor=world.actor(agent), now=NOW, reconciliation_id=merged.pk, reason="Erreur"
        )

    hands = Hands().act(lambda: undo("identity_agent"), lambda: undo("second_agent"))
    assert len(hands.done) == 1
    assert hands.refused == ["Cette décision est déjà annulée."]
    hold(world, [])


@pytest.mark.parametrize("absorbed", ["1", "2", "3"])
def test_a_message_of_merge_while_another_is_undone(world, absorbed):
    """The A40 comes before or after: done, or refused with its reason; nobody in between."""
    with inside():
        chc = domain("chc")
        for number, traits in (("1", claire()), ("2", somebody()), ("3", somebody())):
            told(chc, number, traits)
        operations.merge_local(actor=HOUSE, now=NOW, domain=chc, survivor="1", absorbed="2")
        merged = Reconciliation.objects.get(kind="merge")
    survivor = "3" if absorbed != "3" else "2"
    hands = Hands().act(
        lambda: operations.undo(
            actor=world.actor("identity_agent"),
            now=NOW,
            reconciliation_id=merged.pk,
            reason="Erreur",
        ),
        lambda: operations.merge_local(
            actor=HOUSE, now=NOW, domain=chc, survivor=survivor, absorbed=absorbed
        ),
    )
    assert hands.done
    assert len(hands.done) + len(hands.refused) == 2
    hold(world, [])


def crossing(monkeypatch, first, second):
    """Stop the first where it would ask for the lock of moves, until the second holds it."""
    true, held, main = moving.lock_moves, threading.Event(), {}

    def lock_moves():
        if threading.current_thread().name == "first" and not main.get("met"):
            main["met"] = True
            held.wait(1.5)
        true()
        if threading.current_thread().name == "second":
            held.set()

    monkeypatch.setattr(moving, "lock_moves", lock_moves)

    def named(name, act):
        def run():
            threading.current_thread().name = name
            return act()

        return run

    return Hands().act(named("first", first), named("second", second))


def test_a_number_told_and_said_apart_for_the_first_time_at_once(world, monkeypatch):
    with inside():
        chc = domain("chc")
    hands = crossing(
        monkeypatch,
        lambda: told(chc, "9"),
        lambda: operations.unlink(actor=HOUSE, now=NOW, domain=chc, first="1", second="9"),
    )
    assert (len(hands.done), hands.again) == (2, 0)
    hold(world, [])


def test_a_number_told_while_it_is_merged_by_a_message_that_tells_the_other(world, monkeypatch):
    with inside():
        chc = domain("chc")
    hands = crossing(
        monkeypatch,
        lambda: told(chc, "2"),
        lambda: operations.merge_local(
            actor=HOUSE, now=NOW, domain=chc, survivor="1", absorbed="2", traits=claire()
        ),
    )
    assert (len(hands.done), hands.again) == (2, 0)
    hold(world, [])


def test_a_record_corrected_while_the_cell_sees_a_document(world, records, monkeypatch):
    with inside():
        row = LocalIdentity.objects.get(patient_id=records[0])
        patient = Patient.objects.get(pk=records[0])
    hands = crossing(
        monkeypatch,
        lambda: patients.update_patient(
            actor=HOUSE,
            now=NOW,
            patient=patient,
            version=patient.version,
            changes={"birth_place_name": "Saül"},
        ),
        lambda: operations.prove_identity(
            actor=world.actor("identity_agent"), now=NOW, identity_id=row.pk, kind="PA"
        ),
    )
    assert (len(hands.done) + len(hands.refused), hands.again) == (2, 0)
    hold(world, records)


def test_what_is_no_trait_is_written_while_a_trait_is(world, records):
    with inside():
        patient = Patient.objects.get(pk=records[0])

    def write(**changes):
        with transaction.atomic():
            return patients.update_patient(
                actor=HOUSE,
                now=NOW,
                patient=patient,
                version=Patient.objects.get(pk=patient.pk).version,
                changes=changes,
            )

    for city in ("Saül", "Kourou", "Saint-Élie"):
        hands = Hands().act(lambda: write(language="srn"), lambda city=city: write(city=city))
        assert hands.done
        assert hands.again == 0
    hold(world, records)
