"""Kinds of accounts."""

from django.db import models


class AccountKind(models.TextChoices):
    PROFESSIONAL = "professional", "Professionnel"
    PERSON = "person", "Personne accompagnée ou proche"


# Where users of the territory live and work; the offsets are those of the IANA tables.
TIME_ZONES = (
    ("America/Cayenne", "Guyane"),
    ("America/Martinique", "Martinique"),
    ("America/Guadeloupe", "Guadeloupe"),
    ("Europe/Paris", "Métropole"),
    ("America/Paramaribo", "Suriname"),
    ("America/Belem", "Brésil (Belém)"),
    ("Indian/Reunion", "La Réunion"),
    ("Indian/Mayotte", "Mayotte"),
)
