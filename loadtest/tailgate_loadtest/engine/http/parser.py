"""One answer off the wire, by llhttp: status, head and body, and whether the connection may be used again.

The headers are left as they came, for whoever asks for them; most are never asked for.
"""

from httptools import HttpParserError, HttpParserUpgrade, HttpResponseParser

from tailgate_loadtest.engine.http.errors import AnswerMalformed, AnswerTooLarge, BytesAfterAnswer

MAX_HEAD = 256 * 1024
MAX_BODY = 256 * 1024 * 1024
_BLANK = b"\r\n\r\n"
_BREAKS = b"\r\n"
"""May come before an answer, too."""
_LENGTHS = (b"\r\ncontent-length:", b"\r\ntransfer-encoding:")


class AnswerParser:
    """Parses the answers of one connection, one after another. Feed it until ``complete``."""

    __slots__ = ("_came", "_no_body", "_parser", "_received", "_size", "body", "complete", "keep_alive", "status")

    def __init__(self) -> None:
        self._parser = HttpResponseParser(self)
        self.begin(no_body=False)

    def begin(self, *, no_body: bool) -> None:
        """Make ready for the next answer; ``no_body``: it is one to HEAD, whose Content-Length promises nothing."""
        self._no_body = no_body
        self._size = self._received = 0
        self._came: list[bytes] = []
        self.status = 0
        self.body: list[bytes] = []
        self.complete = self.keep_alive = False

    @property
    def head(self) -> bytes:
        """The status line and the headers, as they came, each with its line break."""
        came = b"".join(self._came).lstrip(_BREAKS)
        return came[: came.find(_BLANK) + 2]

    def feed(self, data: memoryview) -> None:
        """Take what was received.

        Raises:
            AnswerMalformed, AnswerTooLarge, BytesAfterAnswer: the connection is not to be used again.
        """
        if not self.status:
            self._received += len(data)
            if self._received > MAX_HEAD:
                raise AnswerTooLarge(f"the head of the answer is larger than {MAX_HEAD} bytes")
            self._came.append(bytes(data))
        try:
            self._parser.feed_data(data)
        except HttpParserUpgrade:
            raise AnswerMalformed("the server changes to another protocol, which nobody asked for") from None
        except HttpParserError as error:
            cause = error.__context__
            if isinstance(cause, AnswerTooLarge | BytesAfterAnswer):
                raise cause from None
            if self.complete:
                # An answer without a body is taken as whole at its head; whatever follows is no part of it.
                if self._no_body:
                    self.keep_alive = False
                    return
                raise BytesAfterAnswer("more bytes than the answer's length") from None
            raise AnswerMalformed(str(error)) from None

    def closed(self) -> bool:
        """The server has closed the connection; whether that ended the answer, as it may where no length was given."""
        if self.complete:
            return True
        if not self.status or self._has_length():
            return False
        self.complete = True
        self.keep_alive = False
        return True

    def on_message_begin(self) -> None:
        """Called by the parser: an answer begins."""
        if self.complete:
            raise BytesAfterAnswer("a second answer to one request")

    def on_headers_complete(self) -> None:
        """Called by the parser: the head is whole."""
        self.status = self._parser.get_status_code()
        if self._no_body and self.status >= 200:
            self.keep_alive = self._parser.should_keep_alive()
            self.complete = True
            self._parser = HttpResponseParser(self)

    def on_body(self, data: bytes) -> None:
        """Called by the parser: a piece of the body."""
        if self._no_body:
            return
        self._size += len(data)
        if self._size > MAX_BODY:
            raise AnswerTooLarge(f"the body of the answer is larger than {MAX_BODY} bytes")
        self.body.append(data)

    def on_message_complete(self) -> None:
        """Called by the parser: the answer is whole."""
        if 100 <= self.status < 200 and self.status != 101:
            # An interim answer: the one that counts is still to come.
            self.status = 0
            self._came = [b"".join(self._came).lstrip(_BREAKS).partition(_BLANK)[2]]
            return
        self.keep_alive = self._parser.should_keep_alive()
        self.complete = True

    def _has_length(self) -> bool:
        head = self.head.lower()
        return any(name in head for name in _LENGTHS)


class _Fields:
    """Takes the headers of one head."""

    def __init__(self) -> None:
        self.found: list[tuple[bytes, bytes]] = []

    def on_header(self, name: bytes, value: bytes) -> None:
        self.found.append((name, value))


def fields(head: bytes) -> list[tuple[bytes, bytes]]:
    """The headers of an answer's head that was parsed before, by the same parser."""
    taken = _Fields()
    HttpResponseParser(taken).feed_data(head + b"\r\n")
    return taken.found
