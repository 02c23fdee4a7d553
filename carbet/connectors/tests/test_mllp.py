"""Envelopes in any pieces, hostile lines, and a server that answers in order."""

import asyncio
import contextlib
import threading

import pytest
from hypothesis import given
from hypothesis import strategies as st

from carbet.connectors.mllp import Client, Fault, Frame, Frames, MllpServer, Unavailable, enveloped

MESSAGES = st.lists(
    st.binary(min_size=1, max_size=60).map(lambda data: data.translate(None, b"\x0b\x1c")),
    max_size=8,
)


@given(messages=MESSAGES, cuts=st.lists(st.integers(min_value=1, max_value=30), max_size=60))
def test_messages_are_found_in_whatever_pieces_they_come(messages, cuts):
    stream = b"".join(enveloped(each) for each in messages)
    frames, found = Frames(), []
    while stream:
        size = cuts.pop() if cuts else len(stream)
        found += frames.feed(stream[:size])
        stream = stream[size:]
    assert found == [Frame(each) for each in messages]
    assert list(frames.close()) == []


@given(stream=st.binary(max_size=300))
def test_no_bytes_break_it_and_a_message_after_them_is_found(stream):
    frames = Frames(largest=100)
    found = list(frames.feed(stream + b"\x1c\r" + enveloped(b"MSH|good")))
    assert found[-1] == Frame(b"MSH|good")


@pytest.mark.parametrize(
    ("stream", "faults"),
    [
        (b"GET / HTTP/1.1\r\n\r\n", ["garbage"]),
        (b"junk" + enveloped(b"a"), ["garbage", ""]),
        (b"\x0bone\x0btwo\x1c\r", ["cut", ""]),
        (b"\x0b" + b"x" * 101 + b"\x1c\r" + enveloped(b"a"), ["too-long", ""]),
        (b"\x0bone\x1c" + enveloped(b"a"), ["", ""]),
        (b"\r\n" + enveloped(b"a") + b"\r\n", [""]),
    ],
)
def test_what_is_no_envelope_is_said(stream, faults):
    assert [each.fault for each in Frames(largest=100).feed(stream)] == faults


def test_a_line_that_ends_in_a_message_cut_it():
    frames = Frames()
    assert list(frames.feed(b"\x0bMSH|be")) == []
    assert list(frames.close()) == [Frame(b"MSH|be", Fault.CUT)]


@contextlib.contextmanager
def serving(keep, **options):
    """Run a server in a thread; yield its port."""
    started, port = threading.Event(), []
    loop = asyncio.new_event_loop()
    server = MllpServer(keep=keep, allowed=options.pop("allowed", ["127.0.0.1"]), **options)

    def ready(number):
        port.append(number)
        started.set()

    work = loop.create_task(server.serve("127.0.0.1", 0, ready=ready))

    def run():
        with contextlib.suppress(asyncio.CancelledError):
            loop.run_until_complete(work)
        loop.run_until_complete(loop.shutdown_asyncgens())
        loop.close()

    thread = threading.Thread(target=run)
    thread.start()
    assert started.wait(10)
    try:
        yield port[0]
    finally:
        loop.call_soon_threadsafe(work.cancel)
        thread.join(10)


async def echo(arrivals):
    return [each.frame.fault.encode() or each.frame.data for each in arrivals]


def test_answers_come_in_order_even_when_nobody_waits_for_them():
    with serving(echo) as port, Client("127.0.0.1", port) as line:
        line.post(b"".join(enveloped(b"%d" % number) for number in range(500)))
        assert [line.answer() for _ in range(500)] == [b"%d" % number for number in range(500)]


def test_many_lines_are_kept_together():
    batches = []

    async def slow(arrivals):
        batches.append(len(arrivals))
        await asyncio.sleep(0.05)
        return await echo(arrivals)

    with serving(slow) as port, contextlib.ExitStack() as stack:
        lines = [stack.enter_context(Client("127.0.0.1", port)) for _ in range(20)]
        for line in lines:
            line.post(enveloped(b"x"))
        assert [line.answer() for line in lines] == [b"x"] * 20
    assert len(batches) <= 3


def test_a_message_of_thirty_megabytes_passes_and_one_more_does_not():
    with serving(echo) as port, Client("127.0.0.1", port, timeout=30) as line:
        large = b"MSH|" + b"x" * (30 * 1024 * 1024)
        assert len(line.send(large)) == len(large)
        assert line.send(b"x" * (32 * 1024 * 1024 + 1)) == b"too-long"
        assert line.send(b"after") == b"after"


def test_an_address_that_is_not_allowed_hears_nothing():
    from carbet.connectors.mllp import NoAnswer

    with serving(echo, allowed=["10.0.0.0/8"]) as port:
        with pytest.raises(NoAnswer), Client("127.0.0.1", port) as line:
            line.send(b"x")


def test_what_could_not_be_kept_is_not_answered_and_the_next_is():
    from carbet.connectors.mllp import NoAnswer

    async def fails(arrivals):
        if arrivals[0].frame.data == b"lost":
            raise Unavailable
        return await echo(arrivals)

    with serving(fails) as port:
        with pytest.raises(NoAnswer), Client("127.0.0.1", port) as line:
            line.send(b"lost")
        with Client("127.0.0.1", port) as line:
            assert line.send(b"kept") == b"kept"
