"""Open a thread with its first message."""

import uuid
from collections.abc import Sequence
from datetime import datetime

from django.db import IntegrityError, connection, transaction

from carbet.coordination.documents.rules.receiving import Received
from carbet.coordination.messaging import rules
from carbet.coordination.messaging.access import reader_key
from carbet.coordination.messaging.models import Message, Participant, Thread
from carbet.coordination.messaging.operations import attaching, within
from carbet.coordination.messaging.operations.within import GestureAlreadyUsed, UnableToWriteMessage
from carbet.core.actor import Actor
from carbet.core.append import append
from carbet.core.audit import Trace
from carbet.core.operation import UnableToAct, operation
from carbet.registries.patients.models import Patient


@operation("messaging.thread.open", action="C")
def open_thread(
    trace: Trace,
    *,
    actor: Actor,
    now: datetime,
    recipients: Sequence[str],
    text: str,
    gesture: uuid.UUID,
    subject: str = "",
    urgent: bool = False,
    patient: Patient | None = None,
    files: Sequence[Received] = (),
) -> Thread:
    """Open a thread with its first message; the same gesture twice is one thread.

    Args:
        recipients: keys of roles, structures or accounts, besides the actor.
        patient: the person it is about, entered by the actor (with `level`); its participants are
            then those who may read the record.
        files: what `documents.rules.receiving` let in.

    Raises:
        UnableToInvite: nobody, too many, or somebody who may not be invited.
        UnableToWriteMessage: no text, too long, or a form that served already.
    """
    if not actor.is_professional or actor.role_id is None:
        raise UnableToAct("Seul un professionnel ouvre une discussion.")
    text = within.checked_text(text, with_files=bool(files))
    subject = " ".join(rules.normalized(subject).split())
    if len(subject) > rules.MAX_SUBJECT:
        raise UnableToWriteMessage(
            f"L’objet compte {len(subject)} caractères : il en tient {rules.MAX_SUBJECT}.",
            field="subject",
        )
    before = Thread.objects.filter(gesture=gesture).first()
    if before is not None:
        return _opened_before(trace, before, text, files, actor)
    guests = within.invited(recipients, actor=actor, now=now, patient=patient)
    with connection.cursor() as cursor:
        cursor.execute("SELECT nextval(pg_get_serial_sequence('messaging_thread', 'id'))")
        number = cursor.fetchone()[0]
    thread = Thread(
        pk=number,
        patient=patient,
        subject=subject,
        created_at=now,
        created_by=reader_key(actor),
        created_by_name=actor.display_name,
        last_at=now,
        gesture=gesture,
    )
    own = Participant(
        thread_id=number,
        grantee=reader_key(actor),
        name=actor.display_name,
        label=within.label_of(actor),
        joined_at=now,
        active_at=now,
    )
    try:
        with transaction.atomic():
            # The thread is seen by those inside: whoever opens it comes in before it exists.
            append([own])
            thread.save(force_insert=True)
    except IntegrityError as error:
        # The second click arrived while the first one was being written.
        before = Thread.objects.filter(gesture=gesture).first()
        if before is not None:
            return _opened_before(trace, before, text, files, actor)
        raise UnableToWriteMessage("Ce formulaire a déjà servi : envoyez-le à nouveau.") from error
    append(
        [
            Participant(
                thread_id=number,
                grantee=one.key,
                name=one.name,
                label=one.label,
                joined_at=now,
                added_by_name=actor.display_name,
                active_at=now,
            )
            for one in guests
        ]
    )
    line = within.add_line(
        thread,
        actor,
        own,
        now=now,
        text=text,
        urgent=urgent,
        gesture=uuid.uuid5(gesture, "first"),
        files=files,
    )
    within.advance(thread, actor, own, upto=line.seq, now=now)
    within.tell(thread, line, actor=actor, through=own, now=now, joined={one.key for one in guests})
    trace.about(patient_id=thread.patient_id, entity=thread)
    return thread


def _opened_before(
    trace: Trace, before: Thread, text: str, files: Sequence[Received], actor: Actor
) -> Thread:
    first = Message.objects.filter(thread_id=before.pk, seq=1).first()
    same = before.created_by == reader_key(actor) and first is not None and first.text == text
    if not same or first is None or not attaching.are_kept(first, files):
        raise GestureAlreadyUsed(
            "Ce formulaire a déjà ouvert une discussion, avec un autre contenu. Celui-ci n’est"
            " pas encore envoyé : envoyez-le pour en ouvrir une nouvelle."
        )
    trace.about(patient_id=before.patient_id, entity=before, reason="déjà ouverte")
    return before
