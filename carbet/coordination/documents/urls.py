"""Addresses of the documents of a person."""

from django.urls import path

from carbet.coordination.documents import views

app_name = "documents"
_ONE = "patients/<sid:patient_id>/documents/<sid:document_id>/"
urlpatterns = [
    path("patients/<sid:patient_id>/cercle/accord/", views.decide, name="decide"),
    path(
        "patients/<sid:patient_id>/cercle/accord/<sid:consent_id>/preuve/",
        views.prove,
        name="prove",
    ),
    path("patients/<sid:patient_id>/documents/", views.documents, name="list"),
    path("patients/<sid:patient_id>/documents/ajouter/", views.add, name="add"),
    path("patients/<sid:patient_id>/documents/lettre/", views.write_letter, name="letter"),
    path(
        "patients/<sid:patient_id>/documents/fiche-du-cercle/",
        views.file_circle_sheet,
        name="file_circle_sheet",
    ),
    path(_ONE, views.detail, name="detail"),
    path(_ONE + "remplacer/", views.replace, name="replace"),
    path(_ONE + "retirer/", views.withdraw, name="withdraw"),
    path(_ONE + "fichier/<int:number>/", views.content, name="content"),
    path(_ONE + "lire/<int:number>/", views.read, name="read"),
    path(_ONE + "fichier/<int:number>/page/<int:rank>/", views.page, name="page"),
    path(_ONE + "fichier/<int:number>/piece/<int:part>/", views.piece, name="piece"),
    path(
        _ONE + "fichier/<int:number>/piece/<int:part>/page/<int:rank>/",
        views.piece_page,
        name="piece_page",
    ),
    path(_ONE + "apercu/<int:number>/", views.small_view, name="small_view"),
]
