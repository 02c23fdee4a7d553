"""Kinds of notes (TRE_R234) and of measures (LOINC), with their units and plausible ranges."""

from django.db import models


class NoteKind(models.TextChoices):
    """Types of notes of the liaison notebook (CdL 3.0.0, TRE_R234)."""

    OBSERVATION = "OBS", "Observation"
    ADVICE = "DEM-AVIS", "Demande d’avis"
    INTERVENTION = "INTERV", "Intervention"
    INSTRUCTION = "INST", "Consigne"
    GENERAL = "GEN", "Information générale"


class MeasureKind(models.TextChoices):
    """Measures, by LOINC code (MES 3.2.0)."""

    BLOOD_PRESSURE = "85354-9", "Pression artérielle"
    WEIGHT = "29463-7", "Poids"
    HEART_RATE = "8867-4", "Fréquence cardiaque"
    TEMPERATURE = "8310-5", "Température"
    OXYGEN = "59408-5", "Saturation en oxygène"
    RESPIRATION = "9279-1", "Fréquence respiratoire"
    GLUCOSE = "2339-0", "Glycémie capillaire"
    HBA1C = "4548-4", "Hémoglobine glyquée"
    PAIN = "72514-3", "Douleur"
    HEIGHT = "8302-2", "Taille"
    WAIST = "8280-0", "Tour de taille"
    HEAD = "8287-5", "Périmètre crânien"
    BMI = "39156-5", "Indice de masse corporelle"


class MeasureStatus(models.TextChoices):
    FINAL = "final", "Valide"
    ENTERED_IN_ERROR = "entered-in-error", "Saisie par erreur"
