"""Say in FHIR R4 what the FHIR door does not serve yet: plain resources, without profile.

An id bears the name of its table wherever another table says the same type.
"""

from datetime import datetime
from typing import Any

from django.db.models import Prefetch, QuerySet

from carbet.coordination.care_plans.models import CarePlan, CarePlanVersion, PlanComment, PlanReview
from carbet.coordination.detection.models import DetectedIssue
from carbet.coordination.documents.choices import LOINC, TA_CDA, DocumentStatus
from carbet.coordination.documents.models import Document, File
from carbet.coordination.documents.rules.content import KINDS
from carbet.coordination.messaging.models import Attachment, Message
from carbet.coordination.orientation.models import Referral
from carbet.coordination.situations.models import EmergencyInformation, Situation
from carbet.coordination.support.models import Case, RequestFile
from carbet.coordination.tasks.models import Task
from carbet.core import fhir
from carbet.core.fhir import Json
from carbet.interop.exports.rules import file_path
from carbet.interop.fhir_api import queries as served
from carbet.interop.hospital_feed.models import Encounter

CONFIDENTIALITY = "http://terminology.hl7.org/CodeSystem/v3-Confidentiality"
_ACT = "http://terminology.hl7.org/CodeSystem/v3-ActCode"
_CLASSES = {"I": "IMP", "E": "EMER", "P": "PRENC"}


def attachment(kind: str, file: File | RequestFile | Attachment) -> Json:
    """Return the Attachment that says where a file stands beside the Bundle."""
    ending = KINDS.get(file.media_type, ("bin", ""))[0]
    return {
        "contentType": file.media_type,
        "url": file_path(kind, file.pk, ending),
        "size": file.size,
        "title": file.name,
    }


def situations(rows: QuerySet[Situation]) -> list[Json]:
    """Return one Observation for each situation, a component for each thing it says."""
    return [_said(row, "situation", "Situation de vie") for row in rows]


def emergencies(rows: QuerySet[EmergencyInformation]) -> list[Json]:
    """Return one Observation for each emergency sheet, a component for each thing it says."""
    return [_said(row, "urgence", "Informations d’urgence") for row in rows]


def documents(rows: QuerySet[Document]) -> list[Json]:
    """Return one DocumentReference for each document, a content for each version, latest first."""
    found = rows.prefetch_related(Prefetch("files", File.objects.order_by("-number")))
    return [_document(row) for row in found]


def tasks(rows: QuerySet[Task]) -> list[Json]:
    """Return the Task resources of what is to be done."""
    return [
        _pruned(
            {
                "resourceType": "Task",
                "id": f"task-{row.pk}",
                "status": row.status,
                "intent": "order",
                "priority": row.priority,
                "description": row.text,
                "for": fhir.reference("Patient", row.patient_id),
                "authoredOn": fhir.instant(row.requested_at),
                "requester": {"display": row.requester_name},
                "owner": {"display": row.owner_name},
                "statusReason": {"text": row.reason} if row.reason else None,
                "restriction": {"period": {"end": row.due_on.isoformat()}} if row.due_on else None,
            }
        )
        for row in rows
    ]


def plans(rows: QuerySet[CarePlan]) -> list[Json]:
    """Return the CarePlan resources that the door serves, with their reviews and approvals."""
    held = rows.prefetch_related(
        Prefetch("reviews", PlanReview.objects.order_by("pk")),
        Prefetch("comments", PlanComment.objects.order_by("pk")),
        Prefetch("versions", CarePlanVersion.objects.order_by("pk")),
    )
    notes = {str(row.pk): _moments_of(row) for row in held}
    told = served.resources_of("CarePlan", rows)
    return [_pruned(each | {"note": [*each.get("note", ()), *notes[each["id"]]]}) for each in told]


def cases(rows: QuerySet[Case]) -> list[Json]:
    """Return the EpisodeOfCare resources of the support that persons had."""
    return [
        _pruned(
            {
                "resourceType": "EpisodeOfCare",
                "id": f"case-{row.pk}",
                "status": row.status,
                "patient": fhir.reference("Patient", row.patient_id),
                "managingOrganization": fhir.reference("Organization", row.organization_id),
                "careManager": fhir.reference("PractitionerRole", row.coordinator_id),
                "period": _period(row.opened_at, row.closed_at),
            }
        )
        for row in rows
    ]


def referrals(rows: QuerySet[Referral]) -> list[Json]:
    """Return the ServiceRequest resources of those whom persons were sent to."""
    return [
        _pruned(
            {
                "resourceType": "ServiceRequest",
                "id": f"referral-{row.pk}",
                "status": row.status,
                "intent": "proposal",
                "priority": "urgent" if row.urgent else "routine",
                "code": {"text": row.name},
                "subject": fhir.reference("Patient", row.patient_id),
                "authoredOn": fhir.instant(row.created_at),
                "requester": _role(row.author_role_id, row.author_name),
                "performer": [
                    fhir.reference("Organization", row.organization_id)
                    | {"display": row.organization_name}
                ],
                "reasonCode": [{"text": row.reason}],
                "note": [{"text": row.comment}] if row.comment else None,
            }
        )
        for row in rows
    ]


def encounters(rows: QuerySet[Encounter]) -> list[Json]:
    """Return the Encounter resources of the stays that establishments told."""
    return [
        _pruned(
            {
                "resourceType": "Encounter",
                "id": f"encounter-{row.pk}",
                "identifier": [{"value": row.number}],
                "status": row.status,
                "class": fhir.coding(_ACT, _CLASSES.get(row.patient_class, "AMB")),
                "subject": fhir.reference("Patient", row.patient_id),
                "period": _period(row.started_at, row.ended_at),
                "serviceProvider": fhir.reference("Organization", row.organization_id),
                "serviceType": {"text": row.unit} if row.unit else None,
            }
        )
        for row in rows
    ]


def issues(rows: QuerySet[DetectedIssue]) -> list[Json]:
    """Return the DetectedIssue resources of what the rules noticed, and what was judged of it."""
    return [
        _pruned(
            {
                "resourceType": "DetectedIssue",
                "id": f"issue-{row.pk}",
                "status": row.status,
                "severity": row.severity,
                "code": {"text": row.get_rule_display()},
                "patient": fhir.reference("Patient", row.patient_id),
                "identifiedDateTime": fhir.instant(row.identified_at),
                "detail": row.reason,
                "mitigation": [
                    _pruned(
                        {
                            "action": {"text": row.judgement},
                            "date": fhir.instant(row.judged_at) if row.judged_at else None,
                        }
                    )
                ]
                if row.judgement
                else None,
            }
        )
        for row in rows
    ]


def messages(rows: QuerySet[Message]) -> list[Json]:
    """Return the Communication resources of the lines of threads, with the files they carry."""
    found = rows.select_related("thread").prefetch_related(
        Prefetch("attachments", Attachment.objects.order_by("number"))
    )
    return [
        _pruned(
            {
                "resourceType": "Communication",
                "id": f"message-{row.pk}",
                "status": "completed",
                "priority": "urgent" if row.urgent else "routine",
                "topic": {"text": row.thread.subject} if row.thread.subject else None,
                "subject": fhir.reference("Patient", row.thread.patient_id),
                "sent": fhir.instant(row.at),
                "sender": {"display": row.author_name},
                "payload": [
                    *([{"contentString": row.text}] if row.text else ()),
                    *(
                        {"contentAttachment": attachment("message", file)}
                        for file in row.attachments.all()
                    ),
                ],
            }
        )
        for row in found
    ]


# --- One row ------------------------------------------------------------------------------------


def _document(row: Document) -> Json:
    shut = row.status == DocumentStatus.ENTERED_IN_ERROR
    code = row.type
    system = LOINC if code[:1].isdigit() else f"urn:oid:{TA_CDA}"
    author = (
        fhir.reference("PractitionerRole", row.author_role_id)
        if row.author_role_id
        else fhir.reference("Organization", row.author_organization_id)
        if row.author_organization_id
        else {}
    )
    found: Json = {
        "resourceType": "DocumentReference",
        "id": f"document-{row.pk}",
        "meta": {"versionId": str(row.version), "lastUpdated": fhir.instant(row.updated_at)},
        "masterIdentifier": {"value": row.identifier_value} if row.identifier_value else None,
        "status": row.status,
        "type": fhir.concept(system, code, row.get_type_display()),
        "subject": fhir.reference("Patient", row.patient_id),
        "date": fhir.instant(row.recorded_at),
        "author": [author | {"display": row.author_name}],
        "description": row.title,
        "securityLabel": [fhir.concept(CONFIDENTIALITY, row.confidentiality)],
        "content": [
            {
                "attachment": {"contentType": file.media_type, "title": file.name}
                if shut
                else attachment("document", file)
                | {
                    "creation": fhir.instant(file.recorded_at),
                }
            }
            for file in row.files.all()
        ],
    }
    return _pruned(found)


def _moments_of(row: CarePlan) -> list[Json]:
    """Return the reviews, approvals and comments of a plan, as notes."""
    return (
        [
            {
                "time": fhir.instant(review.held_at),
                "text": f"Révision par {review.held_by_name}. {review.conclusion}".strip(),
            }
            for review in row.reviews.all()
        ]
        + [
            {
                "time": fhir.instant(version.approved_at),
                "text": f"Version {version.number} approuvée. {version.comment}".strip(),
            }
            for version in row.versions.all()
        ]
        + [
            {
                "time": fhir.instant(said.written_at),
                "text": f"Commentaire de {said.written_by_name} : {said.text}",
            }
            for said in row.comments.all()
        ]
    )


def _said(row: Situation | EmergencyInformation, name: str, title: str) -> Json:
    """Return an Observation of every filled field of a sheet, under its French label."""
    components = []
    for field in row._meta.get_fields():
        column = getattr(field, "attname", "")
        if not column or column in _TECHNICAL or column.startswith("updated_by"):
            continue
        value = getattr(row, column)
        display = getattr(row, f"get_{column}_display", None)
        said = value
        if isinstance(value, list):
            labels = dict(field.base_field.choices or ())  # type: ignore[union-attr]
            said = ", ".join(str(labels.get(each, each)) for each in value)
        text = str(display() if display and value else said or "").strip()
        if text:
            components.append({"code": {"text": SAID.get(column, column)}, "valueString": text})
    return _pruned(
        {
            "resourceType": "Observation",
            "id": f"{name}-{row.pk}",
            "status": "final",
            "code": {"text": title},
            "subject": fhir.reference("Patient", row.patient_id),
            "effectiveDateTime": fhir.instant(row.updated_at),
            "performer": [{"display": row.updated_by_name}] if row.updated_by_name else None,
            "component": components,
        }
    )


_TECHNICAL = frozenset({"id", "patient_id", "updated_at", "version"})
# What the sheet calls each of its fields.
SAID = {
    "household": "Vit",
    "housing": "Logement",
    "housing_note": "Précisions sur le logement",
    "reach": "Accès",
    "directions": "Comment venir",
    "minutes": "Temps de trajet (minutes)",
    "utilities": "Équipement",
    "helpers": "Qui aide",
    "rights": "Droits ouverts",
    "rights_note": "Précisions sur les droits",
    "aids": "Aides en place",
    "aids_note": "Précisions sur les aides",
    "languages": "Langues",
    "protection": "Protection juridique",
    "guardian_name": "Représentant légal",
    "guardian_phone": "Téléphone du représentant légal",
    "interpreter_note": "Interprète",
    "allergies": "Allergies",
    "conditions": "Maladies",
    "treatments": "Traitements",
    "devices": "Matériel",
    "directives": "Directives anticipées",
    "directives_note": "Où sont les directives",
    "hospital": "Hôpital de référence",
    "instructions": "Conduite à tenir",
}


def _role(number: int | None, name: str) -> Json | None:
    if number is None:
        return {"display": name} if name else None
    return fhir.reference("PractitionerRole", number) | ({"display": name} if name else {})


def _period(start: datetime | None, end: datetime | None) -> Json | None:
    found = {}
    if start:
        found["start"] = fhir.instant(start)
    if end:
        found["end"] = fhir.instant(end)
    return found or None


def _pruned(value: Any) -> Any:
    """Return a resource without what it does not say: FHIR knows no empty element, at any depth."""
    if isinstance(value, dict):
        found = {name: _pruned(each) for name, each in value.items()}
        return {name: each for name, each in found.items() if each not in (None, "", [], {})}
    if isinstance(value, list):
        return [each for each in map(_pruned, value) if each not in (None, "", [], {})]
    return value
