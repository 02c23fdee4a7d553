"""What may be said of requests to work through Carbet, and for how long a right lasts."""

from django.db import models


class RegistrationStatus(models.TextChoices):
    """Where a request is."""

    SUBMITTED = "submitted", "En attente de la structure"
    APPROVED = "approved", "Acceptée"
    REFUSED = "refused", "Refusée"
    WITHDRAWN = "withdrawn", "Retirée par son auteur"


class ReviewDecision(models.TextChoices):
    """What a manager says of somebody at a review."""

    STAYS = "reste", "Travaille toujours ici : prolonger"
    LEFT = "quitte", "A quitté la structure : fermer"


# For how many months a right may be given at once: never more than a year without a review.
MONTHS = ((3, "3 mois"), (6, "6 mois"), (12, "un an"))
