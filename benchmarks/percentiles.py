"""How far a percentile that a run shows is from the exact one: six distributions from 50 us to 60 s.

Each goes the way of a run's requests - recorder, delta, ledger, log on disk, log read again - and comes out as the
percentiles of the report. The exact ones are those of the sorted values, by nearest rank.
"""

import argparse
import math
import tempfile
from collections.abc import Callable
from functools import partial
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from tailgate_loadtest.measure.hlog import LatencyLog, LogWriter
from tailgate_loadtest.measure.kinds import Kind
from tailgate_loadtest.measure.ledger import Ledger
from tailgate_loadtest.measure.recorder import Recorder

from benchmarks.figures import Figure, Raw
from benchmarks.stored import finish

_LEAST, _MOST = 50e-6, 60.0
_SECONDS = 60
_QUANTILES = (0.01, 0.1, 0.25, 0.5, 0.75, 0.9, 0.95, 0.99, 0.999, 0.9999)
_GOAL = 0.001

Times = NDArray[np.float64]
Distribution = Callable[[np.random.Generator, int], Times]


def _bimodal(random: np.random.Generator, count: int) -> Times:
    fast, slow = random.normal(1e-3, 1e-4, count), random.normal(2.0, 0.1, count)
    return np.where(random.random(count) < 0.9, fast, slow)


DISTRIBUTIONS: dict[str, Distribution] = {
    "uniform": lambda random, count: random.uniform(_LEAST, _MOST, count),
    "loguniform": lambda random, count: np.exp(random.uniform(math.log(_LEAST), math.log(_MOST), count)),
    "exponential": lambda random, count: random.exponential(0.1, count),
    "lognormal": lambda random, count: random.lognormal(math.log(0.02), 1.0, count),
    "pareto": lambda random, count: _LEAST * (1 + random.pareto(1.1, count)),
    "bimodal": _bimodal,
}


def main() -> None:
    """Measure, print the table and the figures."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--requests", type=int, default=300_000, help="of each distribution")
    options = parser.parse_args()
    raw = Raw("percentiles", requests=options.requests)
    found = raw.measured("errors", partial(_errors, options.requests))
    print(f"{'':12}" + "".join(f"{f'p{100 * q:g}':>10}" for q in _QUANTILES))
    figures = []
    for name, errors in found.items():
        print(f"{name:12}" + "".join(f"{error:10.4%}" for error in errors))
        low, high = min(errors), max(errors)
        figures.append(Figure(name=f"percentiles.{name}.worst_error", value=high, low=low, high=high, goal=_GOAL))
    finish(raw, figures)


def _errors(requests: int) -> dict[str, list[float]]:
    """Of each distribution, how far each quantile is off."""
    random = np.random.default_rng(1)
    exact = {name: np.clip(draw(random, requests), _LEAST, _MOST) for name, draw in DISTRIBUTIONS.items()}
    with tempfile.TemporaryDirectory() as directory:
        log = _through_the_log(exact, Path(directory) / "latency.hlog")
    found = {}
    for name, times in exact.items():
        histogram = log.whole(name, Kind.RESPONSE)
        if histogram.total != len(times):
            raise SystemExit(f"{name}: of {len(times)} requests, the log has {histogram.total}")
        times.sort()
        ranks = [max(math.ceil(q * len(times) - 1e-9), 1) for q in _QUANTILES]
        pairs = zip(_QUANTILES, ranks, strict=True)
        found[name] = [float(abs(histogram.quantile(q) / times[rank - 1] - 1)) for q, rank in pairs]
    return found


def _through_the_log(exact: dict[str, Times], path: Path) -> LatencyLog:
    recorder = Recorder(warmup=0.0)
    with path.open("w", encoding="ascii") as file:
        writer = LogWriter(file)
        writer.begin(0.0, "Logged by a benchmark")
        ledger = Ledger(writer, lambda *_: None)
        # In the order in which they were due, a delta a second, as the engine has them.
        for second in range(_SECONDS):
            for name, times in exact.items():
                mine = times[second::_SECONDS].tolist()
                for number, seconds in enumerate(mine):
                    recorder.success("Somebody", name, second + number / len(mine), seconds, seconds)
            ledger.add(recorder.take())
            ledger.fold(second)
        ledger.close()
    return LatencyLog.load(path)


if __name__ == "__main__":
    main()
