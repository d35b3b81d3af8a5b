"""The chart of arrivals: planned against begun and ended, and beneath it how many waited for a user."""

from collections.abc import Callable, Sequence
from dataclasses import replace

from markupsafe import Markup

from tailgate_loadtest.report import plot, show, svg
from tailgate_loadtest.report.plot import Frame
from tailgate_loadtest.report.scale import Scale, whole_ticks
from tailgate_loadtest.report.series import Flow, Span


def arrivals(key: str, flows: Sequence[Flow], span: Span, frame: Frame, *, planned: bool) -> Markup:
    """Arrivals per second as planned (unless there was no plan), begun and completed."""
    x = Scale(0, span.seconds, frame.x0, frame.x1)
    most = max(max(f.started, f.completed, f.planned if planned else 0) for f in flows)
    y = plot.upward(frame, most)
    # Names stay beside the last judged second: in the drain every line falls to nothing.
    shown = [f for f in flows if f.end <= span.measured_to + 1e-9] or flows

    def points(value: Callable[[Flow], float]) -> list[svg.Point]:
        return [(x((f.start + f.end) / 2), y(value(f))) for f in flows]

    plan, labels = [], []
    if planned:
        steps = [(x(at), y(f.planned)) for f in flows for at in (f.start, f.end)]
        plan = [svg.area(steps, frame.y0, "planned"), svg.line(steps, "planned")]
        labels.append(("plan", y(shown[-1].planned), "planned"))
    labels += [("begun", y(shown[-1].started), "started"), ("ended", y(shown[-1].completed), "completed")]
    return svg.picture(
        key,
        "Arrivals over time",
        f"Per second{', as planned,' if planned else ''} begun and completed; at most {show.rate(most)}.",
        frame.width,
        frame.height,
        *plan,
        plot.apart(frame, x, span),
        plot.y_axis(frame, y, "arrivals per second", show.exact),
        svg.line(points(lambda f: f.started), "started"),
        svg.line(points(lambda f: f.completed), "completed"),
        plot.time_axis(frame, x, span),
        plot.end_labels(frame, labels),
        plot.readout(frame, ((x(f.start), x(f.end), _words(f, span, planned=planned)) for f in flows)),
    )


def waiting(key: str, flows: Sequence[Flow], span: Span, frame: Frame) -> Markup:
    """Arrivals that were due and waited for a user."""
    frame = replace(frame, height=120)
    x = Scale(0, span.seconds, frame.x0, frame.x1)
    most = max(f.waiting for f in flows)
    y = plot.upward(frame, most, whole_ticks)
    points = [(x(f.end), y(f.waiting)) for f in flows]
    return svg.picture(
        key,
        "Arrivals waiting over time",
        f"Arrivals that were due and waited for a user; at most {show.count(most)}.",
        frame.width,
        frame.height,
        plot.apart(frame, x, span),
        plot.y_axis(frame, y, "waiting", show.exact, whole_ticks),
        svg.area(points, frame.y0, "waiting"),
        svg.line(points, "waiting"),
        plot.time_axis(frame, x, span),
        plot.readout(
            frame,
            (
                (x(f.start), x(f.end), f"{show.moment(f.end, span.seconds)} · {show.count(f.waiting)} waiting")
                for f in flows
            ),
        ),
    )


def _words(f: Flow, span: Span, *, planned: bool) -> str:
    parts = [show.moment(f.start, span.seconds)]
    if planned:
        parts.append(f"plan {show.rate(f.planned)}")
    return " · ".join([*parts, f"begun {show.rate(f.started)}", f"ended {show.rate(f.completed)}"])
