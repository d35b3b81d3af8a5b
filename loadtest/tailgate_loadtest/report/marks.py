"""Small pictures that stand beside a number in a table. The number says it all; they only say it faster."""

import math

from markupsafe import Markup

from tailgate_loadtest.judge.document import Finding
from tailgate_loadtest.report import svg
from tailgate_loadtest.report.scale import Scale, ticks

_WIDTH, _HEIGHT = 120.0, 16.0
_LIMIT = 0.6
"""Where along the width the limit stands: the rest shows by how much it was passed."""


def against_limit(finding: Finding) -> Markup | None:
    """A finding's number and interval against its limit; None where there is no number."""
    limit = 1 - finding.target if finding.measure == "availability" else finding.threshold
    known = _position(finding)
    if known is None or not limit or limit <= 0:
        return None
    low, number, high = known
    x = Scale(0, limit / _LIMIT, 2, _WIDTH - 2)
    middle = _HEIGHT / 2
    if number > x.high:
        dot = svg.element("path", d=f"M{_WIDTH - 9:g} {middle - 5:g}l9 5-9 5z", class_="number")
    else:
        dot = svg.element("circle", cx=x(number), cy=middle, r=3.5, class_="number")
    return svg.element(
        "svg",
        svg.element("path", d=f"M0 {middle:g}H{_WIDTH:g}", class_="track"),
        svg.element("rect", x=x(low), y=middle - 3, width=max(x(high) - x(low), 1), height=6, class_="interval"),
        svg.element("path", d=f"M{x(limit):.1f} 1V{_HEIGHT - 1:g}", class_="limit-mark"),
        dot,
        viewBox=f"0 0 {_WIDTH:g} {_HEIGHT:g}",
        class_=f"bullet {finding.verdict}",
        aria_hidden="true",
    )


def _position(finding: Finding) -> tuple[float, float, float] | None:
    if finding.measure == "availability":
        if finding.bad_share is None:
            return None
        low = finding.bad_share if finding.bad_low is None else finding.bad_low
        high = finding.bad_share if finding.bad_high is None else finding.bad_high
        return low, finding.bad_share, high
    if finding.number is None or math.isnan(finding.number):
        return None
    low = finding.number if finding.low is None else finding.low
    unknown = math.inf if finding.measure != "queries" and finding.at_least else finding.number
    return low, finding.number, unknown if finding.high is None else finding.high


def queries(mean: float, most: float, budget: float | None, largest: float) -> Markup:
    """Queries per request: a bar to the mean, a tick at p99, and the budget across; ``largest`` is the axis' end."""
    x = Scale(0, ticks(largest, 4)[-1], 0, 200)
    parts = [svg.element("rect", x=0, y=4, width=x(mean), height=8, class_="mean")]
    if math.isfinite(most):
        parts.append(svg.element("path", d=f"M{x(most):.1f} 2V14", class_="most"))
    if budget is not None:
        parts.append(svg.element("path", d=f"M{x(budget):.1f} 0V16", class_="budget"))
    return svg.element("svg", *parts, viewBox="-1 0 202 16", class_="queries", aria_hidden="true")
