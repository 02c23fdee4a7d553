"""What can be asked of a circle: its members, its managers, what the person decided."""

from dataclasses import dataclass
from datetime import datetime, timedelta

from django.db import connection
from django.db.models import OuterRef, Q, QuerySet, Subquery
from django.db.models.expressions import RawSQL

from carbet.coordination.care_teams import rules
from carbet.coordination.care_teams.choices import (
    ConsentDecision,
    GrantSource,
    InvitationStatus,
    ParticipantRole,
    Relationship,
)
from carbet.coordination.care_teams.models import (
    CareTeam,
    CareTeamParticipant,
    Consent,
    GlassBreaking,
    Invitation,
    RelatedPerson,
)
from carbet.core.actor import Actor, DataCategory, Level, organization_key, role_key
from carbet.core.models import AccessGrant, AuditEvent, OutboxMessage
from carbet.registries.accounts.models import Account
from carbet.registries.directory.models import Organization
from carbet.registries.patients import queries as patients
from carbet.registries.patients.access import grants_of, patients_open_to
from carbet.registries.patients.models import Patient

# The traces that say "this person opened the record", and how long one visit lasts.
VISITS = ("chart.read", "notebook.read")
SAME_VISIT = timedelta(minutes=30)
# A record open to somebody for less than this, and that they never opened, is new to them.
LATELY = timedelta(days=30)
# How many records, opened last or open lately, are looked at for what is new there.
MOST_LOOKED_AT = 35


@dataclass(frozen=True)
class PortalReader:
    """One account that reads the record from the portal."""

    account_id: int
    name: str
    relationship: str
    is_relative: bool


LOG_PAGE = 100
TO_REVIEW = 50


def active_participants(*, care_team: CareTeam, on: datetime) -> QuerySet[CareTeamParticipant]:
    """Return the members present at this moment, attending doctor first, with their names."""
    return (
        _with_members(care_team.participants.all())
        .filter(Q(ended_at__isnull=True) | Q(ended_at__gt=on), started_at__lte=on)
        .order_by("-role", "started_at", "pk")
    )


def participants(*, patient_id: int) -> QuerySet[CareTeamParticipant]:
    """Return every stay in the circle of the person, the present ones first."""
    return _with_members(CareTeamParticipant.objects.filter(patient_id=patient_id)).order_by(
        "-ended_at", "started_at", "pk"
    )


def consent_decision(*, patient_id: int) -> str | None:
    """Return the person's latest decision, or None when none was recorded."""
    return (
        Consent.objects.filter(patient_id=patient_id)
        .order_by("-recorded_at", "-pk")
        .values_list("decision", flat=True)
        .first()
    )


def consents(*, patient_id: int) -> QuerySet[Consent]:
    """Return every decision of the person, the latest first, with who recorded it."""
    return (
        Consent.objects.filter(patient_id=patient_id)
        .select_related("recorded_by__practitioner", "related_person")
        .order_by("-recorded_at", "-pk")
    )


def consent(*, patient_id: int, consent_id: int) -> Consent | None:
    """Return one decision of the person, with who recorded it and who answered."""
    return consents(patient_id=patient_id).filter(pk=consent_id).first()


def latest_consent(*, patient_id: int) -> Consent | None:
    """Return the latest consent, with who recorded it."""
    return (
        Consent.objects.filter(patient_id=patient_id)
        .select_related("recorded_by__practitioner")
        .order_by("-recorded_at", "-pk")
        .first()
    )


def has_given_consent(*, patient_id: int) -> bool:
    """Tell whether the person's latest decision is an agreement."""
    return consent_decision(patient_id=patient_id) == ConsentDecision.GIVEN


def managing_keys(*, patient_id: int) -> list[str]:
    """Return the grantees who manage the record: they are told of what concerns its safety."""
    return keys_of_level(patient_id=patient_id, level=Level.MANAGE)


@dataclass(frozen=True)
class Carer:
    """Who may enter a record now: their key, how far, and for a role the key of its structure."""

    key: str
    level: Level
    structure: str | None


def carers(*, patient_id: int, category: DataCategory | None = None) -> list[Carer]:
    """Return every professional grantee who may read the record now, in one query.

    Args:
        category: only those to whom this category of data is open.
    """
    with connection.cursor() as cursor:
        cursor.execute(
            # A look by key for each: joined, the few keys of a function are taken for thousands,
            # and the whole directory is read for them.
            "SELECT held.key, held.level,"
            " (SELECT r.organization_id FROM directory_practitionerrole r"
            "  WHERE r.id = substring(held.key FROM '^role:([0-9]+)$')::bigint)"
            " FROM (SELECT every.key, max(every.level) AS level FROM ("
            " SELECT carbet_grantees_of(%(p)s, 20, %(c)s) AS key, 20 AS level"
            " UNION ALL SELECT carbet_grantees_of(%(p)s, 30, %(c)s), 30"
            " UNION ALL SELECT carbet_grantees_of(%(p)s, 40, %(c)s), 40) every GROUP BY 1) held",
            {"p": patient_id, "c": int(category or 0)},
        )
        return [
            Carer(key, Level(level), organization_key(place) if place else None)
            for key, level, place in cursor.fetchall()
        ]


# Who is told first when nobody answers: the attending doctor, the coordinator, then the others.
_ORDER = {ParticipantRole.ATTENDING: 0, ParticipantRole.COORDINATOR: 1}


def next_to_tell(
    *, patient_id: int, told: set[str], now: datetime, among: set[str] | None = None
) -> list[str]:
    """Return the key of the member to tell next of what nobody reads, or nothing when none is left.

    The attending doctor, the coordinator, the others from the oldest in the circle, then the
    structures of the circle, then those where its members work: a colleague or a secretary.

    Args:
        among: the only keys that may be told, when what waits is not for everybody.
    """
    care_team = care_team_of(patient_id=patient_id)
    if care_team is None:
        return []
    stays = sorted(
        active_participants(care_team=care_team, on=now),
        key=lambda stay: (_ORDER.get(stay.role, 2), stay.started_at, stay.pk),
    )
    roles = [stay.practitioner_role for stay in stays if stay.practitioner_role is not None]
    at_work = [role for role in roles if role.ended_at is None or role.ended_at > now]
    keys = [role_key(role.pk) for role in at_work]
    keys += [organization_key(stay.organization_id) for stay in stays if stay.organization_id]
    keys += [organization_key(role.organization_id) for role in at_work]
    left = (key for key in keys if key not in told and (among is None or key in among))
    return next(([key] for key in left), [])


def keys_of_level(
    *, patient_id: int, level: Level, category: DataCategory | None = None
) -> list[str]:
    """Return the grantees who may go at least this far now, professionals only.

    Args:
        category: only those to whom this category of data is open.
    """
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT carbet_grantees_of(%s, %s, %s)", [patient_id, int(level), int(category or 0)]
        )
        return [row[0] for row in cursor.fetchall()]


def previous_visit(*, actor: Actor, patient_id: int, now: datetime) -> datetime | None:
    """Return when the actor last opened the record before this visit, or None the first time.

    What was read in the last 30 minutes belongs to the visit under way; what a screen left open
    asks again by itself is no visit.
    """
    return (
        AuditEvent.objects.filter(
            patient_id=patient_id,
            account_id=actor.account_id,
            role_id=actor.role_id,
            operation__in=VISITS,
            outcome=AuditEvent.Outcome.SUCCESS,
            recorded_at__lt=now - SAME_VISIT,
        )
        .order_by("-recorded_at")
        .values_list("recorded_at", flat=True)
        .first()
    )


# The same as `previous_visit`, as a column of `access.get_record`.
LAST_VISIT = f"""(
  SELECT e.recorded_at FROM core_auditevent e
  WHERE e.patient_id = p.id AND e.account_id = %(account)s
    AND e.role_id IS NOT DISTINCT FROM %(role)s
    AND e.operation IN {VISITS} AND e.outcome = {int(AuditEvent.Outcome.SUCCESS)}
    AND e.recorded_at < %(now)s - interval '{SAME_VISIT.seconds} seconds'
  ORDER BY e.recorded_at DESC LIMIT 1)"""  # noqa: S608 - made of our own constants


# The audit trail knows an account's visits by person: one step of the index for each person.
_LAST_OPENED = """
WITH RECURSIVE seen AS (
  (SELECT e.patient_id FROM core_auditevent e
   WHERE e.account_id = %s AND e.patient_id IS NOT NULL
   ORDER BY e.patient_id LIMIT 1)
  UNION ALL
  SELECT (SELECT e.patient_id FROM core_auditevent e
          WHERE e.account_id = %s AND e.patient_id > seen.patient_id
          ORDER BY e.patient_id LIMIT 1)
  FROM seen WHERE seen.patient_id IS NOT NULL
)
SELECT seen.patient_id FROM seen CROSS JOIN LATERAL (
  SELECT e.recorded_at FROM core_auditevent e
  WHERE e.account_id = %s AND e.patient_id = seen.patient_id
    AND e.role_id = %s AND e.operation = ANY (%s) AND e.outcome = 0
  ORDER BY e.recorded_at DESC LIMIT 1
) last
ORDER BY last.recorded_at DESC LIMIT %s
"""


# Whose record opened lately to the actor, the last first.
_ENTERED = """
SELECT g.patient_id FROM core_accessgrant g
WHERE g.grantee = ANY (%s) AND g.level >= %s AND g.valid_from > %s AND g.valid_from <= %s
  AND (g.valid_until IS NULL OR g.valid_until > %s)
ORDER BY g.valid_from DESC, g.patient_id LIMIT %s
"""


# Of whom the actor was last told, by each of their keys: the index of alerts is walked as it is.
_TOLD = """
SELECT a.patient_id FROM unnest(%s::text[]) AS held(key) CROSS JOIN LATERAL (
  SELECT t.patient_id FROM alerts_alert t
  WHERE t.recipient = held.key ORDER BY t.raised_at DESC LIMIT %s
) a WHERE a.patient_id IS NOT NULL
"""


def my_persons(*, actor: Actor, now: datetime) -> QuerySet[Patient]:
    """Return the persons of the actor among whom their day looks, some hundred at most.

    Those whose record the actor opened last, those whose record opened to them lately, those they
    were told of last, and the first ones in the order of names, so that a newcomer finds their
    persons too. Each carries `opened_at`, the actor's last visit or None, and `entered_at`, since
    when the record is open to them. One query, however many records are open to the actor or were
    ever opened.
    """
    account = actor.account_id
    ids = RawSQL(  # noqa: S611 - the statements are ours, what they receive are parameters
        f"({_LAST_OPENED}) UNION ({_ENTERED}) UNION ({_TOLD}) UNION ({patients.MINE})",
        [
            *(account, account, account, actor.role_id, list(VISITS), MOST_LOOKED_AT),
            *(list(actor.grantees), int(Level.READ), now - LATELY, now, now, MOST_LOOKED_AT),
            *(list(actor.grantees), MOST_LOOKED_AT),
            *(None, False, patients.PAGE),
        ],
    )
    opened = AuditEvent.objects.filter(
        account_id=account,
        role_id=actor.role_id,
        patient_id=OuterRef("pk"),
        operation__in=VISITS,
        outcome=AuditEvent.Outcome.SUCCESS,
    ).order_by("-recorded_at")
    entered = grants_of(actor, now=now).filter(patient_id=OuterRef("pk"), level__gte=Level.READ)
    return (
        patients_open_to(actor, now=now)
        .filter(level__gte=Level.READ, pk__in=ids)
        .annotate(
            opened_at=Subquery(opened.values("recorded_at")[:1]),
            entered_at=Subquery(entered.order_by("valid_from").values("valid_from")[:1]),
        )
    )


def portal_keys(*, patient_id: int, on: datetime) -> set[str]:
    """Return the keys of the accounts that read the record from the portal now."""
    return set(
        AccessGrant.objects.filter(
            Q(valid_until__isnull=True) | Q(valid_until__gt=on),
            patient_id=patient_id,
            source=GrantSource.PERSON,
            valid_from__lte=on,
        ).values_list("grantee", flat=True)
    )


def portal_readers(*, patient_id: int, on: datetime) -> list[PortalReader]:
    """Return who reads the record from the portal now: the person, relatives; for its managers."""
    ids = [int(key.removeprefix("account:")) for key in portal_keys(patient_id=patient_id, on=on)]
    relatives = dict(
        RelatedPerson.objects.filter(patient_id=patient_id, account__in=ids).values_list(
            "account_id", "relationship"
        )
    )
    return [
        PortalReader(
            account.pk,
            str(account),
            Relationship(relatives[account.pk]).label if relatives.get(account.pk) else "",
            account.pk in relatives,
        )
        for account in Account.objects.filter(pk__in=ids).order_by("family", "given")
    ]


def relatives(*, patient_id: int) -> QuerySet[RelatedPerson]:
    """Return the relatives recorded for the person."""
    return RelatedPerson.objects.filter(patient_id=patient_id, active=True).order_by("family")


def glass_breakings(*, patient_id: int) -> QuerySet[GlassBreaking]:
    """Return the exceptional entries in the record, the latest first."""
    return (
        GlassBreaking.objects.filter(patient_id=patient_id)
        .select_related(
            "practitioner_role__practitioner",
            "practitioner_role__organization",
            "reviewed_by__practitioner",
        )
        .order_by("-opened_at")
    )


def glass_to_review(*, actor: Actor, now: datetime) -> QuerySet[GlassBreaking]:
    """Return the exceptional entries that the actor, who manages the record, has not reviewed."""
    managed = grants_of(actor, now=now).filter(level__gte=Level.MANAGE).values("patient_id")
    return (
        GlassBreaking.objects.filter(reviewed_at__isnull=True, patient_id__in=managed)
        .exclude(practitioner_role_id=actor.role_id)
        .select_related(
            "patient", "practitioner_role__practitioner", "practitioner_role__organization"
        )
        .order_by("opened_at")[:TO_REVIEW]
    )


def invitations_to_answer(*, actor: Actor, now: datetime) -> QuerySet[Invitation]:
    """Return the invitations that wait for the actor's answer, the first to expire first."""
    roles = [int(key.removeprefix("role:")) for key in actor.grantees if key.startswith("role:")]
    return (
        Invitation.objects.filter(
            practitioner_role_id__in=roles, status=InvitationStatus.PENDING, expires_at__gt=now
        )
        .select_related(
            "patient",
            "practitioner_role__practitioner",
            "invited_by__practitioner",
            "invited_by__organization",
        )
        .order_by("expires_at", "pk")[:TO_REVIEW]
    )


def invitations_of(*, patient_id: int) -> list[Invitation]:
    """Return the last invitations into a circle that were not accepted, the latest first."""
    return list(
        Invitation.objects.filter(patient_id=patient_id)
        .exclude(status=InvitationStatus.ACCEPTED)
        .select_related("practitioner_role__practitioner", "practitioner_role__organization")
        .order_by("-invited_at", "-pk")[:TO_REVIEW]
    )


def care_team_of(*, patient_id: int) -> CareTeam | None:
    """Return the circle of the person, if there is one."""
    return CareTeam.objects.filter(patient_id=patient_id).first()


def participant(*, patient_id: int, participant_id: int) -> CareTeamParticipant | None:
    """Return one stay in the circle of the person, with its names."""
    stays = CareTeamParticipant.objects.filter(patient_id=patient_id, pk=participant_id)
    return _with_members(stays).select_related("care_team").first()


def asked_by_role(stay: CareTeamParticipant) -> DataCategory:
    """Return which data the role of a member asks for; a relative reads by the portal only."""
    if stay.practitioner_role is not None:
        return rules.categories_of_member(category=stay.practitioner_role.category, role=stay.role)
    if stay.organization is not None:
        return rules.categories_of_structure(stay.organization.purpose)
    return DataCategory(0)


def opened_to(stay: CareTeamParticipant) -> DataCategory:
    """Return which data are open to a member: what the person decided, or what the role asks."""
    return asked_by_role(stay) if stay.scope is None else DataCategory(stay.scope)


def invitations(*, patient_id: int) -> dict[int, str]:
    """Return how far the invitation of each participant went: an outbox status by stay."""
    sent = OutboxMessage.objects.filter(topic="care_team.invitation", patient_id=patient_id)
    return {
        int(payload["participant"]): status
        for payload, status in sent.values_list("payload", "status")
    }


def access_log(
    *,
    patient_id: int,
    absorbed: list[int] | None = None,
    before: int | None = None,
    most: int = LOG_PAGE,
) -> list[AuditEvent]:
    """Return what was done and read of a record, the latest first, each with `structure`.

    Seen by those who manage the record and by the person: row security decides.

    Args:
        absorbed: the records merged into it (`access.ABSORBED`), whose trace stays theirs.
        before: the number of the event after which the page goes on.
    """
    events = AuditEvent.objects.filter(patient_id__in=[patient_id, *(absorbed or [])]).annotate(
        structure=Subquery(
            Organization.objects.filter(pk=OuterRef("organization_id")).values("name")[:1]
        )
    )
    if before is not None:
        place = AuditEvent.objects.filter(pk=before).values("recorded_at")[:1]
        events = events.filter(
            Q(recorded_at__lt=Subquery(place)) | Q(recorded_at=Subquery(place), pk__lt=before)
        )
    return list(events.order_by("-recorded_at", "-pk")[:most])


def records_of_account(*, account_id: int, actor: Actor, now: datetime) -> list[int]:
    """Return the persons whose record an account may read at its own door."""
    return list(
        grants_of(actor, now=now)
        .filter(grantee=f"account:{account_id}", level__gte=Level.READ)
        .order_by("patient_id")
        .values_list("patient_id", flat=True)
        .distinct()
    )


def _with_members(
    participants: QuerySet[CareTeamParticipant],
) -> QuerySet[CareTeamParticipant]:
    return participants.select_related(
        "practitioner_role__practitioner",
        "practitioner_role__organization",
        "organization",
        "related_person",
    )
