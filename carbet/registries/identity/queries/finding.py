"""What can be asked of identities: by number, by likeness, what waits, what was decided."""

import contextlib
import re
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date, datetime

from django.db import connection
from django.db.models import Q

from carbet.core import audit, names
from carbet.core.actor import Actor
from carbet.registries.identity.choices import CARBET, IdentityState
from carbet.registries.identity.models import (
    IdentityDomain,
    IdentityIns,
    LocalIdentity,
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


MOST_NAMESAKES = 2000
_DAY = re.compile(r"(\d{1,2})[/.](\d{1,2})[/.](\d{4})|(\d{4})")


def found_by(*, actor: Actor, text: str, now: datetime) -> list[LocalIdentity]:
    """Return at most 25 identities under this number, INS or name, for the cell; traced.

    A name may come with a birth date or year: with a whole date, who is written a little otherwise
    is found as well.
    """
    text = text.strip()[:200]
    if not text:
        return []
    number = "".join(text.split()).upper()
    asked = Q(number=text)
    if len(number) >= 13 and number[:1].isdigit():
        by_ins = IdentityIns.objects.filter(value__startswith=number[:13]).values("identity_id")
        asked |= Q(pk__in=by_ins)
    rows = list(LocalIdentity.objects.filter(asked).select_related("domain").order_by("pk")[:PAGE])
    if not rows and not number.isdigit():
        rows = _named(text)
    audit.read(
        actor, "identity.search", now=now, patient_id=None, entity=f"LocalIdentity x{len(rows)}"
    )
    return rows


def _named(text: str) -> list[LocalIdentity]:
    words, year, day = _name_and_date(text)
    # Which words are the family name: any beginning, or any end, of what was typed.
    splits = {
        (" ".join(family), tuple(map(names.compact, given)))
        for rank in range(1, len(words) + 1)
        for family, given in ((words[:rank], words[rank:]), (words[-rank:], words[:-rank]))
    }
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT * FROM identity_named(%s, %s)",
            [[family for family, _ in splits], MOST_NAMESAKES],
        )
        found = [row[0] for row in cursor.fetchall()]
    born = Q(birth_date=day) if day else Q(birth_date__year=year) if year else Q()
    rows = [
        row
        for row in LocalIdentity.objects.filter(born, pk__in=found)
        .select_related("domain")
        .order_by("birth_family", "pk")
        if any(_is_called(row, family, given) for family, given in splits)
    ]
    if not rows and day and len(words) > 1:
        turns = ((words[-1], words[:-1]), (words[0], words[1:]))
        alike = {
            each.identity.pk: each.identity
            for family, given in turns
            for each in candidates(
                likeness.Traits(birth_family=family, birth_given=tuple(given), birth_date=day)
            )
        }
        rows = list(alike.values())
    return rows[:PAGE]


def _name_and_date(text: str) -> tuple[list[str], int | None, date | None]:
    words, year, day = [], None, None
    for word in text.split():
        said = _DAY.fullmatch(word.strip(",;()"))
        if said is None:
            words.append(word)
        elif said[4]:
            year = int(said[4])
        else:
            with contextlib.suppress(ValueError):
                day = date(int(said[3]), int(said[2]), int(said[1]))
    return words[:8], year, day


def _is_called(row: LocalIdentity, family: str, given: tuple[str, ...]) -> bool:
    families = {names.compact(each) for each in (row.birth_family, row.used_family) if each}
    held = {names.compact(each) for each in (*row.birth_given, row.used_given)}
    return names.compact(family) in families and (not given or bool(held & set(given)))
