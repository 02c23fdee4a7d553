"""What the desk of the cell asks: what waits and in which order, what was kept of identities."""

from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from django.db import connection
from django.db.models import Count, Exists, OuterRef, Q, QuerySet
from django.db.models.functions import Coalesce

from carbet.registries.identity.choices import UNDOABLE, WAITING, PairState
from carbet.registries.identity.models import (
    IdentityIns,
    IdentityMark,
    IdentityProof,
    LocalIdentity,
    Movement,
    Pair,
    Reconciliation,
)

PAGE = 25


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


def may_reopen(pair: Pair) -> bool:
    """Tell whether people may take back that two identities are two persons.

    What a decision separated, and stands separated, goes back by undoing that decision.
    """
    said = pair.reconciliation
    return (
        pair.state == PairState.DIFFERENT
        and pair.second_id is not None
        and (said is None or said.kind not in UNDOABLE)
    )


def next_waiting(
    *, after: int, account_id: int | None, kind: str = "", domain_id: int | None = None
) -> Pair | None:
    """Return the pair that comes after this one in the same list, else the first that waits.

    Args:
        account_id: whose proposals wait for somebody else.
    """
    for start in (after, None):
        for pair in waiting(kind=kind, domain_id=domain_id, after=start):
            mine = pair.state == PairState.PROPOSED and pair.proposed_by_account == account_id
            if pair.pk != after and not mine:
                return pair
    return None


def waiting_counts() -> dict[str, int]:
    """Return how many pairs wait, by kind."""
    rows = Pair.objects.filter(state__in=WAITING).values("kind").annotate(n=Count("pk"))
    return {row["kind"]: row["n"] for row in rows.order_by()}


@dataclass(frozen=True)
class Papers:
    """What was seen and kept of identities: INS borne or once borne, papers, decisions, marks."""

    ins: list[IdentityIns]
    proofs: list[IdentityProof]
    decisions: list[Reconciliation]
    marks: list[IdentityMark] = field(default_factory=list)

    def current_ins(self, identity: LocalIdentity | None) -> str:
        """Return the INS that one of them bears now, empty when it bears none."""
        of = identity.pk if identity else None
        held = (each.value for each in self.ins if each.identity_id == of and each.until is None)
        return next(held, "")


_INS = (
    "(SELECT 'ins', id, identity_id, system, value, via, since, until, NULL::date, '', '', false"
    " FROM identity_identityins WHERE identity_id = ANY (%(of)s)"
    " ORDER BY until DESC NULLS FIRST, id DESC LIMIT 40)"
)
_PROOFS = (
    "(SELECT 'proof', id, identity_id, kind, number_end, checked_by_name, checked_at, NULL,"
    " expires_on, '', '', false FROM identity_identityproof WHERE identity_id = ANY (%(of)s)"
    " ORDER BY checked_at DESC, id DESC LIMIT 20)"
)
_DECISIONS = (
    "(SELECT 'decision', r.id, r.first_id, r.kind, r.reason, r.decided_by_name, r.decided_at,"
    " u.decided_at, NULL, '', '', false FROM identity_reconciliation r"
    " LEFT JOIN identity_reconciliation u ON u.undoes_id = r.id"
    " WHERE r.first_id = ANY (%(of)s) OR r.second_id = ANY (%(of)s)"
    " ORDER BY r.id DESC LIMIT 10)"
)
_MARKS = (
    "(SELECT 'mark', id, identity_id, attribute, reason, marked_by_name, marked_at, lifted_at,"
    " NULL, lifted_by_name, lifted_reason, mistaken FROM identity_identitymark"
    " WHERE identity_id = ANY (%(of)s) ORDER BY id DESC LIMIT 20)"
)


def papers_of(*identities: LocalIdentity, decisions: bool = False) -> Papers:
    """Return the INS (the current one first), the documents, the marks and, if asked, the last
    decisions of identities, in one statement."""
    found = Papers([], [], [])
    parts = (_INS, _PROOFS, _MARKS, _DECISIONS) if decisions else (_INS, _PROOFS, _MARKS)
    with connection.cursor() as cursor:
        cursor.execute(" UNION ALL ".join(parts), {"of": [each.pk for each in identities]})
        rows = cursor.fetchall()
    by_pk = {each.pk: each for each in identities}
    for what, pk, of, one, two, three, at, until, on, by, why, mistaken in rows:
        if what == "ins":
            found.ins.append(
                IdentityIns(
                    id=pk, identity_id=of, system=one, value=two, via=three, since=at, until=until
                )
            )
        elif what == "proof":
            found.proofs.append(
                IdentityProof(
                    id=pk,
                    identity=by_pk[of],
                    kind=one,
                    number_end=two,
                    checked_by_name=three,
                    checked_at=at,
                    expires_on=on,
                )
            )
        elif what == "mark":
            found.marks.append(
                IdentityMark(
                    id=pk,
                    identity=by_pk[of],
                    attribute=one,
                    reason=two,
                    marked_by_name=three,
                    marked_at=at,
                    lifted_at=until,
                    lifted_by_name=by,
                    lifted_reason=why,
                    mistaken=mistaken,
                )
            )
        else:
            decision = Reconciliation(
                id=pk, kind=one, reason=two, decided_by_name=three, decided_at=at
            )
            decision.undone = until is not None  # type: ignore[attr-defined]
            found.decisions.append(decision)
    return found


def versions_of(*identities: LocalIdentity) -> list[Any]:
    """Return the former versions of identities, the latest first, 20 of each on average."""
    event: Any = LocalIdentity.pgh_event_model  # type: ignore[attr-defined]
    asked = event.objects.filter(pgh_obj_id__in=[each.pk for each in identities])
    return list(asked.order_by("-pgh_id")[: 20 * len(identities)])


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


def question_of(decision: Reconciliation) -> Pair | None:
    """Return the question that a decision answered, if any."""
    return Pair.objects.filter(reconciliation=decision).order_by("pk").first()


def moved_by(decision: Reconciliation) -> list[tuple[str, int]]:
    """Return how many rows a decision moved, by table."""
    rows = decision.movements.values("table").annotate(n=Count("pk")).order_by("table")
    return [(row["table"], row["n"]) for row in rows]


def has_content(*patients: int) -> bool:
    """Tell whether one of these records holds what somebody wrote about care: then two agents
    decide."""
    counts = contents(*patients).counts.values()
    return any(not table.startswith(_FRAME) for count in counts for table, _ in count)


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


@dataclass(frozen=True)
class Contents:
    """What hangs on records: how many rows by table, of each; and the entries of one of them."""

    counts: dict[int, list[tuple[str, int]]]
    entries: list[Entry]


def contents(*patients: int, listed: int | None = None) -> Contents:
    """Return what hangs on records, in one statement: never what it says.

    For the house and the identity cell only: for anybody else the answer is empty.

    Args:
        listed: the record whose 200 latest entries are told one by one, to tell whose they are.
    """
    found = Contents({each: [] for each in patients}, [])
    if not patients and listed is None:
        return found
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT p, name, rows, false, NULL, NULL"
            " FROM unnest(%s::bigint[]) p, identity_dependents(p)"
            " UNION ALL SELECT %s::bigint, name, row_id, true, written_at, author"
            " FROM identity_entries(%s)",
            [list(patients), listed, listed],
        )
        for person, table, number, is_entry, at, author in cursor.fetchall():
            if is_entry:
                found.entries.append(Entry(table, number, at, author))
            else:
                found.counts[person].append((table, number))
    found.entries.sort(key=lambda each: (each.at is None, -_seconds(each.at), -each.row_id))
    return found


def _seconds(at: datetime | None) -> float:
    return at.timestamp() if at is not None else 0.0


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
