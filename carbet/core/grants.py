"""Open and end the right to enter a record: rooms decide, row security obeys."""

from datetime import datetime

from django.db.models import F, Q

from carbet.core.actor import ALL_DATA, Level
from carbet.core.append import append
from carbet.core.models import AccessGrant


def grant(
    grantee: str,
    *,
    patient_id: int,
    level: Level,
    source: str,
    now: datetime,
    categories: int = ALL_DATA,
    source_id: int | None = None,
    valid_from: datetime | None = None,
    valid_until: datetime | None = None,
) -> None:
    """Let `grantee` enter the record at `level`, from `valid_from` (now) to `valid_until`.

    Args:
        categories: the `DataCategory` that it opens, added together.
    """
    append(
        [
            AccessGrant(
                patient_id=patient_id,
                grantee=grantee,
                level=level,
                categories=int(categories),
                source=source,
                source_id=source_id,
                valid_from=valid_from or now,
                valid_until=valid_until,
            )
        ]
    )


def end(
    *,
    patient_id: int,
    source: str,
    now: datetime,
    grantee: str | None = None,
    source_id: int | None = None,
) -> int:
    """End the grants of this source, now. Return how many ended."""
    grants = AccessGrant.objects.filter(
        Q(valid_until__isnull=True) | Q(valid_until__gt=now), patient_id=patient_id, source=source
    )
    if grantee is not None:
        grants = grants.filter(grantee=grantee)
    if source_id is not None:
        grants = grants.filter(source_id=source_id)
    # A grant that had not begun yet ends where it began.
    future = grants.filter(valid_from__gt=now)
    ended = future.update(valid_until=F("valid_from"))
    return ended + grants.filter(valid_from__lte=now).update(valid_until=now)
