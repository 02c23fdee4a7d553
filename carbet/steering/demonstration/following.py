"""The persons already followed when the demonstration starts, and the accounts to look at them.

Everything here goes through the rooms' own operations, at the moments the story says, so that
access, history, alerts and traces are those of real use.
"""

import uuid
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from decimal import Decimal
from functools import partial
from json import loads
from pathlib import Path
from typing import Any

from django.db import transaction

from carbet.coordination.alerts import operations as alerts
from carbet.coordination.alerts.models import Alert
from carbet.coordination.care_plans import operations as care_plans
from carbet.coordination.care_plans.models import CarePlan
from carbet.coordination.care_teams import operations as care_teams
from carbet.coordination.care_teams.choices import (
    ConsentDecision,
    ConsentGiver,
    ParticipantRole,
)
from carbet.coordination.care_teams.models import CareTeam, CareTeamParticipant, RelatedPerson
from carbet.coordination.notebook import operations as notebook
from carbet.coordination.support import operations as support
from carbet.coordination.support.models import SupportRequest
from carbet.core import identifiers, row_security
from carbet.core.actor import Actor, internal
from carbet.registries.accounts import operations as accounts
from carbet.registries.accounts.choices import AccountKind
from carbet.registries.accounts.models import Account
from carbet.registries.directory import synthetic as directory
from carbet.registries.directory.access import actor_of_role
from carbet.registries.directory.models import Organization, Practitioner, PractitionerRole
from carbet.registries.patients import operations as patients
from carbet.registries.patients import synthetic as persons
from carbet.registries.patients.choices import INS_TEST
from carbet.registries.patients.models import Patient, PatientIdentifier
from carbet.steering.demonstration.bulk import OWNER
from carbet.steering.demonstration.story import story_roles

FOLLOWED = Path(__file__).parent / "data" / "followed.json"
KEY_SYSTEM = "https://carbet.example/suivis"
# What was raised before has been looked at.
ALERTS_READ_AFTER = timedelta(days=3)
_STORY = {person.key: person for person in persons.STORY_PERSONS}
_PORTAL = (persons.CLAIRE, persons.DAUGHTER)
_GESTURES = uuid.UUID("6a7f1f0e-6d0c-4f6e-9d5b-0c6a3b8f9730")


def open_accounts(*, now: datetime) -> dict[str, Account]:
    """Open the accounts of the story: its professionals, the person cared for and her daughter."""
    house = internal("Démonstration")
    opened = {}
    for professional in directory.STORY_PRACTITIONERS:
        account = accounts.create_demonstration_account(
            actor=house,
            now=now,
            email=professional.email,
            given=professional.given,
            family=professional.family,
            label=f"{professional.given} {professional.family} — {professional.part}",
            is_operator=professional.is_operator,
        )
        opened[professional.key] = account
    for person in _PORTAL:
        part = "Fille de Claire" if person.relationship else "Personne accompagnée"
        opened[person.key] = accounts.create_demonstration_account(
            actor=house,
            now=now,
            email=person.email,
            given=person.birth_given[0],
            family=person.used_family or person.birth_family,
            label=f"{person.display_name} — {part}",
            kind=AccountKind.PERSON,
        )
    for key, role in story_roles().items():
        Practitioner.objects.using(OWNER).filter(pk=role.practitioner_id).update(
            account_id=opened[key].pk
        )
    return opened


def follow(*, now: datetime, opened: dict[str, Account]) -> int:
    """Write the followed persons who are not there yet. Return how many were."""
    roles = story_roles()
    known = set(
        PatientIdentifier.objects.using(OWNER)
        .filter(system=KEY_SYSTEM)
        .values_list("value", flat=True)
    )
    wanted = loads(FOLLOWED.read_text(encoding="utf-8"))["persons"]
    added = 0
    for row in wanted:
        if row["key"] not in known:
            with transaction.atomic():
                Following(row, roles, opened, now).write()
            added += 1
    if added:
        _read_old_alerts(roles, now=now)
    return added


def _read_old_alerts(roles: dict[str, PractitionerRole], *, now: datetime) -> None:
    for role in roles.values():
        actor = actor_of_role(role.pk, now=now)
        with row_security.acting_as(actor, now=now):
            old = list(
                Alert.objects.filter(
                    recipient__in=actor.grantees,
                    read_at__isnull=True,
                    raised_at__lt=now - ALERTS_READ_AFTER,
                ).values_list("pk", flat=True)
            )
        if old:
            alerts.mark_read(actor=actor, now=now, alert_ids=old)


@dataclass
class Following:
    """One person of the followed set, written from their row of the data file."""

    row: dict[str, Any]
    roles: dict[str, PractitionerRole]
    opened: dict[str, Account]
    now: datetime

    def write(self) -> None:
        """Write the person, then each event in the order in which it happened."""
        self.began = self._ago(self.row["registered_days_ago"])
        self.patient = self._register()
        self.care_team = self._open_circle()
        for moment, act in sorted(self._events(), key=lambda event: event[0]):
            act(now=moment)

    def _ago(self, days: float) -> datetime:
        # A few minutes in the past: nothing is written later than the moment of loading.
        return self.now - timedelta(days=days, minutes=5)

    def _by(self, key: str, moment: datetime) -> Actor:
        return actor_of_role(self.roles[key].pk, now=moment)

    def _gesture(self, *parts: object) -> uuid.UUID:
        return uuid.uuid5(_GESTURES, "/".join(map(str, (self.row["key"], *parts))))

    def _register(self) -> Patient:
        row = self.row
        return patients.register_patient(
            actor=self._by(row["doctor"], self.began),
            now=self.began,
            identifiers_given=[(KEY_SYSTEM, row["key"], "")],
            **(_story_traits(_STORY[row["story"]]) if "story" in row else _traits(row)),
        )

    def _open_circle(self) -> CareTeam:
        moment, doctor = self.began, self._by(self.row["doctor"], self.began)
        care_teams.record_consent(
            actor=doctor,
            now=moment,
            patient=self.patient,
            decision=ConsentDecision.GIVEN,
            given_by=ConsentGiver.PERSON,
        )
        care_team = care_teams.open_care_team(actor=doctor, now=moment, patient=self.patient)
        for key in self.row["members"]:
            self._add_member(care_team, doctor, key)
        if relative := self.row.get("relative"):
            self._add_relative(care_team, doctor, relative)
        if former := self.row.get("former"):
            self._add_member(care_team, doctor, former)
        return care_team

    def _add_member(self, care_team: CareTeam, doctor: Actor, key: str) -> None:
        role = self.roles[key]
        coordinates = role.profession == ParticipantRole.COORDINATOR.value
        care_teams.add_participant(
            actor=doctor,
            now=self.began,
            care_team=care_team,
            practitioner_role=role,
            role=ParticipantRole.COORDINATOR if coordinates else ParticipantRole.MEMBER,
        )

    def _add_relative(self, care_team: CareTeam, doctor: Actor, row: dict[str, Any]) -> None:
        story = _STORY.get(row.get("story", ""))
        participant = care_teams.add_related_person(
            actor=doctor,
            now=self.began,
            care_team=care_team,
            family=story.birth_family if story else row["family"],
            given=story.birth_given[0] if story else row["given"],
            role=ParticipantRole.CAREGIVER,
            relationship=row["relationship"],
            phone=story.phone if story else row["phone"],
        )
        if story and row.get("portal"):
            with row_security.acting_as(doctor, now=self.began):
                relative = RelatedPerson.objects.get(careteamparticipant=participant)
            care_teams.open_to_person(
                actor=doctor,
                now=self.began,
                patient=self.patient,
                account_id=self.opened[story.key].pk,
                related_person=relative,
            )

    # What happened next.

    def _events(self) -> Iterator[tuple[datetime, Callable[..., None]]]:
        row = self.row
        if asked := row.get("support"):
            yield self._ago(asked["days_ago"]), partial(self._ask_support, asked)
            if "accepted_days_ago" in asked:
                yield self._ago(asked["accepted_days_ago"]), partial(self._accept, asked)
        if plan := row.get("plan"):
            yield self._ago(plan["days_ago"]), partial(self._plan, plan)
        for rank, note in enumerate(row["notes"]):
            yield self._ago(note["days_ago"]), partial(self._note, rank, note)
        for rank, measures in enumerate(row["measures"]):
            yield self._ago(measures["days_ago"]), partial(self._measure, rank, measures)
        if glass := row.get("glass"):
            yield self._ago(glass["days_ago"]), partial(self._break_glass, glass)
        if former := row.get("former"):
            yield self._ago(row["registered_days_ago"] / 2), partial(self._leave, former)

    def _ask_support(self, asked: dict[str, Any], *, now: datetime) -> None:
        support.request_support(
            actor=self._by(self.row["doctor"], now),
            now=now,
            patient=self.patient,
            addressee=Organization.objects.get(
                identifier_system=directory.ORGANIZATION_SYSTEM, identifier_value="dac-guyane"
            ),
            reason=asked["reason"],
            text=asked["text"],
            urgency=asked["urgency"],
            gesture=self._gesture("support"),
        )

    def _accept(self, asked: dict[str, Any], *, now: datetime) -> None:
        coordinator = self._by(asked["by"], now)
        with row_security.acting_as(coordinator, now=now):
            request = SupportRequest.objects.get(patient_id=self.patient.pk)
        support.accept_request(actor=coordinator, now=now, request=request)

    def _plan(self, plan: dict[str, Any], *, now: datetime) -> None:
        author = self._by("coordinator", now)
        patient_id = self.patient.pk
        begun = care_plans.create_plan(actor=author, now=now, patient_id=patient_id)
        care_plans.describe(
            actor=author,
            now=now,
            patient_id=patient_id,
            revision=begun.revision,
            person_words=plan["words"],
            review_due_on=self._day(plan["review_in_days"]),
        )
        for rank, entry in enumerate(plan["entries"]):
            care_plans.add_entry(
                actor=author,
                now=now,
                patient_id=patient_id,
                revision=self._revision(author, now),
                gesture=self._gesture("plan", rank),
                need=entry["need"],
                domain=entry["domain"],
                goal=entry["goal"],
                target=entry["target"],
                action=entry["action"],
                responsible_id=self._participant(author, entry["responsible"], now),
                frequency=entry["frequency"],
                due_on=self._day(entry["due_in_days"]),
            )
        if plan["state"] != "draft":
            care_plans.propose(
                actor=author,
                now=now,
                patient_id=patient_id,
                revision=self._revision(author, now),
                approver_id=self.roles[self.row["doctor"]].pk,
            )
        if text := plan.get("comment"):
            read_at = now + timedelta(hours=5)
            doctor = self._by(self.row["doctor"], read_at)
            care_plans.comment(
                actor=doctor,
                now=read_at,
                patient_id=patient_id,
                revision=self._revision(doctor, read_at),
                text=text,
                gesture=self._gesture("comment"),
            )
        if plan["state"] == "approved":
            approved_at = now + timedelta(hours=20)
            doctor = self._by(self.row["doctor"], approved_at)
            care_plans.approve(
                actor=doctor,
                now=approved_at,
                patient_id=patient_id,
                revision=self._revision(doctor, approved_at),
            )

    def _revision(self, actor: Actor, moment: datetime) -> int:
        with row_security.acting_as(actor, now=moment):
            return CarePlan.objects.get(patient_id=self.patient.pk).revision

    def _participant(self, actor: Actor, key: str, moment: datetime) -> int:
        with row_security.acting_as(actor, now=moment):
            return CareTeamParticipant.objects.get(
                patient_id=self.patient.pk,
                practitioner_role=self.roles[key],
                ended_at__isnull=True,
            ).pk

    def _day(self, days: int | None) -> date | None:
        return None if days is None else (self.now + timedelta(days=days)).date()

    def _note(self, rank: int, note: dict[str, Any], *, now: datetime) -> None:
        notebook.write_note(
            actor=self._by(note["by"], now),
            now=now,
            patient=self.patient,
            text=note["text"],
            kind=note["kind"],
            urgent=note["urgent"],
            gesture=self._gesture("note", rank),
        )

    def _measure(self, rank: int, measures: dict[str, Any], *, now: datetime) -> None:
        notebook.record_measures(
            actor=self._by(measures["by"], now),
            now=now,
            patient=self.patient,
            values={
                kind: tuple(Decimal(str(value)) for value in values)
                for kind, values in measures["values"].items()
            },
            gesture=self._gesture("measure", rank),
        )

    def _break_glass(self, glass: dict[str, Any], *, now: datetime) -> None:
        care_teams.break_glass(
            actor=self._by(glass["by"], now),
            now=now,
            patient_id=self.patient.pk,
            reason=glass["reason"],
            explanation=glass["explanation"],
        )

    def _leave(self, key: str, *, now: datetime) -> None:
        doctor = self._by(self.row["doctor"], now)
        with row_security.acting_as(doctor, now=now):
            participant = CareTeamParticipant.objects.select_related("care_team").get(
                patient_id=self.patient.pk, practitioner_role=self.roles[key]
            )
        care_teams.end_participation(
            actor=doctor, now=now, participant=participant, reason="A changé de secteur"
        )


def _traits(row: dict[str, Any]) -> dict[str, Any]:
    """Return the traits of a followed person, as `register_patient` takes them."""
    born = date.fromisoformat(row["birth_date"])
    has_ins = row.get("ins", True)
    return {
        "birth_family": row["birth_family"],
        "birth_given": row["birth_given"],
        "used_family": row.get("used_family", ""),
        "gender": row["gender"],
        "birth_date": born,
        "birth_date_precision": row.get("birth_date_precision", "day"),
        "birth_place_code": row["birth_place_code"],
        "birth_place_name": row["birth_place_name"],
        # The order number 999 is left free by the crowd.
        "ins": identifiers.make_ins(
            gender=row["gender"],
            year=born.year,
            month=born.month,
            birth_place=row["birth_place_code"],
            order=999,
        )
        if has_ins
        else "",
        "ins_system": INS_TEST,
        "ins_recovered": has_ins,
        "identity_checked": has_ins,
        "address_line": row["address_line"],
        "postal_code": row["postal_code"],
        "city": row["city"],
        "commune_id": row["commune"],
        "access_note": row.get("access_note", ""),
        "phone": row["phone"],
        "language": row.get("language", "fr"),
        "needs_interpreter": row.get("needs_interpreter", False),
    }


def _story_traits(person: persons.StoryPerson) -> dict[str, Any]:
    """Return the traits of a person of the story, as `register_patient` takes them."""
    return {
        "birth_family": person.birth_family,
        "birth_given": list(person.birth_given),
        "used_family": person.used_family,
        "gender": person.gender,
        "birth_date": person.birth_date,
        "birth_place_code": person.birth_place_code,
        "birth_place_name": person.birth_place_name,
        "ins": person.ins,
        "ins_system": INS_TEST,
        "ins_recovered": True,
        "identity_checked": True,
        "address_line": person.address_line,
        "postal_code": person.postal_code,
        "city": person.city,
        "commune_id": person.commune,
        "phone": person.phone,
        "language": person.language,
    }
