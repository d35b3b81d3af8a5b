"""A stream of server-sent events held by a user, as a browser's EventSource holds one (WHATWG HTML, 9.2)."""

import gevent
from httptools import HttpParserError, HttpResponseParser

from tailgate_loadtest.engine.http.counting import Counter
from tailgate_loadtest.engine.http.errors import (
    AnswerMalformed,
    AnswerTooLarge,
    AnswerTruncated,
    HandshakeRefused,
    RequestFailed,
)
from tailgate_loadtest.engine.http.parser import MAX_HEAD
from tailgate_loadtest.engine.http.stream import Line, SentAt, Stream
from tailgate_loadtest.engine.http.wire import failure_of
from tailgate_loadtest.shapes.eventstream import Event, EventParser

_TYPE = b"text/event-stream"
HEADERS = {"accept": _TYPE.decode(), "cache-control": "no-store", "accept-encoding": "identity"}
"""What an event stream is asked for with, unless the locustfile says otherwise."""
_RETRY = 3.0
"""Seconds before a connection is made again, unless the server names others; browsers wait from 1 to 5."""
_RETRY_BOUNDS = 0.1, 60.0


class EventStream(Stream[Event]):
    """One event stream, connected again by itself when it ends or breaks, from the last event's id on.

    Not so where the server does not open it with status 200 and its type: then nothing comes any more.
    """

    def __init__(self, line: Line, counter: Counter, sent_at: SentAt[Event] | None, last_event_id: str) -> None:
        super().__init__(line, counter, sent_at)
        self._parser = EventParser(last_event_id)
        self._answer = _Answer()
        self._retry = _RETRY

    @property
    def last_event_id(self) -> str:
        """The last id that the stream gave."""
        return self._parser.last_event_id

    def _connect(self) -> None:
        line = self._line
        last = self._parser.last_event_id
        headers = [(b"host", line.host), *line.headers, *([(b"last-event-id", last.encode())] if last else ())]
        self._parser = EventParser(last)
        self._answer = _Answer()
        head = b"".join(b"%s: %s\r\n" % header for header in headers)
        self._wire.send(b"GET %s HTTP/1.1\r\n%s\r\n" % (line.target, head))
        while not self._answer.headed:
            self._feed()

    def _read(self) -> None:
        while True:
            broken: RequestFailed | None = None
            try:
                self._take_events()
                while not self._answer.complete:
                    self._feed()
                    self._take_events()
            except RequestFailed as error:
                broken = error
            except OSError as error:
                broken = failure_of(error)
            self._count_close(broken)
            self._hang_up()
            self._reconnect()

    def _reconnect(self) -> None:
        while True:
            gevent.sleep(self._retry)
            count = self._counter.aside("connect")
            try:
                self._dial()
            except RequestFailed as error:
                count.end(error)
                if isinstance(error, HandshakeRefused):
                    raise  # the server has said what it thinks of it
            except BaseException:
                count.forget()
                raise
            else:
                count.end()
                self._opened = True
                return

    def _feed(self) -> None:
        received = self._receive()
        answer = self._answer
        if received:
            answer.feed(received)
        else:
            answer.closed()

    def _take_events(self) -> None:
        body = b"".join(self._answer.body)
        self._answer.body.clear()
        try:
            events = self._parser.feed(body)
        except ValueError as error:
            raise AnswerTooLarge(str(error)) from None
        for event in events:
            self._put(event)
        if self._parser.retry is not None:
            least, most = _RETRY_BOUNDS
            self._retry = min(max(self._parser.retry, least), most)


class _Answer:
    """The answer whose body the stream is."""

    def __init__(self) -> None:
        self._parser = HttpResponseParser(self)
        self._head = 0
        self._status = 0
        self._kind = b""
        self._encoding = b""
        self._ends_by_closing = True
        self.headed = False
        """It is an event stream, and its head is whole."""
        self.complete = False
        self.body: list[bytes] = []
        """What has come of it and was not taken yet."""

    def feed(self, data: bytes) -> None:
        """Take what was received. Raises RequestFailed unless it is, or may become, an event stream."""
        if not self.headed:
            self._head += len(data)
            if self._head > MAX_HEAD:
                raise AnswerTooLarge(f"the head of the answer is larger than {MAX_HEAD} bytes")
        try:
            self._parser.feed_data(data)
        except HttpParserError as error:
            if not self.complete:
                raise AnswerMalformed(str(error)) from None
        if self._status >= 200 and not self.headed:
            self._check()

    def closed(self) -> None:
        """The server has closed the connection; raises AnswerTruncated where that is no end of the answer."""
        if not self.headed or not self._ends_by_closing:
            raise AnswerTruncated("the server closed the connection before its answer was whole")
        self.complete = True

    def on_header(self, name: bytes, value: bytes) -> None:
        """Called by the parser: one header."""
        name = name.lower()
        if name == b"content-type":
            self._kind = value.partition(b";")[0].strip().lower()
        elif name == b"content-encoding":
            self._encoding = value.strip().lower()
        elif name in (b"content-length", b"transfer-encoding"):
            self._ends_by_closing = False

    def on_headers_complete(self) -> None:
        """Called by the parser: the head is whole."""
        self._status = self._parser.get_status_code()

    def on_body(self, data: bytes) -> None:
        """Called by the parser: a piece of the body."""
        self.body.append(data)

    def on_message_complete(self) -> None:
        """Called by the parser: the answer is whole, if it is not an interim one."""
        self.complete = self._status >= 200

    def _check(self) -> None:
        if self._status != 200:
            raise HandshakeRefused(self._status)
        if self._kind != _TYPE:
            raise HandshakeRefused(200, f"of the type {self._kind.decode('latin-1') or 'none'!r}")
        if self._encoding not in (b"", b"identity"):
            raise AnswerMalformed("an event stream that is compressed, which was not asked for")
        self.headed = True
