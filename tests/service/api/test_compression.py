"""Compressed answers: who gets which coding, and what is left as it is."""

import gzip
import json

import brotli
import httpx
import pytest
from hypothesis import given
from hypothesis import strategies as st
from starlette.responses import Response, StreamingResponse
from tailgate_service.compression import CODINGS, LEAST, Choice, Compression, choose

TEXT = json.dumps([{"id": number, "status": "open"} for number in range(500)]).encode()
DECODE = {"br": brotli.decompress, "gzip": gzip.decompress}


async def fetch(response: Response, accepted: str | None = "gzip", method: str = "GET") -> tuple[httpx.Headers, bytes]:
    """The headers and the body, undecoded, that a client gets of ``response``."""
    headers = [] if accepted is None else [(b"accept-encoding", accepted.encode())]
    scope = {"type": "http", "method": method, "path": "/", "headers": headers}
    sent = []

    async def send(message: dict) -> None:
        sent.append(message)

    await Compression(response)(scope, None, send)
    start, *parts = sent
    return httpx.Headers(start["headers"]), b"".join(part.get("body", b"") for part in parts)


def answer(body: bytes = TEXT, media_type: str = "application/json", **headers: str) -> Response:
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    return Response(body, media_type=media_type, headers=named)


@pytest.mark.row("C3")
@pytest.mark.parametrize(
    ("accepted", "coding"),
    [
        ("gzip", "gzip"),
        ("x-gzip", "gzip"),
        ("br", "br"),
        ("gzip, deflate, br, zstd", "br"),
        ("GZIP;Q=1.0, br;q=0.9", "gzip"),
        ("br;q=0.001", "br"),
        ("*", "br"),
        ("*;q=0.5, br;q=0", "gzip"),
        ("gzip;q=0.5, identity;q=0.5", "gzip"),
        ("gzip;q=0.5, identity", None),
        ("*;q=0.7, gzip;q=0.5, br;q=0.5", None),
        ("identity", None),
        ("", None),
        ("gzip;q=0, br;q=0.000", None),
        ("*;q=0", None),
        ("deflate, zstd", None),
        ("gzip;q=2", None),
        ("gzip;q=, br;level=3", None),
        ("gzip br", None),
        (";;,=,\t", None),
        (",".join(["x"] * 1000) + ",gzip", None),
    ],
)
def test_the_coding_a_client_likes_best_is_taken(accepted, coding):
    assert choose(accepted).coding == coding


@pytest.mark.parametrize("accepted", ["gzip, identity;q=0", "gzip, *;q=0", "gzip;q=0.1, *;q=0.0"])
async def test_who_refuses_plain_bodies_gets_small_ones_compressed_too(accepted):
    assert choose(accepted) == Choice(coding="gzip", always=True)
    headers, body = await fetch(answer(b"{}"), accepted)
    assert headers["content-encoding"] == "gzip"
    assert gzip.decompress(body) == b"{}"


async def test_who_refuses_everything_is_answered_as_it_is():
    headers, body = await fetch(answer(), "identity;q=0, *;q=0")
    assert "content-encoding" not in headers
    assert body == TEXT


@given(st.text(st.characters(max_codepoint=255), max_size=60))
def test_no_header_is_too_strange(accepted):
    assert choose(accepted).coding in (None, *CODINGS)


@pytest.mark.row("C3")
@pytest.mark.parametrize("coding", CODINGS)
@pytest.mark.parametrize("size", [1, len(TEXT), 300_000])
async def test_a_whole_body_is_sent_compressed_with_its_new_length(coding, size):
    plain = (TEXT * (size // len(TEXT) + 1))[: max(size, LEAST)]
    headers, body = await fetch(answer(plain), coding)
    assert headers["content-encoding"] == coding
    assert headers["content-length"] == str(len(body))
    assert len(body) < len(plain)
    assert DECODE[coding](body) == plain


@pytest.mark.parametrize("accepted", [None, "identity", "gzip"])
async def test_caches_are_told_what_the_answer_depends_on_whichever_it_is(accepted):
    headers, _ = await fetch(answer(vary="origin"), accepted)
    assert headers["vary"] == "origin, accept-encoding"


async def test_an_etag_names_a_version_and_stays():
    headers, _ = await fetch(answer(etag='"7"'))
    assert headers["etag"] == '"7"'
    assert headers["content-encoding"] == "gzip"


@pytest.mark.parametrize(
    "response",
    [
        answer(TEXT[: LEAST - 1]),
        answer(media_type="image/png"),
        answer(media_type="application/zip"),
        answer(media_type="text/event-stream"),
        answer(content_encoding="br"),
        answer(content_encoding="identity"),
        answer(cache_control="private, no-transform"),
        Response(TEXT, 206, media_type="application/json"),
        Response(status_code=204),
    ],
)
async def test_what_is_small_or_compressed_or_must_not_change_stays_as_it_is(response):
    before = dict(response.headers)
    headers, body = await fetch(response, "gzip, br")
    assert headers.get("content-encoding") == before.get("content-encoding")
    assert headers.get("content-length") == before.get("content-length")
    assert body == response.body


@pytest.mark.parametrize("media_type", ["text/event-stream", "application/json"])
async def test_a_stream_passes_each_part_at_once(media_type):
    """The headers, too: they must not wait for the first event."""
    order = []

    async def parts():
        for number in range(3):
            order.append(f"made {number}")
            yield b"data: " + b"x" * 2 * LEAST + b"\n\n"

    async def send(message: dict) -> None:
        order.append(message["type"].removeprefix("http.response."))
        assert b"content-encoding" not in dict(message.get("headers", []))

    async def receive() -> dict:
        return {"type": "http.disconnect"}

    scope = {
        "type": "http",
        "method": "GET",
        "headers": [(b"accept-encoding", b"gzip")],
        "asgi": {"spec_version": "2.4"},
    }
    await Compression(StreamingResponse(parts(), media_type=media_type))(scope, receive, send)
    assert order == ["start", "made 0", "body", "made 1", "body", "made 2", "body", "body"]


async def test_head_has_the_headers_of_get_but_for_a_length_nobody_has_counted():
    headers, body = await fetch(
        Response(headers={"content-type": "text/plain", "content-length": "5000"}), method="HEAD"
    )
    assert headers["content-encoding"] == "gzip"
    assert headers["vary"] == "accept-encoding"
    assert "content-length" not in headers
    assert body == b""


async def test_a_body_in_parts_with_a_length_stays_as_it_is():
    async def parts():
        yield TEXT[:100]
        yield TEXT[100:]

    response = StreamingResponse(parts(), media_type="application/json", headers={"content-length": str(len(TEXT))})
    scope = {
        "type": "http",
        "method": "GET",
        "headers": [(b"accept-encoding", b"gzip")],
        "asgi": {"spec_version": "2.4"},
    }
    sent = []

    async def send(message: dict) -> None:
        sent.append(message)

    await Compression(response)(scope, None, send)
    assert b"".join(message.get("body", b"") for message in sent) == TEXT
    assert (b"content-length", str(len(TEXT)).encode()) in sent[0]["headers"]


async def test_what_is_no_request_passes():
    async def app(scope, receive, send):
        await send({"type": "websocket.accept"})

    sent = []

    async def send(message: dict) -> None:
        sent.append(message)

    await Compression(app)({"type": "websocket"}, None, send)
    assert sent == [{"type": "websocket.accept"}]


@pytest.mark.row("C3")
@pytest.mark.parametrize("coding", CODINGS)
async def test_the_inbox_is_sent_in_the_coding_asked_for(client, world, coding):
    for number in range(8):
        await world.conversation(await world.contact(phone=f"+49 30 {number:07}"))
    plain = await client.get("/api/conversations", headers={"accept-encoding": "identity"})
    assert "content-encoding" not in plain.headers
    async with client.stream("GET", "/api/conversations", headers={"accept-encoding": coding}) as got:
        raw = b"".join([part async for part in got.aiter_raw()])
    assert got.headers["content-encoding"] == coding
    assert DECODE[coding](raw) == plain.content
    assert len(raw) <= 0.4 * len(plain.content)


async def test_a_small_answer_of_the_api_is_not_compressed(anybody):
    got = await anybody.get("/health", headers={"accept-encoding": "gzip"})
    assert "content-encoding" not in got.headers
    assert got.headers["vary"] == "accept-encoding"
