"""Kept traces in a file: OTLP JSON, a trace a line, readable by nobody else, and never larger than a bound."""

import logging
import os
import stat
from collections.abc import Sequence

from opentelemetry.sdk.trace import ReadableSpan
from opentelemetry.sdk.trace.export import SpanExporter, SpanExportResult

from tailgate_otel.errors import ConfigError

# Past this many bytes nothing is written any more: a test that runs for days must not fill a disk.
MAX_BYTES = 256 * 1024 * 1024

_log = logging.getLogger(__name__)


class TraceFile(SpanExporter):
    """Appends to a file by the stock file exporter. Several processes may share the file.

    Args:
        path: a regular file, made with mode 0600 if it is not there.
        limit: bytes after which what comes is refused.

    Raises:
        ConfigError: the file cannot be written, or the stock exporter is not installed.

    """

    def __init__(self, path: str, limit: int = MAX_BYTES) -> None:
        try:
            from opentelemetry.exporter.otlp.json.file.trace_exporter import FileSpanExporter
        except ImportError as error:
            raise ConfigError(
                f"traces_file={path!r} needs the stock file exporter: pip install 'tailgate-otel[file]'"
            ) from error
        try:
            # Without O_NONBLOCK a pipe that nobody reads would hold up the start.
            descriptor = os.open(path, os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_NONBLOCK | os.O_CLOEXEC, 0o600)
        except (OSError, ValueError) as error:
            reason = error.strerror if isinstance(error, OSError) else error
            raise ConfigError(
                f"traces_file={path!r} cannot be written: {reason}; name a file in a directory that is there"
            ) from error
        if not stat.S_ISREG(os.fstat(descriptor).st_mode):
            os.close(descriptor)
            raise ConfigError(f"traces_file={path!r} is no regular file; name one, or a path where none is yet")
        self._stream = os.fdopen(descriptor, "a", encoding="utf-8")
        self._exporter = FileSpanExporter(stream=self._stream)
        self._path = path
        self._limit = limit

    def export(self, spans: Sequence[ReadableSpan]) -> SpanExportResult:
        """Write the traces of these spans, a line for each; nothing at all when the file is full."""
        if os.fstat(self._stream.fileno()).st_size >= self._limit:
            _log.warning("%s has reached its bound of %d bytes", self._path, self._limit)
            return SpanExportResult.FAILURE
        traces: dict[int, list[ReadableSpan]] = {}
        for span in spans:
            traces.setdefault(span.context.trace_id if span.context else 0, []).append(span)
        results = [self._exporter.export(trace) for trace in traces.values()]
        return max(results, key=lambda result: result.value, default=SpanExportResult.SUCCESS)

    def shutdown(self) -> None:
        """Close the file."""
        self._exporter.shutdown()
        self._stream.close()
