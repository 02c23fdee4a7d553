"""The agenda already under way when the demonstration starts: a round, slots, requests, a wait.

Everything goes through the room's own operations, so that traces and alerts are those of real use.
"""

import uuid
from collections.abc import Callable
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta

from django.db import transaction
from django.utils import timezone

from carbet.coordination.scheduling import operations
from carbet.coordination.scheduling.choices import VisitKind
from carbet.coordination.scheduling.models import (
    Absence,
    Appointment,
    AppointmentSeries,
    Schedule,
)
from carbet.coordination.scheduling.rules.recurrence import Recurrence
from carbet.coordination.scheduling.rules.spans import Span
from carbet.core import row_security
from carbet.core.actor import Actor, internal
from carbet.registries.directory.access import actor_of_role
from carbet.registries.directory.models import PractitionerRole
from carbet.registries.patients.access import find_entered
from carbet.registries.patients.models import Patient, PatientIdentifier
from carbet.steering.demonstration.following import KEY_SYSTEM
from carbet.steering.demonstration.story import story_roles

_GESTURES = uuid.UUID("3b0a7c1e-90c4-4e0b-9a55-52a8b6b0f6d2")
_HOME, _OFFICE, _VIDEO, _MEETING = (
    VisitKind.HOME,
    VisitKind.OFFICE,
    VisitKind.VIDEO,
    VisitKind.MEETING,
)


@dataclass(frozen=True)
class Planned:
    """One visit of the story: who sees whom, in how many days, when, for how long."""

    key: str
    person: str
    by: str
    who: tuple[str, ...]
    days: int
    at: str
    minutes: int
    what: str
    kind: str = _HOME
    repeats: Recurrence | None = None


PLANNED = (
    Planned("pesee", "georgette", "nurse", ("nurse",), 0, "07:00", 20, "Pesée et tension",
            repeats=Recurrence("WEEKLY", days=("MO", "TH"))),
    Planned("pansement", "wilner", "nurse", ("nurse",), 0, "07:30", 30, "Pansement du pied",
            repeats=Recurrence("DAILY", interval=2)),
    Planned("glycemie-0", "eugene", "nurse", ("nurse",), 0, "08:10", 20, "Glycémie"),
    Planned("glycemie-1", "eugene", "nurse", ("nurse",), 1, "08:10", 20, "Glycémie"),
    Planned("suivi-1", "ana", "nurse", ("nurse",), 1, "08:40", 20, "Tension"),
    # From Matoury to Roura, then to Macouria: the page says how long the way is.
    Planned("roura-1", "chue", "nurse", ("nurse",), 1, "09:30", 30, "Injection"),
    Planned("macouria-1", "kenneth", "nurse", ("nurse",), 1, "10:20", 30, "Retour à domicile"),
    Planned("toilette", "georgette", "home_help", ("home_help",), 1, "08:00", 90,
            "Aide à la toilette", repeats=Recurrence("WEEKLY", days=("TU", "FR"))),
    Planned("marche", "aparecida", "physiotherapist", ("physiotherapist",), 2, "14:00", 45,
            "Rééducation de la marche", repeats=Recurrence("WEEKLY", count=10)),
    Planned("point", "georgette", "gp", ("gp", "nurse"), 4, "13:00", 30, "Point sur le plan",
            kind=_MEETING),
    Planned("avis", "solene", "gp", ("physiotherapist",), 5, "10:00", 30, "Bilan", kind=_OFFICE),
)  # fmt: skip


def load(*, now: datetime) -> int:
    """Write what is not there yet of the story's agenda. Return how many gestures were made."""
    roles = story_roles()
    with row_security.acting_as(internal("Démonstration"), now=now):
        known = {
            gesture
            for model in (Appointment, AppointmentSeries, Absence)
            for gesture in model._default_manager.values_list("gesture", flat=True)
        }
        has_slots = Schedule.objects.filter(practitioner_role=roles["gp"], declared_by="").exists()
        numbers = dict(
            PatientIdentifier.objects.filter(system=KEY_SYSTEM).values_list("value", "patient_id")
        )
    story = _Story(roles, numbers, now=now)
    acts: list[tuple[str, Callable[[], object]]] = [
        (each.key, lambda each=each: story.plan(each)) for each in PLANNED if each.person in numbers
    ]
    if "solene" in numbers:
        acts.append(("attente-mpr", lambda: story.wait("solene", "gp", "specialist")))
    if "chue" in numbers:
        acts.append(("attente-kine", lambda: story.wait("chue", "nurse", "physiotherapist")))
    acts.append(("conge", story.leave))
    missing = [(key, act) for key, act in acts if gesture(key) not in known]
    for _, act in missing:
        with transaction.atomic():
            act()
    if not has_slots:
        with transaction.atomic():
            story.open_slots()
    return len(missing) + (not has_slots)


def gesture(key: str) -> uuid.UUID:
    """Return the key of the gesture that writes one part of the story."""
    return uuid.uuid5(_GESTURES, key)


class _Story:
    def __init__(
        self, roles: dict[str, PractitionerRole], numbers: dict[str, int], *, now: datetime
    ) -> None:
        self.roles, self.numbers, self.now = roles, numbers, now
        self.today = timezone.localdate(now)

    def actor(self, key: str) -> Actor:
        return actor_of_role(self.roles[key].pk, now=self.now)

    def person(self, key: str, actor: Actor) -> Patient:
        with row_security.acting_as(actor, now=self.now):
            number = self.numbers[key]
            return find_entered(actor=actor, patient_ids=[number], now=self.now)[number]

    def at(self, days: int, hour: str) -> datetime:
        on = self.today + timedelta(days=days)
        return timezone.make_aware(
            datetime.combine(on, time.fromisoformat(hour)), timezone.get_default_timezone()
        )

    def plan(self, each: Planned) -> None:
        actor = self.actor(each.by)
        start = self.at(each.days, each.at)
        said = {
            "actor": actor,
            "now": self.now,
            "patient": self.person(each.person, actor),
            "roles": [self.roles[key] for key in each.who],
            "start": start,
            "end": start + timedelta(minutes=each.minutes),
            "kind": each.kind,
            "description": each.what,
            "gesture": gesture(each.key),
        }
        if each.repeats is not None:
            operations.repeat(**said, rule=each.repeats)
        else:
            operations.schedule(**said)

    def wait(self, person: str, by: str, whom: str) -> None:
        actor = self.actor(by)
        operations.join_waiting_list(
            actor=actor,
            now=self.now,
            patient=self.person(person, actor),
            roles=[self.roles[whom]],
            gesture=gesture("attente-mpr" if whom == "specialist" else "attente-kine"),
            description="Première consultation",
            requested_start=self.at(7, "00:00"),
            requested_end=self.at(60, "00:00"),
        )

    def leave(self) -> None:
        operations.declare_absence(
            actor=self.actor("physiotherapist"),
            now=self.now,
            role=self.roles["physiotherapist"],
            start=self.at(21, "00:00"),
            end=self.at(28, "00:00"),
            gesture=gesture("conge"),
        )

    def open_slots(self) -> None:
        monday = 7 - self.today.weekday()
        days: list[date] = [self.today + timedelta(days=monday + each) for each in (0, 2, 7, 9)]
        zone = timezone.get_default_timezone()
        operations.open_slots(
            actor=self.actor("gp"),
            now=self.now,
            role=self.roles["gp"],
            windows=[
                Span(
                    datetime.combine(on, time(14), tzinfo=zone),
                    datetime.combine(on, time(17), tzinfo=zone),
                )
                for on in days
            ],
            minutes=20,
        )
