"""A year of the support team: requests, cases and plans of invented persons.

Rows are written by the owner's role, as the crowd is: what opens a record is written with them.
"""

import random
import uuid
from datetime import datetime, timedelta

from django.db import connections, transaction

from carbet.coordination.care_plans.models import CarePlan, CarePlanVersion
from carbet.coordination.care_teams.choices import ConsentDecision, GrantSource
from carbet.coordination.care_teams.models import Consent
from carbet.coordination.support.choices import (
    CaseStatus,
    Contact,
    Outcome,
    RequestReason,
    RequestStatus,
    Urgency,
)
from carbet.coordination.support.models import Case, SupportRequest
from carbet.coordination.support.rules import BY_CODE, complexity, due_at
from carbet.core.actor import Level, organization_key, role_key
from carbet.core.models import AccessGrant
from carbet.registries.directory.models import PractitionerRole
from carbet.registries.patients.models import PatientIdentifier
from carbet.steering.activity import tasks
from carbet.steering.demonstration.bulk import OWNER
from carbet.steering.demonstration.following import KEY_SYSTEM
from carbet.steering.demonstration.story import story_roles

PERSONS = 90
_GESTURES = uuid.UUID("0d6f4a4e-93c5-4a0e-8f5b-6a2f1f2c7a11")
_REASONS = [str(each) for each in RequestReason.values]
_URGENCIES = (Urgency.ROUTINE, Urgency.ROUTINE, Urgency.URGENT, Urgency.ASAP)

_OUTCOMES = (Outcome.GOALS_MET, Outcome.GOALS_MET, Outcome.RELAY, Outcome.INSTITUTION, Outcome.LOST)


def load(*, now: datetime) -> None:
    """Write the year once, for as many persons of the crowd as there are, and count it."""
    with transaction.atomic(using=OWNER):
        if not SupportRequest.objects.using(OWNER).filter(gesture=_gesture(0)).exists():
            Year(now).write()
    tasks.follow()


def _gesture(rank: int) -> uuid.UUID:
    return uuid.uuid5(_GESTURES, str(rank))


class Year:
    """The year of the team, drawn the same each time."""

    def __init__(self, now: datetime) -> None:
        self.now = now
        self.draw = random.Random("activity")  # noqa: S311 - not a secret
        roles = story_roles()
        self.coordinators = [roles["coordinator"], roles["coordinator_2"]]
        self.doctor = roles["gp"]
        self.grants: list[AccessGrant] = []
        self.versions: list[CarePlanVersion] = []

    def write(self) -> None:
        """Write a request for each person, then what became of it."""
        for rank, consent in enumerate(self._consents()):
            self._person(rank, consent)
        # As other loads do: the owner writes what the rows of this transaction allow.
        with connections[OWNER].cursor() as cursor:
            cursor.execute("SET CONSTRAINTS ALL IMMEDIATE")
            cursor.execute("ALTER TABLE core_accessgrant NO FORCE ROW LEVEL SECURITY")
            AccessGrant.objects.using(OWNER).bulk_create(self.grants)
            cursor.execute("SET CONSTRAINTS ALL IMMEDIATE")
            cursor.execute("ALTER TABLE core_accessgrant FORCE ROW LEVEL SECURITY")
        CarePlanVersion.objects.using(OWNER).bulk_create(self.versions)

    def _consents(self) -> list[Consent]:
        """Return the consents of persons whom nobody follows yet."""
        followed = PatientIdentifier.objects.using(OWNER).filter(system=KEY_SYSTEM)
        asked = SupportRequest.objects.using(OWNER).values("patient_id")
        return list(
            Consent.objects.using(OWNER)
            .filter(decision=ConsentDecision.GIVEN)
            .exclude(patient_id__in=followed.values("patient_id"))
            .exclude(patient_id__in=asked)
            .order_by("patient_id")
            .distinct("patient_id")[:PERSONS]
        )

    def _person(self, rank: int, consent: Consent) -> None:
        days_ago = 360 - rank * 4 + self.draw.randint(-3, 3)
        asked_at = self.now - timedelta(days=max(days_ago, 0), hours=self.draw.randint(1, 20))
        urgency = self.draw.choice(_URGENCIES)
        request = SupportRequest(
            patient_id=consent.patient_id,
            requester_id=consent.recorded_by_id or self.doctor.pk,
            addressee_id=self.coordinators[0].organization_id,
            consent=consent,
            reason=self.draw.choice(_REASONS),
            text="Situation à évaluer au domicile (démonstration).",
            urgency=urgency,
            submitted_at=asked_at,
            due_at=due_at(urgency=urgency, submitted_at=asked_at),
            updated_at=asked_at,
            gesture=_gesture(rank),
        )
        waits = rank >= PERSONS - 5
        answered_at = asked_at + timedelta(hours=self.draw.randint(6, 200))
        if waits or answered_at > self.now:
            request.save(using=OWNER)
            self._open(request, role=None, level=Level.IDENTITY, at=asked_at)
            return
        coordinator = self.draw.choice((*self.coordinators, self.coordinators[0]))
        request.decided_at, request.decided_by_id = answered_at, coordinator.pk
        if self.draw.random() < 0.12:
            request.status = RequestStatus.REDIRECTED
            request.decision_reason = "Relève du service social de secteur."
            request.save(using=OWNER)
            return
        request.status = RequestStatus.ACCEPTED
        request.save(using=OWNER)
        self._case(request, coordinator)

    def _case(self, request: SupportRequest, coordinator: PractitionerRole) -> None:
        opened_at = request.decided_at or self.now
        case = Case(
            patient_id=request.patient_id,
            organization_id=request.addressee_id,
            request=request,
            coordinator_id=coordinator.pk,
            requested_at=request.submitted_at,
            opened_at=opened_at,
            assigned_at=opened_at,
            updated_at=opened_at,
        )
        weight = complexity(self.draw.sample(sorted(BY_CODE), self.draw.randint(1, 7)))
        case.complexity_level, case.complexity_score = weight.level, weight.score
        case.complexity_factors = [factor.code for factor in weight.factors]
        contact_at = opened_at + timedelta(hours=self.draw.randint(2, 300))
        if contact_at < self.now:
            case.first_contact_at, case.first_contact_with = contact_at, Contact.PERSON
        closed_at = opened_at + timedelta(days=self.draw.randint(60, 420))
        if closed_at < self.now:
            case.status, case.closed_at = CaseStatus.FINISHED, closed_at
            case.outcome = self.draw.choice(_OUTCOMES)
            case.close_reason = Outcome(case.outcome).label
        case.save(using=OWNER)
        if case.closed_at is None:
            self._open(request, role=coordinator, level=Level.MANAGE, at=opened_at, case=case)
        if self.draw.random() < 0.8:
            self._plan(case, opened_at + timedelta(days=self.draw.randint(4, 45)))

    def _open(
        self,
        request: SupportRequest,
        *,
        role: PractitionerRole | None,
        level: Level,
        at: datetime,
        case: Case | None = None,
    ) -> None:
        """Let the team, and the coordinator of a case, into the record."""
        grantees = [organization_key(request.addressee_id)] + ([role_key(role.pk)] if role else [])
        self.grants += [
            AccessGrant(
                patient_id=request.patient_id,
                grantee=grantee,
                level=level,
                source=GrantSource.SUPPORT_CASE if case else GrantSource.SUPPORT_REQUEST,
                source_id=case.pk if case else request.pk,
                valid_from=at,
            )
            for grantee in grantees
        ]

    def _plan(self, case: Case, approved_at: datetime) -> None:
        if approved_at > self.now:
            return
        review = (approved_at + timedelta(days=self.draw.choice((90, 180, 180, 270)))).date()
        plan, created = CarePlan.objects.using(OWNER).get_or_create(
            patient_id=case.patient_id,
            defaults={
                "author_id": case.coordinator_id,
                "approver_id": self.doctor.pk,
                "status": "active",
                "person_words": "Rester chez moi le plus longtemps possible.",
                "review_due_on": review,
                "created_at": approved_at,
                "updated_at": approved_at,
            },
        )
        if not created:
            return
        self.versions += [
            CarePlanVersion(
                patient_id=case.patient_id,
                care_plan=plan,
                number=1,
                content={"needs": [], "person_words": plan.person_words},
                categories=categories,
                approved_at=approved_at,
                approved_by_id=self.doctor.pk,
            )
            for categories in (2, 3)
        ]
