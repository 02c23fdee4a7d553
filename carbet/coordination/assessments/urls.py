"""Addresses of assessments."""

from django.urls import path

from carbet.coordination.assessments import views

app_name = "assessments"
_OF = "patients/<sid:patient_id>/evaluations/"
urlpatterns = [
    path(_OF, views.history, name="list"),
    path(f"{_OF}nouvelle/", views.choose, name="choose"),
    path(f"{_OF}commencer/", views.begin, name="begin"),
    path(f"{_OF}<sid:response_id>/", views.detail, name="detail"),
    path(f"{_OF}<sid:response_id>/remplir/", views.fill, name="fill"),
    path(f"{_OF}<sid:response_id>/retirer/", views.withdraw, name="withdraw"),
    path(f"{_OF}comparer/<sid:questionnaire_id>/", views.compare, name="compare"),
]
