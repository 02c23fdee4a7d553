"""Addresses of the feed: for whoever operates the house, and the stays of a person."""

from django.urls import path

from carbet.interop.hospital_feed import views

app_name = "hospital_feed"
urlpatterns = [
    path("exploitation/hopitaux/", views.home, name="home"),
    path("exploitation/hopitaux/messages/", views.tray, name="tray"),
    path("exploitation/hopitaux/messages/<sid:feed_message_id>/", views.message, name="message"),
    path(
        "exploitation/hopitaux/messages/<sid:feed_message_id>/rejouer/", views.replay, name="replay"
    ),
    path("exploitation/hopitaux/messages/<sid:feed_message_id>/corriger/", views.mend, name="mend"),
    path(
        "exploitation/hopitaux/messages/<sid:feed_message_id>/abandonner/",
        views.abandon,
        name="abandon",
    ),
    path(
        "exploitation/hopitaux/messages/<sid:feed_message_id>/domaine/",
        views.accept_domain,
        name="accept_domain",
    ),
    path("exploitation/hopitaux/routes/", views.routes, name="routes"),
    path(
        "exploitation/hopitaux/routes/<sid:route_id>/fermer/", views.close_route, name="close_route"
    ),
    path("patients/<sid:patient_id>/sejours/", views.of_patient, name="of_patient"),
]
