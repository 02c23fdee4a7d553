"""What leaves the house about rights: e-mails that name nobody cared for; reminders of ends."""

from typing import Any

from django.conf import settings
from django.urls import reverse
from django.utils import timezone
from procrastinate.contrib.django import app

from carbet.connectors import applications, mail
from carbet.core import outbox
from carbet.core.actor import internal
from carbet.core.clock import now as current_time
from carbet.core.models import OutboxMessage
from carbet.registries.accounts.models import Account
from carbet.registries.directory.models import Right
from carbet.registries.rights import access, operations
from carbet.registries.rights.adapter import logout_token
from carbet.registries.rights.models import Application, RegistrationRequest

HOUSE = internal("habilitations")
SUBJECTS = {
    "received": "Carbet : votre demande d’accès est reçue",
    "answered": "Carbet : une réponse à votre demande d’accès",
    "ends": "Carbet : votre habilitation se termine bientôt",
    "renewed": "Carbet : votre nouvel accès",
    "asked": "Carbet : une demande d’accès attend votre réponse",
    "waits": "Carbet : des habilitations attendent votre décision",
}
BODIES = {
    "received": "Bonjour,\n\nVotre demande est transmise à la structure. Pour la suivre ou la"
    " retirer :\n{address}\n\nCette adresse est personnelle : ne la transmettez pas.\n",
    "answered": "Bonjour,\n\nLa structure a répondu à votre demande. Pour lire sa réponse :\n"
    "{address}\n\nCette adresse est personnelle : ne la transmettez pas.\n",
    "ends": "Bonjour,\n\nUne de vos habilitations se termine le {day}. Demandez à qui gère les"
    " comptes de votre structure de la revoir.\n{address}\n",
    "renewed": "Bonjour,\n\nQui gère les comptes de votre structure vous donne un nouvel accès."
    " Choisissez un mot de passe, puis un second facteur, dans les sept jours :\n{address}\n\n"
    "Cette adresse est personnelle : ne la transmettez pas. Vous n’avez rien demandé ? Prévenez"
    " votre structure.\n",
    "asked": "Bonjour,\n\nQuelqu’un demande à travailler avec Carbet dans une structure dont vous"
    " gérez les habilitations. Pour répondre :\n{address}\n",
    "waits": "Bonjour,\n\nDans Carbet, {waits}. Un accès qui n’est pas revu se ferme à sa date.\n"
    "{address}\n",
}


@app.periodic(cron="25 6 * * *")
@app.task(name="rights.remind", queue="outbox")
def remind(timestamp: int) -> None:
    """Write to those whose right ends within a month, by batches."""
    while operations.remind_of_ends(actor=HOUSE, now=current_time()) >= 200:
        pass


@app.periodic(cron="*/5 * * * *")
@app.task(name="rights.close_departed", queue="outbox")
def close_departed(timestamp: int) -> None:
    """End the rights of those whom the directory no longer says at work there, by batches."""
    while operations.close_departed(actor=HOUSE, now=current_time()) >= 200:
        pass


@app.periodic(cron="35 6 * * 1")
@app.task(name="rights.remind_managers", queue="outbox")
def remind_managers(timestamp: int) -> None:
    """Write every Monday to whoever has requests to answer or rights to review."""
    operations.remind_managers(actor=HOUSE, now=current_time())


@outbox.sender("rights.mail", label="E-mail d’habilitation")
def send_mail(message: OutboxMessage) -> None:
    """Write one e-mail about a request or a right that ends."""
    what = message.payload["what"]
    to, words = _addressed(message.payload)
    notice = mail.Notice(
        key=message.idempotency_key,
        to=to,
        subject=SUBJECTS[what],
        body=BODIES[what].format(**words),
    )
    try:
        receipt = mail.send(notice, stand_in=settings.DEMONSTRATION)
    except mail.NotConnected as error:
        raise outbox.CannotBeSent(str(error)) from error
    message.payload = message.payload | {
        "receipt": receipt.message_id,
        "carrier": receipt.carrier,
        "to": f"{to[:2]}…@{to.partition('@')[2]}",
    }


@outbox.sender("rights.logout", label="Départ dit à une application régionale")
def tell_application(message: OutboxMessage) -> None:
    """Tell an application that somebody left, so that it closes their session."""
    application = Application.objects.filter(
        pk=message.payload["application"], closed_at__isnull=True
    ).first()
    account = Account.objects.filter(pk=message.payload["account"]).first()
    if application is None or account is None:
        raise outbox.CannotBeSent("application fermée")
    # A message of before accounts had a subject carries none: the application knows the number.
    subject = message.payload.get("subject") or str(account.pk)
    token = logout_token(client_id=application.client_id, subject=subject, now=current_time())
    status = applications.say_left(application.logout_uri, token)
    message.payload = message.payload | {"status": status}


def _addressed(payload: dict[str, Any]) -> tuple[str, dict[str, str]]:
    """Return to whom, and the words that the body lacks."""
    if "registration" in payload:
        held = RegistrationRequest.objects.get(pk=payload["registration"])
        path = reverse("rights:follow_up", args=[access.follow_up_of(held)])
        return held.email, {"address": settings.PUBLIC_URL + path}
    if "renewal" in payload:
        found = Account.objects.get(pk=payload["renewal"])
        path = reverse("rights:renewed", args=[access.renewal_of(found)])
        return found.email, {"address": settings.PUBLIC_URL + path}
    if "account" in payload:
        account = Account.objects.filter(pk=payload["account"]).first()
        page, words = _for_manager(payload)
    else:
        right = Right.objects.select_related("practitioner_role__practitioner__account").get(
            pk=payload["right"]
        )
        account = right.practitioner_role.practitioner.account
        page, words = "mine", {"day": f"{timezone.localtime(right.ended_at):%d/%m/%Y}"}
    if account is None or not account.is_active:
        raise outbox.CannotBeSent("compte fermé")
    return account.email, words | {"address": settings.PUBLIC_URL + reverse(f"rights:{page}")}


def _for_manager(payload: dict[str, Any]) -> tuple[str, dict[str, str]]:
    """Return the page that a manager is led to, and how much waits there, in words."""
    asked, reviews = payload.get("requests", 0), payload.get("reviews", 0)
    said = []
    if asked:
        said.append(f"{asked} demande{'s' if asked > 1 else ''} d’accès")
    if reviews:
        said.append(f"{reviews} habilitation{'s' if reviews > 1 else ''} à revoir")
    verb = "attendent" if asked + reviews > 1 else "attend"
    page = "review" if reviews and not asked else "registrations"
    return page, {"waits": f"{' et '.join(said)} {verb} votre décision"}
