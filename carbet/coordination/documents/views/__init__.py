"""Pages of the documents: the list, one document, its file, and what its author may do."""

from carbet.coordination.documents.views.filing import (
    add,
    content,
    detail,
    documents,
    replace,
    small_view,
    withdraw,
)
from carbet.coordination.documents.views.reading import page, piece, piece_page, read

__all__ = [
    "add",
    "content",
    "detail",
    "documents",
    "page",
    "piece",
    "piece_page",
    "read",
    "replace",
    "small_view",
    "withdraw",
]
