"""Addresses of secure mail: what came, what left, mailboxes, and sending a document."""

from django.urls import path

from carbet.interop.secure_mail import views

app_name = "secure_mail"
_ONE = "courrier/<sid:mail_id>/"
urlpatterns = [
    path("courrier/", views.tray, name="tray"),
    path("courrier/boites/", views.mailboxes, name="mailboxes"),
    path("courrier/boites/<sid:mailbox_id>/fermer/", views.close, name="close"),
    path("courrier/envoyes/", views.sent, name="sent"),
    path("courrier/envoyes/<sid:sent_id>/annuler/", views.cancel, name="cancel"),
    path("courrier/envoyes/<sid:sent_id>/renvoyer/", views.retry, name="retry"),
    path("pilotage/messagerie-securisee/", views.equipment, name="equipment"),
    path(_ONE, views.mail, name="mail"),
    path(_ONE + "classer/", views.file, name="file"),
    path(_ONE + "ecarter/", views.decide, name="decide"),
    path(_ONE + "reprendre/", views.reconsider, name="reconsider"),
    path(_ONE + "piece/<int:rank>/", views.attachment, name="attachment"),
    path("patients/<sid:patient_id>/documents/<sid:document_id>/envoyer/", views.send, name="send"),
]
