"""What can be done in a notebook: write, reply, correct, withdraw, measure. Nothing is erased."""

import uuid
from collections.abc import Mapping, Sequence
from datetime import datetime
from decimal import Decimal

from django.db import IntegrityError, connection, transaction

from carbet.coordination.alerts import operations as alerts
from carbet.coordination.alerts.choices import AlertKind
from carbet.coordination.care_teams import access as care_teams_access
from carbet.coordination.care_teams import queries as care_teams
from carbet.coordination.documents import access as documents_access
from carbet.coordination.documents import choices as document_choices
from carbet.coordination.documents import operations as documents
from carbet.coordination.documents.rules import content as file_content
from carbet.coordination.documents.rules.receiving import Received
from carbet.coordination.notebook import access, rules
from carbet.coordination.notebook.choices import MeasureKind, MeasureStatus, NoteKind
from carbet.coordination.notebook.models import Measure, Note, NoteFile
from carbet.coordination.tasks import operations as tasks
from carbet.coordination.tasks.choices import TaskStatus
from carbet.core import live, sharing
from carbet.core.actor import Actor, DataCategory, Level, role_key
from carbet.core.append import append
from carbet.core.audit import Trace
from carbet.core.operation import UnableTo, UnableToAct, operation
from carbet.core.sharing import Visibility
from carbet.registries.patients.models import Patient

TARGET = "notebook"


class UnableToWriteNote(UnableTo):
    """The note cannot be written as given."""


class GestureAlreadyUsed(UnableToWriteNote):
    """The form was sent before with another content: what is new in it was not kept."""


class UnableToCorrectNote(UnableTo):
    """The note cannot be corrected or withdrawn."""


class UnableToRecordMeasure(UnableTo):
    """The measures cannot be recorded; `errors` says which value of which kind, and why."""

    def __init__(
        self,
        message: str,
        *,
        field: str | None = None,
        errors: Mapping[tuple[str, int], str] | None = None,
    ) -> None:
        super().__init__(message, field=field)
        self.errors = dict(errors or {})


@operation("notebook.note.write", action="C")
def write_note(
    trace: Trace,
    *,
    actor: Actor,
    now: datetime,
    patient: Patient,
    text: str,
    gesture: uuid.UUID,
    kind: str = NoteKind.OBSERVATION,
    urgent: bool = False,
    category: DataCategory | None = None,
    occurred_at: datetime | None = None,
    replies_to: Note | None = None,
    on_behalf_of_id: int | None = None,
    visibility: str = Visibility.CIRCLE,
    called: Mapping[str, str] | None = None,
    with_person: bool = False,
    files: Sequence[Received] = (),
    identifier: tuple[str, str] = ("", ""),
    author: Mapping[str, int | str | None] | None = None,
) -> Note:
    """Write a note, or a reply to one; the same gesture twice is one note.

    An urgent note alerts at once everyone who writes in the record; another one those who manage
    it, a team through whoever of it is named in the circle; a reply tells the author it answers as
    well, and whoever is called by name is told. Every open screen that may show it refreshes.

    Args:
        category: what it says, which decides who reads it; by default the first that is open to
            the author (medical before social). A reply follows the note it answers.
        occurred_at: when it was seen or done; now by default, never later than now + 10 minutes.
        on_behalf_of_id: the role for which a delegate writes; found alone when there is only one.
        called: the name, by grantee key, of the members called; when the note is for chosen
            members, they are those who see it, with its author. A reply goes to whoever sees what
            it answers.
        with_person: whether a note for chosen members is also for the person and relatives.
        files: photos and files, as the documents room let them in.
        identifier: system and value that another system gave the note.
        author: who wrote it when another system sends it: columns of the row.

    Raises:
        UnableToAct: the role does not write in notebooks, nor for somebody who does.
        UnableToWriteNote: no text, too long, a moment to come, a reply to a withdrawn note, nobody
            chosen, somebody called who could not read it, too many files.
        GestureAlreadyUsed: this form already wrote another text.
    """
    text = text.strip()
    _check_text(text)
    moment = _checked_moment(occurred_at, now=now, refusal=UnableToWriteNote)
    parent = _checked_parent(replies_to, patient=patient)
    if len(files) > file_content.MOST_FILES:
        raise UnableToWriteNote(
            f"{file_content.MOST_FILES} fichiers par note au plus.", field="files"
        )
    signed = _signed(actor, patient_id=patient.pk, on_behalf_of_id=on_behalf_of_id, author=author)
    told = dict(called or {})
    shared = _sharing(visibility, told, with_person=with_person, parent=parent, signed=signed)
    note = Note(
        patient_id=patient.pk,
        kind=NoteKind(kind),
        text=text,
        urgent=urgent,
        category=_checked_category(category, parent, patient=patient),
        replies_to=parent,
        occurred_at=moment,
        recorded_at=now,
        updated_at=now,
        gesture=gesture,
        mentions=told or None,
        identifier_system=identifier[0],
        identifier_value=identifier[1],
        **shared,
        **signed,
    )
    _check_called(note)
    try:
        with transaction.atomic():
            note.save(force_insert=True)
    except IntegrityError as error:
        return _written_before(trace, note, error)
    if files:
        _attach(note, files, parent=parent, patient=patient, actor=actor, now=now)
    _tell(note, parent, actor=actor, now=now)
    _ask(note, parent, actor=actor, now=now)
    trace.about(patient_id=patient.pk, entity=note)
    return note


@operation("notebook.note.correct")
def correct_note(
    trace: Trace,
    *,
    actor: Actor,
    now: datetime,
    note: Note,
    text: str,
    reason: str,
    seen_at: datetime | None = None,
) -> Note:
    """Replace the text of one's own note; the former text stays readable in its history.

    Args:
        seen_at: `corrected_at` of the version that was on screen, so that two tabs do not overwrite
            each other in silence.

    Raises:
        UnableToAct: the note is somebody else's.
        UnableToCorrectNote: withdrawn, corrected meanwhile, no reason, no change, text refused.
    """
    row = _lock_own(note, actor)
    text, reason = text.strip(), reason.strip()
    if row.withdrawn_at is not None:
        raise UnableToCorrectNote("Cette note a été retirée : elle ne se corrige plus.")
    if row.corrected_at != seen_at:
        raise UnableToCorrectNote(
            "Cette note a été corrigée entre-temps, dans un autre onglet ou sur un autre appareil."
            " Relisez-la avant d’enregistrer."
        )
    if not text:
        raise UnableToCorrectNote(
            "Le texte est vide. Pour annuler la note, retirez-la.", field="text"
        )
    _check_text(text)
    if text == row.text:
        raise UnableToCorrectNote("Le texte n’a pas changé.", field="text")
    if not reason:
        raise UnableToCorrectNote("Dites pourquoi vous corrigez cette note.", field="reason")
    row.text, row.corrected_at, row.correction_reason = text, now, reason
    _save(row, "text", "corrected_at", "correction_reason", now=now)
    _refresh_screens(row, now=now)
    trace.about(patient_id=row.patient_id, entity=row, reason=reason)
    return row


@operation("notebook.note.withdraw")
def withdraw_note(trace: Trace, *, actor: Actor, now: datetime, note: Note, reason: str) -> Note:
    """Withdraw one's own note: it stays, struck through, with the reason.

    Raises:
        UnableToAct: the note is somebody else's.
        UnableToCorrectNote: withdrawn already, or no reason.
    """
    row = _lock_own(note, actor)
    reason = reason.strip()
    if row.withdrawn_at is not None:
        raise UnableToCorrectNote("Cette note est déjà retirée.")
    if not reason:
        raise UnableToCorrectNote("Dites pourquoi vous retirez cette note.", field="reason")
    row.withdrawn_at, row.withdrawal_reason = now, reason
    _save(row, "withdrawn_at", "withdrawal_reason", now=now)
    _refresh_screens(row, now=now)
    trace.about(patient_id=row.patient_id, entity=row, reason=reason)
    return row


_SEE = """
INSERT INTO notebook_notereceipt (note_id, patient_id, role_id, reader_name, seen_at)
SELECT n.id, n.patient_id, %(role)s, %(name)s, %(now)s FROM notebook_note n
WHERE n.patient_id = %(patient)s AND n.id = ANY (%(notes)s)
  AND n.author_role_id IS DISTINCT FROM %(role)s
ON CONFLICT (note_id, role_id) DO NOTHING
RETURNING (SELECT u.author_role_id FROM notebook_note u WHERE u.id = note_id)
"""
MOST_SEEN = 200


@operation("notebook.note.see", action="C")
def mark_seen(
    trace: Trace, *, actor: Actor, now: datetime, patient: Patient, note_ids: Sequence[int]
) -> int:
    """Keep that the actor has seen these notes, each once. Return how many were not seen before.

    Raises:
        UnableToAct: no role is chosen.
    """
    if actor.role_id is None:
        raise UnableToAct("Choisissez d’abord le rôle sous lequel vous travaillez.")
    with connection.cursor() as cursor:
        cursor.execute(
            _SEE,
            {
                "role": actor.role_id,
                "name": actor.display_name,
                "now": now,
                "patient": patient.pk,
                "notes": list(note_ids)[:MOST_SEEN],
            },
        )
        authors = [row[0] for row in cursor.fetchall()]
    # Those who wrote see it on their open screens; nobody else needs to refresh.
    live.announce({f"role:{author}" for author in authors if author}, "seen", now=now)
    trace.about(patient_id=patient.pk, entity=f"Note x{len(authors)}")
    return len(authors)


@operation("notebook.measure.record", action="C")
def record_measures(
    trace: Trace,
    *,
    actor: Actor,
    now: datetime,
    patient: Patient,
    values: Mapping[str, tuple[Decimal | None, ...]],
    gesture: uuid.UUID,
    occurred_at: datetime | None = None,
    comment: str = "",
    on_behalf_of_id: int | None = None,
    identifier: tuple[str, str] = ("", ""),
    author: Mapping[str, int | str | None] | None = None,
) -> list[Measure]:
    """Record the measures taken at one moment; the same gesture twice records them once.

    Args:
        values: by `MeasureKind`, the value, or systolic then diastolic, in the units of
            `rules.SCALES`.

    Raises:
        UnableToAct: the role does not write in notebooks, nor for somebody who does.
        UnableToRecordMeasure: nothing given, a value out of what is plausible, a moment to come.
    """
    if not values:
        raise UnableToRecordMeasure("Indiquez au moins une mesure.")
    errors = {
        (kind, rank): sentence
        for kind, given in values.items()
        for rank, sentence in rules.refusals(MeasureKind(kind), given).items()
    }
    if DataCategory.MEDICAL not in care_teams_access.opened_on(patient):
        raise UnableToAct("Les mesures sont réservées aux soignants de cette personne.")
    if errors:
        raise UnableToRecordMeasure("Vérifiez les valeurs signalées.", errors=errors)
    moment = _checked_moment(occurred_at, now=now, refusal=UnableToRecordMeasure)
    signed = _signed(actor, patient_id=patient.pk, on_behalf_of_id=on_behalf_of_id, author=author)
    measures = []
    for kind, given in values.items():
        measure = Measure(
            patient_id=patient.pk,
            kind=MeasureKind(kind),
            value=given[0],
            second_value=given[1] if len(given) > 1 else None,
            occurred_at=moment,
            recorded_at=now,
            updated_at=now,
            identifier_system=identifier[0],
            identifier_value=identifier[1],
            # One gesture fills several lines: each has a key of its own, always the same.
            gesture=uuid.uuid5(gesture, kind),
            comment=comment.strip(),
            **signed,
        )
        try:
            with transaction.atomic():
                measure.save(force_insert=True)
        except IntegrityError as error:
            measure = _measured_before(measure, error)
        measures.append(measure)
        trace.about(patient_id=patient.pk, entity=measure)
    _refresh_screens(measures[0], now=now)
    return measures


@operation("notebook.measure.withdraw")
def withdraw_measure(trace: Trace, *, actor: Actor, now: datetime, measure: Measure) -> Measure:
    """Mark one's own measure as entered in error: it leaves the curves and stays, struck through.

    Source: FHIR Observation.status entered-in-error.

    Raises:
        UnableToAct: the measure is somebody else's.
        UnableToCorrectNote: it is marked already.
    """
    row = Measure.objects.select_for_update().filter(pk=measure.pk).first()
    if row is None or not access.is_own(row, actor):
        raise UnableToAct("Seul l’auteur d’une mesure peut la signaler comme saisie par erreur.")
    if row.status == MeasureStatus.ENTERED_IN_ERROR:
        raise UnableToCorrectNote("Cette mesure est déjà signalée comme saisie par erreur.")
    row.status, row.status_changed_at = MeasureStatus.ENTERED_IN_ERROR, now
    _save(row, "status", "status_changed_at", now=now)
    _refresh_screens(row, now=now)
    trace.about(patient_id=row.patient_id, entity=row)
    return row


def _check_text(text: str) -> None:
    if not text:
        raise UnableToWriteNote("Écrivez votre note.", field="text")
    if "\0" in text:
        raise UnableToWriteNote("Ce texte contient un caractère illisible.", field="text")
    if len(text) > rules.MAX_TEXT:
        raise UnableToWriteNote(
            f"Ce texte compte {len(text)} caractères : une note en tient 20 000."
            " Partagez-le en plusieurs notes.",
            field="text",
        )


def _checked_moment(
    occurred_at: datetime | None, *, now: datetime, refusal: type[UnableTo]
) -> datetime:
    if occurred_at is not None and rules.is_too_late(occurred_at, now=now):
        raise refusal("Ce moment est dans le futur.", field="occurred_at")
    return occurred_at or now


def _checked_parent(replies_to: Note | None, *, patient: Patient) -> Note | None:
    """Return the note that a reply answers: a reply to a reply joins the same thread."""
    if replies_to is None:
        return None
    parent_id = replies_to.replies_to_id or replies_to.pk
    parent = Note.objects.filter(pk=parent_id, patient_id=patient.pk).first()
    if parent is None:
        raise UnableToWriteNote("La note à laquelle vous répondez n’est plus accessible.")
    if parent.withdrawn_at is not None:
        raise UnableToWriteNote(
            "Cette note a été retirée par son auteur : écrivez plutôt une nouvelle note."
        )
    return parent


def _checked_category(
    asked: DataCategory | None, parent: Note | None, *, patient: Patient
) -> DataCategory:
    """Return the category of a new note: the author writes nothing that they could not read."""
    if parent is not None:
        return DataCategory(parent.category)
    opened = care_teams_access.opened_on(patient)
    if asked is None:
        return care_teams_access.category_of_author(patient)
    if asked not in opened:
        raise UnableToWriteNote(
            "Vous ne lisez pas ce type d’information : choisissez-en un autre.", field="category"
        )
    return asked


def _signed(
    actor: Actor,
    *,
    patient_id: int,
    on_behalf_of_id: int | None,
    author: Mapping[str, int | str | None] | None,
) -> dict[str, int | str | None]:
    """Return who writes, and for whom, as columns of the row."""
    try:
        signed = documents_access.signature(
            actor, patient_id=patient_id, on_behalf_of_id=on_behalf_of_id
        )
    except documents_access.UnableToSign as refusal:
        raise UnableToWriteNote(refusal.message, field=refusal.field) from refusal
    return signed | dict(author or {})


def _sharing(
    visibility: str,
    called: Mapping[str, str],
    *,
    with_person: bool,
    parent: Note | None,
    signed: dict[str, int | str | None],
) -> dict[str, object]:
    """Return who sees a note, as columns of the row."""
    own = documents_access.own_keys(signed)
    if parent is not None:
        readers = sorted({*parent.readers, *own}) if parent.readers is not None else None
        return {"visibility": parent.visibility, "readers": readers}
    if Visibility(visibility) != Visibility.CHOSEN:
        return {"visibility": visibility, "readers": None}
    chosen = {*called, *([sharing.PERSON_AND_RELATIVES] if with_person else [])}
    if not chosen:
        raise UnableToWriteNote("Cochez au moins un membre du cercle.", field="members")
    return {"visibility": visibility, "readers": sorted({*chosen, *own})}


def _check_called(note: Note) -> None:
    """Refuse to call by name whoever could not read the note: they would never know of it."""
    if not note.mentions:
        return
    readers = care_teams.keys_of_level(
        patient_id=note.patient_id, level=Level.READ, category=DataCategory(note.category)
    )
    told = {key for key in readers if _sees(key, note)}
    if left_out := [name for key, name in note.mentions.items() if key not in told]:
        names = ", ".join(left_out)
        if note.replies_to is not None:
            raise UnableToWriteNote(
                f"Pas ouverte à : {names}. Une réponse suit la note à laquelle elle répond :"
                " écrivez plutôt une nouvelle note, ou n’appelez pas ces membres.",
                field="members",
            )
        raise UnableToWriteNote(
            f"Pas ouverte à : {names}. Changez la nature de l’information, ou n’appelez pas"
            " ces membres.",
            field="members",
        )


def _attach(
    note: Note,
    files: Sequence[Received],
    *,
    parent: Note | None,
    patient: Patient,
    actor: Actor,
    now: datetime,
) -> None:
    """File what the note carries, seen by whoever sees the note."""
    thread = parent or note
    for rank, received in enumerate(files):
        document = documents.file_document(
            actor=actor,
            now=now,
            patient=patient,
            received=received,
            gesture=uuid.uuid5(note.gesture, f"file {rank}"),
            kind=document_choices.PHOTO if received.small else document_choices.OTHER,
            visibility=note.visibility,
            readers=note.readers or (),
            attached_to="note",
            category=DataCategory(note.category),
            on_behalf_of_id=note.on_behalf_of_id,
        )
        append(
            [
                NoteFile(
                    note=note,
                    thread=thread,
                    document=document,
                    patient=patient,
                    occurred_at=thread.occurred_at,
                )
            ]
        )


def _save(row: Note | Measure, *fields: str, now: datetime) -> None:
    """Write what changed in a row, as its next version."""
    row.version += 1
    row.updated_at = now
    row.save(update_fields=[*fields, "version", "updated_at"])


def _written_before(trace: Trace, note: Note, error: IntegrityError) -> Note:
    """Return the note that the same gesture wrote, when it says the same."""
    before = Note.objects.filter(gesture=note.gesture, patient_id=note.patient_id).first()
    if before is None or before.author_role_id != note.author_role_id:
        raise UnableToWriteNote("Ce formulaire a déjà servi : envoyez-le à nouveau.") from error
    if before.text != note.text and not before.corrected_at:
        raise GestureAlreadyUsed(
            "Ce formulaire a déjà enregistré une note, avec un autre texte. Celui-ci n’est pas"
            " encore enregistré : envoyez-le pour en faire une nouvelle note."
        ) from error
    trace.about(patient_id=before.patient_id, entity=before, reason="déjà enregistrée")
    return before


def _measured_before(measure: Measure, error: IntegrityError) -> Measure:
    before = Measure.objects.filter(
        gesture=measure.gesture,
        patient_id=measure.patient_id,
        author_role_id=measure.author_role_id,
    ).first()
    if before is None or (before.value, before.second_value) != (
        measure.value,
        measure.second_value,
    ):
        raise UnableToRecordMeasure(
            "Ce formulaire a déjà enregistré d’autres valeurs. Celles-ci ne sont pas encore"
            " enregistrées : envoyez-les à nouveau."
        ) from error
    return before


def _lock_own(note: Note, actor: Actor) -> Note:
    row = Note.objects.select_for_update().filter(pk=note.pk).first()
    if row is None or not access.is_own(row, actor):
        raise UnableToAct("Seul l’auteur d’une note peut la corriger ou la retirer.")
    return row


def _tell(note: Note, parent: Note | None, *, actor: Actor, now: datetime) -> None:
    """Alert whom the note concerns, and refresh the open screens that may show it."""
    told = care_teams.carers(patient_id=note.patient_id, category=DataCategory(note.category))
    carers = [carer for carer in told if _sees(carer.key, note)]
    live.announce([carer.key for carer in carers], "note", now=now)
    level = Level.WRITE if note.urgent else Level.MANAGE
    concerned = [carer for carer in carers if carer.level >= level]
    recipients = {carer.key for carer in concerned}
    if not note.urgent:
        # A structure of which somebody is told by name needs no alert of its own.
        recipients -= {carer.structure for carer in concerned if carer.structure}
    if parent is not None and parent.author_role_id is not None:
        recipients |= {f"role:{parent.author_role_id}"} & {carer.key for carer in carers}
    called = set(note.mentions or ()) & {carer.key for carer in carers}
    if note.urgent:
        told_how = {AlertKind.URGENT_NOTE: recipients | called}
    else:
        told_how = {AlertKind.NOTE: recipients - called}
        if called:
            told_how[AlertKind.NOTE_MENTION] = called
    for kind, keys in told_how.items():
        alerts.raise_alert(
            actor=actor,
            now=now,
            patient_id=note.patient_id,
            recipients=keys,
            kind=kind,
            target=TARGET,
            urgent=note.urgent,
        )


def _sees(key: str, row: Note | Measure) -> bool:
    return not isinstance(row, Note) or sharing.is_told(
        key, visibility=row.visibility, readers=row.readers
    )


def _ask(note: Note, parent: Note | None, *, actor: Actor, now: datetime) -> None:
    """Put a request for advice in the list of tasks of whoever comes first; a reply answers it."""
    own = role_key(note.author_role_id) if note.author_role_id else ""
    if parent is None and note.kind == NoteKind.ADVICE:
        readers = care_teams.keys_of_level(
            patient_id=note.patient_id, level=Level.READ, category=DataCategory(note.category)
        )
        keys = care_teams.next_to_tell(
            patient_id=note.patient_id,
            told={own},
            now=now,
            among={key for key in readers if _sees(key, note)},
        )
        source, status = f"note:{note.pk}", TaskStatus.REQUESTED
    elif (
        parent is not None
        and parent.kind == NoteKind.ADVICE
        and parent.author_role_id != note.author_role_id
    ):
        keys, source, status = [own], f"note:{parent.pk}", TaskStatus.COMPLETED
    else:
        return
    items = [
        tasks.Item(
            source=source,
            owner=key,
            text="Répondre à une demande d’avis du cahier",
            status=status,
            urgent=note.urgent,
            category=(parent or note).category,
        )
        for key in keys
    ]
    tasks.follow(actor=actor, now=now, patient_id=note.patient_id, items=items, target=TARGET)


def _refresh_screens(row: Note | Measure, *, now: datetime) -> None:
    """Announce the change to everyone who may see it."""
    category = row.category if isinstance(row, Note) else DataCategory.MEDICAL
    readers = care_teams.keys_of_level(
        patient_id=row.patient_id, level=Level.READ, category=DataCategory(category)
    )
    live.announce([key for key in readers if _sees(key, row)], "note", now=now)
