"""Addresses of the foundations."""

from django.urls import include, path

from carbet.core import gallery, views

operations = [
    path("", views.operations_home, name="home"),
    path("envois/", views.outbox_tray, name="tray"),
    path("envois/<sid:message_id>/reessayer/", views.retry_message, name="retry"),
    path("envois/<sid:message_id>/abandonner/", views.abandon_message, name="abandon"),
]
urlpatterns = [
    path("sante", views.health, name="health"),
    path("sw.js", views.service_worker, name="service_worker"),
    path("composants", gallery.gallery, name="gallery"),
    path("exploitation/", include((operations, "operations"))),
]
