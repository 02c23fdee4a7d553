"""Addresses of identities."""

from django.urls import path

from carbet.registries.patients import views

app_name = "patients"
urlpatterns = [
    path("patients/", views.patients, name="list"),
    path("patients/recherche/", views.search, name="search"),
    path("patients/trouver/", views.find, name="find"),
    path("patients/<sid:patient_id>/identite/", views.detail, name="detail"),
    path("patients/<sid:patient_id>/identite/corriger/", views.correct, name="correct"),
    path("patients/<sid:patient_id>/identite/versions/", views.versions, name="versions"),
]
