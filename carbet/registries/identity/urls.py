"""Addresses of the identity cell's desk."""

from django.urls import path

from carbet.registries.identity import views

app_name = "identity"
urlpatterns = [
    path("identites/", views.worklist, name="list"),
    path("identites/chercher/", views.find, name="find"),
    path("identites/decisions/", views.decisions, name="decisions"),
    path("identites/decisions/<sid:reconciliation_id>/", views.decision, name="decision"),
    path("identites/statistiques/", views.statistics, name="statistics"),
    path("identites/statistiques/export.csv", views.statistics_csv, name="statistics_csv"),
    path("identites/machine/", views.learning, name="learning"),
    path("identites/avis/", views.notices, name="notices"),
    path("identites/fiches/<sid:identity_id>/", views.identity, name="identity"),
    path("identites/fiches/<sid:identity_id>/insi/", views.verify, name="verify"),
    path("identites/fiches/<sid:identity_id>/piece/", views.prove, name="prove"),
    path("identites/fiches/<sid:identity_id>/attributs/", views.mark, name="mark"),
    path("identites/fiches/<sid:identity_id>/separer/", views.part, name="part"),
    path("identites/questions/<sid:pair_id>/", views.compare, name="compare"),
    path("identites/questions/<sid:pair_id>/rouvrir/", views.reopen, name="reopen"),
]
