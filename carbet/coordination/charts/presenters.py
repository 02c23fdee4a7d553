"""What the record page shows: what is new since the last visit, entries and members in words."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from carbet.coordination.care_plans.queries import Summary
from carbet.coordination.care_teams import rules as circles
from carbet.coordination.care_teams.choices import ParticipantRole, Relationship
from carbet.coordination.notebook import rules as notebook
from carbet.coordination.notebook.choices import MeasureKind, NoteKind
from carbet.coordination.notebook.queries import Entry
from carbet.coordination.support.models import SupportRequest

NOTE_ICONS = {
    NoteKind.OBSERVATION: "note",
    NoteKind.ADVICE: "message",
    NoteKind.INTERVENTION: "heart",
    NoteKind.INSTRUCTION: "plan",
    NoteKind.GENERAL: "info",
}


@dataclass(frozen=True)
class Shown:
    """One entry of the notebook, as the record page shows it."""

    entry: Entry
    kind: str
    icon: str
    text: str
    new: bool
    """Written or changed by somebody else since the reader's last visit."""
    seen_before: bool
    """The first of those that were there at the last visit."""


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
    urgent: int
    plan: bool
    requests: int
    members: int

    def __bool__(self) -> bool:
        return bool(self.entries or self.plan or self.requests or self.members)


def entries(found: Iterable[Entry], *, since: datetime | None, role_id: int | None) -> list[Shown]:
    """Say the entries; those that others wrote since the last visit are new."""
    shown: list[Shown] = []
    marked = False
    for entry in found:
        own = entry.author_role_id is not None and entry.author_role_id == role_id
        new = notebook.is_new(
            entry.recorded_at, entry.corrected_at, entry.withdrawn_at, since=since, own=own
        ) or any(
            notebook.is_new(reply.recorded_at, since=since, own=reply.author_role_id == role_id)
            for reply in entry.replies
        )
        first_seen = bool(shown) and shown[-1].new and not new and not marked
        marked = marked or first_seen
        kind, icon, text = _said(entry)
        shown.append(
            Shown(entry=entry, kind=kind, icon=icon, text=text, new=new, seen_before=first_seen)
        )
    return shown


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
        urgent=sum(one.new and one.entry.urgent for one in shown),
        plan=plan is not None and plan.updated_at > since,
        requests=sum(
            max(request.submitted_at, request.decided_at or request.submitted_at) > since
            for request in requests
        ),
        members=sum(datetime.fromisoformat(member["started_at"]) > since for member in members),
    )


def _said(entry: Entry) -> tuple[str, str, str]:
    if entry.is_note:
        kind = NoteKind(entry.kind)
        return str(kind.label), NOTE_ICONS[kind], entry.text
    value = ""
    if entry.value is not None:
        value = notebook.write_value(entry.kind, entry.value, entry.second_value)
    text = f"{value}\n{entry.text}" if entry.text else value
    return str(MeasureKind(entry.kind).label), "pulse", text


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
