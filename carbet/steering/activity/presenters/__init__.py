"""How figures are shown: charts drawn here, tables beside them, links to what they count."""

from dataclasses import dataclass
from datetime import date, datetime
from urllib.parse import urlencode

from django.template.defaultfilters import date as format_date
from django.urls import reverse
from django.utils.html import format_html, format_html_join
from django.utils.safestring import SafeString

from carbet.registries.directory.rules import TRIAGE_SUPPORT
from carbet.steering.activity import rules
from carbet.steering.activity.choices import BY_KEY, Beside, Definition, Dimension, Section
from carbet.steering.activity.models import Episode
from carbet.steering.activity.queries import Sheet, Table

UNTOLD = "n. c."
UNTOLD_WORDS = (
    "n. c. : non communiqué. Les nombres de 1 à 4 ne sont pas montrés, ni ceux qui permettraient de"
    " les retrouver."
)
MONTHS_OFFERED = 24


@dataclass(frozen=True, slots=True)
class Line:
    """One row of a table: what it counts, how many, where the list stands, if the reader has it."""

    label: str
    count: str
    # Each cell with its heading.
    beside: tuple[tuple[str, str], ...]
    href: str


@dataclass(frozen=True, slots=True)
class Panel:
    """One table with its drawing."""

    definition: Definition
    heading: str
    beside: tuple[str, ...]
    lines: tuple[Line, ...]
    total: str
    total_href: str
    summary: str
    chart: SafeString
    withholds: bool


@dataclass(frozen=True, slots=True)
class Stat:
    """One number said first."""

    label: str
    value: str
    hint: str
    tone: str
    href: str


def panels(sheet: Sheet, section: str) -> list[Panel]:
    """Return the tables of one page, drawn."""
    return [panel(sheet, table) for table in sheet.section(section)]


def panel(sheet: Sheet, table: Table) -> Panel:
    """Return one table with its drawing; its lines lead to lists for whoever may read them."""
    key = table.definition.key
    return Panel(
        table.definition,
        table.heading,
        table.beside,
        tuple(
            Line(
                label(table, row.label),
                number(row.count),
                tuple((beside(each, row, rank), each) for rank, each in enumerate(table.beside)),
                _list(sheet, key, row.value) if row.count else "",
            )
            for row in table.rows
        ),
        number(table.total) if table.definition.adds_up else "",
        _list(sheet, key, None) if table.definition.adds_up and table.total else "",
        table.summary,
        chart(table),
        table.withholds,
    )


def _list(sheet: Sheet, key: str, value: str | None) -> str:
    """Return the address of the list behind a number, for those who have one."""
    if not sheet.scope.actor.can(TRIAGE_SUPPORT):
        return ""
    asked = {"chiffre": key, "mois": f"{sheet.month:%Y-%m}"}
    if value is not None:
        asked["valeur"] = value
    return f"{reverse('activity:list')}?{urlencode(asked)}"


def place(sheet: Sheet, key: str) -> str:
    """Return where a table stands on the pages of steering, with its definition."""
    page = reverse("activity:section", args=[BY_KEY[key].section.value])
    return f"{page}?mois={sheet.month:%Y-%m}#{key}"


def label(table: Table, words: str) -> str:
    """Return what a row is called: a month is said as a month."""
    if table.definition.dimension == Dimension.MONTH:
        return month_words(date.fromisoformat(words))
    return words


def month_words(month: date) -> str:
    """Return « novembre 2026 »."""
    return format_date(month, "F Y")


def of_month(month: date) -> str:
    """Return « de novembre 2026 », « d’octobre 2026 »."""
    words = month_words(month)
    return f"d’{words}" if words[0] in "ao" else f"de {words}"


def number(count: int | None) -> str:
    """Return a number as a table shows it."""
    return UNTOLD if count is None else f"{count:,}".replace(",", "\N{NARROW NO-BREAK SPACE}")


def beside(heading: str, row: rules.Row, rank: int) -> str:
    """Return the cell that stands beside a count, under its heading."""
    value = row.beside[rank] if row.beside else None
    if value is None:
        return "–"
    if heading == Beside.GAP:
        return f"{value:+d} %" if value else "0 %"
    return number(value)


def stats(sheet: Sheet) -> list[Stat]:
    """Return the numbers said first."""
    held, late, overdue = sheet.stats, sheet.stats["late"], sheet.stats["overdue"]

    def stat(name: str, key: str, table: str, value: str | None, **more: str) -> Stat:
        # Where there is no list, its table with its definition.
        href = (_list(sheet, table, value) if held[key] else "") or place(sheet, table)
        return Stat(name, number(held[key]), more.get("hint", ""), more.get("tone", ""), href)

    month = sheet.month.isoformat()
    return [
        stat("Dossiers en cours, fin de mois", "caseload", "file-active-par-mois", month),
        stat("Demandes reçues dans le mois", "requested", "demandes-par-mois", month),
        stat(
            "Demandes en attente aujourd’hui", "waiting", "attente", None,
            hint=f"dont {number(late)} en retard" if late != 0 else "",
            tone="warning" if late else "",
        ),
        stat(
            "Plans en retard de révision", "overdue", "revisions", "retard",
            tone="warning" if overdue else "",
        ),
        stat("Sorties dans le mois", "closed", "sorties-par-mois", month),
    ]  # fmt: skip


def months(sheet: Sheet, *, today: date) -> list[tuple[str, str, bool]]:
    """Return the months that one may choose: (key, words, chosen), the latest first."""
    offered = rules.last_months(rules.month_of(today), MONTHS_OFFERED)
    if sheet.month not in offered:
        offered.insert(0, sheet.month)
    return [(f"{each:%Y-%m}", month_words(each), each == sheet.month) for each in reversed(offered)]


def tabs(section: str, month: date) -> list[tuple[str, str, bool]]:
    """Return the pages of steering: (address, words, whether one stands there)."""
    found = []
    for each in Section:
        address = reverse("activity:section", args=[each.value])
        found.append((f"{address}?mois={month:%Y-%m}", str(each.label), each.value == section))
    return found


# --- Drawings ------------------------------------------------------------------------------------

WIDTH, LABELS, STEP = 360, 160, 22
LONGEST = 23


def chart(table: Table) -> SafeString:
    """Draw a table; the values stand in the table beside it. Nothing when there is nothing."""
    if not table.most:
        return SafeString("")
    if table.definition.drawing == "columns":
        return _columns(table)
    return _bars(table)


def _bars(table: Table) -> SafeString:
    room = WIDTH - LABELS - 46
    # The longest bars only where there are many rows: a row of nothing draws nothing.
    rows = [row for row in table.rows if row.count is None or row.count]
    parts = []
    for rank, row in enumerate(rows):
        y = rank * STEP
        words = row.label if len(row.label) <= LONGEST else f"{row.label[: LONGEST - 1]}…"
        length = round((row.count or 0) / table.most * room, 1)
        parts.append(
            format_html(
                '<text x="{}" y="{}" text-anchor="end">{}</text><rect class="chart-bar{}" x="{}"'
                ' y="{}" width="{}" height="14" rx="2"/><text x="{}" y="{}">{}</text>',
                LABELS - 6,
                y + 14,
                words,
                " marked" if row.marked else "",
                LABELS,
                y + 3,
                length,
                LABELS + length + 6,
                y + 14,
                number(row.count),
            )
        )
    return _svg(table, len(rows) * STEP + 2, parts)


def _columns(table: Table) -> SafeString:
    height, step = 96, WIDTH / max(len(table.rows), 1)
    parts = [format_html('<path class="chart-grid" d="M0 {}H{}"/>', height + 14, WIDTH)]
    for rank, row in enumerate(table.rows):
        tall = round((row.count or 0) / table.most * height, 1)
        x = round(rank * step + step * 0.15, 1)
        middle = round(rank * step + step / 2, 1)
        parts.append(
            format_html(
                '<rect class="chart-bar" x="{}" y="{}" width="{}" height="{}" rx="2"/>'
                '<text x="{}" y="{}" text-anchor="middle">{}</text>'
                '<text x="{}" y="{}" text-anchor="middle">{}</text>',
                x,
                round(height + 14 - tall, 1),
                round(step * 0.7, 1),
                tall,
                middle,
                round(height + 10 - tall, 1),
                "–" if row.count is None else row.count,
                middle,
                height + 28,
                format_date(date.fromisoformat(row.value), "N").removesuffix("."),
            )
        )
    return _svg(table, height + 34, parts)


def _svg(table: Table, height: int, parts: list[SafeString]) -> SafeString:
    return format_html(
        '<svg class="chart" viewBox="0 0 {} {}" role="img" aria-label="{}">{}</svg>',
        WIDTH,
        height,
        f"{table.definition.title} : les valeurs sont dans le tableau",
        format_html_join("", "{}", ((part,) for part in parts)),
    )


# --- The list behind a number --------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Listed:
    """One episode of a list, with where its reader goes on."""

    person: str
    birth_date: date
    place: str
    coordinator: str
    requested_at: datetime | None
    opened_at: datetime | None
    closed_at: datetime | None
    review_due_on: date | None
    href: str


def listed(episode: Episode) -> Listed:
    """Return what a list shows of an episode."""
    patient = episode.patient
    if episode.case_id:
        href = reverse("support:case", args=[patient.pk, episode.case_id])
    else:
        href = reverse("support:detail", args=[episode.request_id])
    return Listed(
        str(patient),
        patient.birth_date,
        patient.city,
        str(episode.coordinator.practitioner) if episode.coordinator else "",
        episode.requested_at,
        episode.opened_at,
        episode.closed_at,
        episode.review_due_on,
        href,
    )
