"""What an alert is about."""

from django.db import models


class AlertKind(models.TextChoices):
    SUPPORT_REQUEST = "support_request", "Demande d’appui"
    SUPPORT_ANSWER = "support_answer", "Réponse à votre demande d’appui"
    CIRCLE = "circle", "Cercle de soins"
    URGENT_NOTE = "urgent_note", "Note urgente"
    NOTE = "note", "Note du cahier"
    PLAN_PROPOSED = "plan_proposed", "Plan à approuver"
    PLAN_DECIDED = "plan_decided", "Plan approuvé ou commenté"
    GLASS = "glass", "Accès exceptionnel"
