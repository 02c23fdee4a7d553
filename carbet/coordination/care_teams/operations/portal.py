"""Open and close the personal space of the person and of the relatives she chose."""

from datetime import datetime

from carbet.coordination.care_teams import queries
from carbet.coordination.care_teams.choices import (
    GrantSource,
)
from carbet.coordination.care_teams.models import (
    RelatedPerson,
)
from carbet.core import grants
from carbet.core.actor import Actor, Level, account_key
from carbet.core.audit import Trace
from carbet.core.operation import UnableTo, operation
from carbet.registries.accounts.choices import AccountKind
from carbet.registries.accounts.models import Account
from carbet.registries.patients.models import Patient


class UnableToOpenPortal(UnableTo):
    """The personal space cannot be opened or closed as asked."""


@operation("portal.open", action="C")
def open_to_person(
    trace: Trace,
    *,
    actor: Actor,
    now: datetime,
    patient: Patient,
    account_id: int,
    related_person: RelatedPerson | None = None,
) -> None:
    """Let the person, or a relative they chose, read the record from the portal."""
    grants.grant(
        account_key(account_id),
        patient_id=patient.pk,
        level=Level.READ,
        source=GrantSource.PERSON,
        source_id=related_person.pk if related_person else None,
        now=now,
    )
    if related_person is not None:
        related_person.account_id = account_id
        related_person.save(update_fields=["account"])
    trace.about(patient_id=patient.pk, entity=related_person or patient)


@operation("portal.invite", action="C")
def invite_to_portal(
    trace: Trace,
    *,
    actor: Actor,
    now: datetime,
    patient: Patient,
    email: str,
    related_person_id: int | None = None,
) -> None:
    """Open the personal space to the account of this address: the person's, or a relative's.

    Raises:
        UnableToOpenPortal: no personal account has this address, or it reads the record already.
    """
    account = Account.objects.filter(
        email__iexact=email, kind=AccountKind.PERSON, is_active=True
    ).first()
    if account is None:
        raise UnableToOpenPortal(
            "Aucun compte personnel à cette adresse : la personne doit d’abord créer le sien.",
            field="email",
        )
    if account_key(account.pk) in queries.portal_keys(patient_id=patient.pk, on=now):
        raise UnableToOpenPortal("Ce compte lit déjà le dossier.", field="email")
    relative = None
    if related_person_id is not None:
        relative = RelatedPerson.objects.filter(
            pk=related_person_id, patient=patient, active=True
        ).first()
        if relative is None:
            raise UnableToOpenPortal("Ce proche ne fait pas partie du cercle.", field="holder")
    trace.about(patient_id=patient.pk, entity=relative or patient)
    open_to_person(
        actor=actor, now=now, patient=patient, account_id=account.pk, related_person=relative
    )


@operation("portal.close")
def close_portal(
    trace: Trace, *, actor: Actor, now: datetime, patient: Patient, account_id: int
) -> None:
    """Close the personal space to one account, at once.

    Raises:
        UnableToOpenPortal: the account did not read the record.
    """
    ended = grants.end(
        patient_id=patient.pk,
        source=GrantSource.PERSON,
        grantee=account_key(account_id),
        now=now,
    )
    if not ended:
        raise UnableToOpenPortal("Ce compte ne lit pas le dossier.")
    trace.about(patient_id=patient.pk, entity=f"Account/{account_id}")
