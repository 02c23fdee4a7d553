"""Addresses of the deposits of a document, and of the shared record of a person."""

from django.urls import path

from carbet.interop.shared_record import views

app_name = "shared_record"
_PERSON = "patients/<sid:patient_id>/dmp/"
urlpatterns = [
    path(
        "patients/<sid:patient_id>/documents/<sid:document_id>/dmp/",
        views.deposit,
        name="deposit",
    ),
    path(_PERSON, views.consult, name="consult"),
    path(f"{_PERSON}lire/", views.look, name="look"),
    path(f"{_PERSON}fichier/", views.download, name="download"),
    path(f"{_PERSON}classer/", views.take, name="take"),
]
