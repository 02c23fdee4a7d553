"""Codes of early detection: what a rule looks for, and what became of what it proposed."""

from django.db import models


class RuleCode(models.TextChoices):
    """What each rule proposes to look at (local; docs/rules/detection.md)."""

    WEIGHT_LOSS = "weight_loss", "Perte de poids"
    WEIGHT_GAIN = "weight_gain", "Prise de poids rapide"
    FALLS = "falls", "Chutes répétées"
    MISSED_VISITS = "missed_visits", "Rendez-vous manqués"
    ADMISSIONS = "admissions", "Hospitalisations rapprochées"
    PAIN = "pain", "Douleur forte qui dure"
    OXYGEN = "oxygen", "Saturation basse"
    DEPENDENCE = "dependence", "Perte d’autonomie"
    CAREGIVER = "caregiver", "Aidant en difficulté"
    SILENCE = "silence", "Plus de nouvelles"


class IssueStatus(models.TextChoices):
    """FHIR observation-status of a DetectedIssue: proposed, acknowledged, dismissed."""

    PROPOSED = "preliminary", "À regarder"
    ACKNOWLEDGED = "final", "Pris en compte"
    DISMISSED = "cancelled", "Écarté"


class Severity(models.TextChoices):
    """FHIR detectedissue-severity."""

    HIGH = "high", "À voir vite"
    MODERATE = "moderate", "À voir"
