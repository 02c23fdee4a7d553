"""What waits for the coordinators when the demonstration starts: requests, cases, how people live.

Eight requests wait, of different urgencies and sources, two of them late; cases have their first
contact, their complexity, a pause, an end. Everything goes through the rooms' own operations.
"""

import io
import uuid
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from decimal import Decimal
from typing import Any

from django.db import transaction

from carbet.coordination.care_teams import operations as care_teams
from carbet.coordination.documents.rules import receiving
from carbet.coordination.notebook import operations as notebook
from carbet.coordination.notebook.choices import MeasureKind
from carbet.coordination.notebook.models import Measure
from carbet.coordination.situations import operations as situations
from carbet.coordination.situations.models import Situation
from carbet.coordination.support import operations
from carbet.coordination.support.choices import CaseStatus
from carbet.coordination.support.models import Case, SupportRequest
from carbet.core import row_security
from carbet.core.actor import Actor, internal
from carbet.registries.accounts.access import actor_of
from carbet.registries.accounts.models import Account
from carbet.registries.directory import synthetic as directory
from carbet.registries.directory.access import actor_of_role
from carbet.registries.directory.models import Organization
from carbet.registries.patients.access import find_entered
from carbet.registries.patients.models import Patient, PatientIdentifier
from carbet.steering.demonstration.following import KEY_SYSTEM
from carbet.steering.demonstration.story import story_roles

HOUSE = internal("Démonstration")
_GESTURES = uuid.UUID("2b6d4f7c-8a15-4d2f-9c3b-7e01d5a6b9f2")


@dataclass(frozen=True)
class Asked:
    """One request that waits: about whom, by whom, how long ago, what it says."""

    person: str
    by: str
    days_ago: float
    reason: str
    urgency: str
    text: str
    further: dict[str, Any] = field(default_factory=dict)
    letter: str = ""


# Two more wait from the followed persons themselves (`followed.json`): eight in all.
WAITING = (
    Asked(
        "adelaide",
        "coordinator",
        3.1,
        "isolation",
        "asap",
        "Sa voisine appelle : Mme Sophie, 83 ans, ne sort plus de son lit depuis trois jours. La"
        " piste est coupée, l’infirmier ne passe plus.",
        {
            "source": "relative",
            "requester_name": "Mme Baptiste, sa voisine",
            "requester_phone": "0639980140",
        },
    ),
    Asked(
        "aparecida",
        "pharmacist",
        9,
        "rights",
        "urgent",
        "Trois ordonnances non délivrées : sa couverture est rompue depuis septembre. Elle"
        " partage son oxygène avec sa sœur.",
        {"source": "structure"},
        "Liste des délivrances refusées : 3, 17 et 29 octobre.",
    ),
    Asked(
        "ana",
        "nurse",
        3,
        "complex",
        "urgent",
        "Asthme mal contrôlé : deux passages aux urgences en un mois, l’école manquée, aucun"
        " rendez-vous pris en pneumologie.",
    ),
    Asked(
        "raymond",
        "daughter",
        6,
        "caregiver",
        "routine",
        "Mon père s’occupe de tout depuis l’accident de maman. Il ne dort plus et refuse qu’on"
        " l’aide. J’habite à Cayenne, je ne peux pas venir chaque jour.",
        {"source": "relative", "consent_given_by": "person"},
    ),
    Asked(
        "baja",
        "river_nurse",
        33,
        "home",
        "routine",
        "Vit au bord du fleuve, ne descend plus à la pirogue pour ses contrôles de tension.",
    ),
    Asked(
        "malilou",
        "river_nurse",
        1,
        "isolation",
        "urgent",
        "Sept mois de grossesse en site isolé : préparer l’évacuation et l’hébergement à Cayenne.",
    ),
)


@dataclass(frozen=True)
class Led:
    """What was done with a case: first contact, complexity, pause."""

    person: str
    factors: tuple[str, ...]
    contact_hours: float = 0
    paused: str = ""


LED = (
    Led("georgette", ("age", "chronic", "autonomy", "alone", "many"), 22),
    Led("wilner", ("rights", "language"), 30),
    Led("chue", ("mental", "caregiver", "autonomy", "age", "language", "many"), 50),
    Led("solene", ("chronic", "rights"), 70, "Rééducation à Fort-de-France pour trois semaines"),
    Led("kenneth", ("moment", "caregiver", "rights", "many", "autonomy", "no_doctor"), 26),
)

_SITUATIONS: dict[str, tuple[dict[str, Any], dict[str, Any]]] = {
    "georgette": (
        {
            "household": "alone",
            "housing": "house",
            "utilities": ["water", "electricity", "network", "stairs"],
            "reach": ["road"],
            "directions": "Portail vert après la boulangerie, sonner deux fois.",
            "minutes": 15,
            "helpers": "Sa fille le soir et le dimanche, une voisine pour les courses.",
            "rights": ["cover", "ald", "apa"],
            "aids": ["home_help", "nursing", "alarm", "walker"],
            "protection": "none",
        },
        {
            "allergies": "Pénicilline (œdème en 2014)",
            "conditions": "Insuffisance cardiaque, fibrillation auriculaire",
            "treatments": "Anticoagulant (apixaban), furosémide",
            "instructions": "Peser à l’arrivée ; appeler le cabinet si +2 kg en trois jours.",
            "directives": "written",
            "directives_note": "Dans le tiroir de la commode de la chambre",
            "hospital": "Centre hospitalier de Cayenne",
        },
    ),
    "baja": (
        {
            "household": "family",
            "housing": "carbet",
            "utilities": ["network"],
            "reach": ["river", "foot"],
            "directions": "Une heure de pirogue ; dégrad du grand fromager, dix minutes à pied.",
            "minutes": 80,
            "helpers": "Ses deux fils, absents la semaine.",
            "rights": ["cover"],
            "aids": [],
            "protection": "none",
            "interpreter_note": "Son fils aîné traduit.",
        },
        {"conditions": "Hypertension sévère", "treatments": "Amlodipine, ramipril"},
    ),
}


def load(*, now: datetime, opened: dict[str, Account]) -> int:
    """Write what is not there yet. Return how many requests were sent."""
    loading = _Loading(now, opened)
    with transaction.atomic():
        loading.register("adelaide", "coordinator", 3.2, *_ADELAIDE)
        loading.register("marcel", "gp", 120, *_MARCEL)
        sent = sum(loading.ask(one) for one in WAITING)
        loading.end_one_case()
        for led in LED:
            loading.lead(led)
        for person, (home, urgent) in _SITUATIONS.items():
            loading.describe(person, home, urgent)
        loading.weigh()
    return sent


_ADELAIDE = ("Sophie", "Adélaïde", "female", date(1943, 5, 2), "97358", "Saint-Élie", "97312")
_MARCEL = ("Cléopha", "Marcel", "male", date(1948, 9, 30), "97302", "Cayenne", "97300")


class _Loading:
    """The persons, roles and moments of one loading."""

    def __init__(self, now: datetime, opened: dict[str, Account]) -> None:
        self.now = now
        self.opened = opened
        self.roles = story_roles()
        self.team = Organization.objects.get(
            identifier_system=directory.ORGANIZATION_SYSTEM, identifier_value="dac-guyane"
        )
        with row_security.acting_as(HOUSE, now=now):
            self.persons: dict[str, int] = dict(
                PatientIdentifier.objects.filter(system=KEY_SYSTEM).values_list(
                    "value", "patient_id"
                )
            )
            self.sent = set(SupportRequest.objects.values_list("gesture", flat=True))

    def ago(self, days: float) -> datetime:
        return self.now - timedelta(days=days, minutes=3)

    def by(self, key: str, moment: datetime) -> Actor:
        if key == "daughter":
            return actor_of(self.opened[key])
        return actor_of_role(self.roles[key].pk, now=moment)

    def person(self, key: str, actor: Actor, moment: datetime) -> Patient:
        number = self.persons[key]
        with row_security.acting_as(actor, now=moment):
            return find_entered(actor=actor, patient_ids=[number], now=moment)[number]

    def register(
        self,
        key: str,
        by: str,
        days_ago: float,
        family: str,
        given: str,
        gender: str,
        born: date,
        commune: str,
        city: str,
        postal_code: str,
    ) -> None:
        if key in self.persons:
            return
        moment = self.ago(days_ago)
        patient = care_teams.register_with_circle(
            actor=self.by(by, moment),
            now=moment,
            traits={
                "birth_family": family,
                "birth_given": [given],
                "gender": gender,
                "birth_date": born,
                "city": city,
                "postal_code": postal_code,
                "commune_id": commune,
                "identifiers_given": [(KEY_SYSTEM, key, "")],
            },
            decision="permit",
            given_by="person",
            distinct=True,
        )
        self.persons[key] = patient.pk

    def ask(self, one: Asked) -> int:
        gesture = uuid.uuid5(_GESTURES, one.person)
        if gesture in self.sent or one.person not in self.persons:
            return 0
        moment = self.ago(one.days_ago)
        actor = self.by(one.by, moment)
        further = dict(one.further)
        if one.by == "daughter":
            further["requester_name"] = actor.display_name
        operations.request_support(
            actor=actor,
            now=moment,
            patient=self.person(one.person, actor, moment),
            addressee=self.team,
            reason=one.reason,
            urgency=one.urgency,
            text=one.text,
            gesture=gesture,
            files=[_letter(one.letter)] if one.letter else [],
            **further,
        )
        return 1

    def end_one_case(self) -> None:
        gesture = uuid.uuid5(_GESTURES, "marcel")
        if gesture in self.sent:
            return
        asked_at, opened_at, ended_at = self.ago(118), self.ago(115), self.ago(20)
        gp = self.by("gp", asked_at)
        request = operations.request_support(
            actor=gp,
            now=asked_at,
            patient=self.person("marcel", gp, asked_at),
            addressee=self.team,
            reason="discharge",
            urgency="urgent",
            text="Retour à domicile après une fracture du col.",
            gesture=gesture,
        )
        case = operations.accept_request(
            actor=self.by("coordinator_2", opened_at), now=opened_at, request=request
        )
        operations.close_case(
            actor=self.by("coordinator_2", ended_at),
            now=ended_at,
            case=case,
            reason="Marche seul, le SSIAD assure la suite.",
            outcome="relay",
        )

    def lead(self, led: Led) -> None:
        if led.person not in self.persons:
            return
        coordinator = self.by("coordinator", self.now)
        with row_security.acting_as(coordinator, now=self.now):
            case = (
                Case.objects.filter(
                    patient_id=self.persons[led.person], complexity_score__isnull=True
                )
                .exclude(status=CaseStatus.FINISHED)
                .first()
            )
        if case is None:
            return
        at = case.requested_at + timedelta(hours=led.contact_hours)
        operations.record_contact(
            actor=coordinator, now=self.now, case=case, at=at, contact="person"
        )
        operations.score_case(actor=coordinator, now=self.now, case=case, factors=led.factors)
        if led.paused:
            operations.suspend_case(
                actor=coordinator,
                now=self.now,
                case=case,
                reason=led.paused,
                resume_on=(self.now + timedelta(days=9)).date(),
            )

    def describe(self, key: str, home: dict[str, Any], urgent: dict[str, Any]) -> None:
        by = "nurse" if key == "georgette" else "river_nurse"
        actor = self.by(by, self.now)
        with row_security.acting_as(HOUSE, now=self.now):
            known = Situation.objects.filter(patient_id=self.persons.get(key)).exists()
        if known or key not in self.persons:
            return
        patient = self.person(key, actor, self.now)
        situations.describe(
            actor=actor,
            now=self.now,
            patient=patient,
            version=0,
            said=home,
            language=patient.language,
            needs_interpreter=patient.needs_interpreter,
        )
        situations.describe_emergency(
            actor=actor, now=self.now, patient=patient, version=0, said=urgent
        )

    def weigh(self) -> None:
        """Weigh one person twice, so that a rule has something to propose."""
        gesture = uuid.uuid5(_GESTURES, "weights")
        with row_security.acting_as(HOUSE, now=self.now):
            known = Measure.objects.filter(
                gesture=uuid.uuid5(uuid.uuid5(gesture, "22"), MeasureKind.WEIGHT)
            ).exists()
        if known or "eugene" not in self.persons:
            return
        for days_ago, kilos in ((22, "63.5"), (1, "59.8")):
            moment = self.ago(days_ago)
            actor = self.by("nurse", moment)
            notebook.record_measures(
                actor=actor,
                now=moment,
                patient=self.person("eugene", actor, moment),
                values={MeasureKind.WEIGHT: (Decimal(kilos),)},
                gesture=uuid.uuid5(gesture, str(days_ago)),
            )


def _letter(text: str) -> receiving.Received:
    content = text.encode()
    return receiving.receive("courrier.txt", io.BytesIO(content), len(content))
