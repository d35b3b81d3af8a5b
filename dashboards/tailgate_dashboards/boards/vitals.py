"""The board *Web Vitals*: what the people before the screens see."""

from collections.abc import Mapping
from types import MappingProxyType

from tailgate_otel import names
from tailgate_slo import Objectives
from tailgate_slo.model import Vital
from tailgate_slo.vitals import JUDGED_BY, VITAL_BOUNDS, Bounds

from . import variables
from .panel import Board, Color, Column, Label, Level, Panel, Query, Row, Variable
from .promql import RANGE, RATE, Distribution, number

_METRICS: Mapping[Vital, str] = MappingProxyType(
    {
        "lcp": names.WEB_VITAL_LCP,
        "inp": names.WEB_VITAL_INP,
        "cls": names.WEB_VITAL_CLS,
        "fcp": names.WEB_VITAL_FCP,
        "ttfb": names.WEB_VITAL_TTFB,
    }
)
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
_BY = (names.LABEL_PAGE, names.LABEL_DEVICE)
_LEGEND = f"{{{{{names.LABEL_PAGE}}}}} {{{{{names.LABEL_DEVICE}}}}}"
_UNSEEN = "no page was measured in the time shown"


def board(objectives: Objectives) -> Board:
    """The board of all pages and devices that vitals were measured of."""
    seen = names.WEB_VITAL_TTFB + "_count"
    return Board(
        uid="tailgate-web-vitals",
        title="Web Vitals",
        description="The five vitals of each page and device at their 75th percentile, in the bands of good, needs"
        " improvement and poor, with the number of page views behind them.",
        variables=(
            variables.PROMETHEUS,
            _variable("job", "Job", seen, names.LABEL_JOB),
            _variable("instance", "Instance", f'{seen}{{{names.LABEL_JOB}=~"$job"}}', names.LABEL_INSTANCE),
            _variable("page", "Page", f'{seen}{{{names.LABEL_JOB}=~"$job"}}', names.LABEL_PAGE),
            _variable("device", "Device", f'{seen}{{{names.LABEL_JOB}=~"$job"}}', names.LABEL_DEVICE),
            variables.RUN,
        ),
        since="now-24h",
        rows=(
            Row(title="All pages", panels=(*(_now(vital) for vital in _METRICS), _pages())),
            *(Row(title=_SAID[vital][0], panels=(_over_time(vital, objectives), _bands(vital))) for vital in _METRICS),
        ),
    )


def _variable(name: str, label: str, series: str, of: str) -> Variable:
    return Variable(name=name, label=label, query=f"label_values({series}, {of})", several=True, empty=_UNSEEN)


def _vital(vital: Vital, over: str) -> Distribution:
    matchers = (
        f'{names.LABEL_JOB}=~"$job"',
        f'{names.LABEL_INSTANCE}=~"$instance"',
        f'{names.LABEL_PAGE}=~"$page"',
        f'{names.LABEL_DEVICE}=~"$device"',
    )
    return Distribution(name=_METRICS[vital], matchers=matchers, over=over)


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
        queries=(Query(expr=_vital(vital, RANGE).quantile(JUDGED_BY), empty=_UNSEEN),),
    )


def _pages() -> Panel:
    columns = tuple(
        Query(
            expr=_vital(vital, RANGE).quantile(JUDGED_BY, *_BY),
            column=Column(header=vital.upper(), unit=_unit(vital), levels=_levels(VITAL_BOUNDS[vital])),
            empty=_UNSEEN,
        )
        for vital in _METRICS
    )
    views = Query(
        expr=_vital("ttfb", RANGE).count(*_BY),
        column=Column(header="Page views", unit="short"),
        empty=_UNSEEN,
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
    limits = sorted(
        {
            slo.measure.threshold
            for slo in objectives.slos
            if slo.measure and slo.measure.vital == vital and slo.measure.threshold
        }
    )
    return Panel(
        title=f"{vital.upper()} at p75, by page and device",
        description=f"{title}: good up to {_said(vital, bounds.good)}, poor above {_said(vital, bounds.poor)};"
        f" dashed, the objectives. {description}",
        unit=_unit(vital),
        least=0,
        width=14,
        levels=_levels(bounds),
        banded=True,
        queries=(
            Query(expr=_vital(vital, RATE).quantile(JUDGED_BY, *_BY), legend=_LEGEND, empty=_UNSEEN),
            *(
                Query(expr=f"vector({number(limit)})", legend=f"objective: {_said(vital, limit)}", line=True)
                for limit in limits
            ),
        ),
    )


def _said(vital: Vital, value: object) -> str:
    return f"{value}" if vital == "cls" else f"{value} s"


def _bands(vital: Vital) -> Panel:
    measured, bounds = _vital(vital, RATE), VITAL_BOUNDS[vital]
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
        queries=(
            Query(expr=good, legend="good", empty=_UNSEEN),
            Query(expr=f"{fair} - {good}", legend="needs improvement", empty=_UNSEEN),
            Query(expr=f"1 - {fair}", legend="poor", empty=_UNSEEN),
        ),
    )
