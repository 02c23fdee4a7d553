"""What becomes of a message, of a stay and of its movements; the codes that HL7 v2 gives them."""

from django.db import models


class MessageStatus(models.TextChoices):
    """What became of a message that was received."""

    WAITING = "waiting", "À traiter"
    BLOCKED = "blocked", "Attend un message précédent"
    HELD = "held", "Personne à rapprocher"
    DEAD = "dead", "À réparer"
    DONE = "done", "Traité"
    IGNORED = "ignored", "Sans effet ici"
    ABANDONED = "abandoned", "Abandonné"
    REFUSED = "refused", "Refusé à l’entrée"


# What still holds back the later messages of the same person.
UNSETTLED = (
    MessageStatus.WAITING,
    MessageStatus.BLOCKED,
    MessageStatus.HELD,
    MessageStatus.DEAD,
)
# What waits for somebody to replay it or give it up.
STOPPED = (MessageStatus.DEAD, MessageStatus.HELD)


class ErrorCode(models.TextChoices):
    """HL7 table 0357, and what cannot be said with it."""

    SEGMENT = "100", "Ordre des segments"
    REQUIRED = "101", "Champ obligatoire absent"
    TYPE = "102", "Valeur illisible"
    VALUE = "103", "Code inconnu"
    MESSAGE_TYPE = "200", "Type de message non pris en charge"
    EVENT = "201", "Événement non pris en charge"
    PROCESSING = "202", "Message d’essai refusé en production"
    VERSION = "203", "Version de HL7 non prise en charge"
    KEY = "204", "Identifiant inconnu"
    DUPLICATE = "205", "Identifiant déjà utilisé"
    INTERNAL = "207", "Erreur interne"


class EncounterStatus(models.TextChoices):
    """FHIR Encounter.status, those that a feed of movements tells."""

    PLANNED = "planned", "Prévu"
    IN_PROGRESS = "in-progress", "En cours"
    FINISHED = "finished", "Terminé"
    CANCELLED = "cancelled", "Annulé par l’établissement"


class PatientClass(models.TextChoices):
    """HL7 table 0004 as PAM-FR uses it (PV1-2)."""

    INPATIENT = "I", "Hospitalisation"
    OUTPATIENT = "O", "Consultation externe"
    EMERGENCY = "E", "Urgences"
    RECURRING = "R", "Séances"
    PREADMIT = "P", "Préadmission"
    NOT_APPLICABLE = "N", "Sans venue"


# Those whose beginning and end concern the circle: sessions and consultations come every week.
TOLD = (PatientClass.INPATIENT, PatientClass.EMERGENCY)


class MovementKind(models.TextChoices):
    """What a movement does, by the event that tells it (IHE PAM, ITI-31)."""

    ADMISSION = "A01", "Entrée"
    TRANSFER = "A02", "Mutation"
    DISCHARGE = "A03", "Sortie"
    REGISTRATION = "A04", "Venue"
    PREADMISSION = "A05", "Préadmission"
    TO_INPATIENT = "A06", "Passage en hospitalisation"
    TO_OUTPATIENT = "A07", "Passage en externe"


class MovementStatus(models.TextChoices):
    ACTIVE = "active", "En vigueur"
    CANCELLED = "cancelled", "Annulé"
