"""Addresses of the directory."""

from django.urls import path

from carbet.registries.directory import views

app_name = "directory"
urlpatterns = [
    path("role", views.choose_role, name="choose_role"),
]
