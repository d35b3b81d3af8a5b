"""The client for load, against a server that does exactly what a test tells it, byte by byte."""

import gzip
import zlib
from collections.abc import Iterator

import brotli
import pytest

from tests.loadtest.http_scripted import OK, Ask, Start, Step, asking, get, starting


@pytest.fixture
def server() -> Iterator[Start]:
    with starting() as start:
        yield start


@pytest.fixture(scope="module")
def ask() -> Iterator[Ask]:
    with asking() as ask:
        yield ask


def test_a_connection_is_kept_alive_and_its_steps_are_timed_apart(ask: Ask, server: Start) -> None:
    scripted = server([0.1, OK[:20], 0.1, OK[20:]], [OK])
    first, second = ask(scripted, get(), get("/two"))
    assert first["status"] == second["status"] == 200
    assert first["text"] == "ok"
    assert scripted.connections == 1
    assert first["connect"] > 0 == second["connect"]
    assert 0.09 < first["wait"] < 0.19 < first["wait"] + first["receive"] <= first["reported"]
    assert scripted.requests[1].startswith(b"GET /two HTTP/1.1\r\nhost: 127.0.0.1:")
    assert b"user-agent: tailgate/" in scripted.requests[0]


@pytest.mark.parametrize(
    ("script", "error"),
    [
        ([b"HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nhalf", "close"], "AnswerTruncated"),
        ([b"HTTP/1.1 200 OK\r\nContent-Le", "close"], "AnswerTruncated"),
        (["close"], "AnswerTruncated"),
        ([b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\nno\r\n", 1], "AnswerMalformed"),
        ([b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nab", "close"], "AnswerTruncated"),
        ([b"SSH-2.0-OpenSSH_9.2\r\n", 1], "AnswerMalformed"),
        ([b"HTTP/1.1 200 OK\r\n" + b"X-Endless: of headers\r\n" * 20_000, 1], "AnswerTooLarge"),
        ([b"HTTP/1.1 101 Other\r\nConnection: upgrade\r\nUpgrade: other\r\n\r\nbytes", 1], "AnswerMalformed"),
        ([b"\r\n\r\n", "close"], "AnswerTruncated"),
        ([OK[:30], "reset"], "ConnectionReset"),
        ([OK + b"and more", 1], "BytesAfterAnswer"),
        ([OK + OK, 1], "BytesAfterAnswer"),
        ([5], "TimedOut"),
        ([b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\no", 5], "TimedOut"),
        ([b"HTTP/1.1 503 No\r\nContent-Length: 0\r\n\r\n"], "BadStatus"),
    ],
)  # fmt: skip
def test_each_way_to_misbehave_is_a_failure_of_its_own_name(
    ask: Ask, server: Start, script: list[Step], error: str
) -> None:
    (outcome,) = ask(server(script), get(), network_timeout=1.0)
    assert outcome["error"] == outcome["event_error"] == error
    assert outcome["took"] < 4


def test_nobody_there_and_no_such_host_are_told_apart(ask: Ask, server: Start) -> None:
    scripted = server()
    scripted.close()
    (refused,) = ask(scripted, get())
    assert refused["error"] == "ConnectFailed"
    (unknown,) = ask("http://no-such-host.invalid", get())
    assert unknown["error"] == "UnknownHost"


def test_a_request_is_sent_anew_when_the_server_had_closed_the_idle_connection(
    ask: Ask,
    server: Start,
) -> None:
    scripted = server([OK, "close"], [OK])
    first, second = ask(scripted, get(), {"sleep": 0.2}, get("/again"))
    assert (first["error"], second["error"]) == (None, None)
    assert scripted.connections == 2
    assert len(scripted.requests) == 2


def test_a_close_that_crosses_the_request_is_answered_by_sending_it_anew(ask: Ask, server: Start) -> None:
    scripted = server([OK], ["close"], [OK])
    _, second = ask(scripted, get(), get("/crossed"))
    assert second["error"] is None
    assert scripted.connections == 2


def test_bytes_that_nobody_asked_for_are_never_taken_for_an_answer(ask: Ask, server: Start) -> None:
    scripted = server([OK, 0.1, OK, 1], [OK])
    first, second, third = ask(scripted, get(), {"sleep": 0.3}, get(), get())
    assert first["error"] is None
    assert second["error"] == "BytesAfterAnswer"
    assert third["error"] is None


@pytest.mark.parametrize(
    ("method", "script", "status"),
    [
        ("HEAD", [b"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\n"], 200),
        ("GET", [b"HTTP/1.1 204 Nothing\r\n\r\n"], 204),
        ("GET", [b"HTTP/1.1 304 Same\r\nContent-Length: 100\r\n\r\n"], 304),
        ("GET", [b"HTTP/1.1 103 Early\r\nLink: </x>\r\n\r\n", 0.05, b"HTTP/1.1 100 Continue\r\n\r\n", OK], 200),
        ("GET", [b"HTTP/1.1 200 OK\r\n\r\nuntil the close", "close"], 200),
        ("GET", [b"HTTP/1.0 200 OK\r\nContent-Length: 2\r\n\r\nok", "close"], 200),
        ("GET", [b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nok\r\n0\r\n\r\n"], 200),
    ],
)
def test_an_answer_ends_where_http_says(ask: Ask, server: Start, method: str, script: list[Step], status: int) -> None:
    scripted = server(script, [OK])
    first, second = ask(scripted, {"method": method, "url": "/"}, get())
    assert (first["status"], first["error"]) == (status, None)
    assert (second["status"], second["text"]) == (200, "ok")


@pytest.mark.parametrize(
    ("encoding", "packed"),
    [
        ("gzip", gzip.compress(b"squeezed", mtime=0)),
        ("deflate", zlib.compress(b"squeezed")),
        ("deflate", zlib.compress(b"squeezed")[2:-4]),
        ("br", brotli.compress(b"squeezed")),
        ("gzip, br", brotli.compress(gzip.compress(b"squeezed", mtime=0))),
    ],
    ids=["gzip", "deflate", "bare deflate", "br", "gzip in br"],
)
def test_a_compressed_body_is_inflated_when_read_and_counted_as_it_came(
    ask: Ask, server: Start, encoding: str, packed: bytes
) -> None:
    head = f"HTTP/1.1 200 OK\r\nContent-Encoding: {encoding}\r\nContent-Length: {len(packed)}\r\n\r\n"
    (outcome,) = ask(server([head.encode() + packed]), get())
    assert outcome["text"] == "squeezed"
    assert outcome["length"] == len(packed)


@pytest.mark.parametrize(
    ("encoding", "packed"),
    [
        ("gzip", gzip.compress(b"squeezed", mtime=0)[:-9]),
        ("deflate", zlib.compress(b"squeezed")[:-5]),
        ("br", brotli.compress(b"squeezed")[:-2]),
        ("gzip", b"nothing of the kind"),
        ("zstd", b"was not asked for"),
    ],
    ids=["gzip cut", "deflate cut", "br cut", "no gzip", "zstd"],
)
def test_a_body_that_is_not_compressed_as_it_says_is_never_read_as_if_it_were(
    ask: Ask, server: Start, encoding: str, packed: bytes
) -> None:
    head = f"HTTP/1.1 200 OK\r\nContent-Encoding: {encoding}\r\nContent-Length: {len(packed)}\r\n\r\n"
    (outcome,) = ask(server([head.encode() + packed]), get())
    assert outcome["text"] == "!AnswerMalformed"


def test_bodies_cookies_parameters_and_names_go_as_fasthttpuser_sends_them(ask: Ask, server: Start) -> None:
    cookie = b"HTTP/1.1 200 OK\r\nSet-Cookie: a=1; Path=/\r\nSet-Cookie: b=2\r\nContent-Length: 0\r\n\r\n"
    scripted = server([cookie], [OK], [OK], [OK])
    outcomes = ask(
        scripted,
        {"method": "POST", "url": "/json", "json": {"x": 1}},
        {"method": "POST", "url": "/form", "data": {"y": "a b"}, "auth": ["me", "secret"]},
        get("/q?one=1", params={"two": 2}, name="/q", headers={"X-Mine": "yes", "Accept": "text/plain"}),
        {"method": "PUT", "url": "/empty"},
    )
    assert [outcome["error"] for outcome in outcomes] == [None] * 4
    assert [outcome["name"] for outcome in outcomes] == ["/json", "/form", "/q", "/empty"]
    first, second, third, fourth = scripted.requests
    assert first.endswith(b'\r\n\r\n{"x": 1}')
    assert b"content-type: application/json" in first
    assert b"cookie: a=1; b=2" in second
    assert b"authorization: Basic bWU6c2VjcmV0" in second
    assert second.endswith(b"\r\n\r\ny=a+b")
    assert third.startswith(b"GET /q?one=1&two=2 ")
    assert b"x-mine: yes" in third
    assert third.count(b"accept: ") == 1
    assert b"content-length: 0" in fourth


def test_redirects_are_followed_as_one_request_and_credentials_stay_with_their_server(
    ask: Ask,
    server: Start,
) -> None:
    other = server([OK])
    away = f"HTTP/1.1 302 On\r\nLocation: http://127.0.0.1:{other.port}/there\r\nContent-Length: 0\r\n\r\n".encode()
    here = b"HTTP/1.1 303 On\r\nLocation: /next\r\nContent-Length: 0\r\n\r\n"
    scripted = server([here], [away])
    call = {
        "method": "POST",
        "url": "/start",
        "data": "body",
        "headers": {"Authorization": "Bearer secret", "Tailgate-Run": "secret"},
    }
    (outcome,) = ask(scripted, call)
    assert (outcome["status"], outcome["error"], outcome["name"]) == (200, None, "/start")
    assert outcome["url"].endswith("/there")
    assert b"secret" in scripted.requests[1]
    assert scripted.requests[1].startswith(b"GET /next")
    assert b"secret" not in other.requests[0]
    circle = b"HTTP/1.1 302 On\r\nLocation: /\r\nContent-Length: 0\r\n\r\n"
    (endless,) = ask(server(*[[circle]] * 10), get(), max_redirects=3)
    assert endless["error"] == "TooManyRedirects"
    (unfollowed,) = ask(server([circle]), get(allow_redirects=False))
    assert unfollowed["status"] == 302


def test_what_it_does_not_support_it_refuses_by_name(ask: Ask, server: Start) -> None:
    outcomes = ask(server(), get(stream=True), get(files={}), get(headers={"X": "a\r\nY: b"}), get("ftp://host/"))
    assert "stream=" in outcomes[0]["refused"]
    assert "files=" in outcomes[1]["refused"]
    assert "line break" in outcomes[2]["refused"]
    assert "ftp://host/" in outcomes[3]["refused"]


def test_a_name_is_resolved_anew_for_every_connection(ask: Ask, server: Start) -> None:
    """The resolver is replaced in the probe: a name that moves cannot be had on loopback."""
    closing = b"HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: 1\r\n\r\n"
    old, new = server([closing + b"a"]), server([closing + b"b"])
    first, second = ask("http://moving.example", {"leads": old.port}, get(), {"leads": new.port}, get())
    assert (first["text"], second["text"]) == ("a", "b")
    assert first["resolve"] > 0 < second["resolve"]
    assert old.requests[0].startswith(b"GET / HTTP/1.1\r\nhost: moving.example\r\n")


def test_requests_sent_at_once_by_one_session_each_have_a_connection_which_is_used_again(
    ask: Ask, server: Start
) -> None:
    scripted = server(*[[0.2, OK]] * 6)
    outcomes = ask(scripted, {"together": 3}, get(), {"together": 3}, get())
    assert [each["error"] for each in outcomes] == [None] * 6
    assert scripted.connections == 3


def test_a_session_that_is_dropped_leaves_no_socket_open(ask: Ask, server: Start) -> None:
    _, left = ask(server([OK, 20]), get(), {"forget": True})
    assert left["sockets"] == 0


def test_headers_are_read_whatever_came_before_them(ask: Ask, server: Start) -> None:
    early = b"HTTP/1.1 103 Early\r\nLink: </early>\r\n\r\n"
    counted = b"\r\nHTTP/1.1 200 OK\r\nX-Two: a\r\nx-two: b\r\nX-One: \xe9\r\nContent-Length: 0\r\n\r\n"
    (outcome,) = ask(server([early + counted[:30], 0.05, counted[30:]]), get())
    assert (outcome["headers"]["x-two"], outcome["headers"]["X-One"]) == ("a, b", "é")
    assert "Link" not in outcome["headers"]


def test_a_cookie_that_an_answer_takes_back_is_sent_no_more(ask: Ask, server: Start) -> None:
    sets = b"HTTP/1.1 200 OK\r\nsEt-cOOkie: a=1; Path=/\r\nContent-Length: 0\r\n\r\n"
    takes = b"HTTP/1.1 200 OK\r\nSet-Cookie: a=; Path=/; Max-Age=0\r\nContent-Length: 0\r\n\r\n"
    scripted = server([sets], [takes], [OK])
    ask(scripted, get(), get(), get())
    assert [b"cookie: a=1" in each for each in scripted.requests] == [False, True, False]


def test_headers_given_again_are_sent_again_and_one_value_is_not_taken_for_another(ask: Ask, server: Start) -> None:
    scripted = server(*[[OK]] * 4)
    ask(scripted, *[get(headers={"X-Mine": value}) for value in ("a", "a", 1, True)])
    sent = [each.partition(b"x-mine: ")[2].partition(b"\r\n")[0] for each in scripted.requests]
    assert sent == [b"a", b"a", b"1", b"True"]


def test_what_the_server_says_of_its_own_time_is_read_from_all_its_headers(ask: Ask, server: Start) -> None:
    said = b"HTTP/1.1 200 OK\r\nServer-Timing: edge;dur=1\r\nserver-timing: db;dur=5\r\nContent-Length: 0\r\n\r\n"
    told, silent = ask(server([said], [OK]), get(), get())
    assert told["server"] == [None, None, 0.005, None, None, None]
    assert silent["server"] is None
