"""Addresses of early detection."""

from django.urls import path

from carbet.coordination.detection import views

app_name = "detection"
_OF = "patients/<sid:patient_id>/signaux/"
urlpatterns = [
    path(_OF, views.of_patient, name="of_patient"),
    path(f"{_OF}<sid:issue_id>/", views.judge, name="judge"),
]
