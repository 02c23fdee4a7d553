"""What the worker does: deposit in the shared record what was asked, if it still may."""

from django.conf import settings

from carbet.connectors import dmp
from carbet.coordination.documents.models import File
from carbet.core import outbox
from carbet.core.clock import now as current_time
from carbet.core.models import OutboxMessage
from carbet.interop.shared_record import queries
from carbet.interop.shared_record.models import Deposit
from carbet.interop.shared_record.rules import why_not
from carbet.interop.xdm import Packed


@outbox.sender(dmp.TOPIC, label="Dépôt au dossier médical partagé (DMP)")
def send(message: OutboxMessage) -> None:
    """Deposit one version of a document; what was decided meanwhile stops it."""
    row = Deposit.objects.select_related("patient", "document").get(
        pk=message.payload["deposit_id"]
    )
    file = File.objects.filter(document_id=row.document_id, number=row.number).first()
    held = queries.clinical(file=file)
    bearer = queries.bearer_of(role_id=row.role_id)
    said = queries.situation(patient=row.patient, document=row.document, held=held, bearer=bearer)
    if refusal := why_not(said):
        raise outbox.CannotBeSent(refusal)
    if held is None or bearer is None:
        raise outbox.CannotBeSent("ce document ne se lit plus")
    data, header = held
    try:
        carrier = dmp.provide(
            Packed(data, header),
            bearer=bearer,
            now=current_time(),
            at=row.asked_at,
            uses_stand_in=settings.DEMONSTRATION,
        )
    except dmp.NotConnected as error:
        raise outbox.CannotBeSent(str(error)) from error
    except dmp.Refused as error:
        # Its codes only: what they say beside may name the person.
        message.payload = message.payload | {"refused": error.codes}
        raise outbox.CannotBeSent(f"refusé par le DMP : {', '.join(error.codes)}") from error
    message.payload = message.payload | {"carrier": carrier}
