"""Addresses of steering."""

from django.urls import path

from carbet.steering.activity import views

app_name = "activity"
urlpatterns = [
    path("pilotage/", views.dashboard, name="dashboard"),
    path("pilotage/liste/", views.people, name="list"),
    path("pilotage/export.csv", views.export_csv, name="csv"),
    path("pilotage/export.xlsx", views.export_xlsx, name="xlsx"),
    path("pilotage/rapport/", views.monthly_report, name="report"),
    path("pilotage/rapport.pdf", views.report_pdf, name="report_pdf"),
    path("pilotage/<slug:section>/", views.dashboard, name="section"),
]
