"""What runs of two moments show of each route's measures, before it is known what all of them come to together.

A percentile is of the requests that succeeded and of those never answered, which count with the time they were waited
for; where its rank reaches these, it is larger than the number. Requests that failed have a cell of their own.

With fewer than MIN_RUNS of a side nobody knows how far two runs of the same code lie apart: what was measured is shown,
with the doubt that is known, and never called worse. Only that a route fails nine in ten of its requests needs no
second run.
"""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np
from tailgate_slo.model import Tolerance

from tailgate_loadtest.judge import statistics
from tailgate_loadtest.judge.document import Outcome
from tailgate_loadtest.judge.regression.document import Measure
from tailgate_loadtest.judge.regression.statistics.quantile import harrell_davis
from tailgate_loadtest.judge.regression.statistics.welch import Shift, shift
from tailgate_loadtest.judge.windows import Windows
from tailgate_loadtest.measure import buckets
from tailgate_loadtest.measure.histogram import merged

MIN_RUNS = 3
"""Of each side, for a verdict on what is not counted: two leave the scatter all but unknown."""
QUANTILES: dict[Measure, float] = {"p50": 0.5, "p95": 0.95, "p99": 0.99}
FAILURES: Measure = "failures"
BEYOND = 10
"""A percentile can stop a change where at least so many requests of each run lie beyond it."""
FAILED_OFTEN = 0.9
"""A route that fails so many of its requests, where as many succeeded before, is worse without any statistics..."""
_OF = 10
"""... given so many requests."""
FEW = 50
"""Requests of a route in a run from which on its failures can be compared."""
_FAILURES = 0.001
"""The difference of the shares of failures that is tolerated..."""
_SHOWN = 8
"""... or so many failures of a side's requests, if that is more: none in n requests shows no less than some in n."""

_LARGEST = 100.0
"""Of a logarithm: what is longer by more is longer beyond all measure."""

# That a histogram tells times apart to 1/1024 leaves a percentile's logarithm evenly spread over so much.
_RESOLUTION = 1 / buckets.HALF**2 / 12

Side = Sequence[Mapping[str, Windows]]
"""Of each run, its routes."""


@dataclass(frozen=True, kw_only=True)
class Draft:
    """A cell before it is known what all cells come to together."""

    route: str
    measure: Measure
    blocking: bool = True
    samples: tuple[int, int]
    values: tuple[float | None, float | None] = (None, None)
    tolerance: float | None = None
    shift: Shift | None = None
    """On the logarithm's scale for a percentile."""
    bounds: tuple[float | None, float | None] = (None, None)
    """Of the ratio or the difference, where there is no shift."""
    verdict: Outcome = "inconclusive"
    why: str = ""
    open_above: bool = False
    """The candidate's value is larger than the number: it may be worse, and cannot pass."""

    def scale(self, value: float) -> float:
        """From the shift's scale to the cell's."""
        return value if self.measure == FAILURES else math.exp(min(value, _LARGEST))

    def scale_back(self, value: float) -> float:
        """From the cell's scale to the shift's."""
        return value if self.measure == FAILURES else math.log(value)


def drafts(
    base: Side, candidate: Side, moments: tuple[int, int], tolerance: Tolerance, spoiled: str | None
) -> list[Draft]:
    """One of every route and measure.

    ``moments`` are those at which each side's runs were made. ``spoiled``: why no difference of times or failures means
    anything.
    """
    found: list[Draft] = []
    for route in sorted({route for run in (*base, *candidate) for route in run}):
        if missing := _missing(route, base, candidate):
            found += missing
            continue
        before, after = ([run[route] for run in side] for side in (base, candidate))
        found += (_times(route, measure, before, after, moments, tolerance, spoiled) for measure in QUANTILES)
        found.append(_failures(route, before, after, moments, tolerance, spoiled))
    return found


def _missing(route: str, base: Side, candidate: Side) -> list[Draft]:
    """The cells of a route that not all runs have measured; none where they have."""
    here = [[run[route] for run in side if route in run] for side in (base, candidate)]
    lacking = [len(side) - len(found) for side, found in zip((base, candidate), here, strict=True)]
    if not any(lacking):
        return []
    name, side, without = ("base", base, lacking[0]) if lacking[0] else ("candidate", candidate, lacking[1])
    runs = "the run" if len(side) == 1 else f"{without} of {len(side)} runs"
    why = f"no request to it was measured in {runs} of the {name}, so there is nothing to compare"
    # One that is asked for now and then may be missing by chance; else a side's missing requests are a finding.
    asked = min(_total(run) for run in (*here[0], *here[1])) if all(here) else sum(map(_total, (*here[0], *here[1])))
    samples = (sum(map(_total, here[0])), sum(map(_total, here[1])))
    return [
        Draft(route=route, measure=measure, blocking=asked >= FEW, samples=samples, why=why)
        for measure in (*QUANTILES, FAILURES)
    ]


def _times(
    route: str,
    measure: Measure,
    base: Sequence[Windows],
    candidate: Sequence[Windows],
    moments: tuple[int, int],
    tolerance: Tolerance,
    spoiled: str | None,
) -> Draft:
    q = QUANTILES[measure]
    needed = math.ceil(BEYOND / (1 - q) - 1e-9)
    # By what the base was asked: a candidate that answers less gets no way out.
    blocking = min(map(_total, base)) >= needed
    samples = (sum(map(_timed, base)), sum(map(_timed, candidate)))
    draft = Draft(route=route, measure=measure, blocking=blocking, samples=samples)
    fewest = min(map(_timed, (*base, *candidate)))
    if not fewest:
        return replace(draft, why="in one run not a single request to it succeeded, so there are no response times")
    values = [np.array([_percentile(run, q) for run in side]) for side in (base, candidate)]
    before, after = (float(np.exp(np.log(each).mean())) for each in values)
    draft = replace(
        draft,
        values=(before, after),
        tolerance=1 + max(float(tolerance.relative), float(tolerance.absolute) / before),
        bounds=_bounds(base, candidate, q, after / before),
        open_above=any(_reaches_unanswered(run, q) for run in candidate),
    )
    if fewest < needed:
        return replace(draft, why=f"{measure} takes {needed} requests in every run, and one has {fewest}")
    if doubt := _too_few(base, candidate) or spoiled:
        return replace(draft, why=doubt)
    if any(_reaches_unanswered(run, q) for run in base):
        return replace(draft, why="it is larger than its number in the base, where requests were never answered")
    floor = _RESOLUTION * (1 / len(base) + 1 / len(candidate))
    return replace(draft, shift=shift(np.log(values[0]), np.log(values[1]), floor, moments))


def _failures(
    route: str,
    base: Sequence[Windows],
    candidate: Sequence[Windows],
    moments: tuple[int, int],
    tolerance: Tolerance,
    spoiled: str | None,
) -> Draft:
    totals = [np.array([_total(run) for run in side], dtype=float) for side in (base, candidate)]
    bad = [np.array([float(run.bad.sum()) for run in side]) for side in (base, candidate)]
    requests = [float(each.sum()) for each in totals]
    before, after = (float(b.sum()) / n for b, n in zip(bad, requests, strict=True))
    draft = Draft(
        route=route,
        measure=FAILURES,
        blocking=totals[0].min() >= FEW,
        samples=(round(requests[0]), round(requests[1])),
        values=(before, after),
        tolerance=max(_FAILURES, _SHOWN / min(requests), float(tolerance.relative) * before),
    )
    if min(requests) >= _OF and before <= 1 - FAILED_OFTEN and after >= FAILED_OFTEN:
        why = f"{after:.4g} of its requests fail now, {before:.4g} did before: such a difference needs no statistics"
        return replace(draft, blocking=True, verdict="fail", bounds=(after - before, after - before), why=why)
    if len(base) == len(candidate) == 1:
        draft = replace(draft, bounds=_bounds_of_share(base[0], candidate[0]))
    if totals[1].min() < FEW:
        return replace(draft, why=f"shares take {FEW} requests in every run, and one has {totals[1].min():.0f}")
    if doubt := _too_few(base, candidate) or spoiled:
        return replace(draft, why=doubt)
    # Half a failure more than there were: none in a thousand requests is no proof that there never is one.
    pooled = (float(bad[0].sum() + bad[1].sum()) + 0.5) / (sum(requests) + 1)
    floor = pooled * (1 - pooled) * (1 / requests[0] + 1 / requests[1])
    return replace(draft, shift=shift(bad[0] / totals[0], bad[1] / totals[1], floor, moments))


def _too_few(base: Sequence[Windows], candidate: Sequence[Windows]) -> str | None:
    if min(len(base), len(candidate)) >= MIN_RUNS:
        return None
    return (
        f"{len(base)} {'run' if len(base) == 1 else 'runs'} against {len(candidate)} cannot tell the change from the"
        f" moment: it takes {MIN_RUNS} runs of each side, or `tailgate ab`, which loads both at once"
    )


def _total(run: Windows) -> int:
    return int(run.total.sum())


def _timed(run: Windows) -> int:
    """The requests whose time is known, or is known to be longer than it was waited for."""
    good = sum(each.total for each in run.good.values())
    return good + run.waited.total if good else 0


def _percentile(run: Windows, q: float) -> float:
    counts = merged([*run.good.values(), run.waited]).counts
    used = sorted(counts)
    found = harrell_davis(
        np.array([counts[bucket] for bucket in used], dtype=float),
        np.array([buckets.middle(bucket) / 1e9 for bucket in used]),
        q,
    )
    # A time of 0 has no logarithm, and a nanosecond is the least that is told apart.
    return max(float(found), 1e-9)


def _reaches_unanswered(run: Windows, q: float) -> bool:
    return math.ceil(q * _timed(run) - 1e-9) > sum(each.total for each in run.good.values())


def _bounds(
    base: Sequence[Windows], candidate: Sequence[Windows], q: float, ratio: float
) -> tuple[float | None, float | None]:
    """Of the ratio of one run to one other, by the doubt within each alone: what lies between runs comes on top."""
    if len(base) > 1 or len(candidate) > 1:
        return None, None
    before, after = (statistics.quantile(run.good, run.censored, q) for run in (base[0], candidate[0]))
    known = (before.value, before.bounds.low, before.bounds.high, after.value, after.bounds.low, after.bounds.high)
    if not all(0 < each < math.inf for each in known):
        return None, None
    down = math.hypot(math.log(after.value / after.bounds.low), math.log(before.bounds.high / before.value))
    up = math.hypot(math.log(after.bounds.high / after.value), math.log(before.value / before.bounds.low))
    return ratio * math.exp(-down), ratio * math.exp(up)


def _bounds_of_share(base: Windows, candidate: Windows) -> tuple[float, float]:
    before, after = (float(run.bad.sum()) / _total(run) for run in (base, candidate))
    of_base, of_candidate = (statistics.share(run.bad, run.total) for run in (base, candidate))
    down = math.hypot(after - of_candidate.low, of_base.high - before)
    up = math.hypot(of_candidate.high - after, before - of_base.low)
    return after - before - down, after - before + up
