"""An event stream: read by the standard's rules however it is cut, and held by a user through breaks and worse."""

import re
from collections.abc import Iterator

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tailgate_loadtest.shapes.eventstream import MAX_EVENT, Event, EventParser

from tests.loadtest.streams import Hold, Scripted, probing, routes

HEAD = b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream; charset=utf-8\r\n\r\n"
CHUNKED = HEAD.replace(b"\r\n\r\n", b"\r\nTransfer-Encoding: chunked\r\n\r\n")
CONNECT, CLOSE = ("SSE /live connect", None), ("SSE /live close", None)
BRIEF = {"network_timeout": 0.3}
SOON = b"retry: 100\n\n"


def read(text: bytes | str) -> list[Event]:
    return EventParser().feed(text if isinstance(text, bytes) else text.encode())


@pytest.mark.parametrize(
    ("text", "events"),
    [
        # The standard's own examples.
        ("data: YHOO\ndata: +2\ndata: 10\n\n", [Event(data="YHOO\n+2\n10")]),
        (
            ": test stream\n\ndata: first event\nid: 1\n\ndata:second event\nid\n\ndata:  third event\n\n",
            [Event(data="first event", id="1"), Event(data="second event"), Event(data=" third event")],
        ),
        ("data\n\ndata\ndata\n\ndata:", [Event(data=""), Event(data="\n")]),
        ("data:test\n\ndata: test\n\n", [Event(data="test"), Event(data="test")]),
        # And its rules.
        ("event: add\ndata: 1\n\ndata: 2\n\n", [Event(type="add", data="1"), Event(data="2")]),
        ("event: add\n\ndata: 1\n\n", [Event(data="1")]),
        ("\ufeffdata: 1\n\n", [Event(data="1")]),
        ("\ufeff\ufeffdata: 1\n\ndata: 2\n\n", [Event(data="2")]),
        ("data: 1\r\n\r\ndata: 2\r\rdata: 3\n\n", [Event(data="1"), Event(data="2"), Event(data="3")]),
        ("id: a\ndata: 1\n\nid: b\0c\ndata: 2\n\n", [Event(data="1", id="a"), Event(data="2", id="a")]),
        ("Data: 1\nunknown: 2\ndata : 3\n\n", []),
        ("data: a\u2028b\x85c\x0bd\n\n", [Event(data="a\u2028b\x85c\x0bd")]),
        (b"data: \xff\n\n", [Event(data="\ufffd")]),
        ("data: unfinished\n", []),
    ],
)
def test_events_are_read_by_the_standards_rules(text, events):
    assert read(text) == events


def test_the_time_to_reconnect_is_digits_alone():
    times = {"1500": 1.5, "0": 0.0, "-1": None, "1.5": None, "": None, "٣": None, "9" * 5000: 999999.999}
    for text, seconds in times.items():
        parser = EventParser()
        parser.feed(f"retry: {text}\n".encode())
        assert parser.retry == seconds


def test_the_last_id_counts_once_its_event_is_whole():
    parser = EventParser("before")
    parser.feed(b"id: 7\ndata: x\n")
    assert parser.last_event_id == "before"
    parser.feed(b"\n")
    assert parser.last_event_id == "7"
    parser.feed(b"id\n\n")
    assert parser.last_event_id == ""


@pytest.mark.parametrize("piece", [b"x" * 65536, b"data: " + b"x" * 65536 + b"\n"])
def test_an_event_without_end_is_refused(piece):
    parser = EventParser()
    with pytest.raises(ValueError, match="larger than"):
        list(map(parser.feed, [piece] * (MAX_EVENT // 65536 + 1)))


def test_comments_without_end_are_not():
    parser = EventParser()
    for _ in range(MAX_EVENT // 65536 + 1):
        assert parser.feed(b":" + b"x" * 65536 + b"\n") == []


pieces = st.sampled_from(
    [
        b"data",
        b":",
        b" ",
        b"\r",
        b"\n",
        b"\r\n",
        b"\n\n",
        b"id: 1",
        b"event: e",
        b"retry: 5",
        b"\xef\xbb\xbf",
        b"\xc3\xa4",
        b"\xf0\x9f\x98\x80",
        b"\xff",
        b"x",
        b"\0",
    ]
)
streams = st.lists(pieces, max_size=60).map(b"".join)


def plainly(stream: bytes) -> list[Event]:
    """The same rules, with the whole stream in hand."""
    text = stream.decode("utf-8", "replace").removeprefix("\ufeff")
    whole = re.split("\r\n|\r|\n", text)[:-1]
    events, last, data, kind = [], "", [], ""
    for line in whole:
        if line:
            name, _, value = line.partition(":")
            value = value.removeprefix(" ")
            data += [value] if name == "data" else []
            kind = value if name == "event" else kind
            last = value if name == "id" and "\0" not in value else last
        else:
            events += [Event(type=kind or "message", data="\n".join(data), id=last)] if data else []
            data, kind = [], ""
    return events


@given(stream=streams, cuts=st.lists(st.integers(0, 300), max_size=30))
def test_however_a_stream_is_cut_its_events_are_the_same(stream, cuts):
    parser, found, at = EventParser(), [], 0
    for cut in (*sorted(min(cut, len(stream)) for cut in cuts), len(stream)):
        found += parser.feed(stream[at:cut])
        at = cut
    byte_by_byte = EventParser()
    assert found == [event for byte in stream for event in byte_by_byte.feed(bytes([byte]))] == plainly(stream)
    assert parser.last_event_id == byte_by_byte.last_event_id
    assert parser.retry == byte_by_byte.retry


@given(stream=st.binary(max_size=300))
def test_no_bytes_whatever_make_it_fail(stream):
    read(stream)


@pytest.fixture(scope="module")
def hold() -> Iterator[Hold]:
    with probing() as hold:
        yield hold


def test_events_are_received_in_order_and_listened_to(hold):
    with Scripted([HEAD, b"data: 1\n\nevent: add\nid: 7\nda", 0.05, b"ta: 2\n\n", b"data: 3\n\n"]) as server:
        outcome = hold(server.url, "events", [["receive"], ["receive"], ["listen", 0.2]])
    assert outcome["given"] == [
        {"data": "1", "type": "message", "id": ""},
        {"data": "2", "type": "add", "id": "7"},
        [{"data": "3", "type": "message", "id": "7"}],
    ]
    assert routes(outcome) == [CONNECT, ("SSE /live wait", None), ("SSE /live wait", None), CLOSE]


def test_an_event_in_the_packet_of_the_head_is_not_lost(hold):
    with Scripted([CHUNKED + b"9\r\ndata: 1\n\n\r\n"]) as server:
        assert hold(server.url, "events", [["receive", 2]])["given"][0]["data"] == "1"


def test_an_event_stream_is_asked_for_as_browsers_do(hold):
    with Scripted([HEAD]) as server:
        hold(server.url, "events", [], "/live?a=1", params={"b": 2}, headers={"X-Key": "k"}, last_event_id="ä7")
    head = server.heads[0].encode("latin-1", "replace").decode("latin-1").lower()
    assert head.startswith("get /live?a=1&b=2 http/1.1\r\n")
    for line in (
        "accept: text/event-stream",
        "cache-control: no-store",
        "accept-encoding: identity",
        "x-key: k",
        "last-event-id: ä7",
    ):
        assert line in head


def test_an_event_that_bears_its_moment_is_counted_when_it_comes(hold):
    with Scripted([HEAD, b'data: {"at": 0}\n\ndata: ping\n\n']) as server:
        outcome = hold(server.url, "events", [["receive"], ["receive"]], stamped=True)
    assert routes(outcome) == [CONNECT, ("SSE /live delivery", None), CLOSE]
    assert outcome["told"][1]["seconds"] > 50 * 365 * 86400


def test_a_stream_that_ends_or_breaks_is_taken_up_again_after_its_last_event(hold):
    again = [CHUNKED, b"1c\r\nretry: 100\nid: 7\ndata: one\n\n\r\n"]
    with Scripted([*again, b"0\r\n\r\n"], [HEAD, b"data: two\n\n", "reset"], [HEAD, b"data: three\n\n"]) as server:
        outcome = hold(server.url, "events", [["receive"], ["receive"], ["receive", 5]])
    assert [each["data"] for each in outcome["given"]] == ["one", "two", "three"]
    assert ["last-event-id: 7" in head.lower() for head in server.heads] == [False, True, True]
    waits = [each for each in routes(outcome) if each[0] != "SSE /live wait"]
    assert waits == [CONNECT, CLOSE, CONNECT, ("SSE /live close", "ConnectionReset"), CONNECT, CLOSE]


@pytest.mark.parametrize(
    ("script", "name"),
    [
        ([HEAD.replace(b"\r\n\r\n", b"\r\nContent-Length: 100\r\n\r\n"), SOON, "close"], "AnswerTruncated"),
        ([CHUNKED, b"c\r\nretry: 100\n\n\r\n", "close"], "AnswerTruncated"),
        ([CHUNKED, b"c\r\nretry: 100\n\n\r\n", 0.1, b"nonsense\r\n"], "AnswerMalformed"),
        ([HEAD, SOON, b"x" * (17 << 20)], "AnswerTooLarge"),
        ([HEAD, SOON, 0.1, "reset"], "ConnectionReset"),
    ],
)
def test_what_a_server_may_do_wrong_is_a_failure_of_a_name_and_no_end(hold, script, name):
    with Scripted(script, [HEAD, b"data: again\n\n"]) as server:
        outcome = hold(server.url, "events", [["receive", 5]])
    assert outcome["given"][0]["data"] == "again"
    assert [each for each in routes(outcome) if each[0] != "SSE /live wait"] == [
        CONNECT,
        ("SSE /live close", name),
        CONNECT,
        CLOSE,
    ]


@pytest.mark.parametrize(
    ("script", "name"),
    [
        ([b"HTTP/1.1 401 Unauthorized\r\nContent-Length: 0\r\n\r\n"], "HandshakeRefused 401"),
        ([b"HTTP/1.1 204 No Content\r\n\r\n"], "HandshakeRefused 204"),
        ([b"HTTP/1.1 307 Temporary\r\nLocation: /\r\nContent-Length: 0\r\n\r\n"], "HandshakeRefused 307"),
        ([b"HTTP/1.1 200 OK\r\nContent-Type: text/html\r\n\r\n<p>"], "HandshakeRefused 200"),
        ([b"HTTP/1.1 200 OK\r\n\r\n"], "HandshakeRefused 200"),
        ([HEAD.replace(b"\r\n\r\n", b"\r\nContent-Encoding: gzip\r\n\r\n")], "AnswerMalformed"),
        ([b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: x\r\n\r\n"], "AnswerMalformed"),
        ([b"SSH-2.0-OpenSSH\r\n"], "AnswerMalformed"),
        ([b"HTTP/1.1 200 OK\r\n" + b"a: b\r\n" * 50_000], "AnswerTooLarge"),
        ([b"HTTP/1.1 200 OK\r\n"], "TimedOut"),
        (["close"], "AnswerTruncated"),
        (["reset"], "ConnectionReset"),
    ],
)
def test_a_stream_that_is_not_opened_is_counted_by_name_and_nothing_else_is(hold, script, name):
    with Scripted(script) as server:
        outcome = hold(server.url, "events", [["receive"]], options=BRIEF)
    assert outcome["given"] == [f"!{name}"]
    assert routes(outcome) == [("SSE /live connect", name)]


def test_an_interim_answer_is_passed_over(hold):
    with Scripted([b"HTTP/1.1 103 Early Hints\r\n\r\n" + HEAD + b"data: 1\n\n"]) as server:
        assert hold(server.url, "events", [["receive"]], options=BRIEF)["given"][0]["data"] == "1"


def test_a_server_that_refuses_to_take_it_up_again_has_the_last_word(hold):
    with Scripted([HEAD, SOON, "close"], [b"HTTP/1.1 503 x\r\nContent-Length: 0\r\n\r\n"]) as server:
        outcome = hold(server.url, "events", [["receive", 5], ["receive", 5]])
    assert outcome["given"] == ["!HandshakeRefused 503"] * 2
    refused = "HandshakeRefused 503"
    assert routes(outcome) == [CONNECT, CLOSE, ("SSE /live connect", refused), *[("SSE /live wait", refused)] * 2]


def test_silence_is_a_failure_only_for_who_waits_for_a_message(hold):
    with Scripted([HEAD, b": still here\n\n"]) as server:
        outcome = hold(server.url, "events", [["listen", 0.1], ["receive", 0.1]])
    assert outcome["given"] == [[], "!TimedOut"]
    assert routes(outcome) == [CONNECT, ("SSE /live wait", "TimedOut"), CLOSE]
