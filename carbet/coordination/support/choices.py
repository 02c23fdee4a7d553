"""Codes of support requests and cases."""

from django.db import models


class RequestSource(models.TextChoices):
    """Whose request it is (local)."""

    PROFESSIONAL = "professional", "Professionnel"
    STRUCTURE = "structure", "Structure"
    RELATIVE = "relative", "Proche"
    PERSON = "person", "La personne elle-même"


class RequestStatus(models.TextChoices):
    """Where a request stands (FHIR request-status: active, on-hold, completed, revoked)."""

    SUBMITTED = "submitted", "À étudier"
    INCOMPLETE = "incomplete", "Complément demandé"
    ACCEPTED = "accepted", "Acceptée"
    REDIRECTED = "redirected", "Réorientée"
    WITHDRAWN = "withdrawn", "Retirée par le demandeur"


# What still waits, for the team or for the requester.
OPEN_REQUESTS = (RequestStatus.SUBMITTED, RequestStatus.INCOMPLETE)


class Urgency(models.TextChoices):
    """FHIR request-priority."""

    ROUTINE = "routine", "Dans le mois"
    URGENT = "urgent", "Dans la semaine"
    ASAP = "asap", "Sous 48 heures"


class RequestReason(models.TextChoices):
    HOME = "home", "Maintien à domicile"
    DISCHARGE = "discharge", "Sortie d’hospitalisation"
    CAREGIVER = "caregiver", "Épuisement de l’aidant"
    COMPLEX = "complex", "Situation médicale complexe"
    RIGHTS = "rights", "Accès aux droits"
    ISOLATION = "isolation", "Isolement, site éloigné"
    OTHER = "other", "Autre"


class RequestStepKind(models.TextChoices):
    """What happened to a request (local); each is told to the requester, but the triage."""

    SUBMITTED = "submitted", "Demande envoyée"
    FILED = "filed", "Document joint"
    ASKED = "asked", "Complément demandé"
    GIVEN = "given", "Complément apporté"
    TRIAGED = "triaged", "Complexité évaluée"
    ACCEPTED = "accepted", "Demande acceptée"
    REDIRECTED = "redirected", "Demande réorientée"
    WITHDRAWN = "withdrawn", "Demande retirée"


class Told(models.TextChoices):
    """How the requester learns of a step (local)."""

    NOBODY = "", "–"
    HERE = "here", "Prévenu dans Carbet"
    CALL = "call", "À prévenir par téléphone"


class Complexity(models.TextChoices):
    """What the triage comes to (local, `rules.complexity`)."""

    SIMPLE = "simple", "Situation simple"
    COMPLEX = "complex", "Situation complexe"
    VERY_COMPLEX = "very", "Situation très complexe"


class CaseStatus(models.TextChoices):
    """FHIR episode-of-care-status."""

    ACTIVE = "active", "Ouvert"
    ON_HOLD = "onhold", "Suspendu"
    FINISHED = "finished", "Clos"


class Outcome(models.TextChoices):
    """What an episode came to (local)."""

    GOALS_MET = "met", "Objectifs atteints"
    RELAY = "relay", "Relais pris par d’autres"
    INSTITUTION = "institution", "Entrée en établissement"
    MOVED = "moved", "Départ du territoire"
    DECLINED = "declined", "La personne ne souhaite plus l’appui"
    LOST = "lost", "Perdue de vue"
    DECEASED = "deceased", "Décès"
    OTHER = "other", "Autre"


class Contact(models.TextChoices):
    """With whom the first contact was made (local)."""

    PERSON = "person", "La personne"
    RELATIVE = "relative", "Un proche"
    PROFESSIONAL = "professional", "Le demandeur ou un professionnel"


class CaseStepKind(models.TextChoices):
    """What happened in a case (local; FHIR EpisodeOfCare.statusHistory and more)."""

    OPENED = "opened", "Dossier ouvert"
    ASSIGNED = "assigned", "Coordination confiée"
    CONTACTED = "contacted", "Premier contact"
    SCORED = "scored", "Complexité évaluée"
    SUSPENDED = "suspended", "Appui suspendu"
    RESUMED = "resumed", "Appui repris"
    CLOSED = "closed", "Dossier clos"
    REOPENED = "reopened", "Dossier rouvert"
