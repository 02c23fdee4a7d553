"""Identities that hospitals tell, merge, link, part and renumber (ITI-30), in their own domain."""

from collections.abc import Callable
from dataclasses import replace

from django.conf import settings

from carbet.interop.hospital_feed.choices import ErrorCode, MessageStatus
from carbet.interop.hospital_feed.operations.effects import Effect, Task
from carbet.interop.hospital_feed.operations.identifying import domain_of, open_domain_of
from carbet.interop.hospital_feed.rules import identities, persons
from carbet.interop.hospital_feed.rules.header import Unacceptable
from carbet.interop.hospital_feed.rules.identities import IdentityRead
from carbet.interop.hospital_feed.rules.persons import Number
from carbet.registries.identity import operations as identity
from carbet.registries.identity import queries
from carbet.registries.identity.models import IdentityDomain, LocalIdentity
from carbet.registries.patients.choices import INS_DEMO, INS_TEST

# Where a hospital says each trait.
_PLACES = {
    "number": "PID-3",
    "ins": "PID-3",
    "gender": "PID-8",
    "birth_date": "PID-7",
    "birth_place_code": "PID-11",
    "birth_place_name": "PID-11",
    "address_line": "PID-11",
    "postal_code": "PID-11",
    "city": "PID-11",
    "phones": "PID-13",
    "mother_name": "PID-6",
}

# What a domain says against the cell's word.
REFUSED = Effect(
    "Refusé : la cellule d’identité dit que ce sont deux personnes. L’établissement en est avisé.",
    status=MessageStatus.IGNORED,
)
LATE = Effect(
    "L’établissement a dit autre chose de ces numéros depuis.", status=MessageStatus.IGNORED
)


def record(task: Task) -> Effect:
    """Carry out what a message says of identities.

    Raises:
        Unacceptable: it is wrong, or asks for what cannot be; with the exact place.
    """
    return _HANDLERS[task.row.event](task)


def record_told(task: Task) -> Effect:
    """Keep the identity of a PID (A28, A31, A08, ITI-8), under each number of its sender."""
    said = identities.read(task.message.required("PID"))
    rows = [_keep(task, said, number) for number in said.numbers]
    if any("COLP" in row.attributes for row in rows):
        text = "Une autre personne porte déjà ce numéro : la cellule d’identité décide."
    else:
        text = "Identité enregistrée."
    return Effect(text, queries.record_of(rows[0]))


def accept_domains(task: Task) -> list[IdentityDomain]:
    """Open every domain of a message that its sender was not let open by itself."""
    said = {
        number
        for name, field in (("PID", 3), ("MRG", 1))
        for segment in task.message.all(name)
        for number in persons.numbers_of(segment, field)
    }
    opened = {}
    for number in sorted(said, key=lambda each: (each.authority, each.namespace)):
        if domain_of(task.route, number, "PID-3.4") is None:
            domain = open_domain_of(task.route, number, "PID-3.4", now=task.now, accepted=True)
            opened[domain.pk] = domain
    return list(opened.values())


def keep_met(task: Task) -> None:
    """Keep the identity that a movement or a document names, under the sender's numbers.

    What it leaves empty stays as it was told: only a message of identity takes a trait away.

    Raises:
        Unacceptable: a trait cannot be kept.
    """
    said = identities.read(task.message.required("PID"))
    for number in said.numbers:
        _keep_beside(task, said, number)


def _keep_beside(task: Task, said: IdentityRead, number: Number) -> None:
    """Keep traits beside what was known under a number."""
    domain = _domain(task, number, "PID-3.4")
    known = queries.identity(domain=domain, number=number.value)
    if known is not None and known.known:
        said = replace(said, traits=identities.completed(known.traits, said.traits))
    _keep(task, said, number)


def _keep(task: Task, said: IdentityRead, number: Number) -> LocalIdentity:
    if said.ins_system in (INS_TEST, INS_DEMO) and not settings.DEMONSTRATION:
        raise Unacceptable(ErrorCode.VALUE, "INS de test : refusé en production.", "PID-3")
    try:
        return identity.record_local_identity(
            actor=task.actor,
            now=task.now,
            domain=_domain(task, number, "PID-3.4"),
            number=number.value,
            traits=said.traits,
            ins=said.ins,
            ins_system=said.ins_system,
            via="hl7",
            said_at=identities.said_at(task.message, now=task.now),
        )
    except identity.UnableToRecordIdentity as error:
        place = _PLACES.get(error.field or "", "PID-5")
        raise Unacceptable(ErrorCode.TYPE, error.message, place) from error


def _merged(task: Task) -> Effect:
    """Merge, or ask the identity cell to (A40)."""
    asked, late, refused, last = 0, False, False, None
    for rank, each in enumerate(identities.merges(task.message)):
        domain = _domain(task, each.goes, "MRG-1.4")
        _keep_if_said(task, each)
        try:
            last, pair = identity.request_merge(
                actor=task.actor,
                now=task.now,
                domain=domain,
                survivor=each.stays.value,
                absorbed=each.goes.value,
                said_at=identities.said_at(task.message, now=task.now),
                key=f"hl7:{task.row.pk}:{rank}",
            )
        except identity.SaidSince:
            late = True
            continue
        except identity.SaidDifferent:
            _tell_refused(task, domain, each.stays, each.goes)
            refused = True
            continue
        except (identity.UnableToMerge, identity.UnableToRecordIdentity) as error:
            raise Unacceptable(ErrorCode.KEY, error.message, "MRG-1") from error
        asked += pair is not None
    if last is None and (refused or late):
        return REFUSED if refused else LATE
    text = "Fusion demandée à la cellule d’identité." if asked else "Numéros fusionnés."
    return Effect(text, queries.record_of(last) if last else None)


def _tell_refused(task: Task, domain: IdentityDomain, one: Number, two: Number) -> None:
    """Tell a domain that the cell says otherwise; its message is settled, what follows goes on."""
    identity.tell_refused(
        actor=task.actor, now=task.now, domain=domain, first=one.value, second=two.value
    )


def _keep_if_said(task: Task, each: identities.MergeRead) -> None:
    """Keep the traits of the number that stays, when the message carries them."""
    if each.pid.component(5):
        _keep_beside(task, identities.read(each.pid), each.stays)


def _renumbered(task: Task) -> Effect:
    """Give an identity its new number (A47); the former one still leads to it."""
    last = None
    for rank, each in enumerate(identities.merges(task.message)):
        try:
            last = identity.change_local_number(
                actor=task.actor,
                now=task.now,
                domain=_domain(task, each.goes, "MRG-1.4"),
                former=each.goes.value,
                current=each.stays.value,
                key=f"hl7:{task.row.pk}:{rank}",
            )
        except (identity.UnableToMerge, identity.UnableToRecordIdentity) as error:
            raise Unacceptable(ErrorCode.DUPLICATE, error.message, "PID-3") from error
        _keep_if_said(task, each)
    return Effect("Numéro changé.", queries.record_of(last) if last else None)


def _linked(task: Task) -> Effect:
    """Say that two numbers are one person (A24)."""
    why = "L’établissement dit : une seule personne (A24)"
    return _between(task, identity.link, "Identités rattachées.", why=why)


def _parted(task: Task) -> Effect:
    """Say that two numbers are two persons (A37)."""
    why = "L’établissement dit : deux personnes (A37)"
    return _between(task, identity.unlink, "Identités séparées.", why=why)


def _between(task: Task, act: Callable[..., object], done: str, *, why: str) -> Effect:
    one, two = identities.pair_of(task.message)
    domain = _domain(task, one, "PID-3.4")
    try:
        decision = act(
            actor=task.actor,
            now=task.now,
            domain=domain,
            first=one.value,
            second=two.value,
            second_domain=_domain(task, two, "PID-3.4"),
            reason=why,
            said_at=identities.said_at(task.message, now=task.now),
            key=f"hl7:{task.row.pk}",
        )
    except identity.SaidSince:
        return LATE
    except identity.SaidDifferent:
        _tell_refused(task, domain, one, two)
        return REFUSED
    except (
        identity.UnableToMerge,
        identity.UnableToUndo,
        identity.UnableToRecordIdentity,
    ) as error:
        raise Unacceptable(ErrorCode.KEY, error.message, "PID-3") from error
    if decision is None and act is identity.link:
        return Effect("Déjà rattachées.", status=MessageStatus.IGNORED)
    return Effect(done)


def _domain(task: Task, number: Number, place: str) -> IdentityDomain:
    """Return the domain of a number of the sender, opened when it speaks for the first time."""
    found = domain_of(task.route, number, place)
    return found or open_domain_of(task.route, number, place, now=task.now)


_HANDLERS: dict[str, Callable[[Task], Effect]] = {
    "A08": record_told,
    "A24": _linked,
    "A28": record_told,
    "A31": record_told,
    "A37": _parted,
    "A40": _merged,
    "A47": _renumbered,
}
