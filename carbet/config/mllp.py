"""The listener of hospitals: HL7 v2 over MLLP, kept on disk before it is answered."""

import asyncio
import logging
import os
import signal
import ssl
import time
from concurrent.futures import ThreadPoolExecutor

import django

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "carbet.config.settings")
django.setup()

from django.conf import settings  # noqa: E402 - Django is set up first
from django.db import (  # noqa: E402
    DatabaseError,
    InterfaceError,
    OperationalError,
    close_old_connections,
    connection,
)

from carbet.connectors.mllp import Arrival, MllpServer, Unavailable  # noqa: E402
from carbet.core import clock  # noqa: E402
from carbet.interop.hospital_feed import operations  # noqa: E402
from carbet.interop.hospital_feed.operations import answering  # noqa: E402

logger = logging.getLogger("carbet.mllp")

# A database that starts again is waited for; a sender waits longer than that for its answer.
PATIENCE_SECONDS = 12.0
BETWEEN_CALLS_SECONDS = 0.2

# One thread writes, so that messages are numbered in the order of their arrival; one calls.
_writing = ThreadPoolExecutor(max_workers=1, thread_name_prefix="mllp")
_calling = ThreadPoolExecutor(max_workers=1, thread_name_prefix="mllp-wake")


class Bell:
    """Wakes the worker after messages were kept, a few times a second at most."""

    def __init__(self) -> None:
        self._rung = asyncio.Event()

    def ring(self) -> None:
        """Say that something was kept."""
        self._rung.set()

    async def answer(self) -> None:
        """Wake the worker each time it rings. A call that fails is made up for by its sweep."""
        loop = asyncio.get_running_loop()
        while True:
            await self._rung.wait()
            self._rung.clear()
            try:
                await loop.run_in_executor(_calling, _wake)
            except DatabaseError:
                logger.warning("le travailleur de fond n’a pas pu être appelé")
            await asyncio.sleep(BETWEEN_CALLS_SECONDS)


def _wake() -> None:
    close_old_connections()
    operations.wake()


def _receive(arrivals: list[Arrival]) -> list[bytes | None]:
    """Keep a batch, answer its questions; a database that is away is waited for.

    Raises:
        Unavailable: it did not come back.
    """
    until = time.monotonic() + PATIENCE_SECONDS
    while True:
        now = clock.now()
        try:
            close_old_connections()
            return answering.respond(arrivals, now=now)
        except (OperationalError, InterfaceError) as error:
            connection.close()
            if time.monotonic() > until:
                raise Unavailable("la base ne répond pas") from error
            time.sleep(0.3)


def tls() -> ssl.SSLContext | None:
    """Return how lines are sealed, None when they are not; senders show a certificate if asked."""
    if not settings.MLLP_TLS_CERTIFICATE:
        return None
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    context.load_cert_chain(settings.MLLP_TLS_CERTIFICATE, settings.MLLP_TLS_KEY or None)
    if settings.MLLP_TLS_SENDERS:
        context.load_verify_locations(settings.MLLP_TLS_SENDERS)
        context.verify_mode = ssl.CERT_REQUIRED
    return context


async def main() -> None:
    """Listen until a stop signal."""
    loop = asyncio.get_running_loop()
    bell = Bell()

    async def keep(arrivals: list[Arrival]) -> list[bytes | None]:
        answers = await loop.run_in_executor(_writing, _receive, arrivals)
        bell.ring()
        return answers

    server = MllpServer(keep=keep, allowed=settings.MLLP_ALLOWED, tls=tls())
    work = asyncio.gather(
        server.serve(settings.MLLP_HOST, settings.MLLP_PORT, ready=_say), bell.answer()
    )
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, work.cancel)
    try:
        await work
    except asyncio.CancelledError:
        logger.info("à l’arrêt")


def _say(port: int) -> None:
    logger.info("messages d’hôpitaux attendus sur %s:%s", settings.MLLP_HOST, port)


if __name__ == "__main__":
    asyncio.run(main())
