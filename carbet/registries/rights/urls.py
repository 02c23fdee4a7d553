"""Addresses of rights."""

from django.urls import path

from carbet.registries.rights import views

app_name = "rights"
urlpatterns = [
    path("compte/pro-sante-connect/", views.pro_sante_connect, name="pro_sante_connect"),
    path(
        "compte/pro-sante-connect/retour/",
        views.pro_sante_connect_answer,
        name="pro_sante_connect_answer",
    ),
]
