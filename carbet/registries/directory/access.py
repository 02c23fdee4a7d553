"""Under which role an account acts now, and what that role may do."""

from datetime import datetime

from django.db import connection
from django.http import HttpRequest

from carbet.core import row_security
from carbet.core.actor import (
    ANONYMOUS_ACTOR,
    PERSON,
    PROFESSIONAL,
    Actor,
    account_key,
    organization_key,
    role_key,
)
from carbet.registries.accounts.choices import AccountKind
from carbet.registries.accounts.rules import is_strong
from carbet.registries.directory import rules
from carbet.registries.directory.models import PractitionerRole, Right
from carbet.registries.directory.models.rights import holding_delegations

CHOSEN_ROLE = "practitioner_role_id"

# One statement finds the roles and makes the current one the transaction's actor.
_ENTER = """
WITH mine AS (
  SELECT r.id, r.organization_id, r.profession, r.category,
         COALESCE(NULLIF(r.specialty_label, ''), r.profession_label) AS label,
         trim(p.civility || ' ' || p.given || ' ' || p.family) AS name,
         o.name AS organization, o.purpose, held.manages,
         ARRAY(SELECT d.delegator_id FROM directory_delegation d
               JOIN directory_practitionerrole g ON g.id = d.delegator_id
               JOIN directory_practitioner gp ON gp.id = g.practitioner_id AND gp.active
               JOIN directory_organization go ON go.id = g.organization_id AND go.active
               WHERE d.delegate_id = r.id AND d.started_at <= %(now)s AND d.ended_at > %(now)s
                 AND (g.ended_at IS NULL OR g.ended_at > %(now)s)
                 AND EXISTS (SELECT 1 FROM directory_right h WHERE h.practitioner_role_id = g.id
                             AND h.started_at <= %(now)s AND h.ended_at > %(now)s)
               ORDER BY d.delegator_id) AS delegators,
         count(*) OVER () AS roles
  FROM directory_practitioner p
  JOIN directory_practitionerrole r ON r.practitioner_id = p.id
  JOIN directory_organization o ON o.id = r.organization_id
  CROSS JOIN LATERAL (
    SELECT bool_or(h.manages) AS manages FROM directory_right h
    WHERE h.practitioner_role_id = r.id AND h.started_at <= %(now)s AND h.ended_at > %(now)s
  ) held
  WHERE p.account_id = %(account)s AND p.active AND o.active AND held.manages IS NOT NULL
    AND (r.ended_at IS NULL OR r.ended_at > %(now)s)
), current AS (
  SELECT * FROM mine WHERE id = %(chosen)s OR roles = 1
)
SELECT c.id, c.organization_id, c.profession, c.category, c.label, c.name, c.organization,
       c.purpose, c.delegators, (SELECT count(*) FROM mine), c.manages,
       set_config('carbet.grantees', COALESCE('{role:' || c.id || ',org:' || c.organization_id
         || COALESCE((SELECT string_agg(',role:' || d, '') FROM unnest(c.delegators) d), '')
         || '}', ''), true),
       set_config('carbet.internal', 'off', true),
       set_config('carbet.operation', '', true),
       set_config('carbet.now', %(moment)s, true),
       CASE WHEN %(read_only)s THEN set_config('transaction_read_only', 'on', true) END
FROM (SELECT 1) one LEFT JOIN current c ON true
"""


def resolve(request: HttpRequest, *, read_only: bool) -> Actor:
    """Return who acts in this request and enter the transaction as that actor.

    A professional with several roles and none chosen acts under none: they see nothing of anybody.
    """
    account = request.user
    if not account.is_authenticated:
        if read_only:
            with connection.cursor() as cursor:
                cursor.execute("SET TRANSACTION READ ONLY")
        return ANONYMOUS_ACTOR
    request.second_factor_missing = needs_second_factor(request)
    if account.kind == AccountKind.PERSON:
        actor = Actor(
            kind=PERSON,
            account_id=account.pk,
            display_name=str(account),
            grantees=(account_key(account.pk),),
        )
        row_security.enter(actor, now=request.now, read_only=read_only)
        return actor
    with connection.cursor() as cursor:
        cursor.execute(
            _ENTER,
            {
                "account": account.pk,
                "chosen": request.session.get(CHOSEN_ROLE),
                "now": request.now,
                "moment": request.now.isoformat(),
                "read_only": read_only,
            },
        )
        row = cursor.fetchone()
    role, organization, profession, category, label, name, place, purpose, delegators = row[:9]
    count, manages = row[9:11]
    if role is None:
        actor = Actor(
            kind=PROFESSIONAL,
            account_id=account.pk,
            display_name=str(account),
            capabilities=frozenset({rules.OPERATE}) if account.is_operator else frozenset(),
            role_count=count,
        )
    else:
        actor = Actor(
            kind=PROFESSIONAL,
            account_id=account.pk,
            role_id=role,
            organization_id=organization,
            display_name=name,
            role_label=label,
            organization_name=place,
            profession=profession,
            grantees=(
                role_key(role),
                organization_key(organization),
                *(role_key(delegator) for delegator in delegators),
            ),
            capabilities=rules.capabilities(
                category=category,
                profession=profession,
                purpose=purpose,
                is_operator=account.is_operator,
                manages=manages,
            ),
            delegated_role_ids=tuple(delegators),
            role_count=count,
        )
    row_security.entered(actor, now=request.now)
    return actor


def may_act(*, role_id: int, now: datetime) -> bool:
    """Tell whether a right opens this role now: for what is reached without signing in."""
    return Right.objects.filter(
        practitioner_role_id=role_id, started_at__lte=now, ended_at__gt=now
    ).exists()


def needs_second_factor(request: HttpRequest) -> bool:
    """Tell whether a professional's session lacks the second factor that health data demand.

    Source: RIE (arrêté of 28 March 2022), two factors for every access to health data.
    """
    if request.user.kind != AccountKind.PROFESSIONAL:
        return False
    methods = request.session.get("account_authentication_methods", [])
    return not is_strong(methods)


def actor_of_role(role_id: int, *, now: datetime) -> Actor:
    """Return the actor that a role is, outside any request: for jobs and tests."""
    role = PractitionerRole.objects.select_related("practitioner__account", "organization").get(
        pk=role_id
    )
    account = role.practitioner.account
    delegators = tuple(
        holding_delegations(now)
        .filter(delegate=role)
        .order_by("delegator_id")
        .values_list("delegator_id", flat=True)
    )
    manages = Right.objects.filter(
        practitioner_role=role, manages=True, started_at__lte=now, ended_at__gt=now
    ).exists()
    return Actor(
        kind=PROFESSIONAL,
        account_id=account.pk if account else None,
        role_id=role.pk,
        organization_id=role.organization_id,
        display_name=str(role.practitioner),
        role_label=role.label,
        organization_name=role.organization.name,
        profession=role.profession,
        grantees=(
            role_key(role.pk),
            organization_key(role.organization_id),
            *(role_key(pk) for pk in delegators),
        ),
        capabilities=rules.capabilities(
            category=role.category,
            profession=role.profession,
            purpose=role.organization.purpose,
            is_operator=bool(account and account.is_operator),
            manages=manages,
        ),
        delegated_role_ids=delegators,
        role_count=1,
    )
