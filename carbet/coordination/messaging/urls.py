"""Addresses of the messaging."""

from django.urls import path

from carbet.coordination.messaging import views

app_name = "messaging"
urlpatterns = [
    path("messages/", views.threads, name="list"),
    path("messages/chercher/", views.search, name="search"),
    path("messages/nombre/", views.count, name="count"),
    path("messages/nouveau/", views.create, name="create"),
    path("messages/destinataires/", views.recipients, name="recipients"),
    path("messages/<sid:thread_id>/", views.thread, name="thread"),
    path("messages/<sid:thread_id>/ecrire/", views.send, name="send"),
    path(
        "messages/<sid:thread_id>/fichiers/<sid:attachment_id>/",
        views.attachment,
        name="attachment",
    ),
    path(
        "messages/<sid:thread_id>/fichiers/<sid:attachment_id>/apercu/",
        views.small_view,
        name="small_view",
    ),
    path("messages/<sid:thread_id>/lu/", views.mark_read, name="mark_read"),
    path("messages/<sid:thread_id>/sourdine/", views.mute, name="mute"),
    path("messages/<sid:thread_id>/archiver/", views.archive, name="archive"),
    path("messages/<sid:thread_id>/quitter/", views.leave, name="leave"),
    path("messages/<sid:thread_id>/clore/", views.close, name="close"),
    path("messages/<sid:thread_id>/rouvrir/", views.reopen, name="reopen"),
    path("messages/<sid:thread_id>/participants/", views.invite, name="invite"),
    path(
        "messages/<sid:thread_id>/participants/<sid:seat_id>/retirer/",
        views.remove,
        name="remove",
    ),
    path("patients/<sid:patient_id>/messages/", views.of_patient, name="of_patient"),
    path("patients/<sid:patient_id>/messages/nouveau/", views.create_about, name="create_about"),
]
