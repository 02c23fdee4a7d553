"""Codes of support requests and cases."""

from django.db import models


class RequestStatus(models.TextChoices):
    """Where a request stands (FHIR request-status in brackets: active, completed, revoked)."""

    SUBMITTED = "submitted", "À étudier"
    ACCEPTED = "accepted", "Acceptée"
    REDIRECTED = "redirected", "Réorientée"
    WITHDRAWN = "withdrawn", "Retirée par le demandeur"


class Urgency(models.TextChoices):
    """FHIR request-priority."""

    ROUTINE = "routine", "Dans le mois"
    URGENT = "urgent", "Dans la semaine"
    ASAP = "asap", "Sous 48 heures"


class RequestReason(models.TextChoices):
    HOME = "home", "Maintien à domicile"
    DISCHARGE = "discharge", "Sortie d’hospitalisation"
    CAREGIVER = "caregiver", "Épuisement de l’aidant"
    COMPLEX = "complex", "Situation médicale complexe"
    RIGHTS = "rights", "Accès aux droits"
    ISOLATION = "isolation", "Isolement, site éloigné"
    OTHER = "other", "Autre"


class CaseStatus(models.TextChoices):
    """FHIR episode-of-care-status."""

    ACTIVE = "active", "Ouvert"
    ON_HOLD = "onhold", "Suspendu"
    FINISHED = "finished", "Clos"
