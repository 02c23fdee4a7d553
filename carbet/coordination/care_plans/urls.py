"""Addresses of the plan."""

from django.urls import path

from carbet.coordination.care_plans import views

app_name = "care_plans"
_PLAN = "patients/<sid:patient_id>/plan/"
urlpatterns = [
    path(_PLAN, views.detail, name="detail"),
    path(f"{_PLAN}commencer/", views.create, name="create"),
    path(f"{_PLAN}modifier/", views.edit, name="edit"),
    path(f"{_PLAN}presentation/", views.describe, name="describe"),
    path(f"{_PLAN}saisie/", views.add_entry, name="add_entry"),
    path(f"{_PLAN}besoins/<sid:need_id>/", views.change_need, name="change_need"),
    path(f"{_PLAN}objectifs/<sid:goal_id>/", views.change_goal, name="change_goal"),
    path(f"{_PLAN}actions/<sid:action_id>/", views.change_action, name="change_action"),
    path(f"{_PLAN}disposition/", views.arrange, name="arrange"),
    path(f"{_PLAN}avancement/", views.progress, name="progress"),
    path(f"{_PLAN}proposer/", views.propose, name="propose"),
    path(f"{_PLAN}decision/", views.decide, name="decide"),
    path(f"{_PLAN}versions/", views.versions, name="versions"),
    path(f"{_PLAN}versions/comparer/", views.compare, name="compare"),
    path(f"{_PLAN}versions/<int:number>/", views.version, name="version"),
    path(f"{_PLAN}plan.pdf", views.pdf, name="pdf"),
]
