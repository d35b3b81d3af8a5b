"""SIGINT and SIGTERM: before the load they end the program, during it they end the load, after it they wait.

SIGHUP, which comes when a terminal is closed, counts as SIGTERM, unless it is ignored, as under nohup.
"""

import signal
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import FrameType
from typing import Literal, Self

Name = Literal["SIGINT", "SIGTERM"]


class Interruption:
    """Which of the two came first, and what is to be done about it. A context manager for the main thread."""

    def __init__(self) -> None:
        self.name: Name | None = None
        self._stop: Callable[[], None] | None = None
        self._writing = False
        self._previous: dict[int, object] = {}

    def __enter__(self) -> Self:
        numbers = [signal.SIGINT, signal.SIGTERM]
        if signal.getsignal(signal.SIGHUP) != signal.SIG_IGN:
            numbers.append(signal.SIGHUP)
        for number in numbers:
            self._previous[number] = signal.signal(number, self._caught)
        return self

    def __exit__(self, *_: object) -> None:
        for number, handler in self._previous.items():
            signal.signal(number, handler)  # type: ignore[arg-type]  # what signal() itself gave us

    @property
    def exit_code(self) -> int:
        """130 after SIGINT, 143 after SIGTERM."""
        return 128 + self.number

    @property
    def number(self) -> int:
        """The signal's; SIGINT's while there was none."""
        return signal.SIGTERM if self.name == "SIGTERM" else signal.SIGINT

    @contextmanager
    def stops(self, stop: Callable[[], None], *, writes: bool = True) -> Iterator[None]:
        """Within, a signal calls ``stop``; afterwards it is only noted, so that what was measured can be written.

        After a block that raises, or of which nothing is written (``writes``), a signal ends the program as before it.

        Raises:
            KeyboardInterrupt: there was a signal before, and the program goes on all the same.
        """
        if self.name is not None:
            raise KeyboardInterrupt
        self._stop = stop
        try:
            yield
            # While `stop` is still there: a signal between the two must not end the program.
            self._writing = writes
        finally:
            self._stop = None

    def _caught(self, number: int, _frame: FrameType | None) -> None:
        first = self.name is None
        if first:
            self.name = "SIGINT" if number == signal.SIGINT else "SIGTERM"
        if self._stop is not None:
            if first:
                self._stop()
        elif not self._writing:
            raise KeyboardInterrupt
