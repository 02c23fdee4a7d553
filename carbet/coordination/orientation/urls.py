"""Addresses of orientation."""

from django.urls import path

from carbet.coordination.orientation import views

app_name = "orientation"
_RECORD = "patients/<sid:patient_id>/orientations/"
urlpatterns = [
    path("orienter/", views.search, name="search"),
    path(_RECORD, views.of_patient, name="of_patient"),
    path(_RECORD + "vers/<slug:destination>/", views.refer, name="refer"),
    path(_RECORD + "<sid:referral_id>/", views.detail, name="detail"),
]
