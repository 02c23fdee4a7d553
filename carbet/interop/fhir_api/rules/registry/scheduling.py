"""Agendas, their slots and what is booked in them (scheduling)."""

from carbet.interop.fhir_api.rules.registry.parameters import (
    ACTORS,
    DATE,
    PERSON,
    REFERENCE,
    SPECIAL,
    STRING,
    TOKEN,
    Parameter,
    identified,
    one_of,
    parameters,
    standard,
)
from carbet.interop.fhir_api.rules.registry.resource import FR_CORE, READING, WRITING, Resource

GAP = "https://interop.esante.gouv.fr/ig/fhir/gap/"


def _gap(name: str, kind: str) -> Parameter:
    return Parameter(name, kind, f"{GAP}SearchParameter/GAP-Appointment-{name}")


def _actor_chains(path: str) -> tuple[Parameter, ...]:
    """Return what an agenda is sought by, through its actor (GAP, flow 4a; SAS)."""
    return tuple(
        Parameter(f"{path}:{name}", kind)
        for name, kind in (
            ("Practitioner.identifier", TOKEN),
            ("PractitionerRole.practitioner.identifier", TOKEN),
            ("PractitionerRole.name", STRING),
            ("PractitionerRole.role", TOKEN),
            ("PractitionerRole.specialty", TOKEN),
            ("PractitionerRole.address", STRING),
            ("PractitionerRole.location.address", STRING),
            ("PractitionerRole.location.near", SPECIAL),
            ("PractitionerRole.organization.identifier", TOKEN),
            ("Organization.identifier", TOKEN),
            ("Location.organization.identifier", TOKEN),
            ("Location.name", STRING),
            ("Location.address", STRING),
            ("Location.near", SPECIAL),
            ("HealthcareService.organization.identifier", TOKEN),
            ("HealthcareService.organization.name", STRING),
            ("HealthcareService.organization.address", STRING),
        )
    )


_AGENDA_INCLUDES = {
    "Slot:schedule": "Schedule",
    "Slot:service-type-reference": "",
    "Schedule:actor": "",
    "PractitionerRole:practitioner": "Practitioner",
    "PractitionerRole:organization": "Organization",
    "PractitionerRole:location": "",
    "Location:organization": "",
    "HealthcareService:organization": "",
}

SERVED = (
    Resource(
        "Schedule",
        FR_CORE + "fr-core-schedule",
        (*READING, *WRITING, "delete"),
        parameters(
            standard("Schedule", "identifier", TOKEN),
            standard("Schedule", "active", TOKEN),
            standard("Schedule", "actor", REFERENCE, *ACTORS),
            standard("Schedule", "specialty", TOKEN),
            standard("Schedule", "service-type", TOKEN),
            standard("Schedule", "date", DATE),
            *_actor_chains("actor"),
            Parameter("_has:Slot:schedule:start", DATE),
            Parameter("_has:Slot:schedule:status", TOKEN),
        ),
        includes=_AGENDA_INCLUDES,
        revincludes={"Slot:schedule": "Slot"},
        also_profiles=(GAP + "StructureDefinition/gap-fr-schedule",),
        documentation="L’agenda d’un professionnel, ou de sa structure, tenu par sa structure."
        " L’extension fr-core-schedule-availability-time ouvre les créneaux ; delete le ferme."
        " _revinclude=Slot:schedule rend les créneaux que demandent les _has.",
        largest_page=200,
        conditional_update=True,
    ),
    Resource(
        "Slot",
        FR_CORE + "fr-core-slot",
        (*READING, *WRITING),
        parameters(
            standard("Slot", "identifier", TOKEN),
            standard("Slot", "status", TOKEN),
            standard("Slot", "start", DATE),
            standard("Slot", "schedule", REFERENCE, "Schedule"),
            standard("Slot", "specialty", TOKEN),
            standard("Slot", "service-type", TOKEN),
            Parameter("schedule.actor", REFERENCE, targets=ACTORS),
            *_actor_chains("schedule.actor"),
        ),
        includes=_AGENDA_INCLUDES,
        also_profiles=(GAP + "StructureDefinition/gap-fr-slot",),
        documentation="Créneaux, libres ou non (GAP flux 4a, SAS). Un créneau pris ne se"
        " modifie pas.",
        largest_page=500,
        conditional_update=True,
    ),
    Resource(
        "Appointment",
        FR_CORE + "fr-core-appointment",
        (*READING, *WRITING),
        parameters(
            standard("Appointment", "identifier", TOKEN),
            standard("Appointment", "status", TOKEN),
            standard("Appointment", "date", DATE),
            _gap("created", DATE),
            _gap("description", STRING),
            _gap("priority", TOKEN),
            standard("Appointment", "service-type", TOKEN),
            standard("Appointment", "patient", REFERENCE, *PERSON),
            standard("Appointment", "actor", REFERENCE, "Patient", *ACTORS),
            standard("Appointment", "practitioner", REFERENCE, "Practitioner"),
            standard("Appointment", "slot", REFERENCE, "Slot"),
            *identified(
                "patient",
                "actor:Patient",
                "practitioner",
                "actor:Practitioner",
                "actor:Organization",
            ),
        ),
        includes={
            "Appointment:patient": "Patient",
            "Appointment:actor": "",
            "Appointment:practitioner": "Practitioner",
            "Appointment:slot": "Slot",
            **_AGENDA_INCLUDES,
        },
        also_profiles=(GAP + "StructureDefinition/gap-fr-appointment",),
        asks_one_of=one_of(
            *("_id", "identifier", "patient", "actor", "practitioner", "slot"),
            *("patient.identifier", "actor:Patient.identifier"),
            *("practitioner.identifier", "actor:Practitioner.identifier"),
            "actor:Organization.identifier",
        ),
        documentation="create : proposed demande, booked déclare (GAP flux 6a, SAS). Un créneau"
        " pris par un autre : 409. PUT Appointment?identifier=système|valeur (flux 6b)."
        " Une recherche dit au moins _id, identifier, slot, une personne ou un acteur.",
        conditional_update=True,
    ),
)
