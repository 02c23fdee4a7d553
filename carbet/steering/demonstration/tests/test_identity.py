"""The desk is filled once, and shows each kind of question."""

import pytest

from carbet.core import row_security
from carbet.registries.identity.models import Pair, Reconciliation
from carbet.steering.demonstration import following, identity, rights
from carbet.steering.demonstration.story import story_roles
from carbet.steering.demonstration.tests.test_loading import NOW, load

pytestmark = pytest.mark.django_db(transaction=True, databases=["default", "owner"])


def test_the_desk_is_filled_once():
    load(1)
    following.follow(now=NOW, opened=following.open_accounts(now=NOW))
    rights.load(story_roles(), now=NOW)
    identity.load(now=NOW)
    with row_security.acting_as(identity.HOUSE, now=NOW):
        waiting = Pair.objects.filter(state="open")
        kinds = set(waiting.values_list("kind", flat=True))
        assert {"collision", "records", "doubtful"} <= kinds
        assert Reconciliation.objects.filter(kind="merge", automatic=False).count() == 1
        found = Pair.objects.count()
    identity.load(now=NOW)
    with row_security.acting_as(identity.HOUSE, now=NOW):
        assert Pair.objects.count() == found
