"""An answer, as a locustfile sees it: what FastHttpUser's answers have, under the same names."""

import json
import zlib
from collections.abc import Sequence
from types import TracebackType
from typing import Any, Self

import brotli
from locust.exception import CatchResponseError, ResponseError
from requests.structures import CaseInsensitiveDict
from tailgate_otel.names import HEADER_SERVER_TIMING

from tailgate_loadtest.engine.http.errors import AnswerMalformed, AnswerTooLarge, BadStatus, RequestFailed
from tailgate_loadtest.engine.http.parser import MAX_BODY, fields
from tailgate_loadtest.engine.http.timings import Timings
from tailgate_loadtest.measure.server_timing import ServerTiming, parse

_SERVER_TIMING = HEADER_SERVER_TIMING.encode()


class Response:
    """One answer, or the lack of one: then ``status_code`` is 0 and ``error`` says why."""

    # Defaults of the class: an answer that nobody looks at costs four assignments more than none.
    status_code: int = 0
    error: RequestFailed | None = None
    head: bytes = b""
    """The status line and the headers, as they came."""
    opening: Timings | None = None
    """What opening its connection took, if it was opened for it."""
    wait: float = 0.0
    receive: float = 0.0
    _body: Sequence[bytes] = ()
    _content: bytes | None = None
    _lowered: bytes | None = None
    _fields: list[tuple[bytes, bytes]] | None = None
    _headers: "CaseInsensitiveDict[str] | None" = None

    def __init__(self, method: str, url: str) -> None:
        self.method = method
        self.url = url

    def fill(self, status_code: int, head: bytes, body: Sequence[bytes], wait: float, receive: float) -> None:
        """What has come, and the seconds until its first byte, and from there to its last."""
        self.status_code, self.head, self._body = status_code, head, body
        self.wait, self.receive = wait, receive

    @property
    def timings(self) -> Timings:
        """The seconds that its steps took."""
        opening = self.opening or _NOTHING_OPENED
        return Timings(opening.resolve, opening.connect, opening.secure, self.wait, self.receive)

    @property
    def server_timing(self) -> ServerTiming | None:
        """What the server says of its own time; nothing is taken apart for it where it says nothing."""
        if not self.has(_SERVER_TIMING):
            return None
        return parse(b", ".join(self.raw(_SERVER_TIMING)))

    @property
    def ok(self) -> bool:
        """A whole answer of a status below 400."""
        return self.error is None and self.status_code < 400

    def has(self, name: bytes) -> bool:
        """Whether it has such a header, without taking the others apart; ``name`` in lower case."""
        lowered = self._lowered
        if lowered is None:
            lowered = self._lowered = self.head.lower()
        return lowered.find(b"\n" + name + b":") >= 0  # `in` takes twice as long

    def raw(self, name: bytes) -> list[bytes]:
        """Every value of a header, apart; ``name`` in lower case."""
        if not self.has(name):
            return []
        return [value for key, value in self._taken_apart() if key.lower() == name]

    @property
    def headers(self) -> "CaseInsensitiveDict[str]":
        """The headers; several of one name are joined by a comma."""
        if self._headers is None:
            self._headers = CaseInsensitiveDict()
            for name, value in self._taken_apart():
                key, text = name.decode("latin-1"), value.decode("latin-1")
                self._headers[key] = f"{self._headers[key]}, {text}" if key in self._headers else text
        return self._headers

    @property
    def content(self) -> bytes:
        """The body, inflated when it is read.

        Raises:
            AnswerMalformed: it is not compressed as it says.
        """
        if self._content is None:
            body = b"".join(self._body)
            encoded = self.has(b"content-encoding")
            self._content = _inflate(body, self.headers["content-encoding"]) if encoded else body
        return self._content

    @property
    def text(self) -> str:
        """The body as text, by the charset of its type, else UTF-8."""
        kind = self.headers.get("content-type", "")
        charset = kind.lower().partition("charset=")[2].partition(";")[0].strip(" \"'") or "utf-8"
        try:
            return self.content.decode(charset, "replace")
        except LookupError:
            return self.content.decode("utf-8", "replace")

    def json(self) -> Any:
        """The body as JSON; raises ValueError when it is none."""
        return json.loads(self.content)

    def raise_for_status(self) -> None:
        """Raise what went wrong: the request's own failure, or BadStatus."""
        if self.error is not None:
            raise self.error
        if self.status_code >= 400:
            raise BadStatus(f"HTTP {self.status_code}")

    def judge(self) -> None:
        """A status of 400 or more is a failure of its own, unless the locustfile says otherwise."""
        self.error = BadStatus(f"HTTP {self.status_code}")

    @property
    def length(self) -> int:
        """Bytes of the body as they came."""
        return sum(map(len, self._body))

    def _taken_apart(self) -> list[tuple[bytes, bytes]]:
        if self._fields is None:
            self._fields = fields(self.head) if self.head else []
        return self._fields


_NOTHING_OPENED = Timings()


def _inflate(body: bytes, encoding: str) -> bytes:
    for name in reversed([part.strip().lower() for part in encoding.split(",") if part.strip()]):
        try:
            if name in ("gzip", "x-gzip"):
                body, whole = _unzipped(body, 16 + zlib.MAX_WBITS)
            elif name == "deflate":
                body, whole = _undeflated(body)
            elif name == "br":
                body, whole = _unbrotlied(body)
            elif name == "identity":
                continue
            else:
                raise AnswerMalformed(f"an answer in the encoding {name!r}, which was not asked for")
        except (zlib.error, brotli.error) as error:
            raise AnswerMalformed(f"the answer is no {name}: {error}") from error
        if len(body) > MAX_BODY:
            raise AnswerTooLarge(f"the answer inflates past {MAX_BODY} bytes")
        if not whole:
            raise AnswerMalformed(f"the answer is {name} that breaks off")
    return body


def _unzipped(body: bytes, window: int) -> tuple[bytes, bool]:
    inflater = zlib.decompressobj(wbits=window)
    return inflater.decompress(body, MAX_BODY + 1), inflater.eof


def _undeflated(body: bytes) -> tuple[bytes, bool]:
    # Some servers send zlib's wrapping, as the standard has it, and some the bare stream.
    try:
        return _unzipped(body, zlib.MAX_WBITS)
    except zlib.error:
        return _unzipped(body, -zlib.MAX_WBITS)


def _unbrotlied(body: bytes) -> tuple[bytes, bool]:
    inflater = brotli.Decompressor()
    return inflater.process(body, output_buffer_limit=MAX_BODY + 1), inflater.is_finished()


class CaughtResponse:
    """An answer on which a ``with`` block has the last word; reported to Locust when the block ends."""

    def __init__(self, response: Response, request_event: Any, meta: dict[str, Any]) -> None:
        self._response = response
        self._event = request_event
        self._meta = meta
        self._said: bool | None = None
        self._why: Any = None

    def __getattr__(self, name: str) -> Any:
        return getattr(self._response, name)

    def __enter__(self) -> Self:
        return self

    def success(self) -> None:
        """It is good, whatever its status."""
        self._said = True

    def failure(self, why: Any) -> None:
        """It is bad, whatever its status."""
        self._said, self._why = False, why

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, tb: TracebackType | None) -> bool:
        meta = self._meta
        if self._said is not None:
            exception = None
            if not self._said:
                exception = self._why if isinstance(self._why, Exception) else CatchResponseError(self._why)
            meta["exception"] = exception
        elif isinstance(error, ResponseError):
            meta["exception"] = error
        elif error is not None:
            return False
        self._event.fire(**meta)
        return self._said is None and isinstance(error, ResponseError)
