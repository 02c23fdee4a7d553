"""Addresses of accounts: the sign-in library's pages under our own words, and ours."""

from allauth.account import views as account
from allauth.mfa.base import views as mfa
from allauth.mfa.recovery_codes import views as recovery_codes
from allauth.mfa.totp import views as totp
from allauth.mfa.webauthn import views as webauthn
from django.urls import include, path

from carbet.core import doors
from carbet.registries.accounts import views

# Signing up, changing one's address and password links by mail are absent on purpose: accounts
# are opened by the region, and no mail leaves from here.
sign_in = [
    path("connexion/", views.sign_in, name="account_login"),
    path("connexion/code/", views.code, name="mfa_authenticate"),
    path("connexion/cle/", views.passkey, name="mfa_login_webauthn"),
    path("deconnexion/", account.logout, name="account_logout"),
    path("ferme/", account.account_inactive, name="account_inactive"),
    path("confirmation/", account.reauthenticate, name="account_reauthenticate"),
    path("confirmation/code/", views.confirmation_code, name="mfa_reauthenticate"),
    path("confirmation/cle/", webauthn.reauthenticate_webauthn, name="mfa_reauthenticate_webauthn"),
    path("mot-de-passe/", account.password_change, name="account_change_password"),
    path("mot-de-passe/choisir/", account.password_set, name="account_set_password"),
]
second_factors = [
    path("", mfa.index, name="mfa_index"),
    path("application/", totp.activate_totp, name="mfa_activate_totp"),
    path("application/retirer/", totp.deactivate_totp, name="mfa_deactivate_totp"),
    path("secours/", recovery_codes.view_recovery_codes, name="mfa_view_recovery_codes"),
    path(
        "secours/creer/",
        recovery_codes.generate_recovery_codes,
        name="mfa_generate_recovery_codes",
    ),
    path(
        "secours/telecharger/",
        recovery_codes.download_recovery_codes,
        name="mfa_download_recovery_codes",
    ),
    path("cles/", webauthn.list_webauthn, name="mfa_list_webauthn"),
    path("cles/ajouter/", webauthn.add_webauthn, name="mfa_add_webauthn"),
    path("cles/<int:pk>/retirer/", views.remove_passkey, name="mfa_remove_webauthn"),
    path("cles/<int:pk>/renommer/", webauthn.edit_webauthn, name="mfa_edit_webauthn"),
]
own = [
    path("compte/", views.profile, name="profile"),
    path("compte/fuseau/", views.time_zone, name="time_zone"),
    path("compte/reprendre/", views.left, name="left"),
    path("compte/renforcer/", views.strengthen, name="strengthen"),
    path("compte/deconnecter-partout/", views.sign_out_everywhere, name="sign_out_everywhere"),
]
urlpatterns = [
    path("compte/", include(sign_in)),
    path("compte/securite/", include(second_factors)),
    path("", include((own, "accounts"))),
]

doors.third_party(
    "allauth.mfa.recovery_codes",
    doors.Door(
        frozenset({"anonymous", "professional", "person"}),
        writes_on_get="the first look at recovery codes is remembered",
        role_chosen=False,
    ),
)
