"""What every change of a circle does: hold it, count it, let a stay open the record."""

from datetime import datetime

from carbet.coordination.care_teams import queries, rules
from carbet.coordination.care_teams.choices import (
    CareTeamStatus,
    GrantSource,
)
from carbet.coordination.care_teams.models import (
    CareTeam,
    CareTeamParticipant,
    RelatedPerson,
)
from carbet.core import grants
from carbet.core.actor import ALL_DATA, Level, organization_key
from carbet.core.operation import UnableTo
from carbet.registries.directory.models import Organization, PractitionerRole


class UnableToAddParticipant(UnableTo):
    """The member cannot enter the circle."""


def lock(care_team: CareTeam) -> CareTeam:
    return CareTeam.objects.select_for_update().get(pk=care_team.pk)


def touch(care_team: CareTeam, now: datetime) -> None:
    care_team.version += 1
    care_team.updated_at = now
    care_team.save(update_fields=["version", "updated_at"])


def enter(
    care_team: CareTeam,
    *,
    now: datetime,
    role: str,
    practitioner_role: PractitionerRole | None = None,
    organization: Organization | None = None,
    related_person: RelatedPerson | None = None,
    added_by_id: int | None = None,
    started_at: datetime | None = None,
    ended_at: datetime | None = None,
    least: Level = Level.IDENTITY,
) -> CareTeamParticipant:
    """Write the stay of a member and the grant that goes with it."""
    participant = CareTeamParticipant.objects.create(
        care_team=care_team,
        patient_id=care_team.patient_id,
        practitioner_role=practitioner_role,
        organization=organization,
        related_person=related_person,
        role=role,
        started_at=started_at or now,
        ended_at=ended_at,
        added_by_id=added_by_id,
    )
    grant_stay(participant, now=now, least=least)
    return participant


def grant_stay(
    participant: CareTeamParticipant, *, now: datetime, least: Level = Level.IDENTITY
) -> None:
    """Write the grant that goes with a stay; a relative has none."""
    key = key_of(participant)
    if key is None:
        return
    level, categories = Level.WRITE, queries.opened_to(participant)
    if participant.practitioner_role is not None:
        profession = participant.practitioner_role.category
        level = rules.level_of_member(category=profession, role=participant.role)
    if least >= Level.MANAGE and participant.scope is None:
        categories = ALL_DATA
    grants.grant(
        key,
        patient_id=participant.patient_id,
        level=max(level, least),
        categories=categories,
        source=GrantSource.PARTICIPANT,
        source_id=participant.pk,
        now=now,
        valid_from=participant.started_at,
        valid_until=participant.ended_at,
    )


def grant_again(care_team: CareTeam, stay: CareTeamParticipant, *, now: datetime) -> None:
    """End the grant of a stay that changed, and open what it deserves now."""
    grants.end(
        patient_id=stay.patient_id, source=GrantSource.PARTICIPANT, source_id=stay.pk, now=now
    )
    still_there = stay.ended_at is None or stay.ended_at > now
    if care_team.status == CareTeamStatus.ACTIVE and still_there:
        grant_stay(stay, now=now)


def key_of(participant: CareTeamParticipant) -> str | None:
    """Return under which key a member is granted access; a relative has none by membership."""
    if participant.practitioner_role_id is not None:
        return f"role:{participant.practitioner_role_id}"
    if participant.organization_id is not None:
        return organization_key(participant.organization_id)
    return None
