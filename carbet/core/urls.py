"""Addresses of the foundations."""

from django.urls import path

from carbet.core import gallery, views

urlpatterns = [
    path("sante", views.health, name="health"),
    path("composants", gallery.gallery, name="gallery"),
]
