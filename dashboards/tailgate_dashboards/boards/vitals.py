"""The board *Web Vitals*: what the people before the screens see."""

from collections.abc import Iterator, Mapping
from types import MappingProxyType

from tailgate_otel import names
from tailgate_slo import Objectives
from tailgate_slo.model import VITALS, Vital
from tailgate_slo.vitals import JUDGED_BY, VITAL_BOUNDS, Bounds

from . import beacon, pages, variables
from .panel import Board, Color, Column, Label, Level, Panel, Query, Row, Variable
from .promql import RANGE, RATE, number

_SAID: Mapping[Vital, tuple[str, str]] = MappingProxyType(
    {
        "lcp": (
            "Largest Contentful Paint",
            (
                "When the largest thing on the page is there. Poor: a late answer (see TTFB), an image that is too"
                " large or loaded too late, or scripts that come first."
            ),
        ),
        "inp": (
            "Interaction to Next Paint",
            (
                "How long the page takes to show that it was touched. Poor: long tasks of scripts; break them up, or do"
                " less."
            ),
        ),
        "cls": (
            "Cumulative Layout Shift",
            ("How much things move after they were shown. Poor: images without a size, fonts that come late, banners."),
        ),
        "fcp": (
            "First Contentful Paint",
            ("When the first thing is there. Poor: a late answer, or styles and scripts that block."),
        ),
        "ttfb": (
            "Time to First Byte",
            ("When the answer begins. Poor: the server, redirects, or the way to it; see the board API."),
        ),
    }
)


def board(objectives: Objectives) -> Board:
    """The board of all pages and devices that report what they measure."""
    return Board(
        uid="tailgate-web-vitals",
        title="Web Vitals",
        description="The five vitals of each page and device at their 75th percentile, in the bands of good, needs"
        " improvement and poor; the moments that pages mark themselves; and the page views behind them.",
        variables=(
            variables.PROMETHEUS,
            _variable("job", "Job", pages.SEEN, names.LABEL_JOB),
            _variable("instance", "Instance", f'{pages.SEEN}{{{names.LABEL_JOB}=~"$job"}}', names.LABEL_INSTANCE),
            _variable("page", "Page", f'{pages.SEEN}{{{names.LABEL_JOB}=~"$job"}}', names.LABEL_PAGE),
            _variable("device", "Device", f'{pages.SEEN}{{{names.LABEL_JOB}=~"$job"}}', names.LABEL_DEVICE),
            variables.RUN,
        ),
        since="now-24h",
        rows=(
            Row(title="All pages", panels=(*(_now(vital) for vital in VITALS), _pages())),
            *(Row(title=_SAID[vital][0], panels=(_over_time(vital, objectives), _bands(vital))) for vital in VITALS),
            Row(title="Moments that pages mark", panels=beacon.timings(objectives)),
            Row(title="What was reported", panels=beacon.reported()),
        ),
    )


def _variable(name: str, label: str, series: str, of: str) -> Variable:
    return Variable(name=name, label=label, query=f"label_values({series}, {of})", several=True, empty=pages.UNSEEN)


def _unit(vital: Vital) -> str:
    return "none" if vital == "cls" else "s"


def _levels(bounds: Bounds) -> tuple[Level, ...]:
    return (
        Level(color=Color.GOOD),
        Level(value=float(bounds.good), color=Color.WORSE),
        Level(value=float(bounds.poor), color=Color.BAD),
    )


def _now(vital: Vital) -> Panel:
    title, description = _SAID[vital]
    return Panel(
        title=f"{vital.upper()}, p75",
        description=f"{title}, over the time shown. {description}",
        kind="stat",
        unit=_unit(vital),
        decimals=2,
        width=5 if vital != "ttfb" else 4,
        height=4,
        levels=_levels(VITAL_BOUNDS[vital]),
        queries=(Query(expr=pages.vital(vital, RANGE).quantile(JUDGED_BY), empty=pages.UNSEEN),),
    )


def _pages() -> Panel:
    columns = tuple(
        Query(
            expr=pages.vital(vital, RANGE).quantile(JUDGED_BY, *pages.BY),
            column=Column(header=vital.upper(), unit=_unit(vital), levels=_levels(VITAL_BOUNDS[vital])),
            empty=pages.UNSEEN,
        )
        for vital in VITALS
    )
    views = Query(
        expr=pages.views(RANGE, *pages.BY),
        column=Column(header="Page views", unit="short"),
        empty=pages.UNSEEN,
    )
    return Panel(
        title="Pages and devices",
        description="Each page on each device at p75, with the number of views that it rests on: below a hundred or"
        " so it says little. Begin with the page that is red and seen most.",
        kind="table",
        unit="short",
        width=24,
        height=8,
        labels=(Label(names.LABEL_PAGE, "Page"), Label(names.LABEL_DEVICE, "Device")),
        sort="Page views",
        queries=(*columns, views),
    )


def _over_time(vital: Vital, objectives: Objectives) -> Panel:
    title, description = _SAID[vital]
    bounds = VITAL_BOUNDS[vital]
    return Panel(
        title=f"{vital.upper()} at p75, by page and device",
        description=f"{title}: good up to {pages.said(vital, bounds.good)}, poor above"
        f" {pages.said(vital, bounds.poor)}; dashed, the objectives. {description}",
        unit=_unit(vital),
        least=0,
        width=14,
        levels=_levels(bounds),
        banded=True,
        every=pages.STEP,
        queries=(
            Query(
                expr=pages.vital(vital, RATE).quantile(JUDGED_BY, *pages.BY), legend=pages.LEGEND, empty=pages.UNSEEN
            ),
            *_lines(vital, objectives),
        ),
    )


def _lines(vital: Vital, objectives: Objectives) -> Iterator[Query]:
    measures = (slo.measure for slo in objectives.slos if slo.measure and slo.measure.vital == vital)
    for limit in sorted({measure.threshold for measure in measures if measure.threshold}):
        yield Query(expr=f"vector({number(limit)})", legend=f"objective: {pages.said(vital, limit)}", line=True)


def _bands(vital: Vital) -> Panel:
    measured, bounds = pages.vital(vital, RATE), VITAL_BOUNDS[vital]
    good, fair = measured.within(bounds.good), measured.within(bounds.poor)
    return Panel(
        title=f"{vital.upper()}: good, needs improvement, poor",
        description="The shares of page views in each band. p75 hides how many are poor: a tenth of all views may"
        " be, and it would not move.",
        unit="percentunit",
        least=0,
        most=1,
        width=10,
        stacked=True,
        every=pages.STEP,
        queries=(
            Query(expr=good, legend="good", empty=pages.UNSEEN),
            Query(expr=f"{fair} - {good}", legend="needs improvement", empty=pages.UNSEEN),
            Query(expr=f"1 - {fair}", legend="poor", empty=pages.UNSEEN),
        ),
    )
