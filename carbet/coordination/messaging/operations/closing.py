"""Close a thread with the decision it led to, and open it again."""

import uuid
from datetime import datetime

from carbet.coordination.messaging import rules
from carbet.coordination.messaging.access import reader_key
from carbet.coordination.messaging.choices import MessageKind
from carbet.coordination.messaging.models import Message, Thread
from carbet.coordination.messaging.operations import within
from carbet.coordination.messaging.operations.within import UnableToClose
from carbet.coordination.notebook import operations as notebook
from carbet.coordination.notebook.choices import NoteKind
from carbet.coordination.notebook.models import Note
from carbet.core.actor import Actor
from carbet.core.audit import Trace
from carbet.core.operation import UnableTo, UnableToAct, operation


@operation("messaging.thread.close", action="U")
def close_thread(
    trace: Trace,
    *,
    actor: Actor,
    now: datetime,
    thread: Thread,
    decision: str = "",
    seen_closings: int | None = None,
) -> Message:
    """Close a thread, with the decision it led to; about a person, the decision is a note.

    The note is written in the notebook by the actor, once however often this is asked.

    Args:
        seen_closings: how often the thread had been closed when the form was drawn.

    Raises:
        NoSuchThread: the actor takes part no more.
        UnableToClose: somebody closed it meanwhile, or the decision cannot be filed.
    """
    if not actor.is_professional:
        raise UnableToAct("Seul un professionnel clôt une discussion.")
    row, through = within.enter(thread, actor)
    decision = rules.normalized(decision)
    if len(decision) > rules.MAX_TEXT:
        raise UnableToClose(within.too_long(decision, "une décision"), field="decision")
    if row.closed_seq is not None or seen_closings not in (None, row.closings):
        return _closed_before(trace, row, decision, actor)
    number = row.closings + 1
    note = _file(row, decision, actor=actor, now=now, number=number) if decision else None
    row.closings = number
    line = within.add_line(
        row,
        actor,
        through,
        now=now,
        kind=MessageKind.CLOSED,
        text=decision,
        note=note,
        gesture=uuid.uuid5(row.gesture, f"closing:{number}"),
        close=True,
    )
    within.advance(row, actor, through, upto=line.seq, now=now)
    within.tell(row, line, actor=actor, through=through, now=now)
    trace.about(patient_id=row.patient_id, entity=row)
    return line


@operation("messaging.thread.reopen", action="U")
def reopen_thread(trace: Trace, *, actor: Actor, now: datetime, thread: Thread) -> None:
    """Open a closed thread again; an open one stays as it is.

    Raises:
        NoSuchThread: the actor takes part no more.
    """
    if not actor.is_professional:
        raise UnableToAct("Seul un professionnel rouvre une discussion.")
    row, through = within.enter(thread, actor)
    if row.closed_seq is not None:
        line = within.add_line(
            row, actor, through, now=now, kind=MessageKind.REOPENED, text="", close=False
        )
        within.advance_after_writing(row, line, actor=actor, through=through, seen=0, now=now)
        within.tell(row, line, actor=actor, through=through, now=now)
    trace.about(patient_id=row.patient_id, entity=row)


def _closed_before(trace: Trace, row: Thread, decision: str, actor: Actor) -> Message:
    line = (
        Message.objects.filter(thread_id=row.pk, kind=MessageKind.CLOSED).order_by("-seq").first()
    )
    if line is None or line.author != reader_key(actor) or line.text != decision:
        who = line.author_name if line is not None else "un autre participant"
        raise UnableToClose(
            f"{who} a clos cette discussion entre-temps : votre décision n’est pas enregistrée."
            " Relisez la discussion, et rouvrez-la au besoin.",
            field="decision",
        )
    trace.about(patient_id=row.patient_id, entity=row, reason="déjà close")
    return line


def _file(row: Thread, decision: str, *, actor: Actor, now: datetime, number: int) -> Note | None:
    """Write the decision in the notebook of the person the thread is about, if any."""
    patient = within.patient_of(row, actor, now=now)
    if patient is None:
        return None
    try:
        return notebook.write_note(
            actor=actor,
            now=now,
            patient=patient,
            text=decision,
            kind=NoteKind.GENERAL,
            gesture=uuid.uuid5(row.gesture, f"decision:{number}"),
        )
    except UnableTo as refusal:
        raise UnableToClose(
            f"La décision n’a pas pu être classée dans le cahier. {refusal.message}",
            field="decision",
        ) from refusal
