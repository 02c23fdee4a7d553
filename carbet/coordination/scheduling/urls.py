"""Addresses of the agenda."""

from django.urls import path

from carbet.coordination.scheduling import views

app_name = "scheduling"
_ONE = "patients/<sid:patient_id>/agenda/<sid:appointment_id>/"
urlpatterns = [
    path("agenda/", views.mine, name="mine"),
    path("agenda/demandes/", views.requests, name="requests"),
    path(
        "agenda/demandes/<sid:appointment_id>/repondre/",
        views.answer_unnamed,
        name="answer_unnamed",
    ),
    path("agenda/creneaux/", views.slots, name="slots"),
    path("agenda/creneaux/<sid:slot_id>/retirer/", views.withdraw_slot, name="withdraw_slot"),
    path("agenda/absences/", views.absences, name="absences"),
    path("agenda/absences/<sid:absence_id>/retirer/", views.cancel_absence, name="cancel_absence"),
    path("agenda/abonnement/", views.subscription, name="subscription"),
    path("agenda/flux/<str:secret>.ics", views.feed, name="feed"),
    path("agenda/professionnels/<sid:role_id>/", views.colleague, name="colleague"),
    path("patients/<sid:patient_id>/agenda/", views.of_patient, name="of_patient"),
    path("patients/<sid:patient_id>/agenda/nouveau/", views.create, name="create"),
    path("patients/<sid:patient_id>/agenda/attente/", views.wait, name="wait"),
    path(_ONE, views.detail, name="detail"),
    path(f"{_ONE}deplacer/", views.move, name="move"),
    path(f"{_ONE}annuler/", views.cancel, name="cancel"),
    path(f"{_ONE}repondre/", views.answer, name="answer"),
    path(f"{_ONE}convenir/", views.agree, name="agree"),
    path(f"{_ONE}retablir/", views.reinstate, name="reinstate"),
    path(f"{_ONE}clore/", views.close, name="close"),
    path(f"{_ONE}avancer/", views.advance, name="advance"),
]
