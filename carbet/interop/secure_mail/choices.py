"""What becomes of a mail that came or left, and the error codes of the receipts (MSSanté)."""

from django.db import models


class MailStatus(models.TextChoices):
    """What became of a mail that came."""

    WAITING = "waiting", "À lire"
    FILED = "filed", "Classé"
    TO_FILE = "to_file", "À classer"
    QUARANTINED = "quarantined", "En quarantaine"
    RECEIPT = "receipt", "Accusé"
    RETURNED = "returned", "Retourné"


class SendingStatus(models.TextChoices):
    """What became of a mail that leaves."""

    PENDING = "pending", "À partir"
    SENT = "sent", "Parti"
    FAILED = "failed", "Échec"
    CANCELLED = "cancelled", "Annulé"


class ErrorCode(models.TextChoices):
    """Error codes of receipts, 900 to 906.

    Source: ANS, volet « Transmission d’un document CDA en courriel MSSanté », accusés.
    """

    VERSION = "900", "Version non prise en charge"
    AUTHOR = "901", "Auteur non autorisé"
    UNKNOWN = "902", "Identifiant de patient inconnu"
    NO_INS = "903", "INS absent"
    INS_MISMATCH = "904", "INS incohérent avec les traits"
    INS_INCOMPLETE = "905", "INS incomplet"
    OTHER = "906", "Autre erreur"


# What a person decides about: nothing is filed yet.
UNDECIDED = (MailStatus.TO_FILE, MailStatus.QUARANTINED)
