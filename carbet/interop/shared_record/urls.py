"""Addresses of the deposits of a document."""

from django.urls import path

from carbet.interop.shared_record import views

app_name = "shared_record"
urlpatterns = [
    path(
        "patients/<sid:patient_id>/documents/<sid:document_id>/dmp/",
        views.deposit,
        name="deposit",
    ),
]
