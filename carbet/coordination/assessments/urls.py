"""Addresses of assessments and of questionnaires."""

from django.urls import path

from carbet.coordination.assessments.views import assessing, keeping

app_name = "assessments"
_OF = "patients/<sid:patient_id>/evaluations/"
_ONE = "questionnaires/<sid:questionnaire_id>/"
urlpatterns = [
    path(_OF, assessing.history, name="list"),
    path(f"{_OF}nouvelle/", assessing.choose, name="choose"),
    path(f"{_OF}commencer/", assessing.begin, name="begin"),
    path(f"{_OF}<sid:response_id>/", assessing.detail, name="detail"),
    path(f"{_OF}<sid:response_id>/remplir/", assessing.fill, name="fill"),
    path(f"{_OF}<sid:response_id>/retirer/", assessing.withdraw, name="withdraw"),
    path(f"{_OF}comparer/<sid:questionnaire_id>/", assessing.compare, name="compare"),
    path("questionnaires/", keeping.library, name="library"),
    path("questionnaires/nouveau/", keeping.create, name="create"),
    path("questionnaires/importer/", keeping.take_in, name="import"),
    path(_ONE, keeping.preview, name="preview"),
    path(f"{_ONE}modifier/", keeping.edit, name="edit"),
    path(f"{_ONE}publier/", keeping.publish, name="publish"),
    path(f"{_ONE}version/", keeping.renew, name="renew"),
    path(f"{_ONE}retirer/", keeping.retire, name="retire"),
    path(f"{_ONE}questionnaire.json", keeping.export, name="export"),
]
