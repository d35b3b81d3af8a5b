"""Answers made smaller on their way out: brotli or gzip, whichever the client takes rather (RFC 9110, 12.5.3)."""

import asyncio
import re
import zlib
from collections.abc import Callable
from dataclasses import dataclass

import brotli
from starlette.datastructures import Headers, MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send

LEAST = 1024
"""Bytes: below that, headers and processor time cost more than is saved."""

_IN_A_THREAD = 256 * 1024
"""Bytes, about two milliseconds of work: from there on it would hold up other requests."""

# The levels after which a list shrinks by little and its time doubles: see benchmarks/compression.py.
_GZIP_LEVEL = 3
_BROTLI_LEVEL = 3


def gzip(body: bytes) -> bytes:
    """``body`` as one gzip member, the same for the same body."""
    return zlib.compress(body, _GZIP_LEVEL, wbits=31)


def br(body: bytes) -> bytes:
    """``body`` in brotli."""
    compressed: bytes = brotli.compress(body, quality=_BROTLI_LEVEL)  # type: ignore[no-untyped-call]
    return compressed


CODINGS: dict[str, Callable[[bytes], bytes]] = {"br": br, "gzip": gzip}
"""By their names in headers; of those liked equally, the first is taken."""

_LONGEST = 1024
"""Characters of the header that are read; a longer one is nobody's who means well."""
_IDENTITY = "identity"
_ALIASES = {"x-gzip": "gzip"}
_TAKEN = re.compile(
    r"\s*(?P<coding>[!#$%&'*+.^_`|~0-9a-z-]+)\s*(?:;\s*q\s*=\s*(?P<weight>0(?:\.[0-9]{0,3})?|1(?:\.0{0,3})?)\s*)?",
    re.ASCII | re.IGNORECASE,
)
_SHRINKS = re.compile(
    r"text/(?!event-stream)|application/(?:[a-z.+-]+\+)?(?:json|xml)\b|application/javascript|image/svg\+xml"
)
# What has no body, or a part of one, whose place was counted in the plain one.
_AS_THEY_ARE = frozenset({204, 206, 304})


@dataclass(frozen=True, kw_only=True, slots=True)
class Choice:
    """What a client is to get: ``coding``, None for a body as it is; ``always``: it takes no body as it is."""

    coding: str | None
    always: bool = False


def choose(accepted: str) -> Choice:
    """The choice for a client that accepts ``accepted``, the header's value.

    What cannot be read counts as not accepted. A client that refuses the body as it is, and all that we have, gets it
    as it is: the RFC leaves that to us, and an error would help nobody.
    """
    if len(accepted) > _LONGEST:
        return Choice(coding=None)
    weights = {}
    for part in accepted.split(","):
        taken = _TAKEN.fullmatch(part)
        if taken is not None:
            coding = taken["coding"].lower()
            weights[_ALIASES.get(coding, coding)] = float(taken["weight"] or 1)
    others = weights.get("*", 0.0)
    best = max(CODINGS, key=lambda coding: weights.get(coding, others))
    weight = weights.get(best, others)
    # As it is, a body is always accepted, but liked least, unless the header speaks of it.
    plain = weights.get(_IDENTITY, others)
    if weight == 0 or weight < plain:
        return Choice(coding=None)
    return Choice(coding=best, always=plain == 0 and not weights.keys().isdisjoint({_IDENTITY, "*"}))


class Compression:
    """ASGI middleware: a body of ``LEAST`` bytes or more, of a kind that shrinks, goes out compressed.

    A whole answer announces its length; one that does not is a stream, and passes through untouched, each part at once.
    So does what is encoded already, or says ``no-transform``. An ``ETag`` stays: here it names the version of what is
    shown, to be given back by ``If-Match``, and not the bytes that show it.
    """

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one request."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        held: tuple[Message, str] | None = None

        async def compressing(message: Message) -> None:
            nonlocal held
            if message["type"] == "http.response.start" and (length := _shrinkable(message)):
                MutableHeaders(scope=message).add_vary_header("accept-encoding")
                choice = choose(",".join(Headers(scope=scope).getlist("accept-encoding")))
                if choice.coding is not None and (length >= LEAST or choice.always):
                    held = message, choice.coding
                    return
            elif held is not None:
                (start, coding), held = held, None
                await send(await _encode(start, message, coding))
            await send(message)

        await self._app(scope, receive, compressing)


def _shrinkable(start: Message) -> int:
    """How many bytes are announced, if they may be compressed, and otherwise 0."""
    headers = Headers(raw=start["headers"])
    if (
        start["status"] in _AS_THEY_ARE
        or "content-encoding" in headers
        or "no-transform" in headers.get("cache-control", "")
        or _SHRINKS.match(headers.get("content-type", "")) is None
    ):
        return 0
    return int(headers.get("content-length", 0))


async def _encode(start: Message, first: Message, coding: str) -> Message:
    """``start`` as it is sent, ``first`` in its coding; a body in parts stays as it is.

    One to HEAD comes without the body that its headers speak of, so its length is not known.
    """
    body = first.get("body", b"")
    if first["type"] != "http.response.body" or first.get("more_body"):
        return start
    headers = MutableHeaders(scope=start)
    headers["content-encoding"] = coding
    if not body:
        del headers["content-length"]
        return start
    encode = CODINGS[coding]
    first["body"] = encode(body) if len(body) < _IN_A_THREAD else await asyncio.to_thread(encode, body)
    headers["content-length"] = str(len(first["body"]))
    return start
