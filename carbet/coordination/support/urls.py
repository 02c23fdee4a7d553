"""Addresses of support."""

from django.urls import path

from carbet.coordination.support.views import cases, requests

app_name = "support"
_ONE = "demandes/<sid:request_id>/"
_CASE = "patients/<sid:patient_id>/appui/<sid:case_id>/"
urlpatterns = [
    path("demandes/", requests.inbox, name="list"),
    path("demandes/envoyees/", requests.mine, name="mine"),
    path("demandes/dossiers/", cases.caseload, name="caseload"),
    path("demandes/dossiers/<sid:case_id>/rouvrir/", cases.reopen, name="reopen"),
    path(_ONE, requests.detail, name="detail"),
    path(f"{_ONE}complexite/", requests.triage, name="triage"),
    path(f"{_ONE}complement/", requests.ask, name="ask"),
    path(f"{_ONE}completer/", requests.complete, name="complete"),
    path(f"{_ONE}accepter/", requests.accept, name="accept"),
    path(f"{_ONE}reorienter/", requests.redirect, name="redirect"),
    path(f"{_ONE}retirer/", requests.withdraw, name="withdraw"),
    path(f"{_ONE}prevenu/<sid:step_id>/", requests.told, name="told"),
    path(f"{_ONE}fichiers/<int:number>/", requests.content, name="content"),
    path("patients/<sid:patient_id>/appui/", requests.of_patient, name="of_patient"),
    path("patients/<sid:patient_id>/demande-d-appui/", requests.create, name="create"),
    path(_CASE, cases.case, name="case"),
    path(f"{_CASE}contact/", cases.contact, name="contact"),
    path(f"{_CASE}complexite/", cases.score, name="score"),
    path(f"{_CASE}confier/", cases.hand_over, name="hand_over"),
    path(f"{_CASE}suspendre/", cases.suspend, name="suspend"),
    path(f"{_CASE}reprendre/", cases.resume, name="resume"),
    path(f"{_CASE}clore/", cases.close, name="close"),
]
