"""What every page knows: who reads it, where the live events come from, which theme was chosen."""

from collections.abc import Callable
from functools import cache

from django.conf import settings

from carbet.core import waiting

THEMES = ("light", "dark")


def counting(request) -> Callable[[str], Callable[[], int]]:
    """Return functions that count what waits for the reader, once, when the page asks for one."""

    @cache
    def counts() -> dict[str, int]:
        actor = getattr(request, "actor", None)
        return waiting.counts(actor=actor) if actor is not None else {}

    return lambda key: lambda: counts().get(key, 0)


def page(request):
    """Give the layout its context; everything is optional so that an error page renders too."""
    theme = request.COOKIES.get("theme", "")
    count = counting(request)
    live_url = getattr(settings, "LIVE_URL", "")
    return {
        "actor": getattr(request, "actor", None),
        "theme": theme if theme in THEMES else "",
        "live_url": f"{live_url.rstrip('/')}/live" if live_url else "",
        "unread_alerts": count("alerts"),
        "unread_messages": count("messages"),
        "demonstration": getattr(settings, "DEMONSTRATION", False),
    }
