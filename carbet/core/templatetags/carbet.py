"""Words and drawings that every page needs: dates as people say them, icons, small curves."""

from datetime import date, datetime, timedelta
from functools import lru_cache
from pathlib import Path

from django import template
from django.conf import settings
from django.template.base import TextNode
from django.template.defaultfilters import date as format_date
from django.template.library import SimpleNode
from django.templatetags.static import static
from django.urls import NoReverseMatch, get_script_prefix, get_urlconf, reverse
from django.utils import timezone
from django.utils.html import conditional_escape, escape, format_html, format_html_join
from django.utils.safestring import mark_safe

from carbet.core.actor import Level
from carbet.core.identifiers import LARGEST, short_id

register = template.Library()

READ = int(Level.READ)

# Drawn on a 20-unit square, line of 1.5, round ends: one line per icon, its name then its path.
_DRAWINGS = Path(__file__).resolve().parent.parent / "templates" / "icons.txt"
ICONS = dict(
    line.split(" ", 1) for line in _DRAWINGS.read_text(encoding="utf-8").splitlines() if line
)
TONE_ICONS = {
    "info": "info",
    "success": "success",
    "warning": "alert",
    "danger": "danger",
    "new": "bell",
    "accent": "info",
    "neutral": "info",
}


class Ready(SimpleNode):
    """A tag whose words all stand in the template: they are read once, not at each rendering."""

    def __init__(self, node, words, named):
        super().__init__(node.func, node.takes_context, node.args, node.kwargs, node.target_var)
        self.words, self.named = words, named

    def get_resolved_arguments(self, context):
        words = [context, *self.words] if self.takes_context else self.words
        return words, self.named


def _stands(expression):
    written = not expression.is_var or expression.var.literal is not None
    return written and not expression.filters


def written_tag(takes_context=False):
    """Register a simple tag that costs less where its words are all written in the template.

    Without context, what it writes is written once, when the template is compiled.
    """

    def decorate(function):
        name = function.__name__
        register.simple_tag(function, takes_context=takes_context)
        ordinary = register.tags[name]

        def compiled(parser, token):
            node = ordinary(parser, token)
            if not all(map(_stands, (*node.args, *node.kwargs.values()))):
                return node
            empty = template.Context()
            words = [word.resolve(empty) for word in node.args]
            named = {key: word.resolve(empty) for key, word in node.kwargs.items()}
            if takes_context or node.target_var is not None:
                return Ready(node, words, named)
            return TextNode(conditional_escape(node.func(*words, **named)))

        register.tag(name, compiled)
        return function

    return decorate


@written_tag()
def icon(name, label="", size=""):
    """Draw an icon; without a label it is decoration, hidden from assistive technology."""
    return _drawing(name, label, size) if name else ""


@lru_cache(maxsize=1024)
def _drawing(name, label, size):
    path = ICONS.get(name)
    if not path:
        return ""
    css = {"small": "icon icon-s", "large": "icon icon-l"}.get(size, "icon")
    spoken = (
        format_html('role="img" aria-label="{}"', label)
        if label
        else mark_safe('aria-hidden="true"')
    )
    return format_html(
        '<svg class="{}" viewBox="0 0 20 20" {}><path d="{}"/></svg>', css, spoken, path
    )


@register.filter
def tone_icon(tone):
    """Give the icon that says the tone without its colour."""
    return TONE_ICONS.get(tone, "info")


@register.filter
def trim(markup):
    """Take the blanks off both ends and keep the markup as safe, or as unsafe, as it was."""
    return type(markup)(markup.strip())


@register.filter
def initials(name):
    """« Claire Élise NGWETE » gives « CN »."""
    words = [
        word
        for word in str(name or "").partition(",")[0].replace("-", " ").split()
        if word[:1].isalpha()
    ]
    words = [
        word
        for word in words
        if word.lower().rstrip(".") not in {"dr", "pr", "mme", "m", "de", "du", "la", "le"}
    ] or words
    return (
        "".join(
            word[0] for word in (words[:1] + words[-1:] if len(words) > 1 else words[:1])
        ).upper()
        or "?"
    )


@register.simple_tag
def avatar(name, size=""):
    """Draw the initials of a name in a quiet disc; the name itself always stands beside it."""
    return _disc(avatar_tone(name), size, initials(name))


@lru_cache(maxsize=4096)
def _disc(tone, size, letters):
    css = f"avatar avatar-{tone} avatar-{size}" if size else f"avatar avatar-{tone}"
    return format_html('<span class="{}" aria-hidden="true">{}</span>', css, letters)


@register.filter
def avatar_tone(name):
    """Give one of six quiet colours, always the same for the same name."""
    return sum(map(ord, str(name or ""))) % 6


@register.filter
def age(birth_date, on=None):
    """Say an age the clinical way: days, then months until two, then years."""
    if not isinstance(birth_date, date):
        return ""
    on = on or timezone.localdate()
    months = (
        (on.year - birth_date.year) * 12 + on.month - birth_date.month - (on.day < birth_date.day)
    )
    days = (on - birth_date).days
    if days < 0:
        return ""
    if months < 1:
        return f"{days} jour{'s' if days > 1 else ''}"
    if months < 24:
        return f"{months} mois"
    return f"{months // 12} ans"


@register.filter
def numeric_date(value):
    """Write a date in figures, « 14/03/1951 », many times a page."""
    if isinstance(value, datetime):
        value = _local(value)
    return f"{value:%d/%m/%Y}" if isinstance(value, date) else value or ""


def _local(value):
    return timezone.localtime(value) if timezone.is_aware(value) else value


def _day_words(value, today, article=""):
    distance = (value - today).days
    named = {0: "aujourd’hui", -1: "hier", 1: "demain"}.get(distance)
    if named:
        return named
    number = "1er" if value.day == 1 else str(value.day)
    month = format_date(value, "F" if value.year == today.year else "F Y")
    if 1 < distance < 7:
        number = f"{format_date(value, 'l')} {number}"
    return f"{article} {number} {month}".lstrip()


def _hour_words(value):
    """Say an hour, whose parts never stand on two lines."""
    return f"{value.hour}\N{NO-BREAK SPACE}h" + (
        f"\N{NO-BREAK SPACE}{value.minute:02d}" if value.minute else ""
    )


@register.filter
def day(value, article=""):
    """Say a date: « hier », « lundi 24 novembre », « 3 mars 2025 » (« le 3 mars 2025 »).

    Args:
        article: what a date takes in a sentence (« envoyée le 3 mars ») and a near day does not
            (« envoyée hier »): "le", or nothing where the date stands alone.
    """
    if not value:
        return ""
    plain = _local(value).date() if isinstance(value, datetime) else value
    if not isinstance(plain, date):
        return value
    return format_html(
        '<time datetime="{}">{}</time>',
        plain.isoformat(),
        _day_words(plain, timezone.localdate(), article),
    )


@register.filter
def moment(value, article=""):
    """Say a moment: « aujourd’hui à 14 h 05 », with the exact time in the markup.

    Args:
        article: as `day` takes it.
    """
    if not isinstance(value, datetime):
        return day(value, article)
    local = _local(value)
    return format_html(
        '<time datetime="{}">{} à {}</time>',
        local.isoformat(timespec="minutes"),
        _day_words(local.date(), timezone.localdate(), article),
        _hour_words(local),
    )


@register.filter
def clock(value):
    """Say the hour alone: « 14 h 05 »."""
    if not isinstance(value, datetime):
        return ""
    local = _local(value)
    return format_html(
        '<time datetime="{}">{}</time>', local.isoformat(timespec="minutes"), _hour_words(local)
    )


_SEXES = {"F": "Femme", "female": "Femme", "M": "Homme", "male": "Homme"}
_BORN = {"Femme": "née", "Homme": "né"}


@register.simple_tag
def badge(words, tone="neutral", drawing=""):
    """Write a badge in the middle of a loop, where a component costs too much; no words, none."""
    if not words:
        return ""
    return format_html('<span class="badge tone-{}">{}{}</span>', tone, icon(drawing), words)


@register.simple_tag
def person_row(
    href,
    name,
    birth_name="",
    sex="",
    birth_date=None,
    place="",
    text="",
    chips="",
    new=0,
    level=READ,
    by_exception=False,
    deceased=False,
):
    """Write one person of a list: many a page, so in one go rather than as a component of parts.

    `level` and `by_exception` say how the reader enters the record.
    """
    words = _SEXES.get(sex, sex)
    born = f"{_BORN.get(words, 'né·e')} <bdi>{escape(birth_name)}</bdi>"
    end = [conditional_escape(chips)]
    if by_exception:
        end.append(badge("Accès exceptionnel", "danger", "unlock"))
    elif level < READ:
        end.append(badge("Demande à étudier", "info", "inbox"))
    if deceased:
        end.append(badge("Décédé·e"))
    if new:
        end.append(badge(plural(new, "nouveauté,nouveautés"), "new", "bell"))
    parts = (
        f'<div class="row person{" unread" if new else ""}">{avatar(name)}<div class="row-main">',
        f'<a class="row-title" href="{escape(href)}"><bdi>{escape(name)}</bdi></a>',
        f' <span class="muted small">{born}</span>' if birth_name else "",
        '<div class="meta">',
        f"<span>{escape(words)}</span>" if words else "",
        f'<span>{age(birth_date)}</span><span class="num">{numeric_date(birth_date)}</span>'
        if birth_date
        else "",
        f"<span>{escape(place)}</span>" if place else "",
        "</div>",
        f'<div class="small">{conditional_escape(text)}</div>' if text.strip() else "",
        '</div><div class="row-end">',
        *end,
        "</div></div>",
    )
    return mark_safe("".join(parts))  # noqa: S308 - what comes from outside is escaped above


@register.simple_tag
def people_rows(people):
    """Write the persons of a list, each leading to the page that the reader's level opens.

    A person has `pk level born_name gender birth_date city glass_until deceased_on`.
    """
    rows = []
    for person in people:
        page = "charts:detail" if person.level >= READ else "support:of_patient"
        row = person_row(
            _of_one(page, person.pk) or _of_one("patients:detail", person.pk),
            str(person),
            person.born_name,
            person.gender,
            person.birth_date,
            person.city,
            level=person.level,
            by_exception=person.glass_until,
            deceased=person.deceased_on,
        )
        rows.append(f"<li>{row}</li>")
    return mark_safe("".join(rows))  # noqa: S308 - each row is escaped


@register.filter
def overdue(value):
    """Tell whether a due date has passed."""
    plain = _local(value).date() if isinstance(value, datetime) else value
    return isinstance(plain, date) and plain < timezone.localdate()


@register.filter
def phone(number):
    """Space a French number in pairs: « 05 94 39 50 50 », « +594 594 39 50 50 »."""
    digits = "".join(character for character in str(number or "") if character.isdigit())
    if len(digits) == 10:
        return " ".join(digits[i : i + 2] for i in range(0, 10, 2))
    if len(digits) == 12 and digits.startswith(("594", "590", "596", "262")):
        return f"+{digits[:3]} {digits[3:6]} " + " ".join(
            digits[i : i + 2] for i in range(6, 12, 2)
        )
    return number or ""


@register.filter
def plural(count, words):
    """« 3 notes »: the words are "singular,plural"; zero is singular, as French has it."""
    one, _, many = words.partition(",")
    return f"{count}\N{NO-BREAK SPACE}{many or one + 's' if abs(count or 0) >= 2 else one}"


@register.simple_tag
def asset(path):
    """Give a static file's address; an error page must not fail because the manifest does."""
    try:
        return static(path)
    except ValueError:
        return settings.STATIC_URL + path


@written_tag(takes_context=True)
def door(context, name, *arguments):
    """Give the address of a named page, or nothing when that page does not exist."""
    return _address(name, arguments, get_urlconf(), get_script_prefix())


@lru_cache(maxsize=512)
def _address(name, arguments, _urlconf, _prefix):
    try:
        return reverse(name, args=arguments)
    except NoReverseMatch:
        return ""


def _of_one(name, number):
    """Return the address of a page about one row; many of a list cost one reversal."""
    before, sample, after = _address(
        name, (LARGEST,), get_urlconf(), get_script_prefix()
    ).partition(short_id(LARGEST))
    return f"{before}{short_id(number)}{after}" if sample else ""


class FixedNode(template.Node):
    """What is written once a process, since it never differs."""

    def __init__(self, nodelist):
        self.nodelist = nodelist
        self.written = None

    def render(self, context):
        if self.written is None:
            self.written = self.nodelist.render(context)
        return self.written


@register.tag
def fixed(parser, token):
    """Write a part that is the same for everyone on every page, once and for all."""
    nodelist = parser.parse(("endfixed",))
    parser.delete_first_token()
    return FixedNode(nodelist)


@written_tag(takes_context=True)
def nav_item(context, name, drawing, label, count=0):
    """Write one entry of the menu, marked when one stands there; nothing when it has no page."""
    href = door(context, name)
    if not href:
        return ""
    match = getattr(context.get("request"), "resolver_match", None)
    current = ""
    if match and match.view_name == name:
        current = "page"
    elif match and ":" in name and name.partition(":")[0] in match.namespaces:
        current = "true"
    return _entry(href, current, drawing, label, count)


@lru_cache(maxsize=1024)
def _entry(href, current, drawing, label, count):
    told = (
        format_html(
            '<span class="count count-hot">{}<span class="visually-hidden"> non lues</span></span>',
            count,
        )
        if count
        else ""
    )
    return format_html(
        '<li><a class="nav-link" href="{}"{}>{}<span>{}</span>{}</a></li>',
        href,
        format_html(' aria-current="{}"', current) if current else "",
        icon(drawing),
        label,
        told,
    )


@written_tag(takes_context=True)
def record_tab(context, name, key, drawing, label, least=READ):
    """Write one tab of a person's record; nothing below the level that opens its page."""
    patient = context["patient"]
    level = getattr(patient, "level", None)
    href = door(context, name, patient.pk) if (level or 0) >= least else ""
    if not href:
        return ""
    return format_html(
        '<a class="tab" href="{}"{}>{}{}</a>',
        href,
        mark_safe(' aria-current="page"') if context.get("tab") == key else "",
        icon(drawing, "", "small"),
        label,
    )


@written_tag(takes_context=True)
def may(context, capability):
    """Ask the actor of the request whether they may."""
    actor = getattr(context.get("request"), "actor", None)
    can = getattr(actor, "can", None)
    return bool(can and can(capability))


def _scaled(values, width, height, low=None, high=None):
    low = min([*values, low] if low is not None else values)
    high = max([*values, high] if high is not None else values)
    reach = (high - low) or 1
    step = width / max(len(values) - 1, 1)
    return [
        (round(i * step, 1), round(height - (value - low) / reach * height, 1))
        for i, value in enumerate(values)
    ]


@register.simple_tag
def sparkline(values, label=""):
    """Draw the shape of a series, oldest first; the last point is marked."""
    values = [float(value) for value in values or [] if value is not None]
    if len(values) < 2:
        return ""
    points = _scaled(values, 96, 26)
    line = " ".join(f"{x:g},{y:g}" for x, y in points)
    spoken = (
        format_html('role="img" aria-label="{}"', label)
        if label
        else mark_safe('aria-hidden="true"')
    )
    return format_html(
        '<svg class="spark" viewBox="0 -3 100 32" {}><polyline points="{}"/>'
        '<circle cx="{}" cy="{}" r="2.5"/></svg>',
        spoken,
        line,
        f"{points[-1][0]:g}",
        f"{points[-1][1]:g}",
    )


@register.simple_tag
def measure_chart(points, unit="", label="", low=None, high=None):
    """Draw a curve of (moment, number) pairs, oldest first, with its normal band.

    The values stay in a table beside it.
    """
    points = [(at, float(value)) for at, value in points or [] if value is not None]
    if len(points) < 2:
        return ""
    width, height, left, top = 440, 150, 38, 8
    values = [value for _, value in points]
    bounds = [bound for bound in (low, high) if bound is not None]
    least, most = min(values + bounds), max(values + bounds)
    margin = ((most - least) or 1) * 0.08
    least, most = least - margin, most + margin
    start, end = points[0][0], points[-1][0]
    reach = (end - start) or timedelta(seconds=1)

    def across(at):
        return round(left + (at - start) / reach * (width - left - 12), 1)

    def up(value):
        return round(top + (most - value) / (most - least) * height, 1)

    parts = []
    if low is not None or high is not None:
        above = up(high if high is not None else most)
        below = up(low if low is not None else least)
        parts.append(
            format_html(
                '<rect class="chart-band" x="{}" y="{}" width="{}" height="{}"/>',
                left,
                above,
                width - left,
                round(below - above, 1),
            )
        )
    for step in range(5):
        value = least + (most - least) * step / 4
        y = up(value)
        parts.append(
            format_html(
                '<path class="chart-grid" d="M{} {}H{}"/>'
                '<text x="{}" y="{}" text-anchor="end">{}</text>',
                left,
                y,
                width,
                left - 6,
                y + 4,
                f"{value:.3g}".replace(".", ","),
            )
        )
    shape = "j F" if start.year == end.year else "j F Y"
    for at, anchor in ((start, "start"), (end, "end")):
        words = format_date(_local(at) if isinstance(at, datetime) else at, shape)
        parts.append(
            format_html(
                '<text x="{}" y="{}" text-anchor="{}">{}</text>',
                across(at),
                top + height + 18,
                anchor,
                words,
            )
        )
    line = " ".join(f"{across(at):g},{up(value):g}" for at, value in points)
    parts.append(format_html('<polyline class="chart-line" points="{}"/>', line))
    parts.append(
        format_html_join(
            "",
            '<circle cx="{}" cy="{}" r="4"{}><title>{} {}, {}</title></circle>',
            (
                (
                    across(at),
                    up(value),
                    mark_safe(' class="out"')
                    if (low is not None and value < low) or (high is not None and value > high)
                    else "",
                    f"{value:g}".replace(".", ","),
                    unit,
                    format_date(_local(at) if isinstance(at, datetime) else at, "j F Y"),
                )
                for at, value in points
            ),
        )
    )
    first, last = (f"{value:g}".replace(".", ",") for value in (values[0], values[-1]))
    title = f"{label} : {len(values)} mesures, de {first} à {last} {unit}".strip()
    return format_html(
        '<svg class="chart" viewBox="0 0 {} {}" role="img" aria-label="{}">{}</svg>',
        width,
        top + height + 24,
        title,
        format_html_join("", "{}", ((part,) for part in parts)),
    )
