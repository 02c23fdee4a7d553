"""How rights are said: their state, their lines on the front page, their rows for an audit."""

import csv
import io
from datetime import datetime
from typing import Any

from django.db.models import QuerySet
from django.urls import reverse
from django.utils import timezone

from carbet.core import home
from carbet.core.actor import Actor
from carbet.registries.directory.choices import EndReason
from carbet.registries.directory.models import Right
from carbet.registries.directory.rules import MANAGE_RIGHTS
from carbet.registries.rights import access, queries, rules
from carbet.registries.rights.choices import RegistrationStatus
from carbet.registries.rights.models import RegistrationRequest

HEADINGS = (
    *("Nom", "Prénom", "RPPS", "Adresse du compte", "Profession", "Structure", "FINESS"),
    *("Gère les habilitations", "Depuis", "Jusqu’à", "État", "Raison de fin", "Terminée par"),
    *("Donnée par", "Revue le", "Revue par", "Agit pour", "Dernière connexion"),
)


def state(right: Right, *, now: datetime) -> tuple[str, str]:
    """Return the state of a right in words, with its tone."""
    if right.ended_at <= now:
        return (right.get_end_reason_display() or "Échue"), "neutral"
    if rules.is_to_review(right.ended_at, now=now):
        return "À revoir", "warning"
    return "En cours", "success"


_TONES = {
    RegistrationStatus.SUBMITTED: "info",
    RegistrationStatus.APPROVED: "success",
    RegistrationStatus.REFUSED: "danger",
}


def answer(held: RegistrationRequest) -> tuple[str, str]:
    """Return where a request is in words, with its tone."""
    status = RegistrationStatus(held.status)
    return str(status.label), _TONES.get(status, "neutral")


def reviewed(kept: int, ended: int) -> str:
    """Say what a review did."""
    said = []
    if kept:
        said.append(
            f"{kept} habilitation{'s' if kept > 1 else ''} prolongée{'s' if kept > 1 else ''}"
        )
    if ended:
        said.append(f"{ended} accès fermé{'s' if ended > 1 else ''}")
    return f"{', '.join(said)}."


def export(*, actor: Actor, now: datetime) -> str:
    """Return the rights that the actor decides on as CSV, as French spreadsheets read it."""
    written = io.StringIO()
    writer = csv.writer(written, delimiter=";", lineterminator="\r\n")
    writer.writerow(HEADINGS)
    for_others = queries.delegations_exported(actor=actor)
    for row in queries.exported(actor=actor):
        ended = row["ended_at"] <= now
        acts_for = ", ".join(
            f"{whose} ({_day(since)} – {_day(until)})"
            for whose, since, until in for_others.get(row["practitioner_role_id"], ())
        )
        reason = EndReason(row["end_reason"]).label if row["end_reason"] else ""
        cells = (
            *(row[name] for name in ("family", "given", "rpps", "email")),
            *(row[name] for name in ("profession", "organization", "finess")),
            "oui" if row["manages"] else "non",
            _moment(row["started_at"]),
            _moment(row["ended_at"]),
            "terminée" if ended else "en cours",
            " : ".join(filter(None, (reason, row["end_words"]))),
            *(row["ended_by_name"], row["granted_by_name"], _moment(row["reviewed_at"])),
            *(row["reviewed_by_name"], acts_for, _moment(row["last_login"])),
        )
        writer.writerow(rules.cell(str(each or "")) for each in cells)
    # Spreadsheets take a file without this mark for Windows-1252.
    return "\ufeff" + written.getvalue()


def _moment(at: datetime | None) -> str:
    return f"{timezone.localtime(at):%Y-%m-%d %H:%M}" if at else ""


def _day(at: datetime | None) -> str:
    return f"{timezone.localtime(at):%Y-%m-%d}" if at else "sans fin"


def _waiting(*, actor: Actor, now: datetime) -> QuerySet[Any, dict[str, Any]] | None:
    if not actor.can(MANAGE_RIGHTS):
        return None
    columns = ("pk", "given", "family", "profession", "submitted_at", "organization__name")
    return queries.waiting(actor=actor).values(*columns)[: home.MOST + 1]


def _waiting_line(row: dict[str, Any], *, now: datetime) -> home.Line:
    profession = queries.profession(row["profession"])
    return home.Line(
        title=f"{row['given']} {row['family']}",
        href=reverse("rights:registration", args=[row["pk"]]),
        meta=(profession.label if profession else "", row["organization__name"]),
        at=home.moment(row["submitted_at"]),
        icon="id",
        unread=True,
    )


def _ending(*, actor: Actor, now: datetime) -> QuerySet[Any, dict[str, Any]] | None:
    if not actor.can(MANAGE_RIGHTS):
        return None
    role = "practitioner_role__"
    return (
        Right.objects.filter(
            access.managed(actor, f"{role}organization_id"),
            ended_at__gt=now,
            ended_at__lte=now + rules.REVIEW_BEFORE,
        )
        .order_by("ended_at", "pk")
        .values(
            *("pk", "ended_at", f"{role}profession_label", f"{role}organization__name"),
            *(f"{role}practitioner__given", f"{role}practitioner__family"),
        )[: home.MOST + 1]
    )


def _ending_line(row: dict[str, Any], *, now: datetime) -> home.Line:
    role = "practitioner_role__"
    return home.Line(
        title=f"{row[f'{role}practitioner__given']} {row[f'{role}practitioner__family']}",
        href=reverse("rights:right", args=[row["pk"]]),
        meta=(row[f"{role}profession_label"], row[f"{role}organization__name"]),
        text="Se termine bientôt",
        at=home.moment(row["ended_at"]),
        badge="À revoir",
        tone="warning",
        icon="shield",
    )


def _own_ending(*, actor: Actor, now: datetime) -> QuerySet[Any, dict[str, Any]] | None:
    if actor.role_id is None or actor.account_id is None:
        return None
    role = "practitioner_role__"
    return (
        Right.objects.filter(
            practitioner_role__practitioner__account_id=actor.account_id,
            started_at__lte=now,
            ended_at__gt=now,
            ended_at__lte=now + rules.REVIEW_BEFORE,
        )
        .order_by("ended_at", "pk")
        .values("pk", "ended_at", f"{role}profession_label", f"{role}organization__name")[
            : home.MOST + 1
        ]
    )


def _own_ending_line(row: dict[str, Any], *, now: datetime) -> home.Line:
    role = "practitioner_role__"
    return home.Line(
        title=row[f"{role}organization__name"],
        href=reverse("rights:mine"),
        text="Demandez à qui gère les comptes de cette structure de la revoir.",
        meta=(row[f"{role}profession_label"], "se termine"),
        at=home.moment(row["ended_at"]),
        icon="shield",
    )


def _applications(*, actor: Actor, now: datetime) -> QuerySet[Any, dict[str, Any]] | None:
    return queries.applications().values("name", "address")[: home.MOST + 1]


def _application_line(row: dict[str, Any], *, now: datetime) -> home.Line:
    return home.Line(
        title=row["name"], href=row["address"], badge="En service", tone="success", icon="external"
    )


REGISTRATIONS = home.Block(
    key="registrations",
    title="Demandes d’accès à la structure",
    icon="id",
    rows=_waiting,
    line=_waiting_line,
    more=("rights:registrations", "Toutes les demandes d’accès"),
    order=45,
)
ENDING = home.Block(
    key="rights-to-review",
    title="Habilitations à revoir",
    icon="shield",
    rows=_ending,
    line=_ending_line,
    more=("rights:review", "Tout revoir en une fois"),
    order=58,
    aside=True,
)
OWN_ENDING = home.Block(
    key="own-rights-ending",
    title="Votre accès se termine bientôt",
    icon="clock",
    rows=_own_ending,
    line=_own_ending_line,
    tone="warning",
    order=5,
    aside=True,
)
APPLICATIONS = home.Block(
    key="applications",
    title="Applications régionales",
    icon="external",
    rows=_applications,
    line=_application_line,
    order=80,
    aside=True,
)
