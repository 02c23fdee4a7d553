"""The night finds what no single search had brought together, resumes, and says what is new."""

import sys
from io import StringIO

import pytest
from django.core.management import CommandError, call_command

from carbet.core import row_security
from carbet.registries.identity.management.commands import deduplicate
from carbet.registries.identity.models import LocalIdentity, Pair, Reconciliation
from carbet.registries.identity.operations import night, recording
from carbet.registries.identity.tests.factories import HOUSE, claire, domain, told
from tests.world import NOW

pytestmark = pytest.mark.django_db


@pytest.fixture
def apart(world, monkeypatch, settings, tmp_path):
    """Identities that nobody compared when they came: Claire twice, and once misspelt."""
    settings.STATE_DIR = tmp_path
    monkeypatch.setattr("carbet.core.clock.now", lambda: NOW)
    with monkeypatch.context() as patch:
        patch.setattr(recording, "reconcile", lambda row, **_: None)
        return [
            told(domain("chc"), "1"),
            told(domain("chog"), "2"),
            told(domain("ght"), "3", claire(birth_given=("CLARE",), used_family="")),
        ]


def run(*options):
    said = StringIO()
    call_command("deduplicate", *options, stdout=said)
    return said.getvalue()


def everything(model):
    with row_security.acting_as(HOUSE, now=NOW):
        return list(model.objects.all())


def test_the_certain_are_linked_the_doubtful_asked_and_the_next_night_is_quiet(apart, tmp_path):
    said = run()
    assert "rapprochées : 1" in said
    # The doubtful one was asked about while the certain one was linked.
    assert "déjà connues : 2" in said
    groups = {row.pk: row.regional_id for row in everything(LocalIdentity)}
    one, two, three = (groups[row.pk] for row in apart)
    assert one == two != three
    [pair] = everything(Pair)
    assert apart[2].pk in (pair.first_id, pair.second_id)
    assert any("Prénoms presque identiques" in part[3] for part in pair.explanation)
    [decision] = everything(Reconciliation)
    assert decision.automatic
    # No trait stays on the disk, numbers and weights only.
    assert sorted(path.name for path in (tmp_path / "deduplication").iterdir()) == [
        "last",
        "last_began",
    ]
    again = run()
    assert "nouvelles paires : 0 ; disparues depuis la dernière nuit : 0" in again
    assert len(everything(Pair)) == 1


def test_a_dry_run_says_the_difference_and_tells_nobody(apart):
    assert "nouvelles paires : 3" in run("--dry-run")
    assert everything(Pair) == everything(Reconciliation) == []


def test_an_interrupted_night_goes_on_where_it_was(apart, monkeypatch):
    with monkeypatch.context() as patch:
        patch.setattr(deduplicate.Night, "compare", lambda self, **_: 1 / 0)
        with pytest.raises(ZeroDivisionError):
            run()
    with monkeypatch.context() as patch:
        calls = []

        def interrupted(**named):
            calls.append(named)
            if len(calls) == 2:
                raise ConnectionError
            return look(**named)

        look = night.look_at_pair
        patch.setattr(night, "look_at_pair", interrupted)
        with pytest.raises(ConnectionError):
            run()
    said = run()
    assert "reprise de la nuit" in said
    assert "identités écrites" not in said
    assert "paires comparées" not in said
    assert len(everything(Pair)) == 1


def test_only_newcomers_are_compared_once_a_night_was_whole(apart, monkeypatch):
    run()
    with monkeypatch.context() as patch:
        patch.setattr(recording, "reconcile", lambda row, **_: None)
        late = told(domain("labo"), "9", now=NOW.replace(hour=23))
    said = run()
    assert "nouvelles paires : 3" in said
    groups = {row.pk: row.regional_id for row in everything(LocalIdentity)}
    assert groups[late.pk] == groups[apart[0].pk]


def test_what_is_missing_is_said(apart, monkeypatch):
    monkeypatch.setitem(sys.modules, "splink", None)
    with pytest.raises(CommandError, match="groupe « batch »"):
        run()


def test_what_spark_needs_is_said(apart, monkeypatch):
    monkeypatch.setattr(deduplicate.importlib.util, "find_spec", lambda name: None)
    with pytest.raises(CommandError, match="groupe « spark »"):
        run("--engine", "spark")
