"""The live-event server: it knows sessions and rights through the rooms, and nothing else."""

import asyncio
import os
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import ParamSpec, TypeVar
from urllib.parse import urlsplit

import django

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "carbet.config.settings")
django.setup()

from django.conf import settings  # noqa: E402 - Django is set up first
from django.db import (  # noqa: E402
    InterfaceError,
    OperationalError,
    close_old_connections,
    connections,
    transaction,
)
from django.http import HttpRequest  # noqa: E402
from psycopg.conninfo import make_conninfo  # noqa: E402

from carbet.core import clock, live, row_security  # noqa: E402
from carbet.core.live_server import (  # noqa: E402
    Event,
    Listener,
    LiveServer,
    Refused,
    Unavailable,
)
from carbet.registries.accounts.middleware import account_of  # noqa: E402
from carbet.registries.accounts.sessions import SessionStore  # noqa: E402
from carbet.registries.directory import access  # noqa: E402

P = ParamSpec("P")
R = TypeVar("R")

# Two threads, so two connections beside the listening one, however many screens there are.
_threads = ThreadPoolExecutor(max_workers=2, thread_name_prefix="live")


async def _in_thread(function: Callable[P, R], *args: P.args, **kwargs: P.kwargs) -> R:
    def run() -> R:
        close_old_connections()
        try:
            return function(*args, **kwargs)
        except (InterfaceError, OperationalError) as error:
            raise Unavailable from error
        finally:
            row_security.entered(None)

    return await asyncio.get_running_loop().run_in_executor(_threads, run)


def _listener(session_key: str) -> Listener:
    request = HttpRequest()
    request.session = SessionStore(session_key)
    request.now = clock.now()
    request.user = account_of(request)
    with transaction.atomic():
        actor = access.resolve(request, read_only=True)
    if actor.account_id is None or request.second_factor_missing:
        raise Refused
    everyone = {live.EVERYONE} if actor.is_professional else set()
    return Listener(actor.account_id, frozenset(actor.grantees) | everyone)


async def identify(session_key: str) -> Listener:
    """Return who the session lets listen, exactly as a page of theirs would be answered."""
    return await _in_thread(_listener, session_key)


async def missed(listener: Listener, last: int | None) -> list[Event]:
    """Return what the listener may have missed since the last event it heard."""
    found = await _in_thread(live.missed, listener.recipients, last=last, now=clock.now())
    return [Event(number, kind) for number, kind in found]


def conninfo() -> str:
    """Return the address of the application's role, as the page server uses it."""
    database = connections["default"].settings_dict
    return make_conninfo(
        dbname=database["NAME"],
        user=database["USER"],
        password=database["PASSWORD"],
        host=database["HOST"],
        port=database["PORT"] or None,
        # What only Django's driver knows is no part of an address.
        **{key: value for key, value in database["OPTIONS"].items() if isinstance(value, str)},
    )


def _origin(url: str) -> str:
    parts = urlsplit(url)
    return f"{parts.scheme}://{parts.netloc}"


application = LiveServer(
    conninfo=conninfo,
    identify=identify,
    missed=missed,
    cookie_name=settings.SESSION_COOKIE_NAME,
    origin=_origin(settings.PUBLIC_URL),
    check_every=float(os.environ.get("CARBET_LIVE_CHECK_SECONDS", "60")),
)
