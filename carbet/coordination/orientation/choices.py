"""What can be found, how one may travel to it, and what became of an orientation."""

from django.db import models


class Kind(models.TextChoices):
    """What an entry of the search is (local)."""

    SERVICE = "S", "Service"
    PLACE = "P", "Structure"
    ROLE = "R", "Professionnel"


class Way(models.TextChoices):
    """How one accepts to travel (local)."""

    ROAD = "road", "Par la route seulement"
    RIVER = "river", "Route ou pirogue, sans avion"
    TWO_HOURS = "2h", "En moins de 2 heures"
    HOME = "home", "Se déplace à domicile"


class ReferralStatus(models.TextChoices):
    """FHIR ServiceRequest.status, in part."""

    ACTIVE = "active", "En attente de réponse"
    COMPLETED = "completed", "Prise en charge confirmée"
    REVOKED = "revoked", "N’a pas abouti"
    ENTERED_IN_ERROR = "entered-in-error", "Saisie par erreur"
