"""Order and receipts of a thread, whoever does what, in whatever order, held against a model.

The model is the simplest thing that could be true: a list of lines, and one number a reader.
"""

import threading
from dataclasses import dataclass, field
from datetime import timedelta
from uuid import uuid4

import pytest
from django.db import connection, transaction
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    invariant,
    rule,
    run_state_machine_as_test,
)

from carbet.coordination.messaging import operations, presenters, queries, rules
from carbet.coordination.messaging.access import NoSuchThread
from carbet.coordination.messaging.models import Message, Reader, Receipt, Thread
from carbet.coordination.messaging.tests.factories import enter, everything, open_thread, send
from carbet.core import row_security
from carbet.core.operation import UnableTo
from tests import world as worlds

ROLES = ("gp", "nurse", "home_help", "far_nurse")
# The physiotherapist takes part through the team of the nurse, never in her own name.
TEAM = ("nurse", "physio")
PEOPLE = (*ROLES, "physio")
someone = st.sampled_from(PEOPLE)


@dataclass
class Model:
    """What a thread should hold: lines as (author, text, told), and how far each one is."""

    lines: list[tuple[str, str, bool]] = field(default_factory=list)
    inside: set[str] = field(default_factory=set)
    team: bool = False
    closed: bool = False
    closed_by: str = ""
    read: dict[str, int] = field(default_factory=dict)
    # Every step that a reader's reading made: (line reached, rank of the step).
    steps: dict[str, list[int]] = field(default_factory=dict)
    sent: dict[str, list[tuple[object, str]]] = field(default_factory=dict)

    def takes_part(self, key: str) -> bool:
        return key in self.inside or (self.team and key in TEAM)

    def reach(self, key: str, upto: int) -> None:
        if upto > self.read.get(key, 0):
            self.read[key] = upto
            self.steps.setdefault(key, []).append(upto)

    def add(self, key: str, text: str, *, told: bool = True) -> int:
        self.lines.append((key, text, told))
        return len(self.lines)

    def unread(self, key: str) -> int:
        """Count what others said beyond where one is."""
        return sum(
            told and author != key for author, _, told in self.lines[self.read.get(key, 0) :]
        )


class Interleaving(RuleBasedStateMachine):
    """Everybody writes, reads, comes and goes at random, while the clock jumps."""

    world: worlds.World

    @initialize()
    def open(self) -> None:
        self.began = self.world.now
        self.undone = transaction.atomic()
        self.undone.__enter__()
        self.thread = open_thread(self.world, "nurse", text="0")
        self.model = Model(inside={"gp", "nurse"})
        self.model.reach("gp", self.model.add("gp", "0"))

    def teardown(self) -> None:
        if hasattr(self, "undone"):
            transaction.set_rollback(True)
            self.undone.__exit__(None, None, None)
            self.world.now = self.began

    def said(self, key: str) -> dict:
        return {"actor": self.world.actor(key), "now": self.world.now, "thread": self.thread}

    def refused(self, act) -> None:
        with pytest.raises((NoSuchThread, UnableTo)):
            act()

    @rule(hours=st.integers(-3, 3), seconds=st.integers(0, 59))
    def jump(self, hours: int, seconds: int) -> None:
        self.world.now += timedelta(hours=hours, seconds=seconds)

    @rule(key=someone, behind=st.integers(0, 4))
    def write(self, key: str, behind: int) -> None:
        model, gesture = self.model, uuid4()
        text, seen = f"{len(model.lines)} {key}", max(0, len(model.lines) - behind)

        def act():
            return send(self.world, self.thread, by=key, text=text, gesture=gesture, seen=seen)

        if not model.takes_part(key) or model.closed:
            self.refused(act)
            return
        line = act()
        written = model.add(key, text)
        assert line.seq == written
        # What others wrote beyond what was on screen stays unread.
        reached = max(model.read.get(key, 0), min(seen, written - 1))
        model.reach(key, written if reached == written - 1 else reached)
        model.sent.setdefault(key, []).append((gesture, text))

    @rule(key=someone, data=st.data())
    def write_again(self, key: str, data) -> None:
        """The reply was lost, the button clicked twice: the same form comes once more."""
        sent = self.model.sent.get(key)
        if not sent:
            return
        gesture, text = data.draw(st.sampled_from(sent))

        def act():
            return send(self.world, self.thread, by=key, text=text, gesture=gesture)

        if not self.model.takes_part(key):
            self.refused(act)
            return
        assert self.model.lines[act().seq - 1] == (key, text, True)

    @rule(key=someone, upto=st.integers(-1, 40))
    def look(self, key: str, upto: int) -> None:
        def act():
            return operations.mark_read(**self.said(key), upto=upto)

        if not self.model.takes_part(key):
            self.refused(act)
            return
        self.model.reach(key, min(max(upto, 0), len(self.model.lines)))
        assert act() == self.model.read.get(key, 0)

    @rule(by=someone, whom=st.sampled_from((*ROLES, "team")))
    def invite(self, by: str, whom: str) -> None:
        key = self.world.roles[whom].key if whom != "team" else self.team_key
        present = self.model.team if whom == "team" else whom in self.model.inside

        def act():
            return operations.add_participants(**self.said(by), recipients=[key])

        if not self.model.takes_part(by):
            self.refused(act)
            return
        if by == whom and not present:
            self.refused(act)  # one does not invite oneself: one is inside already
            return
        came = act()
        assert bool(came) != present
        if came:
            self.model.add(by, came[0], told=False)
            if whom == "team":
                self.model.team = True
            else:
                self.model.inside.add(whom)

    @property
    def team_key(self) -> str:
        return f"org:{self.world.places['nursing'].pk}"

    @rule(key=someone)
    def leave(self, key: str) -> None:
        def act():
            return operations.leave_thread(**self.said(key))

        if key not in self.model.inside:
            self.refused(act)
            return
        act()
        self.model.inside.discard(key)
        self.model.add(key, str(self.world.actor(key).display_name), told=False)

    @rule(key=someone)
    def close(self, key: str) -> None:
        def act():
            return operations.close_thread(**self.said(key), decision="")

        if not self.model.takes_part(key):
            self.refused(act)
            return
        if self.model.closed:
            # Whoever closed it is answered as the first time, the others are told who did.
            if key == self.model.closed_by:
                act()
            else:
                self.refused(act)
            return
        self.model.closed_by = key
        self.model.reach(key, act().seq)
        self.model.add(key, "")
        self.model.closed = True

    @rule(key=someone)
    def reopen(self, key: str) -> None:
        def act():
            return operations.reopen_thread(**self.said(key))

        if not self.model.takes_part(key):
            self.refused(act)
            return
        act()
        if self.model.closed:
            before = len(self.model.lines)
            self.model.add(key, "")
            self.model.closed = False
            if self.model.read.get(key, 0) == before:
                self.model.reach(key, before + 1)

    @invariant()
    def lines_stand_in_one_order(self) -> None:
        if not hasattr(self, "model"):
            return
        kept = everything(Message, thread_id=self.thread.pk)
        assert [line.seq for line in kept] == list(range(1, len(self.model.lines) + 1))
        authors = {role.key: key for key, role in self.world.roles.items()}
        assert [(authors[line.author], line.text) for line in kept] == [
            (author, text) for author, text, _ in self.model.lines
        ]
        [row] = everything(Thread, pk=self.thread.pk)
        assert row.last_seq == len(self.model.lines)
        assert row.last_at == max(line.at for line in kept)

    @invariant()
    def receipts_only_move_forward_and_say_where_one_is(self) -> None:
        if not hasattr(self, "model"):
            return
        reached = {one.reader: one.read_seq for one in everything(Reader)}
        steps: dict[str, list[int]] = {}
        for one in everything(Receipt):
            steps.setdefault(one.reader, []).append(one.seq)
        for key in PEOPLE:
            own = self.world.roles[key].key
            assert reached.get(own, 0) == self.model.read.get(key, 0)
            assert steps.get(own, []) == self.model.steps.get(key, [])

    @rule(key=someone)
    def see(self, key: str) -> None:
        """What a page shows: the receipts of one's own lines, and how much waits."""
        model, actor = self.model, self.world.actor(key)
        if not model.takes_part(key):
            self.refused(lambda: enter(self.world, self.thread, by=key))
            return
        entered = enter(self.world, self.thread, by=key)
        with row_security.acting_as(actor, now=self.world.now):
            window, _ = queries.window(thread=entered)
            _, receipts = queries.receipts(
                actor=actor, thread=entered, first=window[0].seq, last=window[-1].seq
            )
            [listed] = [
                one
                for archived in (False, True)
                for one in queries.threads(actor=actor, now=self.world.now, archived=archived).lines
            ]
            waits = queries.waiting(actor=actor).exists()
        assert listed.unread == model.unread(key)
        assert waits or not listed.unread
        names = {self.world.actor(each).display_name: each for each in PEOPLE}
        shown = presenters.lines(
            window, actor=actor, receipts=receipts, read_seq=model.read.get(key, 0)
        )
        for line in shown:
            if not line.mine or line.event:
                continue
            said_to_have_read = {names[name] for name, _ in line.readers}
            assert said_to_have_read == {
                each for each in PEOPLE if each != key and model.read.get(each, 0) >= line.seq
            }


@pytest.mark.django_db
def test_order_and_receipts_hold_whatever_happens_in_whatever_order(world):
    class Here(Interleaving):
        pass

    Here.world = world
    run_state_machine_as_test(
        Here,
        settings=settings(
            max_examples=30,
            stateful_step_count=40,
            deadline=None,
            suppress_health_check=list(HealthCheck),
        ),
    )


@pytest.mark.django_db(transaction=True)
def test_those_who_write_at_the_very_same_time_are_put_in_one_order():
    world = worlds.build()
    thread = open_thread(world, "nurse", "home_help", text="0")
    keys, each = ("gp", "nurse", "home_help"), 6
    gestures = {(key, number): uuid4() for key in keys for number in range(each)}
    gate, faults = threading.Barrier(2 * len(keys)), []

    def speak(key):
        # Two tabs of the same person send the same forms: each line is kept once.
        try:
            actor = world.actor(key)
            gate.wait(20)
            for number in range(each):
                line = operations.send_message(
                    actor=actor,
                    now=world.now + timedelta(hours=number % 2),
                    thread=thread,
                    text=f"{key} {number}",
                    gesture=gestures[key, number],
                    seen=0,
                )
                operations.mark_read(actor=actor, now=world.now, thread=thread, upto=line.seq)
        except Exception as fault:  # noqa: BLE001 - said by the test, in its own thread
            faults.append(fault)
        finally:
            connection.close()

    threads = [threading.Thread(target=speak, args=(key,)) for key in keys * 2]
    for one in threads:
        one.start()
    for one in threads:
        one.join(60)
    assert faults == []
    lines = everything(Message, thread_id=thread.pk)
    assert sorted(line.seq for line in lines) == list(range(1, each * len(keys) + 2))
    in_order = [line.text for line in sorted(lines, key=lambda line: line.seq)][1:]
    for key in keys:
        own = [text for text in in_order if text.startswith(key)]
        assert own == [f"{key} {number}" for number in range(each)]
        steps = [one.seq for one in everything(Receipt, reader=world.roles[key].key)]
        assert steps == sorted(set(steps))
        [reading] = everything(Reader, reader=world.roles[key].key)
        assert reading.read_seq == steps[-1]


@pytest.mark.django_db(transaction=True)
def test_two_clicks_at_the_very_same_time_open_one_thread():
    world = worlds.build()
    gesture, gate, opened = uuid4(), threading.Barrier(2), []

    def click():
        try:
            gate.wait(20)
            opened.append(open_thread(world, "nurse", gesture=gesture).pk)
        finally:
            connection.close()

    clicks = [threading.Thread(target=click) for _ in range(2)]
    for one in clicks:
        one.start()
    for one in clicks:
        one.join(30)
    [thread] = everything(Thread)
    assert opened == [thread.pk, thread.pk]
    assert len(everything(Message)) == 1


@pytest.mark.parametrize("given", [[3, 1, 2], [1, 2, 3], [2, 3, 1]])
def test_the_first_receipt_that_reaches_a_line_is_its_moment(given):
    moment = worlds.NOW
    receipts = [
        rules.ReadUpTo("role:1", "Inès", seq, moment + timedelta(minutes=seq)) for seq in given
    ]
    assert rules.readers_of(receipts, seq=2) == [("Inès", moment + timedelta(minutes=2))]
    assert rules.readers_of(receipts, seq=4) == []
