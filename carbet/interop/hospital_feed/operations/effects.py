"""What a message is carried out with, and what came of it."""

from dataclasses import dataclass
from datetime import datetime

from carbet.core.actor import Actor
from carbet.interop.hospital_feed.choices import MessageStatus
from carbet.interop.hospital_feed.models import FeedRoute, HospitalMessage
from carbet.interop.hospital_feed.rules.reading import Message


@dataclass(frozen=True)
class Task:
    """One message to carry out: read, with its sender and the moment."""

    message: Message
    row: HospitalMessage
    route: FeedRoute
    actor: Actor
    now: datetime


@dataclass(frozen=True)
class Effect:
    """What came of a message, in a few words that name nobody."""

    text: str
    patient_id: int | None = None
    status: MessageStatus = MessageStatus.DONE
