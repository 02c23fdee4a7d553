"""What can be done with subscriptions: ask, change, stop; declare an event; tell whoever waits."""

import hashlib
from datetime import datetime, timedelta
from typing import Any

from django.db import IntegrityError, transaction
from django.db.models import Q
from django.utils import timezone

from carbet.coordination.alerts import operations as alerts
from carbet.coordination.alerts.choices import AlertKind
from carbet.coordination.care_teams import queries as care_teams
from carbet.coordination.subscriptions import queries, rules
from carbet.coordination.subscriptions.choices import (
    STAYS,
    EventType,
    PartyKind,
    SubscriptionStatus,
)
from carbet.coordination.subscriptions.models import CommunicationRequest, Subscription
from carbet.coordination.subscriptions.rules import Party
from carbet.coordination.tasks import operations as tasks
from carbet.core import live, names, outbox
from carbet.core.actor import Actor, Level, for_house, organization_key, role_key
from carbet.core.audit import Trace
from carbet.core.fhir import Issue, Refused, refuse
from carbet.core.operation import operation
from carbet.registries.directory import fhir as directory
from carbet.registries.directory.models import Organization, Practitioner, PractitionerRole
from carbet.registries.patients import queries as patients
from carbet.registries.patients.models import Patient

VISIT_AFTER = timedelta(hours=48)
VISIT = "Proposer une visite dans les 48 h après la sortie d’établissement"
ENDED = "fin demandée par l’abonné"
TAKEN_BACK = "annulé par l’établissement"
LEFT = "la structure n’a plus accès à ce dossier"


@operation("subscription.create", action="C")
def subscribe(
    trace: Trace, *, actor: Actor, now: datetime, said: rules.SubscriptionRead
) -> tuple[Subscription, bool, list[Issue]]:
    """Subscribe a party to the events of a person whom the system may enter.

    Return the subscription, whether it is new, and what is worth saying of it. The same one asked
    twice is one: a lost answer must not tell everything twice.

    Raises:
        Refused: 422, with the exact place: wrong, an unknown person, a subscriber outside of her
            circle.
    """
    patient, issues = _admit(said, actor=actor, now=now)
    row = Subscription(
        patient_id=patient.pk,
        organization_id=actor.organization_id,
        client_id=actor.client_id,
        created_at=now,
        updated_at=now,
        **_columns(said, patient=patient, actor=actor, now=now),
    )
    issues += _settle(row, said, now=now)
    try:
        with transaction.atomic():
            row.save(force_insert=True)
    except IntegrityError:
        known = Subscription.objects.get(digest=row.digest, status=SubscriptionStatus.ACTIVE)
        trace.about(patient_id=patient.pk, entity=known, reason="déjà enregistré")
        return known, False, issues
    live.announce(_readers(patient.pk), "subscription", now=now)
    trace.about(patient_id=patient.pk, entity=row, reason=row.event_type)
    return row, True, issues


@operation("subscription.change")
def change(
    trace: Trace,
    *,
    actor: Actor,
    now: datetime,
    subscription_id: int | None,
    said: rules.SubscriptionRead,
    version: int | None = None,
) -> tuple[Subscription, list[Issue]]:
    """Bring one's own subscription to what is sent. Return it and what is worth saying of it.

    Raises:
        Refused: 404 not one's own, 409 the same exists, 412 changed since `version`, 422 wrong.
    """
    row = _own(subscription_id, actor)
    if version is not None and version != row.version:
        raise refuse(412, "conflict", "Modifié entre-temps : relisez la ressource.", "Subscription")
    patient, issues = _admit(said, actor=actor, now=now)
    if patient.pk != row.patient_id:
        raise refuse(
            422, "business-rule", "Un abonnement ne change pas de personne.", said.person.at
        )
    for name, value in _columns(said, patient=patient, actor=actor, now=now).items():
        setattr(row, name, value)
    issues += _settle(row, said, now=now)
    row.updated_at, row.version = now, row.version + 1
    try:
        with transaction.atomic():
            row.save()
    except IntegrityError as error:
        raise refuse(409, "duplicate", "Le même abonnement existe déjà.", "Subscription") from error
    live.announce(_readers(patient.pk), "subscription", now=now)
    trace.about(patient_id=patient.pk, entity=row, reason=row.event_type)
    return row, issues


@operation("subscription.cancel")
def cancel(
    trace: Trace, *, actor: Actor, now: datetime, subscription_id: int | None
) -> Subscription:
    """Stop one's own subscription; stopping it twice is stopping it once.

    Raises:
        Refused: 404, not one's own.
    """
    row = _own(subscription_id, actor)
    _stop(row, ENDED, now=now)
    trace.about(patient_id=row.patient_id, entity=row, reason=ENDED)
    return row


@operation("subscription.stop")
def stop(trace: Trace, *, actor: Actor, now: datetime, subscription: Subscription) -> Subscription:
    """Stop a subscription about a person whose record one manages; its structure is told."""
    row = Subscription.objects.select_for_update().get(pk=subscription.pk)
    if row.status == SubscriptionStatus.ACTIVE:
        _stop(row, f"arrêté par {actor.display_name}"[:200], now=now)
        _tell_stopped(row, actor=actor, now=now)
    trace.about(patient_id=row.patient_id, entity=row)
    return row


@operation("subscription.review", action="E")
def review(trace: Trace, *, actor: Actor, now: datetime, after: int = 0) -> int | None:
    """Stop what is over or whose structure lost the record, by batches of 200.

    Return after which number the next batch begins, None at the end. The house itself does it.
    """
    rows = queries.waiting_after(pk=after)
    for row in rows:
        check(row, actor=actor, now=now)
    trace.about(entity=f"Subscription x{len(rows)}")
    return rows[-1].pk if len(rows) == queries.MOST_AT_ONCE else None


def check(row: Subscription, *, actor: Actor, now: datetime) -> bool:
    """Tell whether a subscription still holds; stop it, and tell its structure, when not."""
    if row.status != SubscriptionStatus.ACTIVE:
        return False
    if rules.is_over(row.end_at, now=now):
        _stop(row, ENDED, now=now)
        return False
    if not queries.may_still_read(row):
        _stop(row, LEFT, now=now)
        _tell_stopped(row, actor=actor, now=now)
        return False
    return True


@operation("event.declare", action="C")
def declare(
    trace: Trace, *, actor: Actor, now: datetime, said: rules.EventRead
) -> tuple[CommunicationRequest, bool, list[Issue]]:
    """Keep an event that a system declares, alert the circle of a stay, tell whoever subscribed.

    Return the event, whether it is new, and what is worth saying of it. The same one declared twice
    is one. A notification of another manager is not passed on: it would come back.

    Raises:
        Refused: 422, with the exact place.
    """
    issues = list(said.issues)
    if errors := [each for each in issues if each.severity == "error"]:
        raise Refused(422, *errors[:20])
    patient = _find_person(said.person, actor=actor, now=now)
    if said.event_at is None or said.event_at > now + timedelta(minutes=10):
        raise refuse(
            422,
            "business-rule",
            "Un événement à venir n’a pas encore eu lieu.",
            f"CommunicationRequest.extension.where(url='{rules.NDE}event-time')",
        )
    digest = hashlib.sha256(
        repr(
            (
                actor.client_id,
                patient.pk,
                said.event_type,
                said.event_at.isoformat(),
                said.requester,
                said.is_notification,
            )
        ).encode()
    ).hexdigest()
    row, created = _keep(
        patient_id=patient.pk,
        event_type=said.event_type,
        event_at=said.event_at,
        authored_on=said.authored_on or now,
        requester=said.requester,
        source=f"fhir:{digest}",
        organization_id=actor.organization_id,
        now=now,
    )
    if created:
        if row.event_type in STAYS:
            _tell_circle(row, patient, actor=actor, now=now)
        if not said.is_notification:
            _notify(row, now=now)
    trace.about(patient_id=patient.pk, entity=row, reason=row.event_type)
    return row, created, issues


@operation("event.record_stay", action="C")
def record_stay(
    trace: Trace,
    *,
    actor: Actor,
    now: datetime,
    patient: Patient,
    event_type: EventType,
    event_at: datetime,
    requester: Party,
    source: str,
    quietly: bool = False,
) -> CommunicationRequest:
    """Keep that a stay began or ended, alert the circle and tell whoever subscribed.

    The same source twice is one event; taken back and told again, it is told again.

    Args:
        source: what tells it there ("stay:12:ADM").
        quietly: told long after: nobody is alerted, nothing is asked.
    """
    row, created = _keep(
        patient_id=patient.pk,
        event_type=event_type,
        event_at=event_at,
        authored_on=now,
        requester=requester,
        source=source,
        organization_id=actor.organization_id,
        now=now,
    )
    again = row.revoked_at is not None
    if again:
        row.revoked_at, row.event_at, row.updated_at = None, event_at, now
        row.save(update_fields=["revoked_at", "event_at", "updated_at"])
    if (created or again) and not quietly:
        _tell_circle(row, patient, actor=actor, now=now)
    if created:
        _notify(row, now=now)
    trace.about(patient_id=patient.pk, entity=row, reason=row.event_type)
    return row


@operation("event.take_back")
def take_back(
    trace: Trace, *, actor: Actor, now: datetime, patient: Patient, source: str
) -> CommunicationRequest | None:
    """Take back that a stay began or ended: the visit is not asked any more, the circle is told."""
    row = CommunicationRequest.objects.select_for_update().filter(source=source).first()
    if row is None or row.revoked_at is not None:
        trace.about(patient_id=patient.pk, entity=source, reason="rien à reprendre")
        return row
    row.revoked_at = row.updated_at = now
    row.save(update_fields=["revoked_at", "updated_at"])
    tasks.follow(
        actor=for_house(actor),
        now=now,
        patient_id=patient.pk,
        items=[tasks.Item(source=f"event:{row.pk}", owner="", text=VISIT, reason=TAKEN_BACK)],
        target="subscriptions",
        tell=True,
    )
    _alert_circle(patient, actor=actor, now=now)
    trace.about(patient_id=patient.pk, entity=row, reason=TAKEN_BACK)
    return row


@operation("event.gather", action="E")
def gather(trace: Trace, *, actor: Actor, now: datetime) -> int:
    """Make events of the notes and documents that somebody subscribed to. Return how many.

    The house itself does it; the same note is one event, whoever gathers it.
    """
    count = 0
    for seen in queries.unseen(now=now):
        rpps = seen.author_rpps
        row, created = _keep(
            patient_id=seen.patient_id,
            event_type=seen.event_type,
            event_at=seen.at,
            authored_on=now,
            requester=Party(
                PartyKind.PRACTITIONER if rpps else PartyKind.ORGANIZATION,
                seen.author_name,
                directory.RPPS if rpps else "",
                rpps,
            ),
            source=seen.source,
            category=seen.category,
            organization_id=None,
            now=now,
        )
        if created:
            _notify(row, now=now)
            count += 1
            trace.about(patient_id=row.patient_id, entity=row, reason=row.event_type)
    if not count:
        trace.about(entity="CommunicationRequest x0")
    return count


def _keep(
    *, requester: Party, source: str, now: datetime, **columns: Any
) -> tuple[CommunicationRequest, bool]:
    row = CommunicationRequest(
        requester_kind=requester.kind,
        requester_name=requester.name,
        requester_system=requester.system,
        requester_value=requester.value,
        source=source,
        recorded_at=now,
        updated_at=now,
        **columns,
    )
    try:
        with transaction.atomic():
            row.save(force_insert=True)
    except IntegrityError:
        return CommunicationRequest.objects.get(source=source), False
    return row, True


def _notify(row: CommunicationRequest, *, now: datetime) -> None:
    """Have every subscriber whom an event concerns told, each once."""
    requester = Party(
        row.requester_kind, row.requester_name, row.requester_system, row.requester_value
    )
    for each in queries.active(now=now).filter(
        patient_id=row.patient_id, event_type=row.event_type
    )[: queries.MOST_AT_ONCE]:
        declarant = Party(
            each.declarant_kind,
            each.declarant_name,
            each.declarant_system,
            each.declarant_value,
        )
        # Whom the note itself is closed to is not told that it exists.
        if rules.concerns(declarant, requester) and queries.may_still_read(
            each, category=row.category
        ):
            outbox.send(
                "event.notify",
                {"subscription": each.pk, "event": row.pk},
                idempotency_key=f"event:{row.pk}:{each.pk}",
                now=now,
                patient_id=row.patient_id,
            )


def _tell_circle(
    row: CommunicationRequest, patient: Patient, *, actor: Actor, now: datetime
) -> None:
    """Alert those who write in the record of a stay; after one, ask somebody for a visit."""
    carers = _alert_circle(patient, actor=actor, now=now)
    if row.event_type == EventType.SOR and row.event_at > now - VISIT_AFTER:
        for key in care_teams.next_to_tell(patient_id=patient.pk, told=set(), now=now):
            if any(carer.key == key and carer.level >= Level.WRITE for carer in carers):
                # A hospital that only reads the record asks through the house.
                tasks.follow(
                    actor=for_house(actor),
                    now=now,
                    patient_id=patient.pk,
                    items=[
                        tasks.Item(
                            source=f"event:{row.pk}",
                            owner=key,
                            text=VISIT,
                            due_on=timezone.localdate(max(row.event_at + VISIT_AFTER, now)),
                            category=row.category,
                        )
                    ],
                    target="subscriptions",
                    tell=True,
                )


def _alert_circle(patient: Patient, *, actor: Actor, now: datetime) -> list[care_teams.Carer]:
    carers = care_teams.carers(patient_id=patient.pk)
    alerts.raise_alert(
        actor=actor,
        now=now,
        patient_id=patient.pk,
        recipients=[
            carer.key
            for carer in carers
            if carer.level >= Level.WRITE and carer.key not in actor.grantees
        ],
        kind=AlertKind.STAY,
        target="subscriptions",
    )
    return carers


# --- What a subscription asks -------------------------------------------------------------------


def _admit(
    said: rules.SubscriptionRead, *, actor: Actor, now: datetime
) -> tuple[Patient, list[Issue]]:
    issues = list(said.issues)
    if errors := [each for each in issues if each.severity == "error"]:
        raise Refused(422, *errors[:20])
    patient = _find_person(said.person, actor=actor, now=now)
    for system, value in said.identifiers:
        held = Patient.objects.filter(pk=patient.pk)
        if not held.filter(pk__in=patients.identified(system=system, value=value)).exists():
            raise refuse(
                422,
                "business-rule",
                "subject.identifier n’est pas un identifiant de cette personne.",
                "Subscription.criteria",
            )
    return patient, issues + _check_subscriber(said, patient, now=now)


def _find_person(person: rules.Person, *, actor: Actor, now: datetime) -> Patient:
    """Return the person that a resource names among those whom the actor may enter.

    Raises:
        Refused: 422, nobody, or several, at the place where she is named.
    """
    found: list[Patient] = []
    if person.number is not None:
        found = list(Patient.objects.filter(pk=person.number))
    for system, value in person.identifiers:
        if not found:
            known = patients.identified(system=system, value=value)
            found = list(Patient.objects.filter(pk__in=known)[:2])
    if not found and not person.identifiers and person.has_traits:
        found = _by_traits(person, actor=actor, now=now)
    if len(found) > 1:
        raise refuse(
            422, "multiple-matches", "Plusieurs personnes : dites un identifiant.", person.at
        )
    if not found:
        raise refuse(
            422,
            "not-found",
            "Personne inconnue ici, ou dont le dossier n’est pas ouvert à votre structure.",
            person.at,
        )
    return found[0]


def _by_traits(person: rules.Person, *, actor: Actor, now: datetime) -> list[Patient]:
    try:
        birth_date = datetime.fromisoformat(person.birth_date).date()
    except ValueError:
        return []
    wanted = {
        (names.strict_form(family), names.strict_form(given)) for family, given in person.names
    }
    numbers = set()
    for family, given in person.names[:3]:
        for each in patients.find_by_traits(
            actor=actor, family=family, given=given, birth_date=birth_date, now=now
        ):
            called = {
                (names.strict_form(one), names.strict_form(other))
                for one in (each.birth_family, each.used_family)
                for other in each.birth_given
            }
            # The search forgives mistakes; a software that subscribes must name the very person.
            exact = each.birth_date == birth_date and each.gender == person.gender
            if each.open_to_actor and exact and wanted & called:
                numbers.add(each.patient_id)
    return list(Patient.objects.filter(pk__in=numbers)[:2])


def _check_subscriber(
    said: rules.SubscriptionRead, patient: Patient, *, now: datetime
) -> list[Issue]:
    """Let only members of the circle be told; whom the directory does not know is said so.

    Raises:
        Refused: 422, the subscriber is known here and is outside of the circle.
    """
    party, keys = said.subscriber, set(_readers(patient.pk))
    if party.kind == PartyKind.PATIENT:
        return []
    if party.kind == PartyKind.RELATED_PERSON:
        wanted = names.strict_form(party.name)
        if any(
            names.strict_form(f"{each.given} {each.family}") == wanted
            for each in care_teams.relatives(patient_id=patient.pk)
        ):
            return []
        raise refuse(
            422, "business-rule", "Ce proche n’est pas dans le cercle.", said.subscriber_at
        )
    known: set[str] = set()
    held = [{"system": party.system, "value": party.value}]
    if party.value and party.kind == PartyKind.ORGANIZATION:
        known = {
            organization_key(pk)
            for pk in Organization.objects.filter(directory.match_organizations(held)).values_list(
                "pk", flat=True
            )[:10]
        }
    elif party.value:
        roles = PractitionerRole.objects.filter(
            Q(ended_at__isnull=True) | Q(ended_at__gt=now),
            practitioner__in=Practitioner.objects.filter(directory.match_practitioners(held)),
        )
        for pk, place in roles.values_list("pk", "organization_id")[:50]:
            known |= {role_key(pk), organization_key(place)}
    if known and not known & keys:
        raise refuse(
            422,
            "business-rule",
            "Cet abonné n’est pas dans le cercle de la personne.",
            said.subscriber_at,
        )
    if known:
        return []
    return [
        Issue(
            "not-found",
            "Abonné inconnu de l’annuaire : il est prévenu sous la responsabilité de votre"
            " structure.",
            said.subscriber_at,
            "warning",
        )
    ]


def _columns(
    said: rules.SubscriptionRead, *, patient: Patient, actor: Actor, now: datetime
) -> dict[str, Any]:
    fields = said.fields | {"subscribed_at": said.fields["subscribed_at"] or now}
    for name, party in (("declarant", said.declarant), ("subscriber", said.subscriber)):
        fields |= {
            f"{name}_kind": party.kind,
            f"{name}_name": party.name,
            f"{name}_system": party.system,
            f"{name}_value": party.value,
        }
    same = (
        actor.client_id,
        patient.pk,
        fields["event_type"],
        said.declarant,
        said.subscriber,
        fields["channel"],
        fields["endpoint"],
    )
    return fields | {"digest": hashlib.sha256(repr(same).encode()).hexdigest()}


def _settle(row: Subscription, said: rules.SubscriptionRead, *, now: datetime) -> list[Issue]:
    """Give a subscription the status that it asks for: active, or off when it is over already."""
    over = rules.is_over(row.end_at, now=now)
    if not said.stops and not over:
        row.status, row.stopped_at, row.stop_reason = SubscriptionStatus.ACTIVE, None, ""
        return []
    row.status, row.stopped_at, row.stop_reason = SubscriptionStatus.OFF, now, ENDED
    if said.stops:
        return []
    return [
        Issue(
            "business-rule",
            "Cette fin est passée : l’abonnement est gardé, arrêté.",
            "Subscription.end",
            "warning",
        )
    ]


def _own(subscription_id: int | None, actor: Actor) -> Subscription:
    row = (
        Subscription.objects.select_for_update()
        .filter(pk=subscription_id or 0, organization_id=actor.organization_id)
        .first()
    )
    if row is None:
        raise refuse(
            404,
            "not-found",
            "Cette ressource n’existe pas, ou ne vous est pas ouverte.",
        )
    return row


def _stop(row: Subscription, reason: str, *, now: datetime) -> None:
    if row.status == SubscriptionStatus.OFF:
        return
    row.status, row.stopped_at, row.stop_reason = SubscriptionStatus.OFF, now, reason
    row.updated_at, row.version = now, row.version + 1
    row.save()
    live.announce(_readers(row.patient_id), "subscription", now=now)


def _tell_stopped(row: Subscription, *, actor: Actor, now: datetime) -> None:
    alerts.raise_alert(
        actor=actor,
        now=now,
        patient_id=row.patient_id,
        recipients=[organization_key(row.organization_id)],
        kind=AlertKind.SUBSCRIPTION,
        target="subscriptions",
    )


def _readers(patient_id: int) -> list[str]:
    return care_teams.keys_of_level(patient_id=patient_id, level=Level.READ)


def told(row: Subscription, *, now: datetime) -> None:
    """Note that a subscriber was told, for whoever looks at the subscriptions of a person."""
    row.notified_at, row.notified_count = now, row.notified_count + 1
    row.save(update_fields=["notified_at", "notified_count"])
