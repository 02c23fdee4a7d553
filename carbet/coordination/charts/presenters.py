"""What the record page shows: what is new since the last visit, entries and members in words."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any

from django.db.models import QuerySet
from django.urls import reverse

from carbet.coordination.care_plans.queries import Summary
from carbet.coordination.care_teams import rules as circles
from carbet.coordination.care_teams.choices import ParticipantRole, Relationship
from carbet.coordination.charts import queries
from carbet.coordination.notebook.presenters import Line
from carbet.coordination.support.models import SupportRequest
from carbet.core import home
from carbet.core.actor import Actor
from carbet.core.templatetags.carbet import age
from carbet.registries.patients import queries as patients
from carbet.registries.patients.models import Patient


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


def members(found: Iterable[Mapping[str, Any]]) -> list[Person]:
    """Say the members, those who manage the circle first."""
    said = [_member(each) for each in found]
    return sorted(said, key=lambda person: not person.referent)


def news(
    lines: Iterable[Line],
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
        entries=sum(is_new(line) for line in lines),
        plan=plan is not None and plan.updated_at > since,
        requests=sum(
            max(request.submitted_at, request.decided_at or request.submitted_at) > since
            for request in requests
        ),
        members=sum(datetime.fromisoformat(member["started_at"]) > since for member in members),
    )


def is_new(line: Line) -> bool:
    """Tell whether others wrote or answered this since the reader's last visit."""
    return line.new or any(reply.new for reply in line.replies)


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


# --- On the front page ---------------------------------------------------------------------------


def mine(*, actor: Actor, now: datetime) -> QuerySet[Patient, dict[str, Any]]:
    """Return the actor's persons, what is new first, and one more than the page shows."""
    return queries.mine(actor=actor, now=now)[: home.MOST + 1]


def line_of(row: dict[str, Any], *, now: datetime) -> home.Line:
    """Say a person, and what is new there since the reader's last visit."""
    new = len(row["new"])
    at, badge, at_says = row["news_at"] or row["opened_at"], "", "ouvert"
    if row["arrived_at"] is not None:
        at, badge, at_says = row["arrived_at"], "Nouveau dossier", "depuis"
    elif new:
        more = "+" if new == queries.MOST_NEW else ""
        badge, at_says = f"{new}{more} nouveauté{'s' if new > 1 else ''}", "écrit"
    said = (
        str(age(date.fromisoformat(row["birth_date"]), on=now.date())),
        row["city"],
        "" if row["opened_at"] or badge else "jamais ouvert",
    )
    return home.Line(
        title=patients.name_in(row, ""),
        href=reverse("charts:detail", args=[row["pk"]]),
        meta=tuple(filter(None, said)),
        at=home.moment(at),
        at_says=at_says,
        badge=badge,
        tone="new",
        icon="person",
        unread=row["news_at"] is not None,
    )


HOME = home.Block(
    key="patients",
    title="Mes patients",
    icon="people",
    rows=mine,
    line=line_of,
    empty="Une personne apparaît ici dès que vous entrez dans son cercle de soins ou que vous "
    "créez son dossier.",
    more=("patients:list", "Tous mes patients"),
    order=70,
    aside=True,
)
