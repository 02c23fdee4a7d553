"""Codes of the personalised health plan."""

from django.db import models


class PlanStatus(models.TextChoices):
    """Where the plan stands; FHIR request-status is derived."""

    DRAFT = "draft", "En rédaction"
    PROPOSED = "proposed", "Proposé à l’approbation"
    ACTIVE = "active", "Approuvé"
    COMPLETED = "completed", "Terminé"


class NeedDomain(models.TextChoices):
    """Domains of needs, after SERAFIN-PH (local codes until the nomenclature is loaded)."""

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
