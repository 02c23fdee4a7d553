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
    CONTACTS = "FICHE-CONTACTS", "Fiche contacts"
    URGENT_LIAISON = "74207-2", "Document de liaison d’urgence"
    EPISODE = "34133-9", "Synthèse d’épisode de soins"
    PREVENTION_PLAN = "83869-8", "Plan personnalisé de prévention"
    APPOINTMENT_NOTICE = "56446-8", "Notification de rendez-vous"
    SYNTH = "SYNTH", "Synthèse"
    PHYSIO_ORDER = "PRESC-KINE", "Prescription de kinésithérapie"
    NURSE_ORDER = "PRESC-INF", "Prescription d’actes infirmiers"
    LABORATORY_ORDER = "PRESC-BIO", "Prescription de biologie"
    SICK_LEAVE = "PRESC-AAT", "Prescription d’arrêt de travail"
    LONG_ILLNESS = "PROT_ALD", "Protocole de soins ALD"
    IMAGING_ORDER = "55115-0", "Demande d’actes d’imagerie"
    TELEHEALTH_ORDER = "75496-0", "Demande d’acte de télémédecine"
    PLANNED_TREATMENT = "77604-7", "Planification thérapeutique"
    PSYCHIATRY = "68599-0", "Synthèse psychiatrique"
    PSYCHOLOGY = "83901-9", "Bilan psychologique"
    CHILD = "59283-2", "Compte rendu d’examen de l’enfant"
    RAPID_TEST = "96173-0", "Test rapide d’orientation diagnostique"
    VACCINATION_NOTE = "87273-9", "Note de vaccination"
    SOCIAL_DISCHARGE = "83981-1", "Lettre de liaison à la sortie d’une structure médico-sociale"
    SOCIAL_ADMISSION = "88348-8", "Lettre de liaison à l’entrée d’une structure médico-sociale"
    EMERGENCY_RETURN = "60280-5", "Fiche de retour des urgences"
    EMERGENCY_TRANSFER = "78341-5", "Fiche de transfert vers les urgences"
    ADMISSION_REPORT = "67851-6", "Compte rendu d’admission"
    BIRTH = "15508-5", "Compte rendu d’accouchement"
    ANESTHESIA = "77436-4", "Compte rendu d’anesthésie"
    BEFORE_ANESTHESIA = "34749-2", "Compte rendu de consultation pré-anesthésique"
    THERAPY = "11505-5", "Compte rendu d’acte thérapeutique"
    DIAGNOSIS = "70004-7", "Compte rendu d’acte diagnostique"


# What a person who files chooses from; other types come with documents of other systems.
FILED_BY_HAND = tuple(
    (each.value, str(each.label))
    for each in DocumentType
    if each.name not in ("ADMISSION_REPORT", "THERAPY", "DIAGNOSIS", "SYNTH", "RAPID_TEST")
)


def document_type(code: str) -> str:
    """Return the type of a document that comes from elsewhere; a code not kept here is "other"."""
    return code if code in DocumentType.values else OTHER


class Confidentiality(models.TextChoices):
    """How restricted a document is (JDV_J08, HL7 Confidentiality)."""

    NORMAL = "N", "Normale"
    RESTRICTED = "R", "Restreinte"
    VERY_RESTRICTED = "V", "Très restreinte"


class DocumentStatus(models.TextChoices):
    """DocumentReference.status."""

    CURRENT = "current", "En vigueur"
    SUPERSEDED = "superseded", "Remplacé"
    ENTERED_IN_ERROR = "entered-in-error", "Retiré"


class Origin(models.TextChoices):
    """Where a document comes from."""

    HERE = "here", "Classé ici"
    WRITTEN = "written", "Produit par Carbet"
    SECURE_MAIL = "mss", "Reçu par messagerie sécurisée"
    HOSPITAL = "hospital", "Reçu d’un établissement"
    SHARED_RECORD = "dmp", "Pris au DMP"
