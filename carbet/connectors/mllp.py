"""MLLP, the envelope of HL7 v2 messages on a socket: a server that never loses one, and a client.

A message is VT, its bytes, FS, CR. `Frames` finds them in what arrives, whatever arrives. The
server hands them over in batches, and answers each when the batch is kept: the slower the disk,
the larger the batch. Source: HL7 v2.5 appendix C, MLLP release 1; the `hl7` library is used for
what is inside, not for this: it closes on garbage and on long messages without a word.
"""

import asyncio
import contextlib
import ipaddress
import logging
import socket
import ssl
from collections.abc import Awaitable, Callable, Iterable, Iterator
from dataclasses import dataclass
from enum import StrEnum

logger = logging.getLogger("carbet.mllp")

START, END = 0x0B, 0x1C
LARGEST = 32 * 1024 * 1024
# Between messages, these are the sender's line ends.
_BETWEEN = b"\r\n \t\x00"
_CHUNK = 256 * 1024
# What is kept of what was no message, for whoever looks into it.
_KEPT_OF_GARBAGE = 4096
_MOST_GARBAGE = 1024 * 1024

MOST_CONNECTIONS = 128
MOST_OF_ONE_PEER = 32
MOST_UNANSWERED = 64
# Long messages are received a few at a time: memory stays bounded.
LONG = 1024 * 1024
MOST_LONG = 4
BATCH_MESSAGES, BATCH_BYTES = 200, 32 * 1024 * 1024
# A message begun and not continued is cut; between messages a line may stay silent for days.
SILENCE_SECONDS = 60.0


class Fault(StrEnum):
    """Why what arrived is no message."""

    NONE = ""
    GARBAGE = "garbage"
    TOO_LONG = "too-long"
    CUT = "cut"


@dataclass(frozen=True, slots=True)
class Frame:
    """One message as it came, or what came instead of one (its beginning)."""

    data: bytes
    fault: Fault = Fault.NONE


class Frames:
    """Find the messages in what arrives on one line, in any pieces."""

    def __init__(self, *, largest: int = LARGEST) -> None:
        self._largest = largest
        self._buffer = bytearray()
        self._inside = False
        self._skipping = False
        self.garbage = 0

    @property
    def size(self) -> int:
        """How many bytes of the message under way are held."""
        return len(self._buffer) if self._inside else 0

    def feed(self, chunk: bytes) -> Iterator[Frame]:
        """Yield what is complete once `chunk` has come."""
        at = 0
        while at < len(chunk):
            if self._inside:
                frame, at = self._inside_of(chunk, at)
            else:
                frame, at = self._between(chunk, at)
            if frame is not None:
                yield frame

    def close(self) -> Iterator[Frame]:
        """Yield the message that the end of the line cut, if any."""
        if self._inside and not self._skipping:
            yield Frame(bytes(self._buffer[:_KEPT_OF_GARBAGE]), Fault.CUT)
        self._buffer.clear()
        self._inside = False

    def _between(self, chunk: bytes, at: int) -> tuple[Frame | None, int]:
        begins = chunk.find(START, at)
        junk = chunk[at : begins if begins >= 0 else len(chunk)].strip(_BETWEEN)
        said = None
        if junk and not self._skipping:
            said = Frame(junk[:_KEPT_OF_GARBAGE], Fault.GARBAGE)
        self.garbage += len(junk)
        # A run of garbage is answered once, however many pieces it comes in.
        self._skipping = bool(junk) or (self._skipping and begins < 0)
        if begins < 0:
            return said, len(chunk)
        self._inside, self._skipping = True, False
        self._buffer.clear()
        return said, begins + 1

    def _inside_of(self, chunk: bytes, at: int) -> tuple[Frame | None, int]:
        ends, again = chunk.find(END, at), chunk.find(START, at)
        if again >= 0 and (ends < 0 or again < ends):
            # The sender began again: what came before is cut.
            cut = bytes(self._buffer) + chunk[at:again]
            said = None if self._skipping else Frame(cut[:_KEPT_OF_GARBAGE], Fault.CUT)
            self._buffer.clear()
            self._skipping = False
            return said, again + 1
        stop = ends if ends >= 0 else len(chunk)
        said = None
        if not self._skipping:
            if len(self._buffer) + stop - at > self._largest:
                self._buffer += chunk[at : at + _KEPT_OF_GARBAGE]
                said = Frame(bytes(self._buffer[:_KEPT_OF_GARBAGE]), Fault.TOO_LONG)
                self._buffer.clear()
                self._skipping = True
            else:
                self._buffer += chunk[at:stop]
        if ends < 0:
            return said, len(chunk)
        if not self._skipping:
            said = Frame(bytes(self._buffer))
        self._buffer.clear()
        self._inside = self._skipping = False
        return said, ends + 1


@dataclass(frozen=True, slots=True)
class Arrival:
    """A frame, and the address that sent it."""

    peer: str
    frame: Frame


class Unavailable(Exception):
    """Nothing could be kept: the line is closed without an answer, so that the sender repeats."""


# Keeps a batch and returns the answer to each, None for no answer.
Keep = Callable[[list[Arrival]], Awaitable[list[bytes | None]]]
Waiting = asyncio.Future[bytes | None]


class MllpServer:
    """Receives messages from allowed addresses; answers each once `keep` has kept it."""

    def __init__(
        self,
        *,
        keep: Keep,
        allowed: Iterable[str],
        largest: int = LARGEST,
        tls: ssl.SSLContext | None = None,
    ) -> None:
        self._keep = keep
        self._allowed = networks(allowed)
        self._largest = largest
        self._tls = tls
        self._queue: asyncio.Queue[tuple[Arrival, Waiting]] = asyncio.Queue(BATCH_MESSAGES * 2)
        self._long = asyncio.Semaphore(MOST_LONG)
        self._lines: dict[asyncio.Task[None], str] = {}

    async def serve(self, host: str, port: int, *, ready: Callable[[int], None]) -> None:
        """Serve until cancelled; `ready` is told the port."""
        server = await asyncio.start_server(
            self._line, host, port, ssl=self._tls, limit=_CHUNK, reuse_address=True
        )
        writer = asyncio.create_task(self._write())
        try:
            async with server:
                ready(server.sockets[0].getsockname()[1])
                await writer
        finally:
            writer.cancel()
            for line in list(self._lines):
                line.cancel()

    def is_allowed(self, peer: str) -> bool:
        """Tell whether an address may send."""
        return is_within(peer, self._allowed)

    async def _write(self) -> None:
        """Hand over what waits, batch after batch: the group commit."""
        while True:
            batch = [await self._queue.get()]
            size = len(batch[0][0].frame.data)
            while not self._queue.empty() and len(batch) < BATCH_MESSAGES and size < BATCH_BYTES:
                batch.append(self._queue.get_nowait())
                size += len(batch[-1][0].frame.data)
            try:
                answers = await self._keep([arrival for arrival, _ in batch])
            except Exception as error:  # noqa: BLE001 - whatever a keeper raises
                # Whatever happened, nothing of this batch is promised: senders repeat.
                level = logging.WARNING if isinstance(error, Unavailable) else logging.ERROR
                logger.log(level, "rien n’a pu être gardé : %s", type(error).__name__)
                for _, waiting in batch:
                    if not waiting.done():
                        waiting.set_exception(Unavailable())
                continue
            for (_, waiting), answer in zip(batch, answers, strict=True):
                if not waiting.done():
                    waiting.set_result(answer)

    async def _line(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        peer = str((writer.get_extra_info("peername") or ("",))[0])
        task = asyncio.current_task()
        if task is None or not self.is_allowed(peer):
            logger.warning("adresse refusée : %s", peer)
            writer.close()
            return
        same = sum(other == peer for other in self._lines.values())
        if len(self._lines) >= MOST_CONNECTIONS or same >= MOST_OF_ONE_PEER:
            logger.warning("trop de lignes ouvertes : %s", peer)
            writer.close()
            return
        if (raw := writer.get_extra_info("socket")) is not None:
            raw.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
        self._lines[task] = peer
        unanswered: asyncio.Queue[Waiting | None] = asyncio.Queue(MOST_UNANSWERED)
        answering = asyncio.create_task(_answer(unanswered, writer))
        try:
            await self._read(reader, peer, unanswered, answering)
            await unanswered.put(None)
            await answering
        except (OSError, Unavailable, asyncio.CancelledError):
            pass
        finally:
            answering.cancel()
            del self._lines[task]
            writer.close()

    async def _read(
        self,
        reader: asyncio.StreamReader,
        peer: str,
        unanswered: "asyncio.Queue[Waiting | None]",
        answering: asyncio.Task[None],
    ) -> None:
        frames = Frames(largest=self._largest)
        holds_long = False
        try:
            while not answering.done() and frames.garbage < _MOST_GARBAGE:
                silence = SILENCE_SECONDS if frames.size else None
                try:
                    chunk = await asyncio.wait_for(reader.read(_CHUNK), silence)
                except TimeoutError:
                    chunk = b""
                for frame in frames.feed(chunk) if chunk else frames.close():
                    waiting: Waiting = asyncio.get_running_loop().create_future()
                    await unanswered.put(waiting)
                    await self._queue.put((Arrival(peer, frame), waiting))
                    if len(frame.data) > LONG:
                        # The next long one waits until this one is on disk.
                        with contextlib.suppress(Unavailable):
                            await asyncio.wait([waiting])
                if not chunk:
                    return
                if frames.size > LONG and not holds_long:
                    await self._long.acquire()
                    holds_long = True
                elif holds_long and frames.size <= LONG:
                    self._long.release()
                    holds_long = False
        finally:
            if holds_long:
                self._long.release()


async def _answer(
    unanswered: "asyncio.Queue[Waiting | None]", writer: asyncio.StreamWriter
) -> None:
    """Send the answers of one line in the order of its messages."""
    while (waiting := await unanswered.get()) is not None:
        answer = await waiting
        if answer is not None:
            writer.write(enveloped(answer))
            await writer.drain()


Networks = list[ipaddress.IPv4Network | ipaddress.IPv6Network]


def networks(words: Iterable[str]) -> Networks:
    """Return addresses and networks, as they are written in the settings."""
    return [ipaddress.ip_network(each, strict=False) for each in words]


def is_within(address: str, allowed: Networks) -> bool:
    """Tell whether an address is one of these."""
    try:
        found = ipaddress.ip_address(address)
    except ValueError:
        return False
    mapped = getattr(found, "ipv4_mapped", None)
    return any((mapped or found) in network for network in allowed)


def enveloped(message: bytes) -> bytes:
    """Return a message as it travels."""
    return bytes((START,)) + message + bytes((END, 0x0D))


class NotAllowed(Exception):
    """The address is not one of those that messages may go to."""


class NoAnswer(Exception):
    """The other side did not answer: whether it kept the message is not known."""


class Client:
    """A line to another system's server: one message, one answer."""

    def __init__(
        self,
        host: str,
        port: int,
        *,
        timeout: float = 10.0,
        tls: ssl.SSLContext | None = None,
        allowed: Iterable[str] | None = None,
    ) -> None:
        """Open the line.

        Args:
            allowed: the addresses it may go to, any when None.

        Raises:
            NotAllowed: the host is at another.
            OSError: nobody answers there.
        """
        found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0][4]
        if allowed is not None and not is_within(str(found[0]), networks(allowed)):
            raise NotAllowed(host)
        # The address that was judged, not its name, that may lead elsewhere the next time.
        self._socket: socket.socket = socket.create_connection(
            (str(found[0]), port), timeout=timeout
        )
        if tls is not None:
            self._socket = tls.wrap_socket(self._socket, server_hostname=host)
        self._socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self._frames = Frames()
        self._ready: list[Frame] = []

    def send(self, message: bytes) -> bytes:
        """Send a message and return the answer.

        Raises:
            NoAnswer: the line was cut, or silent too long.
        """
        self.post(enveloped(message))
        return self.answer()

    def post(self, data: bytes) -> None:
        """Send bytes as they are."""
        try:
            self._socket.sendall(data)
        except OSError as error:
            raise NoAnswer(str(error)) from error

    def answer(self) -> bytes:
        """Return the next answer.

        Raises:
            NoAnswer: the line was cut, or silent too long.
        """
        while not self._ready:
            try:
                chunk = self._socket.recv(65536)
            except OSError as error:
                raise NoAnswer(str(error)) from error
            if not chunk:
                raise NoAnswer("ligne coupée")
            self._ready += self._frames.feed(chunk)
        return self._ready.pop(0).data

    def close(self) -> None:
        """Close the line."""
        self._socket.close()

    def __enter__(self) -> "Client":
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


def client_tls(certificate: str, key: str, authorities: str) -> ssl.SSLContext | None:
    """Return how our own lines are sealed, by files of PEM; None when we have no certificate."""
    if not certificate:
        return None
    context = ssl.create_default_context(cafile=authorities or None)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    context.load_cert_chain(certificate, key or None)
    return context
