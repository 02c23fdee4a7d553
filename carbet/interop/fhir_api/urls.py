"""Addresses of the FHIR door."""

from django.urls import path

from carbet.interop.fhir_api import views

app_name = "fhir_api"
urlpatterns = [
    path("fhir", views.base, name="base"),
    path("fhir/", views.base),
    path("fhir/metadata", views.metadata, name="metadata"),
    path("fhir/<str:resource_type>", views.collection, name="collection"),
    path("fhir/Patient/$match", views.match, name="match"),
    path("fhir/Patient/$ihe-pix", views.pix, name="pix"),
    path("fhir/<str:resource_type>/_search", views.search, name="search"),
    path("fhir/<str:resource_type>/<str:resource_id>", views.instance, name="instance"),
    path("fhir/<str:resource_type>/<str:resource_id>/_history", views.history, name="history"),
    path(
        "fhir/<str:resource_type>/<str:resource_id>/_history/<str:version>",
        views.version,
        name="version",
    ),
    path("fhir/<path:elsewhere>", views.elsewhere, name="elsewhere"),
]
