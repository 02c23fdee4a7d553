"""The shared record (DMP): documents deposited, found and fetched by the transactions of XDS.b.

TD2.1 is ITI-41 (provide and register), TD3.1 is ITI-18 (stored query), TD3.2 is ITI-43 (retrieve):
SOAP 1.2 with MTOM, over TLS where both sides show a certificate, each message under the assertion
of whoever acts (VIHF). What comes back is hostile until read: bounded, without entities.
"""

from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

import requests
from django.conf import settings

from carbet.connectors.dmp import messages, stand_in, vihf
from carbet.connectors.dmp.messages import Entry, Refused, Unreadable
from carbet.connectors.dmp.vihf import Bearer
from carbet.interop.xdm import Packed

__all__ = [
    "TOPIC",
    "Bearer",
    "Entry",
    "NotConnected",
    "Refused",
    "Unreadable",
    "carrier",
    "fetch",
    "find",
    "provide",
]

STAND_IN, REAL = "bac à sable", "DMP"
# What the outbox calls a deposit.
TOPIC = "dmp.deposit"
_TIMEOUT_SECONDS = (5, 60)
_LARGEST_ANSWER = 40 * 1024 * 1024
ALREADY_THERE = frozenset({"XDSDuplicateUniqueIdInRegistry"})


class NotConnected(Exception):
    """No shared record is set up here."""


@dataclass(frozen=True)
class _Call:
    bearer: Bearer
    now: datetime
    uses_stand_in: bool


def carrier(*, uses_stand_in: bool) -> str:
    """Return which shared record answers: the sandbox of this house, the real one, or nothing."""
    return STAND_IN if uses_stand_in else REAL if settings.DMP_URL else ""


def provide(
    packed: Packed, *, bearer: Bearer, now: datetime, at: datetime, uses_stand_in: bool
) -> str:
    """Deposit a document (TD2.1, ITI-41); return who took it. The same document twice is one.

    Args:
        at: when it was first given to be deposited: a message sent again is the same.

    Raises:
        NotConnected: nothing is set up, and this is no demonstration.
        Refused: the shared record refuses it, with its codes.
        ConnectionError: no answer now.
        Unreadable: the answer is not one.
    """
    call = _Call(bearer, now, uses_stand_in)
    message = messages.provide(packed, at=at, security=_security(call, packed))
    try:
        messages.read_outcome(_exchange(call, *message))
    except Refused as refusal:
        if not set(refusal.codes) <= ALREADY_THERE:
            raise
    return carrier(uses_stand_in=uses_stand_in)


def find(
    patient_identifier: str, *, bearer: Bearer, now: datetime, uses_stand_in: bool
) -> list[Entry]:
    """Return the documents in force of a person (TD3.1, ITI-18).

    Args:
        patient_identifier: the INS as XDS writes it, "<matricule>^^^&<OID>&ISO^NH".

    Raises:
        NotConnected, Refused, ConnectionError, Unreadable: as for `provide`.
    """
    call = _Call(bearer, now, uses_stand_in)
    asked = messages.find(patient_identifier, security=_assertion(call, patient_identifier))
    return messages.read_entries(_exchange(call, *asked))


def fetch(entry: Entry, *, bearer: Bearer, now: datetime, uses_stand_in: bool) -> bytes:
    """Return the bytes of a document that was found (TD3.2, ITI-43), its hash verified.

    Raises:
        NotConnected, Refused, ConnectionError, Unreadable: as for `provide`.
    """
    call = _Call(bearer, now, uses_stand_in)
    asked = messages.fetch(entry, security=_assertion(call, entry.patient_identifier))
    return messages.read_document(_exchange(call, *asked), entry)


def _security(call: _Call, packed: Packed) -> bytes:
    held = packed.header.patient.ins
    if held is None:
        raise Refused(["INS"], "aucun INS dans le document")
    return _assertion(call, f"{held.extension}^^^&{held.root}&ISO^NH")


def _assertion(call: _Call, resource: str) -> bytes:
    key, certificate = stand_in.identity() if call.uses_stand_in else _own_identity()
    return vihf.assertion(
        call.bearer, resource=resource, now=call.now, key=key, certificate=certificate
    )


def _own_identity() -> tuple[bytes, bytes]:
    if not settings.DMP_URL:
        raise NotConnected("le DMP n’est pas configuré (CARBET_DMP_URL)")
    try:
        key, certificate = (
            Path(name).read_bytes() for name in (settings.DMP_KEY, settings.DMP_CERTIFICATE)
        )
    except OSError as error:
        raise NotConnected("la clé ou le certificat du DMP ne se lit pas") from error
    return key, certificate


def _exchange(call: _Call, content_type: str, body: bytes) -> tuple[str, bytes]:
    if call.uses_stand_in:
        return stand_in.answer(content_type, body)
    with requests.Session() as session:
        session.trust_env = False
        try:
            with session.post(
                settings.DMP_URL,
                data=body,
                headers={"Content-Type": content_type},
                cert=(settings.DMP_CERTIFICATE, settings.DMP_KEY),
                verify=settings.DMP_AUTHORITIES or True,
                timeout=_TIMEOUT_SECONDS,
                allow_redirects=False,
                stream=True,
            ) as reply:
                content = b""
                for chunk in reply.iter_content(256 * 1024):
                    content += chunk
                    if len(content) > _LARGEST_ANSWER:
                        raise Unreadable("réponse trop longue du DMP")
        except requests.RequestException as error:
            raise ConnectionError(type(error).__name__) from error
    if reply.status_code != 200:
        raise ConnectionError(f"statut {reply.status_code}")
    return reply.headers.get("Content-Type", ""), content
