"""Who, among those who may enter a record, sees one entry of it: held by row security."""

from django.contrib.postgres.fields import ArrayField
from django.db import models

# Among readers: the person cared for and the relatives that they let in.
PERSON_AND_RELATIVES = "account"


class Visibility(models.TextChoices):
    """How far an entry goes within the circle."""

    CIRCLE = "circle", "Tout le cercle, la personne et ses proches"
    PROFESSIONALS = "professionals", "Les professionnels seulement"
    CHOSEN = "chosen", "Seulement les membres choisis"


class Shared(models.Model):
    """What an entry says of who sees it: `readers` are grantee keys, when chosen one by one."""

    visibility = models.CharField(
        max_length=13,
        choices=Visibility,
        default=Visibility.CIRCLE,
        db_default=Visibility.CIRCLE,
    )
    readers = ArrayField(models.CharField(max_length=40), null=True)

    class Meta:
        abstract = True


def is_told(key: str, *, visibility: str, readers: list[str] | None) -> bool:
    """Tell whether a grantee who may enter the record sees an entry shared in this way."""
    if visibility == Visibility.CHOSEN:
        kind = key.partition(":")[0]
        return key in (readers or ()) or kind in (readers or ())
    return visibility == Visibility.CIRCLE or not key.startswith("account:")
