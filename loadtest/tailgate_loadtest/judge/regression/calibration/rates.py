"""What gates of two sides that are the same come to together: how often they err, and what they see after how long.

A verdict of worse is a false alarm, whether statistics or the probe found it. How often that happens is a binomial
share; its bounds are exact, each at 95 % (Clopper & Pearson, Biometrika 26, 1934). They are wide: of n gates without an
alarm one only knows that fewer than 1 - 0.05^(1/n) err, which are 13.9 % at 20 gates, and 1 % at 299.
"""

import math

import numpy as np
from scipy.special import betaincinv

from tailgate_loadtest.judge.regression.calibration.records import Calibration, GateRecord, order
from tailgate_loadtest.judge.regression.document import Measure, Rates
from tailgate_loadtest.run.document import Model

CONFIDENCE = 0.95
"""Of each bound."""


def bounds(times: int, of: int) -> tuple[float, float]:
    """The bounds of a rate that was met so many times of ``of``."""
    low = float(betaincinv(times, of - times + 1, 1 - CONFIDENCE)) if times else 0.0
    high = float(betaincinv(times + 1, of - times, CONFIDENCE)) if times < of else 1.0
    return low, high


def showing(rate: float, alarms: int = 0) -> int:
    """How many gates with so many alarms, and no more, would show that fewer than ``rate`` err."""
    few, many = alarms, alarms + 1
    while bounds(alarms, many)[1] >= rate:
        few, many = many, 2 * many
    while many - few > 1:
        middle = (few + many) // 2
        few, many = (middle, many) if bounds(alarms, middle)[1] >= rate else (few, middle)
    return many


def rates(calibration: Calibration) -> Rates | None:
    """What every later verdict repeats; None of no gate that both sides lasted for."""
    gates = calibration.judged
    if not gates:
        return None
    alarms = alarms_of(calibration)
    low, high = bounds(len(alarms), len(gates))
    return Rates(
        gates=len(gates),
        false_alarms=len(alarms),
        false_alarms_low=low,
        false_alarms_high=high,
        inconclusive=sum(gate.verdict == "inconclusive" for gate in gates),
        seconds=calibration.setting.budget,
        measured=max(gate.started for gate in gates),
        machine=calibration.setting.machine.name,
    )


def alarms_of(calibration: Calibration) -> list[GateRecord]:
    """The gates that called one of two equal sides worse."""
    return [gate for gate in calibration.judged if gate.verdict == "fail"]


class Least(Model):
    """The smallest visible change of one measure of one route, against the time spent."""

    route: str
    measure: Measure
    points: tuple[tuple[float, float | None], ...]
    """Seconds of load and, as the median over the gates, the change as in ``Seen``."""


def least(calibration: Calibration) -> list[Least]:
    """Of every measure that could stop a change in any gate; a gate in which none was visible counts as the worst."""
    found: dict[tuple[str, Measure], dict[float, list[float]]] = {}
    for gate in calibration.judged:
        for seen in gate.seen:
            at = found.setdefault((seen.route, seen.measure), {})
            for time, value in zip(gate.looks, seen.visible, strict=True):
                at.setdefault(time, []).append(math.inf if value is None else value)
    return [
        Least(
            route=route,
            measure=measure,
            points=tuple((time, _finite(float(np.median(values)))) for time, values in sorted(at.items())),
        )
        for (route, measure), at in sorted(found.items(), key=lambda item: order(*item[0]))
    ]


def progress(calibration: Calibration) -> list[tuple[float, float]]:
    """Seconds of load, each with the share of gates that had said pass or fail by then."""
    gates = calibration.judged
    times = sorted({time for gate in gates for time in gate.looks})
    said = [gate.at for gate in gates if gate.at is not None]
    return [(time, sum(at <= time for at in said) / len(gates)) for time in times]


def _finite(value: float) -> float | None:
    return value if math.isfinite(value) else None
