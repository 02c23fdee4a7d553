"""What pages show of a circle and of a trace, in words."""

from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import date, datetime
from itertools import groupby
from typing import Any

from django.db.models import QuerySet
from django.urls import reverse
from django.utils import timezone
from django.utils.formats import date_format

from carbet.coordination.care_teams import queries, rules
from carbet.coordination.care_teams.choices import DATA_CATEGORIES, GlassReason, ParticipantRole
from carbet.coordination.care_teams.models import CareTeamParticipant, GlassBreaking, Invitation
from carbet.core import home
from carbet.core.actor import INTERNAL, SYSTEM, Actor, DataCategory
from carbet.core.models import AuditEvent
from carbet.registries.patients import queries as patients


@dataclass(frozen=True)
class Member:
    """One stay in the circle, as shown."""

    id: int
    name: str
    profession: str
    organization: str
    phone: str
    secure_email: str
    role: str
    role_label: str
    started_at: datetime
    ended_at: datetime | None
    end_reason: str
    href_kind: str
    href_id: int
    invitation: str = ""
    # What the person decided that this member reads, when it is not what the role asks.
    scope: str = ""

    @property
    def referent(self) -> bool:
        return self.role in rules.MANAGING_ROLES


@dataclass(frozen=True)
class Circle:
    """The members of a circle by group, and those who left."""

    professionals: list[Member] = field(default_factory=list)
    structures: list[Member] = field(default_factory=list)
    relatives: list[Member] = field(default_factory=list)
    former: list[Member] = field(default_factory=list)

    @property
    def present(self) -> int:
        return len(self.professionals) + len(self.structures) + len(self.relatives)


INVITATIONS = {
    "pending": "Invitation en cours d’envoi",
    "sent": "Invité par messagerie sécurisée",
    "failed": "L’invitation n’a pas pu partir : prévenez ce membre",
    "cancelled": "Invitation abandonnée",
}


def circle(
    participants: Iterable[CareTeamParticipant],
    *,
    now: datetime,
    invitations: dict[int, str] | None = None,
) -> Circle:
    """Sort the stays of a circle: managers first, then by entry; those who left apart."""
    found = Circle()
    for stay in participants:
        shown = member(stay, invitation=(invitations or {}).get(stay.pk, ""))
        if not rules.is_present(stay.started_at, stay.ended_at, at=now):
            found.former.append(shown)
        elif stay.practitioner_role_id is not None:
            found.professionals.append(shown)
        elif stay.organization_id is not None:
            found.structures.append(shown)
        else:
            found.relatives.append(shown)
    found.professionals.sort(key=lambda one: (not one.referent, one.started_at, one.id))
    found.former.sort(key=lambda one: one.ended_at or one.started_at, reverse=True)
    return found


def member(stay: CareTeamParticipant, *, invitation: str = "") -> Member:
    """Say one stay: whose, under which role, since when."""
    name = profession = organization = phone = email = kind = ""
    number = 0
    if stay.practitioner_role is not None:
        role = stay.practitioner_role
        name, profession, organization = (
            str(role.practitioner),
            role.label,
            role.organization.name,
        )
        phone, email = role.phone or role.organization.phone, role.secure_email
        kind, number = "role", role.pk
    elif stay.organization is not None:
        name, profession = stay.organization.name, stay.organization.get_purpose_display()
        phone, email = stay.organization.phone, stay.organization.secure_email
        kind, number = "organization", stay.organization.pk
    elif stay.related_person is not None:
        relative = stay.related_person
        name, phone = str(relative), relative.phone
        profession = relative.get_relationship_display()
    said = dict(ParticipantRole.choices).get(stay.role, "")
    return Member(
        id=stay.pk,
        name=name,
        profession=profession,
        organization=organization,
        phone=phone,
        secure_email=email,
        role=stay.role,
        role_label="" if stay.role == ParticipantRole.MEMBER else str(said),
        started_at=stay.started_at,
        ended_at=stay.ended_at,
        end_reason=stay.end_reason,
        href_kind=kind,
        href_id=number,
        invitation=INVITATIONS.get(invitation, ""),
        scope="" if stay.scope is None else categories_in_words(DataCategory(stay.scope)),
    )


def categories_in_words(categories: DataCategory) -> str:
    """Say which data are open, as "médical, social"."""
    named = [label.lower() for each, label in DATA_CATEGORIES.items() if each in categories]
    return ", ".join(named) or "aucune donnée"


# What each trace says, after the name of whoever acted. A prefix stands for all that begin so.
SAID = {
    "patient.find": "a cherché la personne par ses traits d’identité",
    "patient.read": "a consulté l’identité",
    "patient.register": "a créé le dossier",
    "patient.update": "a corrigé l’identité",
    "chart.read": "a ouvert le dossier",
    "notebook.read": "a consulté le cahier de liaison",
    "notebook.note.write": "a écrit dans le cahier de liaison",
    "notebook.note.correct": "a corrigé une note",
    "notebook.note.withdraw": "a retiré une note",
    "notebook.measure.record": "a saisi une mesure",
    "notebook.measure.withdraw": "a retiré une mesure",
    "care_plan.read": "a consulté le plan",
    "care_plan.approve": "a approuvé le plan",
    "care_plan.propose": "a proposé le plan à l’approbation",
    "care_plan.send_back": "a renvoyé le plan avec un commentaire",
    "care_plan.progress": "a noté un avancement du plan",
    "care_plan": "a modifié le plan",
    "care_team.read": "a consulté le cercle de soins",
    "care_team.access_log": "a consulté la liste des accès",
    "care_team.register": "a enregistré la personne et ouvert son cercle",
    "care_team.open": "a ouvert le cercle de soins",
    "care_team.coordinate": "est devenu coordonnateur",
    "care_team.participant.add": "a ajouté un membre au cercle",
    "care_team.invitation.send": "a invité un professionnel dans le cercle",
    "care_team.invitation.read": "a lu son invitation dans le cercle",
    "care_team.invitation.accept": "a accepté de rejoindre le cercle",
    "care_team.invitation.decline": "a décliné l’invitation",
    "care_team.invitation.withdraw": "a retiré une invitation",
    "care_team.participant.scope": "a enregistré ce que la personne ouvre à un membre",
    "care_team.participant.end": "a mis fin à la participation d’un membre",
    "care_team": "a modifié le cercle de soins",
    "care_team.related_person.add": "a ajouté un proche",
    "consent.record": "a enregistré la décision de la personne",
    "consent.prove": "a joint la preuve d’une décision",
    "glass.break": "est entré par accès exceptionnel",
    "glass.read": "a consulté un accès exceptionnel",
    "glass.review": "a relu un accès exceptionnel",
    "portal.open": "a ouvert l’espace de la personne",
    "portal.read": "a consulté le dossier depuis l’espace personnel",
    "portal.access_log": "a regardé qui a ouvert le dossier",
    "support.request": "a demandé un appui",
    "support.accept": "a accepté la demande d’appui",
    "support.redirect": "a réorienté la demande d’appui",
    "support.withdraw": "a retiré la demande d’appui",
    "situation.read": "a consulté la situation de vie",
    "situation.sheet": "a ouvert la fiche d’urgence",
    "situation.describe": "a décrit la situation de vie",
    "situation.emergency": "a noté ce qu’une urgence doit savoir",
    "detection.read": "a regardé les signaux",
    "detection.propose": "a relevé un signal à regarder",
    "detection.acknowledge": "a pris un signal en compte",
    "detection.dismiss": "a écarté un signal",
    "support.triage": "a évalué la complexité de la demande d’appui",
    "support.ask_more": "a demandé un complément à la demande d’appui",
    "support.complete": "a complété la demande d’appui",
    "support.tell": "a prévenu le demandeur de l’appui",
    "support.open_file": "a ouvert un document joint à la demande d’appui",
    "support.contact": "a noté le premier contact de l’appui",
    "support.score": "a évalué la complexité du dossier d’appui",
    "support.hand_over": "a confié le dossier d’appui",
    "support.suspend": "a suspendu l’appui",
    "support.resume": "a repris l’appui",
    "support.close": "a clos le dossier d’appui",
    "support.reopen": "a rouvert le dossier d’appui",
    "support.read": "a consulté la demande d’appui",
    "agenda.read": "a consulté l’agenda",
    "appointment.schedule": "a fixé un rendez-vous",
    "appointment.repeat": "a fixé des visites régulières",
    "appointment.ask": "a demandé un rendez-vous",
    "appointment.wait": "a inscrit la personne en liste d’attente",
    "appointment.answer": "a répondu à une demande de rendez-vous",
    "appointment.cancel": "a annulé un rendez-vous",
    "appointment.decline_own": "a annulé un rendez-vous depuis l’espace personnel",
    "appointment.remind": "a rappelé un rendez-vous",
    "appointment": "a modifié un rendez-vous",
    "documents.open": "a ouvert un document",
    "shared_record.look": "a consulté le DMP",
    "shared_record.open": "a ouvert un document du DMP",
    "shared_record.take": "a classé un document du DMP",
    "shared_record.deposit": "a demandé un dépôt au DMP",
    "shared_record.enter": "a ouvert la page du DMP",
    "fhir": "a échangé des données depuis un autre logiciel",
}
# Those whose reason whoever reads the trace must see.
REASONED = ("glass.break", "shared_record.look")
BY_ACTION = {
    "C": "a ajouté un élément",
    "R": "a consulté le dossier",
    "U": "a modifié un élément",
    "D": "a supprimé un élément",
    "E": "a agi sur le dossier",
}


@dataclass(frozen=True)
class Access:
    """Something done by one agent on one day, once or several times in a row."""

    at: datetime
    agent: str
    structure: str
    what: str
    times: int
    refused: bool
    exceptional: bool
    reason: str


@dataclass(frozen=True)
class AccessDay:
    """What happened to a record in one day."""

    on: date
    accesses: list[Access]


def say(operation: str, action: str) -> str:
    """Return what an operation did, in plain French."""
    name = operation
    while name:
        if name in SAID:
            return SAID[name]
        name = name.rpartition(".")[0]
    return BY_ACTION.get(action, "a agi sur le dossier")


def access_days(events: Iterable[AuditEvent]) -> list[AccessDay]:
    """Group a trace by day, and what one agent repeats in a row into one line."""
    days = []
    for on, of_day in groupby(events, key=lambda event: timezone.localdate(event.recorded_at)):
        lines = []
        for _, alike in groupby(of_day, key=_line):
            same = list(alike)
            first = same[0]
            lines.append(
                Access(
                    at=first.recorded_at,
                    agent=_agent(first),
                    structure=getattr(first, "structure", None) or "",
                    what=say(first.operation, first.action),
                    times=len(same),
                    refused=first.outcome == AuditEvent.Outcome.REFUSED,
                    exceptional=first.operation == "glass.break",
                    reason=first.reason if first.operation in REASONED else "",
                )
            )
        days.append(AccessDay(on=on, accesses=lines))
    return days


def _line(event: AuditEvent) -> tuple[object, ...]:
    reason = event.reason if event.operation in REASONED else ""
    return (event.agent_name, event.organization_id, event.operation, event.outcome, reason)


def _agent(event: AuditEvent) -> str:
    if event.actor_kind == INTERNAL:
        return "Carbet (traitement automatique)"
    if event.actor_kind == SYSTEM:
        return f"Logiciel {event.agent_name or event.client_id}"
    return event.agent_name or "Compte inconnu"


# --- On the front page ---------------------------------------------------------------------------

_ENTERED = ("civility", "given", "family")


def to_review(*, actor: Actor, now: datetime) -> QuerySet[GlassBreaking, dict[str, Any]]:
    """Return the exceptional entries that wait for the actor's eyes."""
    return queries.glass_to_review(actor=actor, now=now).values(
        "opened_at",
        "reason",
        *(f"practitioner_role__practitioner__{part}" for part in _ENTERED),
        *patients.name_columns(),
    )


def to_review_line(row: dict[str, Any], *, now: datetime) -> home.Line:
    """Say an exceptional entry: whose record, by whom, when, why."""
    by = filter(None, (row[f"practitioner_role__practitioner__{part}"] for part in _ENTERED))
    return home.Line(
        title=patients.name_in(row),
        href=reverse("care_teams:reviews"),
        text=GlassReason(row["reason"]).label,
        meta=(f"par {' '.join(by)}",),
        at=home.moment(row["opened_at"]),
        icon="unlock",
    )


HOME = home.Block(
    key="reviews",
    title="Accès exceptionnels à relire",
    icon="unlock",
    tone="warning",
    rows=to_review,
    line=to_review_line,
    more=("care_teams:reviews", "Relire"),
    order=10,
)


def invitation_rows(*, actor: Actor, now: datetime) -> QuerySet[Invitation, dict[str, Any]]:
    """Return the invitations that wait for the actor's answer."""
    return queries.invitations_to_answer(actor=actor, now=now).values(
        "invited_at", "expires_at", *patients.name_columns()
    )


def invitation_line(row: dict[str, Any], *, now: datetime) -> home.Line:
    """Say an invitation: into whose circle, until when."""
    until = datetime.fromisoformat(row["expires_at"])
    return home.Line(
        title=patients.name_in(row),
        href=reverse("care_teams:invitations"),
        text=f"Répondre avant le {date_format(timezone.localtime(until), 'j F')}",
        at=home.moment(row["invited_at"]),
        icon="circle",
    )


INVITED = home.Block(
    key="invitations",
    title="Invitations à rejoindre un cercle",
    icon="circle",
    rows=invitation_rows,
    line=invitation_line,
    more=("care_teams:invitations", "Répondre"),
    live="circle",
    order=12,
)
