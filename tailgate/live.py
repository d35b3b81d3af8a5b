"""The live view: a panel in place on a terminal, a line every ten seconds elsewhere."""

from collections import Counter
from collections.abc import Iterator
from types import TracebackType
from typing import Self

from rich.console import Console, ConsoleOptions, RenderableType, RenderResult
from rich.live import Live as Screen
from rich.progress_bar import ProgressBar
from rich.table import Table
from rich.text import Text
from tailgate_loadtest.report import show
from tailgate_loadtest.run.document import Tick
from tailgate_loadtest.run.live import Live, Standing, State

from tailgate.console import err, interactive

_EVERY = 10
_FRAME = 7
"""Lines of the panel that are not objectives, and one that stays free."""
_SYMBOLS = {State.MISSED: "✕", State.UNDECIDED: "?", State.NO_SAMPLES: "–", State.KEPT: "✓"}
"""The worst first."""
_STYLES = {State.MISSED: "bold red", State.UNDECIDED: "yellow", State.NO_SAMPLES: "yellow", State.KEPT: "green"}


class LiveView:
    """How the load stands. A context manager.

    Args:
        live: what was counted so far.
        length: planned seconds, the warm-up included; None when only the locustfile knows.
        warmup: seconds before anything is judged.

    """

    def __init__(self, live: Live, length: float | None, warmup: float) -> None:
        self._panel = Panel(live, length, warmup)
        self._live = live
        self._told = 0
        # A panel must know where its lines end; the other console leaves long lines to the terminal.
        console = Console(stderr=True, highlight=False)
        wanted = interactive() and not console.is_dumb_terminal
        self._screen = Screen(console=console, auto_refresh=False, transient=True) if wanted else None

    def __enter__(self) -> Self:
        if self._screen:
            self._screen.start()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, tb: TracebackType | None) -> None:
        if self._screen:
            self._screen.stop()

    def show(self, tick: Tick) -> None:
        """One second has passed, or all is over, which need not be at a whole one."""
        for note in self._live.notes[self._told :]:
            (self._screen.console if self._screen else err()).print(f"! {show.one_line(note)}", markup=False)
        self._told = len(self._live.notes)
        if self._screen:
            self._screen.update(self._panel, refresh=True)
        elif tick.second % _EVERY == 0:
            err().print(self._panel.line(tick), markup=False)


class Panel:
    """The latest tick and the objectives, in whatever room the terminal has."""

    def __init__(self, live: Live, length: float | None, warmup: float) -> None:
        self._live = live
        self._length = length
        self._warmup = warmup

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> RenderResult:
        tick = self._live.tick
        if tick is None:
            yield Text("the load begins")
            return
        yield self._progress(tick)
        for line in self._lines(tick):
            yield Text(show.plain(line), no_wrap=True, overflow="ellipsis")
        yield from self._objectives(max(options.size.height - _FRAME, 2))

    def line(self, tick: Tick) -> str:
        """All of it in one line."""
        waiting = f", {tick.waiting:.0f} waiting" if tick.waiting else ""
        states = Counter(standing.state for standing in self._live.standings())
        objectives = ", ".join(f"{states[state]} {state}" for state in _SYMBOLS if states[state])
        return show.plain(
            f"{self._phase(tick)}{self._time(tick)}  arrivals {tick.started:.0f} of {tick.planned:.0f} planned{waiting}"
            f"  users {tick.users:.0f}  requests {tick.requests:.0f}, {tick.failed:.0f} failed  {_percentiles(tick)}"
            + (f"  objectives: {objectives}" if objectives else "")
        )

    def _phase(self, tick: Tick) -> str:
        if tick.second <= self._warmup:
            return "warming up, "
        return "draining, " if self._length is not None and tick.second > self._length else ""

    def _time(self, tick: Tick) -> str:
        return f"{tick.second:.0f}" + (f"/{self._length:.0f}" if self._length else "") + " s"

    def _progress(self, tick: Tick) -> RenderableType:
        text = Text(self._phase(tick) + self._time(tick))
        if not self._length:
            return text
        grid = Table.grid(padding=(0, 1), expand=True)
        grid.add_column(ratio=1)
        grid.add_column(no_wrap=True)
        grid.add_row(ProgressBar(total=self._length, completed=min(tick.second, self._length)), text)
        return grid

    def _lines(self, tick: Tick) -> Iterator[str]:
        started, planned = self._live.rate()
        yield (
            f"arrivals  {show.count(tick.started)} of {show.count(tick.planned)} planned"
            f" · {show.rate(started)}/s of {show.rate(planned)}/s"
        )
        yield (
            f"users     {show.count(tick.users)} · {show.count(tick.waiting)} arrivals waiting"
            f" · lag {show.latency(tick.lag)}"
        )
        yield f"requests  {show.count(tick.requests)} · {show.count(tick.failed)} failed"
        yield f"response  {_percentiles(tick)}"

    def _objectives(self, room: int) -> Iterator[RenderableType]:
        worst = list(_SYMBOLS)
        standings = sorted(self._live.standings(), key=lambda standing: worst.index(standing.state))
        shown = standings if len(standings) <= room else standings[: room - 1]
        grid = Table.grid(padding=(0, 1, 0, 0), expand=True)
        for width in (12, 19):  # as wide as most get, so that nothing jumps from second to second
            grid.add_column(no_wrap=True, min_width=width)
        grid.add_column(no_wrap=True, ratio=1)
        for standing in shown:
            grid.add_row(*_objective(standing))
        yield grid
        if left := len(standings) - len(shown):
            yield Text(f"and {left} more", style="dim")


def _objective(standing: Standing) -> tuple[Text, Text, Text]:
    share = show.measured_share(standing.bad / standing.samples) if standing.samples else show.NOTHING
    return (
        Text(f"{_SYMBOLS[standing.state]} {standing.state}", style=_STYLES[standing.state]),
        Text(show.plain(f"{share} bad (≤ {show.percent(standing.allowed)})")),
        Text(show.one_line(standing.slo.display_name)),
    )


def _percentiles(tick: Tick) -> str:
    if tick.p50 is None:
        return "no answer"
    return "  ".join(f"p{n} {show.latency(v or 0.0)}" for n, v in ((50, tick.p50), (95, tick.p95), (99, tick.p99)))
