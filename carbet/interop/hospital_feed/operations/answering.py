"""Answer what hospitals ask of persons, at once: nothing is kept but the trace."""

import hashlib
import logging
import secrets
from collections.abc import Sequence
from datetime import datetime

from django.core.cache import cache
from django.db import InterfaceError, OperationalError

from carbet.connectors.mllp import Arrival
from carbet.core import row_security
from carbet.core.actor import Actor
from carbet.interop.hospital_feed import access
from carbet.interop.hospital_feed.choices import ErrorCode
from carbet.interop.hospital_feed.models import FeedRoute
from carbet.interop.hospital_feed.operations import receiving
from carbet.interop.hospital_feed.operations.keeping import route_for
from carbet.interop.hospital_feed.operations.processing import NO_ROUTE
from carbet.interop.hospital_feed.queries import asking as queries
from carbet.interop.hospital_feed.rules import answers, asking, reading
from carbet.interop.hospital_feed.rules import header as headers
from carbet.interop.hospital_feed.rules.answers import Answer
from carbet.interop.hospital_feed.rules.asking import Asked, Question, Unanswerable
from carbet.interop.hospital_feed.rules.header import Header, Unacceptable

logger = logging.getLogger("carbet.mllp")

# How long the next page of an answer may be asked for.
PATIENCE_SECONDS = 600
# A question is short: what is longer is none.
LARGEST = 64 * 1024
_OPERATIONS = {asking.NUMBER: queries.PIX}


def respond(arrivals: Sequence[Arrival], *, now: datetime) -> list[bytes | None]:
    """Answer a batch, in its order: what is told is kept first, then what is asked is answered."""
    read = [receiving.header_of(arrival) for arrival in arrivals]
    kept = [
        arrival for arrival, header in zip(arrivals, read, strict=True) if not header.is_question
    ]
    taken = iter(receiving.receive(actor=access.HOUSE, now=now, arrivals=kept) if kept else ())
    return [
        answer(arrival.frame.data, header, now=now)
        if header.is_question
        else receiving.answer(next(taken), now=now)
        for arrival, header in zip(arrivals, read, strict=True)
    ]


def answer(data: bytes, header: Header, *, now: datetime) -> bytes:
    """Return the answer to one question, whatever it holds."""
    question = Question(header.event)
    try:
        question, found = _answered(data, header, now=now)
    except (OperationalError, InterfaceError):
        # The database itself: the question is asked again.
        raise
    except Exception as error:  # noqa: BLE001 - whatever is wrong here, who asks gets an answer
        logger.error("question sans réponse : %s", type(error).__name__)
        fault = Unacceptable(ErrorCode.INTERNAL, "Erreur interne.", "MSH")
        found = Answer("AE", "AE", [fault])
    number = f"R{secrets.token_hex(8)}"
    return answers.written(header, question, found, number=number, now=now)


def _answered(data: bytes, header: Header, *, now: datetime) -> tuple[Question, Answer]:
    question = Question(header.event)
    route = route_for(header.facility, header.application)
    actor = access.asker(route) if route is not None else access.unknown(header.facility)
    operation = _OPERATIONS.get(header.event, queries.PDQ)
    with row_security.acting_as(actor, now=now):
        try:
            if len(data) > LARGEST:
                raise Unacceptable(ErrorCode.TYPE, "Question trop longue.", "QPD")
            text = headers.text_of(data, header.charset)
            message = reading.parse(text)
            question = asking.question_of(message, header.event, text)
            if route is None:
                fault = Unacceptable(ErrorCode.VALUE, NO_ROUTE, "MSH-4")
                queries.trace_refusal(actor=actor, operation=operation, now=now, reason="MSH-4")
                return question, Answer("AR", "AR", [fault])
            asked = asking.read(message, header.event)
            return question, _found(route, actor, question, asked, now=now)
        except Unacceptable as error:
            faults: Sequence[Unacceptable] = [error]
        except Unanswerable as error:
            faults = error.faults
        # What is refused is traced by its places, never by what was asked.
        said = ", ".join(f"{fault.place} {fault.code.value}" for fault in faults)
        queries.trace_refusal(actor=actor, operation=operation, now=now, reason=said)
    return question, Answer("AE", "AE", faults)


def _found(
    route: FeedRoute, actor: Actor, question: Question, asked: Asked, *, now: datetime
) -> Answer:
    if question.event == asking.CANCEL:
        _forget(route, question.tag)
        queries.trace_cancel(actor=actor, now=now)
        return Answer("AA", "OK")
    if question.event == asking.NUMBER:
        told = queries.numbers(actor=actor, route=route, asked=asked, now=now)
        return Answer("AA", "OK" if told else "NF", told=told, hits=len(told))
    after = _continued(route, question, asked.pointer) if asked.pointer else 0
    page = queries.persons(actor=actor, route=route, asked=asked, after=after, now=now)
    pointer = ""
    if page.left:
        pointer = _promise(route, question, after=page.last)
    else:
        _forget(route, question.tag)
    return Answer(
        "AA",
        "OK" if page.hits else "NF",
        told=page.told,
        hits=page.hits,
        left=page.left,
        pointer=pointer,
    )


def _promise(route: FeedRoute, question: Question, *, after: int) -> str:
    """Remember where an answer stopped; return the pointer that continues it (DSC-1)."""
    pointer = secrets.token_urlsafe(18)
    cache.set(_place(route, question.tag), (pointer, _digest(question), after), PATIENCE_SECONDS)
    return pointer


def _continued(route: FeedRoute, question: Question, pointer: str) -> int:
    """Return after whom an answer continues: the same question, its tag and its pointer.

    Raises:
        Unanswerable: the pointer is not of this question, too old, or the question was cancelled.
    """
    kept = cache.get(_place(route, question.tag))
    if kept is None or kept[:2] != (pointer, _digest(question)):
        text = "Suite inconnue, expirée ou annulée : reposez la question."
        raise Unanswerable(Unacceptable(ErrorCode.KEY, text, "DSC-1"))
    return int(kept[2])


def _forget(route: FeedRoute, tag: str) -> None:
    cache.delete(_place(route, tag))


def _place(route: FeedRoute, tag: str) -> str:
    mark = hashlib.sha256(tag.encode()).hexdigest()[:32]
    return f"feed.pdq:{route.pk}:{mark}"


def _digest(question: Question) -> str:
    return hashlib.sha256(question.said.encode()).hexdigest()
