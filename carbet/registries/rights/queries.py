"""What can be asked of rights: who holds which until when, what waits, who acts for whom."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from allauth.idp.oidc.models import Client, Token
from django.db.models import Exists, OuterRef, Q, QuerySet
from django.db.models.functions import Coalesce

from carbet.core import names
from carbet.core.actor import Actor
from carbet.registries.accounts.choices import AccountKind
from carbet.registries.accounts.models import Account
from carbet.registries.directory import queries as directory
from carbet.registries.directory.choices import Category
from carbet.registries.directory.models import (
    Delegation,
    Organization,
    Practitioner,
    PractitionerRole,
    Right,
)
from carbet.registries.directory.models.rights import holding_delegations, holds_right
from carbet.registries.directory.synthetic import professions as national_professions
from carbet.registries.rights import access, rules
from carbet.registries.rights.choices import RegistrationStatus
from carbet.registries.rights.models import Application, Entry, RegistrationRequest

PAGE = 25
MOST_STRUCTURES = 8
MOST_EXPORTED = 50_000
MOST_APPLICATIONS = 100
CURRENT, DORMANT, ENDED = "current", "dormant", "ended"
# A review decides on so many at once.
REVIEWED = 30
MOST_MANAGED = 20_000


@dataclass(frozen=True)
class Position:
    """A place in a list: the moment it is sorted by, and the row."""

    at: datetime
    pk: int


@dataclass(frozen=True)
class RightsPage:
    """One page of rights, and where the next one begins."""

    rows: list[Right]
    following: Position | None


@dataclass(frozen=True)
class Profession:
    """A profession that one may register under."""

    code: str
    label: str
    category: str


def practitioner_of(*, rpps: str) -> Practitioner | None:
    """Return the active professional of this RPPS with their account, or None."""
    return Practitioner.objects.select_related("account").filter(rpps=rpps, active=True).first()


def professions() -> list[Profession]:
    """Return the professions that one may register under, by name."""
    found = [
        Profession(row["code"], row["label"], row["category"])
        for row in national_professions().values()
    ]
    return sorted(found, key=lambda each: names.comparison_form(each.label))


def profession(code: str) -> Profession | None:
    """Return a profession by its code, or None."""
    return next((each for each in professions() if each.code == code), None)


def works_as(
    practitioner: Practitioner | None,
    *,
    organization: Organization,
    profession: str,
    now: datetime,
) -> bool:
    """Tell whether the directory says that somebody works there under a profession."""
    return practitioner is not None and any(
        (role.organization_id, role.profession) == (organization.pk, profession)
        for role in roles_known(practitioner=practitioner, now=now)
    )


def roles_known(*, practitioner: Practitioner, now: datetime) -> list[PractitionerRole]:
    """Return the roles that the directory says of somebody, right or none, by structure."""
    return list(
        PractitionerRole.objects.select_related("organization__commune")
        .filter(
            Q(ended_at__isnull=True) | Q(ended_at__gt=now),
            practitioner=practitioner,
            organization__active=True,
        )
        .order_by("organization__name", "pk")[:PAGE]
    )


def professions_asked(rows: Iterable[RegistrationRequest]) -> dict[int, str]:
    """Return the profession of each request in words: the nomenclature's, or the directory's."""
    known = {each.code: each.label for each in professions()}
    asked = list(rows)
    foreign = [row.rpps for row in asked if row.profession not in known and row.rpps]
    if foreign:
        said = PractitionerRole.objects.filter(practitioner__rpps__in=foreign)
        known = dict(said.values_list("profession", "profession_label")) | known
    return {row.pk: known.get(row.profession, row.profession) for row in asked}


def asked_by_proven(*, practitioner: Practitioner) -> list[RegistrationRequest]:
    """Return what somebody proven asked, the latest first."""
    return list(
        RegistrationRequest.objects.select_related("organization")
        .filter(rpps=practitioner.rpps, proven_at__isnull=False)
        .order_by("-pk")[:PAGE]
    )


def structures(text: str) -> list[Organization]:
    """Return the few structures nearest to what was typed: for whoever asks to work in one."""
    if len(text) < 2:
        return []
    found = directory.search_organizations(text=text, size=MOST_STRUCTURES)
    return list(found.rows)  # type: ignore[arg-type]


def structure(number: str) -> Organization | None:
    """Return an open structure by its number, or None."""
    if not number.isdecimal() or len(number) > 18:
        return None
    found = directory.organization(pk=int(number))
    return found if found is not None and found.active else None


def newcomer(held: RegistrationRequest, *, now: datetime) -> Account | None:
    """Return the account that an accepted request opened, while it waits for a first password."""
    if held.status != RegistrationStatus.APPROVED or held.practitioner_role is None:
        return None
    account: Account | None = held.practitioner_role.practitioner.account
    if account is None or account.email != held.email or account.has_usable_password():
        return None
    if held.settled_at is None or now > held.settled_at + rules.FIRST_PASSWORD_WITHIN:
        return None
    return account


def rights(
    *, actor: Actor, now: datetime, view: str, text: str = "", after: Position | None = None
) -> RightsPage:
    """Return a page of the rights that the actor decides on.

    Args:
        view: those open (the nearest end first), those of accounts that nobody has used for
            long, or those that ended (the latest first).
        text: words of a name or of a structure.
    """
    found = _decided_by(actor)
    if view == ENDED:
        found = found.filter(ended_at__lte=now).order_by("-ended_at", "-pk")
    else:
        found = found.filter(ended_at__gt=now).order_by("ended_at", "pk")
    if view == DORMANT:
        found = found.filter(_dormant(now))
    found = _named(found, text)
    if after is not None:
        side = "lt" if view == ENDED else "gt"
        found = found.filter(
            Q(**{f"ended_at__{side}": after.at})
            | Q(**{"ended_at": after.at, f"pk__{side}": after.pk})
        )
    rows = list(found[: PAGE + 1])
    last = rows[PAGE - 1] if len(rows) > PAGE else None
    return RightsPage(rows[:PAGE], Position(last.ended_at, last.pk) if last else None)


def to_review(*, actor: Actor, now: datetime, everyone: bool, text: str = "") -> list[Right]:
    """Return the open rights that a review looks at, by structure and name, one more than it takes.

    Args:
        everyone: all of them, the longest without review first; else those that end soon.
    """
    found = _named(_decided_by(actor).filter(started_at__lte=now, ended_at__gt=now), text)
    if everyone:
        found = found.order_by(Coalesce("reviewed_at", "started_at"), "pk")
    else:
        found = found.filter(ended_at__lte=now + rules.REVIEW_BEFORE).order_by(
            "practitioner_role__organization__name",
            "practitioner_role__practitioner__family",
            "pk",
        )
    return list(found[: REVIEWED + 1])


def managers_to_remind(*, now: datetime) -> dict[int, tuple[int, int]]:
    """Return, by account, how many requests and rights to review wait for its decision.

    What nobody of a structure may decide (no manager, or their own right) waits for the region.
    """
    role = "practitioner_role__"
    asked = RegistrationRequest.objects.filter(status=RegistrationStatus.SUBMITTED)
    requests = list(asked.values_list("organization_id", "account_id")[:MOST_MANAGED])
    ending = Right.objects.filter(
        started_at__lte=now, ended_at__gt=now, ended_at__lte=now + rules.REVIEW_BEFORE
    ).values_list(f"{role}organization_id", f"{role}practitioner__account_id")[:MOST_MANAGED]
    reviews = list(ending)
    managers = _managers({number for number, _ in (*requests, *reviews)}, now=now)
    region = list(
        Account.objects.filter(is_operator=True, is_active=True).values_list("pk", flat=True)[:50]
    )
    found: dict[int, list[int]] = {}
    for kind, rows in enumerate((requests, reviews)):
        for organization_id, holder in rows:
            deciding = managers.get(organization_id, set()) - {holder}
            for account_id in deciding or set(region) - {holder}:
                found.setdefault(account_id, [0, 0])[kind] += 1
    return {account_id: (asked, seen) for account_id, (asked, seen) in found.items()}


def managers_of(*, organization_id: int, now: datetime) -> list[int]:
    """Return the accounts that answer requests to work in a structure: the region's for want."""
    found = _managers({organization_id}, now=now).get(organization_id)
    if found:
        return sorted(found)
    operators = Account.objects.filter(is_operator=True, is_active=True)
    return list(operators.order_by("pk").values_list("pk", flat=True)[:50])


def _managers(organization_ids: set[int], *, now: datetime) -> dict[int, set[int]]:
    role = "practitioner_role__"
    rows = Right.objects.filter(
        Q(practitioner_role__ended_at__isnull=True) | Q(practitioner_role__ended_at__gt=now),
        manages=True,
        started_at__lte=now,
        ended_at__gt=now,
        practitioner_role__organization__in=organization_ids,
        practitioner_role__practitioner__active=True,
        practitioner_role__practitioner__account__is_active=True,
    ).values_list(f"{role}organization_id", f"{role}practitioner__account_id")
    found: dict[int, set[int]] = {}
    for organization_id, account_id in rows[:MOST_MANAGED]:
        found.setdefault(organization_id, set()).add(account_id)
    return found


def waiting(*, actor: Actor, after: int | None = None) -> QuerySet[RegistrationRequest]:
    """Return the requests that wait for the actor's answer, the oldest first."""
    return (
        RegistrationRequest.objects.select_related("organization")
        .filter(
            access.managed(actor, "organization_id"),
            status=RegistrationStatus.SUBMITTED,
            pk__gt=after or 0,
        )
        .order_by("pk")
    )


def exported(*, actor: Actor) -> Iterator[dict[str, Any]]:
    """Yield every right that the actor decides on, past ones included, for an audit."""
    columns = {
        "family": "practitioner_role__practitioner__family",
        "given": "practitioner_role__practitioner__given",
        "rpps": "practitioner_role__practitioner__rpps",
        "email": "practitioner_role__practitioner__account__email",
        "profession": "practitioner_role__profession_label",
        "organization": "practitioner_role__organization__name",
        "finess": "practitioner_role__organization__finess",
        "last_login": "practitioner_role__practitioner__account__last_login",
    }
    own = (
        *("pk", "manages", "started_at", "ended_at", "end_reason", "end_words", "ended_by_name"),
        *("granted_by_name", "reviewed_at", "reviewed_by_name", "practitioner_role_id"),
    )
    rows = _decided_by(actor).order_by("practitioner_role__organization__name", "pk")
    for row in rows.values_list(*own, *columns.values())[:MOST_EXPORTED]:
        yield dict(zip((*own, *columns), row, strict=True))


def delegations_exported(*, actor: Actor) -> dict[int, list[tuple[str, datetime, datetime]]]:
    """Return, by the role that acts for others, for whom, from when and until when."""
    found: dict[int, list[tuple[str, datetime, datetime]]] = {}
    rows = Delegation.objects.select_related("delegator__practitioner").filter(
        access.managed(actor, "delegator__organization_id")
    )
    for row in rows.order_by("pk")[:MOST_EXPORTED]:
        found.setdefault(row.delegate_id, []).append(
            (str(row.delegator.practitioner), row.started_at, row.ended_at)
        )
    return found


def own_rights(*, account_id: int, now: datetime) -> list[Right]:
    """Return the rights that an account holds now, by structure."""
    return list(
        Right.objects.select_related("practitioner_role__organization")
        .filter(
            practitioner_role__practitioner__account_id=account_id,
            started_at__lte=now,
            ended_at__gt=now,
        )
        .order_by("practitioner_role__organization__name", "pk")
    )


def own_requests(*, account_id: int) -> list[RegistrationRequest]:
    """Return what an account asked and that waits for an answer."""
    return list(
        RegistrationRequest.objects.select_related("organization")
        .filter(account_id=account_id, status=RegistrationStatus.SUBMITTED)
        .order_by("-pk")[:PAGE]
    )


def delegations(*, role_id: int, now: datetime) -> list[Delegation]:
    """Return the delegations that a role gave or received and that have not ended.

    Each has `holds`: it lets one act now.
    """
    return list(
        Delegation.objects.select_related("delegator__practitioner", "delegate__practitioner")
        .filter(Q(delegator_id=role_id) | Q(delegate_id=role_id), ended_at__gt=now)
        .annotate(holds=Exists(holding_delegations(now).filter(pk=OuterRef("pk"))))
        .order_by("pk")[:50]
    )


def possible_delegates(*, role: PractitionerRole, now: datetime) -> list[PractitionerRole]:
    """Return the secretaries of the structure, by name, each with `acts`: for this role already.

    Whoever acts for this role already may be let do so for longer.
    """
    if not rules.may_delegate(category=role.category, delegate_category=Category.ADMINISTRATIVE):
        return []
    held = Delegation.objects.filter(ended_at__gt=now, delegator=role, delegate=OuterRef("pk"))
    return list(
        PractitionerRole.objects.select_related("practitioner")
        .filter(
            holds_right(now),
            Q(ended_at__isnull=True) | Q(ended_at__gt=now),
            organization_id=role.organization_id,
            category=Category.ADMINISTRATIVE,
            practitioner__active=True,
        )
        .annotate(acts=Exists(held))
        .order_by("practitioner__family", "practitioner__given", "pk")[:100]
    )


def may_enter_applications(*, account: Account, now: datetime) -> bool:
    """Tell whether an account is a professional's whom some right lets work now."""
    return (
        account.may_sign_in
        and account.kind == AccountKind.PROFESSIONAL
        and bool(open_roles(account_id=account.pk, now=now)[:1])
    )


def open_roles(*, account_id: int, now: datetime) -> QuerySet[PractitionerRole]:
    """Return the roles that an account may work under now, with their structures."""
    return (
        PractitionerRole.objects.select_related("organization", "practitioner")
        .filter(
            holds_right(now),
            Q(ended_at__isnull=True) | Q(ended_at__gt=now),
            practitioner__account_id=account_id,
            practitioner__active=True,
            organization__active=True,
        )
        .order_by("pk")
    )


def applications(*, closed: bool = False) -> QuerySet[Application]:
    """Return the applications that one enters through Carbet, by name."""
    found = Application.objects.filter(closed_at__isnull=not closed)
    return found.order_by("name", "pk")[:MOST_APPLICATIONS]


def application_of(*, client_id: str) -> Application | None:
    """Return the application of a client of the sign-in library, unless it was closed."""
    return Application.objects.filter(client_id=client_id, closed_at__isnull=True).first()


def has_entered(*, account: Account) -> bool:
    """Tell whether some application may hold something of an account."""
    return (
        Token.objects.filter(user=account).exists()
        or Entry.objects.filter(account=account).exists()
    )


def leads_back(*, client_id: str, address: str) -> bool:
    """Tell whether an address is the one registered for an application, to the letter."""
    client = Client.objects.filter(pk=client_id[:100]).first()
    return client is not None and address in client.get_redirect_uris()


def _named(found: QuerySet[Right], text: str) -> QuerySet[Right]:
    for word in names.tokens(text[:100])[:5]:
        found = found.filter(
            Q(practitioner_role__practitioner__search__icontains=word)
            | Q(practitioner_role__practitioner__family__icontains=word)
            | Q(practitioner_role__organization__name__icontains=word)
        )
    return found


def _dormant(now: datetime) -> Q:
    """Return the condition "held for long, by an account that has not come for as long"."""
    since = now - rules.DORMANT_AFTER
    last = "practitioner_role__practitioner__account__last_login"
    return Q(started_at__lte=since) & (
        Q(**{f"{last}__isnull": True}) | Q(**{f"{last}__lte": since})
    )


def _decided_by(actor: Actor) -> QuerySet[Right]:
    return Right.objects.select_related(
        "practitioner_role__practitioner__account", "practitioner_role__organization"
    ).filter(access.managed(actor, "practitioner_role__organization_id"))
