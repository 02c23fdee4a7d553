"""What can be done with questionnaires: write, import, publish, retire. Published, none changes."""

import uuid
from collections.abc import Mapping
from datetime import datetime
from typing import Any

from django.db import IntegrityError, transaction
from django.db.models import F

from carbet.coordination.assessments.choices import QuestionnaireStatus
from carbet.coordination.assessments.models import Questionnaire
from carbet.coordination.assessments.rules import definitions, editing
from carbet.core.actor import Actor
from carbet.core.audit import Trace
from carbet.core.operation import UnableTo, UnableToAct, operation
from carbet.registries.directory.rules import EDIT_QUESTIONNAIRES

LARGEST = 500_000
MOST_DRAFTS = 100


class UnableToKeepQuestionnaire(UnableTo):
    """The questionnaire cannot be kept as given; `problems` says each place and why."""

    def __init__(
        self,
        message: str,
        *,
        field: str | None = None,
        problems: list[definitions.Problem] | None = None,
    ) -> None:
        super().__init__(message, field=field)
        self.problems = problems or []


class ChangedMeanwhile(UnableToKeepQuestionnaire):
    """Somebody changed the draft since it was shown: nothing of this change was kept."""


@operation("questionnaire.create", action="C")
def create_draft(
    trace: Trace, *, actor: Actor, now: datetime, title: str, gesture: uuid.UUID
) -> Questionnaire:
    """Begin a questionnaire of the region; the same gesture twice begins one.

    Raises:
        UnableToAct: the role keeps no questionnaires.
        UnableToKeepQuestionnaire: no title, or too many drafts under way.
    """
    _check_keeper(actor)
    if not title.strip():
        raise UnableToKeepQuestionnaire("Donnez un titre.", field="title")
    body = editing.blank(
        url=f"urn:carbet:questionnaire:{gesture}", version="1", title=title.strip()[:200]
    )
    return _add(trace, body, actor=actor, now=now)


@operation("questionnaire.import", action="C")
def import_draft(
    trace: Trace, *, actor: Actor, now: datetime, body: Mapping[str, Any]
) -> Questionnaire:
    """Take in a FHIR Questionnaire as a draft, refused whole with each place that cannot be used.

    Raises:
        UnableToAct: the role keeps no questionnaires.
        UnableToKeepQuestionnaire: it cannot be asked, or that version is here already.
    """
    _check_keeper(actor)
    try:
        definition = definitions.read(body)
    except definitions.RefusedQuestionnaire as refusal:
        raise UnableToKeepQuestionnaire(
            "Ce questionnaire ne peut pas être repris.", problems=refusal.problems
        ) from refusal
    missing = [name for name in ("url", "version") if not getattr(definition, name)]
    if missing:
        raise UnableToKeepQuestionnaire(
            "Ce questionnaire ne peut pas être repris.",
            problems=[
                definitions.Problem(f"Questionnaire.{name}", "Ce champ manque.") for name in missing
            ],
        )
    return _add(trace, dict(body) | {"status": "draft"}, actor=actor, now=now)


@operation("questionnaire.renew", action="C")
def renew(
    trace: Trace, *, actor: Actor, now: datetime, questionnaire: Questionnaire
) -> Questionnaire:
    """Begin a new version as a draft; the one in use stays until this one is published.

    A draft of this questionnaire already under way is the one returned.
    """
    _check_keeper(actor)
    under_way = Questionnaire.objects.filter(
        url=questionnaire.url, status=QuestionnaireStatus.DRAFT
    ).first()
    if under_way is not None:
        trace.about(entity=under_way, reason="version déjà en cours")
        return under_way
    known = set(
        Questionnaire.objects.filter(url=questionnaire.url).values_list("version", flat=True)
    )
    number = len(known) + 1
    while str(number) in known:
        number += 1
    body = dict(questionnaire.definition) | {"version": str(number), "status": "draft"}
    return _add(trace, body, actor=actor, now=now)


@operation("questionnaire.write")
def write_draft(
    trace: Trace,
    *,
    actor: Actor,
    now: datetime,
    questionnaire: Questionnaire,
    body: Mapping[str, Any],
    seen_revision: int,
) -> Questionnaire:
    """Keep a draft as it was changed, when nobody else changed it since.

    Raises:
        ChangedMeanwhile: the draft moved since it was shown.
        UnableToKeepQuestionnaire: published or retired already.
    """
    _check_keeper(actor)
    row = _locked(questionnaire)
    if row.status != QuestionnaireStatus.DRAFT:
        raise UnableToKeepQuestionnaire("Ce questionnaire n’est plus un brouillon.")
    if row.revision != seen_revision:
        raise ChangedMeanwhile(
            "Ce brouillon a changé entre-temps. Relisez-le, puis refaites votre modification."
        )
    row.definition = dict(body)
    row.title = str(body.get("title", ""))[:200]
    row.revision += 1
    row.updated_at = now
    row.author_name = actor.display_name
    row.save()
    trace.about(entity=row)
    return row


@operation("questionnaire.publish")
def publish(
    trace: Trace,
    *,
    actor: Actor,
    now: datetime,
    questionnaire: Questionnaire,
    seen_revision: int,
) -> Questionnaire:
    """Offer a draft to everyone; the version in use before is retired, its answers kept.

    Raises:
        ChangedMeanwhile: the draft moved since it was shown.
        UnableToKeepQuestionnaire: it cannot be asked as it is, with each place.
    """
    _check_keeper(actor)
    row = _locked(questionnaire)
    if row.status == QuestionnaireStatus.ACTIVE:
        trace.about(entity=row, reason="déjà publié")
        return row
    if row.status != QuestionnaireStatus.DRAFT:
        raise UnableToKeepQuestionnaire("Une version retirée ne se publie plus.")
    if row.revision != seen_revision:
        raise ChangedMeanwhile("Ce brouillon a changé entre-temps. Relisez-le avant de publier.")
    try:
        definition = definitions.read(row.definition)
    except definitions.RefusedQuestionnaire as refusal:
        raise UnableToKeepQuestionnaire(
            "Ce questionnaire ne peut pas encore être publié.", problems=refusal.problems
        ) from refusal
    if not definition.asked:
        raise UnableToKeepQuestionnaire("Ajoutez au moins une question.")
    if not definition.rights:
        raise UnableToKeepQuestionnaire(
            "Dites les droits d’usage : qui a écrit ce questionnaire, et qui peut s’en servir.",
            field="rights",
        )
    Questionnaire.objects.filter(url=row.url, status=QuestionnaireStatus.ACTIVE).update(
        status=QuestionnaireStatus.RETIRED,
        retired_at=now,
        updated_at=now,
        revision=F("revision") + 1,
    )
    row.status = QuestionnaireStatus.ACTIVE
    row.definition |= {"status": "active", "date": now.date().isoformat()}
    row.published_at = row.updated_at = now
    row.revision += 1
    row.save()
    trace.about(entity=row)
    return row


@operation("questionnaire.retire")
def retire(
    trace: Trace, *, actor: Actor, now: datetime, questionnaire: Questionnaire
) -> Questionnaire:
    """Stop offering a questionnaire, or give a draft up; what was answered stays readable."""
    _check_keeper(actor)
    row = _locked(questionnaire)
    if row.status != QuestionnaireStatus.RETIRED:
        row.status, row.retired_at, row.updated_at = QuestionnaireStatus.RETIRED, now, now
        row.revision += 1
        row.save()
    trace.about(entity=row)
    return row


def _add(trace: Trace, body: Mapping[str, Any], *, actor: Actor, now: datetime) -> Questionnaire:
    drafts = Questionnaire.objects.filter(status=QuestionnaireStatus.DRAFT)
    if drafts.count() >= MOST_DRAFTS:
        raise UnableToKeepQuestionnaire(
            f"{MOST_DRAFTS} brouillons sont déjà en cours : publiez-en, ou retirez-en."
        )
    row = Questionnaire(
        url=str(body["url"])[:300],
        version=str(body["version"])[:40],
        title=str(body["title"])[:200],
        status=QuestionnaireStatus.DRAFT,
        definition=dict(body),
        author_name=actor.display_name,
        organization_id=actor.organization_id,
        updated_at=now,
    )
    try:
        with transaction.atomic():
            row.save(force_insert=True)
    except IntegrityError as error:
        before = Questionnaire.objects.get(url=row.url, version=row.version)
        if before.status != QuestionnaireStatus.DRAFT or before.definition != row.definition:
            raise UnableToKeepQuestionnaire(
                f"La version {row.version} de ce questionnaire est déjà là."
            ) from error
        row = before
    trace.about(entity=row)
    return row


def _locked(questionnaire: Questionnaire) -> Questionnaire:
    return Questionnaire.objects.select_for_update().get(pk=questionnaire.pk)


def _check_keeper(actor: Actor) -> None:
    if not actor.can(EDIT_QUESTIONNAIRES):
        raise UnableToAct("Votre rôle ne permet pas de tenir les questionnaires.")
