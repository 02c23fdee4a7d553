"""Addresses of the owner's corner and of the filling indicator."""

from django.urls import path

from carbet.registries.offer import views

app_name = "offer"
_ONE = "offre/<sid:organization_id>/"
_SERVICE = _ONE + "services/<sid:service_id>/"
urlpatterns = [
    path("offre/", views.mine, name="mine"),
    path("offre/territoire/", views.territory, name="territory"),
    path(_ONE, views.corner, name="corner"),
    path(_ONE + "lits/", views.beds, name="beds"),
    path(_ONE + "capacites/", views.install, name="install"),
    path(_ONE + "coordonnees/", views.place, name="place"),
    path(_ONE + "equipe/", views.staff, name="staff"),
    path(_ONE + "equipe/<sid:role_id>/", views.role, name="role"),
    path(_ONE + "responsables/", views.keepers, name="keepers"),
    path(_ONE + "lits/retirer/", views.remove_beds, name="remove_beds"),
    path(_ONE + "services/nouveau/", views.add_service, name="add_service"),
    path(_SERVICE, views.service, name="service"),
    path(_SERVICE + "horaires/", views.hours, name="hours"),
    path(_SERVICE + "fermetures/", views.closures, name="closures"),
    path(_SERVICE + "fin/", views.end_service, name="end_service"),
    path(_SERVICE + "rouvrir/", views.resume_service, name="resume_service"),
    path(_SERVICE + "supprimer/", views.delete_service, name="delete_service"),
]
