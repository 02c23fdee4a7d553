"""Addresses of the exports: of one record, of the whole territory."""

from django.urls import path

from carbet.interop.exports import views

app_name = "exports"
_WHOLE = "exploitation/export/<sid:territory_id>/"
urlpatterns = [
    path("patients/<sid:patient_id>/export/", views.record, name="record"),
    path("patients/<sid:patient_id>/export/<sid:export_id>/", views.archive, name="archive"),
    path("exploitation/export/", views.territory, name="territory"),
    path(_WHOLE, views.whole, name="whole"),
    path(_WHOLE + "accepter/", views.let, name="let"),
    path(_WHOLE + "refuser/", views.refuse_whole, name="refuse"),
    path(_WHOLE + "manifeste/", views.manifest, name="manifest"),
    path(_WHOLE + "<slug:file_section>/", views.lines, name="lines"),
]
