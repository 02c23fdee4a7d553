"""Codes of event notification (NdE 3.0.0; TRE_R254, TRE_R200)."""

from django.db import models


class EventType(models.TextChoices):
    """TRE_R254-TypeEvenement, whole: what we do not see ourselves is relayed when declared."""

    ADM = "ADM", "Admission d'un patient dans un établissement de santé"
    AUT = "AUT", "Autorisation de paiement de la facture des dispositifs médicaux"
    CDM = "CDM", "Commande de dispositifs médicaux"
    DEL = "DEL", "Délivrance des dispositifs médicaux"
    DEM = "DEM", "Demande de dispositifs médicaux à la pharmacie de l'établissement de santé"
    DOC = "DOC", "Dépôt de document pour un patient"
    ECH = "ECH", "Echec de pose du dispositif médical"
    ESD = "ESD", "Entrée de stock des dispositifs médicaux au sein de l'établissement de santé"
    NCO = "NCO", "DM non-conforme, avec un risque inacceptable pour la santé et la sécurité"
    NOT = "NOT", "Création d'une note pour un patient dans le cahier de liaison"
    NRE = "NRE", "Réception non valide du dispositif médical par l'établissement de santé"
    NREC = (
        "NREC",
        "Réception NOK du DM par l'établissement de santé ou le service utilisateur",
    )
    PER = "PER", "Dispositif médical périmé"
    POS = "POS", "Pose du dispositif médical"
    REA = "REA", "Demande de réassort en DM"
    REC = "REC", "Réception valide du dispositif médical par l'établissement de santé"
    REP = "REP", "Réponse de la pharmacie au service responsable de la demande"
    SDM = "SDM", "Suppression de la demande de dispositif médicaux"
    SOR = "SOR", "Sortie d'un patient de l'établissement de santé"
    SSD = "SSD", "Sortie de stock des dispositifs médicaux"
    TRA = "TRA", "Transport des dispositifs médicaux"


STAYS = (EventType.ADM, EventType.SOR)


class SubscriptionStatus(models.TextChoices):
    """FHIR subscription-status; what is asked for is active at once, or refused."""

    ACTIVE = "active", "Actif"
    ERROR = "error", "En échec"
    OFF = "off", "Arrêté"


class ChannelType(models.TextChoices):
    """FHIR subscription-channel-type, those that we serve."""

    REST_HOOK = "rest-hook", "Appel d’un logiciel"
    EMAIL = "email", "E-mail"
    SMS = "sms", "SMS"


class PartyKind(models.TextChoices):
    """What declares an event or is told of it."""

    ORGANIZATION = "Organization", "Structure"
    PRACTITIONER = "Practitioner", "Professionnel"
    RELATED_PERSON = "RelatedPerson", "Proche"
    PATIENT = "Patient", "Personne"
