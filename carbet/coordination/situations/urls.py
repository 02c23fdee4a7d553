"""Addresses of living situations."""

from django.urls import path

from carbet.coordination.situations import views

app_name = "situations"
_OF = "patients/<sid:patient_id>/situation/"
urlpatterns = [
    path(_OF, views.detail, name="detail"),
    path(f"{_OF}decrire/", views.edit, name="edit"),
    path(f"{_OF}urgence/", views.emergency, name="emergency"),
    path("patients/<sid:patient_id>/fiche-d-urgence/", views.sheet, name="sheet"),
    path("patients/<sid:patient_id>/fiche-d-urgence/classer/", views.file_sheet, name="file_sheet"),
]
