"""What can be done in threads: open, write, read, invite, leave, close with a decision, reopen.

Every change of a thread takes its row's lock first: lines have one order, whoever writes at once.
"""

import uuid
from collections.abc import Iterable, Sequence
from datetime import datetime

from django.db import IntegrityError, connection, transaction
from django.db.models import Case, F, Value, When

from carbet.coordination.alerts import operations as alerts
from carbet.coordination.alerts import queries as alert_queries
from carbet.coordination.alerts.choices import AlertKind
from carbet.coordination.messaging import access, queries, rules
from carbet.coordination.messaging.access import NoSuchThread, reader_key
from carbet.coordination.messaging.choices import TOLD, MessageKind
from carbet.coordination.messaging.models import Message, Participant, Reader, Receipt, Thread
from carbet.coordination.notebook import operations as notebook
from carbet.coordination.notebook.choices import NoteKind
from carbet.coordination.notebook.models import Note
from carbet.core import live
from carbet.core.actor import Actor, role_key
from carbet.core.append import append
from carbet.core.audit import Trace
from carbet.core.identifiers import short_id
from carbet.core.operation import UnableTo, UnableToAct, operation
from carbet.registries.patients.models import Patient

LIVE = "message"


class UnableToWriteMessage(UnableTo):
    """The message cannot be sent as given; its text stays with its writer."""


class GestureAlreadyUsed(UnableToWriteMessage):
    """The form was sent before with another text: what is new in it was not sent."""


class UnableToInvite(UnableTo):
    """These participants cannot be added, or removed."""


class UnableToClose(UnableTo):
    """The thread cannot be closed as asked."""


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
) -> Thread:
    """Open a thread with its first message; the same gesture twice is one thread.

    Args:
        recipients: keys of roles, structures or accounts, besides the actor.
        patient: the person it is about, entered by the actor (with `level`); its participants are
            then those who may read the record.

    Raises:
        UnableToInvite: nobody, too many, or somebody who may not be invited.
        UnableToWriteMessage: no text, too long, or a form that served already.
    """
    if not actor.is_professional or actor.role_id is None:
        raise UnableToAct("Seul un professionnel ouvre une discussion.")
    text, subject = _checked_text(text), " ".join(rules.normalized(subject).split())
    if len(subject) > rules.MAX_SUBJECT:
        raise UnableToWriteMessage(
            f"L’objet compte {len(subject)} caractères : il en tient {rules.MAX_SUBJECT}.",
            field="subject",
        )
    before = Thread.objects.filter(gesture=gesture).first()
    if before is not None:
        return _opened_before(trace, before, text, actor)
    invited = _invited(recipients, actor=actor, now=now, patient=patient)
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
        label=_label(actor),
        joined_at=now,
        active_at=now,
    )
    try:
        with transaction.atomic():
            # The thread is seen by those inside: whoever opens it comes in before it exists.
            append([own])
            thread.save(force_insert=True)
    except IntegrityError as error:
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
            for one in invited
        ]
    )
    line = _add_line(
        thread,
        actor,
        own,
        now=now,
        text=text,
        urgent=urgent,
        gesture=uuid.uuid5(gesture, "first"),
    )
    _advance(thread, actor, own, upto=line.seq, now=now)
    _tell(thread, line, actor=actor, through=own, now=now, joined={one.key for one in invited})
    trace.about(patient_id=thread.patient_id, entity=thread)
    return thread


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
) -> Message:
    """Add a message to a thread; the same gesture twice is one message.

    Args:
        seen: the last line that was on the writer's screen; what others wrote since stays unread.

    Raises:
        NoSuchThread: the actor takes part no more, or may no more read the record.
        UnableToWriteMessage: no text, too long, the thread is closed.
        GestureAlreadyUsed: this form already sent another text.
    """
    text = _checked_text(text)
    row, through = _enter(thread, actor)
    before = Message.objects.filter(gesture=gesture, thread_id=row.pk).first()
    if before is not None:
        return _sent_before(trace, row, before, text, actor)
    if row.closed_seq is not None:
        raise UnableToWriteMessage(
            "Cette discussion est close. Rouvrez-la pour répondre : votre texte est gardé."
        )
    try:
        with transaction.atomic():
            line = _add_line(
                row, actor, through, now=now, text=text, urgent=urgent, gesture=gesture
            )
    except IntegrityError as error:
        raise GestureAlreadyUsed("Ce formulaire a déjà servi : envoyez-le à nouveau.") from error
    reading = Reader.objects.filter(thread_id=row.pk, reader=reader_key(actor)).first()
    upto = rules.read_after_writing(
        read=reading.read_seq if reading else 0, seen=seen, written=line.seq
    )
    _advance(row, actor, through, upto=upto, now=now)
    _tell(row, line, actor=actor, through=through, now=now)
    trace.about(patient_id=row.patient_id, entity=line)
    return line


@operation("messaging.thread.mark_read", action="U")
def mark_read(trace: Trace, *, actor: Actor, now: datetime, thread: Thread, upto: int) -> int:
    """Say that the actor has read every line up to `upto`, and see off the alerts about it.

    Never goes back; never beyond the last line. Return up to where the actor has now read.

    Raises:
        NoSuchThread: the actor takes part no more.
    """
    row, through = _enter(thread, actor)
    reached, moved = _advance(row, actor, through, upto=min(max(upto, 0), row.last_seq), now=now)
    if reached >= row.told_seq:
        waiting = alert_queries.unread(actor=actor).filter(target=_target(row))
        ids = list(waiting.values_list("pk", flat=True))
        if ids:
            alerts.mark_read(actor=actor, now=now, alert_ids=ids)
    if moved:
        _refresh(row, now=now)
    trace.about(patient_id=row.patient_id, entity=row)
    return reached


@operation("messaging.thread.mute", action="U")
def set_muted(trace: Trace, *, actor: Actor, now: datetime, thread: Thread, muted: bool) -> None:
    """Stop, or start again, being alerted of a thread; what is urgent or names one still alerts.

    Raises:
        NoSuchThread: the actor takes part no more.
    """
    row, through = _enter(thread, actor)
    reading = _reader(row, actor, through)
    reading.muted = muted
    reading.save(update_fields=["muted"])
    live.announce([reader_key(actor)], LIVE, now=now)
    trace.about(patient_id=row.patient_id, entity=row)


@operation("messaging.thread.archive", action="U")
def set_archived(
    trace: Trace, *, actor: Actor, now: datetime, thread: Thread, archived: bool
) -> None:
    """Put a thread away for the actor until something new is told in it, or take it out.

    Raises:
        NoSuchThread: the actor takes part no more.
    """
    row, through = _enter(thread, actor)
    reading = _reader(row, actor, through)
    reading.archived_seq = row.told_seq if archived else None
    reading.save(update_fields=["archived_seq"])
    live.announce([reader_key(actor)], LIVE, now=now)
    trace.about(patient_id=row.patient_id, entity=row)


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
    row, through = _enter(thread, actor)
    present = {one.grantee for one in queries.participants(thread_id=row.pk)}
    asked = [key for key in recipients if key not in present]
    if recipients and not asked:
        trace.about(patient_id=row.patient_id, entity=row, reason="déjà présents")
        return []
    patient = _patient_of(row, actor, now=now)
    invited = _invited(asked, actor=actor, now=now, patient=patient)
    if len(present) + len(invited) > rules.MOST_PARTICIPANTS:
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
            for one in invited
        ]
    )
    names = [one.name for one in invited]
    line = _add_line(
        row, actor, through, now=now, kind=MessageKind.JOINED, text=", ".join(names)[:2000]
    )
    _tell(row, line, actor=actor, through=through, now=now, joined={one.key for one in invited})
    trace.about(patient_id=row.patient_id, entity=row, reason=", ".join(names)[:300])
    return names


@operation("messaging.participant.leave", action="U")
def leave_thread(trace: Trace, *, actor: Actor, now: datetime, thread: Thread) -> None:
    """Leave a thread: the others are told, and the actor reads it no more.

    Raises:
        NoSuchThread: the actor takes part no more.
        UnableToInvite: the actor takes part through a structure, or for a doctor: mute instead.
    """
    row, through = _enter(thread, actor)
    if through.grantee != reader_key(actor):
        raise UnableToInvite(
            f"Vous lisez cette discussion avec « {through.name} » : vous pouvez la mettre en"
            " sourdine ou l’archiver."
        )
    _add_line(row, actor, through, now=now, kind=MessageKind.LEFT, text=through.name)
    _refresh(row, now=now)
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
    row, through = _enter(thread, actor)
    if not may_remove(row, actor):
        raise UnableToInvite("Seul qui a ouvert la discussion peut en retirer un participant.")
    removed = Participant.objects.filter(
        pk=participant_id, thread_id=row.pk, left_at__isnull=True
    ).first()
    if removed is None:
        raise UnableToInvite("Ce participant a déjà quitté la discussion.")
    if removed.pk == through.pk:
        raise UnableToInvite("Pour partir vous-même, choisissez « Quitter ».")
    line = _add_line(row, actor, through, now=now, kind=MessageKind.REMOVED, text=removed.name)
    _tell(row, line, actor=actor, through=through, now=now)
    Participant.objects.filter(pk=removed.pk).update(left_at=now)
    trace.about(patient_id=row.patient_id, entity=row, reason=removed.name)
    return removed.name


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
    row, through = _enter(thread, actor)
    decision = rules.normalized(decision)
    if len(decision) > rules.MAX_TEXT:
        raise UnableToClose(_too_long(decision, "une décision"), field="decision")
    if row.closed_seq is not None or seen_closings not in (None, row.closings):
        return _closed_before(trace, row, decision, actor)
    number = row.closings + 1
    note = _file(row, decision, actor=actor, now=now, number=number) if decision else None
    row.closings = number
    line = _add_line(
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
    _advance(row, actor, through, upto=line.seq, now=now)
    _tell(row, line, actor=actor, through=through, now=now)
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
    row, through = _enter(thread, actor)
    if row.closed_seq is not None:
        line = _add_line(
            row, actor, through, now=now, kind=MessageKind.REOPENED, text="", close=False
        )
        _tell(row, line, actor=actor, through=through, now=now)
    trace.about(patient_id=row.patient_id, entity=row)


def may_remove(thread: Thread, actor: Actor) -> bool:
    """Tell whether the actor opened the thread, or acts for whoever did."""
    delegators = {role_key(pk) for pk in actor.delegated_role_ids}
    return thread.created_by in {reader_key(actor), *delegators}


# --- Inside an operation ------------------------------------------------------------------------


def _checked_text(text: str) -> str:
    text = rules.normalized(text)
    if not text:
        raise UnableToWriteMessage("Écrivez votre message.", field="text")
    if len(text) > rules.MAX_TEXT:
        raise UnableToWriteMessage(_too_long(text, "un message"), field="text")
    return text


def _too_long(text: str, what: str) -> str:
    return f"Ce texte compte {len(text)} caractères : {what} en tient 20 000. Partagez-le."


def _label(actor: Actor) -> str:
    return ", ".join(filter(None, (actor.role_label, actor.organization_name)))[:200]


def _target(thread: Thread) -> str:
    return f"thread:{short_id(thread.pk)}"


def _enter(thread: Thread, actor: Actor) -> tuple[Thread, Participant]:
    """Lock the thread, then ask again who takes part: a removal may have come first."""
    row = Thread.objects.select_for_update().filter(pk=thread.pk).first()
    through = access.participation(actor=actor, thread_id=thread.pk) if row else None
    if row is None or through is None:
        raise NoSuchThread
    return row, through


def _patient_of(row: Thread, actor: Actor, *, now: datetime) -> Patient | None:
    if row.patient_id is None:
        return None
    person = access.person_of(actor, row, now=now)
    if person is None:
        raise NoSuchThread
    return person


def _invited(
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
    if any(not key.startswith(("role:", "org:")) for key in asked):
        raise UnableToInvite("Choisissez des professionnels ou des structures.", field="to")
    found = queries.resolve(asked, now=now)
    if len(found) < len(asked):
        raise UnableToInvite("L’un des destinataires n’exerce plus.", field="to")
    return found


def _add_line(
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
        urgent=urgent,
        mentions=[key for key in rules.mentioned(text, people) if key != own],
        author=own,
        author_name=actor.display_name,
        author_label=_label(actor),
        # A secretary writes for the doctor who takes part.
        on_behalf_of=through.name
        if through.grantee in {role_key(pk) for pk in actor.delegated_role_ids}
        else "",
        at=now,
        note=note,
        gesture=gesture or uuid.uuid4(),
    )
    line.save(force_insert=True)
    row.last_seq, row.last_at = seq, max(now, row.last_at)
    if kind in TOLD:
        row.told_seq = seq
    if close is not None:
        row.closed_seq = seq if close else None
    row.save(update_fields=["last_seq", "told_seq", "last_at", "closed_seq", "closings"])
    return line


def _reader(row: Thread, actor: Actor, through: Participant) -> Reader:
    """Return the actor's own state in a thread, locked, made now when there is none."""
    reading, _ = Reader.objects.select_for_update().get_or_create(
        thread_id=row.pk,
        reader=reader_key(actor),
        defaults={"name": actor.display_name, "through": through.grantee},
    )
    return reading


def _advance(
    row: Thread, actor: Actor, through: Participant, *, upto: int, now: datetime
) -> tuple[int, bool]:
    """Move the actor's reading forward, with a receipt. Return where it is, and whether it moved."""
    reading = _reader(row, actor, through)
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


# Whether each participant still has an alert to look at, and asked for silence.
_HEARING = """
SELECT p.grantee, p.alerted_seq > COALESCE(max(r.read_seq), 0),
       COALESCE(bool_or(r.muted AND r.reader = p.grantee), false)
FROM messaging_participant p
LEFT JOIN messaging_reader r ON r.thread_id = p.thread_id AND r.through = p.grantee
WHERE p.thread_id = %s AND p.left_at IS NULL
GROUP BY p.id
"""


def _tell(
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
            target=_target(row),
            urgent=kind == AlertKind.URGENT_MESSAGE,
        )
    told = set().union(*alerted.values())
    Participant.objects.filter(thread_id=row.pk, left_at__isnull=True).update(
        active_at=row.last_at,
        alerted_seq=Case(
            When(grantee__in=told, then=Value(line.seq)), default=F("alerted_seq")
        ),
    )


def _refresh(row: Thread, *, now: datetime) -> None:
    live.announce([one.grantee for one in queries.participants(thread_id=row.pk)], LIVE, now=now)


def _opened_before(trace: Trace, before: Thread, text: str, actor: Actor) -> Thread:
    first = Message.objects.filter(thread_id=before.pk, seq=1).first()
    if before.created_by != reader_key(actor) or first is None or first.text != text:
        raise GestureAlreadyUsed(
            "Ce formulaire a déjà ouvert une discussion, avec un autre texte. Celui-ci n’est pas"
            " encore envoyé : envoyez-le pour en ouvrir une nouvelle."
        )
    trace.about(patient_id=before.patient_id, entity=before, reason="déjà ouverte")
    return before


def _sent_before(
    trace: Trace, row: Thread, before: Message, text: str, actor: Actor
) -> Message:
    if before.author != reader_key(actor) or before.text != text:
        raise GestureAlreadyUsed(
            "Ce formulaire a déjà envoyé un message, avec un autre texte. Celui-ci n’est pas encore"
            " envoyé : envoyez-le pour en faire un nouveau message."
        )
    trace.about(patient_id=row.patient_id, entity=before, reason="déjà envoyé")
    return before


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
    patient = _patient_of(row, actor, now=now)
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
