"""What gates came to: a table of all verdicts, and figures of what is promised."""

import statistics
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from typing import Literal

import numpy as np

from benchmarks.figures import Figure, of_share
from benchmarks.gate.judged import ERROR_RATE, Judged, Said
from benchmarks.gate.resampled import POOLS
from benchmarks.rivals import RIVALS

_SPREAD = 0.025, 0.975
_HEAD: tuple[str, ...] = ("", "kind", "gates", "pass", "fail", "inconclusive", "seconds", *RIVALS)
_OF = {"tail10": "same"}
"""The recorded gates that others are made of, where these are of another kind."""
_NOTE = f"""\
Resampled gates are made of the recorded ones, in {POOLS} pools, each of a sample of them drawn with replacement. The
interval of a resampled figure reaches over the exact binomial one, and over the range in which the shares of 95 % of
the pools are. Seconds are the median. The rivals were asked once, at the end, of all turns."""


def table(real: Mapping[str, Judged], resampled: Mapping[str, Sequence[Judged]]) -> str:
    """Of each kind the verdicts, and what else is in use says of the same gates; in Markdown."""
    lines = [_HEAD, ("---",) * len(_HEAD)]
    for kind, gates in real.items():
        if gates:
            lines.append(_line("real", kind, f"{len(gates)}", gates))
    for kind, several in resampled.items():
        if gates := [each for pool in several for each in pool]:
            lines.append(_line("resampled", kind, f"{len(gates)} of {len(real[_OF.get(kind, kind)])}", gates))
    return "\n".join([*(f"| {' | '.join(line)} |" for line in lines), "", _NOTE])


def figures(how: Literal["real", "resampled"], kind: str, several: Sequence[Judged]) -> list[Figure]:
    """What is promised of gates of a kind, which were judged in one pool or in several."""

    def figure(
        name: str, hit: Callable[[str, Said], bool], goal: float, sense: Literal["<=", ">="], of: Sequence[Judged]
    ) -> Figure:
        return of_pools(f"gate_{how}_{name}", [[hit(*each) for each in pool] for pool in of], goal, sense)

    if kind == "same":
        return [
            figure("false_alarms", lambda _, said: said.verdict == "fail", ERROR_RATE, "<=", several),
            figure("same_passes", lambda _, said: said.verdict == "pass", 0.90, ">=", several),
        ]
    if kind == "delayed":
        return [figure("delayed_found", lambda route, said: (route, "p99") in said.worse, 0.90, ">=", several)]
    if kind == "tail10":
        return [figure("tail10_found", lambda route, said: route in said.routes, 0.90, ">=", several)]
    goal = 0.99 if kind == "slower20" else 0.90
    found = [figure(f"{kind}_found", lambda _, said: said.verdict == "fail", goal, ">=", several)]
    alarms = [[(route, said) for route, said in pool if said.verdict == "fail"] for pool in several]
    if any(alarms):
        found += [
            figure(f"{kind}_named", lambda route, said: route in said.routes, 0.95, ">=", alarms),
            figure(f"{kind}_others_named", lambda route, said: bool(said.routes - {route}), 0.05, "<=", alarms),
        ]
    return found


def of_pools(name: str, pools: Sequence[Sequence[bool]], goal: float, sense: Literal["<=", ">="]) -> Figure:
    """The figure of how many of all, its interval the wider at either end of the exact one and the pools' shares'.

    The exact one takes all for independent, which they are but for what they are made of; from pool to pool that
    differs. Where no pool differs from another, as where all gates pass, it cannot say by how much others would have,
    and the interval is the exact one: how many were recorded is to be read beside it. So it is of a single pool.
    """
    exact = of_share(name, [hit for pool in pools for hit in pool], goal, sense)
    shares = [statistics.fmean(pool) for pool in pools if pool]
    if not shares:
        return exact
    low, high = np.quantile(shares, _SPREAD).tolist()
    return replace(exact, low=min(exact.low, low), high=max(exact.high, high))


def _line(how: str, kind: str, count: str, gates: Judged) -> tuple[str, ...]:
    every = [said for _, said in gates]
    verdicts = Counter(said.verdict for said in every)
    shares = [_percent(verdicts[each] / len(every)) for each in ("pass", "fail", "inconclusive")]
    rivals = [_percent(statistics.fmean(name in said.elsewhere for said in every)) for name in RIVALS]
    return how, kind, count, *shares, f"{statistics.median(said.at for said in every):.0f}", *rivals


def _percent(share: float) -> str:
    return f"{100 * share:.1f} %"
