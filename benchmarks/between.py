"""How often ``tailgate compare`` is wrong, and what it finds: simulated runs whose moments move them.

A run's percentiles are moved by its moment, by the run itself, and each route by itself, all log-normal. The moments'
scatter is given as a multiple of that between runs of one moment. Judged as bundles are: Welch's t, Holm, and the
tolerance of 5 %.
"""

import argparse
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.special import betaincinv
from tailgate_loadtest.judge.regression.apart import between
from tailgate_loadtest.judge.regression.statistics import holm
from tailgate_loadtest.judge.regression.statistics.welch import Shift, shift

from benchmarks.figures import Figure, Raw
from benchmarks.stored import finish

_CELLS = 15
_SCATTER = 0.03
"""Between runs of one moment, of the logarithm."""
_OWN = 0.6
"""The share of it that each cell has by itself."""
_TOLERATED = np.log(1.05)
_FLOOR = 1e-9


@dataclass(frozen=True, kw_only=True)
class Plan:
    """How many runs of each side were made, and at how many moments."""

    name: str
    runs: tuple[int, int]
    moments: tuple[int, int]
    together: bool = False
    """Both sides share their moments, since they took turns."""


PLANS = (
    Plan(name="3+3 in a row", runs=(3, 3), moments=(1, 1)),
    Plan(name="10+10 in a row", runs=(10, 10), moments=(1, 1)),
    Plan(name="10 over days, 3 now", runs=(10, 3), moments=(10, 1)),
    Plan(name="3+3 in turns", runs=(3, 3), moments=(3, 3), together=True),
    Plan(name="5+5 in turns", runs=(5, 5), moments=(5, 5), together=True),
    Plan(name="10+10 in turns", runs=(10, 10), moments=(10, 10), together=True),
)


def sides(random: np.random.Generator, plan: Plan, drift: float, slower: float) -> list[NDArray[np.float64]]:
    """The logarithms of a cell's percentiles, runs x cells; the candidate's first cell is ``slower``."""
    of_moments = [random.normal(0, drift * _SCATTER, (count, 1)) for count in plan.moments]
    if plan.together:
        of_moments[1] = of_moments[0]
    found = []
    for runs, moments in zip(plan.runs, of_moments, strict=True):
        of_run = random.normal(0, _SCATTER * np.sqrt(1 - _OWN**2), (runs, 1))
        found.append(np.resize(moments, (runs, 1)) + of_run + random.normal(0, _SCATTER * _OWN, (runs, _CELLS)))
    found[1][:, 0] += np.log1p(slower)
    return found


def judged(plan: Plan, base: NDArray[np.float64], candidate: NDArray[np.float64]) -> tuple[list[bool], list[bool]]:
    """Of each cell, whether it fails, and whether it passes."""
    shifts: list[Shift] = [shift(base[:, i], candidate[:, i], _FLOOR, plan.moments) for i in range(_CELLS)]
    adjusted = holm.adjusted({i: each.p for i, each in enumerate(shifts)})
    fails = [adjusted[i] <= between.ERROR_RATE and each.estimate > _TOLERATED for i, each in enumerate(shifts)]
    return fails, [each.bound(between.CONFIDENCE) <= _TOLERATED for each in shifts]


def main() -> None:
    """Print the table, and a figure for each way of making runs."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--comparisons", type=int, default=4000, help="of each kind")
    count = parser.parse_args().comparisons
    raw = Raw("between", comparisons=count)
    print(f"{'':24}{'moments':>9}{'no change':>11}{'passes':>9}{'found: +10 %':>14}{'+20 %':>8}{'+50 %':>8}")
    figures = []
    for plan in PLANS:
        for drift in (0.0, 1.0, 2.0):
            cases = {slower: _measured(raw, plan, drift, slower, count) for slower in (0.0, 0.1, 0.2, 0.5)}
            alarms, _, passes = cases[0.0]
            found = [f"{cases[slower][1] / count:.1%}" for slower in (0.1, 0.2, 0.5)]
            shares = f"{alarms / count:>11.2%}{passes / count:>9.1%}{found[0]:>14}{found[1]:>8}{found[2]:>8}"
            print(f"{plan.name:24}{f'x {drift:g}':>9}{shares}")
            if drift == 1:
                low, high = _interval(alarms, count)
                name = f"between.{'_'.join(plan.name.replace(',', '').split())}.false_alarms"
                figures.append(Figure(name=name, value=alarms / count, low=low, high=high, goal=between.ERROR_RATE))
    finish(raw, figures)


def _interval(hits: int, count: int) -> tuple[float, float]:
    """The exact binomial interval at 95 % (Clopper & Pearson, Biometrika 26, 1934)."""
    low = float(betaincinv(hits, count - hits + 1, 0.025)) if hits else 0.0
    return low, float(betaincinv(hits + 1, count - hits, 0.975)) if hits < count else 1.0


def _measured(raw: Raw, plan: Plan, drift: float, slower: float, count: int) -> tuple[int, int, int]:
    def measure() -> list[int]:
        random = np.random.default_rng(1)
        alarms = found = passes = 0
        for _ in range(count):
            fails, passed = judged(plan, *sides(random, plan, drift, slower))
            alarms, found, passes = alarms + any(fails), found + fails[0], passes + all(passed)
        return [int(each) for each in (alarms, found, passes)]

    alarms, found, passes = raw.measured(f"{plan.name} {drift} {slower}", measure)
    return alarms, found, passes


if __name__ == "__main__":
    main()
