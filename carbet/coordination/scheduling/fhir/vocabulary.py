"""Addresses of profiles, extensions and code systems of the agenda (FR Core, GAP, SAS)."""

from carbet.core import fhir

GAP = "https://interop.esante.gouv.fr/ig/fhir/gap/StructureDefinition/"
SCHEDULE = fhir.FR_CORE + "fr-core-schedule"
SLOT = fhir.FR_CORE + "fr-core-slot"
APPOINTMENT = fhir.FR_CORE + "fr-core-appointment"

AVAILABILITY = fhir.FR_CORE + "fr-core-schedule-availability-time"
DURATION = fhir.FR_CORE + "fr-core-service-type-duration"
AVAILABILITY_TYPES = "https://hl7.fr/ig/fhir/core/CodeSystem/fr-core-cs-schedule-type"
# FR Core, and the name that SAS still uses.
OPERATORS = (
    fhir.FR_CORE + "fr-core-appointment-operator",
    "http://interopsante.org/fhir/StructureDefinition/FrAppointmentOperator",
)

ACT_CODES = "http://terminology.hl7.org/CodeSystem/v3-ActCode"
APPOINTMENT_TYPES = "http://terminology.hl7.org/CodeSystem/v2-0276"
CANCEL_REASONS = "http://terminology.hl7.org/CodeSystem/appointment-cancellation-reason"
SLOT_TYPES = fhir.nos("TRE_R314-TypeCreneau")
SPECIALTIES = fhir.nos("TRE_R38-SpecialiteOrdinale")
# Those of our kinds of visit that HL7 has.
CODED_KINDS = ("HH", "AMB", "VR")
