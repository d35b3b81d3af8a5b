"""A WebSocket held by a user: the protocol by wsproto, over the connections of the client for load (RFC 6455).

No extension is offered: compressing would cost the generator more than the server.
"""

import json as json_module
from collections.abc import Callable, Iterable, Iterator
from contextlib import suppress
from dataclasses import dataclass
from typing import Any

from gevent.lock import BoundedSemaphore
from wsproto import ConnectionType, WSConnection
from wsproto.connection import ConnectionState
from wsproto.events import (
    AcceptConnection,
    BytesMessage,
    CloseConnection,
    Event,
    Ping,
    RejectConnection,
    Request,
    TextMessage,
)
from wsproto.frame_protocol import CloseReason
from wsproto.utilities import LocalProtocolError, RemoteProtocolError

from tailgate_loadtest.engine.http.counting import Counter
from tailgate_loadtest.engine.http.errors import (
    AnswerMalformed,
    AnswerTooLarge,
    AnswerTruncated,
    ConnectionReset,
    HandshakeRefused,
    RequestFailed,
    ServerClosed,
    StreamFailed,
    Unsupported,
)
from tailgate_loadtest.engine.http.inbox import MAX_MESSAGE
from tailgate_loadtest.engine.http.limits import limited
from tailgate_loadtest.engine.http.stream import NORMAL, Line, SentAt, Stream

_LINGER = 1.0
"""Seconds that the server gets, after both farewells, to close the connection first, which keeps our ports free."""


@dataclass(frozen=True, slots=True)
class Message:
    """One message that came: text or bytes."""

    data: str | bytes

    def json(self) -> Any:
        """The data as JSON; raises ValueError when it is none."""
        return json_module.loads(self.data)

    @property
    def size(self) -> int:
        """About how many bytes it takes to keep."""
        return len(self.data)


class WebSocket(Stream[Message]):
    """One WebSocket. Its ``subprotocol`` is the one that the server chose."""

    def __init__(
        self, line: Line, counter: Counter, sent_at: SentAt[Message] | None, subprotocols: Iterable[str]
    ) -> None:
        super().__init__(line, counter, sent_at)
        self.subprotocol: str | None = None
        self._offered = list(subprotocols)
        self._protocol = WSConnection(ConnectionType.CLIENT)
        self._incoming = self._events()
        self._sending = BoundedSemaphore()

    def send(self, message: str | bytes | None = None, *, json: Any = None) -> None:
        """Send a text, bytes, or a value as JSON. It is not counted: nobody knows when it arrives.

        Raises:
            StreamFailed: the socket is closed, or the server takes nothing any more.
        """
        data = _encoded(message, json)
        try:
            self._say(data)
        except RequestFailed as error:
            raise StreamFailed(error) from error

    def exchange(
        self,
        message: str | bytes | None = None,
        *,
        json: Any = None,
        answer: Callable[[Message], bool] = lambda _: True,
        timeout: float | None = None,
        name: str | None = None,
    ) -> Message:
        """Send a message and wait for its answer: the first that comes afterwards for which ``answer`` is true.

        Other messages stay unread.

        Raises:
            StreamFailed: no answer came in time, or none comes any more.
        """
        data = _encoded(message, json)
        with self._counting("exchange", name) as count:
            since = self._inbox.arrivals
            self._say(data)
            arrived = self._inbox.take(answer, since, self._line.within if timeout is None else timeout)
            count.end(at=arrived.at)
        return arrived.message

    def _connect(self) -> None:
        line = self._line
        try:
            asked = self._protocol.send(
                Request(
                    host=line.host.decode(),
                    target=line.target.decode(),
                    subprotocols=self._offered,
                    extra_headers=list(line.headers),
                )
            )
        except (LocalProtocolError, UnicodeError) as error:
            raise Unsupported(f"a handshake that cannot be sent: {error}") from error
        self._wire.send(asked)
        for event in self._incoming:
            if isinstance(event, AcceptConnection):
                self.subprotocol = event.subprotocol
                return
            if isinstance(event, RejectConnection):
                raise HandshakeRefused(event.status_code)

    def _read(self) -> None:
        pieces: list[Any] = []
        size = 0
        for event in self._incoming:
            if isinstance(event, TextMessage | BytesMessage):
                size += len(event.data)
                if size > MAX_MESSAGE:
                    self._transmit(CloseConnection(CloseReason.MESSAGE_TOO_BIG))
                    raise AnswerTooLarge(f"a message is larger than {MAX_MESSAGE} bytes")
                if event.data:
                    pieces.append(event.data)
                if event.message_finished:
                    self._put(Message("".join(pieces) if isinstance(event, TextMessage) else b"".join(pieces)))
                    pieces, size = [], 0
            elif isinstance(event, Ping):
                self._transmit(event.response())
            elif isinstance(event, CloseConnection):
                self._take_leave(event)
                return

    def _take_leave(self, event: CloseConnection) -> None:
        state = self._protocol.state
        if state is ConnectionState.REMOTE_CLOSING:
            self._transmit(event.response())
        elif state is not ConnectionState.CLOSED:
            # Not the server's farewell, but wsproto's: what came is no WebSocket.
            self._transmit(CloseConnection(event.code))
            raise AnswerMalformed(event.reason or "what came is no WebSocket")
        self._end(ServerClosed(int(event.code), event.reason or ""))
        with suppress(RequestFailed), limited(_LINGER, "not closed by the server"):
            while self._receive():
                pass

    def _part(self) -> None:
        self._transmit(CloseConnection(NORMAL))
        over = self._inbox.wait_for_end()
        if not isinstance(over, ServerClosed):
            raise over

    def _events(self) -> Iterator[Event]:
        while True:
            try:
                yield from self._protocol.events()
                received = self._receive()
                if received:
                    self._protocol.receive_data(received)
            except (RemoteProtocolError, LocalProtocolError, UnicodeDecodeError) as error:
                raise AnswerMalformed(str(error)) from error
            if not received:
                raise AnswerTruncated("the server closed the connection without a farewell")

    def _say(self, data: str | bytes) -> None:
        self._inbox.raise_if_over()
        try:
            self._transmit(TextMessage(data) if isinstance(data, str) else BytesMessage(data))
        except RequestFailed as error:
            self._break(error)
            raise

    def _transmit(self, event: Event) -> None:
        # One at a time: the user's messages and the reader's pongs.
        within = self._line.within
        with limited(within, f"nothing was taken within {within:g} s"), self._sending:
            try:
                data = self._protocol.send(event)
            except LocalProtocolError:
                raise self._inbox.over or ConnectionReset("the socket is closing") from None
            self._wire.send(data)


def _encoded(message: str | bytes | None, json: Any) -> str | bytes:
    if message is None:
        return json_module.dumps(json)
    if json is not None or not isinstance(message, str | bytes):
        raise Unsupported("a message is one text, bytes, or json=")
    return message
