"""Kept traces out of the process: stock exporters, each behind a queue that cannot overflow unseen."""

import os
import threading
import time
import weakref
from collections.abc import Callable, Iterable, Iterator, Sequence
from math import inf

from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
from opentelemetry.sdk.trace import ReadableSpan
from opentelemetry.sdk.trace.export import BatchSpanProcessor, SpanExporter, SpanExportResult

from tailgate_otel.complaint import Complaint
from tailgate_otel.config import Config
from tailgate_otel.errors import ConfigError
from tailgate_otel.histogram import Counter
from tailgate_otel.scrub import CleanSpan, clean
from tailgate_otel.tracefile import TraceFile

# Spans that may wait for one destination.
MAX_QUEUE = 8192
# One export is given up after so long, seconds.
_EXPORT_TIMEOUT = 2.0
# So many traces wake the exporting thread before its delay is over; so many spans, or one trace, are one request.
_BATCH = 32
_REQUEST = 512
_DELAY_MS = 1000
# For so long closing lets exports go on, and for so long it waits for the last of them, seconds.
_GRACE = 1.0
_CLOSE = _GRACE + _EXPORT_TIMEOUT + 1.0
_FLUSH = 10.0
# After so many spans, a fifth of a millisecond's work, the exporting thread pauses for so many seconds: whoever waits
# for the interpreter is woken then, and otherwise only after the switch interval, 5 ms.
_BURST = 6
_PAUSE = 50e-6


def exporters(config: Config) -> list[SpanExporter]:
    """The destinations of a configuration.

    Raises:
        ConfigError: one of them cannot be made; the message names the field, or OpenTelemetry's variable.

    """
    made: list[SpanExporter] = []
    if config.otlp_endpoint:
        endpoint = config.otlp_endpoint.rstrip("/") + "/v1/traces"
        try:
            made.append(OTLPSpanExporter(endpoint=endpoint, timeout=_EXPORT_TIMEOUT))
        except (ValueError, RuntimeError) as error:
            raise ConfigError(f"otlp_endpoint={config.otlp_endpoint!r} cannot be exported to: {error}") from error
    if config.traces_file:
        made.append(TraceFile(config.traces_file))
    return made


class Shipper:
    """Hands traces over without ever waiting; what a destination does not get is counted as dropped."""

    def __init__(self, exporters: Iterable[SpanExporter], dropped: Counter) -> None:
        self._dropped = dropped
        # Several threads count: those that answer requests and those that export.
        self._lock = threading.Lock()
        self._lines = [_Line(exporter, self.drop) for exporter in exporters]

    def ship(self, spans: Sequence[ReadableSpan], missing: int = 0, exported: Callable[[], None] | None = None) -> bool:
        """Queue the spans of one trace, all of them or none.

        Args:
            spans: the first is the one that the others belong to.
            missing: how many more the trace had that were not kept.
            exported: called, in an exporting thread, when a destination has taken them.

        Returns:
            Whether there was room on the way to any destination.

        """
        if missing:
            self.drop(missing)
        if not spans:
            return True
        parcel = Parcel([span if isinstance(span, CleanSpan) else clean(span) for span in spans], exported)
        taken = [line.put(parcel) for line in self._lines]
        return any(taken)

    def drop(self, count: int) -> None:
        """So many spans will not arrive."""
        with self._lock:
            self._dropped.add(amount=count)

    def flush(self, within: float = _FLUSH) -> bool:
        """Export what is queued, now; whether all of it was tried within so many seconds."""
        deadline = time.monotonic() + within
        flushes = [line.flush() for line in self._lines]
        return all(_in_time(flush, deadline) for flush in flushes)

    def close(self) -> None:
        """Export what is queued, within the grace, and end; an export that hangs is left behind."""
        deadline = time.monotonic() + _CLOSE
        closings = [(line, line.close()) for line in self._lines]
        for line, closing in closings:
            if not _in_time(closing, deadline):
                line.abandon()


class Parcel(ReadableSpan):
    """The spans of one trace, which are queued, exported and counted together.

    To the stock processor it is a span: all that it asks of one is that it is sampled.
    """

    def __init__(self, spans: Sequence[CleanSpan], exported: Callable[[], None] | None) -> None:
        super().__init__(spans[0].name, spans[0].context, resource=spans[0].resource)
        self.spans = spans
        self.exported = exported


class _Line(SpanExporter):
    """The way to one destination: its queue, and the account of what did not arrive."""

    _under_way: int

    def __init__(self, exporter: SpanExporter, drop: Callable[[int], None]) -> None:
        self._exporter = exporter
        self._drop = drop
        self._complaint = Complaint(type(exporter).__name__)
        self._deadline = inf
        self._flushing: threading.Thread | None = None
        self._start_afresh()
        self._processor = BatchSpanProcessor(
            self,
            max_queue_size=MAX_QUEUE,
            max_export_batch_size=_BATCH,
            schedule_delay_millis=_DELAY_MS,
        )
        # A forked process has its own queue, which the processor empties, and whoever held the lock is not in it.
        afresh = weakref.WeakMethod(self._start_afresh)
        os.register_at_fork(after_in_child=lambda: (method := afresh()) and method())

    def put(self, parcel: Parcel) -> bool:
        """Queue a parcel, if there is room for all of it."""
        count = len(parcel.spans)
        with self._lock:
            room = self._deadline == inf and self._under_way + count <= MAX_QUEUE
            if room:
                self._under_way += count
        if room:
            self._processor.on_end(parcel)
        else:
            self._drop(count)
        return room

    def flush(self) -> threading.Thread:
        """Begin to export what is queued. A flush that hangs is not joined by a second one."""
        if self._flushing is None or not self._flushing.is_alive():
            self._flushing = _begin("tailgate flush", self._processor.force_flush)
        return self._flushing

    def close(self) -> threading.Thread:
        """Take no more, and begin to end."""
        with self._lock:
            self._deadline = time.monotonic() + _GRACE
        return _begin("tailgate close", self._processor.shutdown)

    def abandon(self) -> None:
        """Count what is under way as dropped, whatever becomes of it."""
        with self._lock:
            lost = self._under_way
            self._under_way = 0
            self._abandoned = True
        self._drop(lost)
        self._complaint.withdraw()

    def export(self, spans: Sequence[ReadableSpan]) -> SpanExportResult:
        """Export parcels; called by the processor, in its thread."""
        for parcels in _requests(spans):
            count = sum(len(parcel.spans) for parcel in parcels)
            arrived = self._deliver(_Unhurried(span for parcel in parcels for span in parcel.spans))
            with self._lock:
                self._under_way -= count
                abandoned = self._abandoned
            if not arrived and not abandoned:
                self._drop(count)
            for parcel in parcels:
                if arrived and parcel.exported is not None:
                    parcel.exported()
        return SpanExportResult.SUCCESS

    def shutdown(self) -> None:
        """Close the exporter; called by the processor when its thread has ended."""
        try:
            self._exporter.shutdown()
        finally:
            self._complaint.withdraw()

    def _deliver(self, spans: Sequence[CleanSpan]) -> bool:
        if time.monotonic() >= self._deadline:
            return False
        with self._complaint as complaint:
            try:
                arrived = self._exporter.export(spans) is SpanExportResult.SUCCESS
            except Exception as error:  # noqa: BLE001 - an exporter may raise anything; it is said once, and counted
                arrived = False
                complaint.reason = type(error).__name__
            complaint.heed(arrived)
        return arrived

    def _start_afresh(self) -> None:
        self._lock = threading.Lock()
        self._under_way = 0
        self._abandoned = False


class _Unhurried(list[CleanSpan]):
    """Spans whose encoding lets others have the interpreter: exporters encode each as they come to it."""

    def __iter__(self) -> Iterator[CleanSpan]:
        for number, span in enumerate(super().__iter__(), 1):
            yield span
            if number % _BURST == 0:
                time.sleep(_PAUSE)


def _requests(parcels: Sequence[ReadableSpan]) -> Iterator[list[Parcel]]:
    """The parcels in groups that are not too large for one request."""
    group: list[Parcel] = []
    count = 0
    for parcel in parcels:
        if isinstance(parcel, Parcel):
            group.append(parcel)
            count += len(parcel.spans)
        if count >= _REQUEST:
            yield group
            group, count = [], 0
    if group:
        yield group


def _begin(name: str, work: Callable[[], object]) -> threading.Thread:
    thread = threading.Thread(target=work, name=name, daemon=True)
    thread.start()
    return thread


def _in_time(thread: threading.Thread, deadline: float) -> bool:
    thread.join(max(0.0, deadline - time.monotonic()))
    return not thread.is_alive()
