"""Addresses of the directory."""

from django.urls import path

from carbet.registries.directory import views

app_name = "directory"
urlpatterns = [
    path("annuaire/", views.search, name="search"),
    path("annuaire/structures/<sid:organization_id>/", views.organization, name="organization"),
    path("annuaire/professionnels/<sid:role_id>/", views.role, name="role"),
    path("role/", views.choose_role, name="choose_role"),
]
