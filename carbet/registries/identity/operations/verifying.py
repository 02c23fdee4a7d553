"""Verify an identity: the INS asked of INSi, a document seen, doubt cast and lifted."""

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
from carbet.registries.identity.choices import TRUSTED_PROOFS, ProofKind
from carbet.registries.identity.models import IdentityIns, IdentityProof, LocalIdentity
from carbet.registries.identity.operations import moving
from carbet.registries.identity.operations.recording import index, keep_ins, reconcile
from carbet.registries.identity.rules import likeness
from carbet.registries.patients import operations as patients
from carbet.registries.patients.choices import INS_SYSTEMS
from carbet.registries.patients.models import Patient


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
    """Ask INSi whether an identity still bears its INS. Return whether it does.

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
        answer = _ask(row, now=now)
        right = answer.report == insi.FOUND and answer.ins[:13] == held.value[:13]
        if not right:
            _write(row, actor=actor, now=now, ins_recovered=False)
    trace.about(
        patient_id=row.patient_id,
        entity=row,
        reason="INS confirmé" if right else f"INS non confirmé ({answer.report})",
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


@operation("identity.doubt")
def cast_doubt(
    trace: Trace, *, actor: Actor, now: datetime, identity_id: int, reason: str
) -> LocalIdentity:
    """Say that an identity may be somebody else's: its status drops and its INS stops.

    Raises:
        UnableToAct: it is not the cell.
        UnableToVerify: no reason.
    """
    access.check_cell(actor)
    if not reason.strip():
        raise UnableToVerify("Dites pourquoi : la raison est gardée.", field="reason")
    with moving.house(trace, actor, now=now):
        moving.lock_moves()
        row = _locked(identity_id)
        _doubt(row, actor=actor, now=now)
    trace.about(patient_id=row.patient_id, entity=row, reason=reason.strip())
    return row


@operation("identity.doubt.lift")
def lift_doubt(
    trace: Trace, *, actor: Actor, now: datetime, identity_id: int, reason: str
) -> LocalIdentity:
    """Say that an identity is doubtful no more; a document and INSi are asked again.

    Raises:
        UnableToAct: it is not the cell.
        UnableToVerify: no reason, or a collision is still open.
    """
    access.check_cell(actor)
    if not reason.strip():
        raise UnableToVerify("Dites pourquoi : la raison est gardée.", field="reason")
    with moving.house(trace, actor, now=now):
        moving.lock_moves()
        row = _locked(identity_id)
        if "COLP" in row.attributes:
            raise UnableToVerify("Une collision attend : décidez-la d’abord.")
        if rules.doubt_said(row.birth_family):
            raise UnableToVerify("Le nom lui-même dit le doute : corrigez-le d’abord.")
        row.doubted_at = None
        row.save(update_fields=["doubted_at"])
        _write(
            row,
            actor=actor,
            now=now,
            attributes=[each for each in row.attributes if each != "DOUT"],
        )
    trace.about(patient_id=row.patient_id, entity=row, reason=reason.strip())
    return row


def _ask(row: LocalIdentity, *, now: datetime) -> insi.Answer:
    if row.birth_date is None or not row.birth_given or row.gender == "unknown":
        raise UnableToVerify("INSi demande un nom, un prénom, un sexe et une date de naissance.")
    place = row.birth_place_code if row.birth_place_code != "99999" else ""
    question = insi.Question(
        family=names.strict_form(row.birth_family),
        given=names.strict_form(row.birth_given[0]),
        gender=row.gender,
        birth_date=row.birth_date,
        birth_place_code=place,
    )
    try:
        answer = insi.recover(question, now=now, stand_in=settings.DEMONSTRATION)
    except (insi.NotConnected, insi.Unreadable, ConnectionError) as error:
        raise UnableToVerify(f"INSi ne répond pas : {error}. Rien n’a changé.") from error
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
        _doubt(row, actor=actor, now=now)
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


def _doubt(row: LocalIdentity, *, actor: Actor, now: datetime) -> None:
    row.doubted_at = row.doubted_at or now
    row.save(update_fields=["doubted_at"])
    _write(
        row,
        actor=actor,
        now=now,
        attributes=sorted({*row.attributes, "DOUT"}),
        ins_recovered=False,
        identity_checked=False,
    )


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
