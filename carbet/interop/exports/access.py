"""Who may take a record out, and who a territory."""

from datetime import datetime

from carbet.coordination.care_teams import access as care_teams
from carbet.coordination.care_teams.access import NoSuchRecord
from carbet.core import audit
from carbet.core.actor import Actor, Level, internal
from carbet.core.operation import UnableToAct
from carbet.interop.exports.models import RecordExport, TerritoryExport
from carbet.interop.exports.rules import is_open
from carbet.registries.directory.rules import OPERATE
from carbet.registries.patients.models import Patient

__all__ = [
    "OPERATE",
    "NoSuchRecord",
    "get_archive",
    "get_patient",
    "get_territory",
    "get_whole",
    "is_own",
    "keeper",
]

HOUSE = internal("Exports")


def get_patient(
    *, actor: Actor, patient_id: int, now: datetime, purpose: str = "export.enter"
) -> Patient:
    """Return the person whose record the actor may take out: whoever reads it.

    Raises:
        NoSuchRecord: there is none, or not for this actor.
    """
    return care_teams.get_record(
        actor=actor, patient_id=patient_id, now=now, level=Level.READ, purpose=purpose
    )


def is_own(export: RecordExport | TerritoryExport, actor: Actor) -> bool:
    """Tell whether this very person asked for it, under this very role."""
    return (export.account_id, export.role_id) == (actor.account_id, actor.role_id)


def get_archive(*, actor: Actor, patient: Patient, export_id: int, now: datetime) -> RecordExport:
    """Return an archive that the actor asked for and may still take, and trace the taking.

    Raises:
        NoSuchRecord: there is none, it is somebody else's, or its time is over.
    """
    found = RecordExport.objects.filter(patient_id=patient.pk, pk=export_id).first()
    if (
        found is None
        or not is_own(found, actor)
        or not is_open(found.status, found.expires_at, now)
    ):
        raise NoSuchRecord
    audit.read(actor, "export.take", now=now, patient_id=patient.pk, entity=found)
    return found


def keeper(actor: Actor) -> Actor:
    """Return the house itself, on behalf of someone who may operate it.

    Raises:
        UnableToAct: the actor does not operate the house.
    """
    if not actor.can(OPERATE):
        raise UnableToAct("Votre rôle ne permet pas d’exploiter Carbet.")
    return internal(actor.display_name)


def get_territory(*, export_id: int) -> TerritoryExport:
    """Return an export of the territory, inside the house's own transaction.

    Raises:
        NoSuchRecord: there is none.
    """
    found = TerritoryExport.objects.filter(pk=export_id).first()
    if found is None:
        raise NoSuchRecord
    return found


def get_whole(*, actor: Actor, export_id: int, now: datetime) -> TerritoryExport:
    """Return an export of the territory that the actor asked for and may take; trace the taking.

    Raises:
        NoSuchRecord: there is none, it is somebody else's, or its time is over.
    """
    found = get_territory(export_id=export_id)
    if not is_own(found, actor) or not is_open(found.status, found.expires_at, now):
        raise NoSuchRecord
    audit.read(actor, "territory.take", now=now, patient_id=None, entity=found)
    return found
