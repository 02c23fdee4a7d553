"""What the timeline of a record shows of documents."""

from django.urls import reverse

from carbet.coordination.documents.choices import DocumentStatus, DocumentType
from carbet.coordination.documents.rules import content
from carbet.core import timeline


def happening(row: timeline.Row, *, patient_id: int) -> timeline.Happening:
    """Say that a document was filed."""
    kind = content.KINDS.get(row["media_type"] or "", ("", "Fichier"))[1]
    said = (
        "Remplacé" if row["status"] == DocumentStatus.SUPERSEDED else "",
        str(dict(DocumentType.choices).get(row["type"], "")),
        f"{kind}, {content.write_size(row['size'] or 0)}",
    )
    return timeline.Happening(
        kind="Document",
        icon="document",
        title=row["title"],
        href=reverse("documents:detail", args=[patient_id, row["id"]]),
        about=" · ".join(filter(None, said)),
    )


# The files of a note stand with their note.
TIMELINE = timeline.Source(
    key="documents",
    letter="d",
    label="Documents",
    table="documents_document x",
    where="AND x.attached_to = ''",
    at="x.recorded_at",
    author="x.author_role_id",
    author_role="x.author_role_id",
    author_organization="x.author_organization_id",
    author_name="x.author_name",
    on_behalf_of="x.on_behalf_of_id",
    visibility="x.visibility",
    changed="x.updated_at",
    struck="CASE WHEN x.status = 'entered-in-error' THEN x.updated_at END",
    struck_reason="x.status_reason",
    said="""'title', x.title, 'type', x.type, 'status', x.status,
      'media_type', (SELECT f.media_type FROM documents_file f
                     WHERE f.document_id = x.id AND f.number = x.version),
      'size', (SELECT f.size FROM documents_file f
               WHERE f.document_id = x.id AND f.number = x.version)""",
    line=happening,
    is_file=True,
    lists_authors=True,
)
