"""What steering counts, how it is cut, and what each figure means, in words."""

from dataclasses import dataclass

from django.db import models


class Figure(models.TextChoices):
    """What is counted; each is a sum over episodes (`migrations/_sql.py`)."""

    REQUESTED = "requested", "Demandes reçues"
    ANSWERED = "answered", "Réponses données"
    WAITING = "waiting", "Demandes en attente"
    OPENED = "opened", "Dossiers ouverts"
    CLOSED = "closed", "Sorties"
    CONTACTED = "contacted", "Premiers contacts"
    PLANNED = "planned", "Premiers plans approuvés"
    TO_REVIEW = "to_review", "Plans à revoir"
    UNDATED = "undated", "Dossiers sans date de révision"


class Dimension(models.TextChoices):
    """How a figure is cut."""

    WHOLE = "", "Ensemble"
    TEAM = "team", "Équipe"
    COORDINATOR = "coordinator", "Coordination"
    COMMUNE = "commune", "Commune de résidence"
    BIRTH_YEAR = "birth_year", "Âge"
    COMPLEXITY = "complexity", "Complexité"
    REASON = "reason", "Motif de la demande"
    DECISION = "decision", "Réponse"
    OUTCOME = "outcome", "Issue"
    DAYS = "days", "Délai"
    MONTH = "month", "Mois"
    DUE = "due", "Échéance"


class Section(models.TextChoices):
    """The pages of steering, in the order of a reading; their value stands in the address."""

    ACTIVITY = "activite", "Activité"
    CASELOAD = "file-active", "File active"
    DELAYS = "delais", "Délais"
    REVIEWS = "plans", "Plans à revoir"


class Beside(models.TextChoices):
    """What stands beside a count, by its heading; a gap is in percent of the mean."""

    POINTS = "Points", "Points"
    GAP = "Écart à la moyenne", "Écart à la moyenne"


@dataclass(frozen=True, slots=True)
class Definition:
    """What a table counts: its key, its title, its sentence, the drawing that suits it."""

    key: str
    title: str
    section: Section
    figure: Figure | None
    dimension: Dimension
    sentence: str
    drawing: str = "bars"
    # Whether the rows add up to a total worth a line.
    adds_up: bool = True


_MONTH = "Les mois sont ceux du calendrier de la Guyane."
_STOCK = (
    "Un dossier est compté s’il a été ouvert avant la fin du mois, et n’était pas clos à la fin du"
    " mois ; suspendu, il compte. Un dossier rouvert compte comme s’il n’avait pas été clos."
)

DEFINITIONS = (
    Definition(
        "demandes-par-mois", "Demandes reçues, mois par mois", Section.ACTIVITY,
        Figure.REQUESTED, Dimension.MONTH,
        f"Nombre de demandes d’appui adressées à l’équipe, au mois de leur envoi, quelle qu’ait"
        f" été la réponse. {_MONTH}",
        drawing="columns", adds_up=False,
    ),
    Definition(
        "ouvertures-par-mois", "Dossiers ouverts, mois par mois", Section.ACTIVITY,
        Figure.OPENED, Dimension.MONTH,
        f"Nombre de dossiers d’appui ouverts, au mois de leur ouverture. {_MONTH}",
        drawing="columns", adds_up=False,
    ),
    Definition(
        "sorties-par-mois", "Sorties, mois par mois", Section.ACTIVITY,
        Figure.CLOSED, Dimension.MONTH,
        f"Nombre de dossiers d’appui clos, au mois de leur clôture. Un dossier rouvert n’est plus"
        f" une sortie. {_MONTH}",
        drawing="columns", adds_up=False,
    ),
    Definition(
        "file-active-par-mois", "File active en fin de mois", Section.ACTIVITY,
        None, Dimension.MONTH, _STOCK, drawing="columns", adds_up=False,
    ),
    Definition(
        "motifs", "Demandes reçues, par motif", Section.ACTIVITY,
        Figure.REQUESTED, Dimension.REASON,
        "Demandes d’appui envoyées dans le mois, selon le motif choisi par le demandeur.",
    ),
    Definition(
        "reponses", "Réponses données", Section.ACTIVITY, Figure.ANSWERED, Dimension.DECISION,
        "Demandes acceptées, réorientées ou retirées dans le mois, au jour de la réponse.",
    ),
    Definition(
        "sorties", "Sorties, par issue", Section.ACTIVITY, Figure.CLOSED, Dimension.OUTCOME,
        "Dossiers d’appui clos dans le mois, selon l’issue notée à la clôture.",
    ),
    Definition(
        "coordination", "Charge par coordonnateur", Section.CASELOAD,
        None, Dimension.COORDINATOR,
        f"{_STOCK} Il est rattaché à la personne qui coordonne aujourd’hui, ou à la dernière qui a"
        " coordonné. Les points sont la somme des scores de complexité ; l’écart compare les points"
        " à la moyenne de ceux qui coordonnent (les dossiers, si aucun score n’est noté).",
    ),
    Definition(
        "equipes", "File active, par équipe", Section.CASELOAD, None, Dimension.TEAM,
        f"{_STOCK} Il est compté pour l’équipe qui l’a ouvert.",
    ),
    Definition(
        "complexite", "File active, par complexité", Section.CASELOAD,
        None, Dimension.COMPLEXITY, f"{_STOCK} Complexité : la dernière évaluée.",
    ),
    Definition(
        "ages", "File active, par âge", Section.CASELOAD, None, Dimension.BIRTH_YEAR,
        f"{_STOCK} Âge atteint dans l’année : l’année du mois montré, moins l’année de naissance.",
    ),
    Definition(
        "communes", "File active, par commune", Section.CASELOAD, None, Dimension.COMMUNE,
        f"{_STOCK} Commune de résidence connue aujourd’hui.",
    ),
    Definition(
        "premier-contact", "De la demande au premier contact", Section.DELAYS,
        Figure.CONTACTED, Dimension.DAYS,
        "Dossiers dont le premier contact a eu lieu dans le mois : jours entiers (24 heures) entre"
        " l’envoi de la demande et ce contact, tel que l’équipe l’a noté. La médiane est le plus"
        " petit nombre de jours qui couvre au moins la moitié de ces dossiers.",
    ),
    Definition(
        "premier-plan", "De la demande au premier plan approuvé", Section.DELAYS,
        Figure.PLANNED, Dimension.DAYS,
        "Dossiers dont la première version du plan approuvée depuis la demande l’a été dans le"
        " mois : jours entiers (24 heures) entre l’envoi de la demande et cette approbation.",
    ),
    Definition(
        "attente", "Demandes en attente d’une réponse", Section.DELAYS,
        Figure.WAITING, Dimension.DUE,
        "Demandes sans réponse à cette heure, selon le délai promis : 48 heures, une semaine ou un"
        " mois, d’après l’urgence. En retard : le délai se terminait avant aujourd’hui.",
    ),
    Definition(
        "revisions", "Plans à revoir", Section.REVIEWS, Figure.TO_REVIEW, Dimension.DUE,
        "Dossiers ouverts aujourd’hui, selon la date de révision écrite dans le plan de la"
        " personne. En retard : cette date est passée.",
    ),
    Definition(
        "revisions-coordination", "Plans en retard de révision, par coordonnateur",
        Section.REVIEWS, Figure.TO_REVIEW, Dimension.COORDINATOR,
        "Dossiers ouverts aujourd’hui dont la date de révision est passée, selon la personne qui"
        " coordonne.",
    ),
)  # fmt: skip

BY_KEY = {definition.key: definition for definition in DEFINITIONS}
