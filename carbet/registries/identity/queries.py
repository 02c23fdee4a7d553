"""What can be asked of identities: by number, by likeness, what waits, what was decided."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime

from django.db import connection
from django.db.models import Q

from carbet.registries.identity.choices import CARBET, IdentityState
from carbet.registries.identity.models import (
    IdentityDomain,
    IdentityIns,
    LocalIdentity,
)
from carbet.registries.identity.rules import Traits, likeness

PAGE = 25
MOST_CANDIDATES = 80


@dataclass(frozen=True)
class Candidate:
    """An identity that may be the same person, and why."""

    identity: LocalIdentity
    score: likeness.Score
    traits: likeness.Traits


def domain(*, slug: str = "", oid: str = "", system: str = "") -> IdentityDomain | None:
    """Return an identity domain by its name here, its OID or its URI."""
    asked = Q(slug=slug) if slug else Q(oid=oid) if oid else Q(system=system)
    return IdentityDomain.objects.filter(asked).first() if slug or oid or system else None


def carbet() -> IdentityDomain | None:
    """Return the domain of Carbet itself, once a person was registered."""
    return domain(slug=CARBET)


def identity(*, domain: IdentityDomain, number: str) -> LocalIdentity | None:
    """Return the identity under this number of this domain, merged or not."""
    return LocalIdentity.objects.filter(domain=domain, number=number).first()


def survivor_of(found: LocalIdentity) -> LocalIdentity:
    """Return the identity in use after every merge of this one."""
    while found.survivor_id is not None:
        found = LocalIdentity.objects.get(pk=found.survivor_id)
    return found


def ins_of(identities: Iterable[int]) -> dict[int, IdentityIns]:
    """Return the current INS of each identity that has one."""
    rows = IdentityIns.objects.filter(identity__in=list(identities), until__isnull=True)
    return {row.identity_id: row for row in rows}


def compared(traits: Traits, ins: str = "") -> likeness.Traits:
    """Return the traits as the matching takes them."""
    return likeness.Traits(
        birth_family=traits.birth_family,
        birth_given=traits.birth_given,
        birth_date=traits.birth_date,
        birth_date_precision=traits.birth_date_precision,
        gender=traits.gender,
        birth_place_code=traits.birth_place_code,
        used_family=traits.used_family,
        used_given=traits.used_given,
        ins=ins,
    )


def candidates(traits: likeness.Traits, *, limit: int = 20) -> list[Candidate]:
    """Return the identities in use that may be this person, the likeliest first.

    For the house and the identity cell only: for anybody else the answer is empty.
    """
    asked = likeness.keys(traits)
    if not asked:
        return []
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT identity_id FROM identity_candidates(%s, %s)", [asked, MOST_CANDIDATES]
        )
        found = [row[0] for row in cursor.fetchall()]
    rows = LocalIdentity.objects.filter(
        pk__in=found, state=IdentityState.ACTIVE, known=True
    ).select_related("domain")
    held = ins_of(found)
    scored = []
    for row in rows:
        ins = held.get(row.pk)
        theirs = compared(row.traits, ins.value if ins else "")
        score = likeness.explain(traits, theirs)
        if score.weight >= likeness.DOUBTFUL or score.level("ins") == "equal":
            scored.append(Candidate(row, score, theirs))
    scored.sort(key=lambda each: (-each.score.weight, each.identity.pk))
    return scored[:limit]


def has_content(patient_id: int) -> bool:
    """Tell whether a record holds what somebody wrote about care: then two agents decide."""
    return any(table.startswith(_CARE) for table, _ in dependents(patient_id))


# The rooms whose rows are content of care, by the beginning of their tables' names.
_CARE = (
    "notebook_",
    "documents_",
    "assessments_",
    "care_plans_",
    "orientation_",
    "scheduling_",
    "support_",
    "messaging_",
    "tasks_",
)


def dependents(patient_id: int) -> list[tuple[str, int]]:
    """Return how many rows hang on a record, by table: never what they say.

    For the house and the identity cell only: for anybody else the answer is empty.
    """
    with connection.cursor() as cursor:
        cursor.execute("SELECT name, rows FROM identity_dependents(%s)", [patient_id])
        return list(cursor.fetchall())


@dataclass(frozen=True)
class Entry:
    """Something written on a record: where, when and by whom; never what it says."""

    table: str
    row_id: int
    at: datetime | None
    author: str

    @property
    def key(self) -> str:
        """Its name in a form."""
        return f"{self.table}:{self.row_id}"


def entries(patient_id: int) -> list[Entry]:
    """Return at most 200 entries of a record, the latest first, to tell whose they are."""
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT name, row_id, written_at, author FROM identity_entries(%s)", [patient_id]
        )
        return [Entry(*row) for row in cursor.fetchall()]


def authors_of(rows: Iterable[tuple[str, int]]) -> list[int]:
    """Return the roles that wrote these rows of a record."""
    by_table: dict[str, list[int]] = {}
    for table, row_id in rows:
        by_table.setdefault(table, []).append(row_id)
    found: set[int] = set()
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT p.name, p.pk FROM identity_person_tables() p WHERE p.name = ANY (%s)"
            " AND EXISTS (SELECT 1 FROM pg_attribute a WHERE a.attrelid = p.oid"
            "  AND a.attname = 'author_role_id')",
            [list(by_table)],
        )
        for table, key in cursor.fetchall():
            # Names of the catalogue, not of the form.
            cursor.execute(
                f'SELECT DISTINCT author_role_id FROM "{table}" WHERE "{key}" = ANY (%s)'  # noqa: S608
                " AND author_role_id IS NOT NULL",
                [by_table[table]],
            )
            found |= {row[0] for row in cursor.fetchall()}
    return sorted(found)
