"""Gates on the reference API, twice on two cores: the same, or one route of the candidate worse in a known way.

Real gates are recorded for their whole length, and judged as the gate judges while they run: look after look, until it
is decided. Larger numbers come of gates that are made of the cycles of the real ones; what is real and what is
resampled is said apart. Every recorded gate is kept in ``benchmarks/raw``, and a benchmark that was broken off goes on
with the next one. To record takes hours, and does not depend on how it is judged: ``--recorded`` judges it anew, from
``benchmarks/recorded`` where nothing was recorded here.

The same gates are judged by what else is in use, at the same moments, so that the table compares like with like.
"""

import argparse
import statistics
from collections import Counter
from collections.abc import Callable, Iterable
from functools import partial

import numpy as np
from tailgate_slo.model import Tolerance

from benchmarks.figures import Figure, Raw, of_share
from benchmarks.gate.judged import ERROR_RATE, Said, said_of
from benchmarks.gate.real import Gate, Setting, carry_out, recorded
from benchmarks.gate.resampled import cycles, draw
from benchmarks.gate.slowed import Fault
from benchmarks.rivals import RIVALS
from benchmarks.stored import finish

ROUTES = {
    "GET /api/contacts/by-phone": ("GET", "/api/contacts/by-phone"),
    "GET /api/conversations": ("GET", "/api/conversations"),
    "GET /api/conversations/{conversation_id}/messages": ("GET", "/api/conversations/*/messages"),
    "POST /api/messages/send": ("POST", "/api/messages/send"),
    "POST /api/webhook/kapso": ("POST", "/api/webhook/kapso"),
}
WITHIN = 300.0
"""Seconds of load in which a gate must be decided."""
RARE_WITHIN = 600.0
DELAYED, DELAY = 0.02, 0.2
"""The share of a route's requests that is delayed, and by how many seconds."""

Kinds = dict[str, Callable[[str, str], Fault | None]]
KINDS: Kinds = {
    "same": lambda method, path: None,
    "slower10": lambda method, path: Fault(method=method, path=path, factor=0.10),
    "slower20": lambda method, path: Fault(method=method, path=path, factor=0.20),
    "delayed": lambda method, path: Fault(method=method, path=path, delay=DELAY, share=DELAYED),
}


def main() -> None:
    """Record what is missing, judge all of it, and print the figures."""
    asked = _arguments()
    setting = Setting(
        seconds=asked.seconds, warmup=asked.warmup, block=asked.turn, rate=asked.rate, db_rtt=asked.db_rtt / 1e3
    )
    raw = Raw("gate", of=asked.recorded, **vars(setting))
    gates: dict[str, dict[str, list[Gate]]] = {kind: {route: [] for route in ROUTES} for kind in KINDS}
    for number in range(max(asked.gates)):
        for kind, count in zip(KINDS, asked.gates, strict=True):
            if number < count:
                route = list(ROUTES)[number % len(ROUTES)]
                fault = KINDS[kind](*ROUTES[route])
                kept = raw.measured(f"{kind} {number}", partial(carry_out, setting, 1 + number, fault))
                gates[kind][route].append(recorded(kept))
                print(f"{kind} {number}: {_told(gates[kind][route][-1], asked.tolerance)}", flush=True)
    figures = [*_real(gates, asked.tolerance), *_resampled(gates, asked.tolerance, asked.resampled)]
    finish(raw, figures)


def _told(gate: Gate, tolerance: Tolerance) -> str:
    said = said_of(gate, tolerance)
    return f"{said.verdict} after {said.at:.0f} s {', '.join(sorted(said.worse))}"


def _real(gates: dict[str, dict[str, list[Gate]]], tolerance: Tolerance) -> list[Figure]:
    said = {kind: {r: [said_of(g, tolerance) for g in found] for r, found in of.items()} for kind, of in gates.items()}
    return _figures("real", said)


def _resampled(gates: dict[str, dict[str, list[Gate]]], tolerance: Tolerance, count: int) -> list[Figure]:
    random = np.random.default_rng(20_261_121)
    said: dict[str, dict[str, list[Said]]] = {}
    for kind, of in gates.items():
        pools = {"": [gate for found in of.values() for gate in found]} if kind == "same" else of
        pools = {route: pool for route, pool in pools.items() if pool}
        said[kind] = {}
        for route, pool in pools.items():
            length = sum(each.length for each in cycles(pool[0])[0])
            whole = int((RARE_WITHIN if kind == "delayed" else WITHIN) // length)
            drawn = (draw(pool, whole, random, swap=kind == "same") for _ in range(count // len(pools)))
            said[kind][route] = [said_of(gate, tolerance) for gate in drawn]
    return _figures("resampled", said)


def _figures(how: str, said: dict[str, dict[str, list[Said]]]) -> list[Figure]:
    """What is promised, of gates that are real or resampled; and a table of all verdicts."""
    figures = []
    names = [*RIVALS]
    print(
        f"{'':10}{'':10}{'gates':>6}{'pass':>8}{'fail':>8}{'unsure':>8}{'within':>9}"
        + "".join(f"{n:>14}" for n in names)
    )
    for kind, of in said.items():
        every = [(route, each) for route, found in of.items() for each in found]
        verdicts = Counter(each.verdict for _, each in every)
        if not every:
            continue
        shares = "".join(f"{verdicts[each] / len(every):8.0%}" for each in ("pass", "fail", "inconclusive"))
        within = statistics.median(each.at for _, each in every)
        others = "".join(f"{statistics.fmean(n in each.elsewhere for _, each in every):14.0%}" for n in names)
        print(f"{how:10}{kind:10}{len(every):6}{shares}{within:7.0f} s{others}")
        if kind == "same":
            figures.append(of_share(f"gate_{how}_false_alarms", _are(every, "fail"), ERROR_RATE, "<="))
            figures.append(of_share(f"gate_{how}_same_passes", _are(every, "pass"), 0.90, ">="))
            continue
        if kind == "delayed" and how == "real":
            # Ten minutes are promised for it, and nothing that is over in two keeps or breaks that.
            continue
        found = 0.99 if kind == "slower20" else 0.90
        figures.append(of_share(f"gate_{how}_{kind}_found", _are(every, "fail"), found, ">="))
        alarms = [(route, each) for route, each in every if each.verdict == "fail"]
        if alarms and kind != "delayed":
            figures.append(of_share(f"gate_{how}_{kind}_named", [r in each.worse for r, each in alarms], 0.95, ">="))
            wrong = [bool(set(each.worse) - {route}) for route, each in alarms]
            figures.append(of_share(f"gate_{how}_{kind}_others_named", wrong, 0.05, "<="))
    return figures


def _are(every: Iterable[tuple[str, Said]], verdict: str) -> list[bool]:
    return [each.verdict == verdict for _, each in every]


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.gate", description=__doc__)
    parser.add_argument("--gates", type=int, nargs=len(KINDS), default=[40, 40, 10, 10], metavar=tuple(KINDS))
    parser.add_argument("--seconds", type=int, default=111)
    parser.add_argument("--warmup", type=int, default=15)
    parser.add_argument("--turn", type=int, default=2)
    parser.add_argument("--rate", type=float, default=60.0)
    parser.add_argument("--db-rtt", type=float, default=50.0, metavar="MS")
    parser.add_argument("--resampled", type=int, default=2000)
    parser.add_argument("--recorded", metavar="COMMIT", help="judge what was recorded then, and load nothing")
    parser.set_defaults(tolerance=Tolerance())
    return parser.parse_args()


if __name__ == "__main__":
    main()
