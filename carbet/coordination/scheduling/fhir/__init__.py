"""The agenda in FHIR: Schedule, Slot, Appointment of the guides GAP 3.0.0 and SAS."""

from carbet.coordination.scheduling.fhir.exchange import Kept, create, delete, update
from carbet.coordination.scheduling.fhir.writing import appointments, schedules, slots

__all__ = ["Kept", "appointments", "create", "delete", "schedules", "slots", "update"]
