"""What every change of a request does: hold it, count it, write its step, tell its requester."""

from datetime import datetime

from carbet.coordination.alerts import operations as alerts
from carbet.coordination.alerts.choices import AlertKind
from carbet.coordination.care_teams.choices import GrantSource
from carbet.coordination.support import rules
from carbet.coordination.support.choices import RequestStatus, RequestStepKind, Told
from carbet.coordination.support.models import RequestStep, SupportRequest
from carbet.core import grants, live
from carbet.core.actor import Actor, account_key, organization_key, role_key
from carbet.core.identifiers import short_id
from carbet.core.operation import UnableTo
from carbet.registries.directory.rules import TRIAGE_SUPPORT

LIVE_KIND = "request"


class UnableToAnswerRequest(UnableTo):
    """The request cannot be answered or withdrawn: somebody did already, or the person objects."""


def is_own(request: SupportRequest, actor: Actor) -> bool:
    """Tell whether the actor made this request, or wrote it down for whoever did."""
    if actor.role_id is not None:
        return actor.role_id in (request.requester_id, request.recorded_by_id)
    if actor.is_person:
        return actor.account_id is not None and request.requester_account_id == actor.account_id
    return (
        actor.organization_id is not None
        and request.requester_organization_id == actor.organization_id
    )


def is_addressed(request: SupportRequest, actor: Actor) -> bool:
    """Tell whether the actor answers the requests of the team to which this one is addressed."""
    return actor.can(TRIAGE_SUPPORT) and request.addressee_id == actor.organization_id


def requester_keys(request: SupportRequest) -> list[str]:
    """Return whom to tell in Carbet of what becomes of a request: nobody for a mere name."""
    keys = [role_key(role) for role in (request.requester_id, request.recorded_by_id) if role]
    if request.requester_account_id:
        keys.append(account_key(request.requester_account_id))
    if request.requester_organization_id and not request.requester_id:
        keys.append(organization_key(request.requester_organization_id))
    return list(dict.fromkeys(keys))


def told_how(request: SupportRequest) -> Told:
    """Return how the requester learns of a step: a name without account is called."""
    known = (
        request.requester_id or request.requester_account_id or request.requester_organization_id
    )
    return Told.HERE if known else Told.CALL


def lock(request: SupportRequest) -> SupportRequest | None:
    """Return the row, held; None once its identity has closed to the actor."""
    # No join: a row that waited for its lock would come with the neighbours it had before.
    return SupportRequest.objects.select_for_update().filter(pk=request.pk).first()


def check_waits(row: SupportRequest) -> None:
    """Refuse what was answered already, saying by whom."""
    if rules.waits(row.status):
        return
    if row.status == RequestStatus.WITHDRAWN:
        raise UnableToAnswerRequest("Le demandeur a retiré cette demande.")
    answer = RequestStatus(row.status).label.lower()
    by = f" par {row.decided_by.practitioner}" if row.decided_by else ""
    raise UnableToAnswerRequest(f"Cette demande a déjà été {answer}{by}.")


def save(row: SupportRequest, *columns: str, now: datetime) -> None:
    """Write these columns, count the change, and have open screens ask again."""
    row.version += 1
    row.updated_at = now
    row.save(update_fields=[*columns, "version", "updated_at"])
    refresh_screens(row, now=now)


def refresh_screens(row: SupportRequest, *, now: datetime) -> None:
    """Announce the change to the team asked and to the requester."""
    live.announce([organization_key(row.addressee_id), *requester_keys(row)], LIVE_KIND, now=now)


def write_step(
    row: SupportRequest,
    kind: RequestStepKind,
    *,
    actor: Actor,
    now: datetime,
    text: str = "",
    tells: bool = False,
) -> RequestStep:
    """Write what happened to a request; with `tells`, its requester learns of it."""
    told = told_how(row) if tells else Told.NOBODY
    step = RequestStep.objects.create(
        request=row,
        patient_id=row.patient_id,
        kind=kind,
        at=now,
        author_role_id=actor.role_id,
        author_name=actor.display_name or actor.organization_name,
        text=text[:2000],
        told=told,
        told_at=now if told == Told.HERE else None,
    )
    if tells:
        tell(row, requester_keys(row), AlertKind.SUPPORT_ANSWER, actor=actor, now=now)
    return step


def tell(
    row: SupportRequest,
    keys: list[str],
    kind: AlertKind,
    *,
    actor: Actor,
    now: datetime,
    urgent: bool = False,
) -> None:
    """Alert these recipients of a request; a person finds it at their own door."""
    at_the_portal = [key for key in keys if key.startswith("account:")]
    here = [key for key in keys if key not in at_the_portal]
    for recipients, page in ((here, "support"), (at_the_portal, "request")):
        if recipients:
            alerts.raise_alert(
                actor=actor,
                now=now,
                patient_id=row.patient_id,
                recipients=recipients,
                kind=kind,
                target=f"{page}:{short_id(row.pk)}",
                urgent=urgent,
            )


def close_identity(row: SupportRequest, *, now: datetime) -> None:
    """End what the request had opened to the team."""
    grants.end(
        patient_id=row.patient_id,
        source=GrantSource.SUPPORT_REQUEST,
        source_id=row.pk,
        now=now,
    )
