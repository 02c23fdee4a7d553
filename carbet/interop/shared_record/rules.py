"""What is true of deposits: which document may be deposited, and why another may not."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Situation:
    """What is known of a document when its deposit is asked."""

    is_current: bool
    is_clinical: bool
    person_ins: str
    document_ins: str
    has_opposed: bool
    author_is_numbered: bool


def why_not(said: Situation) -> str:
    """Return why a document may not be deposited, in French; nothing when it may.

    Source: CSP L1111-15 and R1111-46 (information, opposition); RNIV 2.0 (INS of a qualified
    identity only).
    """
    if not said.is_current:
        return "Ce document a été retiré ou remplacé : il ne part pas."
    if said.has_opposed:
        return "La personne s’est opposée au partage : rien ne part vers le DMP."
    if not said.person_ins:
        return "L’identité n’est pas qualifiée : sans INS, aucun DMP ne peut être trouvé."
    if not said.is_clinical:
        return "Le DMP n’accepte que des documents cliniques (CDA) : celui-ci n’en est pas un."
    if said.document_ins != said.person_ins:
        return "Le document ne porte pas l’INS de la personne : produisez-le à nouveau."
    if not said.author_is_numbered:
        return "Votre rôle n’a ni RPPS ni structure numérotée : le DMP ne vous connaît pas."
    return ""
