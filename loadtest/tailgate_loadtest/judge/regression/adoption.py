"""Whether to adopt the candidate in the base's place: by a rule that was written before anybody measured.

The rule stands in the base's objectives, ``decision`` of a Gate: adopt what is below a time at a percentile, and faster
by a share; keep the base, and tune it, where both differ by less than another share. The percentile is that of all
judged requests together. Each part must be sure: the bounds, and not the estimates, are held against it.
"""

import math
from typing import Literal

from tailgate_slo.model import Decision

from tailgate_loadtest.judge.regression.document import Adoption
from tailgate_loadtest.judge.regression.statistics import size
from tailgate_loadtest.judge.regression.statistics.pairs import cut
from tailgate_loadtest.judge.statistics import quantile
from tailgate_loadtest.judge.windows import cut as windows_of
from tailgate_loadtest.measure.hlog import LatencyLog
from tailgate_loadtest.shapes.sides import Design

Advice = Literal["adopt", "keep", "neither", "undecided"]


def adoption(
    rule: Decision, base: LatencyLog, candidate: LatencyLog, design: Design, *, until: float, confidence: float
) -> Adoption:
    """What the rule comes to after ``until`` seconds of load; each bound at ``confidence``."""
    q, below = float(rule.quantile), float(rule.adopt_below)
    faster, within = float(rule.adopt_faster), float(rule.keep_within)
    windows = windows_of(candidate, None, design.warmup, until)
    seen = cut(base, candidate, None, design, until)
    turns = size.ratio(seen.turns.latency, q)
    if turns is None or not windows.total.any():
        return Adoption(quantile=q, advice="undecided", why="too few requests by turns to tell: load longer")
    together = size.ratio(seen.duet.latency, q)
    low, high = (bound(turns, together, confidence) for bound in (size.lower, size.upper))
    time = quantile(windows.good, windows.bad, q)
    # Slower by a share and faster by it are not the same on the scale of ratios: 20 % either way is 0.8 and 1.2.
    least, most = math.log1p(-faster), (math.log1p(-within), math.log1p(within))
    parts = {
        "below": _sure(time.bounds.high < below, time.bounds.low >= below),
        "faster": _sure(high <= least, low > least),
        "alike": _sure(most[0] < low and high < most[1], low >= most[1] or high <= most[0]),
    }
    advice: Advice = "undecided"
    if parts["below"] and parts["faster"]:
        advice = "adopt"
    elif parts["alike"]:
        advice = "keep"
    elif False in (parts["below"], parts["faster"]) and parts["alike"] is False:
        advice = "neither"
    return Adoption(
        quantile=q,
        advice=advice,
        candidate=_finite(time.value),
        ratio=_finite(math.exp(turns.value)),
        low=_finite(math.exp(low)),
        high=_finite(math.exp(min(high, 700.0))),
        why=(
            f"p{100 * q:g} of all requests is {_time(time.value)} [{_time(time.bounds.low)},"
            f" {_time(time.bounds.high)}], {_change(turns.value)} [{_change(low)}, {_change(high)}];"
            f" adopt below {1e3 * below:g} ms and {100 * faster:g} % faster, keep within {100 * within:g} %"
        ),
    )


def _sure(so: bool, not_so: bool) -> bool | None:
    """None where it may be either."""
    return True if so else False if not_so else None


def _change(ratio: float) -> str:
    return f"{100 * math.expm1(ratio):+.0f} %" if ratio < 700 else "open"


def _time(seconds: float) -> str:
    """Open where it is that of requests that were never answered."""
    return f"{1e3 * seconds:.0f} ms" if math.isfinite(seconds) else "open"


def _finite(value: float) -> float | None:
    return value if math.isfinite(value) else None
