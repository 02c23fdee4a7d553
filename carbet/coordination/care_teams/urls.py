"""Addresses of the circle."""

from django.urls import path

from carbet.coordination.care_teams import views

app_name = "care_teams"
urlpatterns = [
    path("patients/nouveau/", views.register, name="register"),
    path("acces-exceptionnels/", views.reviews, name="reviews"),
    path("acces-exceptionnels/<sid:breaking_id>/relire/", views.review, name="review"),
    path("invitations/", views.invitations, name="invitations"),
    path(
        "invitations/<sid:invitation_id>/repondre/",
        views.answer_invitation,
        name="answer_invitation",
    ),
    path(
        "patients/<sid:patient_id>/cercle/invitations/<sid:invitation_id>/retirer/",
        views.withdraw_invitation,
        name="withdraw_invitation",
    ),
    path("patients/<sid:patient_id>/cercle/invitations/", views.invited, name="invited"),
    path("patients/<sid:patient_id>/cercle/", views.detail, name="detail"),
    path("patients/<sid:patient_id>/cercle/ouvrir/", views.open_circle, name="open"),
    path("patients/<sid:patient_id>/cercle/ajouter/", views.add, name="add"),
    path("patients/<sid:patient_id>/cercle/ajouter/choix/", views.choices, name="choices"),
    path("patients/<sid:patient_id>/cercle/proche/", views.add_relative, name="add_relative"),
    path("patients/<sid:patient_id>/cercle/espace-personnel/", views.portal, name="portal"),
    path("patients/<sid:patient_id>/cercle/<sid:participant_id>/fin/", views.end, name="end"),
    path(
        "patients/<sid:patient_id>/cercle/<sid:participant_id>/donnees/", views.scope, name="scope"
    ),
    path("patients/<sid:patient_id>/acces-exceptionnel/", views.break_glass, name="break_glass"),
    path("patients/<sid:patient_id>/acces/", views.access_log, name="access_log"),
]
