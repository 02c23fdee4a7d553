"""Addresses of alerts."""

from django.urls import path

from carbet.coordination.alerts import views

app_name = "alerts"
urlpatterns = [
    path("alertes/", views.alerts, name="list"),
    path("alertes/cloche/", views.bell, name="bell"),
    path("alertes/lues/", views.mark_all_read, name="mark_all_read"),
    path("alertes/<sid:alert_id>/ouvrir/", views.open_alert, name="open"),
    path("alertes/<sid:alert_id>/lue/", views.mark_read, name="mark_read"),
]
