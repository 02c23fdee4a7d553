"""Let people into a thread, take them out, leave."""

from collections.abc import Sequence
from datetime import datetime

from carbet.coordination.messaging import queries, rules
from carbet.coordination.messaging.access import reader_key
from carbet.coordination.messaging.choices import MessageKind
from carbet.coordination.messaging.models import Participant, Thread
from carbet.coordination.messaging.operations import within
from carbet.coordination.messaging.operations.within import UnableToInvite, may_remove
from carbet.core.actor import Actor
from carbet.core.append import append
from carbet.core.audit import Trace
from carbet.core.operation import UnableToAct, operation


@operation("messaging.participant.add", action="U")
def add_participants(
    trace: Trace, *, actor: Actor, now: datetime, thread: Thread, recipients: Sequence[str]
) -> list[str]:
    """Invite more people into a thread; they read all of it. Return the names of those who came.

    Those already inside are left as they are: asking twice changes nothing.

    Raises:
        NoSuchThread: the actor takes part no more.
        UnableToInvite: nobody, too many, or somebody who may not be invited.
    """
    if not actor.is_professional:
        raise UnableToAct("Seul un professionnel ajoute des participants.")
    row, through = within.enter(thread, actor)
    present = {one.grantee for one in queries.participants(thread_id=row.pk)}
    asked = [key for key in recipients if key not in present]
    if recipients and not asked:
        trace.about(patient_id=row.patient_id, entity=row, reason="déjà présents")
        return []
    patient = within.patient_of(row, actor, now=now)
    guests = within.invited(asked, actor=actor, now=now, patient=patient)
    if len(present) + len(guests) > rules.MOST_PARTICIPANTS:
        raise UnableToInvite(
            f"Une discussion compte au plus {rules.MOST_PARTICIPANTS} participants.", field="to"
        )
    append(
        [
            Participant(
                thread_id=row.pk,
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
    names = [one.name for one in guests]
    line = within.add_line(
        row, actor, through, now=now, kind=MessageKind.JOINED, text=", ".join(names)[:2000]
    )
    within.tell(
        row, line, actor=actor, through=through, now=now, joined={one.key for one in guests}
    )
    trace.about(patient_id=row.patient_id, entity=row, reason=", ".join(names)[:300])
    return names


@operation("messaging.participant.leave", action="U")
def leave_thread(trace: Trace, *, actor: Actor, now: datetime, thread: Thread) -> None:
    """Leave a thread: the others are told, and the actor reads it no more.

    Raises:
        NoSuchThread: the actor takes part no more.
        UnableToInvite: the actor takes part through a structure, or for a doctor: mute instead.
    """
    row, through = within.enter(thread, actor)
    if through.grantee != reader_key(actor):
        raise UnableToInvite(
            f"Vous lisez cette discussion avec « {through.name} » : vous pouvez la mettre en"
            " sourdine ou l’archiver."
        )
    within.add_line(row, actor, through, now=now, kind=MessageKind.LEFT, text=through.name)
    within.refresh(row, now=now)
    trace.about(patient_id=row.patient_id, entity=row)
    Participant.objects.filter(pk=through.pk).update(left_at=now)


@operation("messaging.participant.remove", action="U")
def remove_participant(
    trace: Trace, *, actor: Actor, now: datetime, thread: Thread, participant_id: int
) -> str:
    """Take a participant out of a thread; whoever opened it may. Return who it was.

    Raises:
        NoSuchThread: the actor takes part no more.
        UnableToInvite: the actor did not open the thread, or nobody is there to remove.
    """
    row, through = within.enter(thread, actor)
    if not may_remove(row, actor):
        raise UnableToInvite("Seul qui a ouvert la discussion peut en retirer un participant.")
    removed = Participant.objects.filter(
        pk=participant_id, thread_id=row.pk, left_at__isnull=True
    ).first()
    if removed is None:
        raise UnableToInvite("Ce participant a déjà quitté la discussion.")
    if removed.pk == through.pk:
        raise UnableToInvite("Pour partir vous-même, choisissez « Quitter ».")
    line = within.add_line(
        row, actor, through, now=now, kind=MessageKind.REMOVED, text=removed.name
    )
    within.tell(row, line, actor=actor, through=through, now=now)
    Participant.objects.filter(pk=removed.pk).update(left_at=now)
    trace.about(patient_id=row.patient_id, entity=row, reason=removed.name)
    return removed.name
