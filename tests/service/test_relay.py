"""The relay: bytes later by the round trip and otherwise the same."""

import asyncio
import os
import socket
import subprocess
import sys
import time
from contextlib import asynccontextmanager
from pathlib import Path

import pytest
from tailgate_service.errors import RelayError
from tailgate_service.process import Child
from tailgate_service.relay import LIMIT, Address, listening, measure

ANY = Address(host="127.0.0.1", port=0)
DELAY = 0.1


@asynccontextmanager
async def server(handle):
    """A TCP server whose every connection is given to ``handle``, and its address."""
    listener = await asyncio.start_server(handle, ANY.host, ANY.port)
    yield Address(host=ANY.host, port=listener.sockets[0].getsockname()[1])
    listener.close()


async def echo(reader, writer):
    while block := await reader.read(65536):
        writer.write(block)
        await writer.drain()
    writer.write(b"end")
    writer.close()


async def test_a_query_takes_the_round_trip_more(postgres):
    upstream = Address(host="127.0.0.1", port=postgres.port)
    async with listening(ANY, upstream, DELAY) as relay:
        assert await measure(postgres.dsn_at(relay.port)) >= DELAY


async def test_a_pipelined_batch_takes_the_round_trip_once():
    """A hundred writes, each sent apart from the one before: late by one round trip together, not by a hundred."""
    async with server(echo) as upstream, listening(ANY, upstream, DELAY) as relay:
        reader, writer = await asyncio.open_connection(relay.host, relay.port)
        writer.write(b"first")
        await reader.readexactly(5)
        start = time.monotonic()
        for _ in range(100):
            writer.write(b"x" * 10)
            await asyncio.sleep(0)
        await reader.readexactly(1000)
        took = time.monotonic() - start
        writer.close()
    assert DELAY <= took < 100 * DELAY / 2


async def test_half_of_the_round_trip_is_taken_each_way():
    arrived = asyncio.get_running_loop().create_future()

    async def note(reader, writer):
        await reader.readexactly(1)
        arrived.set_result(time.monotonic())
        writer.write(b"y")
        await reader.read()
        writer.close()

    async with server(note) as upstream, listening(ANY, upstream, 4 * DELAY) as relay:
        reader, writer = await asyncio.open_connection(relay.host, relay.port)
        # Beyond the connection's own round trip.
        await asyncio.sleep(5 * DELAY)
        sent = time.monotonic()
        writer.write(b"x")
        await reader.readexactly(1)
        there, back = await arrived - sent, time.monotonic() - await arrived
        writer.close()
    assert there >= 2 * DELAY
    assert back >= 2 * DELAY


async def test_much_data_comes_through_whole_while_little_of_it_is_held():
    """The receiver does not read at first: what the relay takes from the sender meanwhile is bounded."""
    reading = asyncio.Event()
    received = asyncio.get_running_loop().create_future()
    size = 16 * LIMIT

    async def take(reader, writer):
        await reading.wait()
        total = 0
        while block := await reader.read(1 << 20):
            total += len(block)
        received.set_result(total)
        writer.close()

    async with server(take) as upstream, listening(ANY, upstream, 0.01) as relay:
        sender = socket.create_connection((relay.host, relay.port))
        sender.setblocking(False)
        taken, refused = 0, 0
        while taken < size and refused < 50:
            try:
                taken += sender.send(bytes(min(1 << 20, size - taken)))
                refused = 0
            except BlockingIOError:
                refused += 1
            await asyncio.sleep(0.005)
        assert taken < size
        reading.set()
        await asyncio.get_running_loop().sock_sendall(sender, bytes(size - taken))
        sender.shutdown(socket.SHUT_WR)
        assert await received == size
        sender.close()


async def test_who_has_said_all_can_still_be_answered():
    async with server(echo) as upstream, listening(ANY, upstream, 0.01) as relay:
        reader, writer = await asyncio.open_connection(relay.host, relay.port)
        writer.write(b"all")
        writer.write_eof()
        assert await reader.read() == b"allend"
        writer.close()


async def test_an_upstream_that_breaks_off_is_passed_on():
    async def break_off(reader, writer):
        await reader.readexactly(1)
        writer.transport.abort()

    async with server(break_off) as upstream, listening(ANY, upstream, 0.01) as relay:
        reader, writer = await asyncio.open_connection(relay.host, relay.port)
        writer.write(b"x")
        assert await reader.read() == b""
        writer.close()


async def test_an_upstream_that_is_not_there_breaks_the_connection():
    with socket.socket() as unused:
        unused.bind((ANY.host, ANY.port))
        nowhere = Address(host=ANY.host, port=unused.getsockname()[1])
        async with listening(ANY, nowhere, 0) as relay:
            reader, _ = await asyncio.open_connection(relay.host, relay.port)
            assert await reader.read() == b""


async def test_a_port_that_is_taken_is_named(postgres):
    taken = Address(host="127.0.0.1", port=postgres.port)
    with pytest.raises(RelayError, match=str(postgres.port)):
        async with listening(taken, taken, 0):
            pass


@pytest.mark.parametrize("text", ["5432", ":5432", "localhost:", "localhost:http", "localhost:65536"])
def test_what_is_no_address_is_refused(text):
    with pytest.raises(RelayError, match="host:port"):
        Address.parse(text)


async def test_as_a_process_it_says_where_it_listens(postgres, tmp_path):
    arguments = ["--listen", "127.0.0.1:0", "--upstream", f"127.0.0.1:{postgres.port}", "--delay", "0.01"]
    with Child("tailgate_service.relay", arguments, environ=os.environ, log=tmp_path / "log", within=30) as child:
        assert await measure(postgres.dsn_at(child.ready["port"])) >= 0.01
    assert not child.alive()


@pytest.mark.parametrize(
    ("listen", "delay", "said"),
    [
        ("nowhere", "0", "'nowhere' is not an address"),
        ("127.0.0.1:0", "nan", "--delay nan is outside 0 to 60 seconds"),
        ("127.0.0.1:0", "-1", "--delay -1 is outside 0 to 60 seconds"),
    ],
)
def test_told_nonsense_it_exits_2_and_says_why(listen, delay, said):
    told = ["--listen", listen, "--upstream", "a:1", f"--delay={delay}"]
    command = [sys.executable, "-m", "tailgate_service.relay", *told]
    done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=30)
    assert done.returncode == 2
    assert said in done.stderr


PARENT = """
import os, sys
from pathlib import Path
from tailgate_service.process import Child
arguments = ["--listen", "127.0.0.1:0", "--upstream", "127.0.0.1:9", "--delay", "0"]
child = Child("tailgate_service.relay", arguments, environ=os.environ, log=Path(sys.argv[1]), within=30)
print(child.pid, flush=True)
sys.stdin.read()
"""


def test_it_ends_when_its_parent_is_killed(tmp_path):
    command = [sys.executable, "-c", PARENT, str(tmp_path / "log")]
    parent = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    child = Path("/proc") / parent.stdout.readline().strip()
    assert child.exists()
    parent.kill()
    parent.communicate()
    end = time.monotonic() + 30
    while child.exists() and time.monotonic() < end:
        time.sleep(0.01)
    assert not child.exists()
