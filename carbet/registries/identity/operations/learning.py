"""Weights learnt by the territory: kept, measured, put into service, taken back."""

import hashlib
import json
from datetime import datetime
from typing import Any

from django.db import connection

from carbet.core.actor import INTERNAL, Actor
from carbet.core.audit import Trace
from carbet.core.operation import UnableTo, UnableToAct, operation
from carbet.registries.identity import queries, rules
from carbet.registries.identity.models import MatchingMeasure
from carbet.registries.matching import rules as matching
from carbet.registries.patients import queries as patients
from carbet.registries.patients.models import MatchingModel, MatchingSwitch


class UnableToSwitch(UnableTo):
    """These weights may not take the place of those in service."""


def digest_of(raw: dict[str, Any]) -> str:
    """Return what weights are called: the SHA-256 of what they hold."""
    said = json.dumps(raw, sort_keys=True, separators=(",", ":"), ensure_ascii=True)
    return hashlib.sha256(said.encode()).hexdigest()


@operation("identity.model.keep", action="C")
def keep_model(
    trace: Trace, *, actor: Actor, now: datetime, raw: dict[str, Any], learnt_from: str
) -> MatchingModel:
    """Keep weights that were learnt; the same ones twice are kept once. They serve nobody yet.

    Raises:
        UnableToAct: it is not whoever runs the house.
        UnableToSwitch: they are no weights.
    """
    _check_house(actor)
    try:
        matching.parse(raw)
    except (KeyError, TypeError, ValueError) as error:
        raise UnableToSwitch("Ce ne sont pas des poids de comparaison.") from error
    kept, _ = MatchingModel.objects.get_or_create(
        digest=digest_of(raw),
        defaults={"raw": raw, "learnt_at": now, "learnt_from": learnt_from[:200]},
    )
    trace.about(entity=kept, reason=learnt_from[:200])
    return kept


@operation("identity.model.measure", action="C")
def keep_measure(
    trace: Trace, *, actor: Actor, now: datetime, digest: str, identities: int, rates: rules.Rates
) -> MatchingMeasure:
    """Publish what weights do, on the desk of the cell.

    Raises:
        UnableToAct: it is not whoever runs the house.
    """
    _check_house(actor)
    row = MatchingMeasure.objects.create(
        digest=digest,
        measured_at=now,
        identities=identities,
        **{name: getattr(rates, name) for name in rules.COUNTS},
    )
    trace.about(entity=row)
    return row


@operation("identity.model.switch")
def switch_model(
    trace: Trace,
    *,
    actor: Actor,
    now: datetime,
    digest: str,
    reason: str = "",
    forced: bool = False,
) -> MatchingSwitch:
    """Put weights into service, for pages, machines and the night at once.

    Args:
        digest: of weights that were kept; empty for the shipped ones.
        forced: although they were not measured, or are worse; the reason is then due.

    Raises:
        UnableToAct: it is not whoever runs the house.
        UnableToSwitch: unknown, in service already, not measured, or worse than those in service.
    """
    _check_house(actor)
    with connection.cursor() as cursor:
        # Two switches at once would compare themselves with weights that serve no more.
        cursor.execute("SELECT pg_advisory_xact_lock(97302)")
    model = MatchingModel.objects.defer("raw").filter(digest=digest).first() if digest else None
    if digest and model is None:
        raise UnableToSwitch("Ces poids ne sont pas connus.")
    serving = patients.digest_in_use()
    if digest == serving:
        raise UnableToSwitch("Ces poids sont déjà en service.")
    if forced and not reason.strip():
        raise UnableToSwitch("Dites pourquoi : la raison est gardée.", field="reason")
    against = _against(digest, serving)
    if against and not forced:
        raise UnableToSwitch(f"Ces poids restent hors service : {' ; '.join(against)}.")
    return _switch(
        trace, actor, model, now=now, reason=reason.strip(), forced=bool(against), digest=digest
    )


@operation("identity.model.back")
def switch_back(trace: Trace, *, actor: Actor, now: datetime, reason: str = "") -> MatchingSwitch:
    """Put the weights back that those in service replaced: no measure is asked.

    Raises:
        UnableToAct: it is not whoever runs the house.
        UnableToSwitch: nothing was ever switched.
    """
    _check_house(actor)
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_advisory_xact_lock(97302)")
    serving = patients.last_switch()
    if serving is None:
        raise UnableToSwitch("Les poids livrés sont en service, rien ne les précède.")
    former = patients.former_switch(but=serving.digest)
    if former is None and not serving.digest:
        raise UnableToSwitch("Les poids livrés sont en service, rien ne les précède.")
    return _switch(
        trace,
        actor,
        former.model if former else None,
        now=now,
        reason=reason.strip() or "retour aux poids d’avant",
        forced=False,
        digest=former.digest if former else "",
    )


def _switch(
    trace: Trace,
    actor: Actor,
    model: MatchingModel | None,
    *,
    now: datetime,
    reason: str,
    forced: bool,
    digest: str,
) -> MatchingSwitch:
    row = MatchingSwitch.objects.create(
        digest=digest,
        model=model,
        switched_at=now,
        switched_by_name=actor.display_name[:200],
        reason=reason[:500],
        forced=forced,
    )
    trace.about(entity=row, reason=f"{digest[:12] or 'poids livrés'} : {reason}"[:500])
    return row


def _against(digest: str, serving: str) -> list[str]:
    """Return what speaks against weights that would take the place of those in service."""
    measured, current = queries.measure_of(digest), queries.measure_of(serving)
    if measured is None:
        return ["ils n’ont pas été mesurés"]
    if current is None:
        return ["ceux en service n’ont pas été mesurés, rien ne les compare"]
    return rules.worse(measured.rates, current.rates)


def _check_house(actor: Actor) -> None:
    if actor.kind != INTERNAL:
        raise UnableToAct("Les poids de comparaison se changent depuis le serveur.")


__all__ = [
    "UnableToSwitch",
    "digest_of",
    "keep_measure",
    "keep_model",
    "switch_back",
    "switch_model",
]
