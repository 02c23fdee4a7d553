"""What is true of the shared record: what may be deposited or looked up, and why not."""

from dataclasses import dataclass

from django.db.models import TextChoices

from carbet.connectors.dmp import Entry
from carbet.core.sharing import Visibility

HIDDEN_FROM_CARERS = "MASQUE_PS"
HIDDEN_FROM_PERSON = frozenset({"INVISIBLE_PATIENT", "INVISIBLE_REP_LEGAUX"})


class Mode(TextChoices):
    """How a shared record is entered, in the words of the assertion (VIHF)."""

    TEAM = "normal", "Suivi : la personne est informée de cette consultation et ne s’y oppose pas"
    GLASS = "bris_de_glace", "Urgence : elle ne peut pas le dire, et sa santé est en danger"


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


def why_not_look(*, person_ins: str, author_is_numbered: bool) -> str:
    """Return why nobody here may look a person up in the shared record, in French; else nothing."""
    if not person_ins:
        return "L’identité n’est pas qualifiée : sans INS, aucun DMP ne peut être trouvé."
    if not author_is_numbered:
        return "Votre rôle n’a ni RPPS ni structure numérotée : le DMP ne vous connaît pas."
    return ""


def why_not_enter(mode: str, *, has_opposed: bool) -> str:
    """Return why a shared record is not entered this way, in French; nothing when it may be."""
    if mode == Mode.TEAM and has_opposed:
        return "La personne s’est opposée au partage : seule une urgence ouvre son DMP."
    return ""


def why_not_take(entry: Entry) -> str:
    """Return why a document of the shared record is not filed here, in French; else nothing."""
    if HIDDEN_FROM_CARERS in entry.confidentialities:
        return "Ce document est masqué aux professionnels : il ne se classe pas ici."
    return ""


def visibility_of(entry: Entry) -> Visibility:
    """Return how far a document taken goes: what the person may not see yet stays with carers."""
    hidden = HIDDEN_FROM_PERSON & set(entry.confidentialities)
    return Visibility.PROFESSIONALS if hidden else Visibility.CIRCLE


# What the shared record answers, in words that say what to do (IHE ITI-18 §3.18.4.1.3).
_SAID = {
    "XDSUnknownPatientId": "Cette personne n’a pas de DMP, ou il est fermé.",
    "XDSDocumentUniqueIdError": "Ce document n’est plus dans le DMP.",
    "XDSTooManyResults": "Le DMP trouve trop de documents pour les donner.",
    "XDSRepositoryBusy": "Le DMP est trop sollicité. Recommencez dans quelques minutes.",
    "XDSRegistryBusy": "Le DMP est trop sollicité. Recommencez dans quelques minutes.",
}


def refusal_of(codes: list[str]) -> str:
    """Return what a refusal of the shared record means, with its code."""
    code = next(iter(codes), "XDSRegistryError")
    said = _SAID.get(code, "Le DMP refuse cette consultation.")
    return f"{said} (code {code})"
