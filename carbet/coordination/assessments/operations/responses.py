"""What can be done with assessments: begin, save, finish, correct, withdraw. Nothing is erased."""

import uuid
from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any

from django.db import IntegrityError, transaction

from carbet.coordination.assessments import queries
from carbet.coordination.assessments.choices import QuestionnaireStatus, ResponseStatus
from carbet.coordination.assessments.models import Questionnaire, QuestionnaireResponse
from carbet.coordination.assessments.rules import answers as rules
from carbet.coordination.care_teams import access as care_teams_access
from carbet.coordination.care_teams import queries as care_teams
from carbet.core import live
from carbet.core.actor import Actor, DataCategory, Level
from carbet.core.audit import Trace
from carbet.core.operation import UnableTo, UnableToAct, operation
from carbet.registries.directory.rules import WRITE_NOTEBOOK
from carbet.registries.patients.models import Patient

CLOCKS_DIFFER = timedelta(minutes=10)
# What a system may say next of the answers it sent.
_DRAFT_NEXT = (
    ResponseStatus.IN_PROGRESS,
    ResponseStatus.COMPLETED,
    ResponseStatus.ENTERED_IN_ERROR,
)
_FINISHED_NEXT = (ResponseStatus.AMENDED, ResponseStatus.ENTERED_IN_ERROR)


class UnableToAssess(UnableTo):
    """The assessment cannot be written as given; `errors` says which answer, by linkId."""

    def __init__(
        self,
        message: str,
        *,
        field: str | None = None,
        errors: Mapping[str, str] | None = None,
    ) -> None:
        super().__init__(message, field=field)
        self.errors = dict(errors or {})


class SavedMeanwhile(UnableToAssess):
    """Another screen saved the same assessment: nothing of this one was kept."""


@operation("assessment.begin", action="C")
def begin(
    trace: Trace,
    *,
    actor: Actor,
    now: datetime,
    patient: Patient,
    questionnaire: Questionnaire,
    gesture: uuid.UUID,
) -> QuestionnaireResponse:
    """Begin to fill a questionnaire; the same gesture twice begins one.

    Raises:
        UnableToAct: the role does not write in records.
        UnableToAssess: the questionnaire is not published.
    """
    _check_writer(actor)
    if questionnaire.status != QuestionnaireStatus.ACTIVE:
        raise UnableToAssess("Ce questionnaire n’est plus proposé.")
    response = QuestionnaireResponse(
        patient_id=patient.pk,
        category=care_teams_access.category_of_author(patient),
        questionnaire=questionnaire,
        author_role_id=actor.role_id,
        author_name=actor.display_name,
        authored_at=now,
        recorded_at=now,
        saved_at=now,
        gesture=gesture,
    )
    try:
        with transaction.atomic():
            response.save(force_insert=True)
    except IntegrityError as error:
        before = QuestionnaireResponse.objects.filter(
            gesture=gesture, patient_id=patient.pk, author_role_id=actor.role_id
        ).first()
        if before is None:
            raise UnableToAssess("Ce formulaire a déjà servi : recommencez.") from error
        response = before
    trace.about(patient_id=patient.pk, entity=response)
    return response


@operation("assessment.save")
def save(
    trace: Trace,
    *,
    actor: Actor,
    now: datetime,
    response: QuestionnaireResponse,
    answers: Mapping[str, Sequence[Any]],
    seen_version: int,
    finished: bool,
    authored_at: datetime | None = None,
    reason: str = "",
) -> QuestionnaireResponse:
    """Keep what was answered, whole or not; `finished` closes it and keeps its scores.

    An assessment already finished is corrected by its author, with a reason; the former answers
    stay in its history.

    Args:
        answers: by linkId, what was typed or received; answers to questions not asked are dropped.
        seen_version: the version that was on screen.

    Raises:
        UnableToAct: somebody else's finished assessment, or a role that does not write.
        SavedMeanwhile: saved by another screen since.
        UnableToAssess: an answer that a question does not take, one that is missing at the end, a
            moment to come, no reason for a correction, an assessment withdrawn.
    """
    _check_writer(actor)
    row = _locked(response)
    if row.version != seen_version:
        raise SavedMeanwhile(
            "Cette évaluation a été enregistrée entre-temps, dans un autre onglet ou par un"
            " collègue. Vos réponses sont encore à l’écran : comparez avant de les enregistrer."
        )
    corrected = row.status in queries.COUNTED
    if corrected:
        _check_author(row, actor)
        if not reason.strip():
            raise UnableToAssess("Dites pourquoi vous corrigez cette évaluation.", field="reason")
    if authored_at is not None and authored_at > now + CLOCKS_DIFFER:
        raise UnableToAssess("Ce moment est dans le futur.", field="authored_at")
    definition = queries.definition_of(row.questionnaire)
    kept, errors = rules.check(definition, answers, complete=finished or corrected)
    if errors:
        raise UnableToAssess("Vérifiez les réponses signalées.", errors=errors)
    row.answers = kept
    row.scores = rules.scores(definition, kept)
    if corrected:
        row.status, row.status_reason = ResponseStatus.AMENDED, reason.strip()[:200]
    elif finished:
        row.status = ResponseStatus.COMPLETED
        row.author_role_id, row.author_name = actor.role_id, actor.display_name
    row.authored_at = authored_at or row.authored_at
    row.saved_at = now
    row.version += 1
    row.save()
    if finished or corrected:
        _refresh_screens(row, now=now)
    trace.about(patient_id=row.patient_id, entity=row, reason=row.status_reason)
    return row


@operation("assessment.receive", action="C")
def receive(
    trace: Trace,
    *,
    actor: Actor,
    now: datetime,
    patient: Patient,
    questionnaire: Questionnaire,
    status: ResponseStatus,
    answers: Mapping[str, Sequence[Any]],
    authored_at: datetime | None,
    author_role_id: int | None,
    author_name: str,
    identifier: tuple[str, str],
) -> tuple[QuestionnaireResponse, bool]:
    """Keep answers that a system sends, scored here, and say whether they are new.

    The same identifier of the same structure is kept once.

    Args:
        answers: by linkId, as `rules.check` gives them.
        authored_at: None when it is not said: now.
        identifier: system and value; without a value each sending is a new assessment.

    Raises:
        UnableToAct: no structure is behind the system.
        UnableToAssess: something else is here under that identifier, or the answers do not hold.
    """
    if actor.organization_id is None:
        raise UnableToAct("Seul le logiciel d’une structure peut envoyer des réponses.")
    definition = queries.definition_of(questionnaire)
    kept, errors = rules.check(definition, answers, complete=status in queries.COUNTED)
    if errors:
        raise UnableToAssess("Vérifiez les réponses signalées.", errors=errors)
    gesture = uuid.uuid4()
    if identifier[1]:
        said = "\n".join(("assessment", str(actor.organization_id), *identifier))
        gesture = uuid.uuid5(uuid.NAMESPACE_URL, said)
    row = QuestionnaireResponse(
        patient_id=patient.pk,
        category=care_teams_access.category_of_author(patient),
        questionnaire=questionnaire,
        status=status,
        answers=kept,
        scores=rules.scores(definition, kept),
        author_role_id=author_role_id,
        author_name=author_name,
        author_organization_id=actor.organization_id,
        identifier_system=identifier[0],
        identifier_value=identifier[1],
        authored_at=authored_at or now,
        recorded_at=now,
        saved_at=now,
        gesture=gesture,
    )
    try:
        with transaction.atomic():
            row.save(force_insert=True)
    except IntegrityError as error:
        before = QuestionnaireResponse.objects.filter(
            gesture=gesture, patient_id=patient.pk, questionnaire=questionnaire
        ).first()
        same = (
            before is not None
            and (before.answers, before.status) == (kept, status)
            and authored_at in (None, before.authored_at)
        )
        if before is None or not same:
            raise UnableToAssess(
                "Une autre évaluation a déjà été reçue sous cet identifiant.", field="identifier"
            ) from error
        trace.about(patient_id=patient.pk, entity=before, reason="déjà reçue")
        return before, False
    if status in queries.COUNTED:
        _refresh_screens(row, now=now)
    trace.about(patient_id=patient.pk, entity=row)
    return row, True


@operation("assessment.receive_again")
def receive_again(
    trace: Trace,
    *,
    actor: Actor,
    now: datetime,
    response: QuestionnaireResponse,
    seen_version: int,
    status: ResponseStatus,
    answers: Mapping[str, Sequence[Any]],
    authored_at: datetime | None,
    author_role_id: int | None,
    author_name: str,
) -> QuestionnaireResponse:
    """Bring answers to what the system that sent them says now; the former ones stay in history.

    What is finished becomes an amendment or an error, never a draft again. The same answers twice
    change nothing.

    Args:
        seen_version: the version that the system had read.

    Raises:
        UnableToAct: another structure sent them.
        SavedMeanwhile: they changed since that version.
        UnableToAssess: withdrawn, a step back, or answers that do not hold.
    """
    row = _locked(response)
    if actor.organization_id is None or row.author_organization_id != actor.organization_id:
        raise UnableToAct("Seule la structure qui a envoyé ces réponses peut les modifier.")
    if row.version != seen_version:
        raise SavedMeanwhile("Modifié entre-temps : relisez la ressource.")
    finished = row.status in queries.COUNTED
    expected = _FINISHED_NEXT if finished else _DRAFT_NEXT
    if status not in expected and status != row.status:
        raise UnableToAssess(f"Attendu : {', '.join(expected)}.", field="status")
    withdrawn = status == ResponseStatus.ENTERED_IN_ERROR
    definition = queries.definition_of(row.questionnaire)
    kept, errors = rules.check(definition, answers, complete=status in queries.COUNTED)
    if errors and not withdrawn:
        raise UnableToAssess("Vérifiez les réponses signalées.", errors=errors)
    moment = authored_at or row.authored_at
    if (row.status, row.answers, row.authored_at) == (status, kept, moment):
        trace.about(patient_id=row.patient_id, entity=row, reason="déjà reçue")
        return row
    if finished and status == ResponseStatus.COMPLETED:
        raise UnableToAssess(f"Attendu : {', '.join(_FINISHED_NEXT)}.", field="status")
    if not withdrawn:
        row.answers, row.scores = kept, rules.scores(definition, kept)
        row.authored_at = moment
        row.author_role_id, row.author_name = author_role_id, author_name
    row.status, row.saved_at = status, now
    row.status_reason = f"dit par {actor.display_name}"[:200] if finished else ""
    row.version += 1
    row.save()
    if finished or status in queries.COUNTED:
        _refresh_screens(row, now=now)
    trace.about(patient_id=row.patient_id, entity=row, reason=row.status_reason)
    return row


@operation("assessment.withdraw")
def withdraw(
    trace: Trace, *, actor: Actor, now: datetime, response: QuestionnaireResponse, reason: str
) -> QuestionnaireResponse:
    """Mark an assessment as entered in error: it leaves the comparisons and stays, struck through.

    One not yet finished is given up this way by whoever may write; a finished one by its author.

    Raises:
        UnableToAct: somebody else's finished assessment, or a role that does not write.
        UnableToAssess: no reason, or withdrawn already.
    """
    _check_writer(actor)
    row = _locked(response)
    if row.status in queries.COUNTED:
        _check_author(row, actor)
    if not reason.strip():
        raise UnableToAssess("Dites pourquoi.", field="reason")
    row.status, row.status_reason = ResponseStatus.ENTERED_IN_ERROR, reason.strip()[:200]
    row.saved_at = now
    row.version += 1
    row.save()
    _refresh_screens(row, now=now)
    trace.about(patient_id=row.patient_id, entity=row, reason=row.status_reason)
    return row


def _locked(response: QuestionnaireResponse) -> QuestionnaireResponse:
    row = (
        QuestionnaireResponse.objects.select_for_update(of=("self",))
        .select_related("questionnaire")
        .filter(pk=response.pk)
        .first()
    )
    if row is None:
        raise UnableToAct("Cette évaluation n’est plus accessible.")
    if row.status == ResponseStatus.ENTERED_IN_ERROR:
        raise UnableToAssess("Cette évaluation a été retirée : elle ne se modifie plus.")
    return row


def _check_writer(actor: Actor) -> None:
    if actor.role_id is None or not actor.can(WRITE_NOTEBOOK):
        raise UnableToAct("Votre rôle ne permet pas d’évaluer cette personne.")


def _check_author(row: QuestionnaireResponse, actor: Actor) -> None:
    if row.author_role_id != actor.role_id:
        raise UnableToAct("Seul l’auteur d’une évaluation terminée peut la corriger ou la retirer.")


def _refresh_screens(row: QuestionnaireResponse, *, now: datetime) -> None:
    readers = care_teams.keys_of_level(
        patient_id=row.patient_id, level=Level.READ, category=DataCategory(row.category)
    )
    live.announce(readers, "assessment", now=now)
