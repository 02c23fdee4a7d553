"""What is measured of each domain, today and by month; what people's decisions say of machines."""

import json
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Any

from django.db import connection
from django.db.models import Avg, Count, F, Q
from django.utils import timezone

from carbet.registries.identity.choices import WAITING, PairKind, PairState
from carbet.registries.identity.models import IdentityDomain, Pair, Reconciliation
from carbet.registries.patients.rules import FORBIDDING_ATTRIBUTES

STATUSES = ("PROV", "VALI", "RECUP", "QUAL")
SAID = ("Provisoires", "Validées", "Récupérées", "Qualifiées")


@dataclass(frozen=True)
class DomainFigures:
    """What is measured of a domain: identities in use by status, doubles and collisions."""

    domain: IdentityDomain
    statuses: dict[str, int]
    doubles: int
    collisions: int

    @property
    def identities(self) -> int:
        return sum(self.statuses.values())

    @property
    def statuses_said(self) -> list[tuple[str, int, int]]:
        """Each status in words, how many identities have it, and their share in percent."""
        said = zip(SAID, self.statuses.values(), strict=True)
        return [(words, number, self.percent(number)) for words, number in said]

    def percent(self, number: int) -> int:
        return round(100 * number / self.identities) if self.identities else 0

    @property
    def doubles_per_thousand(self) -> float:
        return round(1000 * self.doubles / self.identities, 1) if self.identities else 0.0

    @property
    def collisions_per_thousand(self) -> float:
        return round(1000 * self.collisions / self.identities, 1) if self.identities else 0.0


# A doubtful or fictive identity is provisional, whatever else is known of it (RNIV).
_STATUS = (
    "CASE WHEN attributes && %(forbidding)s::varchar[] THEN 'PROV'"
    " WHEN ins_recovered THEN CASE WHEN identity_checked THEN 'QUAL' ELSE 'RECUP' END"
    " ELSE CASE WHEN identity_checked THEN 'VALI' ELSE 'PROV' END END"
)


def figures() -> list[DomainFigures]:
    """Return the figures of every domain (national indicators of identity vigilance), 200 at most,
    in one statement."""
    rows = IdentityDomain.objects.raw(
        f"WITH held AS (SELECT domain_id, {_STATUS} AS status, count(*) AS n"  # noqa: S608 - ours
        "  FROM identity_localidentity WHERE state = 'active' AND known GROUP BY 1, 2),"
        " used AS (SELECT domain_id, jsonb_object_agg(status, n) AS statuses FROM held GROUP BY 1),"
        " asked AS (SELECT l.domain_id,"
        "  count(*) FILTER (WHERE p.kind = ANY (%(doubles)s)) AS doubles,"
        "  count(*) FILTER (WHERE p.kind = %(collision)s) AS collisions"
        "  FROM identity_pair p JOIN identity_localidentity l ON l.id = p.first_id"
        "  WHERE p.state = ANY (%(waiting)s) GROUP BY 1)"
        " SELECT d.*, used.statuses, asked.doubles, asked.collisions FROM identity_identitydomain d"
        " LEFT JOIN used ON used.domain_id = d.id LEFT JOIN asked ON asked.domain_id = d.id"
        " ORDER BY d.name, d.id LIMIT 200",
        {
            "forbidding": sorted(FORBIDDING_ATTRIBUTES),
            "doubles": [PairKind.DOMAIN.value, PairKind.RECORDS.value],
            "collision": PairKind.COLLISION.value,
            "waiting": [each.value for each in WAITING],
        },
    )
    return [
        DomainFigures(
            domain=each,
            statuses=dict.fromkeys(STATUSES, 0) | json.loads(each.statuses or "{}"),
            doubles=each.doubles or 0,
            collisions=each.collisions or 0,
        )
        for each in rows
    ]


@dataclass(frozen=True)
class Judged:
    """What people's decisions say of the machine: how often both agree, and the delay."""

    decided: int
    same: int
    agreed: int
    days: float | None
    undone: int
    automatic: int

    @property
    def agreement_percent(self) -> int | None:
        return round(100 * self.agreed / self.decided) if self.decided else None


def judged(*, since: datetime) -> Judged:
    """Return how the machine's probabilities compare with what people decided since then.

    These decisions are the training set: a new model is switched on once measured on them.
    """
    rows = Pair.objects.filter(
        state__in=(PairState.SAME, PairState.DIFFERENT),
        decided_at__gte=since,
        probability__isnull=False,
        second__isnull=False,
    )
    said = rows.aggregate(
        decided=Count("pk"),
        same=Count("pk", filter=Q(state=PairState.SAME)),
        agreed=Count(
            "pk",
            filter=Q(state=PairState.SAME, probability__gte=0.5)
            | Q(state=PairState.DIFFERENT, probability__lt=0.5),
        ),
        delay=Avg(F("decided_at") - F("found_at")),
    )
    machine = Reconciliation.objects.filter(automatic=True, decided_at__gte=since)
    return Judged(
        decided=said["decided"],
        same=said["same"],
        agreed=said["agreed"],
        days=round(said["delay"] / timedelta(days=1), 1) if said["delay"] else None,
        undone=machine.filter(undone_by__isnull=False).count(),
        automatic=machine.count(),
    )


# --- By month -----------------------------------------------------------------------------------

MOST_MONTHS = 60
DOUBLES, COLLISIONS, DOUBTS = "doubles", "collisions", "doubts"
# What is counted together: doubles of one domain, one number for two persons, doubts between
# domains.
FAMILIES = {
    PairKind.DOMAIN: DOUBLES,
    PairKind.RECORDS: DOUBLES,
    PairKind.COLLISION: COLLISIONS,
    PairKind.DOUBTFUL: DOUBTS,
}


@dataclass(frozen=True)
class Treated:
    """Questions of one family in a month: found, decided, waiting at its end, and the delay of
    those decided, from the day they were found, in days."""

    found: int = 0
    decided: int = 0
    waiting: int = 0
    mean_days: float | None = None
    median_days: float | None = None


@dataclass(frozen=True)
class MonthFigures:
    """What is measured of a domain in a month; a question counts in each domain it concerns."""

    month: date
    domain: IdentityDomain
    created: int
    statuses: dict[str, int]
    """Identities in use at its end, by status of the RNIV."""
    doubtful: int
    """Of these, doubtful or fictive: their INS may not leave."""
    treated: dict[str, Treated]
    linked: int
    undone: int

    @property
    def families(self) -> list[tuple[str, "Treated"]]:
        """The three families in words, in the order of the page."""
        said = ((DOUBLES, "Doublons"), (COLLISIONS, "Collisions"), (DOUBTS, "Entre domaines"))
        return [(words, self.treated[family]) for family, words in said]

    @property
    def in_use(self) -> int:
        return sum(self.statuses.values())

    @property
    def qualified_percent(self) -> float | None:
        return round(100 * self.statuses["QUAL"] / self.in_use, 1) if self.in_use else None


def month_of(now: datetime, *, back: int = 0) -> date:
    """Return the first day of the month of a moment, or so many months before."""
    today = timezone.localdate(now)
    rank = today.year * 12 + today.month - 1 - back
    return date(rank // 12, rank % 12 + 1, 1)


def by_month(
    *, first: date, last: date, domains: list[IdentityDomain] | None = None
) -> list[MonthFigures]:
    """Return the figures of every domain and month, the latest month first; 200 domains at most.

    Statuses are those of each month's end, from the versions of the identities.

    Args:
        first, last: the first days of the months where it begins and ends.
        domains: those whose figures are asked, all when None.
    """
    months = []
    each = first
    while each <= last and len(months) < MOST_MONTHS:
        months.append(each)
        each = date(each.year + each.month // 12, each.month % 12 + 1, 1)
    treated = _treated(months)
    linked = _linked(months)
    created, levels = _levels(months)
    if domains is None:
        domains = list(IdentityDomain.objects.order_by("name", "pk")[:200])
    found = []
    for month in reversed(months):
        for place in domains:
            key = (month, place.pk)
            level = levels.get(key, {})
            found.append(
                MonthFigures(
                    month=month,
                    domain=place,
                    created=created.get(key, 0),
                    statuses={name: level.get(name, 0) for name in STATUSES},
                    doubtful=level.get("doubtful", 0),
                    treated={
                        family: treated.get((*key, family), Treated())
                        for family in (DOUBLES, COLLISIONS, DOUBTS)
                    },
                    linked=linked.get(key, (0, 0))[0],
                    undone=linked.get(key, (0, 0))[1],
                )
            )
    return found


def _edges(months: list[date]) -> list[datetime]:
    """Return where each month begins, and where the last one ends, on clocks of the territory."""
    after = months[-1]
    after = date(after.year + after.month // 12, after.month % 12 + 1, 1)
    zone = timezone.get_current_timezone()
    return [datetime(day.year, day.month, 1, tzinfo=zone) for day in (*months, after)]


_MONTHS = (
    "WITH months AS (SELECT * FROM unnest(%(starts)s::timestamptz[], %(stops)s::timestamptz[])"
    " WITH ORDINALITY AS m(start, stop, rank))"
)


def _asked(statement: str, months: list[date], **more: Any) -> list[tuple[Any, ...]]:
    edges = _edges(months)
    with connection.cursor() as cursor:
        cursor.execute(_MONTHS + statement, {"starts": edges[:-1], "stops": edges[1:], **more})
        return list(cursor.fetchall())


def _treated(months: list[date]) -> dict[tuple[date, int, str], Treated]:
    names = sorted(FAMILIES)
    rows = _asked(
        ", family AS (SELECT * FROM unnest(%(kinds)s::text[], %(families)s::text[])"
        " AS f(kind, family)), side AS (SELECT DISTINCT p.id, f.family, p.found_at, p.decided_at,"
        " l.domain_id FROM identity_pair p JOIN family f ON f.kind = p.kind"
        " JOIN identity_localidentity l ON l.id IN (p.first_id, p.second_id)"
        " WHERE p.found_at < (SELECT max(stop) FROM months)), timed AS ("
        " SELECT m.rank, s.domain_id, s.family, s.found_at >= m.start AS found,"
        " s.decided_at >= m.start AND s.decided_at < m.stop AS decided,"
        " s.decided_at IS NULL OR s.decided_at >= m.stop AS waiting,"
        " extract(epoch FROM s.decided_at - s.found_at) / 86400 AS days"
        " FROM months m JOIN side s ON s.found_at < m.stop)"
        " SELECT rank, domain_id, family, count(*) FILTER (WHERE found),"
        " count(*) FILTER (WHERE decided), count(*) FILTER (WHERE waiting),"
        " avg(days) FILTER (WHERE decided),"
        " percentile_cont(0.5) WITHIN GROUP (ORDER BY days) FILTER (WHERE decided)"
        " FROM timed GROUP BY 1, 2, 3",
        months,
        kinds=[str(name) for name in names],
        families=[FAMILIES[name] for name in names],
    )
    return {
        (months[rank - 1], place, family): Treated(
            found, decided, waiting, _days(mean), _days(median)
        )
        for rank, place, family, found, decided, waiting, mean, median in rows
    }


def _days(value: Any) -> float | None:
    return None if value is None else round(float(value), 1)


def _linked(months: list[date]) -> dict[tuple[date, int], tuple[int, int]]:
    """Return how many links machines made, and how many of theirs were undone, by month."""
    rows = _asked(
        ", said AS ("
        " SELECT id, first_id, second_id, decided_at, false AS undone"
        "  FROM identity_reconciliation WHERE automatic AND kind = 'link'"
        " UNION ALL SELECT u.id, r.first_id, r.second_id, u.decided_at, true"
        "  FROM identity_reconciliation u JOIN identity_reconciliation r ON r.id = u.undoes_id"
        "  WHERE r.automatic AND r.kind = 'link'), side AS ("
        " SELECT DISTINCT s.id, s.decided_at, s.undone, l.domain_id FROM said s"
        " JOIN identity_localidentity l ON l.id IN (s.first_id, s.second_id))"
        " SELECT m.rank, s.domain_id, count(*) FILTER (WHERE NOT undone),"
        " count(*) FILTER (WHERE undone)"
        " FROM months m JOIN side s ON s.decided_at >= m.start AND s.decided_at < m.stop"
        " GROUP BY 1, 2",
        months,
    )
    return {(months[rank - 1], place): (linked, undone) for rank, place, linked, undone in rows}


def _levels(
    months: list[date],
) -> tuple[dict[tuple[date, int], int], dict[tuple[date, int], dict[str, int]]]:
    """Return the identities first told in each month, and those in use at its end by status.

    One pass over the versions: each takes one from the status before it and gives one to its own.
    """
    rows = _asked(
        ", version AS (SELECT e.domain_id, e.updated_at, e.created_at,"  # noqa: S608 - ours
        " row_number() OVER own = 1 AS first,"
        " CASE WHEN e.known AND e.state = 'active' THEN " + _STATUS + " END AS status,"
        " e.known AND e.state = 'active' AND e.attributes && %(forbidding)s::varchar[] AS doubtful,"
        " e.pgh_obj_id, e.pgh_id FROM identity_localidentityevent e"
        " WHERE e.updated_at < (SELECT max(stop) FROM months)"
        " WINDOW own AS (PARTITION BY e.pgh_obj_id ORDER BY e.pgh_id)), change AS ("
        " SELECT v.*, lag(status) OVER own AS was, COALESCE(lag(doubtful) OVER own, false) AS had"
        " FROM version v WINDOW own AS (PARTITION BY v.pgh_obj_id ORDER BY v.pgh_id)), delta AS ("
        " SELECT domain_id, updated_at AS at, status AS name, 1 AS n FROM change"
        "  WHERE status IS NOT NULL AND status IS DISTINCT FROM was"
        " UNION ALL SELECT domain_id, updated_at, was, -1 FROM change"
        "  WHERE was IS NOT NULL AND status IS DISTINCT FROM was"
        " UNION ALL SELECT domain_id, updated_at, 'doubtful', CASE WHEN doubtful THEN 1 ELSE -1 END"
        "  FROM change WHERE doubtful <> had"
        " UNION ALL SELECT domain_id, created_at, 'created', 1 FROM change WHERE first)"
        " SELECT COALESCE(m.rank, 0), d.domain_id, d.name, sum(d.n) FROM delta d"
        " LEFT JOIN months m ON d.at >= m.start AND d.at < m.stop GROUP BY 1, 2, 3",
        months,
        forbidding=sorted(FORBIDDING_ATTRIBUTES),
    )
    created: dict[tuple[date, int], int] = {}
    levels: dict[tuple[date, int], dict[str, int]] = {}
    held: dict[int, dict[str, int]] = {}
    by_rank: dict[int, list[tuple[int, str, int]]] = {}
    for rank, place, name, n in rows:
        by_rank.setdefault(rank, []).append((place, name, int(n)))
    for rank in range(len(months) + 1):
        for place, name, n in by_rank.get(rank, ()):
            if name == "created":
                if rank:
                    created[months[rank - 1], place] = n
                continue
            level = held.setdefault(place, {})
            level[name] = level.get(name, 0) + n
        if rank:
            for place, level in held.items():
                levels[months[rank - 1], place] = dict(level)
    return created, levels
