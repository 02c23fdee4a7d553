"""Add messages to a thread; say up to where one has read, and how one keeps the thread."""

import uuid
from collections.abc import Sequence
from datetime import datetime

from django.db import IntegrityError, transaction

from carbet.coordination.alerts import operations as alerts
from carbet.coordination.alerts import queries as alert_queries
from carbet.coordination.documents.rules.receiving import Received
from carbet.coordination.messaging.access import reader_key
from carbet.coordination.messaging.models import Message, Thread
from carbet.coordination.messaging.operations import attaching, within
from carbet.coordination.messaging.operations.within import GestureAlreadyUsed, UnableToWriteMessage
from carbet.core import live
from carbet.core.actor import Actor
from carbet.core.audit import Trace
from carbet.core.operation import operation


@operation("messaging.message.send", action="C")
def send_message(
    trace: Trace,
    *,
    actor: Actor,
    now: datetime,
    thread: Thread,
    text: str,
    gesture: uuid.UUID,
    urgent: bool = False,
    seen: int = 0,
    files: Sequence[Received] = (),
) -> Message:
    """Add a message to a thread; the same gesture twice is one message.

    Args:
        files: what `documents.rules.receiving` let in; a message may carry files and no word.
        seen: the last line that was on the writer's screen; what others wrote since stays unread.

    Raises:
        NoSuchThread: the actor takes part no more, or may no more read the record.
        UnableToWriteMessage: no text, too long, the thread is closed.
        GestureAlreadyUsed: this form already sent another text.
    """
    text = within.checked_text(text, with_files=bool(files))
    row, through = within.enter(thread, actor)
    before = Message.objects.filter(gesture=gesture, thread_id=row.pk).first()
    if before is not None:
        return _sent_before(trace, row, before, text, files, actor)
    if row.closed_seq is not None:
        raise UnableToWriteMessage(
            "Cette discussion est close. Rouvrez-la pour répondre : votre texte est gardé."
        )
    try:
        with transaction.atomic():
            line = within.add_line(
                row,
                actor,
                through,
                now=now,
                text=text,
                urgent=urgent,
                gesture=gesture,
                files=files,
            )
    except IntegrityError as error:
        raise GestureAlreadyUsed("Ce formulaire a déjà servi : envoyez-le à nouveau.") from error
    within.advance_after_writing(row, line, actor=actor, through=through, seen=seen, now=now)
    within.tell(row, line, actor=actor, through=through, now=now)
    trace.about(patient_id=row.patient_id, entity=line)
    return line


@operation("messaging.thread.mark_read", action="U")
def mark_read(trace: Trace, *, actor: Actor, now: datetime, thread: Thread, upto: int) -> int:
    """Say that the actor has read every line up to `upto`, and see off the alerts about it.

    Never goes back; never beyond the last line. Return up to where the actor has now read.

    Raises:
        NoSuchThread: the actor takes part no more.
    """
    row, through = within.enter(thread, actor)
    reached, moved = within.advance(
        row, actor, through, upto=min(max(upto, 0), row.last_seq), now=now
    )
    if reached >= row.told_seq:
        waiting = alert_queries.unread(actor=actor).filter(target=within.target_of(row))
        ids = list(waiting.values_list("pk", flat=True))
        if ids:
            alerts.mark_read(actor=actor, now=now, alert_ids=ids)
    if moved:
        within.refresh(row, now=now)
    trace.about(patient_id=row.patient_id, entity=row)
    return reached


@operation("messaging.thread.mute", action="U")
def set_muted(trace: Trace, *, actor: Actor, now: datetime, thread: Thread, muted: bool) -> None:
    """Stop, or start again, being alerted of a thread; what is urgent or names one still alerts.

    Raises:
        NoSuchThread: the actor takes part no more.
    """
    row, through = within.enter(thread, actor)
    reading = within.reader_of(row, actor, through)
    reading.muted = muted
    reading.save(update_fields=["muted"])
    live.announce([reader_key(actor)], within.LIVE, now=now)
    trace.about(patient_id=row.patient_id, entity=row)


@operation("messaging.thread.archive", action="U")
def set_archived(
    trace: Trace, *, actor: Actor, now: datetime, thread: Thread, archived: bool
) -> None:
    """Put a thread away for the actor until something new is told in it, or take it out.

    Raises:
        NoSuchThread: the actor takes part no more.
    """
    row, through = within.enter(thread, actor)
    reading = within.reader_of(row, actor, through)
    reading.archived_seq = row.told_seq if archived else None
    reading.save(update_fields=["archived_seq"])
    live.announce([reader_key(actor)], within.LIVE, now=now)
    trace.about(patient_id=row.patient_id, entity=row)


def _sent_before(
    trace: Trace,
    row: Thread,
    before: Message,
    text: str,
    files: Sequence[Received],
    actor: Actor,
) -> Message:
    same = before.author == reader_key(actor) and before.text == text
    if not same or not attaching.are_kept(before, files):
        raise GestureAlreadyUsed(
            "Ce formulaire a déjà envoyé un message, avec un autre contenu. Celui-ci n’est pas"
            " encore envoyé : envoyez-le pour en faire un nouveau message."
        )
    trace.about(patient_id=row.patient_id, entity=before, reason="déjà envoyé")
    return before
