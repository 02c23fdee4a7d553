"""What is true of subscriptions: what they ask for, where they may lead, whom an event concerns."""

import re
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any
from urllib.parse import parse_qsl, urlsplit

from carbet.coordination.subscriptions.choices import ChannelType, EventType
from carbet.core.fhir import Issue

NDE = "https://interop.esante.gouv.fr/ig/fhir/nde/StructureDefinition/"
EVENT_TYPES = "https://mos.esante.gouv.fr/NOS/TRE_R254-TypeEvenement/FHIR/TRE-R254-TypeEvenement"
_MAIL = re.compile(r"[A-Za-z0-9.!#$%&'*+/=?^_`{|}~-]{1,64}@[A-Za-z0-9-]+(\.[A-Za-z0-9-]+)+")
_PHONE = re.compile(r"(\+[1-9]\d{7,14}|0[1-9]\d{8})")


@dataclass(frozen=True)
class Party:
    """Who declares or is told: a kind, a name, an identifier, any of the last two empty."""

    kind: str
    name: str = ""
    system: str = ""
    value: str = ""


@dataclass(frozen=True)
class Person:
    """How a resource names the person: her identifiers, her traits, our number of her."""

    at: str
    number: int | None = None
    identifiers: tuple[tuple[str, str], ...] = ()
    names: tuple[tuple[str, str], ...] = ()
    birth_date: str = ""
    gender: str = ""

    @property
    def has_traits(self) -> bool:
        return bool(self.names and self.birth_date and self.gender)


@dataclass(frozen=True)
class SubscriptionRead:
    """What a Subscription says: columns of ours, the person, the parties and their places."""

    fields: dict[str, Any]
    person: Person
    declarant: Party
    subscriber: Party
    subscriber_at: str
    identifiers: frozenset[tuple[str, str]]
    stops: bool
    issues: list[Issue] = field(default_factory=list)


@dataclass(frozen=True)
class EventRead:
    """What a CommunicationRequest says: an event, the person, whoever declares it."""

    event_type: str
    event_at: datetime | None
    authored_on: datetime | None
    person: Person
    requester: Party
    is_notification: bool
    issues: list[Issue] = field(default_factory=list)


def criteria(text: str) -> tuple[set[str], set[tuple[str, str]]]:
    """Return the event types and the identifiers of the person that a criteria asks for.

    `CommunicationRequest?event-type=SOR[&subject.identifier=système|valeur]` (NdE 3.0.0, flow 1).

    Raises:
        ValueError: it asks for anything else; a French sentence.
    """
    kind, mark, query = text.partition("?")
    if kind != "CommunicationRequest" or not mark:
        raise ValueError("« CommunicationRequest?event-type=… » attendu.")
    types: set[str] = set()
    identifiers: set[tuple[str, str]] = set()
    for name, value in parse_qsl(query, keep_blank_values=True, max_num_fields=20):
        if name == "event-type":
            for each in value.split(","):
                system, _, code = each.rpartition("|")
                if system not in ("", EVENT_TYPES) or code not in EventType.values:
                    raise ValueError(f"Type d’événement inconnu de TRE_R254 : {code[:20]}.")
                types.add(code)
        elif name in ("subject.identifier", "subject:Patient.identifier"):
            system, bar, number = value.rpartition("|")
            if not (system and bar and number):
                raise ValueError("subject.identifier : « système|valeur » attendu.")
            identifiers.add((system, number))
        else:
            raise ValueError(f"Critère non servi : {name[:40]}.")
    if not types:
        raise ValueError("Dites event-type.")
    return types, identifiers


def endpoint(channel: str, text: str, *, hosts: frozenset[str]) -> str:
    """Return where a subscriber is told, without the scheme of an e-mail or a telephone.

    Published examples double the scheme (`mailto:mailto:`): it is read. A software is called only
    at a host that the operator allowed, over TLS: an address given by others leads nowhere inside.

    Args:
        hosts: the hosts allowed; "*" allows all.

    Raises:
        ValueError: no such address, or not allowed; a French sentence.
    """
    if channel == ChannelType.REST_HOOK:
        parts = urlsplit(text)
        if parts.scheme != "https" or not parts.hostname or parts.username or parts.fragment:
            raise ValueError("Une adresse https:// est attendue.")
        if "*" not in hosts and parts.netloc.lower() not in hosts:
            raise ValueError("Cette adresse n’est pas autorisée ici : demandez à l’exploitant.")
        return text
    schemes = ("mailto:",) if channel == ChannelType.EMAIL else ("tel:", "sms:")
    found = text
    for _ in range(2):
        for scheme in schemes:
            found = found.removeprefix(scheme)
    pattern = _MAIL if channel == ChannelType.EMAIL else _PHONE
    if channel == ChannelType.SMS:
        found = re.sub(r"[\s.()-]", "", found)
    if not pattern.fullmatch(found):
        wanted = "mailto:adresse" if channel == ChannelType.EMAIL else "tel:+594…"
        raise ValueError(f"« {wanted} » attendu.")
    return found


def url_of(channel: str, text: str) -> str:
    """Return an endpoint as FHIR says it, with its scheme."""
    return {ChannelType.EMAIL: f"mailto:{text}", ChannelType.SMS: f"tel:{text}"}.get(channel, text)


def masked(channel: str, text: str) -> str:
    """Return an endpoint as a page may show it: the host, the domain, the last two digits."""
    if channel == ChannelType.REST_HOOK:
        return urlsplit(text).hostname or ""
    if channel == ChannelType.EMAIL:
        return f"…@{text.partition('@')[2]}"
    return f"…{text[-2:]}"


def concerns(declarant: Party, requester: Party) -> bool:
    """Tell whether an event comes from whom a subscription names.

    Published subscriptions name a declarant without any identifier: that is nobody in particular.
    """
    if not declarant.value or not requester.value:
        return True
    if declarant.kind != requester.kind:
        return True
    return (declarant.system, declarant.value) == (requester.system, requester.value)


def is_over(end_at: datetime | None, *, now: datetime) -> bool:
    """Tell whether the end that a subscription gave itself has come."""
    return end_at is not None and end_at <= now


def name_of(given: str, family: str) -> str:
    """Return a name as we keep it: 200 signs at most."""
    return " ".join(f"{given} {family}".split())[:200]
