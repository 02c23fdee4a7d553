"""States of a questionnaire and of its answers (FHIR PublicationStatus, QuestionnaireResponse)."""

from django.db import models


class QuestionnaireStatus(models.TextChoices):
    DRAFT = "draft", "Brouillon"
    ACTIVE = "active", "Publié"
    RETIRED = "retired", "Retiré"


class ResponseStatus(models.TextChoices):
    IN_PROGRESS = "in-progress", "En cours"
    COMPLETED = "completed", "Terminée"
    AMENDED = "amended", "Corrigée"
    ENTERED_IN_ERROR = "entered-in-error", "Saisie par erreur"
