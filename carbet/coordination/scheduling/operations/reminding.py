"""Remind persons of what is agreed: once, a day before, without any health content."""

from datetime import datetime

from carbet.coordination.care_teams import queries as care_teams
from carbet.coordination.scheduling.models import Appointment
from carbet.core import outbox
from carbet.core.actor import Actor
from carbet.core.audit import Trace
from carbet.core.operation import operation

BATCH = 500


@operation("appointment.remind", action="E")
def remind(trace: Trace, *, actor: Actor, now: datetime, appointment: Appointment) -> int:
    """Send a reminder to each account that reads the record at its own door. Return how many."""
    row = (
        Appointment.objects.select_for_update(of=("self",))
        .filter(pk=appointment.pk, reminded_at__isnull=True, start__isnull=False)
        .first()
    )
    trace.about(patient_id=appointment.patient_id, entity=appointment)
    if row is None or row.patient_id is None or row.start is None:
        return 0
    keys = sorted(care_teams.portal_keys(patient_id=row.patient_id, on=now))
    for key in keys:
        account = int(key.removeprefix("account:"))
        outbox.send(
            "appointment.reminder",
            {"account": account, "start": row.start.isoformat()},
            idempotency_key=f"appointment.reminder:{row.pk}:{row.start:%Y%m%d%H%M}:{account}",
            now=now,
            patient_id=row.patient_id,
        )
    row.reminded_at = now
    row.save(update_fields=["reminded_at"])
    return len(keys)
