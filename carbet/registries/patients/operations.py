"""What can be done to an identity: register it, mend it, check it against a document."""

from datetime import date, datetime
from typing import Any

from django.db import IntegrityError, connection, transaction
from django.dispatch import Signal

from carbet.core import grants, names
from carbet.core.actor import Actor, Level
from carbet.core.audit import Trace
from carbet.core.operation import UnableTo, UnableToAct, operation
from carbet.registries.directory.rules import REGISTER_PATIENT
from carbet.registries.matching import rules as matching
from carbet.registries.matching.rules import Traits
from carbet.registries.patients import rules
from carbet.registries.patients.choices import (
    INS_TEST,
    INS_TYPES,
    DatePrecision,
    Gender,
    Language,
)
from carbet.registries.patients.models import (
    Patient,
    PatientIdentifier,
    PatientSearch,
    PatientTraits,
)

# Sent within the operation that writes an identity: patient, ins, ins_system, actor, now.
identity_written = Signal()
# Sent before a row of a person is locked to be changed: patient_id. Whoever moves identities locks
# these first and the row after; in the other order the two would wait for each other for ever.
identity_changing = Signal()


class UnableToRegisterPatient(UnableTo):
    """The person cannot be registered as given."""


class UnableToUpdatePatient(UnableTo):
    """The identity cannot be changed as asked."""


@operation("patient.register", action="C")
def register_patient(
    trace: Trace,
    *,
    actor: Actor,
    now: datetime,
    birth_family: str,
    birth_given: list[str],
    gender: str,
    birth_date: date,
    birth_date_precision: str = DatePrecision.DAY,
    used_family: str = "",
    used_given: str = "",
    birth_place_code: str = "",
    birth_place_name: str = "",
    ins: str = "",
    ins_system: str = "",
    ins_recovered: bool = False,
    identity_checked: bool = False,
    identity_attributes: list[str] | None = None,
    address_line: str = "",
    postal_code: str = "",
    city: str = "",
    commune_id: str | None = None,
    access_note: str = "",
    phone: str = "",
    language: str = Language.FRENCH,
    needs_interpreter: bool = False,
    identifiers_given: list[tuple[str, str, str]] | None = None,
) -> Patient:
    """Register a person not known yet; whoever registers may manage the record.

    Args:
        ins: 15 characters with their key, of the system `ins_system` (an OID as a URN).
        identifiers_given: further (system, value, type code).

    Raises:
        UnableToAct: the role may not register.
        UnableToRegisterPatient: a date to come, a wrong INS key, an INS already known.
    """
    if not actor.can(REGISTER_PATIENT):
        raise UnableToAct("Votre rôle ne permet pas d’enregistrer une personne.")
    if wrong := rules.wrong_birth_date(birth_date, on=now.date()):
        raise UnableToRegisterPatient(wrong, field="birth_date")
    given = [name.strip() for name in birth_given if name.strip()]
    if not given:
        raise UnableToRegisterPatient("Indiquez au moins un prénom.", field="birth_given")
    if ins:
        ins = _checked_ins(ins)
    patient = Patient(
        pk=_next_id(),
        birth_family=birth_family.strip(),
        birth_given=given,
        used_family=used_family.strip(),
        used_given=used_given.strip(),
        gender=Gender(gender),
        birth_date=birth_date,
        birth_date_precision=birth_date_precision,
        birth_place_code=birth_place_code,
        birth_place_name=birth_place_name,
        ins_recovered=bool(ins) and ins_recovered,
        identity_checked=identity_checked,
        identity_attributes=identity_attributes or [],
        address_line=address_line,
        postal_code=postal_code,
        city=city,
        commune_id=commune_id,
        access_note=access_note,
        phone=phone,
        language=language,
        needs_interpreter=needs_interpreter,
        created_at=now,
        updated_at=now,
    )
    # The grant comes first: without it row security would not show the new row to its author.
    for grantee in _registrars(actor):
        grants.grant(
            grantee, patient_id=patient.pk, level=Level.MANAGE, source="registration", now=now
        )
    patient.save(force_insert=True)
    wanted = list(identifiers_given or [])
    if ins:
        wanted.append((ins_system, ins, INS_TYPES.get(ins_system, "INS-NIR")))
    for system, value, type_code in wanted:
        _identify(patient, system, value, type_code)
    index(patient, ins=ins)
    trace.about(patient_id=patient.pk, entity=patient)
    identity_written.send(
        Patient, patient=patient, ins=ins, ins_system=ins_system, actor=actor, now=now
    )
    return patient


@operation("patient.update")
def update_patient(
    trace: Trace,
    *,
    actor: Actor,
    now: datetime,
    patient: Patient,
    version: int,
    changes: dict[str, Any],
    ins: str = "",
    ins_system: str = INS_TEST,
    ins_replaces: str = "",
) -> Patient:
    """Change traits of a person; the former version stays in its history.

    A change of a strict trait unties the identity from the INS service, which must be asked again
    (RNIV 2.0): a qualified identity is then a validated one.

    Args:
        ins: 15 characters, when the person had none yet.
        ins_replaces: the INS that the person bore, when the national service says that it became
            this one.

    Raises:
        UnableToUpdatePatient: somebody changed it meanwhile, or the change is not plausible.
    """
    identity_changing.send(Patient, patient_id=patient.pk, names=frozenset(changes), ins=ins)
    row = Patient.objects.select_for_update().get(pk=patient.pk)
    if row.version != version:
        raise UnableToUpdatePatient(
            "Cette identité a été modifiée entre-temps : relisez-la avant d’enregistrer."
        )
    if (birth_date := changes.get("birth_date")) and (
        wrong := rules.wrong_birth_date(birth_date, on=now.date())
    ):
        raise UnableToUpdatePatient(wrong, field="birth_date")
    strict = {
        name
        for name, value in changes.items()
        if name in rules.STRICT_TRAITS and value != getattr(row, name)
    }
    for name, value in changes.items():
        setattr(row, name, value)
    if strict:
        row.ins_recovered = False
    row.version += 1
    row.updated_at = now
    row.save()
    held = row.identifiers.filter(system__in=INS_TYPES).first()
    if ins and held is None:
        _identify(row, ins_system, _checked_ins(ins), INS_TYPES[ins_system])
    elif ins and held is not None and ins_replaces == held.value != _checked_ins(ins):
        _identify_anew(held, ins_system, _checked_ins(ins))
    elif ins and held is not None and held.value != _checked_ins(ins):
        raise UnableToUpdatePatient(
            "Un autre INS est déjà rattaché à cette identité : signalez-le à la cellule"
            " d’identitovigilance.",
            field="ins",
        )
    index(row, ins=held.value if held else ins.replace(" ", ""))
    trace.about(patient_id=row.pk, entity=row)
    identity_written.send(
        Patient,
        patient=row,
        ins=held.value if held else ins.replace(" ", "").upper(),
        ins_system=held.system if held else ins_system,
        actor=actor,
        now=now,
    )
    return row


def index(patient: Patient, *, ins: str = "") -> None:
    """Write the keys under which the person is found."""
    keys = names.search_keys(
        patient.birth_family,
        patient.used_family,
        patient.birth_given,
        patient.used_given,
        patient.birth_date,
        ins or None,
    )
    PatientSearch.objects.bulk_create(
        [PatientSearch(patient=patient, keys=keys, sort_key=sort_key(patient))],
        update_conflicts=True,
        unique_fields=["patient"],
        update_fields=["keys", "sort_key"],
    )
    write_traits(patient_id=patient.pk, traits=rules.traits_of(patient, ins=ins))


def write_traits(*, patient_id: int, traits: Traits, source: int = 0) -> None:
    """Write one set of traits under which the person is found, in place of the former ones.

    Args:
        source: 0 for the traits of the record, or the number of a domain's identity.
    """
    prepared = matching.prepare(traits)
    PatientTraits.objects.bulk_create(
        [
            PatientTraits(
                patient_id=patient_id,
                source=source,
                keys=matching.blocking_keys(prepared),
                packed=matching.pack(prepared),
            )
        ],
        update_conflicts=True,
        unique_fields=["patient", "source"],
        update_fields=["keys", "packed"],
    )


def forget_traits(*, patient_id: int, source: int) -> None:
    """Find the person no more by what a domain wrote, when its identity is theirs no longer."""
    PatientTraits.objects.filter(patient_id=patient_id, source=source).exclude(source=0).update(
        keys=[]
    )


def sort_key(patient: Patient) -> str:
    """Return the key that sorts persons as French readers expect, on every server."""
    family = patient.used_family or patient.birth_family
    given = patient.used_given or patient.birth_given[0]
    return names.comparison_form(f"{family} {given}")[:120]


def _registrars(actor: Actor) -> list[str]:
    """Return who holds the new record: the role, the doctor a secretary acts for, or the system's
    organization."""
    if actor.role_id is not None:
        return [f"role:{role}" for role in (actor.role_id, *actor.delegated_role_ids)]
    return list(actor.grantees)


def _checked_ins(ins: str) -> str:
    if wrong := rules.wrong_ins(ins):
        raise UnableToRegisterPatient(wrong, field="ins")
    return ins.replace(" ", "").upper()


def _identify(patient: Patient, system: str, value: str, type_code: str) -> None:
    try:
        with transaction.atomic():
            PatientIdentifier.objects.create(
                patient=patient, system=system, value=value, type_code=type_code
            )
    except IntegrityError as error:
        raise UnableToRegisterPatient(
            "Cet identifiant est déjà celui d’une personne connue : cherchez-la d’abord,"
            " ou signalez-le à la cellule d’identitovigilance.",
            field="ins" if system in INS_TYPES else None,
        ) from error


def _identify_anew(held: PatientIdentifier, system: str, value: str) -> None:
    """Give a person the INS that hers became; the former one stays in the history of identities."""
    held.system, held.value, held.type_code = system, value, INS_TYPES[system]
    try:
        with transaction.atomic():
            held.save()
    except IntegrityError as error:
        raise UnableToUpdatePatient(
            "Cet INS est déjà celui d’une personne connue : la cellule d’identitovigilance décide.",
            field="ins",
        ) from error


def _next_id() -> int:
    with connection.cursor() as cursor:
        cursor.execute("SELECT nextval(pg_get_serial_sequence('patients_patient', 'id'))")
        return int(cursor.fetchone()[0])
