"""What an answer is, where, how far, whether open, with how many places, as it stands now."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any

from django.db import connection
from django.utils import timezone

from carbet.coordination.orientation.rules import ranking, travel

CAPITAL = "97302"


@dataclass(frozen=True)
class Capacity:
    """A number of beds or places that are free, with the moment at which it was true."""

    activity: str
    number: int
    installed: int | None
    at: datetime
    age: str
    fresh: bool

    @property
    def words(self) -> str:
        return f"{self.number} disponible{'s' if self.number > 1 else ''}"


@dataclass(frozen=True)
class Result:
    """One answer: what, where, how far, whether open, how many places, how to reach it."""

    kind: str
    target: int
    name: str
    detail: str
    organization_id: int
    organization: str
    commune: str
    commune_name: str
    acts: tuple[str, ...]
    phone: str
    secure_email: str
    synthetic: bool
    score: float
    at_home: bool
    journey: travel.Journey | None
    is_open: bool | None
    comment: str = ""
    capacities: tuple[Capacity, ...] = ()

    @property
    def journey_in_words(self) -> str:
        if self.at_home:
            return "se déplace à domicile"
        return travel.in_words(self.journey) if self.journey else "trajet inconnu"


IS_OPEN = (
    "CASE WHEN e.hours IS NOT NULL THEN"
    " orientation_is_open(e.hours, e.closures, %(minute)s, %(today)s) END"
)


def minute_and_day(now: datetime) -> tuple[int, date]:
    """Return the minute of the week and the day, on the clock of the territory."""
    local = timezone.localtime(now)
    return (local.isoweekday() - 1) * 1440 + local.hour * 60 + local.minute, local.date()


_DESCRIBE = """
SELECT x.rank, x.kind, x.target,
       CASE x.kind WHEN 'R' THEN trim(p.civility || ' ' || p.given || ' ' || p.family)
         WHEN 'S' THEN s.name ELSE o.name END,
       CASE x.kind WHEN 'R' THEN COALESCE(NULLIF(r.specialty_label, ''), r.profession_label)
         WHEN 'S' THEN s.activity ELSE o.category_label END,
       o.id, o.name, COALESCE(l.commune_id, o.commune_id, ''), COALESCE(c.name, ''),
       CASE x.kind WHEN 'S' THEN ARRAY(SELECT t.label FROM directory_term t
         WHERE t.code = ANY (s.acts) AND starts_with(t.nomenclature, 'TRE_R210')
         ORDER BY array_position(s.acts::text[], t.code::text)) END,
       COALESCE(NULLIF(r.phone, ''), NULLIF(s.phone, ''), o.phone),
       CASE x.kind WHEN 'R' THEN r.secure_email
         ELSE COALESCE(NULLIF(s.secure_email, ''), o.secure_email) END,
       CASE x.kind WHEN 'R' THEN p.synthetic WHEN 'S' THEN s.synthetic ELSE o.synthetic END,
       COALESCE(s.comment, ''),
       (SELECT jsonb_agg(jsonb_build_object('activity', k.activity, 'status', k.status,
                 'number', k.number, 'at', k.updated_at) ORDER BY k.activity)
        FROM directory_capacity k WHERE k.status IN ('01', '02')
          AND k.temporality IN ('', '01') AND k.crisis_type = ''
          AND ((x.kind = 'S' AND (k.service_id = s.id
                OR (k.service_id IS NULL AND k.location_id = s.location_id)))
            OR (x.kind = 'P' AND k.organization_id = o.id
                AND (k.service_id IS NULL OR EXISTS (SELECT 1 FROM directory_healthcareservice h
                  WHERE h.id = k.service_id AND h.active)))))
FROM unnest(%(kinds)s::text[], %(targets)s::bigint[]) WITH ORDINALITY x(kind, target, rank)
LEFT JOIN directory_practitionerrole r ON x.kind = 'R' AND r.id = x.target
LEFT JOIN directory_practitioner p ON p.id = r.practitioner_id
LEFT JOIN directory_healthcareservice s ON x.kind = 'S' AND s.id = x.target
LEFT JOIN directory_location l ON l.id = s.location_id
JOIN directory_organization o ON o.id = CASE x.kind WHEN 'R' THEN r.organization_id
  WHEN 'S' THEN s.organization_id ELSE x.target END
LEFT JOIN directory_commune c ON c.code = COALESCE(l.commune_id, o.commune_id)
ORDER BY x.rank
"""


def describe(rows: Sequence[tuple[Any, ...]], *, origin: str, now: datetime) -> list[Result]:
    """Return what `rows` (kind, target, score, minutes, at home, open) are, in their order."""
    if not rows:
        return []
    with connection.cursor() as cursor:
        cursor.execute(
            _DESCRIBE, {"kinds": [row[0] for row in rows], "targets": [row[1] for row in rows]}
        )
        described = cursor.fetchall()
    results = []
    for line in described:
        rank, kind, target, name, detail, organization_id, organization, commune = line[:8]
        _, _, score, _, at_home, is_open = rows[rank - 1]
        results.append(
            Result(
                kind=kind,
                target=target,
                name=name,
                detail=detail or "",
                organization_id=organization_id,
                organization=organization,
                commune=commune,
                commune_name=line[8],
                acts=tuple(line[9] or ()),
                phone=line[10] or "",
                secure_email=line[11] or "",
                synthetic=line[12],
                score=float(score),
                at_home=at_home,
                journey=travel.journey(origin, commune),
                is_open=is_open,
                comment=line[13],
                capacities=_capacities(line[14], now),
            )
        )
    return results


def _capacities(said: Any, now: datetime) -> tuple[Capacity, ...]:
    """Pair what is free with what is installed, activity by activity; what is free comes dated.

    The ROR counts men's and women's beds apart: they are added, and as old as the oldest count.
    """
    if isinstance(said, str):
        said = json.loads(said)
    installed: dict[str, int] = {}
    free: dict[str, list[Mapping[str, Any]]] = {}
    for each in said or ():
        if each["status"] == "02":
            free.setdefault(each["activity"], []).append(each)
        else:
            installed[each["activity"]] = installed.get(each["activity"], 0) + each["number"]
    found = []
    for activity, counts in free.items():
        at = min(datetime.fromisoformat(each["at"]) for each in counts)
        found.append(
            Capacity(
                activity=activity,
                number=sum(each["number"] for each in counts),
                installed=installed.get(activity),
                at=at,
                age=ranking.age_in_words(at, now),
                fresh=ranking.is_fresh(at, now),
            )
        )
    return tuple(found)


def destination(*, kind: str, target: int, now: datetime, origin: str = "") -> Result | None:
    """Return one answer by what it is, as it stands now, or None when it is no longer found."""
    is_open = IS_OPEN.replace("%(minute)s", "%s").replace("%(today)s", "%s")
    with connection.cursor() as cursor:
        cursor.execute(
            f"SELECT COALESCE(e.zones @> ARRAY[%s::text]::varchar[], false), {is_open}"  # noqa: S608
            " FROM orientation_entry e WHERE e.kind = %s AND e.target = %s"
            " AND (e.until IS NULL OR e.until > %s)",
            [origin, *minute_and_day(now), kind, target, now],
        )
        row = cursor.fetchone()
    if row is None:
        return None
    at_home, opened = row
    found = describe(
        [(kind, target, 0.0, None, at_home, opened)], origin=origin or CAPITAL, now=now
    )
    return found[0] if found else None
