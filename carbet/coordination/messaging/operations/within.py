"""What every change of a thread is made of: the lock, the line, the receipt, telling.

Called inside an operation, in its transaction.
"""

import uuid
from collections.abc import Iterable, Sequence
from datetime import datetime

from django.db import connection
from django.db.models import Case, F, PositiveIntegerField, Value, When

from carbet.coordination.alerts import operations as alerts
from carbet.coordination.alerts.choices import AlertKind
from carbet.coordination.documents.rules.receiving import Received
from carbet.coordination.messaging import access, queries, rules
from carbet.coordination.messaging.access import NoSuchThread, reader_key
from carbet.coordination.messaging.choices import TOLD, MessageKind
from carbet.coordination.messaging.models import Message, Participant, Reader, Receipt, Thread
from carbet.coordination.messaging.operations import attaching
from carbet.coordination.notebook.models import Note
from carbet.core import live
from carbet.core.actor import Actor, role_key
from carbet.core.append import append
from carbet.core.identifiers import short_id
from carbet.core.operation import UnableTo
from carbet.registries.patients.models import Patient

LIVE = "message"
# Whom anybody may invite where nobody is spoken of.
OF_DIRECTORY = ("role:", "org:")


class UnableToWriteMessage(UnableTo):
    """The message cannot be sent as given; its text stays with its writer."""


class GestureAlreadyUsed(UnableToWriteMessage):
    """The form was sent before with another text: what is new in it was not sent."""


class UnableToInvite(UnableTo):
    """These participants cannot be added, or removed."""


class UnableToClose(UnableTo):
    """The thread cannot be closed as asked."""


def may_remove(thread: Thread, actor: Actor) -> bool:
    """Tell whether the actor opened the thread, or acts for whoever did."""
    delegators = {role_key(pk) for pk in actor.delegated_role_ids}
    return thread.created_by in {reader_key(actor), *delegators}


def checked_text(text: str, *, with_files: bool = False) -> str:
    """Return the text as it is kept, or refuse it; files may go without a word."""
    text = rules.normalized(text)
    if not text and not with_files:
        raise UnableToWriteMessage("Écrivez votre message.", field="text")
    if len(text) > rules.MAX_TEXT:
        raise UnableToWriteMessage(too_long(text, "un message"), field="text")
    return text


def too_long(text: str, what: str) -> str:
    """Return the sentence that refuses a text by its length."""
    return f"Ce texte compte {len(text)} caractères : {what} en tient 20 000. Partagez-le."


def label_of(actor: Actor) -> str:
    """Return what the actor does and where."""
    return ", ".join(filter(None, (actor.role_label, actor.organization_name)))[:200]


def target_of(thread: Thread) -> str:
    """Return the place that an alert about the thread leads to."""
    return f"thread:{short_id(thread.pk)}"


def enter(thread: Thread, actor: Actor) -> tuple[Thread, Participant]:
    """Lock the thread, then ask again who takes part: a removal may have come first."""
    row = Thread.objects.select_for_update().filter(pk=thread.pk).first()
    through = access.participation(actor=actor, thread_id=thread.pk) if row else None
    if row is None or through is None:
        raise NoSuchThread
    return row, through


def patient_of(row: Thread, actor: Actor, *, now: datetime) -> Patient | None:
    """Return the person a thread is about, or None; refuse whoever reads the record no more."""
    if row.patient_id is None:
        return None
    person = access.person_of(actor, row, now=now)
    if person is None:
        raise NoSuchThread
    return person


def invited(
    recipients: Sequence[str], *, actor: Actor, now: datetime, patient: Patient | None
) -> list[queries.Candidate]:
    """Return those invited, checked: of the person's circle, or of the directory."""
    asked = list(dict.fromkeys(key for key in recipients if key != reader_key(actor)))
    if not asked:
        raise UnableToInvite("Choisissez au moins un destinataire.", field="to")
    if len(asked) >= rules.MOST_PARTICIPANTS:
        raise UnableToInvite(
            f"Une discussion compte au plus {rules.MOST_PARTICIPANTS} participants.", field="to"
        )
    if patient is not None:
        allowed = queries.candidates(patient_id=patient.pk, level=patient.level, now=now)
        found = [one for one in allowed if one.key in asked]
        if len(found) < len(asked):
            raise UnableToInvite(
                "L’un des destinataires n’a pas, ou plus, accès au dossier de cette personne.",
                field="to",
            )
        return found
    if any(not key.startswith(OF_DIRECTORY) for key in asked):
        raise UnableToInvite("Choisissez des professionnels ou des structures.", field="to")
    found = queries.resolve(asked, now=now)
    if len(found) < len(asked):
        raise UnableToInvite("L’un des destinataires n’exerce plus.", field="to")
    return found


def add_line(
    row: Thread,
    actor: Actor,
    through: Participant,
    *,
    now: datetime,
    text: str,
    kind: str = MessageKind.TEXT,
    urgent: bool = False,
    gesture: uuid.UUID | None = None,
    note: Note | None = None,
    close: bool | None = None,
    files: Sequence[Received] = (),
) -> Message:
    """Write the next line of a locked thread. `close` shuts it, or opens it again."""
    seq = row.last_seq + 1
    own = reader_key(actor)
    people = (
        {one.grantee: one.name for one in queries.participants(thread_id=row.pk)}
        if "@" in text and kind == MessageKind.TEXT
        else {}
    )
    line = Message(
        thread_id=row.pk,
        seq=seq,
        kind=kind,
        text=text,
        attached="\n".join(file.name for file in files),
        urgent=urgent,
        mentions=[key for key in rules.mentioned(text, people) if key != own],
        author=own,
        author_name=actor.display_name,
        author_label=label_of(actor),
        # A secretary writes for the doctor who takes part.
        on_behalf_of=through.name
        if through.grantee in {role_key(pk) for pk in actor.delegated_role_ids}
        else "",
        at=now,
        note=note,
        gesture=gesture or uuid.uuid4(),
    )
    line.save(force_insert=True)
    attaching.keep(line, files)
    row.last_seq, row.last_at = seq, max(now, row.last_at)
    if kind in TOLD:
        row.told_seq = seq
    if close is not None:
        row.closed_seq = seq if close else None
    row.save(update_fields=["last_seq", "told_seq", "last_at", "closed_seq", "closings"])
    return line


def reader_of(row: Thread, actor: Actor, through: Participant) -> Reader:
    """Return the actor's own state in a thread, locked, made now when there is none."""
    reading, _ = Reader.objects.select_for_update().get_or_create(
        thread_id=row.pk,
        reader=reader_key(actor),
        defaults={"name": actor.display_name, "through": through.grantee},
    )
    return reading


def advance(
    row: Thread, actor: Actor, through: Participant, *, upto: int, now: datetime
) -> tuple[int, bool]:
    """Move the actor's reading on, with a receipt. Return where it is, and whether it moved."""
    reading = reader_of(row, actor, through)
    if upto <= reading.read_seq:
        return reading.read_seq, False
    reading.read_seq, reading.read_at = upto, now
    reading.name, reading.through = actor.display_name, through.grantee
    reading.save(update_fields=["read_seq", "read_at", "name", "through"])
    append(
        [
            Receipt(
                thread_id=row.pk,
                reader=reading.reader,
                name=reading.name,
                seq=upto,
                read_at=now,
            )
        ]
    )
    return upto, True


def advance_after_writing(
    row: Thread, line: Message, *, actor: Actor, through: Participant, seen: int, now: datetime
) -> None:
    """Count one's own line as read, when one had seen all that stands before it."""
    reading = Reader.objects.filter(thread_id=row.pk, reader=reader_key(actor)).first()
    upto = rules.read_after_writing(
        read=reading.read_seq if reading else 0, seen=seen, written=line.seq
    )
    advance(row, actor, through, upto=upto, now=now)


# Whether each participant still has an alert to look at, and asked for silence.
_HEARING = """
SELECT p.grantee, p.alerted_seq > COALESCE(max(r.read_seq), 0),
       COALESCE(bool_or(r.muted AND r.reader = p.grantee), false)
FROM messaging_participant p
LEFT JOIN messaging_reader r ON r.thread_id = p.thread_id AND r.through = p.grantee
WHERE p.thread_id = %s AND p.left_at IS NULL
GROUP BY p.id
"""


def tell(
    row: Thread,
    line: Message,
    *,
    actor: Actor,
    through: Participant,
    now: datetime,
    joined: Iterable[str] = (),
) -> None:
    """Refresh every screen; alert once those who had read all, and at once what cannot wait.

    One alert a thread waits at a time, as long as it is unread; an urgent message, or one that
    names a participant, alerts again and in spite of silence.
    """
    with connection.cursor() as cursor:
        cursor.execute(_HEARING, [row.pk])
        people = cursor.fetchall()
    live.announce([key for key, _, _ in people], LIVE, now=now)
    newcomers = set(joined)
    silent = {reader_key(actor), through.grantee}
    alerted: dict[str, set[str]] = {}
    for key, waits, muted in people:
        if key in silent:
            continue
        if line.urgent:
            alerted.setdefault(AlertKind.URGENT_MESSAGE, set()).add(key)
        elif key in line.mentions:
            alerted.setdefault(AlertKind.MENTION, set()).add(key)
        elif key in newcomers or (line.kind in TOLD and not waits and not muted):
            alerted.setdefault(AlertKind.MESSAGE, set()).add(key)
    for kind, keys in alerted.items():
        alerts.raise_alert(
            actor=actor,
            now=now,
            patient_id=row.patient_id,
            recipients=keys,
            kind=kind,
            target=target_of(row),
            urgent=kind == AlertKind.URGENT_MESSAGE,
        )
    told = set().union(*alerted.values())
    Participant.objects.filter(thread_id=row.pk, left_at__isnull=True).update(
        active_at=row.last_at,
        alerted_seq=Case(
            When(grantee__in=told, then=Value(line.seq)),
            default=F("alerted_seq"),
            output_field=PositiveIntegerField(),
        ),
    )


def refresh(row: Thread, *, now: datetime) -> None:
    """Refresh the screens of those inside."""
    live.announce([one.grantee for one in queries.participants(thread_id=row.pk)], LIVE, now=now)
