"""Whatever the order of messages, decisions and undoings: nobody lost, and every row goes back.

The suite walks a short way; `CARBET_STEPS=100000` walks as far as one wants. A walk that fails is
told whole: `CARBET_WALK="[('tell', 0, 1, 2)]"` walks it again.
"""

import ast
import json
import os
from datetime import timedelta

import pytest
from django.db import connection, transaction
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from carbet.coordination.notebook.models import Note
from carbet.core import row_security
from carbet.core.operation import UnableTo
from carbet.registries.identity import operations
from carbet.registries.identity.choices import CARBET, ReconciliationKind
from carbet.registries.identity.models import (
    IdentityDomain,
    LocalIdentity,
    Pair,
    Reconciliation,
)
from carbet.registries.identity.tests.factories import HOUSE, claire, domain, somebody
from carbet.registries.patients import operations as patients
from carbet.registries.patients.models import Patient
from tests.world import NOW

pytestmark = pytest.mark.django_db

STEPS_A_WALK = 25
STEPS = int(os.environ.get("CARBET_STEPS", "250"))

NUMBERS = ("1", "2", "3")
# The same person well and badly written, her twin, and somebody else.
PEOPLE = (
    claire(),
    claire(birth_given=("CLAIRE",), city="Matoury"),
    claire(birth_family="RÉJIS", birth_given=("CLERE",)),
    claire(birth_given=("CLARA",)),
    somebody(),
    somebody(birth_family="X SE DISANT KWASI"),
)
_small = st.integers(0, 11)
ACTS = (
    *("tell", "merge", "link", "unlink", "renumber", "undo", "decide", "apart", "note", "late"),
    *("edit", "ask", "reopen", "mark"),
)
# What is told of somebody stays told when the links that it made are undone.
SAID = ("tell", "late", "edit", "mark")


class Walk:
    """Two hospitals and Carbet, in which anything happens."""

    def __init__(self, world, records):
        self.world = world
        self.records = records
        self.domains = [domain("chc"), domain("chog")]
        self.now = NOW
        self.done = 0
        self.taken = False

    def go(self, act, a, b, c):
        """Do one thing; a refusal leaves everything as it was."""
        self.now += timedelta(minutes=1)
        before = picture() if c % 3 == 0 else None
        latest = latest_decision()
        self.taken = False
        try:
            getattr(self, act)(a, b, c)
        except UnableTo:
            assert before is None or picture() == before, "a refusal moved something"
        with connection.cursor() as cursor:
            cursor.execute("SET CONSTRAINTS ALL IMMEDIATE")
            cursor.execute("SET CONSTRAINTS ALL DEFERRED")
        self.hold()
        decision = latest_decision()
        undoable = ("link", "unlink", "merge", "split")
        if before is not None and decision and decision != latest and act != "undo":
            made = list(Reconciliation.objects.filter(pk__gt=latest or 0).order_by("-pk"))
            if all(each.kind in undoable for each in made):
                self.undone_is_as_before(made, before, told=act in SAID or self.taken)

    def undone_is_as_before(self, made, before, *, told):
        for each in made:
            operations.undo(actor=HOUSE, now=self.now, reconciliation_id=each.pk, reason="Retour")
        after = picture()
        if told:
            # What was told stays told: only where identities stand comes back.
            before, after = (
                {
                    key: row
                    for key, row in found.items()
                    if key in before and key[0] != "told" and key[1] != "patients_patient"
                }
                for found in (before, after)
            )
        for key, row in before.items():
            found = after[key]
            if key[1] == "patients_patient":
                # Changed and changed back, a record says the same under a later version.
                assert found["version"] >= row["version"], key
                found = found | {name: row[name] for name in ("version", "updated_at")}
            assert found == row, key
        self.hold()

    def hold(self):
        """Check what must always be true."""
        with connection.cursor() as cursor:
            cursor.execute(
                """
                SELECT
                 (SELECT count(*) FROM identity_pair p
                    JOIN identity_localidentity a ON a.id = p.first_id
                    JOIN identity_localidentity b ON b.id = p.second_id
                  WHERE p.state = 'different' AND a.regional_id = b.regional_id),
                 (SELECT count(*) FROM identity_regionalidentity r WHERE r.active <> EXISTS
                    (SELECT 1 FROM identity_localidentity l WHERE l.regional_id = r.id)),
                 (SELECT count(*) FROM identity_localidentity l
                    JOIN identity_localidentity s ON s.id = l.survivor_id
                  WHERE l.regional_id <> s.regional_id OR l.domain_id <> s.domain_id),
                 (SELECT count(*) FROM notebook_note n
                    JOIN identity_localidentity l ON l.patient_id = n.patient_id
                  WHERE l.state = 'merged'),
                 (SELECT count(*) FROM patients_patient p
                    JOIN identity_localidentity l ON l.patient_id = p.id
                  WHERE p.active <> (l.state = 'active')),
                 (SELECT count(*) FROM identity_pair p
                    JOIN identity_localidentity l ON l.id = p.first_id
                  WHERE p.second_id IS NULL AND p.state = 'open'
                    AND NOT l.attributes @> '{COLP,DOUT}'),
                 (SELECT count(*) FROM identity_reconciliation r
                    JOIN identity_localidentity a ON a.id = r.first_id
                    JOIN identity_localidentity b ON b.id = r.second_id
                  WHERE r.kind IN ('link', 'merge') AND NOT r.automatic
                    AND a.regional_id <> b.regional_id
                    AND NOT EXISTS (SELECT 1 FROM identity_reconciliation u
                                    WHERE u.undoes_id = r.id)
                    AND NOT EXISTS (SELECT 1 FROM identity_pair p
                      JOIN identity_localidentity c ON c.id = p.first_id
                      JOIN identity_localidentity d ON d.id = p.second_id
                      WHERE p.state IN ('different', 'open', 'proposed')
                        AND a.regional_id IN (c.regional_id, d.regional_id)
                        AND b.regional_id IN (c.regional_id, d.regional_id))),
                 (SELECT count(*) FROM identity_localidentity l
                  LEFT JOIN patients_patient p ON p.id = l.patient_id
                  WHERE NOT l.attributes @> l.marked
                    OR NOT p.identity_attributes @> l.marked)
                """
            )
            wrong = cursor.fetchone()
        names = (
            *("said different, in one group", "groups", "survivors", "notes lost", "records"),
            *("questions unmarked", "decisions lost", "attributes of people lost"),
        )
        assert not any(wrong), dict(zip(names, wrong, strict=True))

    # What may happen

    def tell(self, a, b, c):
        operations.record_local_identity(
            actor=HOUSE,
            now=self.now,
            domain=self.domains[a % 2],
            number=NUMBERS[b % 3],
            traits=PEOPLE[c % len(PEOPLE)],
            said_at=self.now,
        )

    def late(self, a, b, c):
        operations.record_local_identity(
            actor=HOUSE,
            now=self.now,
            domain=self.domains[a % 2],
            number=NUMBERS[b % 3],
            traits=PEOPLE[c % len(PEOPLE)],
            said_at=self.now - timedelta(days=a),
        )

    def merge(self, a, b, c):
        operations.merge_local(
            actor=HOUSE,
            now=self.now,
            domain=self.domains[a % 2],
            survivor=NUMBERS[b % 3],
            absorbed=NUMBERS[c % 3],
        )

    def ask(self, a, b, c):
        operations.request_merge(
            actor=HOUSE,
            now=self.now,
            domain=self.domains[a % 2],
            survivor=NUMBERS[b % 3],
            absorbed=NUMBERS[c % 3],
        )

    def reopen(self, a, b, c):
        pairs = list(Pair.objects.filter(state="different").order_by("pk"))
        if pairs:
            operations.reopen(
                actor=HOUSE, now=self.now, pair_id=pairs[a % len(pairs)].pk, reason="À revoir"
            )

    def link(self, a, b, c):
        operations.link(actor=HOUSE, now=self.now, **self._two(a, b, c))

    def unlink(self, a, b, c):
        operations.unlink(actor=HOUSE, now=self.now, **self._two(a, b, c))

    def _two(self, a, b, c):
        places = [*self.domains, IdentityDomain.objects.get(slug=CARBET)]
        one, other = places[a % 2], places[(a // 2) % 3]
        number = str(self.records[c % len(self.records)]) if other.slug == CARBET else None
        return {
            "domain": one,
            "first": NUMBERS[b % 3],
            "second_domain": other,
            "second": number or NUMBERS[c % 3],
        }

    def renumber(self, a, b, c):
        operations.change_local_number(
            actor=HOUSE,
            now=self.now,
            domain=self.domains[a % 2],
            former=NUMBERS[b % 3],
            current=NUMBERS[c % 3] if a < 6 else f"9{c}",
        )

    def undo(self, a, b, c):
        found = list(
            Reconciliation.objects.exclude(
                kind__in=(ReconciliationKind.UNDO, ReconciliationKind.RENUMBER)
            )
            .filter(undone_by__isnull=True)
            .order_by("-pk")[: a + 1]
        )
        if found:
            operations.undo(
                actor=HOUSE, now=self.now, reconciliation_id=found[-1].pk, reason="Erreur"
            )

    def decide(self, a, b, c):
        pairs = list(Pair.objects.filter(state__in=("open", "proposed")).order_by("pk"))
        if pairs:
            pair = pairs[a % len(pairs)]
            # Of a number said to be one person's, what was told is taken: told, as by its domain.
            self.taken = pair.second is None and c % 2 == 0
            agent = ("identity_agent", "second_agent")[b % 2]
            operations.decide(
                actor=self.world.actor(agent),
                now=self.now,
                pair_id=pair.pk,
                version=pair.version,
                verdict=("same", "different")[c % 2],
                reason="Vu",
                carried=self._notes_of(pair.first) if pair.second is None else (),
            )

    def _notes_of(self, identity):
        """Return every second note of a record: those of the other person."""
        notes = Note.objects.filter(patient_id=identity.patient_id or 0).order_by("pk")
        return [("notebook_note", pk) for pk in notes.values_list("pk", flat=True)[::2]]

    def edit(self, a, b, c):
        """Change the traits of a record of Carbet, to another person's at times."""
        active = list(Patient.objects.filter(active=True).order_by("pk"))
        patient = active[a % len(active)]
        traits = PEOPLE[c % len(PEOPLE)]
        patients.update_patient(
            actor=HOUSE,
            now=self.now,
            patient=patient,
            version=patient.version,
            changes={
                name: list(value) if isinstance(value, tuple) else value
                for name in ("birth_family", "birth_given", "gender", "birth_date", "city")
                for value in [getattr(traits, name)]
            },
        )

    def mark(self, a, b, c):
        """Set an attribute as the cell does, or lift it."""
        found = list(LocalIdentity.objects.filter(known=True).order_by("pk"))
        if not found:
            return
        row, attribute = found[a % len(found)], ("DOUT", "FICT", "HOMA", "DPOT")[b % 4]
        said = {"actor": HOUSE, "now": self.now, "identity_id": row.pk, "attribute": attribute}
        if attribute in row.marked:
            operations.lift_mark(**said, reason="Levé", mistaken=c % 2 == 0)
        else:
            operations.mark_identity(**said, reason="Vu")

    def apart(self, a, b, c):
        found = list(LocalIdentity.objects.order_by("pk").values_list("pk", flat=True))
        one, other = found[a % len(found)], found[b % len(found)]
        operations.keep_apart(
            actor=HOUSE, now=self.now, first_id=one, second_id=other, reason="Jumelles"
        )

    def note(self, a, b, c):
        active = list(
            LocalIdentity.objects.filter(patient__isnull=False, state="active").order_by("pk")
        )
        self.done += 1
        nurse = self.world.roles["nurse"]
        Note.objects.create(
            patient_id=active[a % len(active)].patient_id,
            author_role=nurse,
            author_name="Inès Robeiri",
            occurred_at=self.now,
            recorded_at=self.now,
            text="Passage.",
        )


def latest_decision():
    """Return the row number of the latest decision."""
    return Reconciliation.objects.order_by("-pk").values_list("pk", flat=True).first()


def picture():
    """Return every row that a decision may move, whole."""
    with connection.cursor() as cursor:
        found = {}
        for table in (
            *("identity_localidentity", "identity_regionalidentity", "patients_patient"),
            *("notebook_note", "care_teams_careteam", "care_teams_careteamparticipant"),
            *("core_accessgrant", "patients_patientidentifier"),
        ):
            cursor.execute(f"SELECT id, to_jsonb(t) FROM {table} t")
            for pk, row in cursor.fetchall():
                kept = row if isinstance(row, dict) else json.loads(row)
                if table == "identity_localidentity":
                    stands = ("regional_id", "survivor_id", "state", "patient_id", "domain_id")
                    found["stands", table, pk] = {name: kept.pop(name) for name in stands}
                    found["told", table, pk] = kept
                else:
                    found["row", table, pk] = kept
        return found


class _Back(Exception):
    """Takes a walk back."""


@pytest.fixture
def records(world):
    """Four records with a note each: two of one person, her twin, somebody else."""
    made = [
        world.circle("nurse").patient_id,
        world.circle("physio", birth_given=["Claire"]).patient_id,
        world.circle("nurse", birth_given=["Clara"]).patient_id,
        world.circle("nurse", birth_family="Kwasi", birth_given=["Johanes"]).patient_id,
    ]
    with row_security.acting_as(HOUSE, now=NOW, operation="test"):
        for patient_id in made:
            Note.objects.create(
                patient_id=patient_id,
                author_role=world.roles["nurse"],
                author_name="Inès Robeiri",
                occurred_at=NOW,
                recorded_at=NOW,
                text="Va bien.",
            )
    return made


@settings(
    max_examples=max(1, STEPS // STEPS_A_WALK),
    deadline=None,
    derandomize="CARBET_STEPS" not in os.environ,
    database=None,
    # A walk that fails is told whole: shrinking it takes minutes, replaying it takes a second.
    phases=(Phase.generate,),
    suppress_health_check=list(HealthCheck),
)
@given(
    steps=st.lists(
        st.tuples(st.sampled_from(ACTS), _small, _small, _small),
        min_size=STEPS_A_WALK,
        max_size=STEPS_A_WALK,
    )
)
def test_any_order_of_events_keeps_everybody(world, records, steps):
    go(world, records, steps)


# Two persons under one number, said apart once more, then brought back under it.
SAID_APART_THEN_UNDONE = (
    *(("edit", 0, 7, 5), ("decide", 6, 7, 7), ("apart", 0, 4, 8), ("undo", 0, 2, 8)),
    *(("edit", 0, 7, 5), ("undo", 3, 1, 3)),
)


# A number merged alone, since somebody of its group is somebody else; it is said different from the
# rest of that group; then the merge is undone, which would put it back there.
LEFT_THEN_SAID_APART = (
    *(("late", 0, 0, 0), ("renumber", 1, 0, 1), ("late", 0, 2, 0), ("link", 0, 1, 2)),
    *(("unlink", 0, 0, 1), ("merge", 0, 0, 2), ("unlink", 0, 1, 2), ("apart", 4, 7, 0)),
)
# A number asks whose it is, is split, asks again of the same third person, and the split is undone.
ASKED_TWICE_THEN_UNDONE = (
    *(("late", 0, 0, 3), ("tell", 0, 1, 0), ("late", 0, 0, 4), ("decide", 11, 0, 1)),
    *(("tell", 0, 0, 4), ("undo", 0, 0, 0)),
)
# A number linked to two others is merged alone, one of them being somebody else than the survivor.
LINKED_THEN_MERGED_ALONE = (
    *(("unlink", 2, 0, 1), ("link", 2, 1, 2), ("link", 1, 1, 1), ("merge", 0, 0, 1)),
    ("unlink", 3, 1, 2),
)
# A record parted from its group is written again with an attribute, hence linked by a machine.
MARKED_THEN_LINKED = (
    *(("late", 3, 4, 9), ("edit", 11, 4, 3), ("renumber", 0, 2, 6), ("apart", 4, 7, 8)),
    *(("late", 11, 8, 3), ("unlink", 3, 3, 11), ("mark", 8, 11, 6)),
)


@pytest.mark.parametrize(
    "steps",
    [
        SAID_APART_THEN_UNDONE,
        LEFT_THEN_SAID_APART,
        ASKED_TWICE_THEN_UNDONE,
        LINKED_THEN_MERGED_ALONE,
        MARKED_THEN_LINKED,
    ],
)
def test_walks_that_once_failed(world, records, steps):
    go(world, records, steps)


@pytest.mark.skipif("CARBET_WALK" not in os.environ, reason="no walk to walk again")
def test_one_walk_again(world, records):
    go(world, records, ast.literal_eval(os.environ["CARBET_WALK"]))


def go(world, records, steps):
    """Walk, then take every step back."""
    try:
        with transaction.atomic(), row_security.acting_as(HOUSE, now=NOW, operation="test"):
            walk = Walk(world, records)
            for step in steps:
                walk.go(*step)
            raise _Back
    except _Back:
        row_security.entered(None)
