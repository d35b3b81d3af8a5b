"""The page's section on what people felt: what the visits of browsers came to, shown and explained."""

import statistics
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from operator import attrgetter
from typing import Literal

from markupsafe import Markup

from tailgate_loadtest.browser.account import Account
from tailgate_loadtest.browser.recording import Visit
from tailgate_loadtest.judge.document import Finding, Outcome
from tailgate_loadtest.judge.vitals.cells import Place, cells, grouped
from tailgate_loadtest.judge.vitals.document import Cell
from tailgate_loadtest.report import plot, show, visits, words
from tailgate_loadtest.report.album import Album
from tailgate_loadtest.report.series import Flow, Span
from tailgate_loadtest.report.staircase import Staircase, staircase
from tailgate_loadtest.report.visits import Dot
from tailgate_loadtest.report.waterfall import Trace

RATINGS: dict[str, Outcome] = {"good": "pass", "needs-improvement": "inconclusive", "poor": "fail"}
"""The tone in which a rating is shown."""
_felt = attrgetter("felt")
_MAX_CHARTS = 12
_MAX_REASONS = 8
_MAX_MARKS = 3
_LIMITS = 70
"""Room that a limit takes beside the plot."""
_CHART = plot.Frame(width=1120, height=280, right=_LIMITS)
_NARROW = plot.Frame(width=360, height=250, right=_LIMITS)
_SMALL = plot.Frame(width=530, height=240, right=_LIMITS)


@dataclass(frozen=True, slots=True)
class Judged:
    """An objective of a measure, and how a lane keeps it."""

    target: str
    verdict: Outcome


@dataclass(frozen=True, slots=True)
class Line:
    """A measure of a page in a lane."""

    cell: Cell
    name: str
    number: str
    interval: str
    objectives: tuple[Judged, ...]


@dataclass(frozen=True, slots=True)
class Picture:
    """What a visit looked like at a moment."""

    source: str
    """The picture itself."""
    words: str


@dataclass(frozen=True, slots=True)
class Group:
    """A page in a lane."""

    title: str
    lines: tuple[Line, ...]
    moment: str | None
    """The moment that the page marks itself which is drawn beside the LCP."""
    chart: Markup | None
    limits: tuple[str, ...]
    """What the lines across the chart are for."""
    pictures: tuple[Picture, ...]
    slowest: Staircase | None


@dataclass(frozen=True, slots=True)
class Section:
    """All of it."""

    groups: tuple[Group, ...]
    facts: list[tuple[str, str]]
    failures: list[tuple[str, int]]
    console: list[str]
    """Errors that the pages told of."""
    loaded: bool
    """A load was on meanwhile."""


def wanted(judged: Sequence[Visit]) -> set[str]:
    """The traces that the section shows, by their ids."""
    return {slowest.trace_id for group in grouped(judged).values() if (slowest := _slowest(group))}


def section(
    judged: Sequence[Visit],
    account: Account,
    findings: Sequence[Finding],
    flows: Sequence[Flow] | None,
    span: Span,
    traces: Sequence[Trace],
    album: Album,
) -> Section:
    """The section of judged visits, beside a load or without one.

    Args:
        judged: the visits, of which there may be none.
        account: of all visits.
        findings: on the objectives.
        flows: what arrived while the run lasted; None: there was no load.
        span: of all charts of the page.
        traces: those of the page.
        album: the pictures.

    """
    rows: dict[Place, list[Cell]] = {}
    for cell in cells(judged):
        rows.setdefault((cell.page, cell.visit, cell.lane), []).append(cell)
    groups = grouped(judged)
    made = []
    for place, (key, lines) in enumerate(rows.items(), 1):
        moment = _moment(lines, findings)
        wide = _CHART if len(rows) == 1 else _SMALL
        chart, marks = None, _marks(key, moment, findings)
        if place <= _MAX_CHARTS:
            chart = _chart(f"visits-{place}", key, groups[key], moment, marks, flows or (), span, wide)
        # What a visit waited for is told by the traces that come to a run.
        slowest = None if flows is None else _slowest(groups[key])
        made.append(
            Group(
                title=_title(key),
                lines=tuple(_line(cell, findings) for cell in lines),
                moment=moment,
                chart=chart,
                limits=tuple(label for _, label in marks),
                pictures=tuple(_pictures(groups[key], album)),
                slowest=staircase(slowest, traces) if slowest else None,
            )
        )
    failures = Counter(visit.failed for visit in judged if visit.failed is not None)
    console = dict.fromkeys(error for visit in judged for error in visit.console)
    return Section(
        groups=tuple(made),
        facts=_facts(account, len(judged), loaded=flows is not None),
        failures=failures.most_common(_MAX_REASONS),
        console=list(console)[:_MAX_REASONS],
        loaded=flows is not None,
    )


def _title(key: Place) -> str:
    page, visit, lane = key
    # Most scripts are called as the page that they visit.
    return f"{page}, {lane}" if visit in page else f"{page} by {visit}, {lane}"


def _line(cell: Cell, findings: Iterable[Finding]) -> Line:
    unit = "score" if cell.vital == "cls" else "seconds"
    bounded = cell.low is not None or cell.high is not None
    return Line(
        cell=cell,
        name=words.vital(cell.vital, cell.timing),
        number=words.reached(cell.number, unit, at_least=cell.at_least),
        interval=words.between(cell.low, cell.high, unit) if cell.number is not None and bounded else "",
        objectives=tuple(
            Judged(f"{show.percentile(finding.target)} ≤ {_limit(finding)}", lane.verdict)
            for finding in _about(cell, findings)
            for lane in finding.lanes
            if (lane.visit, lane.lane) == (cell.visit, cell.lane)
        ),
    )


def _about(cell: Cell, findings: Iterable[Finding]) -> list[Finding]:
    """The findings on a measure of a page."""
    same = [f for f in findings if f.measure == "vital" and (f.vital, f.timing) == (cell.vital, cell.timing)]
    return [finding for finding in same if finding.route in (None, cell.page)]


def _limit(finding: Finding) -> str:
    limit = finding.threshold or 0.0
    return show.exact(limit) if finding.unit == "score" else show.threshold(limit)


def _moment(lines: Sequence[Cell], findings: Sequence[Finding]) -> str | None:
    """Of the moments that a page marks itself the one with an objective; else the last."""
    known = [cell for cell in lines if cell.timing is not None and cell.number is not None]
    known.sort(key=lambda cell: (bool(_about(cell, findings)), cell.number or 0.0))
    return known[-1].timing if known else None


def _chart(
    key: str,
    group: Place,
    judged: Sequence[Visit],
    moment: str | None,
    marks: Sequence[tuple[float, str]],
    flows: Sequence[Flow],
    span: Span,
    wide: plot.Frame,
) -> Markup:
    dots = [
        Dot(
            number=visit.number,
            at=visit.began,
            painted=visit.values.get("lcp"),
            marked=visit.timings.get(moment or ""),
            failed=visit.failed is not None,
        )
        for visit in judged
    ]

    def draw(key: str, frame: plot.Frame) -> Markup:
        return visits.over_time(key, _title(group), dots, moment, flows, marks, span, frame)

    return plot.both(draw, key, wide, _NARROW)


def _marks(group: Place, moment: str | None, findings: Iterable[Finding]) -> list[tuple[float, str]]:
    """The limits, in seconds, of what is drawn of a page, each with what it is for."""
    drawn = [f for f in findings if f.measure == "vital" and f.route in (None, group[0])]
    drawn = [f for f in drawn if f.vital == "lcp" or (moment and f.timing == moment)]
    return [(f.threshold, words.short_target(f)) for f in drawn if f.threshold][:_MAX_MARKS]


def _slowest(group: Iterable[Visit]) -> Visit | None:
    """The slowest visit that did not fail."""
    return max((visit for visit in group if visit.failed is None), key=_felt, default=None)


def _pictures(group: Sequence[Visit], album: Album) -> Iterable[Picture]:
    """A visit near the median and the slowest, each as it looked at its LCP and at its end."""
    shown = [visit for visit in group if visit.failed is None and visit.pictures]
    if not shown:
        return
    every = [visit.felt for visit in group if visit.failed is None]
    median = statistics.median_low(every)
    usual, slowest = min(shown, key=lambda visit: abs(visit.felt - median)), max(shown, key=_felt)
    how = "The slowest" if slowest.felt == max(every) else "A slow"
    for visit, name in {usual.number: (usual, "A usual"), slowest.number: (slowest, how)}.values():
        at = f"at its LCP, {show.latency(visit.values['lcp'])}" if "lcp" in visit.values else "at its LCP"
        moments: tuple[tuple[Literal["lcp", "end"], str], ...] = (("lcp", at), ("end", "at its end"))
        for kind, when in moments:
            if source := album.take(visit.pictures.get(kind)):
                yield Picture(source, f"{name} visit, {visit.number}, {when}")


def _facts(account: Account, judged: int, *, loaded: bool) -> list[tuple[str, str]]:
    load = account.load
    facts = [
        ("browser", account.browser),
        ("visits judged", show.count(judged)),
        ("begun, warm-up included" if loaded else "begun", show.count(account.begun)),
        ("failed", show.count(account.failed)),
        ("cut off", show.count(account.cut) if account.cut else ""),
        (
            "processors, the browsers' own",
            f"{show.significant(load.cpu_seconds / load.seconds)} cores" if load.seconds > 0 else "",
        ),
        ("their driver stood still, p99", show.latency(load.loop_delay_p99)),
        ("begun late, most", show.latency(load.late_max) if load.late_max else ""),
        ("spent on pictures", show.latency(load.picture_seconds) if load.picture_seconds else ""),
    ]
    return [fact for fact in facts if fact[1]]
