"""Words and drawings that every page needs: dates as people say them, initials, icons, small curves."""

from datetime import date, datetime, timedelta

from django import template
from django.conf import settings
from django.template.defaultfilters import date as format_date
from django.templatetags.static import static
from django.urls import NoReverseMatch, reverse
from django.utils import timezone
from django.utils.html import conditional_escape, format_html, format_html_join
from django.utils.safestring import mark_safe

register = template.Library()

_DOT = "v.01"
# Drawn on a 20-unit square, line of 1.5, round ends.
ICONS = {
    "alert": f"M10 3.3 17.6 16.5H2.4zM10 8.2v3.9M10 14.2{_DOT}",
    "arrow-right": "M4 10h12M11.5 5.5 16 10l-4.5 4.5",
    "bell": "M5.5 8.6a4.5 4.5 0 0 1 9 0c0 3.9 1.6 5 1.6 5H3.9s1.6-1.1 1.6-5M8.3 16.4a2 2 0 0 0 3.4 0",
    "boat": "M1.8 12c3.4 1.8 13 1.8 16.4 0-1.1 3.3-4 4.4-8.2 4.4S2.9 15.3 1.8 12zM7 12.8V9.2M12.5 12.8V9.2M7 6.1v.2M12.5 6.1v.2",
    "calendar": "M3.5 5h13v11.8h-13zM3.5 8.6h13M7 3v3.2M13 3v3.2",
    "camera": "M3 6.3h3.2l1.3-2h5l1.3 2H17v9.9H3zM10 13.6a2.7 2.7 0 1 0 0-5.4 2.7 2.7 0 0 0 0 5.4z",
    "check": "M4 10.6 8 14.5l8-9",
    "chevron-down": "M5 7.8l5 5 5-5",
    "chevron-left": "M12.2 5l-5 5 5 5",
    "chevron-right": "M7.8 5l5 5-5 5",
    "circle": "M10 6.4a2 2 0 1 0 0-4 2 2 0 0 0 0 4zM4.6 15.6a2 2 0 1 0 0-4 2 2 0 0 0 0 4zM15.4 15.6a2 2 0 1 0 0-4"
    " 2 2 0 0 0 0 4zM7.6 5.6a6.6 6.6 0 0 0-3.3 4M15.7 9.6a6.6 6.6 0 0 0-3.3-4M7 16.4a6.7 6.7 0 0 0 6 0",
    "clock": "M10 17a7 7 0 1 0 0-14 7 7 0 0 0 0 14zM10 6v4.3l2.8 1.7",
    "close": "M5 5l10 10M15 5 5 15",
    "copy": "M7.5 7.5h9v9h-9zM12.5 7.3V3.5h-9v9h3.8",
    "danger": f"M7.1 3h5.8L17 7.1v5.8L12.9 17H7.1L3 12.9V7.1zM10 6.4v4.5M10 13.5{_DOT}",
    "directory": "M5 3h11v14H5zM3.4 6.6H6M3.4 10H6M3.4 13.4H6M10.8 9.8a1.7 1.7 0 1 0 0-3.4 1.7 1.7 0 0 0 0 3.4zM8 13.6"
    "c.3-1.4 1.4-2.1 2.8-2.1s2.5.7 2.8 2.1",
    "document": "M5.2 2.8h6.3L15 6.3v10.9H5.2zM11.4 2.9v3.5H15",
    "download": "M10 3v9.4M6 8.6l4 4 4-4M3.5 16.5h13",
    "edit": "M4 16l.8-3.5 8.3-8.2 2.6 2.6-8.2 8.3zM11.3 6.1l2.6 2.6",
    "external": "M8 4H4v12h12v-4M11.5 3.5h5v5M16.3 3.7 9.7 10.3",
    "eye": "M2.3 10S5 5 10 5s7.7 5 7.7 5-2.7 5-7.7 5-7.7-5-7.7-5zM10 12.3a2.3 2.3 0 1 0 0-4.6 2.3 2.3 0 0 0 0 4.6z",
    "filter": "M3 4.5h14l-5.4 6.3v5.4l-3.2-1.7v-3.7z",
    "flag": "M5 17.4V3M5 3.9h10l-2.2 3.4L15 10.7H5",
    "gauge": "M4.2 15.2a7.3 7.3 0 1 1 11.6 0M10 11.4l3.1-3.6M9.2 12.1a1.1 1.1 0 1 0 1.6-1.5 1.1 1.1 0 0 0-1.6 1.5z",
    "heart": "M10 16.6S2.8 12.4 2.8 7.7A3.7 3.7 0 0 1 10 6.3a3.7 3.7 0 0 1 7.2 1.4c0 4.7-7.2 8.9-7.2 8.9z",
    "history": "M3.7 7.6A6.9 6.9 0 1 1 3.2 11M3.4 4v3.7h3.7M10 6.4v4l2.7 1.6",
    "home": "M2.8 9.3 10 3.4l7.2 5.9M4.8 7.9v8.6h10.4V7.9M8.2 16.4v-4.6h3.6v4.6",
    "hospital": "M4.6 17V3.4h10.8V17M2.8 17h14.4M10 5.8v4.4M7.8 8h4.4M8.4 16.9v-3.6h3.2v3.6",
    "id": "M2.5 4.8h15v10.6h-15zM7 10.4a1.7 1.7 0 1 0 0-3.4 1.7 1.7 0 0 0 0 3.4zM4.6 13.2c.4-1.1 1.3-1.6 2.4-1.6s2 .5 2.4"
    " 1.6M12 8.4h3.2M12 11.6h3.2",
    "inbox": "M2.8 11.6 5 4.4h10l2.2 7.2v4H2.8zM2.9 11.6h4.3l.9 2h3.8l.9-2h4.3",
    "info": f"M10 17a7 7 0 1 0 0-14 7 7 0 0 0 0 14zM10 9.3v4.3M10 6.5{_DOT}",
    "key": "M7 16.2a3.2 3.2 0 1 0 0-6.4 3.2 3.2 0 0 0 0 6.4zM9.3 10.7 16.2 3.8M13 7l2.3 2.3",
    "lock": "M4.8 9h10.4v8H4.8zM7 8.9V6.3a3 3 0 0 1 6 0v2.6",
    "unlock": "M4.8 9h10.4v8H4.8zM7 8.9V6.3A3 3 0 0 1 12.8 5.2",
    "logout": "M8 3.5H4v13h4M8.4 10h8.4M13.4 6.5 16.9 10l-3.5 3.5",
    "mail": "M3 5h14v10.4H3zM3.2 5.6 10 11l6.8-5.4",
    "menu": "M3 5.5h14M3 10h14M3 14.5h14",
    "message": "M3.2 4.2h13.6v9.6H9.4L6 17v-3.2H3.2z",
    "moon": "M16.4 11.9A6.9 6.9 0 0 1 8.1 3.6a6.9 6.9 0 1 0 8.3 8.3z",
    "more": "M4.5 10h.01M10 10h.01M15.5 10h.01",
    "note": "M4.8 3h7.4l3 3v11H4.8zM7.8 9h4.5M7.8 12.4h4.5M7.8 5.9h1.8",
    "people": "M7.4 9.6a2.9 2.9 0 1 0 0-5.8 2.9 2.9 0 0 0 0 5.8zM2.2 16.4c.3-2.9 2.4-4.5 5.2-4.5s4.9 1.6 5.2 4.5M13 4.3"
    "a2.7 2.7 0 0 1 0 4.9M15 12.3c1.6.6 2.6 2 2.8 4.1",
    "person": "M10 9.8a3.2 3.2 0 1 0 0-6.4 3.2 3.2 0 0 0 0 6.4zM3.9 16.9c.4-3.2 2.8-5 6.1-5s5.7 1.8 6.1 5",
    "phone": "M6.2 3.2 8 6.9 6.3 8.7a9.4 9.4 0 0 0 5 5L13.1 12l3.7 1.8v2.4c0 .6-.5 1.1-1.1 1C8.9 16.8 3.2 11.1 2.8 4.3"
    "c0-.6.4-1.1 1-1.1z",
    "pill": "M4.9 15.1a3.6 3.6 0 0 1 0-5.1L10 4.9a3.6 3.6 0 0 1 5.1 5.1L10 15.1a3.6 3.6 0 0 1-5.1 0zM7.4 7.4l5.2 5.2",
    "pin": "M10 17.5s5.6-4.8 5.6-9.1a5.6 5.6 0 0 0-11.2 0c0 4.3 5.6 9.1 5.6 9.1zM10 10.4a2 2 0 1 0 0-4 2 2 0 0 0 0 4z",
    "plan": "M7 4.4H4.4V17h11.2V4.4H13M7 2.9h6v3.2H7zM7.2 11.2l2 2 3.6-4",
    "plus": "M10 4v12M4 10h12",
    "print": "M6 7V3h8v4M6 13.8H3.2V7.2h13.6v6.6H14M6 11.4h8V17H6z",
    "pulse": "M2.4 10.4h3.5l2.2-5.6 3.5 10.4 2.2-4.8h3.8",
    "refresh": "M16.4 5v4h-4M16.3 8.8a6.6 6.6 0 1 0-.6 4.3",
    "reply": "M8 5 3.4 9.5 8 14M3.6 9.5h8.3a4.6 4.6 0 0 1 4.6 4.6v1.4",
    "role": "M4 7h11.4M12.2 3.8 15.4 7l-3.2 3.2M16 13.4H4.6M7.8 10.2l-3.2 3.2 3.2 3.2",
    "search": "M8.9 14a5.1 5.1 0 1 0 0-10.2 5.1 5.1 0 0 0 0 10.2zM12.7 12.7l4.1 4.1",
    "send": "M17 3 2.8 8.6l6 2.6 2.6 6zM8.9 11.1 17 3",
    "settings": "M3 6.2h7.8M14.8 6.2H17M3 13.8h2.2M9.2 13.8H17M12.8 8.2a2 2 0 1 0 0-4 2 2 0 0 0 0 4zM7.2 15.8a2 2 0 1 0 0-4"
    " 2 2 0 0 0 0 4z",
    "shield": "M10 2.7 16.2 5v4.7c0 4-2.7 6.4-6.2 7.6-3.5-1.2-6.2-3.6-6.2-7.6V5zM7.2 9.9l2 2 3.6-3.9",
    "stethoscope": "M4.8 3v4.3a3.7 3.7 0 0 0 7.4 0V3M8.5 11v2a3.7 3.7 0 0 0 7.4 0v-1.5M15.9 11.4a1.6 1.6 0 1 0 0-3.2 1.6"
    " 1.6 0 0 0 0 3.2z",
    "success": "M10 17a7 7 0 1 0 0-14 7 7 0 0 0 0 14zM6.8 10.3l2.3 2.2 4.1-4.7",
    "sun": "M10 13.3a3.3 3.3 0 1 0 0-6.6 3.3 3.3 0 0 0 0 6.6zM10 2.2v1.9M10 15.9v1.9M2.2 10h1.9M15.9 10h1.9M4.5 4.5l1.3 1.3"
    "M14.2 14.2l1.3 1.3M4.5 15.5l1.3-1.3M14.2 5.8l1.3-1.3",
    "target": "M10 17a7 7 0 1 0 0-14 7 7 0 0 0 0 14zM10 13.4a3.4 3.4 0 1 0 0-6.8 3.4 3.4 0 0 0 0 6.8zM10 10v.01",
    "trash": "M4 5.6h12M8 5.4V3.2h4v2.2M5.4 5.7 6.2 17h7.6l.8-11.3M8.4 8.6v5.4M11.6 8.6v5.4",
    "upload": "M10 12.6V3.2M6 7l4-4 4 4M3.5 12.6v3.9h13v-3.9",
    "offline": f"M3 3l14 14M3 8.2a10.5 10.5 0 0 1 3.4-2.1M9.6 5.3A10.5 10.5 0 0 1 17 8.2M5.9 11.4a6 6 0 0 1 3-1.6M10 15{_DOT}",
}
TONE_ICONS = {
    "info": "info",
    "success": "success",
    "warning": "alert",
    "danger": "danger",
    "new": "bell",
    "accent": "info",
    "neutral": "info",
}


@register.simple_tag
def icon(name, label="", size=""):
    """Draw an icon; without a label it is decoration, hidden from assistive technology."""
    path = ICONS.get(name)
    if not path:
        return ""
    css = {"small": "icon icon-s", "large": "icon icon-l"}.get(size, "icon")
    spoken = (
        format_html('role="img" aria-label="{}"', label) if label else mark_safe('aria-hidden="true"')
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
    bare = markup.strip()
    return mark_safe(bare) if hasattr(markup, "__html__") else bare


@register.filter
def initials(name):
    """« Claire Élise NGWETE » gives « CN »."""
    words = [word for word in str(name or "").partition(",")[0].replace("-", " ").split() if word[:1].isalpha()]
    words = [word for word in words if word.lower().rstrip(".") not in {"dr", "pr", "mme", "m", "de", "du", "la", "le"}] or words
    return "".join(word[0] for word in (words[:1] + words[-1:] if len(words) > 1 else words[:1])).upper() or "?"


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
    months = (on.year - birth_date.year) * 12 + on.month - birth_date.month - (on.day < birth_date.day)
    days = (on - birth_date).days
    if days < 0:
        return ""
    if months < 1:
        return f"{days} jour{'s' if days > 1 else ''}"
    if months < 24:
        return f"{months} mois"
    return f"{months // 12} ans"


def _local(value):
    return timezone.localtime(value) if timezone.is_aware(value) else value


def _day_words(value, today):
    distance = (value - today).days
    named = {0: "aujourd’hui", -1: "hier", 1: "demain"}.get(distance)
    if named:
        return named
    if 1 < distance < 7:
        return format_date(value, "l j F")
    number = "1er" if value.day == 1 else str(value.day)
    month = format_date(value, "F" if value.year == today.year else "F Y")
    return f"{number} {month}"


@register.filter
def day(value):
    """Say a date: « hier », « lundi 24 novembre », « 3 mars 2025 »."""
    if not value:
        return ""
    plain = _local(value).date() if isinstance(value, datetime) else value
    if not isinstance(plain, date):
        return value
    return format_html(
        '<time datetime="{}">{}</time>', plain.isoformat(), _day_words(plain, timezone.localdate())
    )


@register.filter
def moment(value):
    """Say a moment: « aujourd’hui à 14 h 05 », with the exact time in the markup."""
    if not isinstance(value, datetime):
        return day(value)
    local = _local(value)
    minutes = f" {local.minute:02d}" if local.minute else ""
    return format_html(
        '<time datetime="{}">{} à {} h{}</time>',
        local.isoformat(timespec="minutes"),
        _day_words(local.date(), timezone.localdate()),
        local.hour,
        minutes,
    )


@register.filter
def clock(value):
    """Say the hour alone: « 14 h 05 »."""
    if not isinstance(value, datetime):
        return ""
    local = _local(value)
    return format_html(
        '<time datetime="{}">{} h {:02d}</time>',
        local.isoformat(timespec="minutes"),
        local.hour,
        local.minute,
    ) if local.minute else format_html(
        '<time datetime="{}">{} h</time>', local.isoformat(timespec="minutes"), local.hour
    )


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
        return f"+{digits[:3]} {digits[3:6]} " + " ".join(digits[i : i + 2] for i in range(6, 12, 2))
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


@register.simple_tag(takes_context=True)
def door(context, name, *arguments):
    """Give the address of a named page, or nothing when that page does not exist."""
    try:
        return reverse(name, args=arguments)
    except NoReverseMatch:
        return ""


@register.simple_tag(takes_context=True)
def here(context, name):
    """Mark the entry of the menu where one stands: « page » exactly, « true » within."""
    match = getattr(context.get("request"), "resolver_match", None)
    if not match:
        return ""
    if match.view_name == name:
        return "page"
    space = name.partition(":")[0]
    return "true" if ":" in name and space in match.namespaces else ""


@register.simple_tag(takes_context=True)
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
    spoken = format_html('role="img" aria-label="{}"', label) if label else mark_safe('aria-hidden="true"')
    return format_html(
        '<svg class="spark" viewBox="0 -3 100 32" {}><polyline points="{}"/><circle cx="{}" cy="{}" r="2.5"/></svg>',
        spoken,
        line,
        f"{points[-1][0]:g}",
        f"{points[-1][1]:g}",
    )


@register.simple_tag
def measure_chart(points, unit="", label="", low=None, high=None):
    """Draw a curve of (moment, number) pairs, oldest first, with its normal band; the table stays beside it."""
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
            format_html('<rect class="chart-band" x="{}" y="{}" width="{}" height="{}"/>', left, above, width - left, round(below - above, 1))
        )
    for step in range(5):
        value = least + (most - least) * step / 4
        y = up(value)
        parts.append(
            format_html('<path class="chart-grid" d="M{} {}H{}"/><text x="{}" y="{}" text-anchor="end">{}</text>', left, y, width, left - 6, y + 4, f"{value:.3g}".replace(".", ","))
        )
    shape = "j F" if start.year == end.year else "j F Y"
    for at, anchor in ((start, "start"), (end, "end")):
        words = format_date(_local(at) if isinstance(at, datetime) else at, shape)
        parts.append(
            format_html('<text x="{}" y="{}" text-anchor="{}">{}</text>', across(at), top + height + 18, anchor, words)
        )
    line = " ".join(f"{across(at):g},{up(value):g}" for at, value in points)
    parts.append(format_html('<polyline class="chart-line" points="{}"/>', line))
    parts.append(
        format_html_join(
            "",
            '<circle cx="{}" cy="{}" r="4"{}><title>{} {}, {}</title></circle>',
            (
                (
                    across(at), up(value),
                    mark_safe(' class="out"') if (low is not None and value < low) or (high is not None and value > high) else "",
                    f"{value:g}".replace(".", ","), unit, format_date(_local(at) if isinstance(at, datetime) else at, "j F Y"),
                )
                for at, value in points
            ),
        )
    )
    first, last = (f"{value:g}".replace(".", ",") for value in (values[0], values[-1]))
    title = f"{label} : {len(values)} mesures, de {first} à {last} {unit}".strip()
    return format_html(
        '<svg class="chart" viewBox="0 0 {} {}" role="img" aria-label="{}">{}</svg>',
        width, top + height + 24, conditional_escape(title), mark_safe("".join(parts)),
    )
