"""How complete an offer is, in which domain, and on which days it opens."""

from django.db import models


class Filling(models.TextChoices):
    """State of the filling of an offer or of a structure (ANS indicator)."""

    FINALISED = "finalised", "Finalisé"
    UNDER_WAY = "under_way", "En cours"
    TO_DO = "to_do", "À faire"


class Flag(models.TextChoices):
    """What must be said of an offer for it to be finalised (ANS indicator)."""

    FIELD = "field", "Champ d’activité"
    CATEGORY = "category", "Catégorie d’organisation"
    ACTIVITY = "activity", "Activité opérationnelle"
    CARE_MODE = "care_mode", "Mode de prise en charge"
    PUBLIC = "public", "Public ou âges pris en charge"
    ADDRESS = "address", "Adresse"
    CONTACT = "contact", "Contact"


class Domain(models.TextChoices):
    """Domain of a structure, by its FINESS category (ANS indicator)."""

    COORDINATION = "coordination", "Coordination"
    ELDERLY = "elderly", "Personnes âgées"
    DISABILITY = "disability", "Handicap"
    HOME = "home", "Domicile médico-social"
    CITY = "city", "Ville"
    HEALTH = "health", "Sanitaire"
    OTHER = "other", "Autre"


WEEKDAYS = (
    (1, "Lundi"),
    (2, "Mardi"),
    (3, "Mercredi"),
    (4, "Jeudi"),
    (5, "Vendredi"),
    (6, "Samedi"),
    (7, "Dimanche"),
)
