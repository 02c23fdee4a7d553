"""The files that a message carries: kept in pieces, sealed, behind the door of the thread."""

from collections.abc import Sequence

from carbet.coordination.documents.rules.receiving import Received
from carbet.coordination.messaging.models import SEALED_AS, Attachment, AttachmentPiece, Message
from carbet.core import pieces, sealing
from carbet.core.append import append


def keep(line: Message, files: Sequence[Received]) -> None:
    """Keep the files of a message just written; memory holds one piece at a time."""
    for number, received in enumerate(files, start=1):
        kept = Attachment(
            thread_id=line.thread_id,
            message=line,
            number=number,
            name=received.name,
            media_type=received.media_type,
            size=received.size,
            digest=received.digest,
            width=received.width,
            height=received.height,
            sealed_with=sealing.sealing_key(),
        )
        kept.save(force_insert=True)
        cut = pieces.cut(
            received.content,
            key=kept.sealed_with,
            file_id=kept.pk,
            kind=SEALED_AS,
            small=received.small,
        )
        for rank, data in cut:
            append(
                [AttachmentPiece(thread_id=line.thread_id, attachment=kept, rank=rank, data=data)]
            )


def are_kept(line: Message, files: Sequence[Received]) -> bool:
    """Tell whether a message carries exactly these files: the same bytes, in the same order."""
    before = Attachment.objects.filter(message_id=line.pk).order_by("number")
    return list(before.values_list("digest", flat=True)) == [file.digest for file in files]
