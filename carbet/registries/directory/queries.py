"""What can be asked of the directory: who does what where, however it is spelt."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from functools import reduce
from operator import add
from typing import Any

from django.contrib.postgres.search import TrigramWordSimilarity
from django.db import connection
from django.db.models import F, Q, QuerySet
from django.db.models.functions import Greatest, Upper
from rapidfuzz import fuzz

from carbet.core import names
from carbet.registries.directory.choices import Purpose
from carbet.registries.directory.models import (
    Capacity,
    Commune,
    HealthcareService,
    ImportRun,
    Organization,
    Practitioner,
    PractitionerRole,
    Term,
)
from carbet.registries.directory.models.rights import holds_right

PAGE = 25
MOST_PAGES = 40
MOST_CHOICES = 8
MOST_SERVICES, MOST_CAPACITIES, MOST_LABELS = 100, 300, 2000
# Below it a word is another word: "robeyri" is "robeiri", "robin" is not.
_LEAST_SIMILARITY = 0.42
_LEAST_RATIO = 84
_MOST_WORDS = 5


def standing(prefix: str = "") -> Q:
    """Return the condition of beds and places that still are: not of a service closed for good.

    Args:
        prefix: the path to the capacity, "capacity__".
    """
    return Q(**{f"{prefix}service__isnull": True}) | Q(**{f"{prefix}service__active": True})


@dataclass(frozen=True)
class Facets:
    """What a search can be narrowed by."""

    communes: list[Commune]
    professions: list[tuple[str, str]]


@dataclass(frozen=True)
class DirectoryPage:
    """One page of roles or organizations, and whether others follow."""

    rows: list[PractitionerRole] | list[Organization]
    number: int
    has_next: bool


def communes() -> list[Commune]:
    """Return the communes of the territory, by name."""
    return list(Commune.objects.order_by("name"))


def facets(*, now: datetime) -> Facets:
    """Return the communes and the professions practised now, each by name."""
    practised = _practising(now).values_list("profession", "profession_label").distinct().order_by()
    return Facets(
        communes=communes(),
        professions=sorted(
            dict(practised).items(), key=lambda item: names.comparison_form(item[1])
        ),
    )


def search_roles(
    *,
    text: str,
    now: datetime,
    profession: str = "",
    commune: str = "",
    page: int = 1,
    size: int = PAGE,
) -> DirectoryPage:
    """Return a page of the professionals who match every word: name, profession, place, structure.

    Tolerates accents and about one wrong letter a word. Without text, all, by name.
    """
    roles = _practising(now)
    if profession:
        roles = roles.filter(profession=profession)
    if commune:
        roles = roles.filter(organization__commune=commune)
    words = _words(text)
    for word in words:
        roles = roles.filter(
            Q(practitioner__search__trigram_word_similar=word)
            | Q(profession_label__trigram_word_similar=word)
            | Q(specialty_label__trigram_word_similar=word)
            | Q(organization__name__trigram_word_similar=word)
            | Q(organization__commune__name__trigram_word_similar=word)
        )
    if words:
        closeness = _closeness(words, "practitioner__search", "profession_label", "specialty_label")
        roles = roles.annotate(closeness=closeness).order_by(
            F("closeness").desc(), "practitioner__search", "pk"
        )
    else:
        roles = roles.order_by("practitioner__search", "pk")
    return _page(
        roles.select_related("practitioner", "organization__commune"), number=page, size=size
    )


def search_organizations(
    *,
    text: str,
    purpose: str = "",
    commune: str = "",
    page: int = 1,
    size: int = PAGE,
) -> DirectoryPage:
    """Return a page of the structures whose name, kind, category or commune match every word."""
    found = Organization.objects.filter(active=True)
    if purpose:
        found = found.filter(purpose=purpose)
    if commune:
        found = found.filter(commune=commune)
    words = _words(text)
    if words:
        found = found.annotate(name_upper=Upper("name"))
    for word in words:
        kinds = [value for value, label in Purpose.choices if _resembles(word, str(label))]
        found = found.filter(
            Q(name_upper__trigram_word_similar=word)
            | Q(purpose__in=kinds)
            | Q(category_label__trigram_word_similar=word)
            | Q(commune__name__trigram_word_similar=word)
            | Q(finess=word)
        )
    if words:
        closeness = _closeness(words, "name_upper", "category_label")
        found = found.annotate(closeness=closeness).order_by(F("closeness").desc(), "name", "pk")
    else:
        found = found.order_by("name", "pk")
    return _page(found.select_related("commune"), number=page, size=size)


def choices(*, text: str, now: datetime) -> tuple[list[PractitionerRole], list[Organization]]:
    """Return the few professionals and structures nearest to what is being typed."""
    if len(text.strip()) < 2:
        return [], []
    roles = search_roles(text=text, now=now, size=MOST_CHOICES).rows
    organizations = search_organizations(text=text, size=MOST_CHOICES // 2).rows
    return roles, organizations  # type: ignore[return-value]


def organization(*, pk: int) -> Organization | None:
    """Return a structure with its commune and the entity it is part of, or None."""
    return Organization.objects.select_related("commune", "part_of").filter(pk=pk).first()


def role(*, pk: int) -> PractitionerRole | None:
    """Return a role with its professional and structure, or None."""
    return (
        PractitionerRole.objects.select_related("practitioner", "organization__commune")
        .filter(pk=pk)
        .first()
    )


def roles_of_practitioner(
    *, practitioner: Practitioner, now: datetime
) -> QuerySet[PractitionerRole]:
    """Return the roles that a professional holds now."""
    return (
        _practising(now)
        .filter(practitioner=practitioner)
        .select_related("organization__commune")
        .order_by("pk")
    )


def staff(*, organization: Organization, now: datetime, most: int = 50) -> list[PractitionerRole]:
    """Return at most `most` professionals of a structure, by profession then name."""
    return list(
        _practising(now)
        .filter(organization=organization)
        .select_related("practitioner")
        .order_by("profession_label", "practitioner__search", "pk")[:most]
    )


def services(*, organization: Organization) -> list[HealthcareService]:
    """Return what a structure offers, by name, with its hours and closures; no sensitive unit."""
    return list(
        HealthcareService.objects.filter(organization=organization, active=True, sensitive=False)
        .order_by("name", "pk")
        .prefetch_related("hours", "closures")[:MOST_SERVICES]
    )


def labels(codes: Iterable[str]) -> dict[tuple[str, str], str]:
    """Return the label of each code known, by number of nomenclature ("R210") and code."""
    rows = Term.objects.filter(code__in=set(codes)).values_list("nomenclature", "code", "label")
    return {
        (name.partition("-")[0].rpartition("_")[2], code): label
        for name, code, label in rows[:MOST_LABELS]
    }


def roles_of(*, account_id: int, now: datetime) -> QuerySet[PractitionerRole]:
    """Return the roles that an account may act under now, with their structures, by place.

    A role of the directory that no right opens is not among them.
    """
    return (
        _practising(now)
        .filter(holds_right(now), practitioner__account_id=account_id)
        .select_related("practitioner", "organization__commune")
        .order_by("organization__name", "pk")
    )


def capacities(*, organization: Organization) -> QuerySet[Capacity]:
    """Return the beds and places of a structure, each with the day on which it was true."""
    rows = Capacity.objects.filter(standing(), organization=organization)
    return rows.order_by("activity", "status", "pk")[:MOST_CAPACITIES]


@dataclass(frozen=True)
class ImportPage:
    """A page of imports or of lines of one; `following` begins the next one, None at the end."""

    rows: list[Any]
    following: int | None


def import_runs(*, before: int | None = None) -> ImportPage:
    """Return the imports of outside directories, the latest first, 25 a page."""
    rows = ImportRun.objects.order_by("-pk")
    if before is not None:
        rows = rows.filter(pk__lt=before)
    found = list(rows[: PAGE + 1])
    return ImportPage(found[:PAGE], found[PAGE - 1].pk if len(found) > PAGE else None)


def import_run(*, pk: int) -> ImportRun | None:
    """Return an import, or None."""
    return ImportRun.objects.filter(pk=pk).first()


def import_lines(*, run: ImportRun, outcome: str, after: int = 0) -> ImportPage:
    """Return what became of lines of an import, in the order of the report, 25 a page."""
    found = list(run.lines.filter(outcome=outcome, pk__gt=after).order_by("pk")[: PAGE + 1])
    return ImportPage(found[:PAGE], found[PAGE - 1].pk if len(found) > PAGE else None)


def _practising(now: datetime) -> QuerySet[PractitionerRole]:
    return PractitionerRole.objects.filter(
        Q(ended_at__isnull=True) | Q(ended_at__gt=now),
        practitioner__active=True,
        organization__active=True,
    )


def _words(text: str) -> list[str]:
    """Return the words of what was typed, and let PostgreSQL forgive a letter in each of them."""
    words = [word for word in names.tokens(text[:100]) if len(word) > 1][:_MOST_WORDS]
    if words:
        with connection.cursor() as cursor:
            cursor.execute(
                "SELECT set_config('pg_trgm.word_similarity_threshold', %s, true)",
                [str(_LEAST_SIMILARITY)],
            )
    return words


def _closeness(words: list[str], *columns: str) -> Any:
    """Return how close a row comes to the words: for each, its nearest column; summed."""
    near = (
        Greatest(*(TrigramWordSimilarity(word, column) for column in columns)) for word in words
    )
    return reduce(add, near)


def _resembles(word: str, label: str) -> bool:
    """Tell whether a word names this label: one of its words, to a letter or so."""
    return any(
        other.startswith(word) if len(word) >= 4 else other == word
        for other in names.all_tokens(label)
    ) or any(fuzz.ratio(word, other) >= _LEAST_RATIO for other in names.all_tokens(label))


def _page(rows: QuerySet, *, number: int, size: int) -> DirectoryPage:
    number = min(max(number, 1), MOST_PAGES)
    first = (number - 1) * size
    found = list(rows[first : first + size + 1])
    return DirectoryPage(
        rows=found[:size], number=number, has_next=len(found) > size and number < MOST_PAGES
    )
