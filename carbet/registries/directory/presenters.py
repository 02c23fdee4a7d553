"""What pages tell of a structure's offer; what pages and files tell of an import."""

import csv
import io
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date, datetime, time

from django.conf import settings
from django.utils import timezone

from carbet.registries.directory import queries
from carbet.registries.directory.choices import CapacityGender, CapacityStatus, LineOutcome, Source
from carbet.registries.directory.models import Capacity, HealthcareService, ImportRun, Organization
from carbet.registries.directory.rules import opening

REPORT_COLUMNS = ("Devenir", "Type", "Identifiant", "Libellé", "Ligne", "Page", "Raison")
# A spreadsheet takes a cell that begins so for a formula.
_FORMULA = ("=", "+", "-", "@", "\t", "\r")


def report_rows(run: ImportRun) -> Iterator[tuple[str, ...]]:
    """Return the lines of the report of an import as cells, its columns first."""
    yield REPORT_COLUMNS
    for line in run.lines.order_by("outcome", "pk").iterator(chunk_size=2000):
        yield tuple(
            _cell(each)
            for each in (
                line.get_outcome_display(),
                line.kind,
                line.source_id,
                line.label,
                line.line,
                line.page,
                line.reason,
            )
        )


def _cell(value: object) -> str:
    said = "" if value is None else str(value)
    return f"'{said}" if said.startswith(_FORMULA) else said


def report_table(run: ImportRun) -> str:
    """Return the report of an import as a table for a spreadsheet."""
    target = io.StringIO()
    target.write("\ufeff")
    csv.writer(target, delimiter=";").writerows(report_rows(run))
    return target.getvalue()


@dataclass(frozen=True)
class OutcomeTab:
    """One outcome of an import, and how many lines came to it."""

    value: str
    label: str
    count: int


def outcomes(run: ImportRun) -> list[OutcomeTab]:
    """Return the outcomes of an import, what asks for a gesture first."""
    return [
        OutcomeTab(LineOutcome.REJECTED, "Rejetés", run.rejected),
        OutcomeTab(LineOutcome.CREATED, "Créés", run.created),
        OutcomeTab(LineOutcome.CHANGED, "Modifiés", run.changed),
        OutcomeTab(LineOutcome.CLOSED, "Fermés", run.closed),
    ]


def askable_sources() -> list[tuple[str, str]]:
    """Return the outside directories that the settings give access to."""
    return [
        (source.value, str(source.label))
        for source, is_set in (
            (Source.ANNUAIRE, settings.ANNUAIRE_KEY),
            (Source.ROR, settings.ROR_CLIENT_ID),
        )
        if is_set
    ]


# --- The offer of a structure -------------------------------------------------------------------

_NOW = ("", "01")


@dataclass(frozen=True)
class BedLine:
    """Beds or places of one activity: how many are free of how many, or those of another state."""

    activity: str
    told: str
    # None free, said by a count that is one.
    is_full: bool
    # The day, and the time unless nothing but a day was said.
    when: str
    source: str


def bed_lines(organization: Organization) -> list[BedLine]:
    """Return the beds and places of a structure as its page shows them.

    What is free now is said beside what is installed; women's, men's, foreseen and crisis beds
    each have their line.
    """
    rows = list(queries.capacities(organization=organization))
    plain = {
        status: {
            (row.service_id, row.activity): row
            for row in rows
            if row.status == status and _is_plain(row)
        }
        for status in (CapacityStatus.INSTALLED, CapacityStatus.AVAILABLE)
    }
    lines = []
    for row in rows:
        place = (row.service_id, row.activity)
        installed = plain[CapacityStatus.INSTALLED].get(place)
        is_free = plain[CapacityStatus.AVAILABLE].get(place) is row
        if installed is row and place in plain[CapacityStatus.AVAILABLE]:
            continue
        if is_free:
            told = f"{row.number} {'libres' if row.number > 1 else 'libre'}"
            told += f" sur {installed.number}" if installed else ""
        elif installed is row:
            told = f"{row.number} {'installés' if row.number > 1 else 'installé'}"
        else:
            told = f"{_state(row)} : {row.number}"
        lines.append(
            BedLine(
                activity=row.activity,
                told=told,
                is_full=is_free and row.number == 0,
                when=_day(timezone.localtime(row.updated_at)),
                source=row.source,
            )
        )
    return lines


def _is_plain(row: Capacity) -> bool:
    mixed = row.gender not in (CapacityGender.WOMEN, CapacityGender.MEN)
    return mixed and row.temporality in _NOW and not row.crisis_type


def _day(moment: datetime) -> str:
    return f"{moment:%d/%m/%Y}" if moment.time() == time.min else f"{moment:%d/%m/%Y %H:%M}"


def _state(row: Capacity) -> str:
    parts = [str(row.get_status_display())]
    if row.gender in (CapacityGender.WOMEN, CapacityGender.MEN):
        parts.append(str(CapacityGender(row.gender).label))
    if row.temporality not in _NOW:
        parts.append("prévision")
    if row.crisis_type:
        parts.append("en situation de crise")
    return ", ".join(parts)


@dataclass(frozen=True)
class ServiceSheet:
    """One service as the page of its structure tells it."""

    row: HealthcareService
    how: str
    acts: str
    publics: str
    zones: str
    week: list[tuple[str, str]]
    closures: list[str]


def service_sheets(organization: Organization, *, on: date) -> list[ServiceSheet]:
    """Return what a structure offers: to whom, how, when, and when it does not receive."""
    services = queries.services(organization=organization)
    codes = [code for row in services for code in (row.care_mode, *row.acts, *row.publics) if code]
    labels = queries.labels(codes) if codes else {}
    communes = (
        {each.code: each.name for each in queries.communes()}
        if any(row.zones for row in services)
        else {}
    )

    def told(number: str, held: list[str]) -> str:
        return ", ".join(filter(None, (labels.get((number, code), "") for code in held)))

    return [
        ServiceSheet(
            row=row,
            how=told("R213", [row.care_mode]),
            acts=told("R210", row.acts),
            publics=", ".join(filter(None, (told("R239", row.publics), _ages(row)))),
            zones=", ".join(communes[code] for code in row.zones if code in communes),
            week=opening.week(
                (
                    opening.Stretch(
                        each.weekday,
                        each.opens_at,
                        each.closes_at,
                        each.valid_from,
                        each.valid_until,
                    )
                    for each in row.hours.all()
                ),
                on=on,
            ),
            closures=[
                _closure(each.starts_on, each.ends_on, each.reason, on=on)
                for each in sorted(row.closures.all(), key=lambda each: each.starts_on or date.min)
                if each.ends_on is None or each.ends_on > on
            ],
        )
        for row in services
    ]


def _ages(row: HealthcareService) -> str:
    low, high = row.age_low, row.age_high
    if low and high is not None and high < 120:
        return f"de {low} à {high} ans"
    if low:
        return f"à partir de {low} ans"
    return f"jusqu’à {high} ans" if high is not None and high < 120 else ""


def _closure(starts_on: date | None, ends_on: date | None, reason: str, *, on: date) -> str:
    begun = starts_on is None or starts_on <= on
    said = "Fermé" if begun else f"Fermé à partir du {starts_on:%d/%m/%Y}"
    said += f", réouverture le {ends_on:%d/%m/%Y}" if ends_on else ", réouverture non connue"
    return f"{said} : {reason}" if reason else said
