"""Addresses of the notebook."""

from django.urls import path

from carbet.coordination.notebook import views

app_name = "notebook"
urlpatterns = [
    path("patients/<sid:patient_id>/cahier/", views.timeline, name="list"),
    path("patients/<sid:patient_id>/cahier/notes/nouvelle/", views.write, name="write"),
    path(
        "patients/<sid:patient_id>/cahier/notes/<sid:note_id>/repondre/", views.reply, name="reply"
    ),
    path(
        "patients/<sid:patient_id>/cahier/notes/<sid:note_id>/corriger/",
        views.correct,
        name="correct",
    ),
    path(
        "patients/<sid:patient_id>/cahier/notes/<sid:note_id>/retirer/",
        views.withdraw,
        name="withdraw",
    ),
    path(
        "patients/<sid:patient_id>/cahier/notes/<sid:note_id>/versions/",
        views.versions,
        name="versions",
    ),
    path("patients/<sid:patient_id>/cahier/vu/", views.see, name="see"),
    path("patients/<sid:patient_id>/cahier/notes/<sid:note_id>/vu/", views.seen, name="seen"),
    path("patients/<sid:patient_id>/mesures/", views.measures, name="measures"),
    path("patients/<sid:patient_id>/mesures/saisir/", views.measure, name="measure"),
    path(
        "patients/<sid:patient_id>/mesures/<sid:measure_id>/erreur/",
        views.withdraw_measure,
        name="withdraw_measure",
    ),
]
