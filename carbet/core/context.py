"""What every page knows: who reads it, where the live events come from, which theme was chosen."""

from collections.abc import Callable
from functools import cache

from django.conf import settings

from carbet.core import waiting

THEMES = ("light", "dark")


def asking(request) -> Callable[[], waiting.Said]:
    """Return a function that says what waits for the reader, asked once, when the page asks."""

    @cache
    def said() -> waiting.Said:
        actor, now = getattr(request, "actor", None), getattr(request, "now", None)
        return waiting.said(actor=actor, now=now) if actor and now else waiting.Said()

    return said


def page(request):
    """Give the layout its context; everything is optional so that an error page renders too."""
    theme = request.COOKIES.get("theme", "")
    said = asking(request)
    live_url = getattr(settings, "LIVE_URL", "")
    return {
        "actor": getattr(request, "actor", None),
        "theme": theme if theme in THEMES else "",
        "live_url": f"{live_url.rstrip('/')}/live" if live_url else "",
        "unread_alerts": lambda: said().counts.get("alerts", 0),
        "unread_messages": lambda: said().counts.get("messages", 0),
        "notices": lambda: said().notices,
        "demonstration": getattr(settings, "DEMONSTRATION", False),
    }
