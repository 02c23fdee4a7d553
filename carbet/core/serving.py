"""How a file that came from outside leaves the house: apart from it, under its own name."""

from typing import TypeVar

from django.http.response import HttpResponseBase
from django.utils.http import content_disposition_header

Answer = TypeVar("Answer", bound=HttpResponseBase)


def kept_apart(response: Answer, name: str, *, as_attachment: bool) -> Answer:
    """Add what keeps a hostile file from acting in the reader's name, even opened alone."""
    said = content_disposition_header(as_attachment, name)
    if said:
        response["Content-Disposition"] = said
    response["X-Content-Type-Options"] = "nosniff"
    response["Content-Security-Policy"] = "default-src 'none'; sandbox"
    response["Cross-Origin-Resource-Policy"] = "same-origin"
    return response
