"""Codes of the directory: professions, kinds of organizations, ways of practising."""

from django.db import models


class Category(models.TextChoices):
    """Families of professions, which decide what a role may do (local)."""

    MEDICAL = "medical", "Médical"
    PARAMEDICAL = "paramedical", "Paramédical"
    SOCIAL = "social", "Social et médico-social"
    COORDINATION = "coordination", "Coordination"
    ADMINISTRATIVE = "administrative", "Administratif"
    # A profession that we do not know opens nothing.
    OTHER = "other", "Autre"


class OrganizationKind(models.TextChoices):
    """FR Core organization types (fr-core-cs-v2-3307)."""

    LEGAL = "LEGAL-ENTITY", "Entité juridique"
    GEOGRAPHICAL = "GEOGRAPHICAL-ENTITY", "Entité géographique"
    # Local: ROR knows it by its identifier only.
    INTERNAL = "INTERNAL-ORGANIZATION", "Organisation interne"


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
    IDENTITY = "identity", "Cellule d’identitovigilance"
    OTHER = "other", "Autre"


class PracticeMode(models.TextChoices):
    LIBERAL = "L", "Libéral"
    SALARIED = "S", "Salarié"
    VOLUNTEER = "B", "Bénévole"


class EndReason(models.TextChoices):
    """Why a right ended before the day that was foreseen (local)."""

    LEFT = "left", "A quitté la structure"
    WITHDRAWN = "withdrawn", "Retirée"
    REPLACED = "replaced", "Remplacée"


class CapacityStatus(models.TextChoices):
    """ROR status of a capacity (J188, TRE_R330)."""

    INSTALLED = "01", "Installé"
    AVAILABLE = "02", "Disponible"
    OCCUPIED = "03", "Occupé"
    RESERVED = "04", "Réservé"
    CLOSED = "05", "Fermé"
    ADDITIONAL = "06", "Supplémentaire"
    OPERATIONAL = "07", "Opérationnel"


class CapacityGender(models.TextChoices):
    """For whom a bed is (J190, TRE_R332)."""

    WOMEN = "01", "femmes"
    MEN = "02", "hommes"
    EITHER = "03", "indifférencié"


class MailboxKind(models.TextChoices):
    """Kinds of secure mailboxes (J139, TRE_R257)."""

    PERSONAL = "PER", "Personnelle"
    ORGANIZATIONAL = "ORG", "Organisationnelle"
    APPLICATION = "APP", "Applicative"
    OFFICE = "CAB", "Cabinet"


class Source(models.TextChoices):
    """Outside directories that are imported."""

    ANNUAIRE = "annuaire", "Annuaire Santé"
    FINESS = "finess", "FINESS"
    ROR = "ror", "ROR national"
    STRUCTURES = "structures", "Fichier de structures"


class RunStatus(models.TextChoices):
    """Where an import is."""

    READING = "reading", "Lecture en cours"
    MERGING = "merging", "Mise en place en cours"
    STOPPED = "stopped", "Arrêté, peut reprendre"
    ABANDONED = "abandoned", "Abandonné"
    DONE = "done", "Terminé"


# The system under which FHIR says an RPPS.
RPPS_SYSTEM = "https://rpps.esante.gouv.fr"


class LineOutcome(models.TextChoices):
    """What became of a line of an import."""

    CREATED = "created", "Créé"
    CHANGED = "changed", "Modifié"
    CLOSED = "closed", "Fermé"
    REJECTED = "rejected", "Rejeté"
