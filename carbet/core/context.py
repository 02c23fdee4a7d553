"""What every page knows: who reads it, where the live events come from, which theme was chosen."""

from django.conf import settings

THEMES = ("light", "dark")


def page(request):
    """Give the layout its context; everything is optional so that an error page renders too."""
    theme = request.COOKIES.get("theme", "")
    live_url = getattr(settings, "LIVE_URL", "")
    return {
        "actor": getattr(request, "actor", None),
        "theme": theme if theme in THEMES else "",
        "live_url": f"{live_url.rstrip('/')}/live" if live_url else "",
        "unread_alerts": getattr(request, "unread_alerts", 0),
        "demonstration": getattr(settings, "DEMONSTRATION", False),
    }
