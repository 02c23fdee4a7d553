"""Addresses of support."""

from django.urls import path

from carbet.coordination.support import views

app_name = "support"
urlpatterns = [
    path("demandes/", views.inbox, name="list"),
    path("demandes/envoyees/", views.mine, name="mine"),
    path("demandes/<sid:request_id>/", views.detail, name="detail"),
    path("demandes/<sid:request_id>/accepter/", views.accept, name="accept"),
    path("demandes/<sid:request_id>/reorienter/", views.redirect, name="redirect"),
    path("demandes/<sid:request_id>/retirer/", views.withdraw, name="withdraw"),
    path("patients/<sid:patient_id>/appui/", views.of_patient, name="of_patient"),
    path("patients/<sid:patient_id>/demande-d-appui/", views.create, name="create"),
    path("patients/<sid:patient_id>/appui/<sid:case_id>/", views.case, name="case"),
    path("patients/<sid:patient_id>/appui/<sid:case_id>/clore/", views.close, name="close"),
]
