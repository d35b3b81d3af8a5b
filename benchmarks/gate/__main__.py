"""Gates on the reference API, twice on two cores: the same, or one route of the candidate worse in a known way.

Real gates are recorded for their whole length, and judged as the gate judges while they run: look after look, until it
is decided. Larger numbers come of gates that are made of the cycles of the real ones; what is real and what is
resampled is said apart. Every recorded gate is kept in ``benchmarks/raw``, and a benchmark that was broken off goes on
with the next one. To record takes hours, and does not depend on how it is judged: ``--recorded`` judges it anew, from
``benchmarks/recorded`` where nothing was recorded here.

Resampled gates come to the same each time, by however many processes. They know no more than the recorded ones they are
made of, so their figures' intervals reach over what comes of other samples of these, and not of chance alone
(``resampled.py``, ``told.of_pools``).

Beside it stands what else is in use says of the same gates. It is asked once, when the load is over, of all turns, by
every percentile that can stop the change; the gate, which may have decided long before, also saw what was side by side.
"""

import argparse
import os
from collections import Counter, defaultdict
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from itertools import cycle

from tailgate_slo.model import Tolerance

from benchmarks.figures import Raw
from benchmarks.gate.judged import Judged, Said, said_of
from benchmarks.gate.real import Gate, Setting, carry_out, recorded
from benchmarks.gate.resampled import POOLS, all_judged, pools
from benchmarks.gate.slowed import Fault
from benchmarks.gate.tail import longer_tail
from benchmarks.gate.told import figures, table
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
    gates: dict[str, list[tuple[str, Gate]]] = {kind: [] for kind in KINDS}
    real: dict[str, list[tuple[str, Said]]] = {kind: [] for kind in KINDS}
    for number in range(max(asked.gates)):
        for kind, count in zip(KINDS, asked.gates, strict=True):
            if number < count:
                route = list(ROUTES)[number % len(ROUTES)]
                fault = KINDS[kind](*ROUTES[route])
                kept = raw.measured(f"{kind} {number}", partial(carry_out, setting, 1 + number, fault))
                gate, worse = recorded(kept), route if fault else ""
                gates[kind].append((worse, gate))
                real[kind].append((worse, said_of(gate, asked.tolerance)))
                print(f"{kind} {number}: {_told(real[kind][-1][1])}", flush=True)
    gates["tail10"] = [
        (route, longer_tail(gate, route, 0.10)) for route, (_, gate) in zip(cycle(ROUTES), gates["same"], strict=False)
    ]
    resampled = _resampled(gates, asked.tolerance, asked.resampled, asked.processes)
    print("", table(real, resampled), sep="\n")
    promised = [kind for kind, judged in real.items() if judged and long_enough(kind, setting)]
    found = [figure for kind in promised for figure in figures("real", kind, [real[kind]])]
    found += [figure for kind, several in resampled.items() for figure in figures("resampled", kind, several)]
    finish(raw, found)


def long_enough(kind: str, setting: Setting) -> bool:
    """Whether real gates keep or break what is promised of their kind: none of two minutes does of ten."""
    return kind != "delayed" or setting.seconds - setting.warmup >= RARE_WITHIN


def _told(said: Said) -> str:
    worse = ", ".join(f"{route} {measure}" for route, measure in sorted(said.worse))
    return f"{said.verdict} after {said.at:.0f} s {worse}"


def _resampled(
    gates: Mapping[str, Sequence[tuple[str, Gate]]], tolerance: Tolerance, count: int, processes: int
) -> dict[str, list[Judged]]:
    every = [
        pool
        for number, (kind, of) in enumerate(gates.items())
        for pool in pools(kind, number, of, count, RARE_WITHIN if kind == "delayed" else WITHIN, tolerance)
    ]
    found: dict[str, list[Judged]] = defaultdict(list)
    for pool, judged in zip(every, all_judged(every, processes), strict=True):
        found[pool.kind].append(judged)
        verdicts = Counter(said.verdict for _, said in judged)
        told = ", ".join(f"{verdicts[each]} {each}" for each in ("pass", "fail", "inconclusive"))
        print(f"{pool.kind}, pool {pool.number + 1} of {POOLS}: {told}", flush=True)
    return found


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.gate", description=__doc__)
    parser.add_argument("--gates", type=int, nargs=len(KINDS), default=[40, 40, 10, 10], metavar=tuple(KINDS))
    parser.add_argument("--seconds", type=int, default=111)
    parser.add_argument("--warmup", type=int, default=15)
    parser.add_argument("--turn", type=int, default=2)
    parser.add_argument("--rate", type=float, default=60.0)
    parser.add_argument("--db-rtt", type=float, default=50.0, metavar="MS")
    parser.add_argument("--resampled", type=int, default=2000, help=f"of each kind; a multiple of {POOLS}, or 0")
    parser.add_argument("--processes", type=int, default=len(os.sched_getaffinity(0)), help="that judge these")
    parser.add_argument("--recorded", metavar="COMMIT", help="judge what was recorded then, and load nothing")
    parser.set_defaults(tolerance=Tolerance())
    asked = parser.parse_args()
    if asked.resampled < 0 or asked.resampled % POOLS:
        parser.error(f"--resampled {asked.resampled}: {POOLS} pools share them: ask for a multiple of {POOLS}, or 0")
    return asked


if __name__ == "__main__":
    main()
