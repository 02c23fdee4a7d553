"""Addresses of the plan."""

from django.urls import path

from carbet.coordination.care_plans.views import deciding, proposing, reading, visiting, writing

app_name = "care_plans"
_PLAN = "patients/<sid:patient_id>/plan/"
urlpatterns = [
    path(_PLAN, reading.detail, name="detail"),
    path(f"{_PLAN}commencer/", writing.create, name="create"),
    path(f"{_PLAN}modifier/", writing.edit, name="edit"),
    path(f"{_PLAN}presentation/", writing.describe, name="describe"),
    path(f"{_PLAN}saisie/", writing.add_entry, name="add_entry"),
    path(f"{_PLAN}besoins/<sid:need_id>/", writing.change_need, name="change_need"),
    path(f"{_PLAN}objectifs/<sid:goal_id>/", writing.change_goal, name="change_goal"),
    path(f"{_PLAN}actions/<sid:action_id>/", writing.change_action, name="change_action"),
    path(f"{_PLAN}actions/<sid:action_id>/rendez-vous/", visiting.plan_visits, name="visits"),
    path(
        f"{_PLAN}actions/<sid:action_id>/rendez-vous/annuler/",
        visiting.cancel_visits,
        name="cancel_visits",
    ),
    path(f"{_PLAN}disposition/", writing.arrange, name="arrange"),
    path(f"{_PLAN}avancement/", reading.progress, name="progress"),
    path(f"{_PLAN}proposer/", deciding.propose, name="propose"),
    path(f"{_PLAN}decision/", deciding.decide, name="decide"),
    path(f"{_PLAN}modeles/", proposing.outlines, name="outlines"),
    path(f"{_PLAN}modeles/<slug:outline_key>/", proposing.outline, name="outline"),
    path(
        f"{_PLAN}evaluations/<sid:response_id>/",
        proposing.from_assessment,
        name="from_assessment",
    ),
    path(f"{_PLAN}accord/", deciding.agree, name="agree"),
    path(f"{_PLAN}revision/", deciding.review, name="review"),
    path(f"{_PLAN}versions/", reading.versions, name="versions"),
    path(f"{_PLAN}versions/comparer/", reading.compare, name="compare"),
    path(f"{_PLAN}versions/<int:number>/", reading.version, name="version"),
    path(f"{_PLAN}versions/<int:number>/classer/", reading.file_version, name="file_version"),
    path(f"{_PLAN}plan.pdf", reading.pdf, name="pdf"),
]
