"""The FHIR door itself: each view reads the request, asks or acts once, and answers in FHIR."""

import logging
from collections.abc import Callable
from functools import wraps
from typing import Any
from urllib.parse import parse_qsl

from django.conf import settings
from django.core.exceptions import RequestDataTooBig
from django.db import DatabaseError, OperationalError
from django.http import HttpRequest, HttpResponse
from django.utils.http import http_date, parse_http_date_safe
from django.views.decorators.csrf import csrf_exempt

from carbet.coordination.assessments import fhir as assessments_fhir
from carbet.coordination.scheduling import fhir as scheduling_fhir
from carbet.coordination.subscriptions import fhir as subscriptions_fhir
from carbet.coordination.subscriptions import operations as subscriptions
from carbet.coordination.support import fhir as support_fhir
from carbet.core import doors, fhir
from carbet.core.fhir import Json, Refused, refuse
from carbet.core.middleware import unavailable
from carbet.interop.fhir_api import access, operations, presenters, queries
from carbet.interop.fhir_api.choices import LARGEST_BODY, READ, WRITE
from carbet.interop.fhir_api.queries import matching as who
from carbet.interop.fhir_api.rules import matching, parsing, transaction
from carbet.interop.fhir_api.rules import pix as pix_rules
from carbet.interop.fhir_api.rules import search as search_rules
from carbet.interop.fhir_api.rules.registry import RESOURCES, Resource

logger = logging.getLogger(__name__)

View = Callable[..., HttpResponse]
JSON_TYPES = frozenset({"application/fhir+json", "application/json"})
_ACCEPTED = JSON_TYPES | {"*/*", "application/*", "json", ""}


def door(*methods: str) -> Callable[[View], View]:
    """Answer every refusal and every fault as an OperationOutcome; let only these methods in."""

    def decorate(view: View) -> View:
        @wraps(view)
        def answer(request: HttpRequest, **named: str) -> HttpResponse:
            try:
                check_method(request, methods)
                check_accept(request)
                return view(request, **named)
            except Refused as refused:
                return answer_refusal(request, refused)
            except (OperationalError, RequestDataTooBig) as error:
                if isinstance(error, RequestDataTooBig):
                    return fhir.refusal(413, "too-long", "Corps de requête trop long.")
                request.undo = True
                return unavailable(request)
            except DatabaseError:
                request.undo = True
                logger.exception("a FHIR request met a fault of the database")
            except Exception:
                request.undo = True
                logger.exception("a FHIR request met a fault")
            return fhir.refusal(
                500, "exception", "Erreur interne : rien n’a été enregistré, elle est signalée."
            )

        return csrf_exempt(answer)

    return decorate


def answer_refusal(request: HttpRequest, refused: Refused) -> HttpResponse:
    """Answer the issues of a refusal; a 401 says how to come back."""
    response = fhir.response(fhir.outcome(refused.issues), status=refused.status)
    if refused.status == 401:
        error = ', error="invalid_token"' if "Authorization" in request.headers else ""
        response["WWW-Authenticate"] = f'Bearer realm="carbet-fhir"{error}'
    if refused.status == 405:
        response["Allow"] = getattr(request, "allowed", "GET")
    return response


def check_method(request: HttpRequest, methods: tuple[str, ...]) -> None:
    """Refuse 405 what this address does not do."""
    asked = "GET" if request.method == "HEAD" else request.method
    if asked not in methods:
        request.allowed = ", ".join(methods)
        raise refuse(405, "not-supported", f"Méthode non servie ici ; servies : {request.allowed}.")


def check_accept(request: HttpRequest) -> None:
    """Refuse 406 whoever reads no JSON."""
    asked = request.GET.get("_format") or request.headers.get("Accept", "")
    # A "+" that nobody encoded is read as a space.
    kinds = {part.partition(";")[0].strip().replace(" ", "+").lower() for part in asked.split(",")}
    if not kinds & _ACCEPTED:
        raise refuse(406, "not-supported", f"Seul {fhir.MEDIA_TYPE} est servi.")


def read_body(request: HttpRequest, types: frozenset[str] = JSON_TYPES) -> bytes:
    """Return the body, refused before it is read when too long or of another type."""
    if "Transfer-Encoding" in request.headers:
        raise refuse(411, "not-supported", "Dites la longueur du corps (Content-Length).")
    length = request.META.get("CONTENT_LENGTH") or "0"
    if not (length.isascii() and length.isdigit()) or int(length) > LARGEST_BODY:
        raise refuse(
            413, "too-long", f"Corps trop long : {LARGEST_BODY // 1024 // 1024} Mo au plus."
        )
    kind, _, parameters = request.META.get("CONTENT_TYPE", "").partition(";")
    charset = parameters.lower().replace(" ", "").replace('"', "").partition("charset=")[2]
    if kind.strip().lower() not in types or charset.partition(";")[0] not in ("", "utf-8", "utf8"):
        raise refuse(415, "not-supported", f"Type de contenu reçu : {fhir.MEDIA_TYPE}, en UTF-8.")
    if request.headers.get("Content-Encoding", "identity") != "identity":
        raise refuse(415, "not-supported", "Corps compressé non reçu.")
    return request.body


def find(resource_type: str, interaction: str) -> Resource:
    """Return what is served of a type, when it serves this interaction."""
    resource = RESOURCES.get(resource_type)
    if resource is None:
        raise refuse(404, "not-supported", "Type de ressource non servi ici.")
    if interaction not in resource.interactions:
        raise refuse(405, "not-supported", f"Interaction non servie : {interaction}.")
    return resource


@doors.public()
@door("GET")
def metadata(request: HttpRequest) -> HttpResponse:
    """Say what this door serves."""
    return fhir.response(presenters.capability_statement())


@doors.system()
@door("POST")
def base(request: HttpRequest) -> HttpResponse:
    """Carry out a transaction, whole or not at all."""
    access.require(request.actor, WRITE)

    def act() -> HttpResponse:
        bundle = parsing.parse(read_body(request))
        return fhir.response(
            operations.transact(
                actor=request.actor,
                now=request.now,
                entries=transaction.read_bundle(bundle),
                base=presenters.base(),
                identifier=bundle.get("identifier"),
                digest=transaction.digest_of(bundle),
            )
        )

    return traced(request, act, "Bundle")


# Kept one by one by their own room, never in a transaction.
AGENDA = frozenset({"Schedule", "Slot", "Appointment"})


@doors.system()
@door("GET", "POST", "PUT")
def collection(request: HttpRequest, *, resource_type: str) -> HttpResponse:
    """Search a type, send one resource of it, or bring the one with an identifier up to date."""
    if request.method == "PUT":
        return traced(request, lambda: put_identified(request, resource_type), resource_type)
    if request.method == "POST":
        return traced(request, lambda: send(request, resource_type), resource_type)
    resource = find(resource_type, "search-type")
    access.require(request.actor, READ)
    return answer_search(request, resource, parse_query(address_query(request)))


@doors.system()
@door("POST", "GET")
def search(request: HttpRequest, *, resource_type: str) -> HttpResponse:
    """Search a type, the parameters in the body: nothing of what is sought stays in the logs."""
    resource = find(resource_type, "search-type")
    access.require(request.actor, READ)
    said = parse_query(address_query(request))
    if request.method == "POST":
        form = frozenset({"application/x-www-form-urlencoded"})
        said += parse_query(read_body(request, form))
    return answer_search(request, resource, said)


@doors.system()
@door("POST")
def match(request: HttpRequest) -> HttpResponse:
    """Say who a described person may be, with a score: an answer, never a list to browse."""
    try:
        return answer_match(request)
    except Refused:
        # Nothing is written here, but who asked in vain is known.
        if request.actor.is_authenticated:
            who.trace_refusal(actor=request.actor, now=request.now)
        raise


@doors.system()
@door("GET", "POST")
def pix(request: HttpRequest) -> HttpResponse:
    """Say under which numbers else a person is known (IHE PIXm, ITI-83)."""
    try:
        return answer_pix(request)
    except Refused:
        if request.actor.is_authenticated:
            who.trace_refusal(actor=request.actor, now=request.now, operation="fhir.pix")
        raise


@doors.system()
@door("GET", "PUT", "DELETE")
def instance(request: HttpRequest, *, resource_type: str, resource_id: str) -> HttpResponse:
    """Read one resource, bring it to a new version, or end it."""
    if request.method == "DELETE":
        return traced(request, lambda: end(request, resource_type, resource_id), resource_type)
    if request.method == "PUT":
        return traced(request, lambda: replace(request, resource_type, resource_id), resource_type)
    find(resource_type, "read")
    access.require(request.actor, READ)
    no_parameters(request)
    found = queries.read(
        actor=request.actor,
        resource_type=resource_type,
        resource_id=resource_id,
        now=request.now,
    )
    return answer_resource(request, found)


@doors.system()
@door("GET")
def history(request: HttpRequest, *, resource_type: str, resource_id: str) -> HttpResponse:
    """Show every version of a resource."""
    find(resource_type, "history-instance")
    access.require(request.actor, READ)
    no_parameters(request)
    found = queries.versions(
        actor=request.actor,
        resource_type=resource_type,
        resource_id=resource_id,
        now=request.now,
    )
    return fhir.response(presenters.history_bundle(found))


@doors.system()
@door("GET")
def version(
    request: HttpRequest, *, resource_type: str, resource_id: str, version: str
) -> HttpResponse:
    """Show one version of a resource."""
    find(resource_type, "vread")
    access.require(request.actor, READ)
    no_parameters(request)
    [found] = queries.versions(
        actor=request.actor,
        resource_type=resource_type,
        resource_id=resource_id,
        now=request.now,
        only=version,
    )
    return answer_resource(request, found)


@doors.system()
@door("GET", "POST", "PUT", "PATCH", "DELETE", "OPTIONS")
def elsewhere(request: HttpRequest, *, elsewhere: str) -> HttpResponse:
    """Answer that nothing is served at this address."""
    raise refuse(404, "not-found", "Rien n’est servi à cette adresse.")


def send(request: HttpRequest, resource_type: str) -> HttpResponse:
    """Create one resource, or find it again by its identifier."""
    find(resource_type, "create")
    access.require(request.actor, WRITE)
    entry = transaction.read_single(parsing.parse(read_body(request)), resource_type)
    if resource_type in AGENDA:
        kept = scheduling_fhir.create(
            entry.resource, actor=request.actor, now=request.now, base=presenters.base()
        )
        return answer_kept(request, kept)
    if resource_type in NOTIFYING:
        return NOTIFYING[resource_type](request, entry.resource)
    return answer_written(request, entry)


def replace(request: HttpRequest, resource_type: str, resource_id: str) -> HttpResponse:
    """Bring one resource to what is sent; If-Match says the version that was read."""
    find(resource_type, "update")
    access.require(request.actor, WRITE)
    entry = transaction.read_single(parsing.parse(read_body(request)), resource_type)
    if entry.resource.get("id") != resource_id:
        raise refuse(400, "invalid", "L’identifiant diffère de l’adresse.", f"{resource_type}.id")
    entry.method, entry.number = "PUT", search_rules.number_of(resource_id)
    entry.if_match = transaction.match_version(request.headers.get("If-Match", ""))
    if resource_type in AGENDA:
        kept = scheduling_fhir.update(
            entry.resource,
            actor=request.actor,
            now=request.now,
            base=presenters.base(),
            number=entry.number,
            version=entry.if_match,
        )
        return answer_kept(request, kept)
    if resource_type in CHANGING:
        return CHANGING[resource_type](request, entry)
    return answer_written(request, entry)


def put_identified(request: HttpRequest, resource_type: str) -> HttpResponse:
    """Bring to what is sent the resource that bears an identifier (GAP, flow 6b)."""
    served = find(resource_type, "update")
    access.require(request.actor, WRITE)
    if not served.conditional_update:
        raise refuse(405, "not-supported", "Mise à jour conditionnelle non servie pour ce type.")
    said = parse_query(address_query(request))
    system, bar, value = said[0][1].rpartition("|") if len(said) == 1 else ("", "", "")
    if len(said) != 1 or said[0][0] != "identifier" or not value or not bar:
        raise refuse(412, "invalid", "Dites une condition : identifier=système|valeur.")
    entry = transaction.read_single(parsing.parse(read_body(request)), resource_type)
    own = {(each.get("system", ""), each.get("value", "")) for each in entry.identifiers}
    if (system, value) not in own:
        raise refuse(
            400,
            "invalid",
            "La ressource porte un autre identifiant que la condition.",
            f"{resource_type}.identifier",
        )
    kept = scheduling_fhir.update(
        entry.resource,
        actor=request.actor,
        now=request.now,
        base=presenters.base(),
        identifier=(system, value),
        version=transaction.match_version(request.headers.get("If-Match", "")),
    )
    return answer_kept(request, kept)


def end(request: HttpRequest, resource_type: str, resource_id: str) -> HttpResponse:
    """End a resource: its row stays, with what it was."""
    find(resource_type, "delete")
    access.require(request.actor, WRITE)
    if resource_type == "Subscription":
        subscriptions.cancel(
            actor=request.actor,
            now=request.now,
            subscription_id=search_rules.number_of(resource_id),
        )
        told = fhir.Issue("informational", "Abonnement arrêté.", severity="information")
        return fhir.response(fhir.outcome([told]))
    scheduling_fhir.delete(
        resource_type,
        number=search_rules.number_of(resource_id),
        actor=request.actor,
        now=request.now,
    )
    told = fhir.Issue("informational", "Fermé.", severity="information")
    return fhir.response(fhir.outcome([told]))


def answer_kept(request: HttpRequest, kept: scheduling_fhir.Kept) -> HttpResponse:
    """Answer a resource as it was kept; what was not is said in a header of warning."""
    kind = type(kept.row).__name__
    found = queries.written(resource_type=kind, number=kept.row.pk)
    response = fhir.response(found, status=201 if kept.created else 200)
    response["Location"] = f"{presenters.base()}/{kind}/{kept.row.pk}"
    response["ETag"] = f'W/"{found["meta"]["versionId"]}"'
    response["Last-Modified"] = http_date(kept.row.updated_at.timestamp())
    if kept.issues:
        response["X-Carbet-Warnings"] = presenters.warnings_header(kept.issues)
    return response


def subscribe(request: HttpRequest, resource: Json) -> HttpResponse:
    """Keep a subscription (NdE 3.0.0, flow 1) and answer it whole."""
    said = read_subscription(resource)
    row, created, issues = subscriptions.subscribe(actor=request.actor, now=request.now, said=said)
    return answer_notifying(request, row, issues, status=201 if created else 200)


def change_subscription(request: HttpRequest, entry: transaction.Entry) -> HttpResponse:
    """Bring a subscription to what is sent; If-Match, when said, is the version that was read."""
    row, issues = subscriptions.change(
        actor=request.actor,
        now=request.now,
        subscription_id=entry.number,
        said=read_subscription(entry.resource),
        version=entry.if_match,
    )
    return answer_notifying(request, row, issues, status=200)


def declare(request: HttpRequest, resource: Json) -> HttpResponse:
    """Keep an event that a system declares (NdE 3.0.0, flow 3) and answer it whole."""
    row, created, issues = subscriptions.declare(
        actor=request.actor,
        now=request.now,
        said=subscriptions_fhir.read_event(resource, base=presenters.base()),
    )
    return answer_notifying(request, row, issues, status=201 if created else 200)


def ask_support(request: HttpRequest, resource: Json) -> HttpResponse:
    """Address a request of support to a team and answer it whole."""
    kept = support_fhir.receive(
        resource, actor=request.actor, now=request.now, base=presenters.base()
    )
    return answer_notifying(
        request,
        kept.row,
        kept.issues,
        status=201 if kept.created else 200,
        kind="ServiceRequest",
    )


def assess(request: HttpRequest, resource: Json) -> HttpResponse:
    """Keep the answers to a questionnaire, scored here, and answer them whole."""
    kept = assessments_fhir.receive_response(
        resource, actor=request.actor, now=request.now, base=presenters.base()
    )
    status = 201 if kept.created else 200
    return answer_notifying(request, kept.row, kept.issues, status=status)


def assess_again(request: HttpRequest, entry: transaction.Entry) -> HttpResponse:
    """Bring answers that this system sent to what it says now; If-Match is the version read."""
    kept = assessments_fhir.update_response(
        entry.resource,
        number=entry.number or 0,
        version=entry.if_match,
        actor=request.actor,
        now=request.now,
        base=presenters.base(),
    )
    return answer_notifying(request, kept.row, kept.issues, status=200)


# What its own room keeps, answered whole.
NOTIFYING: dict[str, Callable[[HttpRequest, Json], HttpResponse]] = {
    "Subscription": subscribe,
    "CommunicationRequest": declare,
    "ServiceRequest": ask_support,
    "QuestionnaireResponse": assess,
}
CHANGING: dict[str, Callable[[HttpRequest, transaction.Entry], HttpResponse]] = {
    "Subscription": change_subscription,
    "QuestionnaireResponse": assess_again,
}


def read_subscription(resource: Json) -> Any:
    """Return what a Subscription asks for, with all that is wrong with it."""
    return subscriptions_fhir.read_subscription(
        resource, base=presenters.base(), hosts=settings.EVENT_HOSTS
    )


def answer_notifying(
    request: HttpRequest, row: Any, issues: list[fhir.Issue], *, status: int, kind: str = ""
) -> HttpResponse:
    """Answer a resource as it was kept; what was not is said in a header of warning."""
    kind = kind or type(row).__name__
    kept = queries.read(
        actor=request.actor, resource_type=kind, resource_id=str(row.pk), now=request.now
    )
    response = fhir.response(kept, status=status)
    version = kept["meta"]["versionId"]
    response["Location"] = f"{presenters.base()}/{kind}/{row.pk}"
    response["ETag"] = f'W/"{version}"'
    response["Last-Modified"] = http_date(row.updated_at.timestamp())
    if issues:
        response["X-Carbet-Warnings"] = presenters.warnings_header(issues)
    return response


def traced(request: HttpRequest, act: Callable[[], HttpResponse], entity: str) -> HttpResponse:
    """Act, and trace the refusal of a known system when there is one."""
    try:
        return act()
    except Refused as refused:
        if request.actor.is_authenticated:
            known = entity if entity in RESOURCES else "Bundle"
            access.trace_refusal(
                request.actor, now=request.now, issues=refused.issues, entity=known
            )
        raise


def answer_written(request: HttpRequest, entry: Any) -> HttpResponse:
    """Write one resource and answer where it is."""
    written = operations.transact(
        actor=request.actor, now=request.now, entries=[entry], base=presenters.base()
    )
    said = written["entry"][0]["response"]
    body = said.get("outcome") or fhir.outcome(
        [fhir.Issue("informational", "Enregistré.", severity="information")]
    )
    response = fhir.response(body, status=int(said["status"][:3]))
    response["Location"] = f"{presenters.base()}/{said['location']}"
    if "etag" in said:
        response["ETag"] = said["etag"]
    return response


def answer_resource(request: HttpRequest, resource: Json) -> HttpResponse:
    """Answer one resource with its version, or that it has not changed."""
    etag = f'W/"{resource["meta"]["versionId"]}"'
    known = {each.strip() for each in request.headers.get("If-None-Match", "").split(",")}
    moment = fhir.span(resource["meta"]["lastUpdated"]).start
    same = etag in known or "*" in known
    if "If-None-Match" not in request.headers:
        since = parse_http_date_safe(request.headers.get("If-Modified-Since", ""))
        same = since is not None and int(moment.timestamp()) <= since
    response = HttpResponse(status=304) if same else fhir.response(resource)
    response["ETag"] = etag
    response["Last-Modified"] = http_date(moment.timestamp())
    return response


def answer_search(
    request: HttpRequest, resource: Resource, said: list[tuple[str, str]]
) -> HttpResponse:
    """Answer one page of a search; a page mark brings back the search that made it."""
    after: int | list[Any] = 0
    if [name for name, _ in said] == ["_page"]:
        marked = presenters.read_page_mark(
            said[0][1], resource=resource, client_id=request.actor.client_id
        )
        if marked is None:
            raise refuse(400, "expired", "Ce lien de page n’est pas, ou n’est plus, valable.")
        after, said = marked
    lenient = "handling=lenient" in request.headers.get("Prefer", "").replace(" ", "")
    asked = search_rules.parse(resource, said, base=presenters.base(), lenient=lenient)
    found = queries.search(actor=request.actor, search=asked, after=after, now=request.now)
    return fhir.response(
        presenters.search_bundle(
            asked,
            found.matches,
            found.included,
            client_id=request.actor.client_id,
            after=found.after,
            total=found.total,
        )
    )


def answer_match(request: HttpRequest) -> HttpResponse:
    """Answer who the person described in the body may be."""
    access.require(request.actor, READ)
    no_parameters(request)
    asked = matching.read_match(parsing.parse(read_body(request)), now=request.now)
    found = who.match(actor=request.actor, asked=asked, now=request.now)
    return fhir.response(presenters.match_bundle(found.found, closed=found.closed))


def answer_pix(request: HttpRequest) -> HttpResponse:
    """Answer the other numbers of the person whose identifier is said."""
    access.require(request.actor, READ)
    if request.method == "POST":
        no_parameters(request)
        asked = pix_rules.read_parameters(parsing.parse(read_body(request)))
    else:
        asked = pix_rules.read_query(parse_query(address_query(request)))
    found = who.cross(actor=request.actor, asked=asked, base=presenters.base(), now=request.now)
    return fhir.response(presenters.pix_parameters(found.identifiers, found.patients))


def no_parameters(request: HttpRequest) -> None:
    """Refuse parameters where none is served: what is ignored would mislead."""
    if unknown := set(request.GET) - {"_format", "_pretty"}:
        names = ", ".join(sorted(name[:40] for name in unknown))
        raise refuse(400, "not-supported", f"Paramètres non servis ici : {names}.")


def address_query(request: HttpRequest) -> bytes:
    """Return the query of the address, as the bytes that came."""
    return str(request.META.get("QUERY_STRING", "")).encode("latin-1", "replace")


def parse_query(query: bytes) -> list[tuple[str, str]]:
    """Return the parameters of a query, in order, their text being UTF-8."""
    try:
        return parse_qsl(
            query.decode(), keep_blank_values=True, errors="strict", max_num_fields=100
        )
    except ValueError as error:
        raise refuse(400, "invalid", "Paramètres illisibles ou trop nombreux.") from error
