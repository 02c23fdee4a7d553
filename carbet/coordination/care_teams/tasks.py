"""What the worker does for circles: invite new members by secure mail."""

from django.conf import settings

from carbet.connectors import mssante
from carbet.core import outbox
from carbet.core.models import OutboxMessage

SUBJECT = "Invitation à un cercle de soins"
# No name, no health content: who receives it signs in to know more.
BODY = """Bonjour,

Un professionnel vous invite dans le cercle de soins d'une personne que vous accompagnez.
Connectez-vous à Carbet pour le voir : {address}

Ce message ne contient aucune information de santé. Si vous n'êtes pas concerné, ignorez-le.
"""


@outbox.sender("care_team.invitation", label="Invitation au cercle de soins")
def send_invitation(message: OutboxMessage) -> None:
    """Invite a new member of a circle; the receipt stays with the message."""
    letter = mssante.Letter(
        key=message.idempotency_key,
        to=message.payload["to"],
        subject=SUBJECT,
        body=BODY.format(address=settings.PUBLIC_URL),
    )
    try:
        receipt = mssante.send(letter, stand_in=settings.DEMONSTRATION)
    except mssante.NotConnected as error:
        raise outbox.CannotBeSent(str(error)) from error
    except mssante.Uncertain as error:
        raise outbox.NotBefore(error.until, str(error)) from error
    message.payload = message.payload | {
        "receipt": receipt.message_id,
        "carrier": receipt.carrier,
    }
