"""What the desk shows: two identities side by side, what a decision moved, what waits, figures."""

import csv
import io
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any

from django.db.models import QuerySet
from django.urls import reverse

from carbet.core import home
from carbet.core.actor import Actor
from carbet.core.names import strict_form
from carbet.registries.directory.rules import MANAGE_IDENTITIES
from carbet.registries.identity.choices import (
    SETTABLE,
    WAITING,
    Attribute,
    NoticeKind,
    PairKind,
    ReconciliationKind,
)
from carbet.registries.identity.models import (
    DomainNotice,
    IdentityMark,
    LocalIdentity,
    MatchingMeasure,
    Pair,
    Reconciliation,
)
from carbet.registries.identity.queries import (
    COLLISIONS,
    DOUBLES,
    DOUBTS,
    STATUSES,
    Entry,
    MonthFigures,
    riskiest_first,
)
from carbet.registries.identity.rules import Share, Traits
from carbet.registries.identity.rules.traits import LABELS
from carbet.registries.patients.choices import Gender
from carbet.registries.patients.rules import FORBIDDING_ATTRIBUTES
from carbet.registries.rights.rules import cell

TONES = {
    PairKind.COLLISION: "danger",
    PairKind.RECORDS: "warning",
    PairKind.DOMAIN: "info",
    PairKind.DOUBTFUL: "neutral",
}
ICONS = {
    ReconciliationKind.LINK: "plus",
    ReconciliationKind.UNLINK: "close",
    ReconciliationKind.MERGE: "people",
    ReconciliationKind.SPLIT: "filter",
    ReconciliationKind.RENUMBER: "edit",
    ReconciliationKind.UNDO: "reply",
}
# How the rows of a record are called, by table.
CONTENT = {
    "notebook_note": ("note du cahier", "notes du cahier"),
    "notebook_measure": ("mesure", "mesures"),
    "documents_document": ("document", "documents"),
    "assessments_questionnaireresponse": ("évaluation", "évaluations"),
    "care_plans_careplan": ("plan", "plans"),
    "care_plans_need": ("besoin", "besoins"),
    "orientation_referral": ("orientation", "orientations"),
    "scheduling_appointment": ("rendez-vous", "rendez-vous"),
    "scheduling_appointmentseries": ("visite régulière", "visites régulières"),
    "support_supportrequest": ("demande d’appui", "demandes d’appui"),
    "situations_situation": ("situation de vie", "situations de vie"),
    "situations_emergencyinformation": ("fiche d’urgence", "fiches d’urgence"),
    "detection_detectedissue": ("signal à regarder", "signaux à regarder"),
    "hospital_feed_encounter": ("séjour", "séjours"),
    "support_case": ("dossier d’appui", "dossiers d’appui"),
    "messaging_thread": ("discussion", "discussions"),
    "tasks_task": ("tâche", "tâches"),
    "care_teams_careteamparticipant": ("membre du cercle", "membres du cercle"),
    "care_teams_relatedperson": ("proche", "proches"),
    "care_teams_consent": ("consentement", "consentements"),
    "core_accessgrant": ("droit d’accès", "droits d’accès"),
    "identity_localidentity": ("identité", "identités"),
}
_STRICT = frozenset(
    {
        "birth_family",
        "birth_given",
        "gender",
        "birth_date",
        "birth_place_code",
    }
)


@dataclass(frozen=True)
class Row:
    """One trait of two identities, and whether they differ."""

    label: str
    one: str
    other: str
    differs: bool
    strict: bool


def rows(one: Traits, other: Traits, *, ins: tuple[str, str] = ("", "")) -> list[Row]:
    """Return the traits of two identities side by side, the strict ones first."""
    found = [
        Row(label, said(one, name), said(other, name), False, name in _STRICT)
        for name, label in LABELS.items()
        if name != "birth_date_precision"
    ]
    found.insert(5, Row("INS", ins[0], ins[1], False, True))
    return [
        Row(
            row.label,
            row.one,
            row.other,
            bool(row.one and row.other) and _differ(row.one, row.other),
            row.strict,
        )
        for row in found
        if row.one or row.other
    ]


def _differ(one: str, other: str) -> bool:
    """Tell whether two texts say otherwise: accents and capitals make nobody somebody else."""
    if one == other or any(sign.isdigit() for sign in one + other):
        return one != other
    form = strict_form(one)
    return not form or form != strict_form(other)


def said(traits: Any, name: str) -> str:
    """Return a trait in words."""
    value = getattr(traits, name)
    if name == "attributes":
        known = dict(Attribute.choices)
        return ", ".join(str(known.get(each, each)) for each in value)
    if name == "gender":
        return str(dict(Gender.choices).get(value, ""))
    if isinstance(value, bool):
        return "oui" if value else "non"
    if isinstance(value, list | tuple):
        return ", ".join(value)
    if isinstance(value, date):
        if name == "birth_date" and traits.birth_date_precision == "year":
            return f"{value:%Y}"
        if name == "birth_date" and traits.birth_date_precision == "month":
            return f"{value:%m/%Y}"
        return f"{value:%d/%m/%Y}"
    return str(value or "")


@dataclass(frozen=True)
class Reason:
    """What one field weighs for the machine, in words."""

    words: str
    weight: float
    tone: str

    @property
    def figure(self) -> str:
        """The weight with its sign, as French writes it."""
        sign = "+" if self.weight > 0 else "−" if self.weight < 0 else ""
        return f"{sign}{abs(self.weight):.1f}".replace(".", ",")


def reasons(explanation: Iterable[list[Any]]) -> list[Reason]:
    """Return why the machine thinks so, what weighs most first."""
    parts = [
        Reason(
            str(words),
            float(weight),
            "success" if weight > 0 else "danger" if weight < 0 else "neutral",
        )
        for _, _, weight, words in explanation
    ]
    return sorted(parts, key=lambda part: -abs(part.weight))


def likelihood(probability: float | None) -> str:
    """Return how likely one person is, in words: what people are asked is never quite certain."""
    if probability is None:
        return ""
    if probability >= 0.995:
        return "plus de 99\N{NO-BREAK SPACE}%"
    if probability < 0.005:
        return "moins de 1\N{NO-BREAK SPACE}%"
    return f"{100 * probability:.0f}\N{NO-BREAK SPACE}%"


@dataclass(frozen=True)
class Measured:
    """A measure of weights, as the desk publishes it."""

    name: str
    serving: bool
    at: datetime
    shares: list[tuple[str, str, str]]
    """What, the share in words, and what it was counted on."""


def measured(rows: Iterable[MatchingMeasure], *, serving: str) -> list[Measured]:
    """Return the measures that are published: the last of each set of weights, in use first."""
    found: dict[str, Measured] = {}
    for row in rows:
        rates = row.rates
        shares = [
            _share(words, share)
            for words, share in (
                ("Rapprochements justes", rates.precision),
                ("Paires réunies par la machine", rates.recall),
                ("Paires réunies ou demandées", rates.captured),
                ("Accord avec vos décisions", rates.agreement),
            )
        ]
        items = f"{rates.items:.1f}".replace(".", ",")
        shares += [
            ("Questions pour 100 paires", items, f"{rates.true} paires"),
            ("Jumeaux réunis", str(rates.twins_linked), f"sur {rates.twins}"),
        ]
        name = f"Poids {row.digest[:12]}" if row.digest else "Poids livrés"
        found.setdefault(row.digest, Measured(name, row.digest == serving, row.measured_at, shares))
    return sorted(found.values(), key=lambda each: not each.serving)


def _share(words: str, share: Share) -> tuple[str, str, str]:
    if not share.total:
        return words, "–", "rien à mesurer encore"
    low, high = share.interval
    return (
        words,
        f"{_percent(share.value)} %",
        f"de {_percent(low)} à {_percent(high)} %, sur {share.total}",
    )


def _percent(value: float) -> str:
    return f"{100 * value:.2f}".replace(".", ",")


_FAMILY_WORDS = (
    (DOUBLES, "doublons du domaine"),
    (COLLISIONS, "collisions"),
    (DOUBTS, "rapprochements douteux"),
)
MONTHLY_HEADINGS = (
    *("Mois", "Domaine", "Numéros ouverts", "Identités en service en fin de mois"),
    *("Provisoires", "Validées", "Récupérées", "Qualifiées", "Qualifiées (%)"),
    "Douteuses ou fictives",
    *(
        f"{words[:1].upper()}{words[1:]} : {what}"
        for _, words in _FAMILY_WORDS
        for what in ("trouvés", "traités", "en attente", "délai moyen (j)", "délai médian (j)")
    ),
    *("Rattachements automatiques", "Rattachements automatiques annulés"),
)


def monthly_table(rows: Iterable[MonthFigures]) -> str:
    """Return the figures by domain and month as CSV, as French spreadsheets read it."""
    written = io.StringIO()
    writer = csv.writer(written, delimiter=";", lineterminator="\r\n")
    writer.writerow(MONTHLY_HEADINGS)
    for row in rows:
        cells: list[Any] = [f"{row.month:%Y-%m}", cell(row.domain.name), row.created, row.in_use]
        cells += [row.statuses[name] for name in STATUSES]
        cells += [_decimal(row.qualified_percent), row.doubtful]
        for family, _ in _FAMILY_WORDS:
            treated = row.treated[family]
            cells += [treated.found, treated.decided, treated.waiting]
            cells += [_decimal(treated.mean_days), _decimal(treated.median_days)]
        writer.writerow((*cells, row.linked, row.undone))
    # Spreadsheets take a file without this mark for Windows-1252.
    return "\ufeff" + written.getvalue()


def _decimal(value: float | None) -> str:
    return "" if value is None else str(value).replace(".", ",")


def content(counts: Iterable[tuple[str, int]]) -> list[str]:
    """Return what hangs on a record, or what a decision moved, in words."""
    return [f"{n} {CONTENT[table][n > 1]}" for table, n in counts if table in CONTENT and n]


@dataclass(frozen=True)
class Written:
    """An entry of a record, as the desk names it."""

    key: str
    words: str
    at: datetime | None
    author: str


def written(entries: Iterable[Entry]) -> list[Written]:
    """Return the entries of a record that may be given to somebody else."""
    return [
        Written(each.key, CONTENT[each.table][0].capitalize(), each.at, each.author)
        for each in entries
        if each.table in CONTENT
    ]


@dataclass(frozen=True)
class Version:
    """A former version of an identity, and what it changed."""

    at: datetime
    changes: list[tuple[str, str, str]]


def versions(events: list[Any]) -> list[Version]:
    """Return what each version of one identity changed, the latest first."""
    found = []
    for after, before in zip(events, [*events[1:], None], strict=False):
        # Of a number told before its traits, the first ones change nothing.
        if before is None or not before.known:
            continue
        changed = [
            (label, said(before, name), said(after, name))
            for name, label in LABELS.items()
            if getattr(before, name) != getattr(after, name)
        ]
        if before.number != after.number:
            changed.append(("Numéro local", before.number, after.number))
        if changed:
            found.append(Version(after.updated_at, changed))
    return found


@dataclass(frozen=True)
class Past:
    """What happened to one of two identities: its traits changed, or somebody decided."""

    at: datetime
    whose: str
    changes: list[tuple[str, str, str]]
    decision: Reconciliation | None = None


MOST_PAST = 10


def history(
    sides: list[LocalIdentity], events: list[Any], decisions: Iterable[Reconciliation]
) -> list[Past]:
    """Return what happened to identities that are compared, the latest first."""
    found = [Past(each.decided_at, "", [], each) for each in decisions]
    for side in sides:
        whose = f"{side.domain.name} {side.number}"
        own = versions([event for event in events if event.pgh_obj_id == side.pk])
        found += [Past(each.at, whose, each.changes) for each in own]
    return sorted(found, key=lambda past: past.at, reverse=True)[:MOST_PAST]


def stays(pair: Pair) -> int:
    """Return which of two records is proposed to stay: the one already proposed, else the first."""
    return int((pair.told or {}).get("keep", pair.first_id))


@dataclass(frozen=True)
class Proposal:
    """Who proposed what another agent then decided."""

    by: str
    at: datetime | None
    why: str


def proposal(pair: Pair | None) -> Proposal | None:
    """Return who first said what two agents decided; None where one was enough."""
    if pair is None or not pair.proposed_by_name:
        return None
    why = str((pair.told or {}).get("why", ""))
    return Proposal(pair.proposed_by_name, pair.proposed_at, why)


@dataclass(frozen=True)
class Line:
    """A pair of the worklist."""

    pk: int
    title: str
    one: LocalIdentity
    other: LocalIdentity | None
    told_name: str
    words: str
    tone: str
    waits_for_second: bool
    likelihood: str
    since: datetime


def line(pair: Pair) -> Line:
    """Return what the worklist shows of a pair."""
    told = pair.told or {}
    given = (told.get("birth_given") or [""])[0]
    return Line(
        pk=pair.pk,
        title=pair.first.name,
        one=pair.first,
        other=pair.second,
        told_name=f"{given} {told.get('birth_family', '')}".strip(),
        words=str(pair.get_kind_display()),
        tone=TONES[PairKind(pair.kind)],
        waits_for_second=pair.state == "proposed",
        likelihood=likelihood(pair.probability) if pair.second_id else "",
        since=pair.found_at,
    )


def decided(decision: Reconciliation) -> str:
    """Return the icon of a decision."""
    return ICONS[ReconciliationKind(decision.kind)]


def gone_back(stayed: int) -> str:
    """Return whether every row of an undone decision is where it was, in words."""
    if not stayed:
        return "Chaque ligne est revenue à sa place."
    if stayed == 1:
        return "Sauf une ligne, déplacée depuis, chacune est revenue à sa place."
    return f"Sauf {stayed} lignes, déplacées depuis, chacune est revenue à sa place."


@dataclass(frozen=True)
class Mark:
    """An attribute of an identity: what it says, whose word it is, and how it was lifted."""

    code: str
    label: str
    by: str
    at: datetime | None
    why: str
    forbids: bool
    """It stops the INS."""
    may_lift: bool
    lifted: IdentityMark | None = None


def marks(identity: LocalIdentity, kept: list[IdentityMark]) -> tuple[list[Mark], list[Mark]]:
    """Return the attributes that stand on an identity, then those that were lifted."""
    labels = {str(value): str(label) for value, label in Attribute.choices}
    standing = {each.attribute: each for each in kept if each.lifted_at is None}

    def shown(code: str, mark: IdentityMark | None) -> Mark:
        return Mark(
            code=code,
            label=labels.get(code, code),
            by=mark.marked_by_name if mark else identity.domain.name,
            at=mark.marked_at if mark else None,
            why=mark.reason if mark else "",
            forbids=code in FORBIDDING_ATTRIBUTES,
            may_lift=code in SETTABLE,
            lifted=mark if mark and mark.lifted_at else None,
        )

    return (
        [shown(code, standing.get(code)) for code in identity.attributes],
        [shown(each.attribute, each) for each in kept if each.lifted_at is not None],
    )


def noticed(notice: DomainNotice) -> str:
    """Return what stands on an identity now, where a notice tells that an attribute changed."""
    if notice.kind not in (NoticeKind.MARKED, NoticeKind.UNMARKED):
        return ""
    return said(notice.identity.traits, "attributes") or "aucun attribut"


def home_rows(*, actor: Actor, now: datetime) -> QuerySet[Pair, dict[str, Any]] | None:
    """Return what waits at the desk, for the identity cell."""
    if not actor.can(MANAGE_IDENTITIES):
        return None
    return riskiest_first(Pair.objects.filter(state__in=WAITING)).values(
        "pk", "kind", "state", "found_at", "first__number", "first__domain__name"
    )[: home.MOST + 1]


def home_line(row: dict[str, Any], *, now: datetime) -> home.Line:
    """Return a line of the front page: a kind and a number, never a name."""
    kind = PairKind(row["kind"])
    return home.Line(
        title=str(kind.label),
        href=reverse("identity:compare", args=[row["pk"]]),
        text=f"{row['first__domain__name']}, numéro {row['first__number']}",
        at=home.moment(row["found_at"]),
        badge="Deuxième avis" if row["state"] == "proposed" else "",
        tone=TONES[kind],
    )


def notice_rows(*, actor: Actor, now: datetime) -> QuerySet[DomainNotice, dict[str, Any]] | None:
    """Return what the actor's structure was told of its identities and has not seen."""
    if actor.organization_id is None:
        return None
    return (
        DomainNotice.objects.filter(
            domain__organization_id=actor.organization_id, seen_at__isnull=True
        )
        .order_by("-pk")
        .values("pk", "kind", "noticed_at", "identity__number")[: home.MOST + 1]
    )


def notice_line(row: dict[str, Any], *, now: datetime) -> home.Line:
    """Return a line of the front page: a kind and a number, never a name."""
    return home.Line(
        title=str(NoticeKind(row["kind"]).label),
        href=reverse("identity:notices"),
        text=f"Numéro {row['identity__number']}",
        at=home.moment(row["noticed_at"]),
    )


NOTICES = home.Block(
    key="identity-notices",
    title="Identités de votre structure",
    icon="id",
    rows=notice_rows,
    line=notice_line,
    more=("identity:notices", "Tous les avis"),
    order=60,
)

HOME = home.Block(
    key="identities",
    title="Identités à décider",
    icon="id",
    rows=home_rows,
    line=home_line,
    empty="Aucune identité n’attend de décision.",
    empty_title="Rien à décider",
    more=("identity:list", "Toutes les questions"),
    order=10,
)
