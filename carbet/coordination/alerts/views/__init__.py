"""The pages of alerts: what waits, one alert and its steps, one's wishes, the duty rota."""

from carbet.coordination.alerts.views.duty import cancel_shift, duty
from carbet.coordination.alerts.views.reading import (
    alerts,
    bell,
    choose_for_person,
    detail,
    mark_all_read,
    mark_read,
    open_alert,
    release,
    take,
)
from carbet.coordination.alerts.views.wishes import add_device, preferences, remove_device

__all__ = [
    "add_device",
    "alerts",
    "bell",
    "cancel_shift",
    "choose_for_person",
    "detail",
    "duty",
    "mark_all_read",
    "mark_read",
    "open_alert",
    "preferences",
    "release",
    "remove_device",
    "take",
]
