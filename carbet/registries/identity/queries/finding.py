"""What can be asked of identities: by number, by likeness, what waits, what was decided."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django.db import connection
from django.db.models import Count, Exists, F, OuterRef, Q, QuerySet
from django.db.models.functions import Coalesce

from carbet.core import audit, names
from carbet.core.actor import Actor
from carbet.registries.identity.choices import CARBET, WAITING, IdentityState, PairState
from carbet.registries.identity.models import (
    IdentityDomain,
    IdentityIns,
    IdentityProof,
    LocalIdentity,
    Movement,
    Pair,
    Reconciliation,
)
from carbet.registries.identity.rules import Traits, likeness
from carbet.registries.patients import queries as patients

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


def domains_of(*, organization_id: int) -> list[IdentityDomain]:
    """Return the identity domains of an establishment, the first opened first."""
    return list(IdentityDomain.objects.filter(organization_id=organization_id).order_by("pk")[:20])


def record_of(found: LocalIdentity) -> int | None:
    """Return the record in Carbet of the person of an identity; None for none, or for several."""
    here = LocalIdentity.objects.filter(
        regional_id=found.regional_id, state=IdentityState.ACTIVE, patient__isnull=False
    ).values_list("patient_id", flat=True)
    records = list(here[:2])
    return records[0] if len(records) == 1 else None


def carbet() -> IdentityDomain | None:
    """Return the domain of Carbet itself, once a person was registered."""
    return domain(slug=CARBET)


def identity(*, domain: IdentityDomain, number: str) -> LocalIdentity | None:
    """Return the identity under this number of this domain, merged or not."""
    return LocalIdentity.objects.filter(domain=domain, number=number).first()


def survivor_of(found: LocalIdentity) -> LocalIdentity:
    """Return the identity in use after every merge of this one: one query, however far."""
    if found.survivor_id is None:
        return found
    return LocalIdentity.objects.get(pk=chain_of(found)[-1])


def chain_of(found: LocalIdentity) -> list[int]:
    """Return the row numbers of an identity and of those it was merged into, the last in use.

    A chain that loops, which PostgreSQL refuses, ends where it comes back.
    """
    with connection.cursor() as cursor:
        cursor.execute(
            "WITH RECURSIVE chain AS ("
            " SELECT id, survivor_id, 0 AS step FROM identity_localidentity WHERE id = %s"
            " UNION ALL SELECT l.id, l.survivor_id, c.step + 1 FROM chain c"
            "  JOIN identity_localidentity l ON l.id = c.survivor_id)"
            " CYCLE id SET loops USING path"
            " SELECT id FROM chain WHERE NOT loops ORDER BY step",
            [found.pk],
        )
        return [row[0] for row in cursor.fetchall()]


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
        phone=traits.phones[0] if traits.phones else "",
        address=traits.address_line,
        postal_code=traits.postal_code,
        city=traits.city,
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
            "SELECT identity_id, (SELECT reltuples::bigint FROM pg_class WHERE oid ="  # noqa: S608 - our own text
            f" 'identity_identitysearch'::regclass), ({patients.DIGEST_IN_USE})"
            " FROM identity_candidates(%s, %s)",
            [asked, MOST_CANDIDATES],
        )
        told = cursor.fetchall()
    found = [row[0] for row in told]
    base_size = max((row[1] for row in told[:1]), default=0)
    model = patients.model_of(told[0][2] if told else "")
    rows = LocalIdentity.objects.filter(
        pk__in=found, state=IdentityState.ACTIVE, known=True
    ).select_related("domain")
    held = ins_of(found)
    scored = []
    for row in rows:
        ins = held.get(row.pk)
        theirs = compared(row.traits, ins.value if ins else "")
        score = likeness.explain(traits, theirs, base_size=base_size, model=model)
        if not likeness.is_apart(score):
            scored.append(Candidate(row, score, theirs))
    scored.sort(key=lambda each: (-each.score.weight, each.identity.pk))
    return scored[:limit]


def explain(one: likeness.Traits, other: likeness.Traits) -> likeness.Score:
    """Return how likely two sets of traits are one person, by the weights in service."""
    return likeness.explain(one, other, model=patients.model_in_use())


SMALLEST_BASE = likeness.SMALLEST_BASE


def compared_after(after: int, *, limit: int) -> list[tuple[int, likeness.Traits]]:
    """Return the next identities in use with what is compared of them, in the order of rows."""
    rows = list(
        LocalIdentity.objects.filter(pk__gt=after, state=IdentityState.ACTIVE, known=True).order_by(
            "pk"
        )[:limit]
    )
    held = ins_of([row.pk for row in rows])
    return [
        (row.pk, compared(row.traits, held[row.pk].value if row.pk in held else "")) for row in rows
    ]


def changed_since(since: datetime, *, after: int, limit: int) -> list[int]:
    """Return the next identities told or changed since a moment, by row number."""
    rows = LocalIdentity.objects.filter(pk__gt=after, updated_at__gte=since).order_by("pk")
    return list(rows.values_list("pk", flat=True)[:limit])


def has_content(patient_id: int) -> bool:
    """Tell whether a record holds what somebody wrote about care: then two agents decide."""
    return any(not table.startswith(_FRAME) for table, _ in dependents(patient_id))


# What frames a record and says nothing of care, by the beginning of its tables' names: whatever
# else hangs on a person counts, of a room to come as well.
_FRAME = (
    "alerts_",
    "care_teams_",
    "hospital_feed_hospitalmessage",
    "patients_",
    "secure_mail_",
    "subscriptions_",
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


# --- The desk -----------------------------------------------------------------------------------


def riskiest_first(rows: QuerySet[Pair]) -> QuerySet[Pair]:
    """Put pairs in the order of the desk: the risk, then how likely, unknown last."""
    return rows.annotate(likely=Coalesce("probability", 0.0)).order_by("risk", "-likely", "pk")


def waiting(
    *, kind: str = "", domain_id: int | None = None, after: int | None = None, size: int = PAGE
) -> list[Pair]:
    """Return what people must look at, the riskiest first; one more than a page when there is."""
    rows = Pair.objects.filter(state__in=WAITING)
    if kind:
        rows = rows.filter(kind=kind)
    if domain_id is not None:
        rows = rows.filter(Q(first__domain_id=domain_id) | Q(second__domain_id=domain_id))
    rows = riskiest_first(rows)
    if after is not None:
        # Decided since or not, it says where the page ended.
        last = riskiest_first(Pair.objects.filter(pk=after)).values("risk", "likely").first()
        if last is not None:
            rows = rows.filter(
                Q(risk__gt=last["risk"])
                | Q(risk=last["risk"], likely__lt=last["likely"])
                | Q(risk=last["risk"], likely=last["likely"], pk__gt=after)
            )
    return list(rows.select_related("first__domain", "second__domain")[: size + 1])


def next_waiting(*, but: int) -> Pair | None:
    """Return the riskiest pair that waits, but this one."""
    return riskiest_first(Pair.objects.filter(state=PairState.OPEN).exclude(pk=but)).first()


def waiting_counts() -> dict[str, int]:
    """Return how many pairs wait, by kind."""
    rows = Pair.objects.filter(state__in=WAITING).values("kind").annotate(n=Count("pk"))
    return {row["kind"]: row["n"] for row in rows.order_by()}


def group_of(identity: LocalIdentity) -> list[LocalIdentity]:
    """Return the identities of the same person, those in use first; 50 at most."""
    return list(
        LocalIdentity.objects.filter(regional_id=identity.regional_id)
        .select_related("domain")
        .order_by("state", "domain__name", "pk")[:50]
    )


def ins_history(identity: LocalIdentity) -> list[IdentityIns]:
    """Return the INS that an identity bears or bore, the current one first."""
    return list(identity.ins.order_by(F("until").desc(nulls_first=True), "-pk")[:20])


def proofs_of(*identities: LocalIdentity) -> list[IdentityProof]:
    """Return the documents seen for these identities, the latest first."""
    return list(
        IdentityProof.objects.filter(identity__in=[each.pk for each in identities])
        .select_related("identity")
        .order_by("-checked_at", "-pk")[:20]
    )


def versions_of(identity: LocalIdentity) -> list[Any]:
    """Return the former versions of an identity, the latest first, 20 at most."""
    event: Any = LocalIdentity.pgh_event_model  # type: ignore[attr-defined]
    return list(event.objects.filter(pgh_obj_id=identity.pk).order_by("-pgh_id")[:20])


def decisions(
    *, identity: LocalIdentity | None = None, after: int | None = None, size: int = PAGE
) -> list[Reconciliation]:
    """Return what was decided, the latest first; of one identity when it is given."""
    rows = Reconciliation.objects.select_related(
        "first__domain", "second__domain", "undoes"
    ).annotate(undone=Exists(Reconciliation.objects.filter(undoes=OuterRef("pk"))))
    if identity is not None:
        moved = Movement.objects.filter(
            table=LocalIdentity._meta.db_table, row_id=identity.pk
        ).values("reconciliation_id")
        rows = rows.filter(Q(first=identity) | Q(second=identity) | Q(pk__in=moved))
    if after is not None:
        rows = rows.filter(pk__lt=after)
    return list(rows.order_by("-pk")[: size + 1])


def undoing_of(decision: Reconciliation) -> Reconciliation | None:
    """Return the undoing of a decision, if any."""
    return Reconciliation.objects.filter(undoes=decision).first()


def moved_by(decision: Reconciliation) -> list[tuple[str, int]]:
    """Return how many rows a decision moved, by table."""
    rows = decision.movements.values("table").annotate(n=Count("pk")).order_by("table")
    return [(row["table"], row["n"]) for row in rows]


def found_by(*, actor: Actor, text: str, now: datetime) -> list[LocalIdentity]:
    """Return at most 25 identities under this number, INS or name, for the cell; traced."""
    text = text.strip()[:200]
    if not text:
        return []
    number = "".join(text.split()).upper()
    by_ins = IdentityIns.objects.filter(value__startswith=number[:13]).values("identity_id")
    asked = Q(number=text)
    if len(number) >= 13 and number[:1].isdigit():
        asked |= Q(pk__in=by_ins)
    rows = list(LocalIdentity.objects.filter(asked).select_related("domain").order_by("pk")[:PAGE])
    if not rows and not number.isdigit():
        words = text.split()
        found: dict[int, LocalIdentity] = {}
        for family, given in ((words[-1], words[:-1]), (words[0], words[1:])):
            traits = Traits(birth_family=family, birth_given=tuple(given))
            rows = list(
                LocalIdentity.objects.filter(
                    Q(birth_family__iexact=family) | Q(used_family__iexact=family)
                )
                .select_related("domain")
                .order_by("birth_family", "pk")[: PAGE * 4]
            )
            wanted = {names.compact(each) for each in traits.birth_given}
            for row in rows:
                held = {names.compact(each) for each in (*row.birth_given, row.used_given)}
                if not wanted or wanted & held:
                    found[row.pk] = row
        rows = list(found.values())[:PAGE]
    audit.read(
        actor, "identity.search", now=now, patient_id=None, entity=f"LocalIdentity x{len(rows)}"
    )
    return rows
