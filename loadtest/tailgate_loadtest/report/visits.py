"""The chart of visits: how long each page took for whoever looked at it, over the run's time, above its load."""

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace

from markupsafe import Markup

from tailgate_loadtest.report import latency, plot, show, svg
from tailgate_loadtest.report.plot import Frame
from tailgate_loadtest.report.scale import Scale
from tailgate_loadtest.report.series import Flow, Span

MAX_DOTS = 300
"""The most visits of a chart; of more, the slowest of every few are shown."""
_STRIP = 38.0
"""The height of the strip that shows the load."""
_GAP = 10.0
_NAMED_FROM = 500.0
"""The width from which on what a pointer reads has names."""
_REACH = 3.0
"""Pixels on each side of a visit in which a pointer reads it."""


@dataclass(frozen=True, slots=True)
class Dot:
    """One visit; times in seconds."""

    number: int
    at: float
    """When it began, since the load did."""
    painted: float | None
    """Its largest contentful paint."""
    marked: float | None
    """A moment that the page marked itself."""
    failed: bool

    @property
    def most(self) -> float:
        """The larger of the two; a failed visit's is larger than any."""
        return math.inf if self.failed else max(self.painted or 0.0, self.marked or 0.0)


def over_time(
    key: str,
    name: str,
    dots: Sequence[Dot],
    moment: str | None,
    flows: Sequence[Flow],
    marks: Sequence[tuple[float, str]],
    span: Span,
    frame: Frame,
) -> Markup:
    """A dot for each visit's LCP and one for its ``moment``, thresholds across, and beneath it what load there was."""
    upper = replace(frame, bottom=frame.bottom + _STRIP + _GAP) if flows else frame
    lower = replace(frame, top=frame.height - frame.bottom - _STRIP)
    x = Scale(0, span.seconds, frame.x0, frame.x1)
    values = [value for dot in dots for value in (dot.painted, dot.marked) if value is not None]
    y = latency.axis(latency.domain([*values, *(value for value, _ in marks)]), upper)
    shown = _thin(dots)
    slowest = max(values, default=math.nan)
    most = f"at most {show.latency(slowest)}" if values else "none was measured"
    return svg.picture(
        key,
        f"Visits over time, {name}",
        f"{show.several(len(dots), 'visit')} over {show.span(span.seconds)}, each with its largest paint"
        + (f" and {moment}" if moment else "")
        + f"; {most}."
        + "".join(f" A line across: {label}." for _, label in marks),
        frame.width,
        frame.height,
        plot.apart(upper, x, span),
        plot.y_axis(upper, y, "ms, log" if y.log else "ms", latency.tick),
        _load(flows, x, lower),
        *(_circle(x(dot.at), y(dot.painted), "painted") for dot in shown if dot.painted is not None),
        *(_circle(x(dot.at), y(dot.marked), "marked") for dot in shown if dot.marked is not None),
        *(_cross(x(dot.at), upper.y1 + 6) for dot in shown if dot.failed),
        plot.time_axis(lower, x, span),
        _limits(marks, y, upper),
        plot.readout(upper, _columns(shown, moment, x, span, upper)),
    )


def _thin(dots: Sequence[Dot]) -> list[Dot]:
    size = max(math.ceil(len(dots) / MAX_DOTS), 1)
    return [max(dots[i : i + size], key=lambda dot: dot.most) for i in range(0, len(dots), size)]


def _load(flows: Sequence[Flow], x: Scale, frame: Frame) -> Markup:
    most = max((flow.started for flow in flows), default=0.0)
    if most <= 0:
        return Markup("")
    y = Scale(0, most, frame.y0, frame.y1)
    steps = [(x(at), y(flow.started)) for flow in flows for at in (flow.start, flow.end)]
    return svg.group(
        svg.area(steps, frame.y0, "planned"),
        svg.text(f"{show.rate(most)}/s", frame.x0 - 6, frame.y1 + 10, anchor="end"),
        svg.text("load", frame.x0 - 6, frame.y0, anchor="end"),
    )


def _limits(marks: Sequence[tuple[float, str]], y: Scale, frame: Frame) -> Markup:
    # Beside the plot, since dots lie anywhere in it; what each line is for stands in the caption.
    places = {f"≤ {show.threshold(value)}": y(value) for value, _ in marks}
    lines = (svg.element("path", d=f"M{frame.x0:g} {at:.1f}H{frame.x1:g}", class_="limit") for at in places.values())
    return svg.group(*lines, plot.end_labels(frame, [(words, at, "limit-label") for words, at in places.items()]))


def _circle(x: float, y: float, class_: str) -> Markup:
    return svg.element("circle", cx=x, cy=y, r=2.8, class_=f"dot {class_}")


def _cross(x: float, y: float) -> Markup:
    return svg.element("path", d=f"M{x - 4:.1f} {y - 4:.1f}l8 8m0 -8l-8 8", class_="dot failed")


def _columns(
    dots: Iterable[Dot], moment: str | None, x: Scale, span: Span, frame: Frame
) -> Iterable[tuple[float, float, str]]:
    # Where there is little room, they stand in the caption's order.
    painted, marked = ("LCP ", f"{moment} ") if frame.width >= _NAMED_FROM else ("", "")
    for dot in dots:
        words = [show.moment(dot.at, span.seconds), f"visit {dot.number}"]
        if dot.failed:
            words.append("failed")
        if dot.painted is not None:
            words.append(f"{painted}{show.latency(dot.painted)}")
        if dot.marked is not None:
            words.append(f"{marked}{show.latency(dot.marked)}")
        yield x(dot.at) - _REACH, x(dot.at) + _REACH, " · ".join(words)
