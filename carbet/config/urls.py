"""Every address of the house, room by room."""

from importlib.util import find_spec

from django.urls import include, path, register_converter

from carbet.core import doors
from carbet.core.converters import ShortId

register_converter(ShortId, "sid")

# The door of the machines first: it is asked a thousand times a second, and its own prefix sends
# everybody else on at once.
ROOMS = (
    "carbet.interop.fhir_api",
    "carbet.core",
    "carbet.registries.accounts",
    "carbet.registries.directory",
    "carbet.registries.rights",
    "carbet.registries.patients",
    "carbet.registries.offer",
    "carbet.registries.identity",
    "carbet.coordination.alerts",
    "carbet.coordination.care_teams",
    "carbet.coordination.documents",
    "carbet.coordination.tasks",
    "carbet.coordination.orientation",
    "carbet.coordination.notebook",
    "carbet.coordination.assessments",
    "carbet.coordination.scheduling",
    "carbet.coordination.situations",
    "carbet.coordination.support",
    "carbet.coordination.messaging",
    "carbet.coordination.care_plans",
    "carbet.coordination.charts",
    "carbet.coordination.subscriptions",
    "carbet.coordination.detection",
    "carbet.interop.hospital_feed",
    "carbet.interop.secure_mail",
    "carbet.interop.shared_record",
    "carbet.interop.exports",
    "carbet.steering.activity",
    "carbet.portal",
)

urlpatterns = [
    path("", include(f"{room}.urls")) for room in ROOMS if find_spec(f"{room}.urls") is not None
]

# The libraries' own pages keep their own doors: they sign people in and out.
doors.third_party(
    "allauth",
    doors.Door(frozenset({"anonymous", "professional", "person", "system"}), role_chosen=False),
)

handler400 = "carbet.core.views.bad_request"
handler403 = "carbet.core.views.forbidden"
handler404 = "carbet.core.views.not_found"
handler500 = "carbet.core.views.server_error"
