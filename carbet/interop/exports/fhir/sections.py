"""The sections of a record: which rows, which resources say them, in which order they are read."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any, BinaryIO

from django.conf import settings
from django.db.models import Model, Q, QuerySet

from carbet.coordination.care_plans.models import CarePlan
from carbet.coordination.detection.models import DetectedIssue
from carbet.coordination.documents import queries as documents
from carbet.coordination.documents.choices import DocumentStatus
from carbet.coordination.documents.models import Document, File
from carbet.coordination.messaging import queries as messaging
from carbet.coordination.messaging.models import Attachment, Message
from carbet.coordination.orientation.models import Referral
from carbet.coordination.situations.models import EmergencyInformation, Situation
from carbet.coordination.support import queries as support
from carbet.coordination.support.models import Case, RequestFile
from carbet.coordination.tasks.models import Task
from carbet.core.fhir import Json
from carbet.interop.exports.fhir import writing
from carbet.interop.fhir_api import queries as served
from carbet.interop.hospital_feed.models import Encounter


@dataclass(frozen=True)
class Section:
    """One kind of rows of a record.

    Args:
        name: of its NDJSON file, and of its line in the manifest.
        title: what the readable page calls it; nothing when it is not shown there.
        rows: as far as the actor sees them, of everybody.
        person: the path from a row to its person, nothing for what speaks of nobody.
        write: says the rows in FHIR.
    """

    name: str
    title: str
    rows: Callable[[], QuerySet[Any]]
    write: Callable[[QuerySet[Any]], list[Json]]
    person: str = "patient_id"

    def of(self, patient_id: int | None) -> QuerySet[Any]:
        """Return the rows of a person, or of everybody, by their keys."""
        rows = self.rows()
        if patient_id is not None:
            rows = rows.filter(**{self.person: patient_id})
        elif self.person:
            rows = rows.filter(**{f"{self.person}__isnull": False})
        return rows.order_by("pk")


@dataclass(frozen=True)
class Files:
    """One kind of files: which may be given, what each says of itself, its bytes."""

    kind: str
    rows: Callable[[], QuerySet[Any]]
    person: str
    content: Callable[[Any], BinaryIO]

    def of(self, patient_id: int | None) -> QuerySet[Any]:
        """Return the files of a person, or of everybody, by their keys."""
        asked = (
            {self.person: patient_id}
            if patient_id is not None
            else {f"{self.person}__isnull": False}
        )
        return self.rows().filter(**asked).order_by("pk")


def _served(kind: str, title: str, person: str = "patient_id") -> Section:
    """Return the section of a type that the FHIR door serves already."""
    return Section(
        kind,
        title,
        lambda: served.rows_of(kind),
        lambda rows: served.resources_of(kind, rows),
        person,
    )


def _every(model: type[Model]) -> Callable[[], QuerySet[Any]]:
    return lambda: model._default_manager.all()


SECTIONS = (
    _served("Patient", "Identité", "pk"),
    _served("Consent", "Accord au partage"),
    _served("RelatedPerson", "Proches"),
    _served("CareTeam", "Cercle de soins"),
    Section("Situation", "Situation de vie", _every(Situation), writing.situations),
    Section(
        "EmergencyInformation",
        "Informations d’urgence",
        _every(EmergencyInformation),
        writing.emergencies,
    ),
    Section("CarePlan", "Plan personnalisé", _every(CarePlan), writing.plans),
    _served("Goal", "Objectifs du plan"),
    _served("DocumentReference", "Cahier de liaison"),
    _served("Observation", "Mesures"),
    Section(
        "Document",
        "Documents",
        lambda: Document.objects.filter(attached_to=""),
        writing.documents,
    ),
    _served("QuestionnaireResponse", "Évaluations"),
    _served("Appointment", "Rendez-vous"),
    Section("Task", "Tâches", _every(Task), writing.tasks),
    _served("ServiceRequest", "Demandes d’appui"),
    Section("Case", "Dossiers d’appui", _every(Case), writing.cases),
    Section("Referral", "Orientations", _every(Referral), writing.referrals),
    Section("Encounter", "Séjours", _every(Encounter), writing.encounters),
    Section("DetectedIssue", "Signaux", _every(DetectedIssue), writing.issues),
    Section("Message", "Messages", _every(Message), writing.messages, "thread__patient_id"),
    _served("CommunicationRequest", "Événements annoncés"),
)

# Whom a record speaks of besides the person: named where they are referred to.
DIRECTORY = tuple(
    _served(kind, "", "")
    for kind in (
        "Organization",
        "Location",
        "HealthcareService",
        "Endpoint",
        "Practitioner",
        "PractitionerRole",
    )
)

FILES = (
    # What was withdrawn stays shut, as on its page.
    Files(
        "document",
        lambda: File.objects.exclude(document__status=DocumentStatus.ENTERED_IN_ERROR),
        "patient_id",
        lambda file: documents.content(file=file),
    ),
    Files("demande", _every(RequestFile), "patient_id", support.content),
    Files(
        "message",
        _every(Attachment),
        "thread__patient_id",
        lambda file: messaging.content(attachment=file),
    ),
)


def bundle_entry(resource: Json) -> Json:
    """Return the entry of a resource, under the address that this house gives it."""
    address = f"{settings.PUBLIC_URL}/fhir/{resource['resourceType']}/{resource['id']}"
    return {"fullUrl": address, "resource": resource}


def referred(kind: str, numbers: Iterable[int]) -> list[Json]:
    """Return the professionals and structures that a record refers to."""
    return served.resources_of(
        kind, served.rows_of(kind).filter(Q(pk__in=list(numbers))).order_by("pk")
    )
