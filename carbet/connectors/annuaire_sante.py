"""The national directory of health (Annuaire Santé, FHIR API v2): pages of resources, one by one.

The ROR speaks the same way (`ror.py`). What comes is judged before it is given: a searchset, of a
bounded size, whose next page is on the same server.
"""

import hashlib
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime
from http import HTTPStatus
from typing import Any, Protocol
from urllib.parse import SplitResult, urlencode, urljoin, urlsplit

import orjson
import requests

BASE = "https://gateway.api.esante.gouv.fr/fhir/v2"
KINDS = ("Organization", "Practitioner", "HealthcareService", "PractitionerRole")
LARGEST_PAGE = 64 * 1024 * 1024
_ATTEMPTS = 6
_LONGEST_WAIT = 60.0
_AGAIN = frozenset({429, 500, 502, 503, 504})


class Unreachable(Exception):
    """The directory does not answer, or answers what is not a page; the text says why."""


class PageGone(Unreachable):
    """The address of a page holds no more: reading begins again."""


class NotAllowed(Exception):
    """The key or the token is refused, and could not be renewed."""


class Credentials(Protocol):
    """What proves who asks; `renew` tells whether a refused proof was replaced by another."""

    def headers(self) -> dict[str, str]: ...

    def renew(self) -> bool: ...


@dataclass(frozen=True)
class Key:
    """The key of the Annuaire Santé API: it is not renewed by itself."""

    value: str

    def headers(self) -> dict[str, str]:
        return {"ESANTE-API-KEY": self.value}

    def renew(self) -> bool:
        return False


@dataclass(frozen=True)
class Page:
    """One page: its resources, the address of the next, how many the server says there are."""

    resources: list[Any]
    next: str
    total: int | None
    digest: str


@dataclass(frozen=True)
class Directory:
    """A directory to ask, with the proofs that it wants; `wait` sleeps, tests count instead."""

    base: str
    credentials: Credentials
    kinds: tuple[str, ...] = KINDS
    tag: str = ""
    # How many resources of a type a search gives at most; what is beyond is cut in silence.
    most: int | None = None
    wait: Callable[[float], None] = time.sleep
    session: requests.Session = field(default_factory=lambda: _session())

    def first(self, kind: str, since: datetime | None) -> str:
        """Return the address of the first page of a type, changed since a moment."""
        asked = {}
        if since is not None:
            asked["_lastUpdated"] = f"ge{since.isoformat(timespec='seconds')}"
        if self.tag:
            asked["_tag"] = self.tag
        return f"{self.base}/{kind}" + (f"?{urlencode(asked)}" if asked else "")

    def page(self, address: str) -> Page:
        """Fetch one page, patiently: throttled or failing, the server is asked again later.

        Raises:
            Unreachable: it still fails, or what it answers is no page of this directory.
            NotAllowed: it refuses the proof, even renewed.
        """
        self._check_place(address)
        renewed = False
        for attempt in range(_ATTEMPTS):
            try:
                return self._read(self._fetch(address))
            except _Answered as error:
                if error.status in (401, 403):
                    if renewed or not self.credentials.renew():
                        raise NotAllowed(f"accès refusé par le serveur ({error.status})") from error
                    renewed = True
                    continue
                if error.status in (404, 410):
                    raise PageGone(f"page introuvable ({error.status})") from error
                if error.status not in _AGAIN:
                    raise Unreachable(f"réponse {error.status} du serveur") from error
                problem, delay = f"réponse {error.status}", error.wait
            except (OSError, ValueError, TypeError, AttributeError) as error:
                problem, delay = f"{type(error).__name__}", None
            if attempt < _ATTEMPTS - 1:
                self.wait(min(delay if delay is not None else 2.0**attempt, _LONGEST_WAIT))
        raise Unreachable(f"{problem}, après {_ATTEMPTS} essais")

    def _check_place(self, address: str) -> None:
        if _place(urlsplit(address)) != _place(urlsplit(self.base)):
            raise Unreachable("la page suivante est annoncée sur un autre serveur")

    def _fetch(self, address: str) -> bytes:
        if not address.startswith(("https://", "http://")):
            raise Unreachable("adresse inconnue")
        # A redirection would carry the key elsewhere.
        with self.session.get(
            address,
            headers=self.credentials.headers(),
            timeout=(10, 60),
            allow_redirects=False,
            stream=True,
        ) as answer:
            if answer.status_code != HTTPStatus.OK:
                said = answer.headers.get("Retry-After", "")
                wait = float(said) if said.isascii() and said.isdigit() else None
                raise _Answered(answer.status_code, wait)
            body = bytearray()
            for piece in answer.iter_content(1 << 16):
                body += piece
                if len(body) > LARGEST_PAGE:
                    raise Unreachable("page trop longue")
        return bytes(body)

    def _read(self, body: bytes) -> Page:
        found = orjson.loads(body)
        if not isinstance(found, dict) or found.get("type") != "searchset":
            raise ValueError("not a searchset")
        entries = found.get("entry") or []
        links = found.get("link") or []
        if not isinstance(entries, list) or not isinstance(links, list):
            raise ValueError("not a searchset")
        resources = [
            each.get("resource")
            for each in entries
            if isinstance(each, dict) and (each.get("search") or {}).get("mode", "match") == "match"
        ]
        next_ = [
            str(each.get("url", ""))
            for each in links
            if isinstance(each, dict) and each.get("relation") == "next"
        ]
        total = found.get("total")
        said = repr([r.get("id") for r in resources if isinstance(r, dict)])
        return Page(
            resources=resources,
            next=urljoin(f"{self.base}/", next_[0]) if next_ and next_[0] else "",
            total=total if isinstance(total, int) and not isinstance(total, bool) else None,
            digest=hashlib.sha256(said.encode()).hexdigest()[:32],
        )


_PORTS = {"http": 80, "https": 443}


def _place(address: SplitResult) -> tuple[str, str | None, int | None]:
    try:
        port = address.port
    except ValueError:
        return "", None, None
    return address.scheme, address.hostname, port or _PORTS.get(address.scheme)


class _Answered(Exception):
    """The server answered, but no page; `wait` is how long it asks to wait, in seconds."""

    def __init__(self, status: int, wait: float | None) -> None:
        super().__init__(status)
        self.status, self.wait = status, wait


def _session() -> requests.Session:
    """Return a line kept open from page to page: a new one would cost more than the page."""
    session = requests.Session()
    session.headers["Accept"] = "application/fhir+json"
    # No password of a .netrc file takes the place of our proof.
    session.auth = lambda request: request
    return session
