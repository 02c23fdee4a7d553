"""Addresses of tasks."""

from django.urls import path

from carbet.coordination.tasks import views

app_name = "tasks"
urlpatterns = [
    path("taches/", views.tasks, name="list"),
    path("taches/<sid:task_id>/", views.detail, name="detail"),
    path("taches/<sid:task_id>/repondre/", views.answer, name="answer"),
    path("taches/<sid:task_id>/confier/", views.entrust, name="entrust"),
    path("patients/<sid:patient_id>/taches/", views.of_patient, name="of_patient"),
    path("patients/<sid:patient_id>/taches/nouvelle/", views.create, name="create"),
]
