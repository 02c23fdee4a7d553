"""Kinds of accounts."""

from django.db import models


class AccountKind(models.TextChoices):
    PROFESSIONAL = "professional", "Professionnel"
    PERSON = "person", "Personne accompagnée ou proche"
