"""Addresses of the FHIR door."""

from django.urls import include, path

from carbet.interop.fhir_api import views

app_name = "fhir_api"
_within = [
    path("", views.base),
    path("metadata", views.metadata, name="metadata"),
    path("<str:resource_type>", views.collection, name="collection"),
    path("Patient/$match", views.match, name="match"),
    path("Patient/$ihe-pix", views.pix, name="pix"),
    path("<str:resource_type>/_search", views.search, name="search"),
    path("<str:resource_type>/<str:resource_id>", views.instance, name="instance"),
    path("<str:resource_type>/<str:resource_id>/_history", views.history, name="history"),
    path(
        "<str:resource_type>/<str:resource_id>/_history/<str:version>",
        views.version,
        name="version",
    ),
    path("<path:elsewhere>", views.elsewhere, name="elsewhere"),
]
urlpatterns = [path("fhir", views.base, name="base"), path("fhir/", include(_within))]
