"""Records merged, split and undone in any order allowed: every row of every table goes back.

The suite walks a short way; `CARBET_MERGES=5000` as far as one wants, `CARBET_SEED` from another
start.
"""

import os
import random
from datetime import timedelta

import pytest
from django.db import transaction

from carbet.coordination.notebook.models import Note
from carbet.core import row_security
from carbet.core.operation import UnableTo
from carbet.registries.identity import operations
from carbet.registries.identity.choices import UNDOABLE
from carbet.registries.identity.models import LocalIdentity, Pair, Reconciliation
from carbet.registries.identity.operations.deciding import merge_records
from carbet.registries.identity.tests.factories import HOUSE
from carbet.registries.patients.models import Patient
from tests.consistency import scene as scenes
from tests.consistency.test_merged_records import assert_back, everything

pytestmark = pytest.mark.django_db

MERGES = int(os.environ.get("CARBET_MERGES", "40"))
SEED = int(os.environ.get("CARBET_SEED", "1"))
A_WALK = 20


class _Back(Exception):
    """Takes a walk back."""


class Walk:
    """Three full records and an empty one, in which agents merge, part and undo."""

    def __init__(self, scene, rng):
        self.world, self.rng, self.now = scene.world, rng, scene.world.now
        with self.inside():
            other = scenes.build_other(scene)
            also = scenes.build_other(scene)
            notes = Note.objects.filter(pk__in=(other["note_id"], also["note_id"]))
            others = list(notes.values_list("patient_id", flat=True))
        empty = self.world.register(birth_family="Neuve", used_family="").pk
        self.records = [scene.patient_id, *others, empty]
        self.said = []

    def inside(self):
        return row_security.acting_as(HOUSE, now=self.now, operation="test")

    def picture(self):
        return everything(*self.records)

    def go(self):
        """Do one thing that is allowed, and say which."""
        self.now += timedelta(hours=1)
        act = self.rng.choice((self.merge, self.merge, self.apart, self.undo))
        before = self.picture()
        try:
            decisions = act()
        except UnableTo:
            assert self.picture() == before, "a refusal moved something"
            return
        if decisions and self.rng.random() < 0.5:
            # At once undone, everything is as before.
            for each in decisions:
                self.take_back(each)
            assert_back(before, self.picture())

    def _two(self):
        found = list(LocalIdentity.objects.filter(patient__in=self.records).order_by("pk"))
        return self.rng.sample(found, 2)

    def since(self, latest):
        """Return what was decided since and can be undone, the latest first."""
        return list(Reconciliation.objects.filter(pk__gt=latest, kind__in=UNDOABLE).order_by("-pk"))

    def latest(self):
        return Reconciliation.objects.order_by("-pk").values_list("pk", flat=True).first() or 0

    def merge(self):
        """Merge one record into another, as two agents do."""
        with self.inside():
            latest, (stays, goes) = self.latest(), self._two()
            merge_records(stays=stays, goes=goes, actor=HOUSE, now=self.now, reason="Doublon")
            return self.since(latest)

    def apart(self):
        """Say two to be two persons; what was said is taken back before the next thing."""
        with self.inside():
            latest, (one, two) = self.latest(), self._two()
            if one.regional_id != two.regional_id:
                return []
            operations.keep_apart(
                actor=HOUSE, now=self.now, first_id=one.pk, second_id=two.pk, reason="Sœurs"
            )
            self.forget()
            done = self.since(latest)
            # A merge undone on the way is not done again by undoing what came after.
            undone = Reconciliation.objects.filter(pk__gt=latest, undoes__isnull=False).exists()
            return [] if undone else done

    def undo(self):
        """Undo any decision that stands, in any order; refused under a later one."""
        with self.inside():
            standing = list(self.standing())
            if standing:
                self.take_back(self.rng.choice(standing))
            return []

    def standing(self):
        return Reconciliation.objects.filter(kind__in=UNDOABLE, undone_by=None).order_by("-pk")

    def take_back(self, decision):
        operations.undo(
            actor=HOUSE, now=self.now, reconciliation_id=decision.pk, reason="Décidé à tort"
        )
        with self.inside():
            self.forget()

    def forget(self):
        """Let the same two be merged again: a walk would soon have nothing left to merge."""
        for pair in Pair.objects.filter(state="different").select_related("reconciliation"):
            if pair.reconciliation is None or pair.reconciliation.kind not in UNDOABLE:
                operations.reopen(actor=HOUSE, now=self.now, pair_id=pair.pk, reason="À revoir")

    def home(self):
        """Undo all that stands, the latest first."""
        with self.inside():
            while (last := self.standing().first()) is not None:
                self.take_back(last)
            assert not Patient.objects.filter(pk__in=self.records, active=False).exists()


def test_merged_and_undone_in_any_order_every_row_goes_back(world):
    scene = scenes.build(world)
    for walk_number in range(max(1, MERGES // A_WALK)):
        seed = f"{SEED}.{walk_number}"
        try:
            with transaction.atomic():
                walk = Walk(scene, random.Random(seed))
                at_first = walk.picture()
                for _ in range(A_WALK):
                    walk.go()
                walk.home()
                assert_back(at_first, walk.picture())
                raise _Back
        except _Back:
            row_security.entered(None)
        except Exception as fault:
            fault.add_note(f"walk {seed}")
            raise
