"""The threads already under way when the demonstration starts: about two persons, and among teams.

Everything goes through the room's own operations, at the moments the story says.
"""

import io
import uuid
from dataclasses import dataclass
from datetime import datetime, timedelta

from django.db import transaction

from carbet.coordination.documents.rules.receiving import Received, receive
from carbet.coordination.messaging import operations
from carbet.coordination.messaging.models import Thread
from carbet.core import row_security
from carbet.core.actor import Actor, internal
from carbet.registries.directory.access import actor_of_role
from carbet.registries.directory.models import PractitionerRole
from carbet.registries.patients.access import find_entered
from carbet.registries.patients.models import Patient, PatientIdentifier
from carbet.steering.demonstration.following import KEY_SYSTEM
from carbet.steering.demonstration.story import story_roles

_GESTURES = uuid.UUID("0d6f0d1e-4a57-4c0a-8b7e-2f7c2f4f0b11")


@dataclass(frozen=True)
class Said:
    """One message of the story: who, how long ago, what; who had read all before writing."""

    by: str
    hours_ago: float
    text: str
    urgent: bool = False
    # A text file that comes with it: its name and what it says.
    file: tuple[str, str] | None = None


@dataclass(frozen=True)
class Story:
    """One thread: about whom (a followed person, or nobody), with whom, what was said."""

    key: str
    to: tuple[str, ...]
    said: tuple[Said, ...]
    person: str = ""
    subject: str = ""
    decision: str = ""


STORIES = (
    Story(
        "passages",
        ("nurse", "coordinator", "home_help"),
        (
            Said("gp", 51, "Le poids est stable depuis trois semaines. Peut-on espacer ?"),
            Said("nurse", 50, "Oui pour moi : pesée les lundis et jeudis, j’appelle si +2 kg."),
            Said(
                "home_help",
                27,
                "Elle s’essouffle un peu plus le matin à la toilette, je préfère le dire.",
            ),
            Said("coordinator", 26, "Merci Rosa. @Solange Adélaïde, tu peux regarder jeudi ?"),
            Said("nurse", 3, "Vue ce matin : pas d’œdème, 61,4 kg. Rien d’inquiétant."),
            Said("nurse", 2.9, "Je propose de garder trois pesées encore deux semaines 👍"),
        ),
        person="georgette",
        subject="Espacer les pesées",
    ),
    Story(
        "plaie",
        ("gp",),
        (
            Said("nurse", 6, "La plaie du pied est rouge et chaude depuis hier, 38,1 °C."),
            Said(
                "nurse", 5.9, "Je la revois à 17 h. Faut-il l’adresser aujourd’hui ?", urgent=True
            ),
        ),
        person="wilner",
        subject="Plaie du pied",
    ),
    Story(
        "salle-de-bain",
        ("gp", "home_help"),
        (
            Said("coordinator", 200, "L’ergothérapeute peut venir mardi. Quelqu’un sur place ?"),
            Said("home_help", 190, "Je suis chez elle de 9 h à 11 h."),
        ),
        person="georgette",
        subject="Visite de l’ergothérapeute",
        decision="Visite de l’ergothérapeute mardi à 9 h 30, Rosa Pinas l’accueille.",
    ),
    Story(
        "garde",
        ("gp", "nurse"),
        (
            Said(
                "pharmacist",
                30,
                "De garde ce week-end : ordonnances à envoyer avant 18 h.",
                file=(
                    "horaires de garde.txt",
                    "Samedi 8 h – 20 h, dimanche 9 h – 13 h et 16 h – 19 h.\n",
                ),
            ),
            Said("gp", 28, "Bien noté, merci."),
        ),
        subject="Garde du week-end",
    ),
)


def load(*, now: datetime) -> int:
    """Write the threads that are not there yet. Return how many were written."""
    roles = story_roles()
    with row_security.acting_as(internal("Démonstration"), now=now):
        known = set(Thread.objects.values_list("gesture", flat=True))
        numbers = dict(
            PatientIdentifier.objects.filter(system=KEY_SYSTEM).values_list("value", "patient_id")
        )
    missing = [
        story
        for story in STORIES
        if _gesture(story.key) not in known
        and (not story.person or story.person in numbers)
        and {*story.to, *(one.by for one in story.said)} <= set(roles)
    ]
    for story in missing:
        with transaction.atomic():
            _write(story, roles, numbers.get(story.person), now=now)
    return len(missing)


def _gesture(*parts: object) -> uuid.UUID:
    return uuid.uuid5(_GESTURES, "/".join(map(str, parts)))


def _write(
    story: Story, roles: dict[str, PractitionerRole], person: int | None, *, now: datetime
) -> None:
    first, *rest = story.said
    at, actor = _moment(first, now), actor_of_role(roles[first.by].pk, now=now)
    thread = operations.open_thread(
        actor=actor,
        now=at,
        patient=_entered(actor, person, now=at) if person else None,
        recipients=[roles[key].key for key in story.to],
        subject=story.subject,
        text=first.text,
        urgent=first.urgent,
        gesture=_gesture(story.key),
        files=_files(first),
    )
    for rank, one in enumerate(rest, start=1):
        at, actor = _moment(one, now), actor_of_role(roles[one.by].pk, now=now)
        operations.mark_read(actor=actor, now=at, thread=thread, upto=rank)
        operations.send_message(
            actor=actor,
            now=at,
            thread=thread,
            text=one.text,
            urgent=one.urgent,
            files=_files(one),
            seen=rank,
            gesture=_gesture(story.key, rank),
        )
    if story.decision:
        at += timedelta(hours=2)
        actor = actor_of_role(roles[first.by].pk, now=now)
        operations.close_thread(actor=actor, now=at, thread=thread, decision=story.decision)
        for key in story.to:
            reader = actor_of_role(roles[key].pk, now=now)
            operations.mark_read(actor=reader, now=at, thread=thread, upto=len(story.said) + 1)


def _files(one: Said) -> list[Received]:
    if one.file is None:
        return []
    name, text = one.file
    content = text.encode()
    return [receive(name, io.BytesIO(content), len(content))]


def _moment(one: Said, now: datetime) -> datetime:
    return now - timedelta(hours=one.hours_ago)


def _entered(actor: Actor, person: int, *, now: datetime) -> Patient:
    with row_security.acting_as(actor, now=now):
        return find_entered(actor=actor, patient_ids=[person], now=now)[person]
