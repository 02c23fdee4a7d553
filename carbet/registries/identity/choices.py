"""Codes of reconciliation: states of an identity, kinds of decisions, what waits for people."""

from django.db import models


class QualityLevel(models.TextChoices):
    """How far the identities of a domain may be trusted (local)."""

    CERTIFIED = "certified", "Certifié"
    FOLLOWED = "followed", "Suivi"
    UNKNOWN = "unknown", "Non évalué"


class IdentityState(models.TextChoices):
    ACTIVE = "active", "Active"
    MERGED = "merged", "Absorbée par une autre"


class Attribute(models.TextChoices):
    """Attributes of an identity: never statuses (FR Core identity-status-comment)."""

    DOUT = "DOUT", "Identité douteuse"
    FICT = "FICT", "Identité fictive"
    HOMA = "HOMA", "Homonymie avérée"
    HOMD = "HOMD", "Homonymie douteuse"
    DPOT = "DPOT", "Doublon potentiel"
    DOUA = "DOUA", "Doublon avéré"
    DOUB = "DOUB", "Doublon"
    COLP = "COLP", "Collision potentielle"
    COLV = "COLV", "Collision avérée"
    DESA = "DESA", "Désactivée"
    USUR = "USUR", "Usurpation d’identité"
    IDVER = "IDVER", "Identité verrouillée"
    FILI = "FILI", "Filiation"
    CACH = "CACH", "Identité cachée"
    ANOM = "ANOM", "Anomalie"
    INVA = "INVA", "Invalidée"
    RECD = "RECD", "Reconduction"
    IDRA = "IDRA", "Identité rapprochée"
    VIDE = "VIDE", "Dossier vide"


# Those that people of the cell set and lift; the others come with a domain's messages.
SETTABLE = (
    Attribute.DOUT,
    Attribute.FICT,
    Attribute.HOMA,
    Attribute.HOMD,
    Attribute.DPOT,
    Attribute.DOUA,
    Attribute.USUR,
)


class ReconciliationKind(models.TextChoices):
    LINK = "link", "Rattachement"
    UNLINK = "unlink", "Détachement"
    MERGE = "merge", "Fusion"
    SPLIT = "split", "Séparation"
    RENUMBER = "renumber", "Changement de numéro"
    UNDO = "undo", "Annulation"


# What moved identities; another number is changed back by its domain's message.
UNDOABLE = (
    ReconciliationKind.LINK,
    ReconciliationKind.UNLINK,
    ReconciliationKind.MERGE,
    ReconciliationKind.SPLIT,
)


class PairKind(models.TextChoices):
    """Why people must look, the riskiest first."""

    COLLISION = "collision", "Collision"
    RECORDS = "records", "Deux dossiers Carbet"
    DOMAIN = "domain", "Doublon dans un domaine"
    DOUBTFUL = "doubtful", "Doublon potentiel"


RISKS = {
    PairKind.COLLISION: 1,
    PairKind.RECORDS: 2,
    PairKind.DOMAIN: 3,
    PairKind.DOUBTFUL: 4,
}


class PairState(models.TextChoices):
    OPEN = "open", "À décider"
    PROPOSED = "proposed", "À confirmer par un autre agent"
    SAME = "same", "Même personne"
    DIFFERENT = "different", "Personnes différentes"
    REPLACED = "replaced", "Sans objet : une autre question la remplace"


WAITING = (PairState.OPEN, PairState.PROPOSED)


class ProofKind(models.TextChoices):
    """Documents that prove an identity, the trusted ones first (RNIV, TRE validation mode)."""

    IDENTITY_CARD = "CN", "Carte nationale d’identité"
    PASSPORT = "PA", "Passeport"
    RESIDENCE = "CS", "Titre de séjour"
    BIRTH = "AN", "Acte de naissance"
    FAMILY_BOOK = "LEP", "Livret de famille"
    E_IDENTITY = "IN", "Identité numérique"
    OTHER = "AV", "Autre document"


TRUSTED_PROOFS = frozenset(
    {
        ProofKind.IDENTITY_CARD,
        ProofKind.PASSPORT,
        ProofKind.RESIDENCE,
        ProofKind.BIRTH,
        ProofKind.FAMILY_BOOK,
        ProofKind.E_IDENTITY,
    }
)


class NoticeKind(models.TextChoices):
    DUPLICATE = "duplicate", "Doublon dans votre domaine, à fusionner"
    COLLISION = "collision", "Deux personnes sous un même numéro"
    UNDONE = "undone", "Décision annulée"
    LINKED = "linked", "Identité rattachée"
    APART = "apart", "Identités séparées"
    MERGED = "merged", "Fusion faite, comme demandé"
    REFUSED = "refused", "Fusion refusée : ce sont deux personnes"
    MARKED = "marked", "Attribut posé par la cellule régionale"
    UNMARKED = "unmarked", "Attribut levé par la cellule régionale"


# Carbet is an identity domain like the others: its local number is the person's row number.
CARBET = "carbet"
