"""Visits that come back: rows up to a horizon, so that each can be moved or cancelled."""

import uuid
from collections.abc import Sequence
from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

from django.utils import timezone

from carbet.coordination.scheduling import queries
from carbet.coordination.scheduling.choices import FIRM, AppointmentStatus, VisitKind
from carbet.coordination.scheduling.models import Appointment, AppointmentSeries
from carbet.coordination.scheduling.operations.writing import (
    TimeTaken,
    UnableToSchedule,
    check_carers,
    check_time,
    new_participants,
    tell,
    write,
)
from carbet.coordination.scheduling.rules import agreement, recurrence
from carbet.coordination.scheduling.rules.recurrence import NotARecurrence, Recurrence
from carbet.core.actor import Actor
from carbet.core.audit import Trace
from carbet.core.operation import operation
from carbet.registries.directory.models import PractitionerRole
from carbet.registries.patients.models import Patient

# How far ahead the visits of a series are written; the worker keeps it so.
HORIZON = timedelta(days=92)
MOST_AT_ONCE = 200


@operation("appointment.repeat", action="C")
def repeat(
    trace: Trace,
    *,
    actor: Actor,
    now: datetime,
    patient: Patient,
    roles: Sequence[PractitionerRole],
    rule: Recurrence,
    start: datetime,
    end: datetime,
    gesture: uuid.UUID,
    kind: str = VisitKind.HOME,
    description: str = "",
    accept_overlap: bool = False,
    zone: ZoneInfo | None = None,
) -> AppointmentSeries:
    """Fix a visit that comes back, and write its visits up to the horizon.

    Args:
        start: from when on; the first visit is the first one that the rule gives.
        zone: the wall clock that the visits follow; the territory's by default.

    Raises:
        UnableToSchedule: an impossible time, a rule without any visit, somebody outside the circle.
        TimeTaken: some visits meet something else; their days are said.
    """
    before = AppointmentSeries.objects.filter(gesture=gesture, patient_id=patient.pk).first()
    if before is not None:
        trace.about(patient_id=patient.pk, entity=before, reason="déjà enregistré")
        return before
    check_carers(patient.pk, roles)
    check_time(start, end, now=now)
    zone = zone or ZoneInfo(str(timezone.get_default_timezone()))
    if recurrence.first_start(rule, first=start, zone=zone) is None:
        raise UnableToSchedule("Cette répétition ne donne aucune visite.", field="until")
    series = AppointmentSeries.objects.create(
        patient_id=patient.pk,
        rule=rule.to_text(),
        first_start=start,
        minutes=int((end - start).total_seconds() // 60),
        zone=zone.key,
        kind=VisitKind(kind),
        description=description.strip(),
        role_ids=[role.pk for role in roles],
        author_role_id=actor.role_id,
        author_name=actor.display_name,
        written_until=start,
        created_at=now,
        gesture=gesture,
    )
    rows, met = _write_until(
        series, roles, until=max(now, start) + HORIZON, actor=actor, now=now, accept=accept_overlap
    )
    if met:
        days = ", ".join(f"{timezone.localtime(each):%d/%m à %H h %M}" for each in met[:6])
        more = f" et {len(met) - 6} autres" if len(met) > 6 else ""
        raise TimeTaken(f"Déjà pris : {days}{more}.", field="start")
    first = rows[0]
    tell(first, new_participants(first, roles, actor=actor), actor=actor, now=now)
    trace.about(patient_id=patient.pk, entity=series)
    return series


@operation("appointment.extend", action="C")
def extend(
    trace: Trace, *, actor: Actor, now: datetime, series: AppointmentSeries, until: datetime
) -> int:
    """Write the next visits of a series up to `until`. Return how many were written.

    A visit that meets something else is written all the same, marked as overlapping: it was decided
    long before, and somebody must see it to decide again. One that was moved or cancelled is not
    written again.
    """
    row = (
        AppointmentSeries.objects.select_for_update()
        .filter(pk=series.pk, ended_at__isnull=True)
        .first()
    )
    trace.about(patient_id=series.patient_id, entity=series)
    if row is None:
        return 0
    roles = [role for role in queries.roles(role_ids=row.role_ids) if role.ended_at is None]
    if not roles:
        row.ended_at = now
        row.save(update_fields=["ended_at"])
        return 0
    written, _ = _write_until(row, roles, until=until, actor=actor, now=now, accept=True)
    return len(written)


def _write_until(
    series: AppointmentSeries,
    roles: Sequence[PractitionerRole],
    *,
    until: datetime,
    actor: Actor,
    now: datetime,
    accept: bool,
) -> tuple[list[Appointment], list[datetime]]:
    """Write the visits not yet written; return them, and the times already taken."""
    try:
        rule = recurrence.parse(series.rule)
    except NotARecurrence as error:
        raise UnableToSchedule(str(error), field="frequency") from error
    moments = recurrence.starts(
        rule,
        first=series.first_start,
        zone=ZoneInfo(series.zone),
        after=series.written_until,
        before=until,
    )[:MOST_AT_ONCE]
    written, met = [], []
    for moment in moments:
        row = Appointment(
            patient_id=series.patient_id,
            series=series,
            recurrence_id=moment,
            status=AppointmentStatus.PROPOSED,
            kind=series.kind,
            description=series.description,
            start=moment,
            end=moment + timedelta(minutes=series.minutes),
            author_role_id=series.author_role_id,
            author_name=series.author_name,
            created_at=now,
            updated_at=now,
            gesture=uuid.uuid5(series.gesture, moment.isoformat()),
        )
        parts = new_participants(row, roles, actor=actor)
        if actor.role_id is None:
            # The worker goes on with what was agreed.
            row.status = FIRM[0]
            for part in parts:
                part.status = "accepted"
        else:
            row.status = agreement.status_after(
                [part.status for part in parts], awaits_author=False
            )
        try:
            write(row, parts)
        except TimeTaken:
            if not accept:
                met.append(moment)
                continue
            row.pk, row.overlap_accepted = None, True
            for part in parts:
                part.pk = None
            write(row, parts)
        written.append(row)
    series.written_until = (
        until if len(moments) < MOST_AT_ONCE else moments[-1] + timedelta(seconds=1)
    )
    over = rule.until is not None and series.written_until.date() > rule.until
    over = over or (rule.count is not None and not moments)
    if over:
        series.ended_at = now
    series.save(update_fields=["written_until", "ended_at"])
    return written, met
