"""A WebSocket held by a user: against a server of its own making, and against one that misbehaves byte by byte."""

import json
import ssl
import subprocess
import sys
import threading
import time
from collections.abc import Iterator

import pytest
import trustme
import websockets.exceptions
from websockets.sync.server import ServerConnection, serve

from tests.loadtest.streams import Hold, Scripted, accepting, frame, probing, routes

BRIEF = {"network_timeout": 0.3}
CONNECT, CLOSE = ("WS /live connect", None), ("WS /live close", None)


@pytest.fixture(scope="module")
def hold() -> Iterator[Hold]:
    with probing() as hold:
        yield hold


def answer(connection: ServerConnection) -> None:
    """Sends back what comes, but for a few words."""
    try:
        for message in connection:
            if message == "leave":
                connection.close(1011, "somebody's data")
            elif message == "done":
                connection.close(1000)
            elif message == "what time":
                connection.send(json.dumps({"at": time.time()}))
            elif message == "what time tomorrow":
                connection.send(json.dumps({"at": time.time() + 86400}))
            elif message == "ping":
                connection.send("pong" if connection.ping().wait(5) else "none")
            elif message == "pieces":
                connection.send(["in ", "three ", "pieces"])
            elif message != "silence":
                connection.send(message)
    except websockets.exceptions.ConnectionClosed:
        return


@pytest.fixture(scope="module")
def echo() -> Iterator[str]:
    """The address of a real server."""
    with serve(answer, "127.0.0.1", 0) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        yield f"http://127.0.0.1:{server.socket.getsockname()[1]}"
        server.shutdown()
        thread.join()


def test_what_is_said_is_answered_and_counted_from_its_send(hold, echo):
    outcome = hold(echo, "websocket", [["exchange", "hello"], ["exchange", None, {"json": {"a": 1}, "name": "ask"}]])
    assert outcome["given"] == [{"data": "hello"}, {"data": '{"a": 1}'}]
    assert routes(outcome) == [CONNECT, ("WS /live exchange", None), ("WS ask", None), CLOSE]
    assert all(0 < told["seconds"] < outcome["took"] for told in outcome["told"])


def test_bytes_and_texts_in_pieces_come_whole(hold, echo):
    big = "x" * 300_000
    steps = [["send", "00ff", {"bytes": True}], ["receive"], ["exchange", "pieces"], ["exchange", big]]
    assert hold(echo, "websocket", steps)["given"][1:] == [
        {"data": "00ff"},
        {"data": "in three pieces"},
        {"data": 300_000},
    ]


def test_an_answer_is_found_among_other_messages_which_stay_unread(hold, echo):
    steps = [
        ["send", "first"],
        ["send", "second"],
        ["exchange", "third", {"answer": "ird"}],
        ["receive"],
        ["receive"],
        ["receive", 0.05],
    ]
    outcome = hold(echo, "websocket", steps)
    assert outcome["given"][2:] == [{"data": "third"}, {"data": "first"}, {"data": "second"}, "!TimedOut"]
    assert routes(outcome)[1:-1] == [
        ("WS /live exchange", None),
        *[("WS /live wait", None)] * 2,
        ("WS /live wait", "TimedOut"),
    ]


def test_failures_of_a_kind_have_one_text_by_which_locust_counts_them(hold, echo):
    told = hold(echo, "websocket", [["exchange", "silence", {"timeout": 0.05}]] * 2)["told"]
    assert [each["text"] for each in told[1:3]] == ["no message within 0.05 s"] * 2


def test_a_message_of_before_is_no_answer(hold, echo):
    outcome = hold(
        echo, "websocket", [["exchange", "silence", {"timeout": 0.05}], ["exchange", "old"], ["exchange", "new"]]
    )
    assert outcome["given"] == ["!TimedOut", {"data": "old"}, {"data": "new"}]


def test_a_message_that_bears_its_moment_is_counted_when_it_comes_and_once(hold, echo):
    outcome = hold(
        echo,
        "websocket",
        [["send", "what time"], ["nap", 0.3], ["receive"], ["send", "none"], ["receive"]],
        stamped=True,
    )
    # The second bears none, and the time it was waited for is no delivery.
    assert routes(outcome) == [CONNECT, ("WS /live delivery", None), CLOSE]
    assert 0 <= outcome["told"][1]["seconds"] < 0.25


def test_a_moment_that_cannot_be_is_a_failure_and_no_time(hold, echo):
    outcome = hold(
        echo,
        "websocket",
        [["exchange", "what time tomorrow"], ["exchange", '{"at": "noon"}'], ["exchange", "{"]],
        stamped=True,
    )
    told = [each for each in routes(outcome) if "delivery" in each[0]]
    assert told == [("WS /live delivery", name) for name in ("SentInFuture", "TypeError", "JSONDecodeError")]


def test_pings_are_answered_while_the_user_does_something_else(hold, echo):
    assert hold(echo, "websocket", [["send", "ping"], ["nap", 0.2], ["receive", 5]])["given"][2] == {"data": "pong"}


def test_listening_ends_with_its_time_and_that_is_no_failure(hold, echo):
    outcome = hold(echo, "websocket", [["send", "a"], ["send", "b"], ["listen", 0.2], ["exchange", "c"]])
    assert outcome["given"][2:] == [[{"data": "a"}, {"data": "b"}], {"data": "c"}]
    assert routes(outcome) == [CONNECT, ("WS /live exchange", None), CLOSE]


def test_a_server_that_leaves_is_told_by_its_code(hold, echo):
    outcome = hold(echo, "websocket", [["send", "leave"], ["receive"], ["exchange", "more"], ["send", "more"]])
    assert outcome["given"] == [None, *["!ServerClosed 1011"] * 3]
    assert routes(outcome) == [
        CONNECT,
        ("WS /live close", "ServerClosed 1011"),
        ("WS /live wait", "ServerClosed 1011"),
        ("WS /live exchange", "ServerClosed 1011"),
    ]


def test_a_server_that_is_done_ends_the_listening_and_fails_nothing(hold, echo):
    outcome = hold(echo, "websocket", [["send", "done"], ["listen", 5], ["receive"]])
    assert outcome["given"] == [None, [], "!ServerClosed 1000"]
    assert routes(outcome) == [CONNECT, CLOSE, ("WS /live wait", "ServerClosed 1000")]
    assert outcome["took"] < 5


def test_the_handshake_carries_headers_and_the_subprotocol(hold):
    with Scripted(["accept", frame(b"hello"), frame(b"\x03\xe8", 8)]) as server:
        outcome = hold(
            server.url, "websocket", [["receive"]], "/live?room=7",
            name="/live", headers={"X-Key": "k"}, auth=["u", "p"], params={"q": "ä"}, subprotocols=["chat", "v2"],
        )  # fmt: skip
    assert outcome["given"] == [{"data": "hello"}]
    head = server.heads[0].lower()
    assert head.startswith("get /live?room=7&q=%c3%a4 http/1.1\r\n")
    for line in ("x-key: k", "authorization: basic dtpw", "user-agent: tailgate/", "sec-websocket-protocol: chat, v2"):
        assert line in head


@pytest.mark.parametrize(
    ("script", "name"),
    [
        ([b"HTTP/1.1 403 Forbidden\r\nContent-Length: 0\r\n\r\n"], "HandshakeRefused 403"),
        ([b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"], "HandshakeRefused 200"),
        ([b"HTTP/1.1 302 Found\r\nLocation: /\r\n\r\n"], "HandshakeRefused 302"),
        ([b"HTTP/1.1 103 Early Hints\r\n\r\n"], "HandshakeRefused 103"),
        ([b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\r\n"], "AnswerMalformed"),
        ([b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: h2c\r\nConnection: Upgrade\r\n\r\n"], "AnswerMalformed"),
        ([b"SSH-2.0-OpenSSH\r\n\r\n"], "AnswerMalformed"),
        ([b"HTTP/1.1 101 x\r\n" + b"a: b\r\n" * 50_000], "AnswerMalformed"),
        ([b"HTTP/1.1 101 Switch"], "TimedOut"),
        (["close"], "AnswerTruncated"),
        (["reset"], "ConnectionReset"),
    ],
)  # fmt: skip
def test_a_handshake_that_fails_is_counted_by_name_and_nothing_else_is(hold, script, name):
    with Scripted(script) as server:
        outcome = hold(server.url, "websocket", [["exchange", "hello"]], options=BRIEF)
    assert outcome["given"] == [f"!{name}"]
    assert routes(outcome) == [("WS /live connect", name)]


def test_nobody_there_is_counted_by_name(hold):
    with Scripted() as server:
        url = server.url
    assert routes(hold(url, "websocket", [])) == [("WS /live connect", "ConnectFailed")]


@pytest.mark.parametrize(
    ("script", "name"),
    [
        (["close"], "AnswerTruncated"),
        ([b"\x81\x05he", "close"], "AnswerTruncated"),
        ([0.1, "reset"], "ConnectionReset"),
        ([frame(b"x", 3)], "AnswerMalformed"),  # an opcode that is none
        ([frame(b"\xff\xfe")], "AnswerMalformed"),  # a text that is no UTF-8
        ([b"\xc1\x01x"], "AnswerMalformed"),  # a bit of an extension that nobody asked for
        ([b"\x81\x81\0\0\0\0x"], "AnswerMalformed"),  # a server does not mask
        ([frame(b"x", 0)], "AnswerMalformed"),  # a continuation of nothing
        ([frame(b"x", fin=False), frame(b"x")], "AnswerMalformed"),  # a message within a message
        ([b"\x89\x7e\x00\x80"], "AnswerMalformed"),  # a ping that is too long
        ([frame(b"\x03", 8)], "AnswerMalformed"),  # a farewell of half a code
        ([frame(b"\x03\xf3", 8)], "ServerClosed 1011"),
        ([frame(b"\x03\xe8", 8)], "ServerClosed 1000"),
        ([frame(b"", 8)], "ServerClosed 1005"),
        ([b"\x81\x7f\x00\x00\x00\x10\x00\x00\x00\x00" + b"x" * (17 << 20)], "AnswerTooLarge"),
        ([frame(b"x", fin=False), *[frame(b"x" * (1 << 20), 0, fin=False)] * 17], "AnswerTooLarge"),
        ([frame(b"", fin=False), frame(b"", 0, fin=False) * 1000], "TimedOut"),
        ([], "TimedOut"),
    ],
)  # fmt: skip
def test_what_a_server_may_do_wrong_afterwards_is_a_failure_of_a_name(hold, script, name):
    with Scripted(["accept", *script]) as server:
        outcome = hold(server.url, "websocket", [["receive", 2 if name != "TimedOut" else 0.2]], options=BRIEF)
    assert outcome["given"] == [f"!{name}"]
    assert ("WS /live wait", name) in routes(outcome)
    normal = name in ("ServerClosed 1000", "ServerClosed 1005")
    closes = [error for route, error in routes(outcome) if route == "WS /live close"]
    assert closes == ["TimedOut" if name == "TimedOut" else None if normal else name]


def test_an_idle_socket_that_breaks_is_a_failure_at_once(hold):
    with Scripted(["accept", "reset"]) as server:
        outcome = hold(server.url, "websocket", [["nap", 0.2]])
    assert routes(outcome) == [CONNECT, ("WS /live close", "ConnectionReset")]


def test_a_farewell_without_an_answer_is_a_failure_and_no_hang(hold):
    with Scripted(["accept"]) as server:
        outcome = hold(server.url, "websocket", [], options=BRIEF)
    assert routes(outcome) == [CONNECT, ("WS /live close", "TimedOut")]
    with Scripted(["accept", "read", "close"]) as server:
        outcome = hold(server.url, "websocket", [])
    assert routes(outcome) == [CONNECT, ("WS /live close", "AnswerTruncated")]


def test_a_server_that_takes_nothing_is_a_failure_and_no_hang(hold):
    with Scripted(["accept", 30.0]) as server:
        outcome = hold(server.url, "websocket", [["send", "x" * (16 << 20)]], options=BRIEF)
    assert outcome["given"] == ["!TimedOut"]
    assert routes(outcome) == [CONNECT, ("WS /live close", "TimedOut")]


def test_pings_without_end_are_each_answered(hold):
    with Scripted(["accept", frame(b"!", 9) * 1000, frame(b"done")]) as server:
        outcome = hold(server.url, "websocket", [["receive", 5]], options=BRIEF)
    assert outcome["given"] == [{"data": "done"}]


def test_who_does_not_read_keeps_the_latest_thousand(hold):
    texts = b"".join(frame(str(n).encode()) for n in range(1500))
    with Scripted(["accept", texts]) as server:
        outcome = hold(server.url, "websocket", [["nap", 0.5], ["receive"]], options=BRIEF)
    assert outcome["given"][1] == {"data": "500"}


def test_what_cannot_be_sent_is_refused_by_name(hold, echo):
    assert "a message is one text, bytes, or json=" in hold(echo, "websocket", [["send", 7]])["given"][-1]
    assert "both" not in hold(echo, "websocket", [["send", "a", {"json": 1}]])["given"][-1]
    assert "no http or https address" in str(hold(echo, "websocket", [], "ftp://x/")["given"])
    assert "cannot be sent" in str(hold(echo, "websocket", [], "/ä")["given"])


def test_accepting_is_what_the_standard_shows():
    """RFC 6455, 1.3."""
    head = b"GET / HTTP/1.1\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n"
    assert b"s3pPLMBiTxaQ9kYGzzhZRbK+xOo=" in accepting(head)


@pytest.mark.parametrize("insecure", [True, False])
def test_a_secured_socket_holds_as_a_plain_one_does(hold, insecure):
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    trustme.CA().issue_cert("127.0.0.1").configure_cert(context)
    with serve(answer, "127.0.0.1", 0, ssl=context) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        url = f"wss://127.0.0.1:{server.socket.getsockname()[1]}/live"
        steps = [["exchange", "x" * 300_000], ["send", "ping"], ["receive", 5]]
        outcome = hold("http://127.0.0.1:1", "websocket", steps, url, name="/live", options={"insecure": insecure})
        server.shutdown()
        thread.join()
    if insecure:
        assert outcome["given"] == [{"data": 300_000}, None, {"data": "pong"}]
        assert routes(outcome) == [CONNECT, ("WS /live exchange", None), ("WS /live wait", None), CLOSE]
    else:
        assert routes(outcome) == [("WS /live connect", "TlsFailed")]


def test_a_socket_ends_with_who_opened_it(echo):
    """Left open by a user that is gone, it is closed, and nothing reads it any more."""
    script = f"""
from gevent import monkey
monkey.patch_all()
import gc
import gevent
from locust.event import EventHook
from tailgate_loadtest.engine.http.session import Session
from tailgate_loadtest.engine.http.tls import client_context
from tailgate_loadtest.shapes.orders import Tls

session = Session({echo!r}, EventHook(), None, tls=lambda: client_context(Tls()))
held = []

def hold():
    held.append(session.websocket("/live").open())
    assert held[-1].exchange("hello").data == "hello"

users = [gevent.spawn(hold) for _ in range(20)]
gevent.joinall(users, raise_error=True)
gevent.sleep(0.1)
print(sum(isinstance(each, gevent.Greenlet) and not each.dead for each in gc.get_objects()))
print(sum(stream._wire is not None for stream in held))
"""
    done = subprocess.run([sys.executable, "-P", "-c", script], capture_output=True, text=True, timeout=60)
    assert done.stdout.split() == ["0", "0"], done.stderr
