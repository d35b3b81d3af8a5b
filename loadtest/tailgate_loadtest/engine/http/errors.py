"""How a request can go wrong on the wire, each way by a name of its own; the names are what a report counts by.

RequestFailed
├── UnknownHost          the host's name resolves to nothing
├── ConnectFailed        no connection could be made
├── TlsFailed            the connection could not be secured
├── TimedOut             no whole answer within the limit
├── ConnectionReset      the server broke the connection off
├── AnswerTruncated      the server closed the connection before its answer was whole
├── AnswerMalformed      what came is no HTTP/1.1
├── AnswerTooLarge       its head or body is past the limit
├── BytesAfterAnswer     more came than the answer said
├── TooManyRedirects     a chain of redirects did not end
├── HandshakeRefused     the server did not open the WebSocket or the event stream; counted with its status
├── ServerClosed         the server closed the WebSocket; counted with its code
├── SentInFuture         a message came before the moment that it bears: two clocks differ
└── BadStatus            a whole answer, of status 400 or more
StreamFailed             a WebSocket or an event stream has come to one of these, which is counted already
Unsupported              a feature that this client does not have was asked for by name
"""

from locust.exception import RescheduleTask


class RequestFailed(Exception):  # noqa: N818 - reads as the report reads
    """The root of what a request can come to."""


class UnknownHost(RequestFailed):
    """The host's name resolves to nothing."""


class ConnectFailed(RequestFailed):
    """No connection could be made."""


class TlsFailed(RequestFailed):
    """The connection could not be secured."""


class TimedOut(RequestFailed):
    """No whole answer within the limit."""


class ConnectionReset(RequestFailed):
    """The server broke the connection off."""


class AnswerTruncated(RequestFailed):
    """The server closed the connection before its answer was whole."""


class AnswerMalformed(RequestFailed):
    """What came is no HTTP/1.1."""


class AnswerTooLarge(RequestFailed):
    """The answer's head or body is past the limit."""


class BytesAfterAnswer(RequestFailed):
    """More came than the answer said it would be."""


class TooManyRedirects(RequestFailed):
    """A chain of redirects did not end."""


class BadStatus(RequestFailed):
    """A whole answer, of status 400 or more."""


class HandshakeRefused(RequestFailed):
    """The server did not open the WebSocket or the event stream."""

    def __init__(self, status: int, why: str = "") -> None:
        super().__init__(f"HTTP {status}{why and f': {why}'}")
        self.status = status
        self.counted_as = f"HandshakeRefused {status}"


class ServerClosed(RequestFailed):
    """The server closed the WebSocket."""

    def __init__(self, code: int, reason: str = "") -> None:
        super().__init__(f"{code}{reason and f': {reason}'}")
        self.code = code
        self.counted_as = f"ServerClosed {code}"


class SentInFuture(RequestFailed):
    """A message came before the moment that it bears: two clocks differ, and no time can be taken by them."""


class StreamFailed(RescheduleTask):
    """A WebSocket or an event stream has come to its ``cause``, which is counted already.

    Not caught, it ends the task, as Locust's RescheduleTask does, and nothing more.
    """

    def __init__(self, cause: RequestFailed) -> None:
        super().__init__(str(cause))
        self.cause = cause


class Unsupported(TypeError):  # noqa: N818 - reads as the sentence it begins
    """A feature that this client does not have; the message names it, and the base class that has it."""
