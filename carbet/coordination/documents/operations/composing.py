"""Documents that Carbet writes itself: a PDF in a clinical document (CDA level 1), in versions."""

import io
import uuid
from collections.abc import Iterable
from datetime import datetime

from django.conf import settings
from django.db import IntegrityError, transaction

from carbet.coordination.care_teams import access as care_teams_access
from carbet.coordination.documents import access
from carbet.coordination.documents.choices import DocumentStatus, DocumentType, Origin
from carbet.coordination.documents.models import Document
from carbet.coordination.documents.operations.filing import UnableToFile
from carbet.coordination.documents.operations.keeping import keep, refresh_screens
from carbet.coordination.documents.rules import clinical, receiving
from carbet.core.actor import Actor, DataCategory
from carbet.core.audit import Trace
from carbet.core.identifiers import is_rpps, short_id
from carbet.core.operation import UnableToAct, operation
from carbet.core.sharing import Visibility
from carbet.interop import cda
from carbet.interop.cda import vocabulary as v
from carbet.registries.directory.models import Organization, PractitionerRole
from carbet.registries.patients import queries as patients
from carbet.registries.patients.models import Patient

# Family of our own identifiers, under the arc of UUID (ITU-T X.667).
_OURS = uuid.UUID("6f1c0f4e-8f2b-4c0e-9d49-6f0f5f7b4a10")
# J02 and J04: a coordination structure, else a practice in the city.
_COORDINATION = cda.Code(
    "SA57", "Structure de coordination (réseaux, maisons des adolescents…)", v.FACILITY
)


@operation("document.compose", action="C")
def file_composed(
    trace: Trace,
    *,
    actor: Actor,
    now: datetime,
    patient: Patient,
    pdf: bytes,
    kind: str,
    title: str,
    series: str,
    gesture: uuid.UUID,
    version: int | None = None,
    author_role_id: int | None = None,
    authenticator_role_id: int | None = None,
    recipient_ids: Iterable[int] = (),
    category: DataCategory | None = None,
    visibility: str = Visibility.CIRCLE,
) -> Document:
    """File a PDF as a clinical document of the record; the next of a series replaces the former.

    The same gesture twice, or the same version twice, is one document.

    Args:
        series: what every version of one document has in common ("plan"), within the record.
        version: its number, when its series counts by itself.
        author_role_id, authenticator_role_id: who wrote it and who answers for it; else the actor.
        category: who may read it; by default what is open to its author, medical first.

    Raises:
        UnableToAct: the role does not write in records.
        UnableToFile: a later version is filed already, what is written breaks the CI-SIS rules, or
            the gesture filed another person's document.
    """
    if actor.role_id is None:
        raise UnableToAct("Choisissez d’abord le rôle sous lequel vous travaillez.")
    signed = access.signature(actor, patient_id=patient.pk)
    own = uuid.uuid5(_OURS, f"{settings.PUBLIC_URL}/{patient.pk}/{series}")
    set_id = cda.new_identifier(own)
    former = (
        Document.objects.select_for_update()
        .filter(
            patient_id=patient.pk,
            set_identifier=clinical.identity(set_id),
            status=DocumentStatus.CURRENT,
        )
        .first()
    )
    identifier = cda.new_identifier(uuid.uuid5(own, str(version or gesture)))
    known = Document.objects.filter(
        patient_id=patient.pk, identifier_value=clinical.identity(identifier)
    ).first()
    if known is not None:
        trace.about(patient_id=patient.pk, entity=known, reason="déjà classé")
        return known
    number = version or ((former.set_version or 0) + 1 if former is not None else 1)
    if former is not None and number <= (former.set_version or 0):
        raise UnableToFile("Une version plus récente de ce document est déjà classée.")
    roles = _roles(actor.role_id, author_role_id, authenticator_role_id, *recipient_ids)
    author = roles[author_role_id or actor.role_id]
    place = author.organization
    header = cda.Header(
        identifier=identifier,
        set_id=set_id,
        version=number,
        type=cda.Code(kind, str(DocumentType(kind).label), _nomenclature(kind)),
        title=title,
        effective_at=now,
        patient=_person(patient),
        authors=(_author(author),),
        custodian=_custodian(place),
        legal_authenticator=_author(roles[authenticator_role_id or actor.role_id]),
        recipients=tuple(_author(roles[each]) for each in recipient_ids),
        services=(cda.Service(cda.Period(now, now)),),
        encounter=cda.Encounter(cda.Period(now), _facility(place), _place(place)),
        replaces=_replaced(former),
    )
    data = cda.write_level_one(header, pdf)
    if wrong := cda.findings(data):
        raise UnableToFile(f"Ce document ne peut pas être produit : {wrong[0].why}.")
    received = receiving.receive(f"{title}.xml", io.BytesIO(data), len(data))
    if former is not None:
        former.version += 1
        former.title, former.type = title[:200], DocumentType(kind)
        former.identifier_value, former.set_version = clinical.identity(identifier), number
        former.made_on, former.updated_at = now.date(), now
        for name, value in signed.items():
            setattr(former, name, value)
        former.save()
        reason = f"Remplacé par la version {number}"
        keep(
            former,
            received,
            number=former.version,
            author=actor.display_name,
            now=now,
            reason=reason,
        )
        refresh_screens(former, now=now)
        trace.about(patient_id=patient.pk, entity=former, reason=reason)
        return former
    document = Document(
        patient_id=patient.pk,
        type=DocumentType(kind),
        category=category or care_teams_access.category_of_author(patient),
        title=title[:200],
        made_on=now.date(),
        visibility=visibility,
        origin=Origin.WRITTEN,
        identifier_system=clinical.IDENTIFIER_SYSTEM,
        identifier_value=clinical.identity(identifier),
        set_identifier=clinical.identity(set_id),
        set_version=number,
        recorded_at=now,
        updated_at=now,
        gesture=uuid.uuid5(gesture, series),
        **signed,
    )
    try:
        with transaction.atomic():
            document.save(force_insert=True)
    except IntegrityError as error:
        before = Document.objects.filter(
            patient_id=patient.pk, identifier_value=clinical.identity(identifier)
        ).first()
        if before is None:
            raise UnableToFile("Ce formulaire a déjà servi : recommencez.") from error
        document = before
        trace.about(patient_id=patient.pk, entity=document, reason="déjà classé")
        return document
    keep(document, received, number=1, author=actor.display_name, now=now)
    refresh_screens(document, now=now)
    trace.about(patient_id=patient.pk, entity=document)
    return document


def _roles(*numbers: int | None) -> dict[int, PractitionerRole]:
    wanted = {number for number in numbers if number is not None}
    return {
        role.pk: role
        for role in PractitionerRole.objects.filter(pk__in=wanted).select_related(
            "practitioner", "organization"
        )
    }


def _nomenclature(kind: str) -> str:
    return v.LOINC if kind.replace("-", "").isdecimal() else v.TA_CDA


def _local(kind: str, number: int) -> cda.Identifier:
    family = cda.new_identifier(uuid.uuid5(_OURS, f"{settings.PUBLIC_URL}/{kind}"))
    return cda.Identifier(family.root, short_id(number))


def _person(patient: Patient) -> cda.Patient:
    """Return the traits as the document says them; the INS leaves for a qualified identity only."""
    ins = patients.ins_that_leaves(patient=patient) if patient.birth_place_code else None
    held = (
        (cda.Identifier(ins.system.removeprefix("urn:oid:"), ins.value),) if ins is not None else ()
    )
    return cda.Patient(
        identifiers=(*held, _local("patient", patient.pk)),
        birth_family=patient.birth_family,
        birth_given=" ".join(patient.birth_given),
        first_given=patient.first_given,
        used_family=patient.used_family,
        used_given=patient.used_given,
        gender=patient.gender,
        birth_date=patient.birth_date,
        birth_date_precision=patient.birth_date_precision,
        birth_place_code=patient.birth_place_code,
        birth_place_name=patient.birth_place_name,
        phone=patient.phone,
        address_line=patient.address_line,
        postal_code=patient.postal_code,
        city=patient.city,
    )


def _author(role: PractitionerRole) -> cda.Author:
    person = role.practitioner
    known = bool(person.rpps) and is_rpps(person.rpps or "")
    return cda.Author(
        name=cda.Name(person.family, person.given, prefix=person.civility),
        identifier=cda.Identifier(v.PROFESSIONAL, f"8{person.rpps}")
        if known
        else _local("practitioner", person.pk),
        organization=_place(role.organization),
        phone=role.phone,
    )


def _place(place: Organization) -> cda.Organization:
    if place.finess:
        identifier = cda.Identifier(v.STRUCTURE, f"1{place.finess}")
    elif place.siret:
        identifier = cda.Identifier(v.STRUCTURE, f"3{place.siret}")
    else:
        identifier = _local("organization", place.pk)
    return cda.Organization(place.name, identifier, place.phone)


def _custodian(place: Organization) -> cda.Organization:
    """Return who keeps the document: the structure, or the house when it has no national number."""
    own = _place(place)
    if own.identifier is not None and own.identifier.root == v.STRUCTURE:
        return own
    if not settings.CUSTODIAN_NUMBER:
        raise UnableToFile(
            "Votre structure n’a pas de numéro FINESS ni SIRET, et l’exploitant de Carbet n’a pas"
            " donné le sien (CARBET_CUSTODIAN) : ce document ne serait reçu nulle part."
        )
    return cda.Organization(
        settings.CUSTODIAN_NAME, cda.Identifier(v.STRUCTURE, settings.CUSTODIAN_NUMBER)
    )


def _facility(place: Organization) -> cda.Code | None:
    return _COORDINATION if place.sector == _COORDINATION.code else None


def _replaced(former: Document | None) -> cda.Replaced | None:
    if former is None:
        return None
    return cda.Replaced(cda.Identifier(former.identifier_value.removeprefix("urn:oid:")))
