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
└── BadStatus            a whole answer, of status 400 or more
Unsupported              a feature that this client does not have was asked for by name
"""


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


class Unsupported(TypeError):  # noqa: N818 - reads as the sentence it begins
    """A feature that this client does not have; the message names it, and the base class that has it."""
