"""Panels of what pages report beside the Web Vitals: moments of their own, and what the reports themselves are like."""

from collections.abc import Iterator
from decimal import Decimal

from tailgate_otel import names
from tailgate_slo import Objectives
from tailgate_slo.vitals import JUDGED_BY

from . import pages
from .panel import Column, Label, Panel, Query
from .promql import RANGE, RATE, number

_MOMENT = (*pages.BY, names.LABEL_TIMING)
_P95 = Decimal("0.95")
_UNMARKED = "no page marked a moment in the time shown"
_WHOLE = "every view told every measure"
_TAKEN = "nothing was refused"


def timings(objectives: Objectives) -> tuple[Panel, ...]:
    """When the moments were reached that pages mark themselves."""
    return (
        Panel(
            title="Timings at p75, by page and device",
            description="When a page is what people came for, by its own word - the last panel filled, the list there;"
            " dashed, the objectives. Late while LCP is good: what fills it is asked for too late, or answered too"
            " slowly; the board API says which route.",
            unit="s",
            least=0,
            width=14,
            every=pages.STEP,
            queries=(
                Query(
                    expr=pages.timings(RATE).quantile(JUDGED_BY, *_MOMENT),
                    legend=f"{pages.LEGEND} {{{{{names.LABEL_TIMING}}}}}",
                    empty=_UNMARKED,
                ),
                *_lines(objectives),
            ),
        ),
        Panel(
            title="Timings",
            description="Each moment of each page and device over the time shown. A p95 far above p75 is one visitor in"
            " ten or twenty who waits for something that the others do not: a slow network, or a slow account.",
            kind="table",
            unit="s",
            width=10,
            labels=(
                Label(names.LABEL_PAGE, "Page"),
                Label(names.LABEL_DEVICE, "Device"),
                Label(names.LABEL_TIMING, "Timing"),
            ),
            sort="p75",
            queries=(
                _column("p75", "s", pages.timings(RANGE).quantile(JUDGED_BY, *_MOMENT)),
                _column("p95", "s", pages.timings(RANGE).quantile(_P95, *_MOMENT)),
                _column("Views", "short", pages.timings(RANGE).count(*_MOMENT)),
            ),
        ),
    )


def reported() -> tuple[Panel, ...]:
    """How many views were told, how whole, and what was not taken."""
    by_measure = (names.LABEL_PAGE, names.LABEL_MEASURE)
    share = f"{pages.missing(*by_measure)} / on ({names.LABEL_PAGE}) group_left ()"
    return (
        Panel(
            title="Page views per minute",
            description="Views that told what they measured. None while people are there: the script is blocked, was"
            " not built, or its address answers an error - compare with the page's own route on the board API.",
            unit="short",
            least=0,
            width=8,
            queries=(Query(expr=f"{pages.views(RATE, *pages.BY)} * 60", legend=pages.LEGEND, empty=pages.UNSEEN),),
        ),
        Panel(
            title="Views without a measure",
            description="The share of each page's views that did not tell it. INP lacks wherever nobody touched"
            " anything, and some browsers tell fewer vitals; a step upwards after a release is the page's script.",
            unit="percentunit",
            least=0,
            most=1,
            width=8,
            every=pages.STEP,
            queries=(
                Query(
                    expr=f"{share} ({pages.views(RATE, names.LABEL_PAGE)} > 0)",
                    legend=f"{{{{{names.LABEL_PAGE}}}}} {{{{{names.LABEL_MEASURE}}}}}",
                    empty=_WHOLE,
                ),
            ),
        ),
        Panel(
            title="Refused per minute, by reason",
            description="What was sent and not counted. Anybody may send: `rate` is a flood, or a limit that is too"
            " low for the visitors there are; the other reasons are somebody who tries, or a page that is newer or"
            " older than the service.",
            unit="short",
            least=0,
            width=8,
            queries=(
                Query(
                    expr=f"{pages.refused(names.LABEL_REASON)} * 60",
                    legend=f"{{{{{names.LABEL_REASON}}}}}",
                    empty=_TAKEN,
                ),
            ),
        ),
    )


def _lines(objectives: Objectives) -> Iterator[Query]:
    measures = (slo.measure for slo in objectives.slos if slo.measure)
    limits = {(each.timing, each.threshold) for each in measures if each.timing and each.threshold}
    for timing, limit in sorted(limits):
        legend = f"objective: {timing} {pages.said(None, limit)}"
        yield Query(expr=f"vector({number(limit)})", legend=legend, line=True)


def _column(header: str, unit: str, expr: str) -> Query:
    return Query(expr=expr, column=Column(header=header, unit=unit), empty=_UNMARKED)
