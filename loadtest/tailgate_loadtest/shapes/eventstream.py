"""Events out of the bytes of a ``text/event-stream``, by the rules of the WHATWG's HTML standard (9.2.6)."""

import codecs
import json
import re
from dataclasses import dataclass
from typing import Any

MAX_EVENT = 16 * 1024 * 1024
"""Characters of one event, unfinished lines included."""
_LINE_END = re.compile("\r\n|\n|\r")
_BYTE_ORDER_MARK = "\ufeff"


@dataclass(frozen=True, kw_only=True, slots=True)
class Event:
    """One event."""

    type: str = "message"
    data: str
    id: str = ""
    """The last one that the stream gave, with this event or before."""

    def json(self) -> Any:
        """The data as JSON; raises ValueError when it is none."""
        return json.loads(self.data)

    @property
    def size(self) -> int:
        """About how much it takes to keep."""
        return len(self.data)


class EventParser:
    """Feed it what comes; however that is cut into pieces, the events are the same."""

    def __init__(self, last_event_id: str = "") -> None:
        self.last_event_id = last_event_id
        """What a reconnection asks to go on from."""
        self.retry: float | None = None
        """Seconds that the server wants a client to wait before it connects again."""
        self._decoder = codecs.getincrementaldecoder("utf-8")("replace")
        self._begun = False
        self._after_return = False
        self._line: list[str] = []
        self._data: list[str] = []
        self._type = ""
        self._id = last_event_id
        self._line_size = self._data_size = 0

    def feed(self, data: bytes) -> list[Event]:
        """The events that are whole now.

        Raises:
            ValueError: one has grown past the limit.
        """
        text = self._decoder.decode(data)
        if not text:
            return []
        if not self._begun:
            self._begun = True
            text = text.removeprefix(_BYTE_ORDER_MARK)
        if self._after_return:
            # The two halves of one line end.
            text = text.removeprefix("\n")
        self._after_return = text.endswith("\r")
        *ends, rest = _LINE_END.split(text)
        events = []
        for end in ends:
            line = "".join((*self._line, end))
            self._line.clear()
            self._line_size = 0
            event = self._take(line)
            if event is not None:
                events.append(event)
        self._line.append(rest)
        self._line_size += len(rest)
        if self._data_size + self._line_size > MAX_EVENT:
            raise ValueError(f"an event is larger than {MAX_EVENT} characters")
        return events

    def _take(self, line: str) -> Event | None:
        if not line:
            return self._dispatch()
        name, _, value = line.partition(":")
        value = value.removeprefix(" ")
        if name == "data":
            self._data.append(value)
            self._data_size += len(value) + 1
        elif name == "event":
            self._type = value
        elif name == "id" and "\0" not in value:
            self._id = value
        elif name == "retry" and value.isascii() and value.isdigit():
            self.retry = int(value[:9]) / 1000
        return None

    def _dispatch(self) -> Event | None:
        self.last_event_id = self._id
        data, kind = self._data, self._type
        self._data, self._type, self._data_size = [], "", 0
        if not data:
            return None
        return Event(type=kind or "message", data="\n".join(data), id=self._id)
