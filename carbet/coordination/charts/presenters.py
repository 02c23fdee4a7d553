"""What the record page shows: what is new since the last visit, entries and members in words."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from itertools import groupby
from typing import Any

from carbet.coordination.care_plans.queries import Summary
from carbet.coordination.care_teams import rules as circles
from carbet.coordination.care_teams.choices import ParticipantRole, Relationship
from carbet.coordination.notebook.presenters import Line
from carbet.coordination.support.models import SupportRequest


@dataclass(frozen=True)
class Shown:
    """One note, or the measures that one person took at one moment."""

    line: Line
    measures: tuple[Line, ...]
    new: bool
    """Written or changed by somebody else since the reader's last visit."""
    already_seen_from_here: bool


@dataclass(frozen=True)
class Person:
    """One member of the circle in brief."""

    name: str
    profession: str
    organization: str
    phone: str
    role_label: str
    referent: bool


@dataclass(frozen=True)
class News:
    """What changed since the last visit, counted."""

    entries: int
    plan: bool
    requests: int
    members: int

    def __bool__(self) -> bool:
        return bool(self.entries or self.plan or self.requests or self.members)


def entries(lines: Iterable[Line], *, most: int) -> list[Shown]:
    """Gather the measures of one visit into one entry, and keep the latest `most` of them."""
    shown = []
    for _, together in groupby(lines, key=_visit):
        same = tuple(together)
        shown.append(
            Shown(
                line=same[0],
                measures=() if same[0].is_note else same,
                new=any(line.new or any(reply.new for reply in line.replies) for line in same),
                already_seen_from_here=any(line.already_seen_from_here for line in same),
            )
        )
    return shown[:most]


def members(found: Iterable[Mapping[str, Any]]) -> list[Person]:
    """Say the members, those who manage the circle first."""
    said = [_member(each) for each in found]
    return sorted(said, key=lambda person: not person.referent)


def news(
    shown: list[Shown],
    *,
    since: datetime | None,
    plan: Summary | None,
    requests: list[SupportRequest],
    members: Iterable[Mapping[str, Any]],
) -> News | None:
    """Count what changed since the last visit; None the first time, when all is new."""
    if since is None:
        return None
    return News(
        entries=sum(one.new for one in shown),
        plan=plan is not None and plan.updated_at > since,
        requests=sum(
            max(request.submitted_at, request.decided_at or request.submitted_at) > since
            for request in requests
        ),
        members=sum(datetime.fromisoformat(member["started_at"]) > since for member in members),
    )


def _visit(line: Line) -> tuple[object, ...]:
    """What measures of one visit share; a note, or a measure withdrawn, stands alone."""
    if line.is_note or line.struck_at is not None:
        return (line.id,)
    return (line.author, line.role, line.at)


def _member(each: Mapping[str, Any]) -> Person:
    referent = each["role"] in circles.MANAGING_ROLES
    label = "" if each["role"] == ParticipantRole.MEMBER else each["role"]
    role_label = str(dict(ParticipantRole.choices).get(label, ""))
    if each["family"]:
        name = " ".join(filter(None, (each["civility"], each["given"], each["family"])))
        return Person(
            name=name,
            profession=each["specialty"] or each["profession"],
            organization=each["workplace"] or "",
            phone=each["phone"] or "",
            role_label=role_label,
            referent=referent,
        )
    if each["structure"]:
        return Person(
            each["structure"], "", "", each["structure_phone"] or "", role_label, referent
        )
    name = f"{each['relative_given']} {each['relative_family']}".strip()
    tie = str(dict(Relationship.choices).get(each["relationship"], ""))
    return Person(name, tie, "", each["relative_phone"] or "", role_label, referent)
