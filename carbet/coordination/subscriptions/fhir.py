"""Event notification in FHIR: Subscription and CommunicationRequest of the guide NdE 3.0.0."""

from datetime import datetime
from typing import Any

from django.conf import settings
from django.db.models import QuerySet

from carbet.coordination.subscriptions import rules
from carbet.coordination.subscriptions.choices import ChannelType, EventType, PartyKind
from carbet.coordination.subscriptions.models import CommunicationRequest, Subscription
from carbet.coordination.subscriptions.rules import (
    NDE,
    EventRead,
    Party,
    Person,
    SubscriptionRead,
)
from carbet.core import fhir
from carbet.core.fhir import Json, Reading
from carbet.registries.directory import fhir as directory
from carbet.registries.patients import fhir as patients
from carbet.registries.patients.models import Patient

SUBSCRIPTION = NDE + "nde-subscription"
DECLARATION = NDE + "nde-eventdeclaration"
NOTIFICATION = NDE + "nde-notificationrequest"
MEDIUMS = fhir.nos("TRE_R200-CanalCommunication")
# What TRE_R200 has no code for is said in words.
_MEDIUM = {ChannelType.EMAIL: ("3", "Courrier électronique")}
_ANYBODY = (
    PartyKind.ORGANIZATION,
    PartyKind.PRACTITIONER,
    PartyKind.RELATED_PERSON,
    PartyKind.PATIENT,
)
_DECLARES = (PartyKind.ORGANIZATION, PartyKind.PRACTITIONER)


# --- In -----------------------------------------------------------------------------------------


def read_subscription(resource: Json, *, base: str, hosts: frozenset[str]) -> SubscriptionRead:
    """Read a Subscription of the profile `nde-subscription`, whose shape is right already.

    Args:
        base: the address of our FHIR door, to recognize references to it.
        hosts: the hosts at which software may be called.
    """
    reading = _Reading(resource, "Subscription", base)
    reading.keep_only("contained extension status reason end criteria channel")
    reading.check_contained()
    said = reading.extensions_of(
        {"start", "subject", "declarant", "event-type", "subscriber"}, {"subscription-date"}
    )
    if resource["status"] not in ("requested", "active", "off"):
        reading.error("value", "status = requested attendu.", "status")
    person = reading.person(*said.get("subject", ({}, "")))
    declarant, _ = reading.party(*said.get("declarant", ({}, "")), _DECLARES)
    subscriber, subscriber_at = reading.party(*said.get("subscriber", ({}, "")), _ANYBODY)
    event_type = reading.event_type(*said.get("event-type", ({}, "")))
    start_at = reading.moment(*said.get("start", ({}, "")))
    subscribed_at = reading.moment(*said.get("subscription-date", ({}, "")))
    end_at = fhir.span(resource["end"]).start if "end" in resource else None
    if start_at and end_at and end_at <= start_at:
        reading.error("business-rule", "La fin précède le début.", "end")
    identifiers: set[tuple[str, str]] = set()
    try:
        types, identifiers = rules.criteria(resource["criteria"])
    except ValueError as error:
        reading.error("not-supported", str(error), "criteria")
    else:
        if event_type and types != {event_type}:
            reading.error(
                "business-rule", f"Le critère ne dit pas le type {event_type}.", "criteria"
            )
    channel, endpoint = _read_channel(reading, hosts)
    return SubscriptionRead(
        fields={
            "event_type": event_type,
            "reason": reading.text(resource["reason"], 500, "reason"),
            "criteria": reading.text(resource["criteria"], 500, "criteria"),
            "channel": channel,
            "endpoint": endpoint,
            "start_at": start_at,
            "end_at": end_at,
            "subscribed_at": subscribed_at,
        },
        person=person,
        declarant=declarant,
        subscriber=subscriber,
        subscriber_at=subscriber_at,
        identifiers=frozenset(identifiers),
        stops=resource["status"] == "off",
        issues=reading.issues,
    )


def read_event(resource: Json, *, base: str) -> EventRead:
    """Read a CommunicationRequest as the declaration of an event (flow 3, `nde-eventdeclaration`).

    A notification (flow 4), which another manager of subscriptions sends, declares its event too.
    """
    reading = _Reading(resource, "CommunicationRequest", base)
    reading.keep_only("contained extension status subject authoredOn requester")
    reading.check_contained()
    said = reading.extensions_of({"event-type", "event-time"}, {"event-emission-time"})
    if resource["status"] not in ("active", "completed"):
        reading.error("value", "status = active attendu.", "status")
    for name in ("subject", "requester"):
        if name not in resource:
            reading.error("required", f"Élément obligatoire absent : {name}.", name)
    payload = resource.get("payload", [])
    if len(payload) != 1:
        reading.error("required", "Un payload, et un seul (NdE).", "payload")
    elif not any(name in payload[0] for name in ("contentString", "contentAttachment")):
        reading.error("value", "Un texte ou une pièce jointe est attendu.", "payload[0].content[x]")
    person = reading.person(resource.get("subject", {}), "subject")
    requester, _ = reading.party(resource.get("requester", {}), "requester", _DECLARES)
    emitted = reading.moment(*said.get("event-emission-time", ({}, "")))
    if "authoredOn" in resource:
        emitted = fhir.span(resource["authoredOn"]).start
    return EventRead(
        event_type=reading.event_type(*said.get("event-type", ({}, ""))),
        event_at=reading.moment(*said.get("event-time", ({}, ""))),
        authored_on=emitted,
        person=person,
        requester=requester,
        is_notification="basedOn" in resource,
        issues=reading.issues,
    )


class _Reading(Reading):
    def __init__(self, resource: Json, at: str, base: str) -> None:
        super().__init__(resource, at)
        self.base = base.rstrip("/") + "/"
        self.contained = {
            each["id"]: (each, f"contained[{number}]")
            for number, each in enumerate(resource.get("contained", []))
            if "id" in each
        }

    def check_contained(self) -> None:
        held = self.resource.get("contained", [])
        if not held:
            self.error("required", "Au moins une ressource contenue (NdE).", "contained")
        if len(self.contained) != len(held):
            self.error(
                "value", "Chaque ressource contenue a un id, et un seul le porte.", "contained"
            )

    def extensions_of(self, asked: set[str], may: set[str]) -> dict[str, tuple[Any, str]]:
        """Return value and place of each NdE extension by its name; refuse what is missing."""
        found: dict[str, tuple[Any, str]] = {}
        types = {
            "subject": "valueReference",
            "declarant": "valueReference",
            "subscriber": "valueReference",
            "event-type": "valueCodeableConcept",
        }
        for number, each in enumerate(self.resource.get("extension", [])):
            name = each["url"].removeprefix(NDE)
            where = f"extension[{number}]"
            if name not in asked | may or name == each["url"]:
                self.not_kept(where)
                continue
            if name in found:
                self.error("duplicate", f"L’extension {name} est dite deux fois.", where)
                continue
            wanted = types.get(name, "valueDateTime")
            if wanted not in each:
                self.error("value", f"{wanted} attendu.", f"{where}.value[x]")
            found[name] = (each.get(wanted, {}), f"{where}.{wanted}")
        for name in sorted(asked - found.keys()):
            self.error(
                "required",
                f"Extension obligatoire absente : {name} (NdE).",
                f"extension.where(url='{NDE}{name}')",
            )
        return found

    def moment(self, text: Any, where: str) -> datetime | None:
        return fhir.span(text).start if isinstance(text, str) and text else None

    def event_type(self, concept: Json, where: str) -> str:
        codings = fhir.codings(concept)
        for number, each in enumerate(codings):
            if each.get("system") != rules.EVENT_TYPES:
                continue
            if each.get("code") in EventType.values:
                return str(each["code"])
            self.error(
                "code-invalid",
                "Type d’événement inconnu de TRE_R254.",
                f"{where}.coding[{number}].code",
            )
            return ""
        if where:
            self.error("code-invalid", "Un code de TRE_R254 est attendu.", f"{where}.coding")
        return ""

    def pointed(self, reference: Json, where: str, kinds: tuple[str, ...]) -> tuple[Json, str]:
        """Return the contained resource that a reference points to, and its place."""
        text = reference.get("reference", "")
        if not where or not reference:
            return {}, ""
        if not text.startswith("#"):
            self.error(
                "value",
                "Une référence à une ressource contenue (« #… ») est attendue.",
                f"{where}.reference",
            )
            return {}, ""
        held, place = self.contained.get(text[1:], ({}, ""))
        if not held:
            self.error(
                "not-found", "Aucune ressource contenue ne porte cet id.", f"{where}.reference"
            )
        elif held["resourceType"] not in kinds:
            self.error(
                "value",
                f"{' ou '.join(kinds)} attendu, {held['resourceType']} reçu.",
                f"{where}.reference",
            )
            return {}, ""
        return held, place

    def person(self, reference: Json, where: str) -> Person:
        text = reference.get("reference", "").removeprefix(self.base)
        if text.startswith("Patient/") and text[8:].isdecimal() and len(text) < 28:
            return Person(self.place(f"{where}.reference"), number=int(text[8:]))
        held, place = self.pointed(reference, where, (PartyKind.PATIENT,))
        if not held:
            return Person("")
        person = Person(
            self.place(place),
            identifiers=tuple(
                (each["system"], each["value"])
                for each in held.get("identifier", [])
                if each.get("system") and each.get("value")
            ),
            names=tuple(
                (name["family"], given)
                for name in held.get("name", [])
                if name.get("family")
                for given in name.get("given", [])[:1]
                if given
            ),
            birth_date=held.get("birthDate", ""),
            gender=held.get("gender", ""),
        )
        if not person.identifiers and not person.has_traits:
            self.error(
                "required",
                "La personne se dit par un identifiant, ou par son nom, son prénom, son sexe et sa"
                " date de naissance.",
                place,
            )
        return person

    def party(self, reference: Json, where: str, kinds: tuple[str, ...]) -> tuple[Party, str]:
        held, place = self.pointed(reference, where, kinds)
        if not held:
            return Party(""), ""
        kind = held["resourceType"]
        name = held.get("name", "") if kind == PartyKind.ORGANIZATION else _person_name(held)
        system, value = _identifier(kind, held.get("identifier", []))
        if not name and not value:
            self.error("required", "Un nom ou un identifiant est attendu.", place)
        kept = Party(
            kind,
            self.text(name, 200, f"{place}.name"),
            self.text(system, 200, f"{place}.identifier"),
            self.text(value, 100, f"{place}.identifier"),
        )
        return kept, self.place(place)


def _person_name(held: Json) -> str:
    for name in held.get("name", []):
        given = " ".join(filter(None, name.get("given", [])))
        return rules.name_of(given, name.get("family", "")) or rules.name_of(
            name.get("text", ""), ""
        )
    return ""


def _identifier(kind: str, held: list[Json]) -> tuple[str, str]:
    """Return an identifier as the directory knows it: RPPS without the leading 8 of an IDNPS."""
    for each in held:
        system, value = each.get("system", ""), each.get("value", "")
        if not (system and value):
            continue
        if kind == PartyKind.PRACTITIONER and (rpps := directory.rpps_of(system, value)):
            return directory.RPPS, rpps
        if kind == PartyKind.ORGANIZATION and (finess := directory.finess_of(system, value)):
            return directory.FINESS, finess
        return system, value
    return "", ""


def _read_channel(reading: Reading, hosts: frozenset[str]) -> tuple[str, str]:
    said = reading.resource["channel"]
    channel = said["type"]
    if channel not in ChannelType.values:
        reading.error("not-supported", "Servis : rest-hook, email, sms.", "channel.type")
        return "", ""
    if said.get("payload", fhir.MEDIA_TYPE) not in (fhir.MEDIA_TYPE, "application/json"):
        reading.error("not-supported", f"Seul {fhir.MEDIA_TYPE} est envoyé.", "channel.payload")
    if "header" in said:
        reading.error(
            "not-supported", "Aucun en-tête donné par l’abonné n’est envoyé.", "channel.header"
        )
    if "endpoint" not in said:
        reading.error("required", "Dites où prévenir l’abonné.", "channel.endpoint")
        return channel, ""
    try:
        return channel, rules.endpoint(channel, said["endpoint"], hosts=hosts)
    except ValueError as error:
        reading.error("value", str(error), "channel.endpoint")
        return channel, ""


# --- Out ----------------------------------------------------------------------------------------


def subscriptions(rows: QuerySet[Subscription]) -> list[Json]:
    """Return the Subscription resources of these rows, each with its person, in two queries."""
    held = list(rows)
    persons = _persons({row.patient_id for row in held})
    return [subscription(row, persons[row.patient_id]) for row in held if row.patient_id in persons]


def events(rows: QuerySet[CommunicationRequest]) -> list[Json]:
    """Return the CommunicationRequest resources of these rows, in two queries."""
    held = list(rows)
    persons = _persons({row.patient_id for row in held})
    return [event(row, persons[row.patient_id]) for row in held if row.patient_id in persons]


def _persons(numbers: set[int]) -> dict[int, Json]:
    found = patients.resources(Patient.objects.filter(pk__in=numbers))
    return {int(each["id"]): each for each in found}


def subscription(row: Subscription, person: Json) -> Json:
    """Return the Subscription resource of one row."""
    declarant = Party(
        row.declarant_kind, row.declarant_name, row.declarant_system, row.declarant_value
    )
    subscriber = Party(
        row.subscriber_kind, row.subscriber_name, row.subscriber_system, row.subscriber_value
    )
    contained = [_contained_person(person), _contained(declarant, "declarant")]
    her, to = f"#{person['id']}", "#subscriber"
    if subscriber.kind == PartyKind.PATIENT:
        to = her
    else:
        contained.append(_contained(subscriber, "subscriber"))
    found: Json = {
        "resourceType": "Subscription",
        "id": str(row.pk),
        "meta": fhir.meta(SUBSCRIPTION, version=row.version, updated_at=row.updated_at),
        "contained": contained,
        "extension": [
            fhir.extension(NDE + "start", valueDateTime=fhir.instant(row.start_at)),
            fhir.extension(NDE + "subject", valueReference={"reference": her}),
            fhir.extension(NDE + "declarant", valueReference={"reference": "#declarant"}),
            _event_type(row.event_type),
            fhir.extension(NDE + "subscriber", valueReference={"reference": to}),
            fhir.extension(
                NDE + "subscription-date", valueDateTime=fhir.instant(row.subscribed_at)
            ),
        ],
        "status": row.status,
    }
    if row.end_at:
        found["end"] = fhir.instant(row.end_at)
    found["reason"] = row.reason
    found["criteria"] = row.criteria
    if row.stop_reason:
        found["error"] = row.stop_reason
    found["channel"] = {
        "type": row.channel,
        "endpoint": rules.url_of(row.channel, row.endpoint),
    }
    if row.channel == ChannelType.REST_HOOK:
        found["channel"]["payload"] = fhir.MEDIA_TYPE
    return found


def event(row: CommunicationRequest, person: Json) -> Json:
    """Return the CommunicationRequest resource of one event (flow 3)."""
    return _communication(
        row,
        person,
        meta=fhir.meta(DECLARATION, version=1, updated_at=row.updated_at),
    ) | {"id": str(row.pk)}


def notification(
    row: CommunicationRequest, person: Json, to: Subscription, *, now: datetime
) -> Json:
    """Return the notification of an event to a subscriber (flow 4, `nde-notificationrequest`)."""
    subscriber = Party(
        to.subscriber_kind, to.subscriber_name, to.subscriber_system, to.subscriber_value
    )
    found = _communication(row, person, meta={"profile": [NOTIFICATION]})
    found["extension"].append(
        fhir.extension(NDE + "event-emission-time", valueDateTime=fhir.instant(now))
    )
    reference = f"#{person['id']}"
    if subscriber.kind != PartyKind.PATIENT:
        found["contained"].append(_contained(subscriber, "subscriber"))
        reference = "#subscriber"
    code, label = _MEDIUM.get(ChannelType(to.channel), ("", ChannelType(to.channel).label))
    return found | {
        "basedOn": [{"reference": f"{settings.PUBLIC_URL}/fhir/Subscription/{to.pk}"}],
        "medium": [fhir.concept(MEDIUMS, code, label) if code else {"text": label}],
        "recipient": [
            {
                "extension": [
                    fhir.extension(
                        NDE + "recipient-endpoint",
                        valueUrl=rules.url_of(to.channel, to.endpoint),
                    )
                ],
                "reference": reference,
            }
        ],
    }


def _communication(row: CommunicationRequest, person: Json, *, meta: Json) -> Json:
    requester = Party(
        row.requester_kind, row.requester_name, row.requester_system, row.requester_value
    )
    return {
        "resourceType": "CommunicationRequest",
        "meta": meta,
        "contained": [_contained_person(person), _contained(requester, "requester")],
        "extension": [
            _event_type(row.event_type),
            fhir.extension(NDE + "event-time", valueDateTime=fhir.instant(row.event_at)),
        ],
        "status": "revoked" if row.revoked_at else "active",
        "subject": {"reference": f"#{person['id']}"},
        # Never more than its type: what happened is read where it is kept.
        "payload": [{"contentString": EventType(row.event_type).label}],
        "authoredOn": fhir.instant(row.authored_on),
        "requester": {"reference": "#requester"},
    }


def _event_type(code: str) -> Json:
    return fhir.extension(
        NDE + "event-type",
        valueCodeableConcept=fhir.concept(rules.EVENT_TYPES, code, EventType(code).label),
    )


def _contained_person(person: Json) -> Json:
    kept = ("resourceType", "id", "extension", "identifier", "name", "gender", "birthDate")
    found = {name: person[name] for name in kept if name in person}
    return found | {"meta": {"profile": person["meta"]["profile"]}}


def _contained(party: Party, number: str) -> Json:
    found: Json = {"resourceType": party.kind, "id": number}
    if party.value:
        found["identifier"] = [fhir.identifier(party.system, party.value)]
    if party.kind == PartyKind.ORGANIZATION:
        return found | {"name": party.name} if party.name else found
    return found | {"name": [{"text": party.name}]} if party.name else found
