"""Stays and their movements: what a hospital tells, corrects and takes back, told to the circle."""

import contextlib
from datetime import datetime

from django.db import transaction

from carbet.coordination.care_teams import queries as care_teams
from carbet.coordination.subscriptions import operations as subscriptions
from carbet.coordination.subscriptions.choices import EventType, PartyKind
from carbet.coordination.subscriptions.rules import Party
from carbet.core import live
from carbet.core.actor import Actor, Level
from carbet.core.audit import Trace
from carbet.core.operation import operation
from carbet.interop.hospital_feed.choices import (
    TOLD,
    EncounterStatus,
    ErrorCode,
    MessageStatus,
    MovementKind,
    MovementStatus,
)
from carbet.interop.hospital_feed.models import Encounter, FeedRoute, Movement
from carbet.interop.hospital_feed.operations import identities
from carbet.interop.hospital_feed.operations.effects import Effect, Task
from carbet.interop.hospital_feed.operations.identifying import identify
from carbet.interop.hospital_feed.rules import identities as identity_rules
from carbet.interop.hospital_feed.rules import movements, persons
from carbet.interop.hospital_feed.rules.header import Unacceptable
from carbet.interop.hospital_feed.rules.movements import CANCEL, INSERT, MovementRead
from carbet.registries.directory.fhir import FINESS
from carbet.registries.patients.models import Patient

# Those that tell who comes, before or beside any message of identity.
_TELLS_WHO = (MovementKind.ADMISSION, MovementKind.REGISTRATION, MovementKind.PREADMISSION)
# Those that IHE's plain identity feed (ITI-8) sends, without any movement.
_FEEDS = frozenset({"A01", "A04", "A05"})
BEGINS = (MovementKind.ADMISSION, MovementKind.REGISTRATION, MovementKind.TO_INPATIENT)


def record(task: Task) -> Effect:
    """Carry out a movement of a stay.

    Raises:
        Unacceptable: the message is wrong, or asks for what cannot be.
        Unidentified: nobody here can be told for sure.
    """
    if task.row.event in _FEEDS and identity_rules.is_feed(task.message):
        return identities.record_told(task)
    said = movements.read(task.message, task.row.event)
    patient = identify(task.route, persons.of(task.message))
    text = record_movement(
        actor=task.actor, now=task.now, patient=patient, route=task.route, said=said
    )
    if said.kind in _TELLS_WHO:
        # A movement is kept whatever is wrong with a trait.
        with contextlib.suppress(Unacceptable), transaction.atomic():
            identities.keep_met(task)
    status = MessageStatus.DONE if text else MessageStatus.IGNORED
    return Effect(text or "Déjà connu, à l’identique.", patient.pk, status)


@operation("encounter.move")
def record_movement(
    trace: Trace,
    *,
    actor: Actor,
    now: datetime,
    patient: Patient,
    route: FeedRoute,
    said: MovementRead,
) -> str:
    """Keep, correct or take back a movement, and bring its stay to what its movements say.

    Return what was done, an empty text when it was known already. A circle is told when a stay
    begins or ends, once; what is taken back is said too.

    Raises:
        Unacceptable: a movement told twice otherwise, or unknown when it is corrected or taken
            back.
    """
    stay = _stay(patient, route, said, now=now)
    known = Movement.objects.select_for_update().filter(encounter=stay, number=said.number).first()
    if said.action == INSERT and known is not None:
        if _same(known, said):
            trace.about(patient_id=patient.pk, entity=known, reason="déjà connu")
            return ""
        raise Unacceptable(
            ErrorCode.DUPLICATE,
            "Ce mouvement est déjà connu avec un autre contenu : UPDATE pour le corriger.",
            "ZBE-4",
        )
    if said.action != INSERT and known is None:
        raise Unacceptable(ErrorCode.KEY, "Aucun mouvement de ce numéro dans ce séjour.", "ZBE-1")
    if said.action == CANCEL and known is not None and known.status == MovementStatus.CANCELLED:
        trace.about(patient_id=patient.pk, entity=known, reason="déjà annulé")
        return ""
    row = known or Movement(
        encounter=stay, patient_id=patient.pk, number=said.number, recorded_at=now
    )
    if said.action == CANCEL:
        row.status = MovementStatus.CANCELLED
    else:
        _describe(row, said)
    row.updated_at, row.version = now, row.version + (known is not None)
    row.save()
    _bring(stay, now=now)
    _tell(row, stay, patient, actor=actor, now=now)
    trace.about(patient_id=patient.pk, entity=row, reason=f"{said.action} {said.kind}")
    verb = {INSERT: "enregistrée", CANCEL: "annulée"}.get(said.action, "corrigée")
    return f"{said.kind.label} {verb}."


def _stay(patient: Patient, route: FeedRoute, said: MovementRead, *, now: datetime) -> Encounter:
    row = (
        Encounter.objects.select_for_update()
        .filter(patient_id=patient.pk, organization_id=route.organization_id, number=said.stay)
        .first()
    )
    if row is None:
        row = Encounter(
            patient_id=patient.pk,
            organization_id=route.organization_id,
            number=said.stay,
            status=EncounterStatus.PLANNED,
            patient_class=said.patient_class,
            recorded_at=now,
            updated_at=now,
        )
        if said.action == INSERT:
            row.save(force_insert=True)
    return row


def _describe(row: Movement, said: MovementRead) -> None:
    row.kind, row.status, row.historic = said.kind, MovementStatus.ACTIVE, said.historic
    row.patient_class, row.unit = said.patient_class, said.unit
    row.started_at, row.ended_at = said.started_at, said.ended_at


def _same(known: Movement, said: MovementRead) -> bool:
    return known.status == MovementStatus.ACTIVE and (
        known.kind, known.patient_class, known.unit, known.started_at, known.ended_at,
    ) == (said.kind, said.patient_class, said.unit, said.started_at, said.ended_at)  # fmt: skip


def _bring(stay: Encounter, *, now: datetime) -> None:
    """Bring a stay to what its movements in force say, in the order in which they happened."""
    rows = list(
        Movement.objects.filter(encounter=stay, status=MovementStatus.ACTIVE).order_by(
            "started_at", "pk"
        )
    )
    stay.started_at = stay.ended_at = None
    stay.status = EncounterStatus.PLANNED if rows else EncounterStatus.CANCELLED
    for row in rows:
        stay.patient_class, stay.unit = row.patient_class, row.unit or stay.unit
        if row.kind == MovementKind.DISCHARGE:
            stay.status, stay.ended_at = EncounterStatus.FINISHED, row.started_at
        elif row.kind != MovementKind.PREADMISSION:
            stay.status, stay.ended_at = EncounterStatus.IN_PROGRESS, None
            stay.started_at = stay.started_at or row.started_at
    if rows and not any(row.kind != MovementKind.DISCHARGE for row in rows):
        # Its entry was taken back, or never told: what is left is an end without a beginning.
        stay.started_at = None
    stay.updated_at, stay.version = now, stay.version + 1
    stay.save()


def _tell(row: Movement, stay: Encounter, patient: Patient, *, actor: Actor, now: datetime) -> None:
    """Tell the circle that a stay began or ended, or that it did not after all."""
    live.announce(
        care_teams.keys_of_level(patient_id=patient.pk, level=Level.READ), "encounter", now=now
    )
    if row.kind in BEGINS:
        event_type, source = EventType.ADM, f"stay:{stay.pk}:{EventType.ADM}"
        begun = stay.status in (EncounterStatus.IN_PROGRESS, EncounterStatus.FINISHED)
        holds = begun and stay.patient_class in TOLD and stay.started_at is not None
    elif row.kind == MovementKind.DISCHARGE:
        event_type, source = EventType.SOR, f"movement:{row.pk}"
        holds = row.status == MovementStatus.ACTIVE and row.patient_class in TOLD
    else:
        return
    requester = Party(
        PartyKind.ORGANIZATION,
        stay.organization.name,
        FINESS if stay.organization.finess else "",
        stay.organization.finess,
    )
    if holds:
        subscriptions.record_stay(
            actor=actor,
            now=now,
            patient=patient,
            event_type=event_type,
            event_at=row.started_at,
            requester=requester,
            source=source,
            quietly=row.historic,
        )
    else:
        subscriptions.take_back(actor=actor, now=now, patient=patient, source=source)
