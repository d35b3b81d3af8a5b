"""Kept traces out of the process: the stock batch processor, with a queue that cannot overflow unseen."""

import threading
import time
from collections.abc import Sequence

from opentelemetry.sdk.trace import ReadableSpan
from opentelemetry.sdk.trace.export import BatchSpanProcessor, SpanExporter, SpanExportResult

from tailgate_otel.histogram import Counter

MAX_QUEUE = 8192
_BATCH = 512
_DELAY_MS = 1000
# How long closing may wait for a receiver that does not answer, seconds.
_GRACE = 1.0


class Shipper:
    """Hands spans over without ever waiting; what cannot be delivered is counted as dropped."""

    def __init__(self, exporter: SpanExporter, dropped: Counter) -> None:
        self._exporter = _Ledger(exporter, dropped)
        self._processor = BatchSpanProcessor(
            self._exporter,
            max_queue_size=MAX_QUEUE,
            max_export_batch_size=_BATCH,
            schedule_delay_millis=_DELAY_MS,
        )

    def ship(self, spans: Sequence[ReadableSpan], missing: int) -> bool:
        """Queue the spans of one trace, all of them or none; ``missing`` are those it was too long for."""
        if missing:
            self._exporter.drop(missing)
        if not self._exporter.admit(len(spans)):
            self._exporter.drop(len(spans))
            return False
        for span in spans:
            self._processor.on_end(span)
        return True

    def flush(self) -> None:
        """Export what is queued, now."""
        self._processor.force_flush()

    def close(self) -> None:
        """Export what is queued, within the grace, and end."""
        self._exporter.expire_after(_GRACE)
        self._processor.shutdown()  # type: ignore[no-untyped-call]


class _Ledger(SpanExporter):
    """An exporter that knows how many spans are under way, and counts those that do not arrive."""

    def __init__(self, exporter: SpanExporter, dropped: Counter) -> None:
        self._exporter = exporter
        self._dropped = dropped
        self._under_way = 0
        self._lock = threading.Lock()
        self._deadline = float("inf")

    def admit(self, count: int) -> bool:
        """Room for so many more, taken if there is."""
        with self._lock:
            if self._under_way + count > MAX_QUEUE:
                return False
            self._under_way += count
            return True

    def drop(self, count: int) -> None:
        """So many will not arrive."""
        # Two threads count: the one that answers requests and the one that exports.
        with self._lock:
            self._dropped.add(amount=count)

    def expire_after(self, seconds: float) -> None:
        """From then on nothing is tried any more."""
        self._deadline = time.monotonic() + seconds

    def export(self, spans: Sequence[ReadableSpan]) -> SpanExportResult:
        result = SpanExportResult.FAILURE
        try:
            if time.monotonic() < self._deadline:
                result = self._exporter.export(spans)
        finally:
            with self._lock:
                self._under_way -= len(spans)
            if result is not SpanExportResult.SUCCESS:
                self.drop(len(spans))
        return result

    def shutdown(self) -> None:
        self._exporter.shutdown()
