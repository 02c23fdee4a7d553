"""Measure the reception of hospitals: messages a second, acknowledged once they are on disk.

    .venv/bin/python -m benchmarks.feed

Each line sends one ADT^A01, waits for its acknowledgement, sends the next, as hospitals do; every
message is another one. Carbet is its listener and its PostgreSQL (fsync on), as `carbet` runs them,
alone and with the worker carrying out meanwhile. Two peers take the same messages in the same run:
the server of the `hl7` library (parse, fsync, acknowledge) and a bare one that only writes, fsyncs
and answers: what Python and this disk allow without a database.
"""

import asyncio
import contextlib
import os
import re
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from statistics import quantiles

from benchmarks.processes import cpu_ms

ROOT = Path(__file__).resolve().parent.parent
CARBET_PORT, HL7_PORT, BARE_PORT = 8181, 8182, 8183
LINES = (1, 8, 32)
SECONDS, SUSTAINED_SECONDS = 5.0, 60.0
VT, END = b"\x0b", b"\x1c\r"


def main() -> None:
    state = ROOT / "var" / "bench" / "feed"
    state.mkdir(parents=True, exist_ok=True)
    os.environ |= {
        "CARBET_STATE_DIR": str(state),
        "CARBET_DEMONSTRATION": "1",
        "CARBET_MLLP_PORT": str(CARBET_PORT),
        "DJANGO_SETTINGS_MODULE": "carbet.config.settings",
        "PYTHONPATH": str(ROOT),
    }
    import django

    django.setup()
    from carbet.config.commands import database

    with database.opened() as server:
        database.migrate()
        postmaster = server.process_id() if server is not None else 0
        kept = state / "kept"
        peers = [("hl7", HL7_PORT), ("bare", BARE_PORT)]
        print("| receiver | lines | messages/s | p50 ms | p95 ms | CPU ms a message | × bare |")
        print("|---|---|---|---|---|---|---|")
        with contextlib.ExitStack() as stack:
            listener = stack.enter_context(_running("-m", "carbet.config.mllp", port=CARBET_PORT))
            found = {
                name: stack.enter_context(
                    _running("-m", "benchmarks.feed", name, str(port), str(kept), port=port)
                )
                for name, port in peers
            }
            for lines in LINES:
                bare = _measure("bare", BARE_PORT, [found["bare"]], lines)
                _measure("`hl7` library", HL7_PORT, [found["hl7"]], lines, bare=bare)
                _measure("Carbet", CARBET_PORT, [listener, postmaster], lines, bare=bare)
            with _running("-m", "carbet", "worker"):
                _measure(
                    f"Carbet and its worker, {SUSTAINED_SECONDS:.0f} s",
                    CARBET_PORT,
                    [listener, postmaster],
                    16,
                    seconds=SUSTAINED_SECONDS,
                )
        _check()
    print(f"\nLoad average at the end: {os.getloadavg()[0]:.1f} on {os.cpu_count()} cores.")


def _measure(
    name: str,
    port: int,
    processes: list[int],
    lines: int,
    *,
    bare: float = 0.0,
    seconds: float = SECONDS,
) -> float:
    """Send for a while over so many lines; say how fast, return messages a second."""
    asyncio.run(_send_all(port, lines, 1.0))
    spent = sum(cpu_ms(each) for each in processes)
    began = time.monotonic()
    took = asyncio.run(_send_all(port, lines, seconds))
    lasted = time.monotonic() - began
    spent = sum(cpu_ms(each) for each in processes) - spent
    rate = len(took) / lasted
    cuts = quantiles(took, n=20)
    ratio = f"{rate / bare:.2f}" if bare else "–" if name != "bare" else "1.00"
    print(
        f"| {name} | {lines} | {rate:.0f} | {cuts[9] * 1000:.1f} | {cuts[18] * 1000:.1f}"
        f" | {spent / len(took):.2f} | {ratio} |",
        flush=True,
    )
    return rate


async def _send_all(port: int, lines: int, seconds: float) -> list[float]:
    until = time.monotonic() + seconds
    found = await asyncio.gather(*(_send(port, until) for _ in range(lines)))
    return [each for took in found for each in took]


async def _send(port: int, until: float) -> list[float]:
    """Send on one line until the end; return how long each answer took, in seconds."""
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    took = []
    while time.monotonic() < until:
        control, message = _message()
        began = time.monotonic()
        writer.write(VT + message + END)
        answer = await reader.readuntil(END)
        took.append(time.monotonic() - began)
        if b"MSA|AA|" + control not in answer:
            sys.exit(f"pas acquitté : {answer!r}")
    writer.close()
    await writer.wait_closed()
    return took


_sent = 0


def _message() -> tuple[bytes, bytes]:
    """Return an admission that nobody sent before, and its number; 750 bytes."""
    global _sent
    _sent += 1
    control = f"{os.getpid()}-{_sent}"
    own, unit = "BANC&970300026", "Médecine A^^^^^BANC&970300026&N^UF^^^6268"
    kind = f"ADT^A01^ADT_A01|{control}|D|2.5^FRA^2.11|||||FRA|UNICODE UTF-8|FR"
    person = "FICTIF^ANNE^ANNE MARIE^^^^L||19510314|F|||12 rue du Larivot^^MATOURY^^97351^FRA"
    lines = (
        f"MSH|^~\\&|GAM|BANC|CARBET|DAC|20261122110000||{kind}||2.11^IHE_FRANCE-2.11-PAM",
        "EVN||20261122110000||||20261122083000",
        f"PID|1||{control}^^^{own}^PI||{person}|||||S||{control}^^^{own}&M^AN|||||||||||||N||PROV",
        f"PV1|1|I|^^^{own}&M^O|||||||||||||||{control}^^^{own}&M^VN",
        f"ZBE|{control}^BANC^970300026|20261122083000||INSERT|N||{unit}|{unit}|HMS",
        "ZFA|ACTIF|20261122110000|||||||INO|20261122110000|IC|20261122110000",
    )
    return control.encode(), ("\r".join(lines) + "\r").encode()


@contextlib.contextmanager
def _running(*arguments: str, port: int = 0) -> Iterator[int]:
    """Run a module of Python; yield its number once its port answers."""
    process = subprocess.Popen([sys.executable, *arguments], cwd=ROOT)
    try:
        limit = time.monotonic() + 40
        while port:
            with contextlib.suppress(OSError):
                asyncio.run(_knock(port))
                break
            if time.monotonic() > limit or process.poll() is not None:
                sys.exit(f"ne démarre pas : {arguments}")
            time.sleep(0.1)
        yield process.pid
    finally:
        process.terminate()
        process.wait(30)


async def _knock(port: int) -> None:
    _, writer = await asyncio.open_connection("127.0.0.1", port)
    writer.close()
    await writer.wait_closed()


def _check() -> None:
    """Say how many messages the database holds: none that was acknowledged may be missing."""
    from carbet.core import row_security
    from carbet.interop.hospital_feed.access import HOUSE
    from carbet.interop.hospital_feed.models import HospitalMessage, RawMessage

    with row_security.acting_as(HOUSE):
        ours = HospitalMessage.objects.filter(control_id__startswith=f"{os.getpid()}-")
        messages, texts = ours.count(), RawMessage.objects.filter(message__in=ours).count()
        settled = ours.exclude(status="waiting").count()
    print(f"\n{messages} messages kept, {texts} texts; the worker had carried out {settled}.")


# The peers


async def serve_bare(port: int, kept: Path) -> None:
    """Write each message, fsync, answer: no parsing, no database."""

    async def line(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with contextlib.suppress(asyncio.IncompleteReadError, OSError):
            while True:
                block = await reader.readuntil(END)
                os.write(file, block)
                os.fsync(file)
                control = re.split(rb"[|\r]", block[:300])[9]
                writer.write(VT + b"MSH|^~\\&|\rMSA|AA|" + control + b"\r" + END)
        writer.close()

    file = os.open(kept, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    async with await asyncio.start_server(line, "127.0.0.1", port) as server:
        await server.serve_forever()


async def serve_hl7(port: int, kept: Path) -> None:
    """Run the server of the `hl7` library as its documentation does, with a file and fsync."""
    from hl7.mllp import start_hl7_server

    async def line(reader, writer) -> None:  # type: ignore[no-untyped-def]
        with contextlib.suppress(asyncio.IncompleteReadError, OSError):
            while not writer.is_closing():
                message = await reader.readmessage()
                os.write(file, str(message).encode())
                os.fsync(file)
                writer.writemessage(message.create_ack())
                await writer.drain()
        writer.close()

    file = os.open(f"{kept}.hl7", os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    async with await start_hl7_server(
        line, host="127.0.0.1", port=port, encoding="utf-8"
    ) as server:
        await server.serve_forever()


if __name__ == "__main__":
    if len(sys.argv) > 1:
        serve = {"bare": serve_bare, "hl7": serve_hl7}[sys.argv[1]]
        with contextlib.suppress(KeyboardInterrupt):
            asyncio.run(serve(int(sys.argv[2]), Path(sys.argv[3])))
    else:
        main()
