"""Addresses of the directory."""

from django.urls import path

from carbet.registries.directory import views

app_name = "directory"
urlpatterns = [
    path("annuaire/", views.search, name="search"),
    path("annuaire/structures/<sid:organization_id>/", views.organization, name="organization"),
    path("annuaire/professionnels/<sid:role_id>/", views.role, name="role"),
    path("annuaire/imports/", views.imports, name="imports"),
    path("annuaire/imports/lancer/", views.request_import, name="request_import"),
    path("annuaire/imports/<sid:run_id>/", views.import_run, name="import"),
    path("annuaire/imports/<sid:run_id>/rapport.csv", views.import_report, name="import_report"),
    path("role/", views.choose_role, name="choose_role"),
]
