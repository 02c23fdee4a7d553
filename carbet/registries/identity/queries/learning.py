"""What the matching learns from: what people decided, and what measures of models were kept."""

from django.db import connection

from carbet.registries.identity.choices import PairState
from carbet.registries.identity.models import LocalIdentity, MatchingMeasure, Pair
from carbet.registries.identity.queries.finding import compared, ins_of
from carbet.registries.identity.rules import likeness
from carbet.registries.patients.models import MatchingModel

# One decision in five is never learnt from: models are measured on it.
HELD_OUT = 5


def decided_after(
    after: int, *, limit: int
) -> list[tuple[int, likeness.Traits, likeness.Traits, bool]]:
    """Return the next pairs that people decided on, both writings, and whether one person.

    In the order of rows: (number, one, other, same).
    """
    rows = list(
        Pair.objects.filter(
            pk__gt=after,
            state__in=(PairState.SAME, PairState.DIFFERENT),
            second__isnull=False,
            first__known=True,
            second__known=True,
        )
        .select_related("first", "second")
        .order_by("pk")[:limit]
    )
    held = ins_of([number for row in rows for number in (row.first_id, row.second_id)])

    def writing(identity: LocalIdentity) -> likeness.Traits:
        ins = held.get(identity.pk)
        return compared(identity.traits, ins.value if ins else "")

    return [
        (row.pk, writing(row.first), writing(row.second), row.state == PairState.SAME)
        for row in rows
    ]


def is_held_out(number: int) -> bool:
    """Tell whether a decision only serves to measure."""
    return number % HELD_OUT == 0


def pairs_held_together() -> int:
    """Return how many pairs of identities in use are held for one person."""
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT COALESCE(sum(n * (n - 1) / 2), 0) FROM (SELECT count(*) AS n"
            " FROM identity_localidentity WHERE state = 'active' AND known"
            " GROUP BY regional_id HAVING count(*) > 1) g"
        )
        return int(cursor.fetchone()[0])


def model_beginning(text: str) -> MatchingModel | None:
    """Return the learnt weights whose digest begins so, when there is exactly one."""
    asked = MatchingModel.objects.filter(digest__startswith=text) if text else None
    found = list(asked.defer("raw")[:2]) if asked is not None else []
    return found[0] if len(found) == 1 else None


def measure_of(digest: str) -> MatchingMeasure | None:
    """Return the last measure of these weights; of the shipped ones without digest."""
    return MatchingMeasure.objects.filter(digest=digest).order_by("-pk").first()


def measures() -> list[MatchingMeasure]:
    """Return the last ten measures, the latest first."""
    return list(MatchingMeasure.objects.order_by("-pk")[:10])
