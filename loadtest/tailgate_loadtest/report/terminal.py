"""The last thing a run shows in a terminal: its routes, their objectives, and what it all comes to."""

import re
from collections import defaultdict
from collections.abc import Iterable

from rich.cells import cell_len
from rich.console import Console, ConsoleOptions, Group, RenderableType, RenderResult
from rich.measure import Measurement
from rich.table import Table
from rich.text import Text

from tailgate_loadtest.judge.document import Finding, Verdict, VerdictDocument
from tailgate_loadtest.report import show, words
from tailgate_loadtest.report.parts import made_of, of_finding, whole
from tailgate_loadtest.run.document import RouteRecord, RunDocument

_STYLES: dict[Verdict, str] = {
    "pass": "green",
    "fail": "bold red",
    "inconclusive": "yellow",
    "interrupted": "yellow",
    "unjudged": "bold",
}

_MAX_ERRORS = 3
"""Kinds of errors that are named for each route; the report names all."""


def final_table(run: RunDocument, verdict: VerdictDocument) -> RenderableType:
    """A row per route, a line per objective over all routes or of a page, and the verdict with its reasons.

    Fits 80 columns.
    """
    by_route: dict[str | None, list[Finding]] = defaultdict(list)
    for finding in verdict.objectives:
        by_route[finding.route].append(finding)
    table = Table(box=None, padding=(0, 1, 0, 0), header_style="bold", pad_edge=False)
    table.add_column("route", ratio=1)
    for name in ("req/s", "p50 ms", "p95 ms", "p99 ms", "queries"):
        table.add_column(name.replace(" ", "\n"), justify="right", no_wrap=True)
    if verdict.objectives:
        table.add_column("objective", no_wrap=True)
        table.add_column("verdict", no_wrap=True)
    for route in run.routes:
        row = _route(route) + (_objectives(by_route[route.route]) if verdict.objectives else [])
        table.add_row(*row)
    parts: list[RenderableType] = [table, Text()] if run.routes else []
    # Of a page the table has no row.
    if over_all := [finding for finding in verdict.objectives if finding.route is None or finding.measure == "vital"]:
        parts += [*map(_over_all, over_all), Text()]
    return Group(*parts, *_visits(run), *_verdict(verdict), *_made_of(run, verdict), *_warnings(run))


class _Path:
    """A route that breaks after a slash, or within a name that is too long, and then after a hyphen if it has one."""

    def __init__(self, route: str) -> None:
        self._route = show.one_line(route)

    def __rich_measure__(self, console: Console, options: ConsoleOptions) -> Measurement:
        return Measurement(20, max(cell_len(self._route), 20)).with_maximum(options.max_width)

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> RenderResult:
        line, room = "", options.max_width - 1
        names = re.split(r"(?<=/)", self._route)
        for piece in (part for name in names for part in _parted(name, room)):
            if line and cell_len(line + piece) > options.max_width:
                yield Text(line, overflow="fold")
                line = " "
            line += piece
        yield Text(line, overflow="fold")


def _parted(name: str, room: int) -> list[str]:
    return [name] if cell_len(name) <= room else re.split(r"(?<=[-_])", name)


def _route(route: RouteRecord) -> list[RenderableType]:
    numbers = [
        show.rate(route.rate),
        *(words.route_percentile(route, q) for q in (0.5, 0.95, 0.99)),
        show.NOTHING if route.queries is None else show.significant(route.queries),
    ]
    # No space within a number here: the route needs the room more.
    return [_Path(route.route), *(number.replace(show.NARROW, "") for number in numbers)]


def _objectives(findings: list[Finding]) -> list[RenderableType]:
    outcome = words.worst(f.verdict for f in findings)
    lines = (f"{words.SYMBOLS[f.verdict]} {show.plain(words.short_target(f))}" for f in findings)
    styled = (Text(line, style=_STYLES[f.verdict]) for line, f in zip(lines, findings, strict=True))
    return [Text("\n").join(styled), _word(outcome) if outcome else Text(show.NOTHING)]


def _over_all(finding: Finding) -> Text:
    measured = " ".join(filter(None, [words.number(finding), _bracketed(words.interval(finding))]))
    line = f"  {show.one_line(finding.display_name)}: {measured}; the objective: {words.target(finding)}"
    return Text.assemble(_word(finding.verdict), show.plain(line))


def _visits(run: RunDocument) -> Iterable[Text]:
    """What the browsers did, where there were any."""
    for lane in run.browsers.lanes if run.browsers else ():
        failed = f", {show.count(lane.failed)} failed" if lane.failed else ""
        visits = show.several(lane.ended, "visit")
        line = f"  {visits} of {show.one_line(lane.visit)}, {show.one_line(lane.name)}{failed}"
        yield Text(show.plain(line))


def _verdict(verdict: VerdictDocument) -> Iterable[Text]:
    score = f"  score {show.exact(verdict.score)} of 100" if verdict.score is not None else ""
    head = f"{words.SYMBOLS[verdict.verdict]} {words.WORDS[verdict.verdict].upper()}"
    yield Text.assemble((head, f"bold {_STYLES[verdict.verdict]}"), f"  {words.headline(verdict)}{score}")
    if verdict.verdict != "pass":
        yield from (Text(f"  - {show.one_line(reason)}") for reason in verdict.reasons)


def _made_of(run: RunDocument, verdict: VerdictDocument) -> Iterable[Text]:
    """Where the time went of which an objective was missed."""
    routes = {route.route: route for route in run.routes}
    for finding in verdict.objectives:
        around = of_finding(finding, routes)
        if finding.verdict == "fail" and around is not None:
            name = f"{show.one_line(finding.route or '')} around {show.percentile(finding.target)}"
            yield Text(show.plain(f"  {name}, {show.latency(whole(around))}: {made_of(around)}"))


def _warnings(run: RunDocument) -> Iterable[Text]:
    for route in run.routes:
        for error, count in sorted(route.errors.items(), key=lambda pair: -pair[1])[:_MAX_ERRORS]:
            yield Text(f"  ! {show.one_line(route.route)}: {show.one_line(error)}, {count} times", style="yellow")
    yield from (Text(f"  ! {show.one_line(warning)}", style="yellow") for warning in run.warnings)


def _word(outcome: Verdict) -> Text:
    return Text(f"{words.SYMBOLS[outcome]} {words.WORDS[outcome].lower()}", style=_STYLES[outcome])


def _bracketed(text: str) -> str:
    return f"[{text}]" if text else ""
