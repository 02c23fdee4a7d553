"""What every page knows: who reads it, where the live events come from, which theme was chosen."""

from collections.abc import Callable
from functools import cache

from django.conf import settings
from django.utils.module_loading import import_string

THEMES = ("light", "dark")


def unread_alerts(request) -> Callable[[], int]:
    """Return a function that counts what waits for the reader, once, when the page asks for it."""

    @cache
    def count() -> int:
        actor = getattr(request, "actor", None)
        if actor is None or not actor.grantees:
            return 0
        return import_string(settings.CARBET_UNREAD_COUNT)(actor=actor)

    return count


def page(request):
    """Give the layout its context; everything is optional so that an error page renders too."""
    theme = request.COOKIES.get("theme", "")
    live_url = getattr(settings, "LIVE_URL", "")
    return {
        "actor": getattr(request, "actor", None),
        "theme": theme if theme in THEMES else "",
        "live_url": f"{live_url.rstrip('/')}/live" if live_url else "",
        "unread_alerts": unread_alerts(request),
        "demonstration": getattr(settings, "DEMONSTRATION", False),
    }
