"""Who may enter a thread: whoever takes part and, when it is about a person, may read the record.

The same two conditions as row security, asked in Python's words.
"""

from dataclasses import dataclass
from datetime import datetime

from django.http import Http404

from carbet.coordination.messaging.models import Attachment, Participant, Thread
from carbet.core import audit
from carbet.core.actor import Actor, Level, account_key, role_key
from carbet.registries.patients import access as patients
from carbet.registries.patients.models import Patient


class NoSuchThread(Http404):
    """There is no such thread for this actor, whether or not it exists."""

    def __init__(self) -> None:
        super().__init__("Cette discussion n’existe pas, ou ne vous est pas ouverte.")


def reader_key(actor: Actor) -> str:
    """Return the key under which the actor reads and writes: the role, or a person's account."""
    if actor.role_id is not None:
        return role_key(actor.role_id)
    return account_key(actor.account_id) if actor.account_id is not None else ""


def participation(*, actor: Actor, thread_id: int) -> Participant | None:
    """Return through which participant the actor takes part: oneself first, in one query."""
    own = reader_key(actor)
    held = Participant.objects.filter(
        thread_id=thread_id, grantee__in=actor.grantees, left_at__isnull=True
    )
    return min(held, key=lambda one: (one.grantee != own, one.pk), default=None)


@dataclass(frozen=True, slots=True)
class Seat:
    """One participant present in a thread."""

    pk: int
    grantee: str
    name: str
    label: str


_THREAD = """
SELECT t.*, (SELECT json_agg(json_build_array(p.id, p.grantee, p.name, p.label) ORDER BY p.id)
             FROM messaging_participant p
             WHERE p.thread_id = t.id AND p.left_at IS NULL) AS present
FROM messaging_thread t WHERE t.id = %s
"""


def get_thread(
    *, actor: Actor, thread_id: int, now: datetime, purpose: str = "messaging.thread.read"
) -> Thread:
    """Return the thread that the actor enters, traced, in two queries at most.

    It carries `seats` (those present), `through` (the seat by which the actor takes part) and
    `person` (the Patient with the actor's `level`, or None).

    Raises:
        NoSuchThread: there is none, or not for this actor; the attempt is traced.
    """
    thread = next(iter(Thread.objects.raw(_THREAD, [thread_id])), None)
    seats = [Seat(*row) for row in thread.present or ()] if thread else []
    own = reader_key(actor)
    mine = [seat for seat in seats if seat.grantee in actor.grantees]
    through = min(mine, key=lambda seat: (seat.grantee != own, seat.pk), default=None)
    person = person_of(actor, thread, now=now) if thread and through else None
    closed = thread is not None and thread.patient_id is not None and person is None
    if thread is None or through is None or closed:
        # Whose it is stays unsaid when the thread is not even seen.
        audit.read(
            actor, purpose, now=now, patient_id=None, entity=f"Thread/{thread_id}", refused=True
        )
        raise NoSuchThread
    audit.read(actor, purpose, now=now, patient_id=thread.patient_id, entity=thread)
    thread.seats, thread.through, thread.person = seats, through, person
    return thread


def get_attachment(
    *, actor: Actor, thread: Thread, attachment_id: int, now: datetime
) -> Attachment:
    """Return a file of a thread already entered, and trace that it was opened.

    Raises:
        NoSuchThread: there is no such file in this thread.
    """
    found = Attachment.objects.filter(thread_id=thread.pk, pk=attachment_id).first()
    if found is None:
        raise NoSuchThread
    audit.read(
        actor, "messaging.attachment.open", now=now, patient_id=thread.patient_id, entity=found
    )
    return found


def person_of(actor: Actor, thread: Thread, *, now: datetime) -> Patient | None:
    """Return the person a thread is about, when the actor may read the record."""
    if thread.patient_id is None:
        return None
    found = patients.find_entered(actor=actor, patient_ids=[thread.patient_id], now=now)
    person = found.get(thread.patient_id)
    return person if person is not None and person.level >= Level.READ else None
