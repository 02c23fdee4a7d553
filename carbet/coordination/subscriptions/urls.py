"""Addresses of subscriptions."""

from django.urls import path

from carbet.coordination.subscriptions import views

app_name = "subscriptions"
urlpatterns = [
    path("patients/<sid:patient_id>/abonnements/", views.of_patient, name="of_patient"),
    path(
        "patients/<sid:patient_id>/abonnements/<sid:subscription_id>/arreter/",
        views.stop,
        name="stop",
    ),
]
