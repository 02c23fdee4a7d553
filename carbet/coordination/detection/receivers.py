"""What early detection hears of the rooms below: something changed that a rule looks at."""

from typing import Any

from django.dispatch import receiver
from procrastinate.contrib.django import app

from carbet.coordination.detection.rules import speaks_of_fall
from carbet.core.audit import Trace
from carbet.core.operation import done

WATCHED = frozenset(
    {
        "appointment.close",
        "assessment.receive",
        "assessment.save",
        "assessment.withdraw",
        "event.declare",
        "event.record_stay",
        "event.take_back",
        "notebook.measure.record",
        "notebook.measure.withdraw",
        "notebook.note.correct",
        "notebook.note.withdraw",
        "notebook.note.write",
    }
)


@receiver(done)
def look_later(sender: Any, *, trace: Trace, result: Any, **_: Any) -> None:
    """Have a worker look at the person, once what was done is kept.

    A new note is looked at when it tells of a fall only: most do not, and writing one stays cheap.
    """
    if trace.operation not in WATCHED:
        return
    if trace.operation == "notebook.note.write" and not speaks_of_fall(result.text):
        return
    for patient_id in {each.patient_id for each in trace.events if each.patient_id}:
        app.configure_task("detection.look", queue="outbox").defer(patient_id=patient_id)
