"""A target that a measure of the notebook tells: in words, in bounds, reached or not."""

from decimal import Decimal

from carbet.coordination.care_plans.choices import Comparator
from carbet.coordination.care_plans.rules.content import GoalContent
from carbet.coordination.notebook.rules import SCALES, write_number

# Of a pair, as blood pressure is, the target is on the first.
MEASURES = {kind: scales[0] for kind, scales in SCALES.items()}


def measured_words(goal: GoalContent) -> str:
    """Return the measured target of a goal in words, or nothing: « Poids au moins 62 kg »."""
    scale = MEASURES.get(goal.measure)
    if scale is None or goal.amount is None:
        return ""
    how = Comparator(goal.comparator).label if goal.comparator in Comparator.values else ""
    return " ".join(filter(None, (scale.label, str(how), write_number(goal.amount), scale.unit)))


def whole_target(goal: GoalContent) -> str:
    """Return all that a goal says of its target but its date: the measure, then the words."""
    return " ; ".join(filter(None, (measured_words(goal), goal.target)))


def refused_target(measure: str, comparator: str, amount: Decimal | None) -> tuple[str, str]:
    """Return the field and the sentence of what is wrong in a measured target, or nothing."""
    if not measure:
        return ("measure", "Dites quelle mesure.") if amount is not None else ("", "")
    scale = MEASURES.get(measure)
    if scale is None:
        return "measure", "Cette mesure n’existe pas dans le cahier."
    if amount is None:
        return "amount", "Dites quelle valeur atteindre."
    if comparator not in Comparator.values:
        return "comparator", "Dites « au moins » ou « au plus »."
    if not scale.least <= amount <= scale.most:
        return "amount", f"Attendu : {scale.range_text}."
    return "", ""


def is_met(goal: GoalContent, value: Decimal) -> bool:
    """Tell whether a value reaches the measured target of a goal."""
    if goal.amount is None:
        return False
    return value >= goal.amount if goal.comparator == Comparator.AT_LEAST else value <= goal.amount
