"""The wall between instrumentation and the application."""

import logging
from types import TracebackType

_log = logging.getLogger(__name__)


class Guard:
    """A context in which instrumentation may fail: the failure is counted and stops there.

    The first failure of a guard is logged with its traceback, the others are only counted: a fault in the way
    of every request must not become a flood. Cancellation and the like pass through.
    """

    __slots__ = ("failures",)

    def __init__(self) -> None:
        self.failures = 0

    def __enter__(self) -> None:
        return None

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> bool:
        if not isinstance(error, Exception):
            return False
        self.caught(error)
        return True

    def caught(self, error: Exception) -> None:
        """Count a failure that was caught without this context, where even entering one is too dear."""
        self.failures += 1
        if self.failures == 1:
            _log.error("instrumentation failed; the application goes on", exc_info=error)
