"""Two agents who decide, and two lines that tell, in the same instant: real threads and commits."""

import threading

import pytest
from django.db import connection

from carbet.core import row_security
from carbet.core.operation import UnableTo
from carbet.registries.identity import operations
from carbet.registries.identity.models import LocalIdentity, Pair, Reconciliation
from carbet.registries.identity.tests.factories import HOUSE, claire, domain, somebody, told
from tests.world import NOW

pytestmark = pytest.mark.django_db(transaction=True)


def seen(model):
    with row_security.acting_as(HOUSE, now=NOW):
        return list(model.objects.order_by("pk"))


def at_once(*acts):
    """Do all of these in the same instant. Return what each one came to: "done", or its refusal."""
    gate, came = threading.Barrier(len(acts)), {}

    def run(rank, act):
        gate.wait(10)
        try:
            act()
            came[rank] = "done"
        except UnableTo as refusal:
            came[rank] = refusal.message
        finally:
            connection.close()

    threads = [threading.Thread(target=run, args=each) for each in enumerate(acts)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    return [came[rank] for rank in range(len(acts))]


@pytest.mark.parametrize("verdicts", [("same", "different"), ("same", "same")])
def test_of_two_agents_who_decide_at_once_one_is_told_of_the_other(world, verdicts):
    told(domain("chc"), "1", claire(birth_given=("CLAIRE",)))
    told(domain("chog"), "1", claire(birth_given=("CLÉA",), birth_family="RÉJIS"))
    [pair] = seen(Pair)
    agents = [world.actor("identity_agent"), world.actor("second_agent")]

    def decide(agent, verdict):
        return lambda: operations.decide(
            actor=agent, now=NOW, pair_id=pair.pk, version=pair.version, verdict=verdict
        )

    came = at_once(*map(decide, agents, verdicts))
    assert came.count("done") == 1
    [refusal] = [each for each in came if each != "done"]
    assert refusal.startswith("Déjà décidé par")
    [after] = seen(Pair)
    assert after.state == verdicts[came.index("done")]
    one, two = seen(LocalIdentity)
    assert (one.regional_id == two.regional_id) == (after.state == "same")
    assert len(seen(Reconciliation)) == (after.state == "same")


def test_of_two_who_undo_at_once_one_is_refused(world):
    place = domain("chc")
    told(place, "1")
    told(place, "2", somebody())
    operations.merge_local(actor=HOUSE, now=NOW, domain=place, survivor="1", absorbed="2")
    [decision] = seen(Reconciliation)

    def undo(agent):
        return lambda: operations.undo(
            actor=world.actor(agent), now=NOW, reconciliation_id=decision.pk, reason="Erreur"
        )

    came = at_once(undo("identity_agent"), undo("second_agent"))
    assert sorted(came) == ["Cette décision est déjà annulée.", "done"]
    assert len(seen(Reconciliation)) == 2


def test_merges_that_cross_at_once_make_no_loop(world):
    place = domain("chc")
    for number in ("1", "2"):
        told(place, number)

    def merge(kept, gone):
        return lambda: operations.merge_local(
            actor=HOUSE, now=NOW, domain=place, survivor=kept, absorbed=gone
        )

    came = at_once(merge("1", "2"), merge("2", "1"))
    assert sorted(each == "done" for each in came) == [False, True]
    assert sorted(row.state for row in seen(LocalIdentity)) == ["active", "merged"]


def test_one_number_told_by_two_lines_at_once_is_one_identity():
    place = domain("chc")
    came = at_once(*(lambda: told(place, "7") for _ in range(3)))
    assert came == ["done"] * 3
    [row] = seen(LocalIdentity)
    assert (row.number, row.version) == ("7", 1)
