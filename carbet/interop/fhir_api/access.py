"""Which system comes: a bearer token, the client it was given to, the organization behind it."""

from datetime import datetime

from allauth.idp.oidc.adapter import get_adapter
from django.db import connection
from django.http import HttpRequest

from carbet.core import audit, row_security
from carbet.core.actor import ANONYMOUS_ACTOR, SYSTEM, Actor, organization_key
from carbet.core.fhir import Issue, refuse
from carbet.core.models import AuditEvent
from carbet.interop.fhir_api.choices import CAPABILITIES, READ, READ_SCOPE, WRITE_SCOPE

# One statement finds the token, its client and its organization, and makes them the transaction's
# actor. A token of a person, an expired one, a closed client or organization find nothing.
_ENTER = """
WITH held AS (
  SELECT c.id AS client, t.scopes, s.name, s.organization_id, o.name AS organization
  FROM allauth_idp_oidc_token t
  JOIN allauth_idp_oidc_client c ON c.id = t.client_id
  JOIN directory_systemclient s ON s.client_id = c.id
  JOIN directory_organization o ON o.id = s.organization_id
  WHERE t.type = 'at' AND t.hash = %(hash)s AND t.user_id IS NULL AND t.expires_at > %(now)s
    AND s.active AND o.active
)
SELECT h.client, h.scopes, h.name, h.organization_id, h.organization,
       set_config('carbet.grantees', COALESCE('{org:' || h.organization_id || '}', ''), true),
       set_config('carbet.internal', 'off', true),
       set_config('carbet.operation', '', true),
       set_config('carbet.now', %(moment)s, true),
       CASE WHEN %(read_only)s THEN set_config('transaction_read_only', 'on', true) END
FROM (SELECT 1) one LEFT JOIN held h ON true
"""
_LONGEST_TOKEN = 4096
# What is asked by POST and reads only.
READING_POSTS = ("/_search", "/$match", "/$ihe-pix")


def resolve(request: HttpRequest, *, read_only: bool) -> Actor:
    """Return which system acts in this request and enter the transaction as that system.

    Without a token that holds, nobody acts: row security shows nothing and the views answer 401.
    A search sent by POST reads only, like a GET.
    """
    token = _bearer(request)
    if not token:
        return ANONYMOUS_ACTOR
    now: datetime = request.now
    with connection.cursor() as cursor:
        cursor.execute(
            _ENTER,
            {
                "hash": get_adapter().hash_token(token),
                "now": now,
                "moment": now.isoformat(),
                "read_only": read_only or request.path.endswith(READING_POSTS),
            },
        )
        client, scopes, name, organization_id, organization = cursor.fetchone()[:5]
    if client is None:
        return ANONYMOUS_ACTOR
    actor = Actor(
        kind=SYSTEM,
        organization_id=organization_id,
        client_id=client,
        display_name=name,
        organization_name=organization,
        grantees=(organization_key(organization_id),),
        capabilities=frozenset().union(
            *(CAPABILITIES.get(scope, frozenset()) for scope in scopes.split())
        ),
    )
    row_security.entered(actor, now=now)
    return actor


def require(actor: Actor, capability: str) -> None:
    """Let a system pass that has the capability.

    Raises:
        Refused: 401 without a token that holds, 403 without the scope.
    """
    if not actor.is_authenticated:
        raise refuse(401, "login", "Jeton d’accès absent, inconnu, expiré ou révoqué.")
    if capability not in actor.capabilities:
        scope = READ_SCOPE if capability == READ else WRITE_SCOPE
        raise refuse(403, "forbidden", f"Ce jeton n’a pas la portée {scope}.")


def trace_refusal(actor: Actor, *, now: datetime, issues: tuple[Issue, ...], entity: str) -> None:
    """Trace that what a system sent was refused: the codes, never the content."""
    codes = ", ".join(dict.fromkeys(issue.code for issue in issues))
    refused = audit.event(
        actor,
        "fhir.transaction",
        AuditEvent.Action.EXECUTE,
        now=now,
        entity=entity,
        reason=codes,
        outcome=AuditEvent.Outcome.REFUSED,
    )
    audit.write([refused])


def _bearer(request: HttpRequest) -> str:
    scheme, _, token = request.headers.get("Authorization", "").partition(" ")
    token = token.strip()
    is_plain = token.isascii() and token.isprintable() and len(token) <= _LONGEST_TOKEN
    return token if scheme.lower() == "bearer" and is_plain else ""
