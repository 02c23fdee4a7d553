"""Codes of identity: gender, precision of dates, RNIV status and attributes, languages."""

from django.db import models


class Gender(models.TextChoices):
    """FHIR administrative-gender, as FR Core allows it."""

    FEMALE = "female", "Femme"
    MALE = "male", "Homme"
    UNKNOWN = "unknown", "Non connu"


class DatePrecision(models.TextChoices):
    DAY = "day", "Jour connu"
    MONTH = "month", "Mois connu, jour inconnu"
    YEAR = "year", "Année connue seulement"


class IdentityStatus(models.TextChoices):
    """Statuses of the RNIV, derived from its two axes."""

    PROV = "PROV", "Provisoire"
    RECUP = "RECUP", "Récupérée"
    VALI = "VALI", "Validée"
    QUAL = "QUAL", "Qualifiée"


class Language(models.TextChoices):
    """Languages spoken in Guyane (BCP 47)."""

    FRENCH = "fr", "Français"
    GUIANESE_CREOLE = "gcr", "Créole guyanais"
    HAITIAN_CREOLE = "ht", "Créole haïtien"
    PORTUGUESE = "pt", "Portugais"
    SPANISH = "es", "Espagnol"
    ENGLISH = "en", "Anglais"
    NENGE = "djk", "Nenge Tongo"
    DUTCH = "nl", "Néerlandais"
    SRANAN = "srn", "Sranan Tongo"
    HMONG = "hmn", "Hmong"
    WAYANA = "way", "Wayana"
    TEKO = "eme", "Teko"
    WAYAMPI = "oym", "Wayampi"
    KALINA = "car", "Kali’na"
    PALIKUR = "plu", "Palikur"
    CHINESE = "zh", "Chinois"


INS_NIR = "urn:oid:1.2.250.1.213.1.4.8"
INS_NIA = "urn:oid:1.2.250.1.213.1.4.9"
INS_TEST = "urn:oid:1.2.250.1.213.1.4.10"
INS_DEMO = "urn:oid:1.2.250.1.213.1.4.11"
INS_SYSTEMS = (INS_NIR, INS_NIA, INS_TEST, INS_DEMO)
INS_TYPES = {
    INS_NIR: "INS-NIR",
    INS_NIA: "INS-NIA",
    INS_TEST: "INS-NIR-TEST",
    INS_DEMO: "INS-NIR-DEMO",
}

# Countries of birth met most in the territory, with their INSEE codes (COG); others are typed.
COUNTRIES = {
    "Brésil": "99416",
    "Chine": "99216",
    "Colombie": "99419",
    "Cuba": "99407",
    "Dominique": "99438",
    "Guyana": "99428",
    "Haïti": "99410",
    "Laos": "99241",
    "Pays-Bas": "99135",
    "Pérou": "99422",
    "Portugal": "99139",
    "République dominicaine": "99408",
    "Sainte-Lucie": "99439",
    "Suriname": "99437",
    "Syrie": "99206",
    "Venezuela": "99424",
}
UNKNOWN_PLACE = "99999"
