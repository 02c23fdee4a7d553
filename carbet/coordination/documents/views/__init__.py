"""Pages of the documents: the list, one document, its file, and what its author may do."""

from carbet.coordination.documents.views.deciding import decide, prove
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
from carbet.coordination.documents.views.writing import file_circle_sheet, write_letter

__all__ = [
    "add",
    "content",
    "decide",
    "detail",
    "documents",
    "file_circle_sheet",
    "page",
    "piece",
    "piece_page",
    "prove",
    "read",
    "replace",
    "small_view",
    "withdraw",
    "write_letter",
]
