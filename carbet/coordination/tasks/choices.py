"""Codes of tasks (FHIR task-status, request-priority)."""

from django.db import models


class TaskStatus(models.TextChoices):
    REQUESTED = "requested", "À faire"
    ACCEPTED = "accepted", "Acceptée"
    COMPLETED = "completed", "Faite"
    REJECTED = "rejected", "Refusée"
    CANCELLED = "cancelled", "Annulée"


class Priority(models.TextChoices):
    ROUTINE = "routine", "Ordinaire"
    URGENT = "urgent", "Urgente"


OPEN = (TaskStatus.REQUESTED, TaskStatus.ACCEPTED)
