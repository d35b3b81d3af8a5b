"""The pictures of a calibration: what minutes make visible, route by route, and by when gates were decided."""

from collections.abc import Iterator, Sequence
from itertools import pairwise

from markupsafe import Markup

from tailgate_loadtest.judge.regression.calibration.rates import Least
from tailgate_loadtest.report import plot, show, svg
from tailgate_loadtest.report.calibration import words
from tailgate_loadtest.report.plot import Frame
from tailgate_loadtest.report.scale import Scale, log_bounds, time_ticks

_LOG_FROM = 12.0


def visible(key: str, route: str, lines: Sequence[Least], budget: float, frame: Frame) -> Markup:
    """The smallest visible change of a route's percentiles in percent, over the time that gates took."""
    x = Scale(0, budget, frame.x0, frame.x1)
    y = _changes([100 * value for each in lines for _, value in each.points if value is not None], frame)
    points = {each.measure: [_place(time, value, x, y) for time, value in each.points] for each in lines}
    ends = [(name, next((at[1] for at in reversed(of) if at), None), name) for name, of in reversed(points.items())]
    return svg.picture(
        key,
        f"Smallest visible regression, {route}",
        f"Lines of {', '.join(points)} in percent of the base, over {show.span(budget)} of load.",
        frame.width,
        frame.height,
        plot.y_axis(frame, y, "%, log" if y.log else "%", _percent),
        *(svg.line(of, name) for name, of in points.items()),
        *(_dots(of, name) for name, of in points.items()),
        _times(frame, x, budget),
        plot.end_labels(frame, [(name, at, of) for name, at, of in ends if at is not None]),
        plot.readout(frame, _columns(lines, x, budget)),
    )


def progress(key: str, shares: Sequence[tuple[float, float]], budget: float, frame: Frame) -> Markup:
    """The share of gates that were decided, over the time that they took."""
    x, y = Scale(0, budget, frame.x0, frame.x1), plot.upward(frame, 100)
    steps: list[svg.Point] = [(x(0), y(0))]
    for time, share in shares:
        steps += [(x(time), steps[-1][1]), (x(time), y(100 * share))]
    steps.append((x(budget), steps[-1][1]))
    last = shares[-1][1] if shares else 0.0
    return svg.picture(
        key,
        "Gates decided by then",
        f"A line that rises to {show.measured_share(last)} of the gates over {show.span(budget)} of load.",
        frame.width,
        frame.height,
        plot.y_axis(frame, y, "% of gates", _percent),
        svg.line(steps, "p95"),
        _times(frame, x, budget),
        plot.readout(
            frame,
            (
                (x(time), x(after), f"{show.moment(time, budget)} · {show.measured_share(share)} decided")
                for (time, share), (after, _) in pairwise([*shares, (budget, last)])
            ),
        ),
    )


def _changes(values: Sequence[float], frame: Frame) -> Scale:
    """The axis that shows all of these; straight from 0 where they are near one another."""
    low, high = min(values, default=1.0), max(values, default=1.0)
    if low > 0 and high / low >= _LOG_FROM:
        return Scale(*log_bounds(low, high), frame.y0, frame.y1, log=True)
    return plot.upward(frame, high)


def _place(time: float, value: float | None, x: Scale, y: Scale) -> svg.Point | None:
    return None if value is None else (x(time), y(100 * value))


def _dots(points: svg.Points, name: str) -> Markup:
    return svg.group(*(svg.element("circle", cx=at[0], cy=at[1], r=2, class_=f"dot {name}") for at in points if at))


def _times(frame: Frame, x: Scale, budget: float) -> Markup:
    return svg.group(
        *(
            svg.text(show.moment(at, budget), x(at), frame.height - 6, anchor="middle")
            for at in time_ticks(budget, frame.columns)
        ),
        svg.element("path", d=f"M{frame.x0:g} {frame.y0:g}H{frame.x1:g}", class_="axis"),
    )


def _columns(lines: Sequence[Least], x: Scale, budget: float) -> Iterator[tuple[float, float, str]]:
    """A pointer reads the look that is nearest."""
    times = sorted({time for each in lines for time, _ in each.points})
    edges = [0.0, *((one + other) / 2 for one, other in pairwise(times)), budget]
    for time, (left, right) in zip(times, pairwise(edges), strict=True):
        told = [f"{each.measure} {words.visible(each.measure, dict(each.points).get(time))}" for each in lines]
        yield x(left), x(right), " ".join([show.moment(time, budget), *told])


def _percent(value: float) -> str:
    return show.exact(float(f"{value:.6g}"))
