"""Addresses of steering."""

from django.urls import path

from carbet.steering.activity import views

app_name = "activity"
urlpatterns = [
    path("pilotage/", views.dashboard, name="dashboard"),
    path("pilotage/liste/", views.people, name="list"),
    path("pilotage/export.csv", views.export_csv, name="csv"),
    path("pilotage/<slug:section>/", views.dashboard, name="section"),
]
