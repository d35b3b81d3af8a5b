"""How often the regression verdict errs, of gates that were simulated: false alarms, misses, bounds, and the rivals'.

Nothing here is measured on a machine; it shows that the statistics keep their word where it is known what is true. Real
gates are another benchmark's.
"""

import argparse
import math
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from typing import Any, Literal

import numpy as np
from tailgate_loadtest.judge.regression.decision import judge
from tailgate_loadtest.judge.regression.measured import QUANTILES
from tailgate_loadtest.judge.regression.statistics import size
from tailgate_loadtest.judge.regression.statistics.pairs import Cut, cut
from tailgate_loadtest.judge.regression.together import looks_of
from tailgate_loadtest.shapes.sides import BLOCK, Design
from tailgate_slo.model import Tolerance

from benchmarks.figures import Figure, Raw, of_share
from benchmarks.rivals import RIVALS
from benchmarks.simulated import Change, Machine, Route, Scene, logs
from benchmarks.stored import finish

_BUDGET, _WARMUP, _ERROR_RATE = 300, 15, 0.01
_ROUTES = ("GET /a", "GET /b", "GET /c", "GET /d", "GET /e")
_WORSE = "GET /c"
_MACHINE = Machine(stalls=0.002, understated=size.FACTOR)
_PLAIN = Tolerance()


@dataclass(frozen=True, kw_only=True)
class Case:
    """Gates of one kind."""

    slower: float = 1.0
    median: float = 0.03
    """Seconds."""
    pauses: tuple[float, float] = (0.0, 0.0)
    """The candidate's: how many seconds there are from one to the next, and how long one is."""
    freezes: float = 0.0
    """How often, a second, the machine stands still for both sides, for a quarter of a second."""

    @property
    def scene(self) -> Scene:
        """What they are made of."""
        every, pause = self.pauses
        changed = Change(slower=self.slower, pauses=1 / every if every else 0.0, pause=pause)
        route = Route(rate=60, median=self.median, spread=0.3)
        machine = replace(_MACHINE, freezes=self.freezes, freeze=0.25)
        changes = {_WORSE: changed} if changed != Change() else {}
        return Scene(routes=dict.fromkeys(_ROUTES, route), changes=changes, machine=machine)


CASES: Mapping[str, Case] = {
    "same": Case(),
    "same, of a fast service": Case(median=0.006),
    "same, standing still": Case(freezes=0.2),
    "slower by the tolerance": Case(slower=1 + float(_PLAIN.relative)),
    "slower by 10 %": Case(slower=1.1),
    "slower by 20 %": Case(slower=1.2),
    "pausing 5 s a minute": Case(pauses=(60.0, 5.0)),
    "pausing 1.5 s in 20": Case(pauses=(20.0, 1.5)),
    "pausing, standing still": Case(pauses=(10.0, 0.7), freezes=0.2),
}


def main() -> None:
    """Simulate, print the tables and the figures."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--gates", type=int, default=12, help="of each kind; a dozen takes a minute")
    parser.add_argument("--block", type=int, default=BLOCK, help="seconds of a turn")
    options = parser.parse_args()
    raw = Raw("regression", gates=options.gates, block=options.block)
    found = {
        name: [
            raw.measured(f"{name} {number}", partial(_gate, case, [kind, number], options.block))
            for number in range(options.gates)
        ]
        for kind, (name, case) in enumerate(CASES.items())
    }
    _table(found)
    finish(raw, _figures(found))


def _gate(case: Case, seed: Sequence[int], block: int) -> dict[str, Any]:
    """One gate, looked at as often as a real one, until it is decided."""
    design = Design(seconds=_BUDGET, warmup=_WARMUP, seed=seed[-1], block=block)
    looks = looks_of(design, _ERROR_RATE)
    base, candidate = logs(case.scene, design, np.random.default_rng(seed))
    for look in looks.moments:
        judged = judge(base, candidate, design, looks, _PLAIN, until=look.at)
        if judged.verdict != "inconclusive":
            break
    windows = {route: cut(base, candidate, route, design, _BUDGET) for route in _ROUTES}
    turns = {route: each.turns.latency for route, each in windows.items()}
    return {
        "verdict": judged.verdict,
        "seconds": look.at,
        "named": sorted({each.route for each in judged.cells if each.blocking and each.verdict == "fail"}),
        "cell": next(each.verdict for each in judged.cells if (each.route, each.measure) == (_WORSE, "p95")),
        "rivals": {
            name: any(rival(each, q) for each in turns.values() for q in QUANTILES.values())
            for name, rival in RIVALS.items()
        },
        "held": _held(windows[_WORSE], math.log(case.slower)),
    }


def _held(windows: Cut, true: float) -> list[bool]:
    """Whether the bounds by turns, and the upper one of both kinds of evidence, hold the true size; of p95."""
    turns, beside = (size.ratio(phase.latency, QUANTILES["p95"]) for phase in (windows.turns, windows.duet))
    if turns is None:
        return []
    return [turns.low(0.95) <= true, turns.high(0.95) >= true, size.upper(turns, beside, 0.95) >= true]


def _table(found: Mapping[str, Sequence[dict[str, Any]]]) -> None:
    print(f"{'':26}{'pass':>8}{'fail':>8}{'unsure':>8}{'minutes':>9}" + "".join(f"{name:>14}" for name in RIVALS))
    for name, gates in found.items():
        verdicts = Counter(gate["verdict"] for gate in gates)
        shares = "".join(f"{verdicts[each] / len(gates):8.0%}" for each in ("pass", "fail", "inconclusive"))
        rivals = "".join(f"{np.mean([gate['rivals'][each] for gate in gates]):14.0%}" for each in RIVALS)
        print(f"{name:26}{shares}{np.mean([gate['seconds'] for gate in gates]) / 60:9.1f}{rivals}")


def _figures(found: Mapping[str, Sequence[dict[str, Any]]]) -> list[Figure]:
    same, fast, still, edge, ten, twenty, *pausing = (found[name] for name in CASES)
    alarms = [gate for gates in (edge, ten, twenty) for gate in gates if gate["verdict"] == "fail"]
    # Of one that pauses no single factor is the true one.
    held = np.array(
        [gate["held"] for gates in (same, fast, still, edge, ten, twenty) for gate in gates if gate["held"]]
    )
    figures = [
        _share("false_alarms", [gate["verdict"] == "fail" for gate in (*same, *fast, *still)], 0.01, "<="),
        _share("passed", [gate["verdict"] == "pass" for gate in fast], 0.9, ">="),
        _share("passed_though_worse", [gate["cell"] == "pass" for gate in edge], 0.05, "<="),
        _share("passed_though_pausing", [gate["cell"] == "pass" for gates in pausing for gate in gates], 0.05, "<="),
        _share("found_10_percent", [gate["verdict"] == "fail" for gate in ten], 0.9, ">="),
        _share("found_20_percent", [gate["verdict"] == "fail" for gate in twenty], 0.99, ">="),
        _share("named", [_WORSE in gate["named"] for gate in alarms], 0.95, ">="),
        _share("others_named", [gate["named"] != [_WORSE] for gate in alarms], 0.05, "<="),
    ]
    for place, name in enumerate(("low", "high", "high_of_both")):
        figures.append(_share(f"bound_{name}", held[:, place].tolist(), 0.95, ">="))
    return figures


def _share(name: str, hits: Sequence[bool], goal: float, sense: Literal["<=", ">="]) -> Figure:
    return of_share(f"regression.simulated.{name}", hits, goal, sense)


if __name__ == "__main__":
    main()
