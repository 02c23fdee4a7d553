"""What a line of a thread is: what somebody said, or what happened to the thread."""

from django.db import models


class MessageKind(models.TextChoices):
    TEXT = "text", "Message"
    JOINED = "joined", "Arrivée"
    LEFT = "left", "Départ"
    REMOVED = "removed", "Retrait"
    CLOSED = "closed", "Clôture"
    REOPENED = "reopened", "Réouverture"


# What readers are asked to look at; the rest only tells who came and went.
TOLD = frozenset({MessageKind.TEXT, MessageKind.CLOSED, MessageKind.REOPENED})
