"""Codes of the agenda: statuses of FHIR R4, kinds of visit, reasons, absences."""

from django.db import models


class AppointmentStatus(models.TextChoices):
    """FHIR appointmentstatus."""

    PROPOSED = "proposed", "À confirmer"
    PENDING = "pending", "En attente"
    BOOKED = "booked", "Confirmé"
    ARRIVED = "arrived", "Arrivé"
    FULFILLED = "fulfilled", "Fait"
    CANCELLED = "cancelled", "Annulé"
    NOSHOW = "noshow", "Absent"
    ENTERED_IN_ERROR = "entered-in-error", "Saisi par erreur"
    CHECKED_IN = "checked-in", "Accueilli"
    WAITLIST = "waitlist", "En liste d’attente"


# An agreed time that nobody else may take; one that is asked for; one that holds a slot.
FIRM = (AppointmentStatus.BOOKED, AppointmentStatus.ARRIVED, AppointmentStatus.CHECKED_IN)
ASKED = (AppointmentStatus.PROPOSED, AppointmentStatus.PENDING)
OPEN = (*FIRM, *ASKED)
# What still stands in a calendar, past visits included.
SHOWN = (*OPEN, AppointmentStatus.FULFILLED, AppointmentStatus.NOSHOW)


class ParticipationStatus(models.TextChoices):
    """FHIR participationstatus."""

    ACCEPTED = "accepted", "Accepté"
    DECLINED = "declined", "Décliné"
    TENTATIVE = "tentative", "Peut-être"
    NEEDS_ACTION = "needs-action", "Attend sa réponse"


class SlotStatus(models.TextChoices):
    """FHIR slotstatus."""

    FREE = "free", "Libre"
    BUSY = "busy", "Pris"
    UNAVAILABLE = "busy-unavailable", "Indisponible"
    TENTATIVE = "busy-tentative", "Demandé"
    ENTERED_IN_ERROR = "entered-in-error", "Retiré"


class VisitKind(models.TextChoices):
    """How people meet: HL7 ActCode of encounters, and a meeting about the person."""

    HOME = "HH", "Visite à domicile"
    OFFICE = "AMB", "Consultation"
    VIDEO = "VR", "Téléconsultation"
    MEETING = "MEETING", "Réunion de coordination"


class CancelReason(models.TextChoices):
    """Why it will not take place (FHIR appointment-cancellation-reason)."""

    PERSON = "pat", "À la demande de la personne"
    PROFESSIONAL = "prov", "Empêchement du professionnel"
    ADMITTED = "oth-cms", "Personne hospitalisée"
    TRAVEL = "oth-weather", "Déplacement impossible (fleuve, route, météo)"
    OTHER = "other", "Autre raison"


class AbsenceKind(models.TextChoices):
    """Why a professional is away: never a reason of health (local)."""

    LEAVE = "leave", "Congé"
    TRAINING = "training", "Formation"
    MEETING = "meeting", "Réunion"
    OTHER = "other", "Indisponible"


class Frequency(models.TextChoices):
    """RFC 5545 FREQ: those that care follows."""

    DAILY = "DAILY", "Tous les jours"
    WEEKLY = "WEEKLY", "Toutes les semaines"
    MONTHLY = "MONTHLY", "Tous les mois"


WEEKDAYS = (
    ("MO", "lundi"),
    ("TU", "mardi"),
    ("WE", "mercredi"),
    ("TH", "jeudi"),
    ("FR", "vendredi"),
    ("SA", "samedi"),
    ("SU", "dimanche"),
)
