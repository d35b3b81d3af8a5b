"""The charts of latency: over time, and by percentile."""

import math
from collections.abc import Iterable, Sequence
from dataclasses import replace
from itertools import pairwise

from markupsafe import Markup

from tailgate_loadtest.judge.document import Finding
from tailgate_loadtest.report import plot, show, svg
from tailgate_loadtest.report.plot import Frame
from tailgate_loadtest.report.scale import Scale, log_bounds
from tailgate_loadtest.report.series import Bin, Curve, Span

_LINES = ("p50", "p95", "p99")
_LOG_FROM = 12.0
"""Between the lowest and the highest value of a chart: from this ratio on a straight axis would hide the low ones."""
_BAD_HEIGHT = 26.0
_MAX_NINES = 6.0
_LABEL = 36.0
"""Room that a percentage takes along the axis."""

Domain = tuple[float, float, bool]
"""The lowest and the highest value of a time axis in seconds, and whether it is logarithmic."""


def domain(values: Iterable[float]) -> Domain:
    """The axis that shows all of these times; straight from 0 where they are near one another."""
    known = [value for value in values if math.isfinite(value) and value > 0] or [1e-3]
    low, high = min(known), max(known)
    if high / low >= _LOG_FROM:
        return (*log_bounds(low * 0.9, high * 1.05), True)
    return 0.0, high * 1.05, False


def axis(scale: Domain, frame: Frame) -> Scale:
    """The axis of a chart of times; a straight one goes on to a value that can be written at its end."""
    low, high, log = scale
    return Scale(low, high, frame.y0, frame.y1, log=True) if log else plot.upward(frame, high)


def over_time(
    key: str,
    name: str,
    bins: Sequence[Bin],
    marks: Sequence[tuple[float, str]],
    span: Span,
    scale: Domain,
    frame: Frame,
    *,
    read: bool = True,
) -> Markup:
    """p50, p95 and p99 of response time over time, objectives' thresholds across, bad requests along the foot."""
    x = Scale(0, span.seconds, frame.x0, frame.x1)
    y = axis(scale, frame)
    points: dict[str, list[svg.Point | None]] = {line: [] for line in _LINES}
    before: Bin | None = None
    for each in bins:
        for line in _LINES:
            if before and each.start - before.start > 1.5 * each.length:
                points[line].append(None)
            value = getattr(each, line)
            points[line].append(None if math.isnan(value) else (x(each.start + each.length / 2), y(value)))
        before = each
    ends = [(line, next((p[1] for p in reversed(points[line]) if p), None)) for line in reversed(_LINES)]
    longest = max((b.p99 for b in bins if not math.isnan(b.p99)), default=math.nan)
    most = f"p99 at most {show.latency(longest)} in a second" if math.isfinite(longest) else "nothing answered"
    return svg.picture(
        key,
        f"Response time over time, {name}",
        f"Lines of p50, p95 and p99 per second over {show.span(span.seconds)}; {most}."
        + "".join(f" A line across: {label}." for _, label in marks),
        frame.width,
        frame.height,
        plot.apart(frame, x, span),
        plot.y_axis(frame, y, "ms, log" if y.log else "ms", tick),
        _bad(bins, x, frame),
        *(svg.line(points[line], line) for line in _LINES),
        plot.time_axis(frame, x, span),
        plot.limits(frame, y, marks),
        plot.end_labels(frame, [(line, at, line) for line, at in ends if at is not None]),
        plot.readout(frame, ((x(b.start), x(b.start + b.length), _words(b, span)) for b in bins) if read else ()),
    )


def by_percentile(
    key: str,
    name: str,
    response: Curve,
    service: Curve,
    goals: Sequence[Finding],
    frame: Frame,
) -> Markup:
    """Time by percentile on a scale of nines, response against service; each objective a ceiling at its percentile."""
    # Room for the names of the two lines.
    frame = replace(frame, right=frame.right + 18)
    total = max(response.total, service.total, 2)
    reached = [_nines(share) for curve in (response, service) for share, _ in curve.points]
    # One nine more than any objective's: its name stands to the right of its corner.
    reached += [_nines(f.target) + 1 for f in goals]
    nines = min(max(math.ceil(max(reached, default=0.0) - 1e-9), 2), _MAX_NINES)
    x = Scale(0, nines, frame.x0, frame.x1)
    shown = [value for curve in (response, service) for _, value in curve.points]
    y = axis(domain([*shown, *(f.threshold for f in goals if f.threshold)]), frame)
    parts = []
    for share in (0.0, *(1 - 10.0**-n for n in range(1, int(nines) + 1)), 0.5):
        at = x(_nines(share))
        parts.append(svg.element("path", d=f"M{at:.1f} {frame.y0:g}V{frame.y1:g}", class_="grid"))
        if share != 0.5 or at - frame.x0 > _LABEL:
            parts.append(svg.text(show.percent(round(share, 8)), at, frame.height - 6, anchor="middle"))
    for goal in goals:
        at, ceiling = x(_nines(goal.target)), y(goal.threshold or 0)
        parts.append(svg.element("path", d=f"M{frame.x0:g} {ceiling:.1f}H{at:.1f}V{frame.y1:g}", class_="limit"))
        label = f"{show.percentile(goal.target)} ≤ {show.threshold(goal.threshold or 0)}"
        parts.append(svg.text(label, at + 5, ceiling + 10, "limit-label"))
    labels = []
    for curve, class_ in ((service, "service"), (response, "response")):
        points = _thin([(x(_nines(share)), y(value)) for share, value in curve.points])
        if not points:
            continue
        parts.append(svg.line(points, class_))
        labels.append((class_, points[-1][1], class_))
        if class_ == "response" and curve.bad:
            edge, foot = x(_nines(1 - curve.bad / curve.total)), points[-1][1]
            parts.append(svg.element("path", d=f"M{edge:.1f} {foot:.1f}V{frame.y1:g}", class_="line bad-edge"))
            left = edge < (frame.x0 + frame.x1) / 2
            near, anchor = (edge + 5, "start") if left else (edge - 5, "end")
            parts.append(svg.text("failed or unanswered", near, frame.y1 + 10, "bad-label", anchor))
    return svg.picture(
        key,
        f"Time by percentile, {name}",
        f"Response time, from the moment due, against service time, from the send, over {show.count(total)} requests.",
        frame.width,
        frame.height,
        plot.y_axis(frame, y, "ms, log" if y.log else "ms", tick),
        *parts,
        svg.element("path", d=f"M{frame.x0:g} {frame.y0:g}H{frame.x1:g}", class_="axis"),
        plot.end_labels(frame, labels),
    )


def _nines(share: float) -> float:
    return -math.log10(max(1 - share, 1e-12))


def tick(seconds: float) -> str:
    """A value beside a time axis, in milliseconds without the unit."""
    return show.exact(float(f"{seconds * 1e3:.6g}"))


def _bad(bins: Sequence[Bin], x: Scale, frame: Frame) -> Markup:
    return svg.group(
        *(
            svg.element(
                "rect",
                x=x(b.start),
                y=frame.y0 - max(_BAD_HEIGHT * b.bad / b.requests, 2),
                width=max(x(b.start + b.length) - x(b.start) - 0.5, 0.5),
                height=max(_BAD_HEIGHT * b.bad / b.requests, 2),
                class_="bad",
            )
            for b in bins
            if b.bad
        )
    )


def _words(b: Bin, span: Span) -> str:
    parts = [show.moment(b.start, span.seconds)]
    parts += [f"{line} {show.milliseconds(getattr(b, line))}" for line in _LINES if not math.isnan(getattr(b, line))]
    if b.bad:
        parts.append(f"{show.count(b.bad)} bad")
    return " · ".join([*parts, f"{show.rate(b.requests / b.length)}/s"])


def _thin(points: Sequence[svg.Point]) -> list[svg.Point]:
    """Only the points that an eye can tell apart."""
    if not points:
        return []
    kept = [points[0]]
    for point, following in pairwise([*points[1:], points[-1]]):
        moved = abs(point[0] - kept[-1][0]) + abs(point[1] - kept[-1][1])
        if moved >= 1.2 or point is following:
            kept.append(point)
    return kept
