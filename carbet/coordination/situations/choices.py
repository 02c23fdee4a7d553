"""Codes of a living situation (local): household, home, way there, rights, aids, protection."""

from django.db import models


class Household(models.TextChoices):
    """With whom the person lives."""

    ALONE = "alone", "Seul·e"
    SPOUSE = "spouse", "En couple"
    FAMILY = "family", "En famille"
    OTHERS = "others", "Avec d’autres personnes"
    INSTITUTION = "institution", "En établissement"
    UNSETTLED = "unsettled", "Sans domicile stable"


class Housing(models.TextChoices):
    """What the home is."""

    HOUSE = "house", "Maison"
    FLAT = "flat", "Appartement"
    CARBET = "carbet", "Carbet ou construction traditionnelle"
    SELF_BUILT = "self_built", "Habitat spontané"
    HOSTED = "hosted", "Hébergé·e chez quelqu’un"
    SHELTER = "shelter", "Hébergement d’urgence ou d’insertion"
    INSTITUTION = "institution", "Établissement"


class Reach(models.TextChoices):
    """How one comes to the home."""

    ROAD = "road", "Route"
    TRACK = "track", "Piste"
    RIVER = "river", "Fleuve (pirogue)"
    FOOT = "foot", "À pied"
    AIR = "air", "Avion ou hélicoptère"


class Utility(models.TextChoices):
    """What there is at home."""

    WATER = "water", "Eau potable"
    ELECTRICITY = "electricity", "Électricité"
    NETWORK = "network", "Réseau téléphonique"
    COLD = "cold", "Réfrigérateur (médicaments)"
    STAIRS = "stairs", "Escalier ou ponton à franchir"


class Right(models.TextChoices):
    """Which rights are open."""

    COVER = "cover", "Assurance maladie (PUMA)"
    CSS = "css", "Complémentaire santé solidaire"
    AME = "ame", "Aide médicale de l’État"
    ALD = "ald", "Affection de longue durée"
    APA = "apa", "Allocation personnalisée d’autonomie"
    PCH = "pch", "Prestation de compensation du handicap"
    AAH = "aah", "Allocation aux adultes handicapés"
    AEEH = "aeeh", "Allocation d’éducation de l’enfant handicapé"
    RSA = "rsa", "Revenu de solidarité active"
    ASPA = "aspa", "Minimum vieillesse (ASPA)"
    MDPH = "mdph", "Dossier MDPH en cours"
    STAY = "stay", "Titre de séjour en cours de validité"


class Aid(models.TextChoices):
    """Which aids are in place."""

    HOME_HELP = "home_help", "Aide à domicile"
    NURSING = "nursing", "Passages infirmiers"
    MEALS = "meals", "Portage de repas"
    ALARM = "alarm", "Téléassistance"
    BED = "bed", "Lit médicalisé"
    WHEELCHAIR = "wheelchair", "Fauteuil roulant"
    WALKER = "walker", "Déambulateur ou canne"
    OXYGEN = "oxygen", "Oxygène à domicile"
    DAY_CARE = "day_care", "Accueil de jour"
    TRANSPORT = "transport", "Transport adapté"


class Protection(models.TextChoices):
    """Which measure of legal protection holds (Code civil 415 and following)."""

    NONE = "none", "Aucune mesure"
    SAFEGUARD = "safeguard", "Sauvegarde de justice"
    CURATORSHIP = "curatorship", "Curatelle"
    GUARDIANSHIP = "guardianship", "Tutelle"
    FAMILY = "family", "Habilitation familiale"
    MANDATE = "mandate", "Mandat de protection future"
    PENDING = "pending", "Demande en cours"


class Directives(models.TextChoices):
    """Whether advance directives were written (CSP L1111-11)."""

    UNKNOWN = "unknown", "Non demandé"
    NONE = "none", "Pas de directives anticipées"
    WRITTEN = "written", "Directives anticipées écrites"
