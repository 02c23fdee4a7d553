"""Types of documents (JDV_J07), confidentiality (JDV_J08) and what becomes of a document."""

from django.db import models

LOINC = "http://loinc.org"
TA_CDA = "1.2.250.1.213.1.1.4.12"

PHOTO, OTHER = "52040-3", "11506-3"


class DocumentType(models.TextChoices):
    """Types of documents (JDV_J07-XdsTypeCode): LOINC, or TRE_A05 for the codes with letters."""

    NURSING = OTHER, "Compte rendu ou fiche de suivi de soins"
    PHOTO = PHOTO, "Photo, image d’illustration"
    CONSULTATION = "11488-4", "Compte rendu de consultation ou de visite"
    DISCHARGE = "11490-0", "Lettre de liaison à la sortie d’un établissement"
    ADMISSION = "18761-7", "Note de transfert, lettre de liaison à l’entrée"
    REFERRAL = "96349-6", "Lettre d’adressage"
    HOSPITAL = "34112-3", "Compte rendu hospitalier"
    EMERGENCY = "15507-7", "Compte rendu de passage aux urgences"
    SURGERY = "34874-8", "Compte rendu opératoire"
    LABORATORY = "11502-2", "Compte rendu d’examens biologiques"
    IMAGING = "18748-4", "Compte rendu d’imagerie médicale"
    PATHOLOGY = "60568-3", "Compte rendu d’anatomie pathologique"
    SUMMARY = "60591-5", "Synthèse médicale"
    CARE_PLAN = "18776-5", "Plan personnalisé de soins"
    SUPPORT_PLAN = "80788-3", "Projet personnalisé d’accompagnement"
    FUNCTIONAL = "47420-5", "Bilan fonctionnel"
    PROFESSIONAL = "34120-6", "Bilan par professionnel de santé"
    SOCIAL = "28653-4", "Document social ou médico-social"
    SOCIAL_GRID = "34842-5", "Grille d’évaluation médico-sociale"
    MEETING = "34794-8", "Compte rendu de réunion pluridisciplinaire"
    TELEHEALTH = "85208-7", "Compte rendu de télémédecine"
    VITAL_SIGNS = "29274-8", "Mesures de signes vitaux"
    VACCINATION = "11369-6", "Historique des vaccinations"
    CARE_ORDER = "57832-8", "Prescription de soins"
    PRODUCT_ORDER = "57833-6", "Prescription de produits de santé"
    ORDER = "57828-6", "Prescription (autre)"
    DISPENSING = "60593-1", "Dispensation médicamenteuse"
    CERTIFICATE = "89601-9", "Certificat médical"
    ADMINISTRATIVE = "51851-4", "Document administratif"
    CONSENT = "59284-0", "Attestation de consentement"
    WISHES = "EXPPAT_1", "Volontés et droits de la personne"
    DIRECTIVES = "EXPPAT_3", "Directives anticipées"
    FROM_PERSON = "EXPPAT_2", "Autre document de la personne"
    IDENTITY = "PIECE-IDENTITE", "Copie d’une pièce d’identité"


class Confidentiality(models.TextChoices):
    """How restricted a document is (JDV_J08, HL7 Confidentiality)."""

    NORMAL = "N", "Normale"
    RESTRICTED = "R", "Restreinte"
    VERY_RESTRICTED = "V", "Très restreinte"


class DocumentStatus(models.TextChoices):
    """DocumentReference.status."""

    CURRENT = "current", "En vigueur"
    ENTERED_IN_ERROR = "entered-in-error", "Retiré"
