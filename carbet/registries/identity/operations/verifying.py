"""Verify an identity: the INS asked of INSi, a document seen, doubt cast and lifted."""

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import date, datetime
from typing import Any

from django.conf import settings

from carbet.connectors import insi
from carbet.core import names
from carbet.core.actor import Actor, for_house
from carbet.core.audit import Trace
from carbet.core.models import AuditEvent
from carbet.core.operation import UnableTo, operation
from carbet.registries.identity import access, queries, rules
from carbet.registries.identity.choices import (
    SETTABLE,
    TRUSTED_PROOFS,
    Attribute,
    NoticeKind,
    ProofKind,
)
from carbet.registries.identity.models import (
    IdentityIns,
    IdentityMark,
    IdentityProof,
    LocalIdentity,
)
from carbet.registries.identity.operations import moving
from carbet.registries.identity.operations.recording import index, keep_ins, reconcile
from carbet.registries.identity.rules import likeness
from carbet.registries.patients import operations as patients
from carbet.registries.patients.choices import INS_SYSTEMS
from carbet.registries.patients.models import Patient
from carbet.registries.patients.rules import FORBIDDING_ATTRIBUTES


class UnableToVerify(UnableTo):
    """The identity cannot be verified so."""


@operation("identity.ins.recover")
def recover_ins(trace: Trace, *, actor: Actor, now: datetime, identity_id: int) -> insi.Answer:
    """Ask INSi for the INS of an identity; keep it when the official traits are the same person's.

    The official traits then take the place of the local ones, first names first (RNIV 2.0). Where
    they are somebody else's, nothing is kept, the identity is doubtful, and its INS stops.

    Raises:
        UnableToAct: it is not the cell.
        UnableToVerify: a trait misses, it is doubtful or fictive, or INSi does not answer.
    """
    access.check_cell(actor)
    with moving.house(trace, actor, now=now):
        moving.lock_moves()
        row = _locked(identity_id)
        if row.traits.is_doubtful:
            raise UnableToVerify(
                "Une identité douteuse ou fictive ne s’interroge pas : levez d’abord le doute."
            )
        answer = _ask(row, now=now)
        if answer.report == insi.FOUND:
            _receive(row, answer, now=now, actor=actor)
    trace.about(
        patient_id=row.patient_id,
        entity=row,
        reason=f"INSi {answer.report}",
        outcome=AuditEvent.Outcome.SUCCESS,
    )
    return answer


@operation("identity.ins.verify")
def verify_ins(trace: Trace, *, actor: Actor, now: datetime, identity_id: int) -> bool:
    """Ask INSi, in one call of its own, whether an identity still bears its INS; return so.

    Where it does not, the identity is no longer recovered: its status drops, its INS stops.

    Raises:
        UnableToAct: it is not the cell.
        UnableToVerify: it has no INS, a trait misses, or INSi does not answer.
    """
    access.check_cell(actor)
    with moving.house(trace, actor, now=now):
        moving.lock_moves()
        row = _locked(identity_id)
        held = queries.ins_of([row.pk]).get(row.pk)
        if held is None:
            raise UnableToVerify("Cette identité ne porte pas d’INS : demandez-le d’abord.")
        question = _question(row)
        with _asking():
            right = insi.verify(
                question,
                ins=held.value,
                oid=held.system.removeprefix("urn:oid:"),
                now=now,
                stand_in=settings.DEMONSTRATION,
            )
        if not right:
            _write(row, actor=actor, now=now, ins_recovered=False)
    trace.about(
        patient_id=row.patient_id,
        entity=row,
        reason="INS confirmé" if right else "INS non confirmé",
    )
    return right


@operation("identity.prove", action="C")
def prove_identity(
    trace: Trace,
    *,
    actor: Actor,
    now: datetime,
    identity_id: int,
    kind: str,
    number_end: str = "",
    expires_on: date | None = None,
) -> IdentityProof:
    """Say that an identity was checked against a document; a trusted one validates it (RNIV).

    Raises:
        UnableToAct: it is not the cell.
        UnableToVerify: the document is out of date, or too much of its number is told.
    """
    access.check_cell(actor)
    if kind not in ProofKind.values:
        raise UnableToVerify("Choisissez une pièce.", field="kind")
    if len(number_end) > 4 or not (number_end.isalnum() or not number_end):
        raise UnableToVerify("Les quatre derniers caractères suffisent.", field="number_end")
    if expires_on is not None and expires_on < now.date():
        raise UnableToVerify("Cette pièce n’est plus valable.", field="expires_on")
    with moving.house(trace, actor, now=now):
        moving.lock_moves()
        row = _locked(identity_id)
        proof = IdentityProof.objects.create(
            identity=row,
            kind=kind,
            number_end=number_end.upper(),
            expires_on=expires_on,
            checked_at=now,
            checked_by_name=actor.display_name[:200],
        )
        if kind in TRUSTED_PROOFS and not row.traits.is_doubtful and not row.identity_checked:
            _write(row, actor=actor, now=now, identity_checked=True)
    trace.about(patient_id=row.patient_id, entity=proof, reason=proof.get_kind_display())
    return proof


@operation("identity.mark", action="U")
def mark_identity(
    trace: Trace, *, actor: Actor, now: datetime, identity_id: int, attribute: str, reason: str
) -> LocalIdentity:
    """Set an attribute of the RNIV on an identity, until the cell lifts it.

    Doubtful or fictive, its status drops and its INS stops; with a homonym, no machine links it
    any more and whoever searches before creating is warned.

    Raises:
        UnableToAct: it is not the cell.
        UnableToVerify: no such attribute, set already, or no reason.
    """
    access.check_cell(actor)
    if attribute not in SETTABLE:
        raise UnableToVerify("Choisissez un attribut.", field="attribute")
    if not reason.strip():
        raise UnableToVerify("Dites pourquoi : la raison est gardée.", field="reason")
    with moving.house(trace, actor, now=now):
        moving.lock_moves()
        row = _locked(identity_id)
        if attribute in row.marked:
            raise UnableToVerify("Cet attribut est déjà posé.", field="attribute")
        _mark(row, attribute, reason=reason.strip(), actor=actor, now=now)
    trace.about(patient_id=row.patient_id, entity=row, reason=f"{attribute} : {reason.strip()}")
    return row


@operation("identity.mark.lift", action="U")
def lift_mark(
    trace: Trace,
    *,
    actor: Actor,
    now: datetime,
    identity_id: int,
    attribute: str,
    reason: str,
    mistaken: bool = False,
) -> LocalIdentity:
    """Take an attribute away from an identity. After a doubt, document and INSi are asked again.

    What a domain told may be lifted too: its next message may tell it again.

    Args:
        mistaken: it was set wrongly: what a doubt took away comes back, unless told since.

    Raises:
        UnableToAct: it is not the cell.
        UnableToVerify: it is not there, no reason, a collision is still open, or the name says it.
    """
    access.check_cell(actor)
    if not reason.strip():
        raise UnableToVerify("Dites pourquoi : la raison est gardée.", field="reason")
    with moving.house(trace, actor, now=now):
        moving.lock_moves()
        row = _locked(identity_id)
        if attribute not in SETTABLE or attribute not in row.attributes:
            raise UnableToVerify("Cet attribut n’est pas posé sur cette identité.")
        if attribute == "DOUT" and "COLP" in row.attributes:
            raise UnableToVerify("Une collision attend : décidez-la d’abord.")
        if attribute == "DOUT" and rules.doubt_said(row.birth_family):
            raise UnableToVerify("Le nom lui-même dit le doute : corrigez-le d’abord.")
        standing = row.marks.filter(attribute=attribute, lifted_at__isnull=True).first()
        mark = standing or IdentityMark(
            identity=row,
            attribute=attribute,
            marked_at=row.said_at or row.updated_at,
            marked_by_name=row.domain.name,
        )
        mark.lifted_at, mark.lifted_by_name = now, actor.display_name[:200]
        mark.lifted_reason, mark.mistaken = reason.strip()[:500], mistaken
        mark.save()
        row.marked = [each for each in row.marked if each != attribute]
        row.save(update_fields=["marked"])
        left = [each for each in row.attributes if each != attribute]
        changes: dict[str, Any] = {"attributes": left}
        took = mistaken and not FORBIDDING_ATTRIBUTES & set(left)
        if took and not (row.ins_recovered or row.identity_checked):
            changes |= {"ins_recovered": mark.was_recovered, "identity_checked": mark.was_checked}
        _write(row, actor=actor, now=now, **changes)
        moving.notify([row], NoticeKind.UNMARKED, now=now)
    trace.about(patient_id=row.patient_id, entity=row, reason=f"{attribute} : {reason.strip()}")
    return row


def _question(row: LocalIdentity) -> insi.Question:
    if row.birth_date is None or not row.birth_given or row.gender == "unknown":
        raise UnableToVerify("INSi demande un nom, un prénom, un sexe et une date de naissance.")
    return insi.Question(
        family=names.strict_form(row.birth_family),
        given=names.strict_form(row.birth_given[0]),
        gender=row.gender,
        birth_date=row.birth_date,
        birth_date_precision=row.birth_date_precision,
        birth_place_code=row.birth_place_code if row.birth_place_code != "99999" else "",
    )


@contextmanager
def _asking() -> Iterator[None]:
    try:
        yield
    except (insi.NotConnected, insi.Unreadable, ConnectionError) as error:
        raise UnableToVerify(f"INSi ne répond pas : {error}. Rien n’a changé.") from error


def _ask(row: LocalIdentity, *, now: datetime) -> insi.Answer:
    question = _question(row)
    with _asking():
        answer = insi.recover(question, now=now, stand_in=settings.DEMONSTRATION)
    if answer.report == insi.FOUND and answer.system not in INS_SYSTEMS:
        raise UnableToVerify("INSi répond un INS d’une autorité inconnue. Rien n’a changé.")
    return answer


def _receive(row: LocalIdentity, answer: insi.Answer, *, actor: Actor, now: datetime) -> None:
    official = likeness.Traits(
        birth_family=answer.family,
        birth_given=answer.given,
        birth_date=answer.birth_date,
        birth_date_precision=answer.birth_date_precision,
        gender=answer.gender,
        birth_place_code=answer.birth_place_code,
    )
    score = queries.explain(queries.compared(row.traits), official)
    same = (
        score.level("family") not in ("different", "far", "shared", "inverted_near")
        and score.level("given") not in ("different", "far", "unknown")
        and score.level("birth_date") in ("equal", "january", "known")
        and score.level("gender") != "different"
    )
    if not same:
        why = "INSi répond les traits de quelqu’un d’autre."
        _mark(row, Attribute.DOUT.value, reason=why, actor=actor, now=now)
        return
    traits = {
        "birth_family": answer.family,
        "birth_given": list(answer.given),
        "gender": answer.gender,
        "birth_date": answer.birth_date,
        "birth_date_precision": answer.birth_date_precision,
        "birth_place_code": answer.birth_place_code,
    }
    held = queries.ins_of([row.pk]).get(row.pk)
    became = held is not None and held.value in {value for value, _ in answer.former}
    _write(
        row,
        actor=actor,
        now=now,
        ins=answer.ins,
        ins_system=answer.system,
        ins_replaces=held.value if held is not None and became else "",
        **traits,
    )
    _write(row, actor=actor, now=now, ins_recovered=True)
    keep_ins(row, answer.ins, answer.system, via="INSi", now=now)
    known = set(IdentityIns.objects.filter(identity=row).values_list("system", "value"))
    for value, oid in answer.former:
        if (f"urn:oid:{oid}", value) not in known:
            IdentityIns.objects.create(
                identity=row,
                value=value,
                system=f"urn:oid:{oid}",
                via="INSi",
                since=now,
                until=now,
            )
    index(row)
    reconcile(row, actor=actor, now=now)


def _mark(row: LocalIdentity, attribute: str, *, reason: str, actor: Actor, now: datetime) -> None:
    forbids = attribute in FORBIDDING_ATTRIBUTES
    IdentityMark.objects.create(
        identity=row,
        attribute=attribute,
        marked_at=now,
        marked_by_name=actor.display_name[:200],
        reason=reason[:500],
        was_recovered=row.ins_recovered,
        was_checked=row.identity_checked,
    )
    row.marked = sorted({*row.marked, attribute})
    row.save(update_fields=["marked"])
    axes = {"ins_recovered": False, "identity_checked": False} if forbids else {}
    attributes = sorted({*row.attributes, attribute})
    _write(row, actor=actor, now=now, attributes=attributes, **axes)
    moving.notify([row], NoticeKind.MARKED, now=now)


def _write(
    row: LocalIdentity,
    *,
    actor: Actor,
    now: datetime,
    ins: str = "",
    ins_system: str = "",
    ins_replaces: str = "",
    **changes: Any,
) -> None:
    """Change traits of an identity; in the domain of Carbet, of the record, which it mirrors."""
    if row.patient_id is None:
        for name, value in changes.items():
            setattr(row, name, value)
        row.updated_at = now
        row.version += 1
        row.save()
        index(row)
        return
    patient = Patient.objects.get(pk=row.patient_id)
    if "attributes" in changes:
        changes["identity_attributes"] = changes.pop("attributes")
    patients.update_patient(
        actor=for_house(actor),
        now=now,
        patient=patient,
        version=patient.version,
        changes=changes,
        ins=ins,
        ins_system=ins_system,
        ins_replaces=ins_replaces,
    )
    row.refresh_from_db()


def _locked(identity_id: int) -> LocalIdentity:
    row = LocalIdentity.objects.select_for_update().filter(pk=identity_id, known=True).first()
    if row is None:
        raise UnableToVerify("Cette identité n’existe pas.")
    return row
