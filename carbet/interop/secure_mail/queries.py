"""What can be asked of secure mail: mailboxes, what came, what left, who can be written to."""

import contextlib
from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django.db.models import Count, Exists, Min, OuterRef, Q, QuerySet

from carbet.coordination.care_teams import queries as circles
from carbet.core import home, row_security, sealing
from carbet.core.actor import Actor
from carbet.core.models import OutboxMessage
from carbet.interop import cda
from carbet.interop.secure_mail import access
from carbet.interop.secure_mail.choices import UNDECIDED, MailStatus
from carbet.interop.secure_mail.models import (
    RAW_KIND,
    IncomingMail,
    Mailbox,
    OutgoingMail,
    RawMail,
)
from carbet.interop.secure_mail.rules import contents, reading
from carbet.interop.secure_mail.rules.contents import Refused
from carbet.registries.directory.choices import Category
from carbet.registries.directory.fhir.reading.red_list import address_fingerprint
from carbet.registries.directory.models import (
    HealthcareService,
    Organization,
    PractitionerRole,
    SecureMailbox,
)
from carbet.registries.matching.rules import Traits
from carbet.registries.patients import access as patients_access
from carbet.registries.patients import queries as patients
from carbet.registries.patients.models import Patient

PAGE = 25


@dataclass(frozen=True)
class MailPage:
    """One page of mails; `next_before` begins the next one, None at the end."""

    mails: list[IncomingMail]
    next_before: int | None


@dataclass(frozen=True)
class SentPage:
    """One page of mails sent, each with its outbox row; `next_before` as above."""

    mails: list[tuple[OutgoingMail, OutboxMessage | None]]
    next_before: int | None


def mailboxes(*, actor: Actor) -> list[Mailbox]:
    """Return the active mailboxes of the actor, with how each answered."""
    return list(
        Mailbox.objects.filter(owner__in=access.owners(actor), active=True)
        .select_related("state", "organization", "practitioner_role__practitioner")
        .order_by("address")[:50]
    )


def mails(*, actor: Actor, status: str, text: str = "", before: int | None = None) -> MailPage:
    """Return the mails in one status that came to the actor's mailboxes, the latest first."""
    rows = IncomingMail.objects.filter(owner__in=access.owners(actor), status=status)
    for word in text.split()[:5]:
        rows = rows.filter(Q(subject__icontains=word) | Q(sender__icontains=word))
    if before is not None:
        rows = rows.filter(pk__lt=before)
    found = list(rows.order_by("-pk")[: PAGE + 1])
    return MailPage(found[:PAGE], found[PAGE - 1].pk if len(found) > PAGE else None)


def to_file(*, actor: Actor) -> QuerySet[IncomingMail, dict[str, Any]] | None:
    """Return the few latest mails that wait for the actor to file them, None for whoever cannot."""
    held = access.owners(actor)
    if not held:
        return None
    rows = IncomingMail.objects.filter(owner__in=held, status=MailStatus.TO_FILE)
    return rows.order_by("-pk").values("pk", "subject", "reason", "received_at")[: home.MOST + 1]


def counts(*, actor: Actor) -> dict[str, int]:
    """Return how many mails of the actor wait for a decision, by status."""
    rows = IncomingMail.objects.filter(
        owner__in=access.owners(actor), status__in=[each.value for each in UNDECIDED]
    )
    found = dict(rows.values_list("status").annotate(Count("pk")).order_by())
    return {each.value: found.get(each.value, 0) for each in UNDECIDED}


def sent(*, actor: Actor, now: datetime, text: str = "", before: int | None = None) -> SentPage:
    """Return what the actor's mailboxes sent, the latest first, with the rows of the outbox."""
    rows = OutgoingMail.objects.filter(owner__in=access.owners(actor))
    for word in text.split()[:5]:
        rows = rows.filter(Q(title__icontains=word) | Q(recipients__icontains=word))
    if before is not None:
        rows = rows.filter(pk__lt=before)
    found = list(rows.select_related("mailbox").order_by("-pk")[: PAGE + 1])
    page = found[:PAGE]
    return SentPage(with_messages(page, now=now), page[-1].pk if len(found) > PAGE else None)


def with_messages(
    rows: Sequence[OutgoingMail], *, now: datetime
) -> list[tuple[OutgoingMail, OutboxMessage | None]]:
    """Return mails that the actor may see, each with the row of the outbox that carries it."""
    keys = {row.outbox_key: row for row in rows}
    held: dict[str, OutboxMessage] = {}
    if keys:
        with row_security.acting_as(access.HOUSE, now=now):
            held = {
                message.idempotency_key: message
                for message in OutboxMessage.objects.filter(idempotency_key__in=list(keys))
            }
    return [(row, held.get(key)) for key, row in keys.items()]


def sent_of_document(*, actor: Actor, document_id: int) -> list[OutgoingMail]:
    """Return the latest mails by which the actor's mailboxes sent a document."""
    rows = OutgoingMail.objects.filter(owner__in=access.owners(actor), document_id=document_id)
    return list(rows.order_by("-pk")[:10])


def circle_addresses(*, patient_id: int, now: datetime) -> list[tuple[str, str]]:
    """Return the secure mailboxes of the circle: (address, who)."""
    found: dict[str, str] = {}
    for each in circles.participants(patient_id=patient_id)[:100]:
        role = each.practitioner_role
        if role is None or (each.ended_at is not None and each.ended_at <= now):
            continue
        if role.secure_email:
            found.setdefault(role.secure_email.lower(), f"{role.practitioner}, {role.label}")
    return list(found.items())


def unknown_addresses(*, addresses: Iterable[str], now: datetime) -> list[str]:
    """Return those that are no secure mailbox of the directory; the red list is not there."""
    wanted = list(addresses)
    if not wanted:
        return []
    prints = {address_fingerprint(each): each for each in wanted}
    known: dict[str, list[bool]] = defaultdict(list)
    rows = SecureMailbox.objects.filter(fingerprint__in=list(prints))
    for fingerprint, hidden in rows.values_list("fingerprint", "red_list"):
        known[prints[fingerprint]].append(hidden)
    hidden_ones = {each for each, hidden in known.items() if any(hidden)}
    open_ones = {each for each, hidden in known.items() if not any(hidden)}
    left = [each for each in wanted if each not in known]
    if left:
        practising = Q(ended_at__isnull=True) | Q(ended_at__gt=now)
        roles = PractitionerRole.objects.filter(practising, secure_email__in=left)
        places = Organization.objects.filter(active=True, secure_email__in=left)
        services = HealthcareService.objects.filter(active=True, secure_email__in=left)
        for found in (roles, places, services):
            open_ones |= set(found.values_list("secure_email", flat=True))
    return [each for each in wanted if each in hidden_ones or each not in open_ones]


def is_waiting(*, now: datetime) -> bool:
    """Tell whether a mail waits to be carried out now; for the worker."""
    with row_security.acting_as(access.HOUSE, now=now):
        return IncomingMail.objects.filter(status=MailStatus.WAITING, due_at__lte=now).exists()


def looked_into(*, now: datetime) -> list[Mailbox]:
    """Return the mailboxes that the worker looks into."""
    with row_security.acting_as(access.HOUSE, now=now):
        return list(Mailbox.objects.filter(active=True).exclude(server="")[:2000])


@dataclass(frozen=True)
class Opened:
    """A mail opened for whoever decides: its text, its files, the person that it names."""

    text: str
    files: list[tuple[int, str, int]]
    person: cda.Patient | None
    traits: str


def opened(*, mail: IncomingMail, now: datetime) -> Opened:
    """Return what a mail says, once its row was found under the actor's own door."""
    read = _read(mail, now=now)
    person = None
    traits: list[str] = []
    if read.archives:
        with contextlib.suppress(Refused):
            for each in contents.carried(read):
                if each.is_clinical:
                    person = person or each.described.person
                    traits.append(contents.traits_text(each.described.person))
    else:
        found = [each.described.person for each in contents.loose(read) if each.is_clinical]
        person = next(iter(found), None)
        traits = [contents.traits_text(each) for each in found]
    files = [(rank, each.name, len(each.data)) for rank, each in enumerate(read.attachments, 1)]
    return Opened(read.text[:4000], files, person, " ; ".join(dict.fromkeys(traits)))


def attachment(*, mail: IncomingMail, rank: int, now: datetime) -> reading.Attachment | None:
    """Return one file of a mail, by its rank from 1; None when there is none."""
    held = _read(mail, now=now).attachments
    return held[rank - 1] if 0 < rank <= len(held) else None


def proposals(
    *, actor: Actor, person: cda.Patient | None, now: datetime
) -> list[patients.KnownPerson]:
    """Return the persons whom the actor follows and whom a mail may be about, each explained."""
    if person is None or person.birth_date is None:
        return []
    family = person.birth_family or person.used_family
    given = (person.first_given or person.birth_given or "").split(" ")[0]
    if not family or not given:
        return []
    traits = Traits(
        birth_family=family,
        birth_given=tuple((person.birth_given or given).split()),
        birth_date=person.birth_date,
        birth_date_precision=person.birth_date_precision,
        gender=person.gender,
        birth_place_code=person.birth_place_code,
        used_family=person.used_family,
        used_given=person.used_given,
    )
    found = patients.find_by_traits(
        actor=actor,
        family=family,
        given=given,
        birth_date=person.birth_date,
        now=now,
        precision=person.birth_date_precision,
        further=traits,
    )
    return [each for each in found if each.open_to_actor]


def searched(*, actor: Actor, text: str, now: datetime) -> list[Patient]:
    """Return the few persons of the actor whose names match what is typed."""
    return patients.search_patients(actor=actor, text=text, now=now)[:8]


def record_open(*, actor: Actor, mail: IncomingMail, now: datetime) -> bool:
    """Tell whether the actor may follow a filed mail to its record."""
    if mail.patient_id is None:
        return False
    return patients_access.patients_open_to(actor, now=now).filter(pk=mail.patient_id).exists()


def raw_of(mail: IncomingMail) -> bytes:
    """Return the bytes of a mail as it came; inside the house's own transaction."""
    held = RawMail.objects.get(mail_id=mail.pk)
    return sealing.opened(
        bytes(held.data), key=held.sealed_with, file_id=mail.pk, rank=0, kind=RAW_KIND
    )


def _read(mail: IncomingMail, *, now: datetime) -> reading.Mail:
    with row_security.acting_as(access.HOUSE, now=now):
        data = raw_of(mail)
    return reading.read(data)


@dataclass(frozen=True)
class Equipment:
    """How many professionals practise, and how many of them have a secure mailbox."""

    key: str
    label: str
    total: int
    equipped: int

    @property
    def percent(self) -> float:
        """The equipped ones among all, in percent."""
        return 100 * self.equipped / self.total if self.total else 0.0


def equipment(
    *, now: datetime, profession: str = "", commune: str = ""
) -> tuple[Equipment, list[Equipment], list[Equipment]]:
    """Return the rate of professionals with a secure mailbox: all, by profession, by commune.

    A professional counts once in each line, equipped when they or one of the roles held has a
    mailbox, on the red list or not.
    """
    roles = PractitionerRole.objects.filter(
        Q(ended_at__isnull=True) | Q(ended_at__gt=now),
        practitioner__active=True,
        organization__active=True,
        category__in=(Category.MEDICAL, Category.PARAMEDICAL),
    )
    if profession:
        roles = roles.filter(profession=profession)
    if commune:
        roles = roles.filter(organization__commune=commune)
    boxes = SecureMailbox.objects.filter(
        Q(role=OuterRef("pk")) | Q(practitioner=OuterRef("practitioner_id"))
    )
    roles = roles.annotate(has_box=Q(~Q(secure_email="") | Exists(boxes)))
    counted = {
        "total": Count("practitioner", distinct=True),
        "equipped": Count("practitioner", distinct=True, filter=Q(has_box=True)),
    }
    whole = roles.aggregate(**counted)
    by_profession = roles.values_list("profession", Min("profession_label")).annotate(**counted)
    by_commune = roles.values_list("organization__commune", "organization__commune__name").annotate(
        **counted
    )
    return (
        Equipment("", "Ensemble", whole["total"], whole["equipped"]),
        [Equipment(*row) for row in by_profession.order_by("-total", "profession")[:100]],
        [
            Equipment(key or "", name or "Commune inconnue", *rest)
            for key, name, *rest in by_commune.order_by("-total", "organization__commune")[:100]
        ],
    )
