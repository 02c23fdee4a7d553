"""What can be asked of an offer: what waits, what is missing, how complete a territory is."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta

from django.db.models import Count, F, Min, Q, QuerySet
from django.utils import timezone

from carbet.core.actor import Actor
from carbet.registries.directory import queries as directory
from carbet.registries.directory.choices import CapacityStatus, OrganizationKind
from carbet.registries.directory.fhir.reading import address_fingerprint
from carbet.registries.directory.models import (
    Capacity,
    HealthcareService,
    Organization,
    Practitioner,
    PractitionerRole,
    SecureMailbox,
    SourceRecord,
    Term,
)
from carbet.registries.directory.rules import OPERATE
from carbet.registries.offer.choices import Domain, Filling, Flag
from carbet.registries.offer.models import Completeness, Keeper
from carbet.registries.offer.rules import filling

MOST = 50
MOST_SERVICES = 200
MOST_STAFF = 200
MOST_TERMS = 400
MOST_QUARTERS = 8
# A count of beds is made every day: older, it is said to wait.
DAILY = timedelta(hours=24)
FIELDS, ACTIVITIES = "TRE_R227", "TRE_R211"
# Who says a number of beds, when it was written on this page.
DECLARED = "Déclaré par la structure"
CARE_MODES, PUBLICS, CATEGORIES = "TRE_R213", "TRE_R239", "TRE_R244"


@dataclass(frozen=True)
class Bed:
    """Beds or places of one activity: how many there are, how many were free and when."""

    key: str
    activity: str
    service: str
    service_id: int | None
    installed: int | None
    available: int | None
    counted_at: datetime | None
    # The row that keeps a new count; the others that it takes the place of.
    capacity_id: int | None
    other_ids: tuple[int, ...]
    like_id: int | None
    # All of it was written on this page: a line added by mistake can go.
    removable: bool = False


@dataclass(frozen=True)
class Said:
    """One offer with what is said of it and what is missing."""

    service: HealthcareService
    flags: dict[Flag, bool | None]
    state: Filling

    @property
    def missing(self) -> list[Flag]:
        return [flag for flag, said in self.flags.items() if said is False]


@dataclass
class Part:
    """How complete a part of the territory is: structures by state, and offers."""

    label: str
    structures: int = 0
    finalised: int = 0
    under_way: int = 0
    to_do: int = 0
    fresh: int = 0
    offers: int = 0
    offers_finalised: int = 0
    codes: dict[str, str] = field(default_factory=dict)

    @property
    def percent(self) -> int:
        return round(100 * self.finalised / self.structures) if self.structures else 0


def kept_by(*, actor: Actor, now: datetime) -> QuerySet[Organization]:
    """Return the structures that the actor was named to keep."""
    return (
        Organization.objects.filter(
            Q(keepers__ended_at__isnull=True) | Q(keepers__ended_at__gt=now),
            keepers__practitioner_role_id=actor.role_id or 0,
            keepers__started_at__lte=now,
            active=True,
        )
        .select_related("commune")
        .annotate(
            counted_at=Min(
                "capacity__updated_at",
                filter=Q(capacity__status=CapacityStatus.AVAILABLE)
                & directory.standing("capacity__"),
            )
        )
        .order_by("name", "pk")
    )


def own_surgery(*, actor: Actor) -> Organization | None:
    """Return the structure under which the actor works now."""
    return (
        Organization.objects.select_related("commune")
        .filter(pk=actor.organization_id or 0, active=True)
        .first()
    )


def services(*, organization: Organization) -> list[HealthcareService]:
    """Return the services of a structure by name, those that have closed for good last."""
    return list(
        HealthcareService.objects.filter(organization=organization)
        .select_related("location")
        .order_by("-active", "name", "pk")[:MOST_SERVICES]
    )


def open_services(*, organization: Organization) -> list[HealthcareService]:
    """Return the services of a structure that have not closed for good, by name."""
    return [each for each in services(organization=organization) if each.active]


def is_own(service: HealthcareService) -> bool:
    """Tell whether a service was written here alone: no source says it, nor anything on it."""
    return (
        not service.source
        and not service.identifiers
        and not SourceRecord.objects.filter(kind="HealthcareService", target_id=service.pk).exists()
        and not PractitionerRole.objects.filter(healthcare_service=service).exists()
        and not Capacity.objects.filter(service=service)
        .exclude(source__startswith=DECLARED)
        .exists()
    )


def said_of(service: HealthcareService, organization: Organization) -> Said:
    """Return an offer with its flags."""
    flags = filling.flags(_facts(service, organization))
    return Said(service, flags, filling.state_of_offer(flags))


def _facts(service: HealthcareService, organization: Organization) -> filling.Offer:
    location = service.location
    return filling.Offer(
        field=service.field,
        structure_category=organization.category_code,
        category=service.category,
        activities=service.activities,
        care_mode=service.care_mode,
        publics=service.publics,
        age_low=service.age_low,
        age_high=service.age_high,
        address_line=(location and location.address_line) or organization.address_line,
        commune=(location and (location.commune_id or location.insee))
        or organization.commune_id
        or organization.insee
        or "",
        postal_code=(location and location.postal_code) or organization.postal_code,
        contacts=(
            service.phone,
            service.secure_email,
            organization.phone,
            organization.secure_email,
            organization.email,
        ),
        updated_at=service.updated_at,
    )


def is_hidden(*, address: str) -> bool:
    """Tell whether an address is on the red list of a source: known by its fingerprint alone."""
    held = SecureMailbox.objects.filter(fingerprint=address_fingerprint(address), red_list=True)
    return bool(address) and held.exists()


def beds(*, organization: Organization) -> list[Bed]:
    """Return the beds and places of a structure, by service and activity, as they are now.

    The ROR counts men's and women's apart, foresees some and opens others in a crisis: the first
    are added, the others left out. Those of a service that has closed for good are none.
    """
    rows = (
        Capacity.objects.filter(
            directory.standing(),
            organization=organization,
            status__in=(CapacityStatus.INSTALLED, CapacityStatus.AVAILABLE),
            temporality__in=("", "01"),
            crisis_type="",
        )
        .select_related("service")
        .order_by("service__name", "activity", "pk")[: MOST * 2]
    )
    groups: dict[tuple[int | None, str], list[Capacity]] = {}
    for row in rows:
        groups.setdefault((row.service_id, row.activity), []).append(row)
    found = []
    for (service_id, activity), group in groups.items():
        installed = [row for row in group if row.status == CapacityStatus.INSTALLED]
        free = [row for row in group if row.status == CapacityStatus.AVAILABLE]
        found.append(
            Bed(
                key=f"libres-{group[0].pk}",
                activity=activity,
                service=str(group[0].service or ""),
                service_id=service_id,
                installed=sum(row.number for row in installed) if installed else None,
                available=sum(row.number for row in free) if free else None,
                counted_at=min(row.updated_at for row in free) if free else None,
                capacity_id=free[0].pk if free else None,
                other_ids=tuple(row.pk for row in free[1:]),
                like_id=group[0].pk,
                removable=all(row.source.startswith(DECLARED) for row in installed or free),
            )
        )
    return found


def staff(*, organization: Organization, now: datetime) -> list[PractitionerRole]:
    """Return who works in a structure now."""
    return list(
        PractitionerRole.objects.filter(
            Q(ended_at__isnull=True) | Q(ended_at__gt=now), organization=organization
        )
        .select_related("practitioner")
        .order_by("practitioner__search", "pk")[:MOST_STAFF]
    )


def keepers(*, organization: Organization, now: datetime) -> list[Keeper]:
    """Return who keeps the page of a structure."""
    return list(
        Keeper.objects.filter(
            Q(ended_at__isnull=True) | Q(ended_at__gt=now), organization=organization
        )
        .select_related("practitioner_role__practitioner")
        .order_by("started_at", "pk")[:MOST]
    )


def practitioner(*, rpps: str) -> Practitioner | None:
    """Return the professional who bears this RPPS number."""
    return Practitioner.objects.filter(rpps=rpps, active=True).first()


def terms(nomenclature: str) -> list[tuple[str, str]]:
    """Return the codes and labels known of a nomenclature, by label."""
    return list(
        Term.objects.filter(nomenclature__startswith=nomenclature)
        .order_by("label", "code")
        .values_list("code", "label")[:MOST_TERMS]
    )


def all_terms(*nomenclatures: str) -> dict[str, list[tuple[str, str]]]:
    """Return the codes and labels of several nomenclatures, in one statement."""
    asked = Q()
    for each in nomenclatures:
        asked |= Q(nomenclature__startswith=each)
    found: dict[str, list[tuple[str, str]]] = {each: [] for each in nomenclatures}
    rows = Term.objects.filter(asked).order_by("label", "code")
    for name, code, label in rows.values_list("nomenclature", "code", "label")[: MOST_TERMS * 4]:
        for each in nomenclatures:
            if name.startswith(each) and (code, label) not in found[each]:
                found[each].append((code, label))
    return found


# --- The indicator ------------------------------------------------------------------------------


def measured(*, batch: int = 2000) -> Iterator[list[tuple[Organization, list[Said]]]]:
    """Yield the structures that the indicator looks at, with their offers, by batches.

    In scope: the sites of a domain, and whatever has an offer.
    """
    last = 0
    while True:
        places = list(
            Organization.objects.filter(active=True, pk__gt=last)
            .exclude(kind=OrganizationKind.LEGAL)
            .order_by("pk")[:batch]
        )
        if not places:
            return
        last = places[-1].pk
        services: dict[int, list[Said]] = {}
        by_pk = {place.pk: place for place in places}
        for service in HealthcareService.objects.filter(
            organization__in=by_pk, active=True
        ).select_related("location"):
            said = said_of(service, by_pk[service.organization_id])
            services.setdefault(service.organization_id, []).append(said)
        yield [
            (place, services.get(place.pk, []))
            for place in places
            if place.pk in services
            or filling.domain(place.category_code, place.sector) != Domain.OTHER
        ]


def quarters() -> list[date]:
    """Return the quarters that were measured, the latest first."""
    return list(
        Completeness.objects.order_by("-quarter")
        .values_list("quarter", flat=True)
        .distinct()[:MOST_QUARTERS]
    )


def parts(*, quarter: date, by: str) -> list[Part]:
    """Return how complete the territory was in a quarter, by domain or by commune.

    Args:
        by: "domain" or "commune".
    """
    rows = (
        Completeness.objects.filter(quarter=quarter)
        .values(by)
        .annotate(**_COUNTS)
        .order_by("-structures", by)
    )
    return [_part(row, str(row[by])) for row in rows]


def history() -> list[tuple[date, Part]]:
    """Return how complete the whole territory was, quarter after quarter, the latest last."""
    rows = (
        Completeness.objects.values("quarter")
        .annotate(**_COUNTS)
        .order_by("-quarter")[:MOST_QUARTERS]
    )
    return [
        (row["quarter"], _part(row, filling.name_of_quarter(row["quarter"])))
        for row in reversed(rows)
    ]


def to_mend(
    *, quarter: date, domain: str = "", commune: str = "", after: int = 0, size: int = 25
) -> list[Completeness]:
    """Return structures that are not finalised, in the order of their number here."""
    rows = Completeness.objects.filter(quarter=quarter, organization_id__gt=after).exclude(
        state=Filling.FINALISED
    )
    if domain:
        rows = rows.filter(domain=domain)
    if commune:
        rows = rows.filter(commune=commune)
    return list(
        rows.select_related("organization__commune").order_by("organization_id")[: size + 1]
    )


def history_of(*, organization: Organization) -> list[Completeness]:
    """Return how complete a structure was, quarter after quarter, the latest last."""
    rows = Completeness.objects.filter(organization=organization).order_by("-quarter")
    return list(reversed(rows[:MOST_QUARTERS]))


_COUNTS = {
    "structures": Count("pk"),
    "done": Count("pk", filter=Q(state=Filling.FINALISED)),
    "begun": Count("pk", filter=Q(state=Filling.UNDER_WAY)),
    "waiting": Count("pk", filter=Q(state=Filling.TO_DO)),
    "kept_fresh": Count("pk", filter=Q(fresh=True)),
}


def _part(row: dict[str, int], label: str) -> Part:
    return Part(
        label=label,
        structures=row["structures"],
        finalised=row["done"],
        under_way=row["begun"],
        to_do=row["waiting"],
        fresh=row["kept_fresh"],
    )


# --- What waits ---------------------------------------------------------------------------------


def to_remind(*, now: datetime, every: timedelta, limit: int) -> list[Keeper]:
    """Return the keepers of a structure where something waits, and who were not told lately.

    Something waits when a count of beds is older than a week, or when the structure is not
    complete or not fresh in this quarter.
    """
    stale = Capacity.objects.filter(
        directory.standing(),
        status=CapacityStatus.AVAILABLE,
        updated_at__lt=now - timedelta(days=7),
    ).values("organization_id")
    quarter = filling.quarter_of(timezone.localdate(now))
    unfinished = (
        Completeness.objects.filter(quarter=quarter)
        .filter(~Q(state=Filling.FINALISED) | Q(fresh=False))
        .values("organization_id")
    )
    return list(
        Keeper.objects.filter(
            Q(reminded_at__isnull=True) | Q(reminded_at__lt=now - every),
            ended_at__isnull=True,
            practitioner_role__ended_at__isnull=True,
            organization__active=True,
        )
        .filter(Q(organization_id__in=stale) | Q(organization_id__in=unfinished))
        .select_related("organization")
        .order_by(F("reminded_at").asc(nulls_first=True), "pk")[:limit]
    )


def may_see_all(actor: Actor) -> bool:
    """Tell whether the actor keeps every structure."""
    return actor.can(OPERATE)


def labels(pairs: Iterable[tuple[str, str]], codes: Iterable[str]) -> list[str]:
    """Return the labels of codes, or the codes that nobody named."""
    known = dict(pairs)
    return [known.get(code, code) for code in codes]
