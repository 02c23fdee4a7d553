"""Every address of the house, room by room."""

from django.urls import include, path

urlpatterns: list = [
    path("compte/", include("allauth.account.urls")),
]
