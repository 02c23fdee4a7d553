"""Addresses of the front door."""

from django.urls import include, path

from carbet.portal import views

own = [
    path("demandes/<sid:request_id>/", views.support_request, name="request"),
    path("demandes/<sid:request_id>/completer/", views.complete_request, name="complete_request"),
    path("demandes/<sid:request_id>/retirer/", views.withdraw_request, name="withdraw_request"),
    path("", views.records, name="records"),
    path("<sid:patient_id>/", views.record, name="record"),
    path("<sid:patient_id>/acces/", views.accesses, name="accesses"),
    path("<sid:patient_id>/appui/", views.support, name="support"),
    path("<sid:patient_id>/appui/demander/", views.ask_support, name="ask_support"),
]
disruptions = [
    path("", views.service_states, name="list"),
    path("avis/", views.notices, name="notices"),
    path("declarer/", views.declare_disruption, name="declare"),
    path("<sid:disruption_id>/", views.disruption, name="detail"),
    path("<sid:disruption_id>/modifier/", views.change_disruption, name="change"),
    path("<sid:disruption_id>/terminer/", views.end_disruption, name="end"),
]
urlpatterns = [
    path("", views.home, name="home"),
    path("services/", views.services, name="services"),
    path("services/etat/", include((disruptions, "disruptions"))),
    path("mon-dossier/", include((own, "portal"))),
]
