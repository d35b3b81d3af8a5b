"""A route's percentiles from run to run."""

from collections.abc import Iterator, Sequence
from itertools import pairwise

from markupsafe import Markup

from tailgate_loadtest.judge.document import Verdict
from tailgate_loadtest.judge.history import RouteRow, RunRow
from tailgate_loadtest.report import facts, latency, plot, show, svg
from tailgate_loadtest.report.history.chapters import Chapter, of
from tailgate_loadtest.report.plot import Frame
from tailgate_loadtest.report.scale import Scale
from tailgate_loadtest.report.words import SYMBOLS

_LINES = ("p50", "p95", "p99")
_MAX_READ = 250
"""Runs of a chart that a pointer can read; of more, each would be narrower than a pointer."""
_MAX_DOTS = 60
"""Runs of a chart that have room for a dot each."""
_MAX_BREAKS = 12
"""Changes of the machine that are marked; where it changes with every run, marks would hide the runs."""
_NOT_PASSED: tuple[Verdict, ...] = ("fail", "inconclusive", "interrupted")
_APART = 9.0
"""Between two marks at the foot."""


def chart(key: str, route: str, chapter: Chapter, frame: Frame) -> Markup:
    """p50, p95 and p99 of a route, run by run in equal steps, joined where neighbours were made on one machine.

    At the foot stand the verdicts other than pass.
    """
    runs = chapter.runs
    rows = [of(run, route) for run in runs]
    x = Scale(0, len(runs), frame.x0, frame.x1)
    values = [value for row in rows if row for line in _LINES if (value := _time(row, line)) is not None]
    y = latency.axis(latency.domain(values), frame)
    points = {line: list(_points(line, runs, rows, x, y)) for line in _LINES}
    ends = [(line, next((at[1] for at in reversed(points[line]) if at), None)) for line in reversed(_LINES)]
    return svg.picture(
        key,
        f"Response time from run to run, {route}",
        f"Lines of p50, p95 and p99 over {show.several(len(runs), 'run')}, from {facts.when(runs[0].started)} to"
        f" {facts.when(runs[-1].started)}; broken where the machine changes.",
        frame.width,
        frame.height,
        plot.y_axis(frame, y, "ms, log" if y.log else "ms", latency.tick),
        _breaks(runs, x, frame),
        *(svg.line(points[line], line) for line in _LINES),
        *(_dots(points[line], line) for line in _LINES if len(runs) <= _MAX_DOTS),
        _verdicts(runs, x, frame),
        _days(runs, x, frame),
        plot.end_labels(frame, [(line, at, line) for line, at in ends if at is not None]),
        plot.readout(frame, _columns(chapter, rows, x) if len(runs) <= _MAX_READ else ()),
    )


def _points(
    line: str, runs: Sequence[RunRow], rows: Sequence[RouteRow | None], x: Scale, y: Scale
) -> Iterator[svg.Point | None]:
    before: RunRow | None = None
    for place, (run, row) in enumerate(zip(runs, rows, strict=True)):
        if before and before.series != run.series:
            yield None
        value = _time(row, line) if row else None
        yield None if value is None else (x(place + 0.5), y(value))
        before = run


def _dots(points: svg.Points, line: str) -> Markup:
    return svg.group(*(svg.element("circle", cx=at[0], cy=at[1], r=2, class_=f"dot {line}") for at in points if at))


def _breaks(runs: Sequence[RunRow], x: Scale, frame: Frame) -> Markup:
    """A line down the plot where the machine changes."""
    places = [place for place, (one, other) in enumerate(pairwise(runs), 1) if one.series != other.series]
    shown = places if len(places) <= _MAX_BREAKS else []
    return svg.group(
        *(svg.element("path", d=f"M{x(place):.1f} {frame.y0:g}V{frame.y1:g}", class_="change") for place in shown)
    )


def _verdicts(runs: Sequence[RunRow], x: Scale, frame: Frame) -> Markup:
    """Where there is no room for all of them, those of failures come first."""
    marks: list[Markup] = []
    taken: list[float] = []
    for worst in _NOT_PASSED:
        for place, run in enumerate(runs):
            at = x(place + 0.5)
            if run.verdict == worst and all(abs(at - other) >= _APART for other in taken):
                marks.append(svg.text(SYMBOLS[worst], at, frame.y0 - 4, f"verdict {worst}", "middle"))
                taken.append(at)
    return svg.group(*marks)


def _days(runs: Sequence[RunRow], x: Scale, frame: Frame) -> Markup:
    """The days of some runs along the lower edge, where they change."""
    step = max(-(-len(runs) // frame.columns), 1)
    parts, before = [], ""
    for place in range(step // 2, len(runs), step):
        day = day_of(runs[place])
        if day != before:
            parts.append(svg.text(day, x(place + 0.5), frame.height - 6, anchor="middle"))
        before = day
    parts.append(svg.element("path", d=f"M{frame.x0:g} {frame.y0:g}H{frame.x1:g}", class_="axis"))
    return svg.group(*parts)


def _columns(chapter: Chapter, rows: Sequence[RouteRow | None], x: Scale) -> Iterator[tuple[float, float, str]]:
    for place, (run, row) in enumerate(zip(chapter.runs, rows, strict=True)):
        words = [moment_of(run), (run.revision or "")[:7]]
        if row:
            known = [(line, _time(row, line)) for line in _LINES]
            words += [f"{line} {show.milliseconds(value)}" for line, value in known if value is not None]
        words += [f"{show.count(row.bad)} failed"] if row and row.bad else []
        yield x(place), x(place + 1), " ".join(filter(None, words))


def _time(row: RouteRow, line: str) -> float | None:
    return {"p50": row.p50, "p95": row.p95, "p99": row.p99}[line]


def moment_of(run: RunRow) -> str:
    """When a run began, to the minute."""
    return facts.when(run.started)[:16]


def day_of(run: RunRow) -> str:
    """The day on which a run began."""
    return facts.when(run.started)[2:10]
