"""Codes of the personalised health plan."""

from django.db import models


class PlanStatus(models.TextChoices):
    """Where the plan stands; FHIR request-status is derived."""

    DRAFT = "draft", "En rédaction"
    PROPOSED = "proposed", "Proposé à l’approbation"
    ACTIVE = "active", "Approuvé"
    COMPLETED = "completed", "Terminé"


class NeedDomain(models.TextChoices):
    """Domains of needs said in plain words; a SERAFIN-PH need belongs to one (`rules`)."""

    HEALTH = "health", "Santé"
    AUTONOMY = "autonomy", "Autonomie"
    PARTICIPATION = "participation", "Participation sociale"
    CAREGIVER = "caregiver", "Soutien de l’aidant"
    HOME = "home", "Logement et cadre de vie"
    RIGHTS = "rights", "Droits et ressources"


class GoalStatus(models.TextChoices):
    """FHIR goal-status."""

    ACTIVE = "active", "En cours"
    COMPLETED = "completed", "Atteint"
    CANCELLED = "cancelled", "Abandonné"


class ActionStatus(models.TextChoices):
    """FHIR care-plan-activity-status."""

    NOT_STARTED = "not-started", "À faire"
    IN_PROGRESS = "in-progress", "En cours"
    COMPLETED = "completed", "Fait"
    CANCELLED = "cancelled", "Abandonnée"


class Agreement(models.TextChoices):
    """What the person says of the plan as it was shown to them."""

    GIVEN = "given", "D’accord"
    PARTLY = "partly", "D’accord avec des réserves"
    REFUSED = "refused", "Pas d’accord"
    UNABLE = "unable", "Ne peut pas s’exprimer"


class AgreementGiver(models.TextChoices):
    """Who spoke: the person, or whoever the law lets speak for them."""

    PERSON = "person", "La personne elle-même"
    PARENT = "parent", "Ses parents"
    GUARDIAN = "guardian", "Son représentant légal"
    TRUSTED = "trusted", "La personne de confiance"


class Comparator(models.TextChoices):
    """FHIR quantity-comparator, as a target says it."""

    AT_LEAST = ">=", "au moins"
    AT_MOST = "<=", "au plus"


class Outcome(models.TextChoices):
    """What a review says of a goal; what goes on is carried over to the next version."""

    CONTINUED = "continued", "Continue"
    REACHED = "reached", "Atteint"
    DROPPED = "dropped", "Abandonné"


# The needs of SERAFIN-PH (CNSA; value set JDV_J285), those that name something to answer.
SERAFIN_SYSTEM = "urn:oid:1.2.250.1.213.3.3.60"
SERAFIN = {
    "1.1.1": "Fonctions mentales, psychiques, cognitives et système nerveux",
    "1.1.2": "Fonctions sensorielles",
    "1.1.3": "Douleur",
    "1.1.4": "Voix, parole et appareil bucco-dentaire",
    "1.1.5": "Fonctions cardio-vasculaire, hématopoïétique, immunitaire et respiratoire",
    "1.1.6": "Fonctions digestive, métabolique et endocrinienne",
    "1.1.7": "Fonctions génito-urinaire et reproductive",
    "1.1.8": "Fonctions locomotrices",
    "1.1.9": "Peau et structures associées",
    "1.1.10": "Entretenir et prendre soin de sa santé",
    "1.2.1.1": "Entretien personnel",
    "1.2.1.2": "Relations et interactions avec autrui",
    "1.2.1.3": "Mobilité",
    "1.2.1.4": "Prendre des décisions adaptées, sécurité",
    "1.3.1.1": "Accéder aux droits et à la citoyenneté",
    "1.3.2.1": "Vivre dans un logement",
    "1.3.2.2": "Accomplir les activités domestiques",
    "1.3.3.1": "Vie scolaire et étudiante",
    "1.3.3.2": "Travail et emploi",
    "1.3.3.3": "Apprentissages",
    "1.3.3.4": "Vie familiale, parentalité, vie affective et sexuelle",
    "1.3.3.5": "Apprendre à être pair-aidant",
    "1.3.4.1": "Participer à la vie sociale",
    "1.3.4.2": "Se déplacer avec un moyen de transport",
    "1.3.5.1": "Ressources et autosuffisance économique",
}
