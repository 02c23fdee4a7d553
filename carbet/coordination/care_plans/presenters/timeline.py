"""What the timeline of a record shows of the plan: what doctors decided of it."""

from django.urls import reverse

from carbet.core import timeline


def approved(row: timeline.Row, *, patient_id: int) -> timeline.Happening:
    """Say that a version of the plan was approved."""
    return timeline.Happening(
        kind="Plan approuvé",
        icon="target",
        title=f"Version {row['number']} du plan personnalisé",
        href=reverse("care_plans:version", args=[patient_id, row["number"]]),
    )


def sent_back(row: timeline.Row, *, patient_id: int) -> timeline.Happening:
    """Say that the plan was sent back to its authors; why is read in the plan."""
    return timeline.Happening(
        kind="Plan renvoyé",
        icon="reply",
        title="Le plan est renvoyé à ses auteurs avec un commentaire",
        href=reverse("care_plans:detail", args=[patient_id]),
    )


def reviewed(row: timeline.Row, *, patient_id: int) -> timeline.Happening:
    """Say that the plan was reviewed."""
    return timeline.Happening(
        kind="Révision du plan",
        icon="target",
        title=f"Version {row['number']} revue" if row["number"] else "Plan revu",
        href=reverse("care_plans:detail", args=[patient_id]),
    )


# Each version has a row without its medical needs, which whoever reads more reads as well.
APPROVED = timeline.Source(
    key="plan",
    letter="p",
    label="Décisions sur le plan",
    table="care_plans_careplanversion x",
    where="AND x.categories = 2",
    at="x.approved_at",
    author="x.approved_by_id",
    author_role="x.approved_by_id",
    said="'number', x.number",
    line=approved,
)
# A plan keeps the moment until it is proposed again: its history says it once for each time.
SENT_BACK = timeline.Source(
    key="plan",
    letter="r",
    label="Décisions sur le plan",
    table="""(SELECT DISTINCT ON (returned_at) pgh_id AS id, patient_id, returned_at, approver_id
      FROM care_plans_careplanevent
      WHERE patient_id = %(patient)s AND returned_at IS NOT NULL
      ORDER BY returned_at DESC, pgh_id) x""",
    at="x.returned_at",
    author="x.approver_id",
    author_role="x.approver_id",
    said="'returned', true",
    line=sent_back,
)
REVIEWED = timeline.Source(
    key="plan",
    letter="v",
    label="Décisions sur le plan",
    table="care_plans_planreview x",
    at="x.held_at",
    author="x.held_by_id",
    author_role="x.held_by_id",
    author_name="x.held_by_name",
    said="'number', x.number",
    line=reviewed,
)
SOURCES = (APPROVED, SENT_BACK, REVIEWED)
