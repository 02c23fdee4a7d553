"""What can be done with a living situation: describe it, say what an emergency must know."""

from datetime import datetime
from typing import Any, TypeVar

from django.db import IntegrityError, transaction

from carbet.coordination.situations.models import EmergencyInformation, Situation
from carbet.core import live
from carbet.core.actor import Actor, organization_key, role_key
from carbet.core.audit import Trace
from carbet.core.operation import UnableTo, UnableToAct, operation
from carbet.registries.directory.rules import WRITE_NOTEBOOK
from carbet.registries.patients import operations as patients
from carbet.registries.patients.models import Patient

LIVE_KIND = "situation"
M = TypeVar("M", Situation, EmergencyInformation)


class UnableToDescribe(UnableTo):
    """The situation cannot be written: somebody changed it meanwhile, or a value is not right."""


@operation("situation.describe")
def describe(
    trace: Trace,
    *,
    actor: Actor,
    now: datetime,
    patient: Patient,
    version: int,
    said: dict[str, Any],
    language: str,
    needs_interpreter: bool,
) -> Situation:
    """Write how the person lives, and the language to speak with them; former versions stay.

    Args:
        version: the one that was on screen, 0 when nothing was written yet.

    Raises:
        UnableToAct: the role does not write in records.
        UnableToDescribe: somebody changed it meanwhile.
    """
    row = _write(Situation, actor, patient, version, said, now=now)
    spoken = {"language": language, "needs_interpreter": needs_interpreter}
    if any(getattr(patient, name) != value for name, value in spoken.items()):
        patients.update_patient(
            actor=actor, now=now, patient=patient, version=patient.version, changes=spoken
        )
    trace.about(patient_id=patient.pk, entity=row)
    return row


@operation("situation.emergency")
def describe_emergency(
    trace: Trace,
    *,
    actor: Actor,
    now: datetime,
    patient: Patient,
    version: int,
    said: dict[str, Any],
) -> EmergencyInformation:
    """Write what an emergency must know at once; former versions stay.

    Raises:
        UnableToAct: the role does not write in records.
        UnableToDescribe: somebody changed it meanwhile.
    """
    row = _write(EmergencyInformation, actor, patient, version, said, now=now)
    trace.about(patient_id=patient.pk, entity=row)
    return row


def _write(
    model: type[M],
    actor: Actor,
    patient: Patient,
    version: int,
    said: dict[str, Any],
    *,
    now: datetime,
) -> M:
    if not actor.can(WRITE_NOTEBOOK) or actor.role_id is None:
        raise UnableToAct("Votre rôle ne permet pas d’écrire dans ce dossier.")
    row = model.objects.select_for_update().filter(patient_id=patient.pk).first()
    if (row.version if row else 0) != version:
        by = f" par {row.updated_by_name}" if row else ""
        raise UnableToDescribe(
            f"Cette fiche a été modifiée entre-temps{by}. Votre saisie est gardée ci-dessous :"
            " relisez la version enregistrée, puis enregistrez à nouveau."
        )
    row = row or model(patient_id=patient.pk, version=0)
    for name, value in said.items():
        setattr(row, name, value)
    row.version = version + 1
    row.updated_at, row.updated_by_id, row.updated_by_name = now, actor.role_id, actor.display_name
    try:
        with transaction.atomic():
            row.save()
    except IntegrityError as error:
        raise UnableToDescribe(
            "Quelqu’un vient d’écrire cette fiche. Votre saisie est gardée ci-dessous : relisez la"
            " version enregistrée, puis enregistrez à nouveau."
        ) from error
    own = [role_key(actor.role_id)]
    if actor.organization_id is not None:
        own.append(organization_key(actor.organization_id))
    live.announce(own, LIVE_KIND, now=now)
    return row
