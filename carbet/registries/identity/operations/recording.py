"""What a domain tells of its identities: kept, compared, linked where certain, asked where not."""

from dataclasses import replace
from datetime import datetime
from typing import Any

from django.db.models import F

from carbet.core.actor import Actor
from carbet.core.audit import Trace
from carbet.core.operation import UnableTo, operation
from carbet.registries.identity import access, queries, rules
from carbet.registries.identity.choices import (
    CARBET,
    RISKS,
    WAITING,
    IdentityState,
    NoticeKind,
    PairKind,
    PairState,
    QualityLevel,
    ReconciliationKind,
)
from carbet.registries.identity.models import (
    IdentityDomain,
    IdentityIns,
    IdentitySearch,
    LocalIdentity,
    Pair,
)
from carbet.registries.identity.operations import moving
from carbet.registries.identity.rules import Traits, likeness
from carbet.registries.identity.rules.traits import WrongTrait
from carbet.registries.patients.models import Patient
from carbet.registries.patients.rules import wrong_ins

LONGEST_NUMBER = 100
# Added by a collision until it is decided: nothing leaves with the INS meanwhile.
_COLLIDED = frozenset({"COLP", "DOUT"})


class UnableToRecordIdentity(UnableTo):
    """The identity cannot be kept as told."""


@operation("identity.domain.open", action="C")
def open_domain(
    trace: Trace,
    *,
    actor: Actor,
    now: datetime,
    slug: str,
    name: str,
    oid: str = "",
    system: str = "",
    organization_id: int | None = None,
    quality: str = QualityLevel.UNKNOWN,
) -> IdentityDomain:
    """Open an identity domain, or return the one of this name with what is told of it.

    Raises:
        UnableToAct: it is not the cell.
    """
    access.check_cell(actor)
    domain, _ = IdentityDomain.objects.update_or_create(
        slug=slug,
        defaults={
            "name": name,
            "oid": oid,
            "system": system,
            "organization_id": organization_id,
            "quality": quality,
        },
        create_defaults={
            "name": name,
            "oid": oid,
            "system": system,
            "organization_id": organization_id,
            "quality": quality,
            "opened_at": now,
        },
    )
    trace.about(entity=domain)
    return domain


@operation("identity.record", action="C")
def record_local_identity(
    trace: Trace,
    *,
    actor: Actor,
    now: datetime,
    domain: IdentityDomain,
    number: str,
    traits: Traits,
    ins: str = "",
    ins_system: str = "",
    via: str = "message",
    said_at: datetime | None = None,
) -> LocalIdentity:
    """Keep what a domain tells of one of its identities (ADT A28, A31), whatever the order.

    The same twice changes nothing; what was said before what is known changes nothing either. The
    traits of another person under a known number wait for people: the former ones stand meanwhile.
    A machine links it only where it is certain, and asks people where it doubts.

    Args:
        said_at: when the domain said it; None for now.

    Raises:
        UnableToAct: the domain is not the actor's.
        UnableToRecordIdentity: a trait or the number cannot be kept.
    """
    access.check_domain(actor, domain)
    number = checked_number(number)
    traits = checked_traits(traits, now=now)
    if ins and (wrong := wrong_ins(ins)):
        raise UnableToRecordIdentity(wrong, field="ins")
    with moving.house(trace, actor, now=now):
        moving.lock_numbers(domain, number)
        told = _Told(
            actor=actor,
            now=now,
            domain=domain,
            number=number,
            traits=traits,
            ins=ins.replace(" ", "").upper(),
            ins_system=ins_system,
            via=via,
            said_at=said_at or now,
        )
        row = told.keep()
    trace.about(patient_id=row.patient_id, entity=row, reason=told.outcome)
    return row


@operation("identity.mirror")
def mirror(
    trace: Trace,
    *,
    actor: Actor,
    now: datetime,
    patient_id: int,
    traits: Traits,
    ins: str = "",
    ins_system: str = "",
) -> LocalIdentity:
    """Keep the identity of a record of Carbet among the others: Carbet is a domain too.

    The record is what it is; where another person's traits took its place, people are asked.
    """
    with moving.house(trace, actor, now=now):
        domain = IdentityDomain.objects.get(slug=CARBET)
        told = _Told(
            actor=actor,
            now=now,
            domain=domain,
            number=str(patient_id),
            traits=rules.fitted(traits),
            ins=ins,
            ins_system=ins_system,
            via="carbet",
            said_at=now,
            patient_id=patient_id,
        )
        # One at a time: the row of the record is held by whoever writes it.
        row = told.keep()
        if row.keeps_attributes:
            mark_record(row, now=now)
    trace.about(patient_id=patient_id, entity=row, reason=told.outcome)
    return row


def checked_number(number: str) -> str:
    """Return a local number as it is kept.

    Raises:
        UnableToRecordIdentity: it is empty, too long, or holds a sign that cannot be kept.
    """
    text = number.strip()
    if not text:
        raise UnableToRecordIdentity("Il manque le numéro local (IPP).", field="number")
    if len(text) > LONGEST_NUMBER:
        raise UnableToRecordIdentity(
            f"Un numéro local compte {LONGEST_NUMBER} caractères au plus.", field="number"
        )
    if not text.isprintable():
        raise UnableToRecordIdentity(
            "Le numéro local porte un signe qui ne peut pas être gardé.", field="number"
        )
    return text


def checked_traits(traits: Traits, *, now: datetime) -> Traits:
    """Return the traits as they are kept.

    Raises:
        UnableToRecordIdentity: one of them cannot be kept.
    """
    try:
        return rules.cleaned(traits, on=now.date())
    except WrongTrait as wrong:
        raise UnableToRecordIdentity(wrong.message, field=wrong.field) from wrong


class _Told:
    """What a domain tells now under a number, and what becomes of it."""

    def __init__(self, *, patient_id: int | None = None, **values: Any) -> None:
        self.actor: Actor = values["actor"]
        self.now: datetime = values["now"]
        self.domain: IdentityDomain = values["domain"]
        self.number: str = values["number"]
        self.traits: Traits = values["traits"]
        self.ins: str = values["ins"]
        self.ins_system: str = values["ins_system"]
        self.via: str = values["via"]
        self.said_at: datetime = values["said_at"]
        self.patient_id = patient_id
        self.outcome = ""

    def keep(self) -> LocalIdentity:
        """Keep it, and look for who else it may be."""
        row = queries.identity(domain=self.domain, number=self.number)
        if row is not None and row.known and self._is_known(row):
            return row
        moving.lock_moves()
        # What moved or was told while we waited counts.
        row = queries.identity(domain=self.domain, number=self.number)
        if row is None:
            row = bare(self.domain, self.number, now=self.now, patient_id=self.patient_id)
            self.outcome = "nouvelle"
        elif row.known:
            return row if self._is_known(row) else self._again(row)
        self._fill(row)
        if row.state == IdentityState.ACTIVE:
            reconcile(row, actor=self.actor, now=self.now)
        else:
            root = queries.survivor_of(row)
            if not root.known:
                # A number changed before its traits came.
                self._fill(root)
                reconcile(root, actor=self.actor, now=self.now)
        return row

    def _is_known(self, row: LocalIdentity) -> bool:
        """Tell whether a known identity learns nothing from it."""
        if row.said_at and self.said_at < row.said_at:
            self.outcome = "message plus ancien que ce qui est connu"
            return True
        held = queries.ins_of([row.pk]).get(row.pk)
        ins_changed = bool(self.ins) and (held is None or held.value != self.ins)
        if rules.changes(row.traits, self._with_doubt(row)) or ins_changed:
            return False
        self.outcome = "déjà connu"
        return True

    def _with_doubt(self, row: LocalIdentity) -> Traits:
        """Return the traits told: doubtful while the number asks whose it is, and as marked."""
        kept = _COLLIDED & set(row.attributes) if "COLP" in row.attributes else frozenset()
        kept |= set(row.marked)
        return replace(self.traits, attributes=tuple(sorted({*self.traits.attributes, *kept})))

    def _again(self, row: LocalIdentity) -> LocalIdentity:
        before = row.traits
        told = self._with_doubt(row)
        score = queries.explain(queries.compared(before), queries.compared(told))
        if not rules.is_compatible(before, told, score.probability):
            self._collide(row, before, score)
            if self.patient_id is None:
                return row
            told = replace(told, attributes=tuple(sorted({*told.attributes, *_COLLIDED})))
        self.traits = told
        self._fill(row)
        if row.state == IdentityState.ACTIVE:
            reconcile(row, actor=self.actor, now=self.now)
        return row

    def _fill(self, row: LocalIdentity) -> None:
        new = not row.known
        for name in rules.STORED_TRAITS:
            value = getattr(self.traits, name)
            setattr(row, name, list(value) if isinstance(value, tuple) else value)
        row.known = True
        row.said_at = self.said_at
        row.updated_at = self.now
        row.version += 0 if new else 1
        row.save()
        if self.ins:
            keep_ins(row, self.ins, self.ins_system, via=self.via, now=self.now)
        index(row)
        self.outcome = self.outcome or "modifiée"

    def _collide(self, row: LocalIdentity, before: Traits, score: likeness.Score) -> None:
        """Ask people: the number holds the traits of two persons."""
        self.outcome = "collision : un autre sous ce numéro"
        stood = self.traits if self.patient_id is None else before
        pair, created = Pair.objects.get_or_create(
            first=row,
            second=None,
            state=PairState.OPEN,
            defaults={
                "kind": PairKind.COLLISION,
                "risk": RISKS[PairKind.COLLISION],
                "found_at": self.now,
                "told": as_json(stood),
                "told_at": self.said_at,
                "weight": score.weight,
                "probability": score.probability,
                "explanation": moving.explained(score),
            },
        )
        if not created and pair.told_at is not None and self.said_at > pair.told_at:
            pair.told, pair.told_at = as_json(stood), self.said_at
            pair.explanation = moving.explained(score)
            pair.weight, pair.probability = score.weight, score.probability
            pair.version += 1
            pair.save()
        row.attributes = sorted({*row.attributes, *_COLLIDED})
        row.updated_at = self.now
        row.version += 1
        row.save(update_fields=["attributes", "updated_at", "version"])
        if created:
            moving.notify([row], NoticeKind.COLLISION, now=self.now)


def bare(
    domain: IdentityDomain, number: str, *, now: datetime, patient_id: int | None = None
) -> LocalIdentity:
    """Write an identity of which only the number is known yet."""
    return LocalIdentity.objects.create(
        domain=domain,
        number=number,
        regional=moving.new_group(now=now),
        patient_id=patient_id,
        known=False,
        created_at=now,
        updated_at=now,
    )


def keep_ins(
    row: LocalIdentity, value: str, system: str, *, via: str, now: datetime
) -> IdentityIns:
    """Make this the current INS of an identity; the former one stays in its history."""
    held = IdentityIns.objects.filter(identity=row, until__isnull=True).first()
    if held is not None:
        if held.value == value and held.system == system:
            return held
        held.until = now
        held.save(update_fields=["until"])
    return IdentityIns.objects.create(identity=row, system=system, value=value, via=via, since=now)


def mark_record(row: LocalIdentity, *, now: datetime) -> None:
    """Say on the record of Carbet the attributes of its identity: its doubt stops its INS there."""
    Patient.objects.filter(pk=row.patient_id).exclude(identity_attributes=row.attributes).update(
        identity_attributes=row.attributes, version=F("version") + 1, updated_at=now
    )


def mark_asked(row: LocalIdentity) -> None:
    """Mark a number that asks whether it is one person's, and its record: the INS stops.

    Once what answered it is undone, which counts as a version of the record by itself.
    """
    marked = sorted({*row.attributes, *_COLLIDED})
    if marked != row.attributes:
        row.attributes = marked
        row.save(update_fields=["attributes"])
    Patient.objects.filter(pk=row.patient_id).update(identity_attributes=marked)


def index(row: LocalIdentity) -> None:
    """Write the keys under which the identity is found."""
    held = queries.ins_of([row.pk]).get(row.pk)
    keys = likeness.keys(queries.compared(row.traits, held.value if held else ""))
    IdentitySearch.objects.bulk_create(
        [IdentitySearch(identity=row, keys=keys)],
        update_conflicts=True,
        unique_fields=["identity"],
        update_fields=["keys"],
    )


def reconcile(row: LocalIdentity, *, actor: Actor, now: datetime, may_link: bool = True) -> None:
    """Look for who else this identity is: link it where certain, ask people where doubtful.

    What people decided stands: those said different are neither linked nor asked about again.

    Args:
        may_link: False for somebody just told apart: people are asked, whatever is certain.
    """
    if moving.opening_apart.get():
        return
    held = queries.ins_of([row.pk]).get(row.pk)
    ours = queries.compared(row.traits, held.value if held else "")
    certain: list[queries.Candidate] = []
    doubtful: list[tuple[queries.Candidate, PairKind]] = []
    for candidate in queries.candidates(ours):
        there = candidate.identity.regional_id
        if there == row.regional_id or moving.said_different(row.regional_id, there):
            continue
        kind = kind_of(row, candidate)
        certain_one = (
            kind == PairKind.DOUBTFUL
            and not row.traits.is_left_to_people
            and not candidate.identity.traits.is_left_to_people
            and not likeness.may_link(ours, candidate.traits, candidate.score)
            and not _share_a_domain(row.regional_id, there)
            and not moving.waits_between(row.regional_id, there, by_people=True)
        )
        if certain_one:
            certain.append(candidate)
        else:
            doubtful.append((candidate, kind))
    groups = {each.identity.regional_id for each in certain}
    if len(groups) == 1 and may_link:
        best = certain[0]
        decision = moving.write_decision(
            kind=ReconciliationKind.LINK,
            actor=actor,
            now=now,
            first=best.identity,
            second=row,
            score=best.score,
            automatic=True,
        )
        moving.join(decision, kept=best.identity.regional_id, gone=row.regional_id)
        row.refresh_from_db(fields=["regional"])
    else:
        # Two persons as alike as each other: homonyms by nature, for people to tell.
        doubtful = [(each, PairKind.DOUBTFUL) for each in certain] + doubtful
    for candidate, kind in doubtful[:5]:
        ask(row, candidate.identity, kind, candidate.score, now=now)
    ask_about_records(row, now=now)


def ask(
    one: LocalIdentity,
    other: LocalIdentity,
    kind: PairKind,
    score: likeness.Score | None,
    *,
    now: datetime,
) -> None:
    """Ask people about two identities, once for two groups."""
    apart = one.regional_id != other.regional_id
    if apart and moving.waits_between(one.regional_id, other.regional_id):
        return
    low, high = sorted((one, other), key=lambda each: each.pk)
    Pair.objects.get_or_create(
        first=low,
        second=high,
        defaults={
            "kind": kind,
            "risk": RISKS[kind],
            "found_at": now,
            "weight": score.weight if score else None,
            "probability": score.probability if score else None,
            "explanation": moving.explained(score) if score else [],
        },
    )


def ask_about_records(row: LocalIdentity, *, now: datetime) -> None:
    """Ask people to merge the records of Carbet that now belong to one person."""
    records = list(
        LocalIdentity.objects.filter(
            regional_id=row.regional_id, state=IdentityState.ACTIVE, patient__isnull=False
        ).order_by("pk")[:5]
    )
    for other in records[1:]:
        first = records[0]
        score = queries.explain(queries.compared(first.traits), queries.compared(other.traits))
        pair = Pair.objects.filter(first=first, second=other).first()
        if pair is None:
            ask(first, other, PairKind.RECORDS, score, now=now)
        elif pair.state in WAITING and pair.kind != PairKind.RECORDS:
            pair.kind, pair.risk = PairKind.RECORDS, RISKS[PairKind.RECORDS]
            pair.version += 1
            pair.save()


def kind_of(row: LocalIdentity, candidate: queries.Candidate) -> PairKind:
    score = candidate.score
    if likeness.collides(score):
        # One INS, and traits that do not go together.
        return PairKind.COLLISION
    if row.patient_id is not None and candidate.identity.patient_id is not None:
        return PairKind.RECORDS
    if row.domain_id == candidate.identity.domain_id:
        return PairKind.DOMAIN
    return PairKind.DOUBTFUL


def _share_a_domain(one: int, other: int) -> bool:
    """Tell whether both groups have a number in use in one domain: a double of its own."""
    held = LocalIdentity.objects.filter(state=IdentityState.ACTIVE)
    domains = held.filter(regional_id=one).values("domain_id")
    return held.filter(regional_id=other, domain_id__in=domains).exists()


def as_json(traits: Traits) -> dict[str, Any]:
    """Return traits as they are kept beside a collision."""
    found: dict[str, Any] = {}
    for name in rules.STORED_TRAITS:
        value = getattr(traits, name)
        found[name] = (
            list(value)
            if isinstance(value, tuple)
            else value.isoformat()
            if hasattr(value, "isoformat")
            else value
        )
    return found
