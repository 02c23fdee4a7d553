"""Addresses of the front door."""

from django.urls import include, path

from carbet.portal import views

own = [
    path("", views.records, name="records"),
    path("<sid:patient_id>/", views.record, name="record"),
    path("<sid:patient_id>/acces/", views.accesses, name="accesses"),
]
urlpatterns = [
    path("", views.home, name="home"),
    path("services/", views.services, name="services"),
    path("mon-dossier/", include((own, "portal"))),
]
