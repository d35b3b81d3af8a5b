"""The live line: every second in place on a terminal, a line every ten seconds elsewhere."""

from types import TracebackType
from typing import Self

from rich.live import Live
from rich.text import Text
from tailgate_loadtest.run.document import Tick

from tailgate.console import err, interactive

_EVERY = 10


class LiveLine:
    """How the load stands. A context manager."""

    def __init__(self, length: float | None, warmup: float) -> None:
        self._length = length
        self._warmup = warmup
        self._console = err()
        self._live = Live(console=self._console, refresh_per_second=4, transient=True) if interactive() else None

    def __enter__(self) -> Self:
        if self._live:
            self._live.start()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, tb: TracebackType | None) -> None:
        if self._live:
            self._live.stop()

    def show(self, tick: Tick) -> None:
        """One second has passed."""
        if self._live:
            self._live.update(Text(self._line(tick)))
        elif round(tick.second) % _EVERY == 0:
            self._console.print(self._line(tick), markup=False)

    def _line(self, tick: Tick) -> str:
        whole = f"/{self._length:.0f}" if self._length else ""
        phase = "warming up, " if tick.second <= self._warmup else ""
        times = (
            f"p50 {_ms(tick.p50)}  p95 {_ms(tick.p95)}  p99 {_ms(tick.p99)} ms" if tick.p50 is not None else "no answer"
        )
        waiting = f", {tick.waiting:.0f} waiting" if tick.waiting else ""
        return (
            f"{phase}{tick.second:.0f}{whole} s  arrivals {tick.started:.0f} of {tick.planned:.0f} planned{waiting}"
            f"  users {tick.users:.0f}  requests {tick.requests:.0f}, {tick.failed:.0f} failed  {times}"
        )


def _ms(seconds: float | None) -> str:
    if seconds is None:
        return "-"
    return f"{seconds * 1e3:.1f}" if seconds < 0.1 else f"{seconds * 1e3:.0f}"
