"""What is wrong with a destination of spans, said once: the stock exporters say it for every batch."""

import logging
import threading
import time
from math import inf
from typing import Self

from tailgate_otel import names
from tailgate_otel.tracefile import TraceFile

# A destination that works now and then is not complained about again within this time, seconds.
_SILENCE = 60.0

_log = logging.getLogger(__name__)
_STOCK_LOGGERS = (
    "opentelemetry.exporter.otlp.proto.http.trace_exporter",
    "opentelemetry.exporter.otlp.proto.common._internal",
    "opentelemetry.exporter.otlp.json.file.trace_exporter",
    "opentelemetry.exporter.otlp.json.common._internal",
    TraceFile.__module__,
)


class Complaint(logging.Filter):
    """Entered while its destination is exported to, it takes what the exporter logs as the reason."""

    def __init__(self, destination: str) -> None:
        super().__init__()
        self.reason = ""
        self._destination = destination
        self._failing = False
        self._said = -inf
        self._thread: int | None = None
        for name in _STOCK_LOGGERS:
            logging.getLogger(name).addFilter(self)

    def __enter__(self) -> Self:
        self.reason = ""
        self._thread = threading.get_ident()
        return self

    def __exit__(self, *_: object) -> None:
        self._thread = None

    def filter(self, record: logging.LogRecord) -> bool:
        """Whether a line may be logged: by anybody else it may."""
        if record.thread != self._thread:
            return True
        self.reason = self.reason or record.getMessage()
        return False

    def heed(self, arrived: bool) -> None:
        """An export has succeeded or not."""
        now = time.monotonic()
        if not arrived and not self._failing and now - self._said >= _SILENCE:
            self._said = now
            _log.warning(
                "%s does not take spans: %s; requests are not affected, what is dropped is counted in %s_total",
                self._destination,
                (self.reason or "it does not say why").rstrip("."),
                names.SPANS_DROPPED,
            )
        self._failing = not arrived

    def withdraw(self) -> None:
        """Leave the loggers alone again."""
        for name in _STOCK_LOGGERS:
            logging.getLogger(name).removeFilter(self)
