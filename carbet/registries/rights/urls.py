"""Addresses of rights, and those by which other applications and systems get their tokens."""

from allauth.idp.oidc import views as identity
from django.urls import include, path

from carbet.registries.rights import views

own = [
    path("compte/pro-sante-connect/", views.pro_sante_connect, name="pro_sante_connect"),
    path(
        "compte/pro-sante-connect/retour/",
        views.pro_sante_connect_answer,
        name="pro_sante_connect_answer",
    ),
    path("compte/pro-sante-connect/delier/", views.unlink, name="unlink"),
    path("inscription/", views.register, name="register"),
    path("inscription/quitter/", views.leave_proof, name="leave_proof"),
    path("inscription/suivi/<str:follow_up>/", views.follow_up, name="follow_up"),
    path("inscription/nouvel-acces/<str:renewal>/", views.renewed, name="renewed"),
    path("habilitations/", views.rights, name="list"),
    path("habilitations/demandes/", views.registrations, name="registrations"),
    path("habilitations/demandes/<sid:registration_id>/", views.registration, name="registration"),
    path("habilitations/revue/", views.review, name="review"),
    path("habilitations/export.csv", views.export, name="export"),
    path("habilitations/miennes/", views.mine, name="mine"),
    path(
        "habilitations/delegations/<sid:delegation_id>/terminer/",
        views.end_delegation,
        name="end_delegation",
    ),
    path("habilitations/applications/", views.applications, name="applications"),
    path(
        "habilitations/applications/<sid:application_id>/fermer/",
        views.close_application,
        name="close_application",
    ),
    path("habilitations/<sid:right_id>/", views.right, name="right"),
    path("habilitations/<sid:right_id>/quitter/", views.leave, name="leave"),
]
# The names are those by which the sign-in library finds its own pages.
provider = [
    path(".well-known/openid-configuration", views.configuration, name="configuration"),
    path(".well-known/jwks.json", identity.jwks, name="jwks"),
    path("identity/o/authorize", views.authorization, name="authorization"),
    path("identity/o/logout", views.logout, name="logout"),
    path("identity/o/api/token", views.token, name="token"),
    path("identity/o/api/revoke", views.revoke, name="revoke"),
    path("identity/o/api/userinfo", views.user_info, name="userinfo"),
]
urlpatterns = [
    path("", include((own, "rights"))),
    path("", include(([path("", include((provider, "oidc")))], "idp"))),
]
