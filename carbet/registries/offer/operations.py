"""What whoever keeps a structure's page can do: count beds, open, close, describe, name."""

from collections.abc import Mapping, Sequence
from datetime import date, datetime, time, timedelta
from typing import Any

from django.db.models import Q
from django.dispatch import Signal
from django.utils import timezone

from carbet.connectors.ror import REGION
from carbet.core.actor import Actor, role_key
from carbet.core.audit import Trace
from carbet.core.names import comparison_form
from carbet.core.operation import UnableTo, UnableToAct, operation
from carbet.registries.directory.choices import CapacityStatus, Category
from carbet.registries.directory.models import (
    Capacity,
    Closure,
    HealthcareService,
    Location,
    OpeningHours,
    Organization,
    PractitionerRole,
)
from carbet.registries.offer import access, queries
from carbet.registries.offer.models import Completeness, Keeper
from carbet.registries.offer.queries import DECLARED
from carbet.registries.offer.rules import filling
from carbet.registries.rights import operations as rights

MOST_BEDS = 5000
MOST_PLACES = 200
# J187: a bed, a place.
_BED, _PLACE = "01", "02"
_OF_PLACE = ("address_line", "postal_code", "city", "insee", "commune_id", "phone")
REMIND_EVERY = timedelta(days=7)
BATCH = 500
_MEASURED = ["domain", "commune", "offers", "finalised", "state", "fresh", "measured_at"]

# Something waits on the page of a structure: whoever keeps it is told by the rooms above.
upkeep_due = Signal()


class UnableToCount(UnableTo):
    """The beds cannot be counted so."""


class UnableToDescribe(UnableTo):
    """The service cannot be described so."""


class UnableToClose(UnableTo):
    """The closure cannot be kept so."""


class UnableToAdd(UnableTo):
    """The service cannot be added so."""


class UnableToRemove(UnableTo):
    """What is to go came from elsewhere, or others lean on it."""


class UnableToKeepStaff(UnableTo):
    """The staff cannot be changed so."""


class UnableToName(UnableTo):
    """This person cannot keep the page."""


@operation("offer.count_beds")
def count_beds(
    trace: Trace,
    *,
    actor: Actor,
    now: datetime,
    organization: Organization,
    counts: Mapping[str, int],
) -> int:
    """Say how many beds or places are free now, by the key of each line. Return how many lines.

    What has not changed is dated again: it was counted.

    Raises:
        UnableToAct: the actor does not keep this structure.
        UnableToCount: more free than installed, or lines that are no longer there.
    """
    _check(actor, organization, now=now)
    known = {bed.key: bed for bed in queries.beds(organization=organization)}
    if not counts or not counts.keys() <= known.keys():
        raise UnableToCount("Les lits de cette structure ont changé : rechargez la page.")
    for key, number in counts.items():
        bed = known[key]
        if not 0 <= number <= MOST_BEDS:
            raise UnableToCount(f"Entre 0 et {MOST_BEDS}.", field=key)
        if bed.installed is not None and number > bed.installed:
            raise UnableToCount(
                f"{bed.activity} : {number} libres pour {bed.installed} installés.", field=key
            )
    for key, number in counts.items():
        bed = known[key]
        if bed.capacity_id is not None:
            row = Capacity.objects.get(pk=bed.capacity_id)
            Capacity.objects.filter(pk__in=bed.other_ids).delete()
        else:
            row = Capacity.objects.get(pk=bed.like_id)
            row.pk, row.status = None, CapacityStatus.AVAILABLE
            row._state.adding = True
        row.number = number
        _declare(row, organization=organization, now=now)
    said = ", ".join(f"{known[key].activity} {number}" for key, number in counts.items())
    trace.about(entity=organization, reason=said[:200])
    return len(counts)


@operation("offer.install_beds")
def install_beds(
    trace: Trace,
    *,
    actor: Actor,
    now: datetime,
    organization: Organization,
    service: HealthcareService,
    activity: str,
    installed: int,
    available: int,
) -> None:
    """Say how many beds or places of an activity a service has, and how many are free.

    Raises:
        UnableToAct: the actor does not keep this structure.
        UnableToCount: no activity, more free than installed.
    """
    _check(actor, organization, now=now)
    activity = " ".join(activity.split())
    if not activity:
        raise UnableToCount("Dites de quels lits ou places il s’agit.", field="activity")
    if not 0 <= installed <= MOST_BEDS:
        raise UnableToCount(f"Entre 0 et {MOST_BEDS}.", field="installed")
    if available > installed:
        raise UnableToCount("Plus de places libres que de places installées.", field="available")
    for status, number in (
        (CapacityStatus.INSTALLED, installed),
        (CapacityStatus.AVAILABLE, available),
    ):
        line = Capacity.objects.filter(
            organization=organization,
            service=service,
            activity=activity,
            status=status,
            temporality__in=("", "01"),
            crisis_type="",
        ).order_by("pk")
        row = line.first() or Capacity(
            organization=organization, service=service, activity=activity, status=status
        )
        row.number = number
        _declare(row, organization=organization, now=now)
        # Counted apart until now: men's and women's.
        line.exclude(pk=row.pk).delete()
    trace.about(entity=service, reason=f"{activity} : {available} sur {installed}"[:200])


def _declare(row: Capacity, *, organization: Organization, now: datetime) -> None:
    """Write a number of beds said here, with the seven parts that the ROR asks and its place.

    Other systems read beds at places alone (FHIR Location).
    """
    row.updated_at, row.source, row.gender = now, DECLARED, ""
    row.type = row.type or (_BED if "lit" in row.activity.lower().split() else _PLACE)
    row.temporality = row.temporality or "01"
    row.source_type, row.temporary_assignment = "01", row.temporary_assignment or "01"
    if row.location_id is None:
        row.location = _own_place(organization, row.service)
    row.save()


def _own_place(organization: Organization, service: HealthcareService | None) -> Location:
    """Return the place of a service, or of the structure itself; write it here when none is."""
    if service is not None and service.location is not None:
        return service.location
    own = Location.objects.filter(organization=organization, source="")
    if service is None:
        own = own.exclude(pk__in=HealthcareService.objects.values("location_id"))
        if held := own.order_by("pk").first():
            return held
    made = Location.objects.create(
        organization=organization,
        name=(service or organization).name,
        region=organization.region or (REGION if organization.commune_id else ""),
        synthetic=organization.synthetic,
        **{name: getattr(organization, name) for name in _OF_PLACE},
    )
    if service is not None:
        service.location = made
        service.save(update_fields=["location", "updated_at"])
    return made


@operation("offer.remove_beds")
def remove_beds(
    trace: Trace, *, actor: Actor, now: datetime, organization: Organization, key: str
) -> queries.Bed:
    """Take a line of beds or places away, that was written here by mistake.

    Raises:
        UnableToAct: the actor does not keep this structure.
        UnableToRemove: no longer there, or said by a source that would say it again.
    """
    _check(actor, organization, now=now)
    bed = next((bed for bed in queries.beds(organization=organization) if bed.key == key), None)
    if bed is None:
        raise UnableToRemove("Cette ligne n’est plus là.")
    if not bed.removable:
        raise UnableToRemove("Cette ligne vient d’une source nationale : elle reviendrait.")
    Capacity.objects.filter(
        organization=organization,
        service=bed.service_id,
        activity=bed.activity,
        status__in=(CapacityStatus.INSTALLED, CapacityStatus.AVAILABLE),
        temporality__in=("", "01"),
        crisis_type="",
    ).delete()
    said = f"{bed.activity} : {bed.available} sur {bed.installed}"
    trace.about(entity=organization, reason=f"retiré, {said}"[:200])
    return bed


@operation("offer.add", action="C")
def add_service(
    trace: Trace,
    *,
    actor: Actor,
    now: datetime,
    organization: Organization,
    said: Mapping[str, Any],
) -> HealthcareService:
    """Say that a structure offers a service that no source knows.

    Args:
        said: columns of the service by name, among those of the page.

    Raises:
        UnableToAct: the actor does not keep this structure.
        UnableToAdd: without a name, one of this name already, or too many.
        UnableToDescribe: an address on the red list.
    """
    _check(actor, organization, now=now)
    name = " ".join(str(said.get("name", "")).split())
    if not name:
        raise UnableToAdd("Donnez un nom au service.", field="name")
    _check_shown(str(said.get("secure_email", "")))
    # Two at once would both believe that there is none.
    Organization.objects.select_for_update().get(pk=organization.pk)
    known = queries.services(organization=organization)
    if len(known) >= queries.MOST_SERVICES:
        raise UnableToAdd(f"{queries.MOST_SERVICES} services au plus par structure.")
    _check_name(name, known)
    row = HealthcareService.objects.create(
        **{**said, "name": name},
        organization=organization,
        opened_on=timezone.localdate(now),
        synthetic=organization.synthetic,
    )
    trace.about(entity=row, reason=name)
    return row


def _check_name(name: str, known: Sequence[HealthcareService]) -> None:
    form = comparison_form(name) or name
    for each in known:
        if (comparison_form(each.name) or each.name) == form:
            raise UnableToAdd(
                "Un service porte déjà ce nom."
                if each.active
                else "Un service fermé porte ce nom : rouvrez-le.",
                field="name",
            )


@operation("offer.end")
def end_service(
    trace: Trace,
    *,
    actor: Actor,
    now: datetime,
    organization: Organization,
    service: HealthcareService,
) -> None:
    """Say that a service no longer exists: it is found no more, nor its beds, until taken back.

    Raises:
        UnableToAct: the actor does not keep this structure.
        UnableToClose: it was closed already.
    """
    _check(actor, organization, now=now)
    row = HealthcareService.objects.select_for_update().get(pk=service.pk)
    if not row.active:
        raise UnableToClose("Ce service est déjà fermé.")
    row.active, row.closed_on = False, timezone.localdate(now)
    row.save(update_fields=["active", "closed_on", "updated_at"])
    trace.about(entity=row, reason="n’existe plus")


@operation("offer.resume")
def resume_service(
    trace: Trace,
    *,
    actor: Actor,
    now: datetime,
    organization: Organization,
    service: HealthcareService,
) -> None:
    """Say that a service that had closed for good exists again, with its hours and beds.

    Raises:
        UnableToAct: the actor does not keep this structure.
        UnableToClose: it is not closed.
    """
    _check(actor, organization, now=now)
    row = HealthcareService.objects.select_for_update().get(pk=service.pk)
    if row.active:
        raise UnableToClose("Ce service n’est pas fermé.")
    row.active, row.closed_on = True, None
    row.save(update_fields=["active", "closed_on", "updated_at"])
    trace.about(entity=row, reason="existe à nouveau")


@operation("offer.delete", action="D")
def delete_service(
    trace: Trace,
    *,
    actor: Actor,
    now: datetime,
    organization: Organization,
    service: HealthcareService,
) -> None:
    """Take a service away, that was added here by mistake, with its hours and beds.

    Raises:
        UnableToAct: the actor does not keep this structure.
        UnableToRemove: it came by an import, or something of a source hangs on it.
    """
    _check(actor, organization, now=now)
    row = HealthcareService.objects.select_for_update().get(pk=service.pk)
    if not queries.is_own(row):
        raise UnableToRemove(
            "Ce service vient d’une source, ou des professionnels y sont rattachés :"
            " fermez-le plutôt."
        )
    trace.about(entity=row, reason=f"supprimé : {row.name}"[:200])
    Capacity.objects.filter(service=row).delete()
    place = row.location
    row.delete()
    alone = place is not None and not place.source and not place.capacities.exists()
    if alone and not HealthcareService.objects.filter(location=place).exists():
        place.delete()


@operation("offer.describe")
def describe_service(
    trace: Trace,
    *,
    actor: Actor,
    now: datetime,
    organization: Organization,
    service: HealthcareService,
    seen_at: datetime,
    said: Mapping[str, Any],
) -> HealthcareService:
    """Write what a service is, for whom and how to reach it.

    Args:
        seen_at: `updated_at` of what was on screen, so that two tabs do not overwrite each other.
        said: columns of the service by name, among those of the page.

    Raises:
        UnableToAct: the actor does not keep this structure.
        UnableToDescribe: changed meanwhile, without a name, or an address on the red list.
    """
    _check(actor, organization, now=now)
    row = HealthcareService.objects.select_for_update().get(pk=service.pk)
    if row.updated_at != seen_at:
        raise UnableToDescribe(
            "Ce service a été modifié entre-temps, ici ou par un import : relisez-le."
        )
    if not str(said.get("name", row.name)).strip():
        raise UnableToDescribe("Donnez un nom au service.", field="name")
    _check_shown(str(said.get("secure_email", "")))
    changed = [name for name, value in said.items() if getattr(row, name) != value]
    for name in changed:
        setattr(row, name, said[name])
    # Looked at and found right is kept fresh as well.
    row.save(update_fields=[*changed, "updated_at"])
    trace.about(entity=row, reason=", ".join(changed) or "relu")
    return row


@operation("offer.place")
def describe_place(
    trace: Trace,
    *,
    actor: Actor,
    now: datetime,
    organization: Organization,
    said: Mapping[str, str],
) -> None:
    """Write where a structure is and how to reach it.

    Raises:
        UnableToAct: the actor does not keep this structure.
        UnableToDescribe: the address is on the red list.
    """
    _check(actor, organization, now=now)
    _check_shown(said.get("secure_email", ""))
    row = Organization.objects.select_for_update().get(pk=organization.pk)
    changed = [name for name, value in said.items() if getattr(row, name) != value]
    for name in changed:
        setattr(row, name, said[name])
    row.save(update_fields=[*changed, "updated_at"])
    for place in Location.objects.filter(organization=row, source="")[:MOST_PLACES]:
        # Written here from what the structure said of itself.
        for name in _OF_PLACE:
            setattr(place, name, getattr(row, name))
        place.save(update_fields=[*_OF_PLACE, "updated_at"])
    trace.about(entity=row, reason=", ".join(changed) or "relu")


@operation("offer.open")
def set_hours(
    trace: Trace,
    *,
    actor: Actor,
    now: datetime,
    organization: Organization,
    service: HealthcareService,
    hours: Sequence[tuple[int, time | None, time | None]],
) -> None:
    """Write when a service opens: stretches of (ISO weekday, opens, closes); both None, all day.

    Raises:
        UnableToAct: the actor does not keep this structure.
        UnableToDescribe: a stretch without its end, empty, or over another of the same day.
    """
    _check(actor, organization, now=now)
    before: dict[int, time] = {}
    for weekday, opens, closes in sorted(
        hours, key=lambda each: (each[0], each[1] or time.min, each[2] or time.max)
    ):
        if (opens is None) != (closes is None):
            raise UnableToDescribe("Donnez l’heure d’ouverture et celle de fermeture.")
        if opens is None or closes is None:
            continue
        if opens == closes:
            raise UnableToDescribe(
                "Ouverture et fermeture sont à la même heure : pour un jour entier, cochez"
                " « Jour et nuit ».",
                field=f"de-{weekday}-1",
            )
        if weekday in before and opens < before[weekday]:
            raise UnableToDescribe("Deux plages de ce jour se recouvrent.", field=f"de-{weekday}-2")
        # A stretch that ends before it begins goes on after midnight.
        before[weekday] = closes if closes > opens else time.max
    HealthcareService.objects.select_for_update().get(pk=service.pk)
    OpeningHours.objects.filter(service=service).delete()
    OpeningHours.objects.bulk_create(
        OpeningHours(service=service, weekday=weekday, opens_at=opens, closes_at=closes)
        for weekday, opens, closes in sorted(
            set(hours), key=lambda each: (each[0], each[1] or time.min)
        )
    )
    HealthcareService.objects.filter(pk=service.pk).update(updated_at=now)
    trace.about(entity=service, reason=f"{len(hours)} plages")


@operation("offer.close")
def close_service(
    trace: Trace,
    *,
    actor: Actor,
    now: datetime,
    organization: Organization,
    service: HealthcareService,
    starts_on: date,
    ends_on: date | None,
    reason: str = "",
) -> Closure:
    """Say that a service does not receive from a day, until a day excluded.

    Raises:
        UnableToAct: the actor does not keep this structure.
        UnableToClose: it opens again before it closes.
    """
    _check(actor, organization, now=now)
    if ends_on is not None and ends_on <= starts_on:
        raise UnableToClose("La réouverture vient après la fermeture.", field="ends_on")
    if ends_on is not None and ends_on <= timezone.localdate(now):
        raise UnableToClose("Cette fermeture est passée.", field="ends_on")
    closure, _ = Closure.objects.get_or_create(
        service=service, starts_on=starts_on, ends_on=ends_on, defaults={"reason": reason.strip()}
    )
    trace.about(entity=service, reason=f"fermé du {starts_on} au {ends_on or '?'}")
    return closure


@operation("offer.reopen")
def reopen_service(
    trace: Trace,
    *,
    actor: Actor,
    now: datetime,
    organization: Organization,
    service: HealthcareService,
    closure_id: int,
) -> None:
    """Take a closure back.

    Raises:
        UnableToAct: the actor does not keep this structure.
        UnableToClose: it is no longer there.
    """
    _check(actor, organization, now=now)
    gone, _ = Closure.objects.filter(pk=closure_id, service=service).delete()
    if not gone:
        raise UnableToClose("Cette fermeture n’existe plus.")
    trace.about(entity=service, reason="fermeture retirée")


@operation("offer.staff.add", action="C")
def add_role(
    trace: Trace,
    *,
    actor: Actor,
    now: datetime,
    organization: Organization,
    rpps: str,
    phone: str = "",
    secure_email: str = "",
) -> PractitionerRole:
    """Say that a professional known of the directory works here too, as they do elsewhere.

    Raises:
        UnableToAct: the actor does not keep this structure.
        UnableToKeepStaff: nobody bears this number, nobody knows their trade, or already here.
        UnableToDescribe: the address is on the red list.
    """
    _check(actor, organization, now=now)
    _check_shown(secure_email)
    found = queries.practitioner(rpps=rpps)
    if found is None:
        raise UnableToKeepStaff("Aucun professionnel connu sous ce numéro RPPS.", field="rpps")
    roles = PractitionerRole.objects.filter(practitioner=found).order_by("-pk")
    if roles.filter(
        Q(ended_at__isnull=True) | Q(ended_at__gt=now), organization=organization
    ).exists():
        raise UnableToKeepStaff("Cette personne figure déjà dans l’équipe.", field="rpps")
    like = roles.first()
    if like is None:
        raise UnableToKeepStaff(
            "La profession de cette personne n’est pas connue : demandez à la région.",
            field="rpps",
        )
    row = PractitionerRole.objects.create(
        practitioner=found,
        organization=organization,
        profession=like.profession,
        profession_label=like.profession_label,
        # What an administrative role opens is given by whoever manages rights.
        category=like.category if like.category != Category.ADMINISTRATIVE else Category.OTHER,
        specialty=like.specialty,
        specialty_label=like.specialty_label,
        skills=like.skills,
        mode=like.mode,
        phone=phone,
        secure_email=secure_email,
        started_on=timezone.localdate(now),
    )
    trace.about(entity=row)
    return row


@operation("offer.staff.change")
def change_role(
    trace: Trace,
    *,
    actor: Actor,
    now: datetime,
    organization: Organization,
    role: PractitionerRole,
    phone: str,
    secure_email: str,
    home_visits: bool | None,
) -> None:
    """Write how to reach somebody here, and whether they go to people's homes.

    Raises:
        UnableToAct: the actor does not keep this structure.
        UnableToDescribe: the address is on the red list.
    """
    _check(actor, organization, now=now)
    _check_shown(secure_email)
    row = PractitionerRole.objects.select_for_update().get(pk=role.pk)
    row.phone, row.secure_email, row.home_visits = phone, secure_email, home_visits
    row.save(update_fields=["phone", "secure_email", "home_visits", "updated_at"])
    trace.about(entity=row)


@operation("offer.staff.end")
def end_role(
    trace: Trace,
    *,
    actor: Actor,
    now: datetime,
    organization: Organization,
    role: PractitionerRole,
) -> None:
    """Say that somebody no longer works here: what the role opened closes at once.

    Raises:
        UnableToAct: the actor does not keep this structure.
        UnableToKeepStaff: it is the actor, or they left already.
    """
    _check(actor, organization, now=now)
    if role.pk == actor.role_id:
        raise UnableToKeepStaff("Un collègue ou la région doit le dire pour vous.")
    row = PractitionerRole.objects.select_for_update().get(pk=role.pk)
    if row.ended_at is not None and row.ended_at <= now:
        raise UnableToKeepStaff("Cette personne ne figure plus dans l’équipe.")
    row.ended_at = now
    row.save(update_fields=["ended_at", "updated_at"])
    Keeper.objects.filter(practitioner_role=row, ended_at__isnull=True).update(ended_at=now)
    # Delegations, sessions and tokens go with it, and no import opens it again by itself.
    rights.close_departed(actor=actor, now=now, role_id=row.pk)
    trace.about(entity=row)


@operation("offer.keeper.name", action="C")
def name_keeper(
    trace: Trace,
    *,
    actor: Actor,
    now: datetime,
    organization: Organization,
    role: PractitionerRole,
) -> Keeper:
    """Let somebody who works here, or in the entity it is part of, keep this page.

    Raises:
        UnableToAct: the actor does not keep this structure.
        UnableToName: they work elsewhere, or no longer.
    """
    _check(actor, organization, now=now)
    here = role.organization_id in (organization.pk, organization.part_of_id)
    if not here or (role.ended_at is not None and role.ended_at <= now):
        raise UnableToName("Cette personne ne travaille pas dans la structure.")
    row, _ = Keeper.objects.get_or_create(
        practitioner_role=role,
        organization=organization,
        ended_at=None,
        defaults={"started_at": now, "named_by": actor.display_name},
    )
    trace.about(entity=row)
    return row


@operation("offer.keeper.dismiss")
def dismiss_keeper(
    trace: Trace, *, actor: Actor, now: datetime, organization: Organization, keeper_id: int
) -> None:
    """Let somebody no longer keep this page.

    Raises:
        UnableToAct: the actor does not keep this structure.
        UnableToName: they do not keep it any more.
    """
    _check(actor, organization, now=now)
    row = Keeper.objects.filter(
        pk=keeper_id, organization=organization, ended_at__isnull=True
    ).first()
    if row is None:
        raise UnableToName("Cette personne ne tient plus cette page.")
    row.ended_at = now
    row.save(update_fields=["ended_at"])
    trace.about(entity=row)


@operation("offer.measure", action="E")
def measure_completeness(trace: Trace, *, actor: Actor, now: datetime) -> int:
    """Measure how complete each structure is in this quarter. Return how many were looked at.

    A quarter is what it was on its last night.
    """
    quarter, count = filling.quarter_of(timezone.localdate(now)), 0
    for places in queries.measured():
        rows = []
        for place, said in places:
            states = [offer.state for offer in said]
            rows.append(
                Completeness(
                    organization=place,
                    quarter=quarter,
                    domain=filling.domain(place.category_code, place.sector),
                    commune=place.commune_id or "",
                    offers=len(states),
                    finalised=sum(state == "finalised" for state in states),
                    state=filling.state_of_structure(states),
                    fresh=filling.is_fresh([offer.service.updated_at for offer in said], now=now),
                    measured_at=now,
                )
            )
        Completeness.objects.bulk_create(
            rows,
            batch_size=1000,
            update_conflicts=True,
            unique_fields=["quarter", "organization"],
            update_fields=_MEASURED,
        )
        count += len(rows)
    trace.about(entity=f"Completeness {filling.name_of_quarter(quarter)} x{count}")
    return count


@operation("offer.remind", action="E")
def remind_keepers(trace: Trace, *, actor: Actor, now: datetime) -> int:
    """Tell those who keep a page where something waits, once a week at most. Return how many."""
    due = queries.to_remind(now=now, every=REMIND_EVERY, limit=BATCH)
    for keeper in due:
        upkeep_due.send(
            sender=Keeper,
            actor=actor,
            now=now,
            recipient=role_key(keeper.practitioner_role_id),
            organization_id=keeper.organization_id,
        )
    Keeper.objects.filter(pk__in=[keeper.pk for keeper in due]).update(reminded_at=now)
    trace.about(entity=f"Keeper x{len(due)}")
    return len(due)


def _check(actor: Actor, organization: Organization, *, now: datetime) -> None:
    if not access.keeps(actor, organization, now=now):
        raise UnableToAct("Vous ne tenez pas la page de cette structure.")


def _check_shown(address: str) -> None:
    if queries.is_hidden(address=address):
        raise UnableToDescribe(
            "Cette adresse est sur la liste rouge de l’Annuaire Santé : elle ne peut être montrée.",
            field="secure_email",
        )
