"""What pages show of an appointment, in words: who, when, how, what each answered."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from itertools import groupby

from django.urls import reverse
from django.utils import timezone

from carbet.coordination.scheduling import queries
from carbet.coordination.scheduling.choices import (
    FIRM,
    OPEN,
    AppointmentStatus,
    ParticipationStatus,
    VisitKind,
)
from carbet.coordination.scheduling.models import Appointment, AppointmentParticipant, Slot
from carbet.coordination.scheduling.rules import recurrence, spans
from carbet.coordination.scheduling.rules.recurrence import NotARecurrence
from carbet.core.actor import Actor
from carbet.core.identifiers import short_id
from carbet.registries.directory.models import PractitionerRole

ICONS = {
    VisitKind.HOME: "home",
    VisitKind.OFFICE: "hospital",
    VisitKind.VIDEO: "camera",
    VisitKind.MEETING: "people",
}
TONES = {
    AppointmentStatus.BOOKED: "success",
    AppointmentStatus.ARRIVED: "success",
    AppointmentStatus.CHECKED_IN: "success",
    AppointmentStatus.FULFILLED: "neutral",
    AppointmentStatus.CANCELLED: "neutral",
    AppointmentStatus.NOSHOW: "warning",
    AppointmentStatus.WAITLIST: "info",
}
CLOSED_RECORD = "Personne dont le dossier vous est fermé"


@dataclass(frozen=True, slots=True)
class Answer:
    """One who takes part, and what they answered."""

    pk: int
    name: str
    label: str
    organization: str
    status: str
    words: str
    tone: str
    mine: bool


@dataclass(frozen=True, slots=True)
class Visit:
    """One appointment, as shown."""

    pk: int
    patient_id: int | None
    person: str
    start: datetime | None
    end: datetime | None
    kind: str
    icon: str
    status: str
    status_words: str
    tone: str
    description: str
    place: str
    who: tuple[Answer, ...]
    author: str
    series: str
    version: int
    may_answer: bool = False
    awaits_author: bool = False
    overlaps: bool = False
    struck: bool = False
    cancel_words: str = ""
    wished: str = ""
    # Before this visit in a round: minutes to get there, and those there are.
    way: int | None = None
    gap: int | None = None
    previous: int | None = None

    @property
    def href(self) -> str:
        if self.patient_id is None:
            return ""
        return reverse("scheduling:detail", args=[self.patient_id, self.pk])

    @property
    def answer_href(self) -> str:
        """Where an answer is sent: at the person's door, or one's own when nobody is named."""
        if self.patient_id is None:
            return reverse("scheduling:answer_unnamed", args=[self.pk])
        return reverse("scheduling:answer", args=[self.patient_id, self.pk])

    @property
    def is_late(self) -> bool:
        return self.way is not None and self.gap is not None and self.gap < self.way

    @property
    def with_whom(self) -> str:
        return ", ".join(answer.name for answer in self.who)


def visit(
    row: Appointment,
    *,
    actor: Actor,
    my_parts: Iterable[int] = (),
    parts: Iterable[AppointmentParticipant] | None = None,
) -> Visit:
    """Say one appointment; `my_parts` are the participants for whom the reader answers."""
    mine = set(my_parts)
    parts = list(row.participants.all() if parts is None else parts)
    answers = tuple(answer_of(part, mine=part.pk in mine) for part in parts)
    may_answer = row.status in OPEN and any(
        answer.mine and answer.status == ParticipationStatus.NEEDS_ACTION for answer in answers
    )
    cancelled = row.status == AppointmentStatus.CANCELLED
    return Visit(
        pk=row.pk,
        patient_id=row.patient_id,
        person=named(row),
        start=row.start,
        end=row.end,
        kind=VisitKind(row.kind).label,
        icon=ICONS[VisitKind(row.kind)],
        status=row.status,
        status_words=str(AppointmentStatus(row.status).label),
        tone=TONES.get(AppointmentStatus(row.status), "warning"),
        description=row.description,
        place=place(row),
        who=answers,
        author=row.author_name,
        series=series_words(row),
        version=row.version,
        may_answer=may_answer,
        awaits_author=row.awaits_author and row.author_role_id == actor.role_id,
        overlaps=row.overlap_accepted and row.status in FIRM,
        struck=cancelled or row.status == AppointmentStatus.NOSHOW,
        cancel_words=cancel_words(row) if cancelled else "",
        wished=wished_words(row),
    )


def named(row: Appointment) -> str:
    """Say whom it is about: a software may book before it knows."""
    if row.patient_id is None:
        return f"Sans nom, par {row.author_name}"
    person = row.patient if "patient" in row._state.fields_cache else None
    return str(person) if person is not None else CLOSED_RECORD


def answer_of(part: AppointmentParticipant, *, mine: bool) -> Answer:
    """Say one who takes part."""
    role = part.practitioner_role
    status = ParticipationStatus(part.status)
    tones = {ParticipationStatus.ACCEPTED: "success", ParticipationStatus.DECLINED: "danger"}
    return Answer(
        pk=part.pk,
        name=str(role.practitioner) if role is not None else part.organization.name,
        label=role.label if role is not None else "",
        organization=part.organization.name if role is not None else "",
        status=part.status,
        words=str(status.label),
        tone=tones.get(status, "warning"),
        mine=mine,
    )


def place(row: Appointment) -> str:
    """Say where: the commune of the person, or nothing when it is said elsewhere."""
    if row.kind == VisitKind.HOME and row.patient_id is not None:
        person = row.patient if "patient" in row._state.fields_cache else None
        if person is not None:
            return ", ".join(filter(None, (person.address_line, person.city)))
    return ""


def series_words(row: Appointment) -> str:
    """Say how the visit comes back."""
    if row.series_id is None or "series" not in row._state.fields_cache or row.series is None:
        return ""
    try:
        return recurrence.in_words(recurrence.parse(row.series.rule))
    except NotARecurrence:
        return ""


def cancel_words(row: Appointment) -> str:
    """Say why it was cancelled."""
    label = row.get_cancel_reason_display() if row.cancel_reason else "Sans motif"
    return f"{label} : {row.cancel_comment}" if row.cancel_comment else str(label)


def wished_words(row: Appointment) -> str:
    """Say when it would suit."""
    low, high = row.requested_start, row.requested_end
    if low is None and high is None:
        return ""
    said = f"à partir du {timezone.localtime(low):%d/%m/%Y}" if low else ""
    return (said + (f" avant le {timezone.localtime(high):%d/%m/%Y}" if high else "")).strip()


def clock(moment: datetime) -> str:
    """Say an hour on the reader's clock: « 8 h 05 »."""
    local = timezone.localtime(moment)
    return f"{local.hour} h {local.minute:02d}" if local.minute else f"{local.hour} h"


@dataclass(frozen=True, slots=True)
class Opening:
    """A free slot, as shown."""

    pk: int
    start: datetime
    end: datetime
    kind: str
    who: str = ""

    @property
    def key(self) -> str:
        """The slot as an address names it."""
        return short_id(self.pk)


def openings_by_day(slots: Iterable[Slot]) -> list[tuple[date, list[Opening]]]:
    """Gather free slots by the day on which they begin."""
    shown = [
        Opening(each.pk, each.start, each.end, str(VisitKind(each.schedule.kind).label))
        for each in slots
    ]
    return [
        (on, list(same))
        for on, same in groupby(shown, key=lambda each: timezone.localdate(each.start))
    ]


def warnings(
    clashes: Iterable[queries.Clash], hastes: Iterable[tuple[str, spans.Haste]]
) -> list[str]:
    """Say what stands in the way of a time, one sentence each."""
    said = []
    for clash in clashes:
        span = f"de {clock(clash.span.start)} à {clock(clash.span.end)}"
        if clash.what == "person":
            said.append(f"La personne a déjà un rendez-vous {span}.")
        else:
            said.append(f"{clash.who} n’est pas disponible {span}.")
    for name, late in hastes:
        said.append(
            f"{name} a {max(late.gap_minutes, 0)} min entre deux visites"
            f" ({clock(late.before.span.end)} puis {clock(late.after.span.start)}),"
            f" pour un trajet d’environ {late.travel_minutes} min."
        )
    return said


def agendas(kept: Sequence[PractitionerRole], *, shown: int) -> list[tuple[str, str, bool]]:
    """Return the agendas that the reader keeps, and which is shown, when there are several."""
    if len(kept) < 2:
        return []
    return [(short_id(role.pk), str(role.practitioner), role.pk == shown) for role in kept]
