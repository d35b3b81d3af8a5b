"""A history in a terminal: of each profile the newest runs, by the route that matters most. Fits 80 columns."""

from collections.abc import Sequence

from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from tailgate_loadtest.judge.document import Verdict
from tailgate_loadtest.judge.history import History, RunRow
from tailgate_loadtest.report import show, words
from tailgate_loadtest.report.history.chapters import Chapter, chapters, of
from tailgate_loadtest.report.history.chart import moment_of

_STYLES: dict[Verdict, str] = {"pass": "green", "fail": "bold red", "inconclusive": "yellow", "interrupted": "yellow"}
_MAX_SKIPPED = 20


def history_table(history: History, route: str | None, last: int) -> RenderableType:
    """A table for each profile and host: at most the ``last`` runs, by ``route`` (None: the first key objective's)."""
    parts: list[RenderableType] = []
    for chapter in reversed(chapters(history)):
        parts += [*_chapter(chapter, route, last), Text()]
    parts += (_warning(f"left out: {each.why}") for each in history.skipped[:_MAX_SKIPPED])
    if len(history.skipped) > _MAX_SKIPPED:
        parts.append(_warning(f"and {len(history.skipped) - _MAX_SKIPPED} more; --json names all"))
    return Group(*parts)


def _chapter(chapter: Chapter, wanted: str | None, last: int) -> list[RenderableType]:
    routes = [wanted] if wanted else chapter.routes(1)
    runs = chapter.runs[-last:]
    shown = f"the last {len(runs)} of " if len(runs) < len(chapter.runs) else ""
    every = show.plain(show.several(len(chapter.runs), "run"))
    heads = [Text(f"{show.one_line(chapter.title)}: {shown}{every}", style="bold")]
    several = len(chapter.series) > 1
    if several:
        heads += [Text(f"  machine {letter}: {show.one_line(name)}") for letter, name in chapter.machines]
    if not routes:
        return [*heads, _table(chapter, runs, "", several=several)]
    return [*heads, Text(f"  {show.one_line(routes[0])}"), _table(chapter, runs, routes[0], several=several)]


def _table(chapter: Chapter, runs: Sequence[RunRow], route: str, *, several: bool) -> Table:
    table = Table(box=None, padding=(0, 1, 0, 0), header_style="bold", pad_edge=False)
    for name in ("when (UTC)", "revision", *(["on"] if several else []), "verdict"):
        table.add_column(name, no_wrap=True)
    for name in ("p50 ms", "p95 ms", "p99 ms", "failed", "queries"):
        table.add_column(name.replace(" ", "\n"), justify="right", no_wrap=True)
    for run in runs:
        row = of(run, route)
        times = [show.NOTHING if not row or each is None else show.milliseconds(each) for each in _times(run, route)]
        failed = show.measured_share(row.bad / row.requests) if row and row.requests else show.NOTHING
        queries = show.significant(row.queries) if row and row.queries is not None else show.NOTHING
        table.add_row(
            show.one_line(moment_of(run)),
            Text(show.one_line(run.revision or show.NOTHING, 12)),
            *([chapter.machine(run)] if several else []),
            _verdict(run.verdict),
            # No space within a number here: there is little room.
            *(each.replace(show.NARROW, "") for each in (*times, failed, queries)),
        )
    return table


def _times(run: RunRow, route: str) -> tuple[float | None, float | None, float | None]:
    row = of(run, route)
    return (row.p50, row.p95, row.p99) if row else (None, None, None)


def _verdict(verdict: Verdict | None) -> Text:
    outcome = verdict or "unjudged"
    return Text(f"{words.SYMBOLS[outcome]} {words.WORDS[outcome].lower()}", style=_STYLES.get(outcome, ""))


def _warning(line: str) -> Text:
    return Text(f"! {show.plain(show.one_line(line, 400))}", style="yellow")
