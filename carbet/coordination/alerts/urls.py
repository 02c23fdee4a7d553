"""Addresses of alerts, of the wishes of each user, and of the duty rota."""

from django.urls import path

from carbet.coordination.alerts import views

app_name = "alerts"
urlpatterns = [
    path("alertes/", views.alerts, name="list"),
    path("alertes/cloche/", views.bell, name="bell"),
    path("alertes/lues/", views.mark_all_read, name="mark_all_read"),
    path("alertes/preferences/", views.preferences, name="preferences"),
    path("alertes/appareils/", views.add_device, name="add_device"),
    path("alertes/appareils/<sid:device_id>/retirer/", views.remove_device, name="remove_device"),
    path("alertes/<sid:alert_id>/", views.detail, name="detail"),
    path("alertes/<sid:alert_id>/ouvrir/", views.open_alert, name="open"),
    path("alertes/<sid:alert_id>/lue/", views.mark_read, name="mark_read"),
    path("alertes/<sid:alert_id>/prendre/", views.take, name="take"),
    path("alertes/<sid:alert_id>/rendre/", views.release, name="release"),
    path("alertes/<sid:alert_id>/personne/", views.choose_for_person, name="person"),
    path("astreinte/", views.duty, name="duty"),
    path("astreinte/<sid:shift_id>/annuler/", views.cancel_shift, name="cancel_shift"),
]
