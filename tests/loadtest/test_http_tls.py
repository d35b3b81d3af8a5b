"""The client for load over TLS: whom it trusts, and what it makes of servers that secure a connection badly."""

import datetime as dt
import socket
import ssl
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
import trustme

from tests.loadtest.http_scripted import OK, Ask, Scripted, Start, asking, get, starting

HERE = "127.0.0.1"
VERSIONS = pytest.mark.parametrize("version", [ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3], ids=["1.2", "1.3"])


@pytest.fixture
def server() -> Iterator[Start]:
    with starting() as start:
        yield start


@pytest.fixture(scope="module")
def ask() -> Iterator[Ask]:
    with asking() as ask:
        yield ask


@pytest.fixture(scope="module")
def authority() -> trustme.CA:
    return trustme.CA()


@pytest.fixture(scope="module")
def cacert(authority: trustme.CA, tmp_path_factory: pytest.TempPathFactory) -> str:
    path = tmp_path_factory.mktemp("ca") / "ca.pem"
    authority.cert_pem.write_to_path(path)
    return str(path)


def context_of(leaf: trustme.LeafCert, version: ssl.TLSVersion | None = None) -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    leaf.configure_cert(context)
    if version is not None:
        context.minimum_version = context.maximum_version = version
    return context


def address_of(scripted: Scripted) -> str:
    return f"https://{HERE}:{scripted.port}"


@VERSIONS
def test_a_server_of_a_trusted_authority_is_asked_by_one_connection(
    ask: Ask, server: Start, authority: trustme.CA, cacert: str, version: ssl.TLSVersion
) -> None:
    scripted = server([0.1, OK], [OK], secure=context_of(authority.issue_cert(HERE), version))
    first, second = ask(address_of(scripted), get(), get("/two"), tls={"cacert": cacert})
    assert (first["error"], first["text"], second["text"]) == (None, "ok", "ok")
    assert scripted.connections == 1
    assert first["secure"] > 0 == second["secure"]
    assert 0.09 < first["wait"] < first["reported"]


@pytest.mark.parametrize("identity", [HERE, "elsewhere.example"])
def test_insecure_takes_any_certificate(ask: Ask, server: Start, identity: str) -> None:
    scripted = server([OK], secure=context_of(trustme.CA().issue_cert(identity)))
    (outcome,) = ask(address_of(scripted), get(), tls={"insecure": True})
    assert outcome["error"] is None


def _expired(authority: trustme.CA) -> trustme.LeafCert:
    return authority.issue_cert(HERE, not_after=dt.datetime(2020, 1, 1, tzinfo=dt.UTC))


@VERSIONS
@pytest.mark.parametrize(
    ("leaf", "why"),
    [
        (lambda _: trustme.CA().issue_cert(HERE), "unable to get local issuer certificate"),
        (lambda authority: authority.issue_cert("elsewhere.example"), "IP address mismatch"),
        (_expired, "certificate has expired"),
    ],
    ids=["unknown authority", "wrong host", "expired"],
)
def test_a_certificate_that_proves_nothing_is_a_failure_with_its_reason(
    ask: Ask,
    server: Start,
    authority: trustme.CA,
    cacert: str,
    leaf: Callable[[trustme.CA], trustme.LeafCert],
    why: str,
    version: ssl.TLSVersion,
) -> None:
    scripted = server([OK], secure=context_of(leaf(authority), version))
    (outcome,) = ask(address_of(scripted), get(), tls={"cacert": cacert})
    assert outcome["error"] == outcome["event_error"] == "TlsFailed"
    assert why in outcome["why"]
    assert scripted.requests == []


@VERSIONS
def test_a_server_that_demands_a_certificate_gets_ours_or_the_request_fails(
    ask: Ask, server: Start, authority: trustme.CA, cacert: str, version: ssl.TLSVersion, tmp_path: Path
) -> None:
    demanding = context_of(authority.issue_cert(HERE), version)
    demanding.verify_mode = ssl.CERT_REQUIRED
    authority.configure_trust(demanding)
    leaf = authority.issue_cert("client@example.org")
    cert, key = tmp_path / "cert.pem", tmp_path / "key.pem"
    leaf.cert_chain_pems[0].write_to_path(cert)
    leaf.private_key_pem.write_to_path(key)
    scripted = server([OK], secure=demanding)
    (without,) = ask(address_of(scripted), get(), tls={"cacert": cacert})
    (given,) = ask(address_of(scripted), get(), tls={"cacert": cacert, "cert": str(cert), "key": str(key)})
    # Under TLS 1.3 the server says so only after the handshake; it may also just have closed by the time of our send.
    assert without["error"] in ("TlsFailed", "ConnectionReset")
    assert given["error"] is None


@contextmanager
def unfinished(act: Callable[[socket.socket], Any]) -> Iterator[str]:
    """A server that reads the beginning of each handshake, and then does something of its own."""
    listener = socket.create_server((HERE, 0))
    done = threading.Event()

    def serve() -> None:
        with listener:
            try:
                connection, _ = listener.accept()
                with connection:
                    connection.recv(65536)
                    act(connection)
                    done.wait(20)
            except OSError:
                return

    thread = threading.Thread(target=serve)
    thread.start()
    yield f"https://{HERE}:{listener.getsockname()[1]}"
    done.set()
    thread.join()


def _drip(connection: socket.socket) -> None:
    connection.sendall(b"\x16\x03\x03\x40\x00")  # a record of 16 KB, a byte at a time
    for _ in range(100):
        connection.sendall(b"\x02")
        threading.Event().wait(0.1)  # the server's slowness is the point


@pytest.mark.parametrize(
    ("act", "why"),
    [
        (lambda connection: connection.shutdown(socket.SHUT_WR), "in the middle of the handshake"),
        (lambda connection: None, "not over in time"),
        (_drip, "not over in time"),
        (lambda connection: connection.sendall(b"HTTP/1.1 400 Plain\r\n\r\n"), "WRONG_VERSION_NUMBER"),
        (lambda connection: connection.sendall(b"\x15\x03\x03\x00\x02\x02\x28"), "HANDSHAKE_FAILURE"),
    ],
    ids=["closes", "never finishes", "drips", "speaks no TLS", "refuses"],
)
def test_a_handshake_that_comes_to_nothing_is_a_failure_with_its_reason_and_no_hang(
    ask: Ask, act: Callable[[socket.socket], Any], why: str
) -> None:
    with unfinished(act) as address:
        (outcome,) = ask(address, get(), connection_timeout=1.0)
    assert outcome["error"] == outcome["event_error"] == "TlsFailed"
    assert why in outcome["why"]
    assert outcome["took"] < 4


def test_a_reset_in_the_middle_of_the_handshake_is_a_failure_with_its_reason(ask: Ask) -> None:
    def reset(connection: socket.socket) -> None:
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\1\0\0\0\0\0\0\0")
        connection.close()

    with unfinished(reset) as address:
        (outcome,) = ask(address, get(), connection_timeout=5.0)
    assert (outcome["error"], outcome["why"]) == ("TlsFailed", "Connection reset by peer")


@VERSIONS
@pytest.mark.parametrize(
    ("script", "error"),
    [
        ([b"HTTP/1.1 200 OK\r\n\r\nuntil the close", "close"], None),
        ([b"HTTP/1.1 200 OK\r\n\r\nuntil the cl", "cut"], "AnswerTruncated"),
        ([b"HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nhalf", "close"], "AnswerTruncated"),
        ([b"HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nhalf", "cut"], "AnswerTruncated"),
        ([OK, "cut"], None),
        ([OK[:30], "reset"], "ConnectionReset"),
        ([OK + b"and more", 1], "BytesAfterAnswer"),
        ([b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\no", 5], "TimedOut"),
    ],
)  # fmt: skip
def test_an_answer_without_a_length_is_whole_only_where_the_close_was_said(
    ask: Ask,
    server: Start,
    authority: trustme.CA,
    cacert: str,
    script: list[Any],
    error: str | None,
    version: ssl.TLSVersion,
) -> None:
    scripted = server(script, secure=context_of(authority.issue_cert(HERE), version))
    (outcome,) = ask(address_of(scripted), get(), tls={"cacert": cacert}, network_timeout=1.0)
    assert outcome["error"] == outcome["event_error"] == error
    assert outcome["took"] < 4


@VERSIONS
@pytest.mark.parametrize("end", [["notice", 20], ["close"], ["cut"]], ids=["notice alone", "close", "no notice"])
def test_a_request_is_sent_anew_when_the_server_had_closed_the_idle_connection(
    ask: Ask, server: Start, authority: trustme.CA, cacert: str, version: ssl.TLSVersion, end: list[Any]
) -> None:
    scripted = server([OK, *end], [OK], secure=context_of(authority.issue_cert(HERE), version))
    first, second = ask(address_of(scripted), get(), {"sleep": 0.2}, get("/again"), tls={"cacert": cacert})
    assert (first["error"], second["error"]) == (None, None)
    assert (scripted.connections, len(scripted.requests)) == (2, 2)


def test_bytes_that_nobody_asked_for_are_never_taken_for_an_answer(
    ask: Ask, server: Start, authority: trustme.CA, cacert: str
) -> None:
    scripted = server([OK, 0.1, OK, 1], [OK], secure=context_of(authority.issue_cert(HERE)))
    calls = (get(), {"sleep": 0.3}, get(), get())
    first, second, third = ask(address_of(scripted), *calls, tls={"cacert": cacert})
    assert [each["error"] for each in (first, second, third)] == [None, "BytesAfterAnswer", None]


def test_bodies_of_many_records_go_whole_both_ways(ask: Ask, server: Start, authority: trustme.CA, cacert: str) -> None:
    large = b"HTTP/1.1 200 OK\r\nContent-Length: 3000000\r\n\r\n" + b"x" * 3_000_000
    scripted = server([large], secure=context_of(authority.issue_cert(HERE)))
    (outcome,) = ask(
        address_of(scripted), {"method": "POST", "url": "/", "data": "y" * 3_000_000}, tls={"cacert": cacert}
    )
    assert (outcome["error"], outcome["length"]) == (None, 3_000_000)
    assert scripted.requests[0].endswith(b"y" * 3_000_000)


IDLE = """
from gevent import monkey
monkey.patch_all()
import sys, time
from tailgate_loadtest.engine.http.opening import Origin, open_wire
from tailgate_loadtest.engine.http.timings import Timings
from tailgate_loadtest.engine.http.tls import client_context
from tailgate_loadtest.shapes.orders import Tls

tls = Tls(cacert=sys.argv[2])
wire = open_wire(Origin(True, "127.0.0.1", int(sys.argv[1])), Timings(), 5.0, lambda: client_context(tls))
time.sleep(0.3)
print(wire._wire.stirred, wire.idle(), wire._wire.stirred, wire.idle())
wire.send(b"GET / HTTP/1.1\\r\\n\\r\\n")
print(wire.receive(memoryview(bytearray(1000))))
wire.close()
"""


def test_session_tickets_that_come_while_nothing_is_asked_are_no_bytes_of_an_answer(
    server: Start, authority: trustme.CA, cacert: str
) -> None:
    """The tickets of TLS 1.3 come when the handshake is over, here before the first request."""
    scripted = server([OK], secure=context_of(authority.issue_cert(HERE), ssl.TLSVersion.TLSv1_3))
    command = [sys.executable, "-P", "-c", IDLE, str(scripted.port), cacert]
    done = subprocess.run(command, capture_output=True, text=True, timeout=30, check=True)
    assert done.stdout.split() == ["True", "True", "False", "True", str(len(OK))]
