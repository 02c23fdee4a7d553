"""Codes of the directory: professions, kinds of organizations, ways of practising."""

from django.db import models


class Category(models.TextChoices):
    """Families of professions, which decide what a role may do (local)."""

    MEDICAL = "medical", "Médical"
    PARAMEDICAL = "paramedical", "Paramédical"
    SOCIAL = "social", "Social et médico-social"
    COORDINATION = "coordination", "Coordination"
    ADMINISTRATIVE = "administrative", "Administratif"


class OrganizationKind(models.TextChoices):
    """FR Core organization types (fr-core-cs-v2-3307)."""

    LEGAL = "LEGAL-ENTITY", "Entité juridique"
    GEOGRAPHICAL = "GEOGRAPHICAL-ENTITY", "Entité géographique"


class Purpose(models.TextChoices):
    """What an organization is to the circle (local)."""

    HOSPITAL = "hospital", "Établissement de santé"
    HEALTH_CENTRE = "health_centre", "Centre de santé"
    OFFICE = "office", "Cabinet"
    PHARMACY = "pharmacy", "Pharmacie"
    HOME_CARE = "home_care", "Soins à domicile"
    HOME_HELP = "home_help", "Aide à domicile"
    CARE_HOME = "care_home", "Établissement médico-social"
    DAC = "dac", "Dispositif d’appui à la coordination"
    SOCIAL = "social", "Service social"
    AGENCY = "agency", "Agence ou collectivité"
    OTHER = "other", "Autre"


class PracticeMode(models.TextChoices):
    LIBERAL = "L", "Libéral"
    SALARIED = "S", "Salarié"
    VOLUNTEER = "B", "Bénévole"
