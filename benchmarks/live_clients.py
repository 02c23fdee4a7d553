"""So many browsers in one process: hear events, ask for the fragment of those told to one alone."""

import asyncio
import contextlib
import json
import sys
import time
from typing import Any

import psycopg

FRAGMENT = "/alertes/cloche/"


async def main() -> None:
    given = json.loads(sys.stdin.readline())
    heard: list[tuple[str, int]] = []
    shown: list[tuple[str, int]] = []
    floor: list[tuple[str, int]] = []
    tasks = [asyncio.create_task(_listen_bare(given["database"], floor))]
    for session in given["sessions"]:
        reader = await _open(given["live"], session)
        tasks.append(asyncio.create_task(_hear(reader, session, given["pages"], heard, shown)))
    print("ready", flush=True)
    await asyncio.get_running_loop().run_in_executor(None, sys.stdin.read)
    for task in tasks:
        task.cancel()
    print(json.dumps({"heard": heard, "shown": shown, "floor": floor}), flush=True)


async def _open(port: int, session: str) -> asyncio.StreamReader:
    for _ in range(100):
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        writer.write(
            f"GET /live HTTP/1.1\r\nHost: localhost\r\nCookie: carbet={session}\r\n\r\n".encode()
        )
        status = await reader.readline()
        if b" 200 " in status:
            while (await reader.readline()).strip():
                pass
            reader.writer = writer  # type: ignore[attr-defined] - kept open with its reader
            return reader
        writer.close()
        await asyncio.sleep(0.1)
    raise ConnectionError(status)


async def _hear(
    reader: asyncio.StreamReader,
    session: str,
    pages: int,
    heard: list[tuple[str, int]],
    shown: list[tuple[str, int]],
) -> None:
    asking: set[asyncio.Task[Any]] = set()
    with contextlib.suppress(asyncio.CancelledError):
        while line := await reader.readline():
            if not line.startswith(b"data: "):
                continue
            at, kind = time.monotonic_ns(), json.loads(line[6:])["kind"]
            if kind.startswith(("all", "one")):
                heard.append((kind, at))
            if kind.startswith("one"):
                task = asyncio.create_task(_show(session, pages, kind, shown))
                asking.add(task)
                task.add_done_callback(asking.discard)


async def _show(session: str, pages: int, kind: str, shown: list[tuple[str, int]]) -> None:
    """Ask for the fragment as an open page does: ten milliseconds later."""
    await asyncio.sleep(0.01)
    reader, writer = await asyncio.open_connection("127.0.0.1", pages)
    writer.write(
        f"GET {FRAGMENT} HTTP/1.1\r\nHost: localhost\r\nCookie: carbet={session}\r\n"
        "Connection: close\r\n\r\n".encode()
    )
    answer = await reader.read()
    writer.close()
    if answer.startswith(b"HTTP/1.1 200"):
        shown.append((kind, time.monotonic_ns()))


async def _listen_bare(conninfo: str, floor: list[tuple[str, int]]) -> None:
    connection = await psycopg.AsyncConnection.connect(conninfo, autocommit=True)
    await connection.execute("LISTEN carbet_live")
    async for notice in connection.notifies():
        floor.append((notice.payload.split(" ", 2)[2], time.monotonic_ns()))


if __name__ == "__main__":
    asyncio.run(main())
