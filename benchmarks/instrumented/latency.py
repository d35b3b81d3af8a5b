"""How much later the slowest of a hundred is answered: bare and lean as a duet, at half load.

Both servers stand on one core and are loaded at the same time. Requests come as a Poisson stream, at half the rate that
the bare one alone can answer, and each goes to either side by lot; so whatever happens to the machine happens to both.
Response time counts from the moment a request was due. Metrics are scraped, and the traces of one in a hundred kept.
Each stretch of half a minute has new servers.

The ratio's interval is a bootstrap over seconds, each with what came to both sides in it: requests that stood in one
queue are no independent witnesses.
"""

import statistics
import time
from collections.abc import Sequence
from functools import partial
from typing import Any

import numpy as np
from numpy.typing import NDArray

from benchmarks.figures import Figure, Raw
from benchmarks.instrumented.load import Lane, arrivals, closed, connected, opened
from benchmarks.instrumented.sides import BARE, LEAN
from benchmarks.instrumented.stand import CONNECTIONS, Stand, requests

GOAL = 1.03
_QUERIES = 4
_TURN = 30.0
"""Seconds of one stretch of load, at whose end it is on disk."""
_SETTLED = 1.0
"""Seconds at its beginning that do not count."""
_LOAD = 0.5
_KEPT = 64
"""Connections to each side: a queue is in the server, not before it."""
_CAPACITY_REQUESTS = 5000
_QUANTILE = 0.99
_SHOWN = (0.5, 0.9, _QUANTILE, 0.999)
_RESAMPLED = 2000

Seconds = Sequence[Sequence[float]]
"""The response times of each second."""


def measure(raw: Raw, stand: Stand, minutes: float) -> list[Figure]:
    """Measure, print the table, and return the figures."""
    capacity = raw.measured("latency capacity", partial(_capacity, stand))
    turns = []
    count = max(1, round(minutes * 60 / _TURN))
    seconds = min(_TURN, minutes * 60)
    for number in range(count):
        turns.append(raw.measured(f"latency {number}", partial(_turn, stand, _LOAD * capacity, seconds, number)))
        print(f"latency: {number + 1} of {count} stretches of {seconds:g} s", flush=True)
    bare, lean = ([second for turn in turns for second in turn[side.name]] for side in (BARE, LEAN))
    return [_print(capacity, turns, bare, lean)]


def ratios(bare: Seconds, lean: Seconds, quantiles: Sequence[float]) -> list[tuple[float, float, float]]:
    """One side's quantiles over the other's, by nearest rank, with their 95 % intervals (Efron's percentile method)."""
    random = np.random.default_rng(1)
    theirs, ours = _Sorted(bare), _Sorted(lean)
    count = len(bare)
    drawn = []
    for _ in range(_RESAMPLED):
        weights = np.bincount(random.integers(count, size=count), minlength=count)
        drawn.append(ours.quantiles(quantiles, weights) / theirs.quantiles(quantiles, weights))
    values = ours.quantiles(quantiles) / theirs.quantiles(quantiles)
    low, high = np.quantile(drawn, (0.025, 0.975), axis=0)
    return list(zip(values.tolist(), low.tolist(), high.tolist(), strict=True))


class _Sorted:
    """The times of one side in order, each with the second that it belongs to: a resample is a weight per second."""

    def __init__(self, seconds: Seconds) -> None:
        times = np.concatenate([np.asarray(second, dtype=np.float64) for second in seconds])
        owner = np.repeat(np.arange(len(seconds)), [len(second) for second in seconds])
        order = np.argsort(times, kind="stable")
        self._times, self._owner = times[order], owner[order]
        self._once = np.ones(len(seconds), dtype=np.int64)

    def quantiles(self, quantiles: Sequence[float], weights: NDArray[np.int64] | None = None) -> NDArray[np.float64]:
        """The quantiles, each second counted as often as its weight says, or once."""
        rank = np.cumsum((self._once if weights is None else weights)[self._owner])
        places = np.searchsorted(rank, np.maximum(np.array(quantiles) * rank[-1] - 1e-9, 1))
        found: NDArray[np.float64] = self._times[places]
        return found


def _print(capacity: float, turns: Sequence[dict[str, Any]], bare: Seconds, lean: Seconds) -> Figure:
    late = statistics.median(turn["late"] for turn in turns)
    busy = statistics.median(turn["busy"] for turn in turns)
    print(f"\ncapacity of bare {capacity:,.0f}/s; both at {_LOAD * capacity:,.0f}/s: their core {busy:.0%} busy,")
    print(f"the client's p99 of lateness {1e6 * late:.0f} us")
    print(f"{'':6}{'bare ms':>10}{'lean ms':>10}{'ratio':>9}{'95 %':>18}")
    both = zip(*(_Sorted(side).quantiles(_SHOWN) for side in (bare, lean)), strict=True)
    found = dict(zip(_SHOWN, ratios(bare, lean, _SHOWN), strict=True))
    for (q, (value, low, high)), times in zip(found.items(), both, strict=True):
        print(f"p{100 * q:<5g}" + "".join(f"{1e3 * each:10.2f}" for each in times) + f"{value:9.3f}", end="")
        print(f"{f'[{low:.3f}, {high:.3f}]':>18}")
    value, low, high = found[_QUANTILE]
    return Figure(name="instrumentation.p99_at_half_load.times_bare", value=value, low=low, high=high, goal=GOAL)


def _capacity(stand: Stand) -> float:
    """Requests per second for which the bare side needs a whole core, when they come one by one.

    As many at once as it can answer would be more: at one waking it then answers several, and each costs less. So the
    rate at which it answers those is but where to look, at a third of it, what one costs.
    """
    server, asked = stand.server(BARE), requests(_QUERIES)
    with connected(server.port, _KEPT) as connections:
        began = time.perf_counter()
        closed(connections[:CONNECTIONS], asked, _CAPACITY_REQUESTS)
        rate = _CAPACITY_REQUESTS / (time.perf_counter() - began) / 3
        due = arrivals(rate, _CAPACITY_REQUESTS / rate, 1, np.random.default_rng(0))
        cpu = server.cpu()
        opened([Lane(connections)], asked, due)
        return len(due) / (server.cpu() - cpu)


def _turn(stand: Stand, rate: float, seconds: float, number: int) -> dict[str, Any]:
    stand.renew()
    servers = [stand.server(side) for side in (BARE, LEAN)]
    stand.have_scraped(LEAN)
    due = arrivals(rate, seconds + _SETTLED, len(servers), np.random.default_rng(number))
    with connected(servers[0].port, _KEPT) as theirs, connected(servers[1].port, _KEPT) as ours:
        cpu = [server.cpu() for server in servers]
        times, late = opened([Lane(theirs), Lane(ours)], requests(_QUERIES), due)
        spent = sum(server.cpu() for server in servers) - sum(cpu)
    stand.check(LEAN)
    stretch: list[list[list[float]]] = [[[] for _ in range(round(seconds))] for _ in servers]
    for (moment, side), took in zip(due, times, strict=True):
        if moment >= _SETTLED:
            stretch[side][min(int(moment - _SETTLED), round(seconds) - 1)].append(round(took, 6))
    return {
        BARE.name: stretch[0],
        LEAN.name: stretch[1],
        "late": float(np.quantile(late, 0.99)),
        "busy": spent / (seconds + _SETTLED),
    }
