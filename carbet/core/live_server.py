"""The live-event server: one LISTEN connection a process, one bounded queue a screen.

It sends kinds, never content: a screen that hears one fetches its fragment from the page server.
Everything else it must know (who listens, under which keys) is asked of the functions it is given.
"""

import asyncio
import contextlib
import json
import logging
from collections import defaultdict
from collections.abc import Awaitable, Callable, Iterable
from dataclasses import dataclass, field
from typing import Any

import psycopg

from carbet.core.live import CHANNEL

logger = logging.getLogger("carbet.live")

HEARTBEAT_SECONDS = 20.0
CHECK_SECONDS = 60.0
RETRY_SECONDS = 5
MOST_WAITING = 100
MOST_SCREENS_AN_ACCOUNT = 10
MOST_SCREENS = 5000

# A server that vanished without a word is noticed within a minute.
PATIENCE: dict[str, Any] = {
    "connect_timeout": 5,
    "keepalives_idle": 30,
    "keepalives_interval": 10,
    "keepalives_count": 3,
}

Scope = dict[str, Any]
Receive = Callable[[], Awaitable[dict[str, Any]]]
Send = Callable[[dict[str, Any]], Awaitable[None]]


class Refused(Exception):
    """Nobody may listen with this session: signed out, revoked, or without a second factor."""


class Unavailable(Exception):
    """The database does not answer."""


@dataclass(frozen=True)
class Event:
    """Something that changed for a recipient."""

    number: int
    kind: str


# What a stream finds in its queue besides events: time to say that the line is alive; nobody reads.
BEAT, GONE = Event(0, "beat"), Event(0, "gone")


@dataclass(frozen=True)
class Listener:
    """Who listens: the account, and the keys it is told under."""

    account_id: int
    recipients: frozenset[str]


@dataclass(eq=False)
class Screen:
    """One open page, with what waits to be said to it."""

    account_id: int
    recipients: frozenset[str]
    queue: asyncio.Queue[Event | None] = field(default_factory=lambda: asyncio.Queue(MOST_WAITING))

    def tell(self, event: Event | None) -> None:
        """Leave an event for the page; None, or one too many, ends its stream: it comes back."""
        try:
            self.queue.put_nowait(event)
        except asyncio.QueueFull:
            while not self.queue.empty():
                self.queue.get_nowait()
            self.queue.put_nowait(None)


# Given a session key: who listens. Raises Refused or Unavailable.
Identify = Callable[[str], Awaitable[Listener]]
# Given who listens and the last event heard, if any: what was missed. Raises Unavailable.
Missed = Callable[[Listener, int | None], Awaitable[list[Event]]]


class LiveServer:
    """An ASGI application that answers `/live` with server-sent events."""

    def __init__(
        self,
        *,
        conninfo: Callable[[], str],
        identify: Identify,
        missed: Missed,
        cookie_name: str,
        origin: str,
        heartbeat: float = HEARTBEAT_SECONDS,
        check_every: float = CHECK_SECONDS,
    ) -> None:
        self.conninfo = conninfo
        self.identify = identify
        self.missed = missed
        self.cookie_name = cookie_name
        self.origin = origin
        self.heartbeat = heartbeat
        self.check_every = check_every
        self.screens: dict[str, set[Screen]] = defaultdict(set)
        self.by_account: dict[int, int] = defaultdict(int)
        self.listening = asyncio.Event()
        self.stopping = False
        self._task: asyncio.Task[None] | None = None

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "lifespan":
            await self._live(receive, send)
        elif scope["type"] == "http":
            await self._answer(scope, receive, send)

    # --- The life of the process ---

    async def _live(self, receive: Receive, send: Send) -> None:
        while True:
            message = await receive()
            if message["type"] == "lifespan.startup":
                self._task = asyncio.create_task(self._listen())
                await send({"type": "lifespan.startup.complete"})
            elif message["type"] == "lifespan.shutdown":
                await self.stop()
                await send({"type": "lifespan.shutdown.complete"})
                return

    async def stop(self) -> None:
        """Say good-bye to every screen and let the database go."""
        self.stopping = True
        self._end_all()
        if self._task is not None:
            self._task.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await self._task

    async def _listen(self) -> None:
        """Hold the one connection that hears commits; come back for as long as it takes."""
        wait = 0.2
        while not self.stopping:
            try:
                connection = await psycopg.AsyncConnection.connect(
                    self.conninfo(), autocommit=True, **PATIENCE
                )
                async with connection:
                    await connection.execute(f"LISTEN {CHANNEL}")
                    wait = 0.2
                    self.listening.set()
                    async for notification in connection.notifies():
                        self._deliver(notification.payload)
            except (psycopg.Error, OSError) as error:
                logger.warning("no longer hearing the database: %s", error)
            # What is said meanwhile is not heard: screens come back and catch up.
            self.listening.clear()
            self._end_all()
            await asyncio.sleep(wait)
            wait = min(wait * 2, 5.0)

    def _deliver(self, payload: str) -> None:
        number, recipient, kind = payload.split(" ", 2)
        event = Event(int(number), kind)
        for screen in tuple(self.screens.get(recipient, ())):
            screen.tell(event)

    def _end_all(self) -> None:
        for screen in {screen for group in self.screens.values() for screen in group}:
            screen.tell(None)

    # --- One request ---

    async def _answer(self, scope: Scope, receive: Receive, send: Send) -> None:
        headers = {name.lower(): value.decode("latin-1") for name, value in scope["headers"]}
        allowed = [
            (b"access-control-allow-origin", self.origin.encode()),
            (b"access-control-allow-credentials", b"true"),
            (b"vary", b"Origin"),
        ]
        origin = headers.get(b"origin")
        if scope["path"] != "/live":
            await _say(send, 404)
        elif origin is not None and origin != self.origin:
            await _say(send, 403)
        elif scope["method"] == "OPTIONS":
            await _say(send, 204, [*allowed, (b"access-control-allow-methods", b"GET")])
        elif scope["method"] != "GET":
            await _say(send, 405, [*allowed, (b"allow", b"GET, OPTIONS")])
        else:
            await self._open(headers, allowed, receive, send)

    async def _open(
        self,
        headers: dict[bytes, str],
        allowed: list[tuple[bytes, bytes]],
        receive: Receive,
        send: Send,
    ) -> None:
        later = [*allowed, (b"retry-after", str(RETRY_SECONDS).encode())]
        session_key = _cookie(headers.get(b"cookie", ""), self.cookie_name)
        if self.stopping or not self.listening.is_set() or self._count() >= MOST_SCREENS:
            await _say(send, 503, later)
            return
        if not session_key:
            await _say(send, 401, allowed)
            return
        # The screen is known before what it missed is looked for: nothing falls between the two.
        screen = None
        try:
            listener = await self.identify(session_key)
            if self.by_account[listener.account_id] >= MOST_SCREENS_AN_ACCOUNT:
                await _say(send, 429, later)
                return
            screen = Screen(listener.account_id, listener.recipients)
            self._enter(screen)
            missed = await self.missed(listener, _number(headers.get(b"last-event-id", "")))
            await send(
                {
                    "type": "http.response.start",
                    "status": 200,
                    "headers": [
                        *allowed,
                        (b"content-type", b"text/event-stream; charset=utf-8"),
                        (b"cache-control", b"no-store"),
                        (b"x-accel-buffering", b"no"),
                    ],
                }
            )
            await self._stream(screen, missed, session_key, receive, send)
        except Refused:
            await _say(send, 401, allowed)
        except Unavailable:
            await _say(send, 503, later)
        finally:
            if screen is not None:
                self._leave(screen)

    async def _stream(
        self,
        screen: Screen,
        missed: list[Event],
        session_key: str,
        receive: Receive,
        send: Send,
    ) -> None:
        async def write(text: str) -> None:
            await send({"type": "http.response.body", "body": text.encode(), "more_body": True})

        # One queue brings all: a stream that hears an event starts no task and sets no clock.
        gone = asyncio.create_task(_until_gone(receive))
        gone.add_done_callback(lambda _: screen.tell(GONE))
        loop = asyncio.get_running_loop()
        check_at = loop.time() + self.check_every
        beat: asyncio.TimerHandle | None = None
        try:
            await write(f"retry: {RETRY_SECONDS * 400}\n\n" + _written(missed))
            while True:
                if beat is None:
                    patience = min(self.heartbeat, max(check_at - loop.time(), 0))
                    beat = loop.call_later(patience, screen.tell, BEAT)
                event = await screen.queue.get()
                if event is GONE:
                    return
                if event is None:
                    break
                if event is BEAT:
                    beat = None
                    await write(": toujours là\n\n")
                else:
                    await write(_written([event]))
                if loop.time() >= check_at:
                    try:
                        known = await self.identify(session_key)
                    except (Refused, Unavailable):
                        break
                    if known.recipients != screen.recipients:
                        break  # another role, a new delegation: the screen comes back as it is now
                    check_at = loop.time() + self.check_every
            await send({"type": "http.response.body", "body": b"", "more_body": False})
        finally:
            if beat is not None:
                beat.cancel()
            gone.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await gone

    def _count(self) -> int:
        return sum(self.by_account.values())

    def _enter(self, screen: Screen) -> None:
        self.by_account[screen.account_id] += 1
        for recipient in screen.recipients:
            self.screens[recipient].add(screen)

    def _leave(self, screen: Screen) -> None:
        self.by_account[screen.account_id] -= 1
        if not self.by_account[screen.account_id]:
            del self.by_account[screen.account_id]
        for recipient in screen.recipients:
            self.screens[recipient].discard(screen)
            if not self.screens[recipient]:
                del self.screens[recipient]


def _written(events: Iterable[Event]) -> str:
    return "".join(
        f"id: {event.number}\ndata: {json.dumps({'kind': event.kind})}\n\n" for event in events
    )


def _number(text: str) -> int | None:
    return int(text) if text.isdecimal() and len(text) < 19 else None


def _cookie(header: str, name: str) -> str:
    for part in header.split(";"):
        key, _, value = part.strip().partition("=")
        if key == name:
            return value.strip('"')
    return ""


async def _until_gone(receive: Receive) -> None:
    while (await receive())["type"] != "http.disconnect":
        pass


async def _say(send: Send, status: int, headers: list[tuple[bytes, bytes]] | None = None) -> None:
    await send(
        {
            "type": "http.response.start",
            "status": status,
            "headers": [
                *(headers or []),
                (b"content-length", b"0"),
                (b"cache-control", b"no-store"),
            ],
        }
    )
    await send({"type": "http.response.body", "body": b"", "more_body": False})
