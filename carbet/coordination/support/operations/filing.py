"""The files that a request carries: kept in pieces, sealed, behind the door of the request."""

from collections.abc import Sequence
from datetime import datetime

from carbet.coordination.documents.rules.receiving import Received
from carbet.coordination.support.models import SEALED_AS, RequestFile, RequestPiece, SupportRequest
from carbet.core import pieces, sealing
from carbet.core.actor import Actor, DataCategory
from carbet.core.append import append


def keep(
    request: SupportRequest,
    files: Sequence[Received],
    *,
    actor: Actor,
    now: datetime,
    category: DataCategory,
) -> None:
    """Keep the files of a request after those it has; memory holds one piece at a time."""
    before = RequestFile.objects.filter(request_id=request.pk).count()
    for number, received in enumerate(files, start=before + 1):
        kept = RequestFile(
            request=request,
            patient_id=request.patient_id,
            category=int(category),
            number=number,
            name=received.name,
            media_type=received.media_type,
            size=received.size,
            digest=received.digest,
            sealed_with=sealing.sealing_key(),
            author_name=actor.display_name or actor.organization_name,
            recorded_at=now,
        )
        kept.save(force_insert=True)
        cut = pieces.cut(received.content, key=kept.sealed_with, file_id=kept.pk, kind=SEALED_AS)
        for rank, data in cut:
            append([RequestPiece(file=kept, patient_id=request.patient_id, rank=rank, data=data)])
