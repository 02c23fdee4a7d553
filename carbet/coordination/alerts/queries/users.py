"""Who is behind a key, how each wants to be told, and for whom the daily digest is due.

Asked by the house itself: a recipient's wishes are nobody else's to read.
"""

from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta

from django.db import connection
from django.db.models import Q

from carbet.coordination.alerts import rules
from carbet.coordination.alerts.choices import Channel, PersonChoice
from carbet.coordination.alerts.models import Alert, AlertPersonRule, AlertSetting, PushDevice
from carbet.core.actor import account_key, organization_key, role_key
from carbet.registries.accounts.models import Account
from carbet.registries.directory.models import Organization, PractitionerRole
from carbet.registries.directory.models.rights import holds_right

MOST_OF_A_STRUCTURE = 200
MOST_DIGESTS = 200
# A digest speaks of what came lately: what was left for longer was seen in earlier ones.
DIGEST_OF = timedelta(days=7)


@dataclass
class User:
    """Someone to tell: a role, or the account of a person."""

    owner: str
    kind: str
    urgent: bool
    personal: bool
    person: str = PersonChoice.ALL
    wishes: rules.Wishes = field(default_factory=rules.Wishes)
    device_ids: list[int] = field(default_factory=list)


@dataclass(frozen=True)
class Due:
    """A digest to make: for whom, and for which of their days."""

    owner: str
    day: date


def told_by(alerts: list[Alert], *, now: datetime) -> list[User]:
    """Return the users behind the recipients of one occurrence, with their wishes; six queries.

    A structure stands for those who work there, 200 at most, its author excepted.
    """
    if not alerts:
        return []
    one = alerts[0]
    found: dict[str, User] = {}
    for owner, personal in _owners(alerts, now=now):
        if personal or owner not in found:
            found[owner] = User(owner, one.kind, one.urgent, personal)
    zones = _zones_of(found)
    for owner, user in found.items():
        user.wishes = wishes_of(None, time_zone=zones.get(owner))
    for setting in AlertSetting.objects.filter(owner__in=found):
        found[setting.owner].wishes = wishes_of(setting, time_zone=zones.get(setting.owner))
    if one.patient_id is not None:
        chosen = AlertPersonRule.objects.filter(owner__in=found, patient_id=one.patient_id)
        for rule in chosen:
            found[rule.owner].person = rule.choice
    devices = PushDevice.objects.filter(owner__in=found, gone_at__isnull=True).order_by("pk")
    for owner, device_id in devices.values_list("owner", "pk"):
        found[owner].device_ids.append(device_id)
    return list(found.values())


def ways(user: User) -> list[tuple[str, int | None]]:
    """Return by which channels, and on which devices, a user is told."""
    channels = rules.channels(
        user.wishes,
        kind=user.kind,
        urgent=user.urgent,
        personal=user.personal,
        person=user.person,
    )
    found: list[tuple[str, int | None]] = []
    for channel in sorted(channels):
        if channel == Channel.PUSH:
            found += [(channel, device_id) for device_id in user.device_ids]
        else:
            found.append((channel, None))
    return found


# Hours are those of the account's own clock: there is one choice of it, in the account.
_ZONES = """
SELECT 'role:' || r.id, c.time_zone FROM directory_practitionerrole r
JOIN directory_practitioner p ON p.id = r.practitioner_id
JOIN accounts_account c ON c.id = p.account_id WHERE r.id = ANY (%(roles)s)
UNION ALL
SELECT 'account:' || id, time_zone FROM accounts_account WHERE id = ANY (%(accounts)s)
"""


def _zones_of(owners: Iterable[str]) -> dict[str, str]:
    """Return on which clock each user lives."""
    numbers: dict[str, list[int]] = {"role": [], "account": []}
    for owner in owners:
        kind, _, number = owner.partition(":")
        numbers[kind].append(int(number))
    with connection.cursor() as cursor:
        cursor.execute(_ZONES, {"roles": numbers["role"], "accounts": numbers["account"]})
        return dict(cursor.fetchall())


def wishes_of(setting: AlertSetting | None, *, time_zone: str | None = None) -> rules.Wishes:
    """Return the wishes that a row holds, or those that everybody has, on the user's clock."""
    zone = time_zone or rules.Wishes().time_zone
    if setting is None:
        return rules.Wishes(time_zone=zone)
    return rules.Wishes(
        channels=setting.channels,
        for_structure=setting.for_structure,
        has_phone=bool(setting.phone),
        quiet=setting.quiet,
        quiet_from=setting.quiet_from,
        quiet_until=setting.quiet_until,
        urgent_passes=setting.urgent_passes,
        time_zone=zone,
    )


def address_of(owner: str) -> str:
    """Return the e-mail address of a user who may still sign in, or an empty string."""
    kind, _, number = owner.partition(":")
    if kind == "role":
        accounts = Account.objects.filter(
            practitioner__roles=number, practitioner__roles__ended_at__isnull=True
        )
    else:
        accounts = Account.objects.filter(pk=number)
    account = accounts.filter(is_active=True).first()
    return account.email if account else ""


def names_of(keys: Iterable[str]) -> dict[str, str]:
    """Return the name of each role or structure, as a step shows it."""
    numbers: dict[str, set[int]] = {"role": set(), "org": set()}
    for key in keys:
        kind, _, number = key.partition(":")
        if kind in numbers:
            numbers[kind].add(int(number))
    roles = PractitionerRole.objects.select_related("practitioner").filter(pk__in=numbers["role"])
    places = Organization.objects.filter(pk__in=numbers["org"])
    return {role_key(role.pk): str(role) for role in roles} | {
        f"org:{place.pk}": place.name for place in places
    }


def keys_of(owner: str) -> list[str]:
    """Return the keys under which a user is alerted: the role and its structure, or the account."""
    if not owner.startswith("role:"):
        return [owner]
    role = PractitionerRole.objects.filter(pk=owner[5:]).first()
    return [owner, organization_key(role.organization_id)] if role else [owner]


def unread_of(owner: str, *, since: datetime) -> tuple[int, int]:
    """Return how many things wait for a user since then, and how many of them are urgent."""
    waiting = set(
        Alert.objects.filter(
            recipient__in=keys_of(owner), read_at__isnull=True, raised_at__gte=since
        ).values_list("occurrence", "urgent")[:1000]
    )
    return len(waiting), sum(urgent for _, urgent in waiting)


# Whoever has something new to read, and whose day has reached the hour of the digest.
_DUE = """
SELECT a.recipient, (%(now)s AT TIME ZONE COALESCE(c.time_zone, 'America/Cayenne'))::date
FROM (SELECT DISTINCT recipient FROM alerts_alert
      WHERE read_at IS NULL AND raised_at >= %(since)s AND recipient NOT LIKE 'org:%%') a
LEFT JOIN alerts_alertsetting s ON s.owner = a.recipient
LEFT JOIN directory_practitionerrole r
  ON r.id = CASE WHEN a.recipient LIKE 'role:%%' THEN substr(a.recipient, 6)::bigint END
LEFT JOIN directory_practitioner p ON p.id = r.practitioner_id
LEFT JOIN accounts_account c ON c.id = COALESCE(
  p.account_id,
  CASE WHEN a.recipient LIKE 'account:%%' THEN substr(a.recipient, 9)::bigint END)
WHERE COALESCE(s.digest, true)
  AND (%(now)s AT TIME ZONE COALESCE(c.time_zone, 'America/Cayenne'))::time
      >= COALESCE(s.digest_at, time '07:00')
  AND COALESCE(s.digested_on, date '0001-01-01')
      < (%(now)s AT TIME ZONE COALESCE(c.time_zone, 'America/Cayenne'))::date
LIMIT %(most)s
"""


def digests_due(*, now: datetime) -> list[Due]:
    """Return those whose digest of the day is due, 200 at most: the others come next time."""
    with connection.cursor() as cursor:
        cursor.execute(_DUE, {"now": now, "since": now - DIGEST_OF, "most": MOST_DIGESTS})
        return [Due(owner, day) for owner, day in cursor.fetchall()]


def remember_digest(*, owner: str, day: date, now: datetime) -> None:
    """Note that a user's digest of that day was made."""
    AlertSetting.objects.update_or_create(
        owner=owner,
        defaults={"digested_on": day},
        create_defaults={"digested_on": day, "updated_at": now},
    )


def _owners(alerts: list[Alert], *, now: datetime) -> list[tuple[str, bool]]:
    """Return (key, addressed in person) of each user behind the recipients."""
    roles: set[int] = set()
    places: set[int] = set()
    owners: list[tuple[str, bool]] = []
    for alert in alerts:
        kind, _, number = alert.recipient.partition(":")
        if kind == "role":
            roles.add(int(number))
        elif kind == "org":
            places.add(int(number))
        else:
            owners.append((account_key(int(number)), True))
    at_work = PractitionerRole.objects.filter(
        Q(ended_at__isnull=True) | Q(ended_at__gt=now),
        holds_right(now),
        practitioner__active=True,
        practitioner__account__is_active=True,
    )
    if roles:
        found = at_work.filter(pk__in=roles).values_list("pk", flat=True)
        owners += [(role_key(pk), True) for pk in found]
    if places:
        colleagues = at_work.filter(organization_id__in=places).exclude(
            pk=alerts[0].raised_by_role_id or 0
        )
        found = colleagues.order_by("pk").values_list("pk", flat=True)[:MOST_OF_A_STRUCTURE]
        owners += [(role_key(pk), False) for pk in found]
    return owners
