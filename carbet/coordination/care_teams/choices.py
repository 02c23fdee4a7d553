"""Codes of the circle: statuses, roles, relationships, consent, reasons."""

from django.db import models

from carbet.core.actor import DataCategory


class CareTeamStatus(models.TextChoices):
    """FHIR care-team-status."""

    PROPOSED = "proposed", "Proposé"
    ACTIVE = "active", "Actif"
    SUSPENDED = "suspended", "Suspendu"
    INACTIVE = "inactive", "Inactif"
    ENTERED_IN_ERROR = "entered-in-error", "Saisi par erreur"


class ParticipantRole(models.TextChoices):
    """Roles in the circle: TRE_R259 PCP (attending doctor), TRE_R260 for relatives, or ours."""

    ATTENDING = "PCP", "Médecin traitant"
    COORDINATOR = "330", "Coordonnateur de parcours"
    MEMBER = "353", "Membre de l’équipe de soins"
    EMERGENCY_CONTACT = "ECON", "Personne à prévenir"
    CAREGIVER = "CAREGIVER", "Aidant"
    TRUSTED = "K", "Personne de confiance"
    NEXT_OF_KIN = "NOK", "Proche"


# What each `core.actor.DataCategory` is called, and what it holds, in words.
DATA_CATEGORIES = {
    DataCategory.MEDICAL: "Médical",
    DataCategory.SOCIAL: "Social",
    DataCategory.ADMINISTRATIVE: "Administratif",
}


DATA_CATEGORY_CHOICES = [(int(each), label) for each, label in DATA_CATEGORIES.items()]


class MomentPrecision(models.TextChoices):
    """How precisely a moment was said: a date received as a date is given back as a date."""

    YEAR = "year", "Année"
    MONTH = "month", "Mois"
    DAY = "day", "Jour"
    INSTANT = "instant", "Instant"


class Relationship(models.TextChoices):
    """Family ties, TRE_R216 (HL7 RoleCode)."""

    SPOUSE = "SPS", "Conjoint·e"
    DAUGHTER = "DAUC", "Fille"
    SON = "SONC", "Fils"
    MOTHER = "MTH", "Mère"
    FATHER = "FTH", "Père"
    SISTER = "SIS", "Sœur"
    BROTHER = "BRO", "Frère"
    NEIGHBOUR = "NBOR", "Voisin·e"
    FRIEND = "FRND", "Ami·e"
    OTHER = "FAMMEMB", "Autre membre de la famille"


class ConsentDecision(models.TextChoices):
    GIVEN = "permit", "Accord recueilli"
    OPPOSED = "deny", "Opposition"


class ConsentGiver(models.TextChoices):
    PERSON = "person", "La personne elle-même"
    REPRESENTATIVE = "representative", "Son représentant légal"
    TRUSTED = "trusted", "Personne de confiance consultée"


class Capacity(models.TextChoices):
    """Under which title somebody speaks for the person or is consulted (local).

    Source: Code civil 425 to 494-12 (protection of adults) and 371-1; CSP L1111-6.
    """

    PARENT = "parent", "Parent, titulaire de l’autorité parentale"
    TUTOR = "tutor", "Tuteur ou tutrice"
    CURATOR = "curator", "Curateur ou curatrice"
    EMPOWERED = "empowered", "Personne habilitée par le juge (habilitation familiale)"
    MANDATE = "mandate", "Mandataire (mandat de protection future)"
    TRUSTED = "trusted", "Personne de confiance"


class ProofKind(models.TextChoices):
    """What proves a decision (local)."""

    FILE = "file", "Document ou photo"
    SIGNATURE = "signature", "Signature sur l’écran"


class InvitationStatus(models.TextChoices):
    """What became of an invitation (local)."""

    PENDING = "pending", "En attente de réponse"
    ACCEPTED = "accepted", "Acceptée"
    DECLINED = "declined", "Déclinée"
    WITHDRAWN = "withdrawn", "Retirée"


class GlassReason(models.TextChoices):
    """Why somebody outside the circle must enter (PGSSI-S; every use is reviewed)."""

    EMERGENCY = "emergency", "Urgence vitale"
    CONTINUITY = "continuity", "Continuité des soins, remplaçant"
    ON_CALL = "on_call", "Régulation ou garde"
    REQUEST = "request", "À la demande de la personne, présente"


class GrantSource(models.TextChoices):
    """Why a grant exists (local)."""

    PARTICIPANT = "participant", "Membre du cercle"
    SUPPORT_REQUEST = "support_request", "Demande d’appui à étudier"
    SUPPORT_CASE = "support_case", "Dossier d’appui ouvert"
    GLASS = "glass", "Accès exceptionnel"
    PERSON = "person", "La personne elle-même"
    INVITATION = "invitation", "Invitation à rejoindre le cercle"
    SYSTEM = "system", "Logiciel d’une structure du cercle"
