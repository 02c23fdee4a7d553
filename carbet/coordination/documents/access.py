"""Who may enter the documents of a person, and in whose name one writes in a record."""

from datetime import datetime

from carbet.coordination.care_teams import access as care_teams
from carbet.coordination.care_teams import queries as circles
from carbet.coordination.care_teams.access import NoSuchRecord
from carbet.coordination.documents.choices import DocumentStatus
from carbet.coordination.documents.models import Document, File
from carbet.core import audit
from carbet.core.actor import SYSTEM, Actor, Level, organization_key, role_key
from carbet.core.operation import UnableTo, UnableToAct
from carbet.registries.directory.models import PractitionerRole
from carbet.registries.directory.rules import WRITE_NOTEBOOK
from carbet.registries.patients.models import Patient

__all__ = [
    "NoSuchRecord",
    "UnableToSign",
    "get_document",
    "get_documents",
    "get_file",
    "is_own",
    "own_keys",
    "signature",
]


class UnableToSign(UnableTo):
    """Several doctors could be meant: say for whom this is written."""


def get_documents(
    *,
    actor: Actor,
    patient_id: int,
    now: datetime,
    level: Level = Level.READ,
    purpose: str = "documents.read",
) -> Patient:
    """Return the person whose documents the actor opens, and trace it.

    Raises:
        NoSuchRecord: there is none, or not for this actor at this level.
    """
    return care_teams.get_record(
        actor=actor, patient_id=patient_id, now=now, level=level, purpose=purpose
    )


def get_document(*, patient: Patient, document_id: int) -> Document:
    """Return a document of a record already entered.

    Raises:
        NoSuchRecord: it is not there, or not for this reader.
    """
    document = Document.objects.filter(patient_id=patient.pk, pk=document_id).first()
    if document is None:
        raise NoSuchRecord
    return document


def get_file(
    *, actor: Actor, patient: Patient, document_id: int, number: int, now: datetime
) -> File:
    """Return one version of the file of a document, and trace that it was opened.

    What was withdrawn (filed in the wrong record, most often) opens for its author only.

    Raises:
        NoSuchRecord: it is not there, or not for this reader.
    """
    file = (
        File.objects.filter(patient_id=patient.pk, document_id=document_id, number=number)
        .select_related("document")
        .first()
    )
    if file is None or (
        file.document.status == DocumentStatus.ENTERED_IN_ERROR and not is_own(file.document, actor)
    ):
        raise NoSuchRecord
    audit.read(actor, "documents.open", now=now, patient_id=patient.pk, entity=file)
    return file


def is_own(document: Document, actor: Actor) -> bool:
    """Tell whether the actor filed this document: only its author withdraws or replaces it."""
    if actor.kind == SYSTEM:
        return document.author_organization_id == actor.organization_id
    return document.author_role_id is not None and document.author_role_id == actor.role_id


def own_keys(signed: dict[str, int | str | None]) -> list[str]:
    """Return the keys of whoever signs: they always see what they wrote."""
    organization = signed.get("author_organization_id")
    own = [organization_key(organization)] if isinstance(organization, int) else []
    return own + [
        role_key(number)
        for number in (signed.get("author_role_id"), signed.get("on_behalf_of_id"))
        if isinstance(number, int)
    ]


def signature(
    actor: Actor, *, patient_id: int, on_behalf_of_id: int | None = None
) -> dict[str, int | str | None]:
    """Return who writes in a record, and for whom, as columns of the row written.

    Raises:
        UnableToAct: the role does not write in records, nor for somebody who does.
        UnableToSign: a delegate of several doctors did not say for whom.
    """
    if actor.kind == SYSTEM:
        return {
            "author_organization_id": actor.organization_id,
            "author_name": actor.organization_name or actor.display_name,
        }
    if actor.role_id is None:
        raise UnableToAct("Choisissez d’abord le rôle sous lequel vous travaillez.")
    own: dict[str, int | str | None] = {
        "author_role_id": actor.role_id,
        "author_name": actor.display_name,
    }
    if on_behalf_of_id is None and actor.can(WRITE_NOTEBOOK):
        return own
    delegators = [
        role
        for role in PractitionerRole.objects.filter(pk__in=actor.delegated_role_ids)
        if on_behalf_of_id in (None, role.pk)
    ]
    writers = set(circles.keys_of_level(patient_id=patient_id, level=Level.WRITE))
    allowed = [
        role for role in delegators if writers & {role.key, organization_key(role.organization_id)}
    ]
    if len(allowed) > 1:
        raise UnableToSign("Dites pour qui vous écrivez.", field="on_behalf_of")
    if not allowed:
        raise UnableToAct("Votre rôle ne permet pas d’écrire dans ce cahier.")
    return own | {"on_behalf_of_id": allowed[0].pk}
